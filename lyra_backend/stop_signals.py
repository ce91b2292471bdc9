"""Ctrl-C and SIGTERM as a clean stop: the first asks the job to end at its next report, the second ends it at once."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from .progress import CancelToken

__all__ = ["stop_on_signals"]


@contextmanager
def stop_on_signals(token: CancelToken, tell: Callable[[], None]) -> Iterator[None]:
    """Set `token` and call `tell` at the first signal in the block, and raise `KeyboardInterrupt` at the second."""

    def stop(number: int, frame: FrameType | None) -> None:
        if token.cancelled:
            raise KeyboardInterrupt
        token.cancel()
        tell()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

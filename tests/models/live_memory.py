"""What memory tensors take at the peak of a piece of work, counted without doing it: on torch's device "meta"."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

__all__ = ["peak_bytes"]


class _LiveBytes(TorchDispatchMode):
    """Bytes of all tensors that operations made and that are still alive."""

    def __init__(self) -> None:
        super().__init__()
        self.live = self.peak = 0
        self._known: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = {id(leaf.untyped_storage()) for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)}
        found = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(found):
            if isinstance(leaf, torch.Tensor):
                self._count(leaf.untyped_storage(), given)
        return found

    def _count(self, storage: torch.UntypedStorage, given: set[int]) -> None:
        key, size = id(storage), storage.nbytes()
        if key in self._known or key in given:
            return
        self._known.add(key)
        self.live += size
        self.peak = max(self.peak, self.live)
        weakref.finalize(storage, self._gone, key, size)

    def _gone(self, key: int, size: int) -> None:
        self._known.discard(key)
        self.live -= size


@contextmanager
def _fused_attention() -> Iterator[None]:
    """Attention that keeps no table of scores, as the fused kernels of GPUs do."""
    usual = F.scaled_dot_product_attention
    F.scaled_dot_product_attention = lambda query, *_, **__: torch.empty_like(query)
    try:
        yield
    finally:
        F.scaled_dot_product_attention = usual


def peak_bytes(work: Callable[[], object]) -> int:
    """Return the bytes of tensors at the peak of `work` that it made itself; scratch space of kernels not counted."""
    with torch.no_grad(), _fused_attention(), _LiveBytes() as bytes_:
        work()
    return bytes_.peak

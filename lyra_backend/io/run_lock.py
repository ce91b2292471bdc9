"""One process at a time works in a run directory."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from ..errors import DirectoryBusy

__all__ = ["LOCK_FILE", "RunLock"]

#: Held by the operating system for the process that works there, and so never outlives it; the file may.
LOCK_FILE = ".lock"


class RunLock:
    """The right to write in the existing folder `root`, from construction to :meth:`release`.

    Raises:
        DirectoryBusy: somebody else holds it.
        OSError: nothing can be written in `root`.
    """

    def __init__(self, root: Path) -> None:
        # 30 ms that a face without a run need not spend.
        import filelock

        self._path = root / LOCK_FILE
        self._lock = filelock.FileLock(self._path, timeout=0, thread_local=False)
        try:
            self._lock.acquire()
        except filelock.Timeout as error:
            raise DirectoryBusy(
                f"{root}: only one run can work in a directory, and another one is doing so. "
                "Wait until it has ended, or choose another --out."
            ) from error

    def release(self) -> None:
        """Let others in and leave no file behind; a second call does nothing."""
        if not self._lock.is_locked:
            return
        # Windows removes no file that is open. Elsewhere it must go first: it may be another one's lock right after.
        if os.name != "nt":
            self._remove()
        self._lock.release()
        if os.name == "nt":
            self._remove()

    def _remove(self) -> None:
        with suppress(OSError):
            self._path.unlink()

"""How much memory this process has used at its peak, and how much the machine has."""

from __future__ import annotations

import os
import sys
from pathlib import Path

__all__ = ["installed_memory_bytes", "peak_memory_bytes"]


def peak_memory_bytes() -> int | None:
    """Return the peak resident set size of this process [bytes]; None where the system does not tell."""
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def installed_memory_bytes() -> int | None:
    """Return the memory of this machine, or of its container if that has less [bytes]; None where nobody tells."""
    if sys.platform == "win32":
        return _installed_on_windows()
    try:
        installed = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):
        return None
    try:
        granted = Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii").strip()
    except OSError:
        return installed
    return min(installed, int(granted)) if granted.isdigit() else installed


def _installed_on_windows() -> int | None:
    import ctypes

    kilobytes = ctypes.c_ulonglong()
    found = ctypes.windll.kernel32.GetPhysicallyInstalledSystemMemory(ctypes.byref(kilobytes))  # type: ignore[attr-defined]
    return kilobytes.value * 1024 if found else None

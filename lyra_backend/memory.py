"""How much memory this process has used at its peak, and how much the machine has and could give."""

from __future__ import annotations

import os
import sys
from pathlib import Path

__all__ = ["available_memory_bytes", "installed_memory_bytes", "peak_memory_bytes", "resident_memory_bytes"]

#: Where a container's share of memory is told, and where what the system could give is.
_CGROUP, _MEMINFO = Path("/sys/fs/cgroup"), Path("/proc/meminfo")


def peak_memory_bytes() -> int | None:
    """Return the peak resident set size of this process [bytes]; None where the system does not tell."""
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def resident_memory_bytes() -> int:
    """Return the resident set size of this process now [bytes]."""
    import psutil

    return int(psutil.Process().memory_info().rss)


def installed_memory_bytes() -> int | None:
    """Return the memory of this machine, or of its container if that has less [bytes]; None where nobody tells."""
    if sys.platform == "win32":
        return _installed_on_windows()
    try:
        installed = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):
        return None
    try:
        granted = (_CGROUP / "memory.max").read_text(encoding="ascii").strip()
    except OSError:
        return installed
    return min(installed, int(granted)) if granted.isdigit() else installed


def available_memory_bytes() -> int | None:
    """Return the memory that new work could take without others being pushed out [bytes]; None where nobody tells.

    On Linux what the kernel estimates, or what is left to a container if that is less; files that are merely cached
    count as free. Other systems are not asked.
    """
    try:
        fields = dict(line.split(":", 1) for line in _MEMINFO.read_text(encoding="ascii").splitlines())
        system = int(fields["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return None
    left = _left_to_container()
    return system if left is None else min(system, left)


def _left_to_container() -> int | None:
    try:
        granted, used = (int((_CGROUP / name).read_text(encoding="ascii")) for name in ("memory.max", "memory.current"))
        told = (line.split() for line in (_CGROUP / "memory.stat").read_text(encoding="ascii").splitlines())
        cached = sum(int(size) for name, size in told if name in ("inactive_file", "active_file"))
    except (OSError, ValueError):  # there is no container, or no limit ("max")
        return None
    return max(granted - used + cached, 0)


def _installed_on_windows() -> int | None:
    import ctypes

    kilobytes = ctypes.c_ulonglong()
    found = ctypes.windll.kernel32.GetPhysicallyInstalledSystemMemory(ctypes.byref(kilobytes))  # type: ignore[attr-defined]
    return kilobytes.value * 1024 if found else None

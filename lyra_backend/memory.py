"""How much memory this process has used at its peak."""

from __future__ import annotations

import sys

__all__ = ["peak_memory_bytes"]


def peak_memory_bytes() -> int | None:
    """Return the peak resident set size of this process [bytes]; None where the system does not tell."""
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024

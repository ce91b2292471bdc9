"""``python -m lyra_backend`` and the command ``lyra-scenegen``."""

from __future__ import annotations

import os
import signal
import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line; Ctrl-C is a clean end even while it is still being loaded, or already leaving."""
    signal.signal(signal.SIGINT, _leave)
    # no matrix here is large enough for threads to pay off, and idle ones spin
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from .cli import main as run

    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        run()
    except KeyboardInterrupt:
        # Between two of those who would have caught it.
        _leave()
    finally:
        # The work is done and the exit code settled; what is left is Python's own tidying up.
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def _leave(*_: object) -> None:
    # Nothing is under way, and an exception inside somebody's import would be swallowed or dressed up there.
    sys.stderr.write("lyra-scenegen: cancelled\n")
    sys.stderr.flush()
    os._exit(130)


if __name__ == "__main__":
    main()

"""How a command ends: its exit code, and the one line that says why."""

from __future__ import annotations

import errno
import json
import os
import sys
from contextlib import suppress
from enum import IntEnum

from .errors import Cancelled, InvalidRequest, LyraError, StageFailed

__all__ = ["ExitCode", "explain"]


class ExitCode(IntEnum):
    OK = 0
    NOT_ACCEPTED = 1
    USAGE = 2
    CANCELLED = 130


def explain(error: BaseException, *, as_json: bool = False) -> ExitCode:
    """Say in one line on stderr what went wrong, `as_json` on stdout as well; return the exit code for it."""
    first_line = str(error).partition("\n")[0].rstrip(".")
    hint = "Run again with --debug for the traceback."
    if isinstance(error, Cancelled | KeyboardInterrupt):
        message, code = str(error) or "cancelled", ExitCode.CANCELLED
    elif isinstance(error, LyraError):
        message = f"{first_line}. {hint}" if isinstance(error, StageFailed) else str(error)
        code = ExitCode.USAGE if isinstance(error, InvalidRequest) else ExitCode.NOT_ACCEPTED
    elif isinstance(error, OSError):
        _give_up_stdout()
        message, code = _system_message(error), ExitCode.NOT_ACCEPTED
    else:
        message, code = f"failed with {type(error).__name__}: {first_line}. {hint}", ExitCode.NOT_ACCEPTED
    if message:
        sys.stderr.write(f"lyra-scenegen: {message}\n")
    if as_json and message:
        sys.stdout.write(json.dumps({"error": message, "exit_code": int(code)}, indent=2) + "\n")
    return code


def _system_message(error: OSError) -> str:
    """Return what the system refused; "" if it only was that nobody reads on, as in ``| head``."""
    if error.errno == errno.EPIPE:
        return ""
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror or error}. Make room or check permissions, and run again."


def _give_up_stdout() -> None:
    """Send what is still to be written nowhere: Python would try once more at its end, and complain."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

"""What the tools say in the end: checks with their measured values, as lines for people and as JSON; exit codes."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from lyra_backend.errors import WriteFailed
from lyra_backend.exits import ExitCode, explain

__all__ = ["Check", "State", "exit_code", "run_tool", "show", "to_json", "write_json"]

_MARKS = {"passed": "ok", "failed": "FAILED", "skipped": "skipped"}


class State(StrEnum):
    """How a check ended."""

    PASSED = "passed"
    FAILED = "failed"
    #: It could not be tried; the message says why.
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Attributes:
        name: what, "splats.visible".
        state: how it ended.
        message: a sentence for people.
        value, limit: what was measured and what it is held against; None where nothing is.
        unit: of both, as types/units.py has them ("1" for shares and counts).
    """

    name: str
    state: State
    message: str
    value: float | None = None
    limit: float | None = None
    unit: str = ""

    @staticmethod
    def of(name: str, good: bool, message: str, value: float, limit: float, unit: str) -> Check:
        """Return a check of a value against a limit."""
        return Check(name, State.PASSED if good else State.FAILED, message, round(float(value), 4), limit, unit)

    @staticmethod
    def measured(name: str, message: str, value: float, unit: str) -> Check:
        """Return a value that is told and held against nothing."""
        return Check(name, State.PASSED, message, round(float(value), 4), None, unit)


def exit_code(checks: Sequence[Check], allowed: Sequence[str] = ()) -> ExitCode:
    """Return 0 if all passed, 1 otherwise; a check that was skipped counts as failed unless its name is `allowed`.

    A name allows all that begin with it: "robot" allows "robot.stands".
    """
    bad = [
        c.name
        for c in checks
        if c.state is State.FAILED or (c.state is State.SKIPPED and c.name.split(".")[0] not in allowed)
    ]
    return ExitCode.NOT_ACCEPTED if bad or not checks else ExitCode.OK


def show(check: Check) -> None:
    """Tell people about a check as soon as it is done, on stderr."""
    sys.stderr.write(f"{_MARKS[check.state]:>8}  {check.name}: {check.message}\n")


def to_json(tool: str, checks: Sequence[Check], allowed: Sequence[str] = (), **about: Any) -> dict[str, Any]:
    """Return checks as JSON data, "passed" by :func:`exit_code`; `about` says with what they were made."""
    listed = [{**asdict(check), "state": str(check.state)} for check in checks]
    return {"tool": tool, "passed": exit_code(checks, allowed) is ExitCode.OK, **about, "checks": listed}


def write_json(path: Path | None, data: Any) -> None:
    """Write JSON to a file, or to stdout, where Kit's own lines are as well.

    Raises:
        WriteFailed: the file cannot be written.
    """
    text = json.dumps(data, indent=2) + "\n"
    if path is None:
        sys.stdout.write(text)
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise WriteFailed(path, error) from error


def run_tool(work: Callable[[], ExitCode], as_json: bool = False) -> ExitCode:
    """Do the work; errors become one line on stderr and an exit code, as those of `lyra-scenegen` do."""
    try:
        return work()
    except (Exception, KeyboardInterrupt) as error:
        return explain(error, as_json=as_json)

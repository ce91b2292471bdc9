"""The command line in this process: quick, and exactly what users get."""

from __future__ import annotations

import contextlib
import io
import json
from dataclasses import dataclass
from typing import Any

from lyra_backend.cli import main


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        return json.loads(self.out)

    @property
    def codes(self) -> set[str]:
        """Codes of the findings in the JSON that was printed."""
        stages = self.data.get("stages", [self.data])
        return {finding["code"] for stage in stages for finding in stage["findings"]}


def call(*words: object) -> Done:
    """Run ``lyra-scenegen`` with `words`."""
    out, err = io.StringIO(), io.StringIO()
    code: Any = 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main([str(word) for word in words])
        except SystemExit as stop:
            code = stop.code
    return Done(int(code or 0), out.getvalue(), err.getvalue())

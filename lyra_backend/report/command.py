"""The command that asks for a scene again, for people to copy."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..types import SceneRequest
from ..types.request import INPUT_FIELDS

__all__ = ["command_of"]

_PROGRAM = ("lyra-scenegen", "generate")
_DEFAULT = SceneRequest(prompt="any")


def command_of(request: SceneRequest, called: Mapping[str, str]) -> str:
    """Return the command line of a request, quoted for a shell.

    Args:
        request: as a run's directory holds it: its inputs are named by content.
        called: what the user's files were called, by the names of the copies in the run's ``inputs/``.
    """
    words = [*_PROGRAM]
    for name in ("prompt", *INPUT_FIELDS, "generator", "model", "seed", "preset", "collider"):
        value = getattr(request, name)
        if value is None or (name != "prompt" and value == getattr(_DEFAULT, name)):
            continue
        given = called.get(Path(value).name, value) if name in INPUT_FIELDS else value
        words += [f"--{name.replace('_', '-')}", str(given)]
    if request.primitives != _DEFAULT.primitives:
        words += ["--primitive", ",".join(request.primitives)]
    for stage, values in request.params.items():
        for field, value in values.items():
            words += ["--set", f"{stage}.{field}={_as_text(value)}"]
    if request.force:
        words.append("--force")
    return shlex.join(words)


def _as_text(value: Any) -> str:
    """Return a value as ``--set`` reads it: as it is if it is plain text, else as JSON."""
    if not isinstance(value, str):
        return json.dumps(value)
    try:
        json.loads(value)
    except ValueError:
        return value
    # text that reads as something else, such as "12", must be quoted
    return json.dumps(value)

"""Limits come from one file and are parameters like any other."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import FrozenInstanceError, asdict, fields
from pathlib import Path
from typing import Any

import pytest

from lyra_backend import params
from lyra_backend.errors import InvalidRequest
from lyra_backend.types import Finding
from lyra_backend.validate import Params
from lyra_backend.validate.limits import LIMITS_FILE, make_params_type

Check = Callable[[Any, Path], Sequence[Finding]]


def test_every_entry_is_a_field_with_its_default() -> None:
    entries = tomllib.loads(LIMITS_FILE.read_text(encoding="utf-8"))
    assert {name: entry["value"] for name, entry in entries.items()} == asdict(Params())


def test_every_field_explains_itself() -> None:
    for field in fields(Params):
        assert len(field.metadata["help"]) > 20, field.name
        if field.name.endswith("_m"):
            assert field.metadata["unit"] == "m", field.name


def test_set_changes_a_limit_and_checks_it() -> None:
    built = params.build(Params, "validate", {"extent_max_m": "50"})
    assert built.extent_max_m == 50.0
    with pytest.raises(InvalidRequest, match=r"validate\.faint_share_max must be from"):
        params.build(Params, "validate", {"faint_share_max": 1.5})
    with pytest.raises(InvalidRequest, match=r"validate\.extent_max is not a parameter.*extent_max_m"):
        params.build(Params, "validate", {"extent_max": 1})


def test_limits_cannot_change_during_a_run() -> None:
    with pytest.raises(FrozenInstanceError):
        Params().extent_max_m = 1.0


def test_limits_are_described_as_schema() -> None:
    schema = params.describe(Params)["properties"]["below_floor_depth_m"]
    assert schema["type"] == "number"
    assert schema["unit"] == "m"


@pytest.mark.parametrize("text", ["[a]\nvalue = 1", '[a]\nhelp = "b"', '[a]\nvalue = 1\nhelp = "b"\nmaximum = 2'])
def test_a_broken_entry_is_found_at_once(tmp_path: Path, text: str) -> None:
    (tmp_path / "limits.toml").write_text(text)
    with pytest.raises(ValueError, match=r"limits\.toml: a must have"):
        make_params_type(tmp_path / "limits.toml")


def test_every_limit_says_why_and_whence() -> None:
    lines = LIMITS_FILE.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines):
        if line.startswith("["):
            assert re.search(
                r"(Measured|Judgement|definition|[Dd]ocumentation|IEEE|format)", _comment(lines, number)
            ), line


def _comment(lines: list[str], number: int) -> str:
    """Return the comment right above a line."""
    first = number
    while lines[first - 1].startswith("# ") and not lines[first - 1].startswith("# --"):
        first -= 1
    return " ".join(lines[first:number])

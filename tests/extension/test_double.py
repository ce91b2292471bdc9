"""The double of Kit invents nothing: every public name of it, and every keyword, is in an excerpt of Kit's API."""

from __future__ import annotations

import inspect
import json
from enum import Enum
from pathlib import Path

import pytest

from .kit.surface import public_names

#: Made by tools/kit_api_excerpt.py.
EXCERPT = json.loads((Path(__file__).parents[1] / "data" / "kit_api_excerpt.json").read_text(encoding="utf-8"))
NAMES = public_names()


@pytest.mark.parametrize("name", sorted(NAMES))
def test_name_is_known(name: str) -> None:
    assert name in EXCERPT


@pytest.mark.parametrize("name", sorted(name for name, called in NAMES.items() if called is not None))
def test_keywords_are_known(name: str) -> None:
    called = NAMES[name]
    assert called is not None
    if inspect.isclass(called) and issubclass(called, Enum):
        return
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    parameters = inspect.signature(called).parameters.values()
    keywords = {p.name for p in parameters if p.kind in kinds} - {"self"}
    assert keywords <= set(EXCERPT[name]["kwargs"])


def test_something_is_looked_at() -> None:
    assert len(NAMES) > 90
    assert {"omni.ui.Button", "omni.kit.commands.execute", "omni.usd.UsdContext.get_stage"} <= set(NAMES)

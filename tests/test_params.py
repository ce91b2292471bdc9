"""Parameters: one declaration feeds checks, text conversion and JSON schema."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import pytest

from lyra_backend import params, registry
from lyra_backend.errors import InvalidRequest
from lyra_backend.params import param


@dataclass(frozen=True)
class Params:
    """One field of every kind."""

    size: float = param(0.05, "edge length", unit="m", min=0.01, max=1.0)
    count: int = param(3, "how many", min=1)
    share: float = param(0.5, "part", max=1.0)
    fast: bool = param(False, "skip checks")
    mode: str = param("near", "which", choices=("near", "far"))
    scale: float | None = param(None, "metres per unit", min=0.0)


def test_defaults_and_text() -> None:
    assert params.build(Params, "x", {}) == Params()
    built = params.build(
        Params, "x", {"size": "0.5", "count": "7", "fast": "True", "mode": "far", "scale": "2", "share": 1}
    )
    assert built == Params(0.5, 7, 1.0, True, "far", 2.0)
    assert isinstance(built.share, float)
    assert params.build(Params, "x", {"scale": "none"}).scale is None
    assert params.build(Params, "x", {"scale": None}).scale is None


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"sise": 1}, r"x\.sise is not a parameter; known: .*Did you mean 'size'"),
        ({"size": 2.0}, r"x\.size must be from 0\.01 to 1\.0 m, got 2\.0"),
        ({"size": "nan"}, "must be a number"),
        ({"size": "wide"}, "must be a number, got 'wide'"),
        ({"size": True}, "must be a number"),
        ({"size": None}, "must be a number"),
        ({"count": 0}, "at least 1"),
        ({"count": 1.5}, "a whole number"),
        ({"count": "1.5"}, "a whole number"),
        ({"share": 1.1}, "at most 1.0"),
        ({"fast": "yes"}, "true or false"),
        ({"fast": 1}, "true or false"),
        ({"mode": "nearer"}, "Did you mean 'near'"),
        ({"mode": 3}, "must be text"),
        ({"scale": -1}, "at least 0.0"),
    ],
)
def test_values_that_cannot_be(given: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        params.build(Params, "x", given)


def test_the_schema() -> None:
    schema = params.describe(Params)
    assert list(schema["properties"]) == [f.name for f in fields(Params)]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["size"] == {
        "type": "number",
        "description": "edge length",
        "default": 0.05,
        "minimum": 0.01,
        "maximum": 1.0,
        "unit": "m",
    }
    assert schema["properties"]["mode"]["enum"] == ("near", "far")
    assert [schema["properties"][n]["type"] for n in ("count", "fast", "scale")] == ["integer", "boolean", "number"]


@pytest.mark.parametrize(("stage", "name"), [("generate", "splat_file"), ("generate", "rgbd")])
def test_plugins_explain_every_parameter(stage: str, name: str) -> None:
    kind = registry.get(stage, name).Params
    defaults = params.build(kind, stage, {f.name: getattr(kind(), f.name) for f in fields(kind)})
    assert defaults == kind()  # defaults keep their own limits
    assert all(entry["description"] for entry in params.describe(kind)["properties"].values())

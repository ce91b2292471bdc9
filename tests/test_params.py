"""Parameters: one declaration feeds checks, text conversion and JSON schema."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
    note: str | None = param(None, "anything")
    device: str = param("auto", "where it is computed", decides=False)


def test_defaults_and_text() -> None:
    assert params.build(Params, "x", {}) == Params()
    built = params.build(
        Params, "x", {"size": "0.5", "count": "7", "fast": "True", "mode": "far", "scale": "2", "share": 1}
    )
    assert built == Params(0.5, 7, 1.0, True, "far", 2.0)
    assert isinstance(built.share, float)
    for million in (1_000_000, 1e6, "1e6", "1000000"):
        built = params.build(Params, "x", {"count": million})
        assert built.count == 1_000_000
        assert type(built.count) is int
    assert params.build(Params, "x", {"scale": "none"}).scale is None
    assert params.build(Params, "x", {"scale": None}).scale is None


@pytest.mark.parametrize(
    ("value", "text"), [(0.5, "0.5"), (5, "5"), (True, "true"), ("1.10", "1.10"), ("0,0.5", "0,0.5"), ("none", None)]
)
def test_numbers_may_stand_for_text(value: object, text: str | None) -> None:
    assert params.build(Params, "x", {"note": value}).note == text


def test_what_says_where_it_is_computed_decides_nothing() -> None:
    here, there = (params.build(Params, "x", {"device": device, "count": 7}) for device in ("cpu", "cuda:1"))
    assert here != there
    assert params.deciding(here) == params.deciding(there)
    assert params.deciding(here)["count"] == 7
    assert params.undecisive(Params) == {"device"}


@pytest.mark.parametrize(
    ("overrides", "message"),
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
        ({"count": 10**400}, r"at most 64 bits, got 10000+\.\.\."),
        ({"count": 10**5000}, "at most 64 bits, got a value too large to show"),
        ({"count": "9" * 5000}, "must be a whole number, got '999"),
        ({"count": float("inf")}, "a whole number, got inf"),
        ({"share": 1.1}, "at most 1.0"),
        ({"size": 1e400}, r"from 0\.01 to 1\.0 m, got inf"),
        ({"size": 10**400}, r"from 0\.01 to 1\.0 m, got inf"),
        ({"scale": float("inf")}, "neither infinite nor NaN, got inf"),
        ({"scale": "1e400"}, "neither infinite nor NaN, got inf"),
        ({"scale": 10**400}, "neither infinite nor NaN, got inf"),
        ({"share": -(10**400)}, "neither infinite nor NaN, got -inf"),
        ({"fast": "yes"}, "true or false"),
        ({"fast": 1}, "true or false"),
        ({"mode": "nearer"}, "Did you mean 'near'"),
        ({"mode": 3}, "must be one of its choices, got '3'"),
        ({"mode": None}, "must be text, got None"),
        ({"mode": [3]}, "must be text"),
        ({"note": 10**5000}, "must be text, got a value too large to show"),
        ({"scale": -1}, "at least 0.0"),
    ],
)
def test_values_that_cannot_be(overrides: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        params.build(Params, "x", overrides)


ANYTHING = st.none() | st.booleans() | st.integers() | st.integers(10**300, 10**310) | st.floats() | st.text()
ANYTHING |= ANYTHING.map(str) | st.lists(st.integers(), max_size=2)


@given(st.dictionaries(st.sampled_from([f.name for f in fields(Params)]), ANYTHING))
def test_any_value_is_checked_or_one_clear_error(given_values: dict[str, Any]) -> None:
    try:
        built = params.build(Params, "x", given_values)
    except InvalidRequest:
        return
    assert 0.01 <= built.size <= 1.0
    assert 1 <= built.count < 2**63
    assert -math.inf < built.share <= 1.0
    assert built.scale is None or 0.0 <= built.scale < math.inf
    assert [type(v) for v in (built.size, built.count, built.share, built.fast)] == [float, int, float, bool]
    assert built.mode in ("near", "far")


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

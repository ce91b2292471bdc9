"""How the words of a command line are read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lyra_backend.errors import InvalidRequest
from lyra_backend.options import add_generator_options, add_memory_limit, parse_settings, refuse_stray_options


def test_settings_are_json_or_text_and_the_last_holds() -> None:
    given = [
        "a.number=0.5",
        "a.truth=true",
        "a.text=z",
        "b.list=1,2",
        f"b.long={'9' * 5000}",
        "b.equal=x=y",
        "a.text=y",
    ]
    assert parse_settings(given) == {
        "a": {"number": 0.5, "truth": True, "text": "y"},
        "b": {"list": "1,2", "long": "9" * 5000, "equal": "x=y"},
    }
    assert parse_settings(None) == {}


@pytest.mark.parametrize("setting", ["", "a", "a=1", "a.b", "A.b=1", "a..b=1", ".b=1"])
def test_other_settings_are_refused(setting: str) -> None:
    with pytest.raises(InvalidRequest, match=r"must read STAGE\.FIELD=VALUE"):
        parse_settings([setting])


def test_deeply_nested_settings_are_text() -> None:
    assert parse_settings([f"a.b={'[' * 100_000}"]) == {"a": {"b": "[" * 100_000}}


def test_options_of_the_generator_beat_its_settings() -> None:
    params: dict[str, dict[str, Any]] = {"generate": {"up": "x", "opacity": 1}}
    add_generator_options(params, "z", None, "1,2,3,4")
    assert params["generate"]["up"] == "z"
    assert params["generate"]["opacity"] == 1
    assert set(params["generate"]) == {"up", "opacity", "intrinsics"}
    params = {}
    add_generator_options(params, None, None, None)
    assert params == {}


def test_options_of_a_missing_file() -> None:
    refuse_stray_options({"--up": None}, "--splat", None)
    refuse_stray_options({"--up": "z"}, "--splat", Path("a.ply"))
    with pytest.raises(InvalidRequest, match="--up: describes the file of --splat, and there is none"):
        refuse_stray_options({"--up": "z"}, "--splat", None)


@pytest.mark.parametrize(
    ("size", "gigabytes"), [("4GB", 4.0), ("800MB", 0.8), ("1.5 gb", 1.5), ("2GiB", 2.147483648), ("6g", 6.0)]
)
def test_a_memory_limit_is_a_number_and_a_unit(size: str, gigabytes: float) -> None:
    params: dict[str, dict[str, Any]] = {"collide": {"memory_limit": 1.0, "budget": "detail"}}
    add_memory_limit(params, size)
    assert params == {"collide": {"memory_limit": pytest.approx(gigabytes), "budget": "detail"}}


@pytest.mark.parametrize("size", ["", "4", "GB", "four GB", "-1GB", "1e3MB", "4 bananas", "4GB 2"])
def test_other_memory_limits_are_refused(size: str) -> None:
    with pytest.raises(InvalidRequest, match="4GB or 800MB"):
        add_memory_limit({}, size)


def test_no_memory_limit_leaves_parameters_alone() -> None:
    params: dict[str, dict[str, Any]] = {}
    add_memory_limit(params, None)
    assert params == {}

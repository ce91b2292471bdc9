"""What Marble's API says of a world is read, and what it does not say is asked for in words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lyra_backend.errors import InvalidRequest
from lyra_backend.io.marble import MarbleWorld, read_world

from ..marble_world import answer, write_answer


@pytest.mark.parametrize("wrapped", [lambda a: a, lambda a: {"world": a}, lambda a: {"done": True, "response": a}])
def test_a_world_or_the_operation_that_made_it(tmp_path: Path, wrapped: Any) -> None:
    path = write_answer(tmp_path / "world.json", wrapped(answer(0.42, -1)))
    assert read_world(path) == MarbleWorld(0.42, -1.0, "w1")


def test_a_factor_of_one_is_no_scale(tmp_path: Path) -> None:
    assert read_world(write_answer(tmp_path / "world.json", answer(1.0))).inferred_scale is None
    assert read_world(write_answer(tmp_path / "world.json", answer(0.5))).inferred_scale == 0.5


def without(key: str) -> dict[str, Any]:
    data = answer()
    del data["assets"]["splats"]["semantics_metadata"][key]
    return data


BAD = [
    ("[]", "must hold a JSON object, got list"),
    ("{", "must be the JSON answer of Marble's API"),
    ("\xff\xfe", "must be the JSON answer"),
    ({}, "must say where the world lies in assets, got None"),
    ({"assets": {"splats": None}}, r"in assets\.splats, got None"),
    ({"assets": {"splats": {"semantics_metadata": None}}}, r"assets\.splats\.semantics_metadata, got None"),
    ({"done": False, "response": None}, "must say where the world lies in assets, got None"),
    (without("metric_scale_factor"), "metric_scale_factor must be a number, got None"),
    (without("ground_plane_offset"), "ground_plane_offset must be a number, got None"),
    (answer("0.4"), "metric_scale_factor must be a number, got '0.4'"),  # type: ignore[arg-type]
    (answer(True), "metric_scale_factor must be a number, got True"),
    (answer(-0.4), "metric_scale_factor must be a positive number, got -0.4"),
    (answer(0.0), "metric_scale_factor must be a positive number, got 0.0"),
    (json.dumps(answer(float("nan"))), "metric_scale_factor must be a number, got nan"),
    (answer(0.4, 10**400), "ground_plane_offset must be a number"),
]


@pytest.mark.parametrize(("data", "message"), BAD, ids=[message for _, message in BAD])
def test_bad_answers(tmp_path: Path, data: Any, message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        read_world(write_answer(tmp_path / "world.json", data))


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="cannot be read"):
        read_world(tmp_path / "none.json")

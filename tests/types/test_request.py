"""Requests as checked JSON data."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lyra_backend.errors import InvalidRequest
from lyra_backend.types import SceneRequest
from lyra_backend.types.request import MAX_PROMPT_CHARACTERS


@given(
    prompt=st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=50).filter(str.strip),
    seed=st.integers(0, 2**63 - 1),
    force=st.booleans(),
    primitives=st.lists(st.sampled_from(["particle_field", "nurec"]), min_size=1, unique=True),
)
def test_json_there_and_back(prompt: str, seed: int, force: bool, primitives: list[str]) -> None:
    params = {"collide": {"voxel_size": 0.04}}
    request = SceneRequest(prompt, seed=seed, force=force, primitives=tuple(primitives), params=params)
    text = json.dumps(request.to_json())
    assert SceneRequest.from_json(json.loads(text)) == request
    assert SceneRequest.from_json(json.loads(text)).canonical() == request.canonical()


def test_equal_requests_have_one_text() -> None:
    one = SceneRequest("room", params={"a": {"x": 1, "y": 2}, "b": {}})
    two = SceneRequest("room", params={"b": {}, "a": {"y": 2, "x": 1}})
    assert one.canonical() == two.canonical()
    assert one.canonical() != SceneRequest("room", seed=1).canonical()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "needs an input"),
        ({"depth": "d.png"}, "needs an input"),
        ({"prompt": "  "}, "empty text"),
        ({"prompt": "x" * (MAX_PROMPT_CHARACTERS + 1)}, "at most 2000 characters, got 2001"),
        ({"prompt": 7}, "prompt must be text, got int"),
        ({"image": ["a.png"]}, "image must be text, got list"),
        ({"prompt": "a", "seed": -1}, "seed must be a whole number"),
        ({"prompt": "a", "seed": 1.0}, "seed must be a whole number"),
        ({"prompt": "a", "seed": True}, "seed must be a whole number"),
        ({"prompt": "a", "seed": 2**63}, "seed must be a whole number"),
        ({"prompt": "a", "primitives": "nurec"}, "primitives must be a list"),
        ({"prompt": "a", "primitives": [1]}, "primitives must be a list"),
        ({"prompt": "a", "primitives": 5}, "primitives must be a list of names, got 5"),
        ({"prompt": "a", "primitives": {"particle_field": 1}}, "primitives must be a list"),
        ({"prompt": "a", "primitives": []}, "primitives must name at least one"),
        (
            {"prompt": "a", "primitives": ["nurec", "nurec"]},
            "primitives must differ from each other, got 'nurec' twice",
        ),
        ({"prompt": "a", "params": 5}, "params must map a stage to its fields, got 5"),
        ({"prompt": "a", "params": {"collide": 5}}, "params must map a stage to its fields, got {'collide': 5}"),
        (
            {"prompt": "a", "params": {"collide": {"voxel_size": [1]}}},
            r"params\.collide\.voxel_size must be .* got list",
        ),
        (
            {"prompt": "a", "params": {"collide": {"voxel_size": "\ud800"}}},
            r"voxel_size must be text that UTF-8 can hold",
        ),
        ({"prompt": "a", "preset": 5}, "preset must be text, got int"),
        ({"prompt": "a", "collider": 5}, "collider must be text, got int"),
        ({"prompt": "a", "force": "no"}, "force must be true or false, got 'no'"),
        ({"prompt": "a", "force": 0}, "force must be true or false, got 0"),
        ({"prompt": "\ud800"}, "prompt must be text that UTF-8 can hold"),
        ({"prompt": "a", "seed": 10**5000}, "seed must be a whole number"),
        ({"promt": "a"}, "'promt' is unknown; .*Did you mean 'prompt'"),
    ],
)
def test_requests_that_cannot_be(values: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        SceneRequest.from_json(values)


@pytest.mark.parametrize("data", [[], ["prompt"], "prompt", None, 5, {5: "a room"}])
def test_only_an_object_is_a_request(data: Any) -> None:
    with pytest.raises(InvalidRequest, match=r"must be a JSON object|request field 5 is unknown"):
        SceneRequest.from_json(data)


SCALAR = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
JSON = st.recursive(SCALAR, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8)
NAMES = st.sampled_from([f.name for f in fields(SceneRequest)])


@given(
    JSON
    | st.dictionaries(NAMES, JSON)
    | st.builds(lambda rest: {"prompt": "a room", **rest}, st.dictionaries(NAMES, JSON))
)
def test_any_json_is_a_request_or_one_clear_error(data: Any) -> None:
    try:
        request = SceneRequest.from_json(data)
    except InvalidRequest:
        return
    assert SceneRequest.from_json(json.loads(json.dumps(request.to_json()))).canonical() == request.canonical()


def test_a_request_keeps_its_own_parameters() -> None:
    given_params: dict[str, dict[str, Any]] = {"collide": {"voxel_size": 0.04}}
    request = SceneRequest("room", params=given_params)
    given_params["collide"]["voxel_size"] = 7
    assert request.params["collide"]["voxel_size"] == 0.04


def test_every_input_is_enough_alone() -> None:
    for name in ("prompt", "image", "video", "splat"):
        assert getattr(SceneRequest(**{name: "value"}), name) == "value"


@pytest.mark.parametrize("odd", ["\0", "\x1b", "\x7f", "\x85"])
def test_control_characters_are_refused(odd: str) -> None:
    for field in ("prompt", "model", "generator"):
        with pytest.raises(InvalidRequest, match=f"{field} must be text without control characters") as caught:
            SceneRequest.from_json({"prompt": "a room", field: f"a{odd}b"})
        assert "at character 2" in str(caught.value)


def test_blanks_of_all_kinds_are_text_and_names_of_files_are_the_system_s() -> None:
    assert SceneRequest(prompt="a room\nwith\ttwo\r\nchairs").prompt
    assert SceneRequest(splat="odd\x07name.ply").splat
    with pytest.raises(InvalidRequest, match="splat must be text without control"):
        SceneRequest(splat="a\0b.ply")

"""Requests as checked JSON data."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lyra_backend.errors import InvalidRequest
from lyra_backend.types import SceneRequest
from lyra_backend.types.request import MAX_PROMPT_CHARACTERS


@given(
    prompt=st.text(min_size=1, max_size=50).filter(str.strip),
    seed=st.integers(0, 2**63 - 1),
    force=st.booleans(),
    primitives=st.lists(st.sampled_from(["particle_field", "nurec"]), max_size=2),
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
        ({"prompt": "a", "params": {"collide": 3}}, "params must map"),
        ({"promt": "a"}, "'promt' is unknown; .*Did you mean 'prompt'"),
    ],
)
def test_requests_that_cannot_be(values: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        SceneRequest.from_json(values)


def test_every_input_is_enough_alone() -> None:
    for name in ("prompt", "image", "video", "splat"):
        assert getattr(SceneRequest(**{name: "value"}), name) == "value"

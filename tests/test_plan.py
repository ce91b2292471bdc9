"""Requests become checked parameters, or one clear error, before any work starts."""

from __future__ import annotations

import pytest

from lyra_backend.errors import InvalidRequest
from lyra_backend.plan import make_plan, preset_names
from lyra_backend.types import SceneRequest


@pytest.mark.parametrize(
    ("inputs", "generator"),
    [
        ({"prompt": "a room"}, "procedural"),
        ({"splat": "a.ply"}, "splat_file"),
        ({"image": "a.png"}, "lyra"),
        ({"image": "a.png", "prompt": "a room"}, "lyra"),
        ({"video": "a.mp4"}, "lyra_dynamic"),
    ],
)
def test_inputs_choose_the_generator(inputs: dict[str, str], generator: str) -> None:
    assert make_plan(SceneRequest(**inputs)).plugins["generate"] == generator


def test_an_image_with_depth_leads_to_rgbd() -> None:
    request = SceneRequest(image="a.png", depth="a.npy", params={"generate": {"intrinsics": "50,50,32,24"}})
    assert make_plan(request).plugins["generate"] == "rgbd"


def test_input_the_generator_would_ignore_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="splat"):
        make_plan(SceneRequest(prompt="a room", splat="a.ply", generator="procedural"))


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_builds(name: str) -> None:
    assert make_plan(SceneRequest(prompt="a room", preset=name)).params["generate"]


def test_overrides_beat_the_preset() -> None:
    request = SceneRequest(prompt="a room", preset="draft", params={"generate": {"gaussian_count": 30_000}})
    assert make_plan(request).params["generate"].gaussian_count == 30_000


def test_robots_that_scenes_are_tried_with_get_places_beside_those_that_are_named() -> None:
    params = {"place": {"robots": "carter"}, "validate": {"accept": "robots"}}
    assert make_plan(SceneRequest(prompt="a room", params=params)).params["place"].names == ("carter", "go2", "g1")


def test_preset_and_default_differ() -> None:
    counts = {
        n: make_plan(SceneRequest(prompt="a room", preset=n)).params["generate"].gaussian_count for n in preset_names()
    }
    assert counts["draft"] < counts["standard"] < counts["large"]


def test_author_overrides_reach_stage_and_primitive() -> None:
    plan = make_plan(SceneRequest(prompt="a room", params={"author": {"appearance": "none", "half": True}}))
    assert plan.params["author"].appearance == "none"
    assert plan.primitives["particle_field"].half


def test_a_number_is_text_where_text_is_wanted() -> None:
    request = SceneRequest(video="a.mp4", params={"generate": {"times": 0.5, "depth_model": 5}})
    generate = make_plan(request).params["generate"]
    assert (generate.times, generate.depth_model) == ("0.5", "5")


@pytest.mark.parametrize("inputs", [{"image": "a.png"}, {"video": "a.mp4"}])
def test_devices_of_lyra_decide_nothing(inputs: dict[str, str]) -> None:
    plan = make_plan(SceneRequest(**inputs))  # type: ignore[arg-type]
    assert plan.undecisive()["generate"] == {"device", "vram"}
    assert not plan.undecisive()["author"]


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"author": {"appearence": "none"}}, "appearance"),
        ({"paint": {"x": 1}}, "no such stage"),
        ({"collide": {"voxel_size": "wide"}}, "must be a number"),
        ({"collide": {"voxel_size": float("nan")}}, "must be a number"),
        ({"validate": {"physics_held_minn": 1}}, "physics_held_min"),
    ],
)
def test_wrong_overrides_are_named(params: dict[str, dict[str, object]], words: str) -> None:
    with pytest.raises(InvalidRequest, match=words):
        make_plan(SceneRequest(prompt="a room", params=params))

"""What holds for a scene: what users say, what their preset says, and what the model was trained with."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

import lyra_backend
from lyra_backend.generate import lyra, lyra_dynamic
from lyra_backend.generate._lyra.weights_of import weights_state
from lyra_backend.models.budget import VideoFormat
from lyra_backend.params import build
from lyra_backend.types import SceneRequest

SMALL = VideoFormat(17, 64, 96, steps=10, guidance=0.0, foreground_masking=False)


@pytest.mark.parametrize("kind", [lyra.Params, lyra_dynamic.Params])
def test_the_published_model_has_the_published_values(kind) -> None:
    found = kind().chosen(VideoFormat())
    assert found == (35, 1.0, True)
    assert found.evaluations == 70


def test_another_model_brings_its_own() -> None:
    assert lyra.Params().chosen(SMALL) == (10, 0.0, False)
    assert lyra.Params().chosen(SMALL).evaluations == 10


@pytest.mark.parametrize("video", [VideoFormat(), SMALL])
def test_users_have_the_last_word(video) -> None:
    said = build(lyra.Params, "generate", {"steps": "7", "guidance": 0.5, "foreground_masking": "true"})
    assert said.chosen(video) == (7, 0.5, True)
    assert build(lyra.Params, "generate", {"steps": "none", "guidance": 0}).chosen(SMALL) == (10, 0.0, False)


@pytest.mark.parametrize(
    ("preset", "published", "small"), [("draft", 18, 5), ("standard", 35, 10), ("reference", 35, 10)]
)
@pytest.mark.parametrize("generator", ["lyra", "lyra_dynamic"])
def test_presets_ask_for_a_share_of_the_steps_of_the_model(preset, published, small, generator) -> None:
    path = Path(lyra_backend.__file__).parent / "presets" / f"{preset}.toml"
    said = tomllib.loads(path.read_text(encoding="utf-8")).get("generate", {}).get(generator, {})
    params = build(lyra.Params, "generate", said)
    assert params.chosen(VideoFormat()).steps == published
    assert params.chosen(SMALL).steps == small
    assert params.chosen(VideoFormat()).guidance == 1.0


def test_a_share_leaves_one_step_at_least() -> None:
    assert lyra.Params(steps_share=0.01).chosen(SMALL).steps == 1
    assert lyra.Params(steps_share=0.01, steps=9).chosen(SMALL).steps == 9


def test_sampling_says_what_holds() -> None:
    asked = lyra.Params(reuse=0.1).sampling(SceneRequest(prompt="a room", image="a.png"), SMALL)
    assert (asked.steps, asked.guidance, asked.reuse, asked.prompt) == (10, 0.0, 0.1, "a room")


def test_what_was_kept_of_another_format_is_of_no_use() -> None:
    assert weights_state({}, VideoFormat()) == {}
    one, other = (weights_state({}, VideoFormat(steps=steps)) for steps in (10, 11))
    assert json.loads(one["lyra.json"])["steps"] == 10
    assert one != other

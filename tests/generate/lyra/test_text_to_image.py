"""Pictures that are drawn from a prompt: any size, the same for the same seed, and by a pipeline that is whole."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from lyra_backend.errors import InvalidRequest
from lyra_backend.generate._lyra.text_to_image import draw_picture


def drawn(
    model: Path, prompt: str = "a room", size: tuple[int, int] = (96, 64), seed: int = 0, told=None
) -> np.ndarray:
    return draw_picture(prompt, model, size, 2, seed, "cpu", told or (lambda *_: None))


@pytest.fixture(scope="module")
def pipeline(still_model) -> Path:
    return still_model / "text_to_image"


def test_prompt_and_seed_decide(pipeline) -> None:
    first = drawn(pipeline)
    assert np.array_equal(drawn(pipeline), first)
    assert not np.array_equal(drawn(pipeline, seed=1), first)
    assert not np.array_equal(drawn(pipeline, "a street with the kitchen"), first)
    # seeds of requests have 63 bits
    assert not np.array_equal(drawn(pipeline, seed=2**63 - 1), first)


def test_sizes_are_rounded_up_to_what_pipelines_take(pipeline) -> None:
    assert drawn(pipeline, size=(90, 50)).shape == (64, 96, 3)
    assert drawn(pipeline, size=(96, 64)).shape == (64, 96, 3)


def test_every_step_is_told_and_can_stop_it(pipeline) -> None:
    told: list[tuple[float, str]] = []
    drawn(pipeline, told=lambda done, text: told.append((done, text)))
    assert told == [(0.5, "drawing the first picture, step 1 of 2"), (1.0, "drawing the first picture, step 2 of 2")]

    class Stopped(Exception):
        pass

    def stop(done: float, text: str) -> None:
        raise Stopped

    with pytest.raises(Stopped):
        drawn(pipeline, told=stop)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-300])


@pytest.mark.parametrize(
    "damage",
    [
        shutil.rmtree,
        lambda model: cut(next((model / "unet").glob("*.safetensors"))),
        lambda model: cut(next((model / "text_encoder").glob("*.safetensors"))),
        lambda model: shutil.rmtree(model / "vae"),
        lambda model: (model / "model_index.json").write_text("{"),
        lambda model: (model / "model_index.json").write_text('{"_class_name": "CosmosTextToWorldPipeline"}'),
    ],
    ids=["nothing", "half a network", "half an encoder", "no decoder", "no JSON", "videos"],
)
def test_a_pipeline_that_is_not_whole_is_refused(pipeline, tmp_path, damage) -> None:
    shutil.copytree(pipeline, tmp_path / "pipeline")
    damage(tmp_path / "pipeline")
    with pytest.raises(
        InvalidRequest, match=r"pipeline is no text-to-image pipeline of diffusers .* fetch flux_schnell"
    ):
        drawn(tmp_path / "pipeline")

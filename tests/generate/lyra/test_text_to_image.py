"""Pictures that are drawn from a prompt: any size, the same for the same seed, and by a pipeline that is whole."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import AutoPipelineForText2Image

from lyra_backend.errors import InvalidRequest
from lyra_backend.generate._lyra import text_to_image
from lyra_backend.generate._lyra.text_to_image import draw_picture, drawing_estimate, weights_bytes


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


class Pipeline:
    """A pipeline that says how its networks are to visit the GPU."""

    def __init__(self) -> None:
        self.asked: tuple[str, dict[str, object]] | None = None

    def enable_model_cpu_offload(self, **named: object) -> None:
        self.asked = "network by network", named

    def enable_group_offload(self, device: torch.device, **named: object) -> None:
        self.asked = "layer by layer", {"device": str(device), **named}


@pytest.fixture
def flux(tmp_path, monkeypatch) -> Path:
    """A folder of the sizes of FLUX.1-schnell, 24 and 9.5 GB, and a GPU with 80 GB of which 30 are free."""
    for part, gigabytes in {
        "transformer": (10, 10, 4),
        "text_encoder_2": (5, 4.5),
        "vae": (0.2,),
        "scheduler": (),
    }.items():
        (tmp_path / part).mkdir()
        for i, size in enumerate(gigabytes):
            with (tmp_path / part / f"model-{i}.safetensors").open("wb") as file:
                file.truncate(int(size * 1e9))
    (tmp_path / "model_index.json").write_text("{}")
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (int(30e9), int(80e9)))
    return tmp_path


@pytest.mark.parametrize(
    ("vram_gb", "way"), [(None, "network by network"), (28.5, "network by network"), (24.0, "layer by layer")]
)
def test_networks_that_are_too_large_visit_layer_by_layer(flux, vram_gb, way) -> None:
    pipeline = Pipeline()
    text_to_image._bring(pipeline, flux, "cuda:1", vram_gb)
    assert pipeline.asked is not None
    found, named = pipeline.asked
    assert (found, named["device"]) == (way, "cuda:1")
    if way == "layer by layer":
        assert (named["offload_type"], named["use_stream"], named["low_cpu_mem_usage"]) == ("leaf_level", True, True)


def test_a_plan_of_drawing(flux) -> None:
    assert weights_bytes(flux / "transformer") == 24e9
    whole, layers, main = (drawing_estimate(flux, *given) for given in (("cuda", None), ("cuda", 16.0), ("cpu", None)))
    assert (whole.device_bytes, layers.device_bytes, main.device_bytes) == (28e9, 4e9, 28e9)
    assert whole.note.endswith("one network at a time")
    assert layers.note.endswith("one layer at a time")
    assert drawing_estimate("black-forest-labs/FLUX.1-schnell", "cuda", None).device_bytes is None


def test_layer_by_layer_the_picture_is_the_same(pipeline, monkeypatch) -> None:
    """On a CPU nothing moves, and all hooks of diffusers work."""
    first = drawn(pipeline)
    usual, brought = AutoPipelineForText2Image.from_pretrained, []

    def offloaded(model, **named):
        found = usual(model, **named)
        monkeypatch.setattr(text_to_image, "_fits", lambda *_: False)
        text_to_image._bring(found, model, "cpu", None)
        brought.append(found)
        return found

    monkeypatch.setattr(AutoPipelineForText2Image, "from_pretrained", offloaded)
    assert np.array_equal(drawn(pipeline), first)
    assert all(hasattr(layer, "_diffusers_hook") for layer in (brought[0].unet.conv_in, brought[0].vae.decoder.conv_in))


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

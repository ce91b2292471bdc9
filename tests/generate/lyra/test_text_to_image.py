"""Pictures that are drawn from a prompt: any size, the same for the same seed, and by a pipeline that is whole."""

from __future__ import annotations

import gc
import json
import shutil
import warnings
import weakref
from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate import cpu_offload_with_hook
from diffusers import AutoPipelineForText2Image, FluxPipeline, FluxTransformer2DModel, StableDiffusionPipeline
from safetensors.torch import load_file, save_file

from lyra_backend.errors import InvalidRequest
from lyra_backend.generate._lyra import text_to_image
from lyra_backend.generate._lyra.text_to_image import check_pipeline, draw_picture, drawing_estimate


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


class Stopped(Exception):
    pass


def test_every_step_is_told_and_can_stop_it(pipeline) -> None:
    told: list[tuple[float, str]] = []
    drawn(pipeline, told=lambda done, text: told.append((done, text)))
    assert told == [(0.5, "drawing the first picture, step 1 of 2"), (1.0, "drawing the first picture, step 2 of 2")]

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
            write_empty(tmp_path / part / f"model-{i}.safetensors", int(size * 1e9))
    (tmp_path / "model_index.json").write_text("{}")
    # variants, and a whole pipeline in one file, are not loaded
    write_empty(tmp_path / "transformer" / "model.fp16.safetensors", int(24e9))
    write_empty(tmp_path / "flux1-schnell.safetensors", int(24e9))
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (int(30e9), int(80e9)))
    monkeypatch.setattr(text_to_image, "available_memory_bytes", lambda: int(64e9))
    return tmp_path


def write_empty(path: Path, size: int) -> None:
    """Write a file of weights of so many bytes that takes no room on the disk: one tensor in 16 bits, named by file."""
    tensor = {"dtype": "BF16", "shape": [size // 2], "data_offsets": [0, size]}
    header = json.dumps({path.stem: tensor}).encode()
    with path.open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        file.truncate(8 + len(header) + size)


@pytest.mark.parametrize(
    ("vram_gb", "way"), [(None, "network by network"), (28.5, "network by network"), (24.0, "layer by layer")]
)
def test_networks_that_are_too_large_visit_layer_by_layer(flux, vram_gb, way) -> None:
    pipeline = Pipeline()
    text_to_image._bring(pipeline, "cuda:1", whole=text_to_image._visits_whole(flux, "cuda:1", vram_gb))
    assert pipeline.asked is not None
    found, named = pipeline.asked
    assert (found, named["device"]) == (way, "cuda:1")
    if way == "layer by layer":
        assert (named["offload_type"], named["use_stream"], named["low_cpu_mem_usage"]) == ("leaf_level", True, True)


def test_a_plan_of_drawing(flux) -> None:
    whole, layers = (drawing_estimate(flux, "cuda", vram_gb) for vram_gb in (None, 16.0))
    assert (whole.device_bytes, layers.device_bytes) == (28e9, 4e9)
    assert whole.note.endswith("one network at a time")
    assert layers.note.endswith("one layer at a time")
    assert drawing_estimate("black-forest-labs/FLUX.1-schnell", "cuda", None).device_bytes is None


@pytest.mark.parametrize(("device", "needed_gb"), [("cuda:0", 33.7), ("cpu", 67.4)])
def test_main_memory_must_hold_all_networks(flux, monkeypatch, device: str, needed_gb: float) -> None:
    """On a CPU in 32 bits."""
    monkeypatch.setattr(text_to_image, "available_memory_bytes", lambda: int((needed_gb - 0.1) * 1e9))
    says = rf"take {needed_gb} GB of main memory, and {needed_gb - 0.1:.1f} GB are available\. Close other"
    with pytest.raises(InvalidRequest, match=says):
        drawing_estimate(flux, device, None)
    with pytest.raises(InvalidRequest, match=says):
        draw_picture("a room", flux, (96, 64), 1, 0, device, lambda *_: None)
    for available in (int((needed_gb + 0.1) * 1e9), None):
        monkeypatch.setattr(text_to_image, "available_memory_bytes", lambda value=available: value)
        beside = drawing_estimate(flux, device, None).device_bytes
        assert beside == pytest.approx(28e9 if device == "cuda:0" else 71.4e9)


def test_flux_schnell_is_told_how_long_prompts_may_be() -> None:
    """It has no guidance; the others take 512 tokens, and other pipelines say themselves what they take."""
    for guidance, wanted in ((False, {"max_sequence_length": 256}), (True, {})):
        transformer = FluxTransformer2DModel(
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=16,
            num_attention_heads=1,
            joint_attention_dim=8,
            pooled_projection_dim=8,
            axes_dims_rope=(4, 4, 8),
            guidance_embeds=guidance,
        )
        pipeline = FluxPipeline(None, None, None, None, None, None, transformer)
        assert text_to_image._limits(pipeline) == wanted


def test_other_pipelines_are_told_nothing_more(pipeline) -> None:
    assert text_to_image._limits(StableDiffusionPipeline.from_pretrained(pipeline)) == {}


def test_networks_are_let_go(pipeline, monkeypatch) -> None:
    """Hooks that bring networks to a GPU hold them, and each other."""
    usual, made = AutoPipelineForText2Image.from_pretrained, []

    def brought(model, **named):
        found = usual(model, **named)
        _, hook = cpu_offload_with_hook(found.unet, "cpu")
        found._all_hooks = [hook]
        found.unet.itself = [found.unet]
        made.append((weakref.ref(found.unet), weakref.ref(hook)))
        return found

    monkeypatch.setattr(AutoPipelineForText2Image, "from_pretrained", brought)
    gc.disable()
    try:
        drawn(pipeline)
        assert [(network(), hook()) for network, hook in made] == [(None, None)]
    finally:
        gc.enable()


def test_layer_by_layer_the_picture_is_the_same(pipeline, monkeypatch) -> None:
    """On a CPU nothing moves, and all hooks of diffusers work."""
    first = drawn(pipeline)
    usual, brought = AutoPipelineForText2Image.from_pretrained, []

    def offloaded(model, **named):
        found = usual(model, **named)
        text_to_image._bring(found, "cpu", whole=False)
        brought.append(found)
        return found

    monkeypatch.setattr(AutoPipelineForText2Image, "from_pretrained", offloaded)
    assert np.array_equal(drawn(pipeline), first)
    assert all(hasattr(layer, "_diffusers_hook") for layer in (brought[0].unet.conv_in, brought[0].vae.decoder.conv_in))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-300])


def mend(path: Path, **entries: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | entries))


def lose_half(unet: Path) -> None:
    """Leave the first of two parts, and the index that names both."""
    tensors = load_file(unet / "diffusion_pytorch_model.safetensors")
    (unet / "diffusion_pytorch_model.safetensors").unlink()
    first = "diffusion_pytorch_model-00001-of-00002.safetensors"
    save_file(tensors, unet / first)
    index = {"weight_map": dict.fromkeys(tensors, first) | {"more": first.replace("00001", "00002", 1)}}
    (unet / "diffusion_pytorch_model.safetensors.index.json").write_text(json.dumps(index))


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (shutil.rmtree, "there is no such folder"),
        (lambda model: cut(next((model / "unet").glob("*.safetensors"))), "unet .*not fully covered"),
        (lambda model: lose_half(model / "unet"), r"unet .*00002-of-00002\.safetensors is missing"),
        (lambda model: cut(next((model / "text_encoder").glob("*.safetensors"))), "text_encoder .*not fully covered"),
        (lambda model: next((model / "vae").glob("*.safetensors")).unlink(), "vae .*there are no weights"),
        (lambda model: shutil.rmtree(model / "vae"), r"vae \(AutoencoderKL\) has no config\.json"),
        (lambda model: (model / "vae" / "config.json").write_text("{"), r"vae \(AutoencoderKL\): "),
        (lambda model: shutil.rmtree(model / "scheduler"), r"scheduler \(DDIMScheduler\) has no scheduler_config"),
        (lambda model: (model / "tokenizer" / "tokenizer_config.json").unlink(), "tokenizer .*has no tokenizer_config"),
        (lambda model: (model / "model_index.json").write_text("{"), "model_index.json"),
        (lambda model: (model / "model_index.json").unlink(), "model_index.json"),
        (
            lambda model: mend(model / "model_index.json", feature_extractor=["transformers", "CLIPImageProcessor"]),
            "feature_extractor .*has no",
        ),
    ],
    ids=[
        "nothing",
        "half a network",
        "one of two parts",
        "half an encoder",
        "no weights",
        "no decoder",
        "no settings",
        "no scheduler",
        "no tokenizer",
        "no JSON",
        "no index",
        "no processor",
    ],
)
def test_a_pipeline_that_is_not_whole_is_told_before_it_is_loaded(
    pipeline, tmp_path, monkeypatch, damage, says
) -> None:
    check_pipeline(pipeline)
    shutil.copytree(pipeline, tmp_path / "pipeline")
    damage(tmp_path / "pipeline")
    monkeypatch.setattr(AutoPipelineForText2Image, "from_pretrained", None)
    with (
        # such as that of huggingface_hub about a name that it does not take
        warnings.catch_warnings(action="error"),
        pytest.raises(InvalidRequest, match=rf"pipeline is no text-to-image pipeline .*{says}.* fetch flux_schnell"),
    ):
        check_pipeline(tmp_path / "pipeline")


@pytest.mark.parametrize(
    "damage",
    [
        shutil.rmtree,
        lambda model: cut(next((model / "unet").glob("*.safetensors"))),
        lambda model: shutil.rmtree(model / "vae"),
        lambda model: (model / "model_index.json").write_text("{"),
        lambda model: (model / "model_index.json").write_text('{"_class_name": "CosmosTextToWorldPipeline"}'),
    ],
    ids=["nothing", "half a network", "no decoder", "no JSON", "videos"],
)
def test_a_pipeline_that_cannot_be_loaded_is_refused(pipeline, tmp_path, damage) -> None:
    shutil.copytree(pipeline, tmp_path / "pipeline")
    damage(tmp_path / "pipeline")
    with pytest.raises(
        InvalidRequest, match=r"pipeline is no text-to-image pipeline of diffusers .* fetch flux_schnell"
    ):
        drawn(tmp_path / "pipeline")


def test_a_name_in_the_cache_of_the_hub_is_found(pipeline, tmp_path, monkeypatch) -> None:
    repository = tmp_path / "models--somebody--rooms"
    shutil.copytree(pipeline, repository / "snapshots" / "c0ffee")
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("c0ffee")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.file_download.HF_HUB_CACHE", str(tmp_path), raising=False)
    check_pipeline("somebody/rooms")
    assert np.array_equal(drawn("somebody/rooms"), drawn(pipeline))
    with pytest.raises(InvalidRequest, match=r"somebody/streets is no text-to-image .*there is no such folder"):
        check_pipeline("somebody/streets")

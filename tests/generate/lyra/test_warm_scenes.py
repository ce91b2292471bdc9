"""Scenes one after the other in one process: networks that stay loaded change nothing but the time."""

from __future__ import annotations

import shutil
import weakref
from collections.abc import Iterator

import numpy as np
import pytest
from diffusers import AutoPipelineForText2Image
from transformers import T5EncoderModel

from lyra_backend.errors import Cancelled, InvalidRequest
from lyra_backend.generate import lyra, lyra_dynamic
from lyra_backend.generate._lyra import start
from lyra_backend.models import lyra as models_lyra
from lyra_backend.models import prompts
from lyra_backend.models.warm import WARM, free_unused
from lyra_backend.progress import CancelToken, Progress
from lyra_backend.types import Generation, SceneRequest

from .conftest import make_tiny_lyra
from .stills import QUICK, request
from .stills import run as run_with

#: What is computed matters little here, so little is.
ONE_STEP = lyra.Params(steps=1, guidance=0.0, fov=60.0)
NETWORKS = ["GaussianDecoder", "AutoencoderKLCosmos", "CosmosTransformer3DModel"]


@pytest.fixture(autouse=True)
def warm() -> Iterator[None]:
    WARM.keep()
    yield
    WARM.keep(False)


@pytest.fixture
def loads(monkeypatch) -> list[str]:
    """What is loaded, in the order of its happening."""
    done: list[str] = []

    def count(owner: object, name: str, told: str | None) -> None:
        usual = getattr(owner, name)

        def counted(*given, **named):
            done.append(told or given[0].__name__)
            return usual(*given, **named)

        monkeypatch.setattr(owner, name, counted)

    count(models_lyra, "load_network", None)
    count(start, "load_estimator", "depth")
    count(AutoPipelineForText2Image, "from_pretrained", "picture")
    count(T5EncoderModel, "from_pretrained", "text")
    return done


def run(asked: SceneRequest, scratch, params: lyra.Params = ONE_STEP, progress: Progress | None = None):
    return run_with(asked, scratch, params, progress)


def same(one: Generation, other: Generation) -> bool:
    names = ("positions", "scales", "quats_wxyz", "opacities", "sh")
    return all(np.array_equal(getattr(one.cloud, name), getattr(other.cloud, name)) for name in names)


def test_the_second_scene_loads_nothing_and_is_what_it_is_cold(
    photo, depth, still_model, tmp_path, loads, monkeypatch
) -> None:
    monkeypatch.setattr("lyra_backend.weights.store.embeddings_folder", lambda: tmp_path / "text")
    asked = [request(photo, still_model, depth, prompt=word, seed=i) for i, word in enumerate(("a room", "a kitchen"))]
    WARM.keep(False)
    cold = [run(each, tmp_path / f"cold{each.seed}").value for each in asked]
    WARM.keep()
    shutil.rmtree(tmp_path / "text")
    loads.clear()
    first = run(asked[0], tmp_path / "a").value
    assert loads == ["text", *NETWORKS]
    second = run(asked[1], tmp_path / "b").value
    assert loads == ["text", *NETWORKS]
    assert [same(one, other) for one, other in zip((first, second), cold, strict=True)] == [True, True]
    assert not same(first, second)


def test_a_prompt_draws_and_estimates_with_what_is_loaded(still_model, tmp_path, loads) -> None:
    asked = [SceneRequest(prompt=f"a {word}", model=str(still_model), generator="lyra") for word in ("kitchen", "room")]
    first, second = (run(each, tmp_path / (each.prompt or "")).value for each in asked)
    assert [name for name in loads if name != "text"] == ["picture", "depth", *NETWORKS]
    assert not same(first, second)
    WARM.keep(False)
    assert same(run(asked[1], tmp_path / "cold").value, second)


def test_another_model_in_between(photo, depth, still_model, moving_model, still_video, tmp_path, loads) -> None:
    first = run(request(photo, still_model, depth), tmp_path / "a").value
    moving = SceneRequest(video=str(still_video), model=str(moving_model), generator="lyra_dynamic")
    moved = lyra_dynamic.run(moving, lyra_dynamic.Params(steps=1, guidance=0.0, times="0"), Progress(), tmp_path / "c")
    again = run(request(photo, still_model, depth), tmp_path / "d").value
    assert [name for name in loads if name in NETWORKS] == NETWORKS * 3
    assert moved.value.cloud.count
    assert same(first, again)


def test_files_that_changed_are_loaded_again_and_damaged_ones_refused(
    photo, depth, still_model, tmp_path, loads
) -> None:
    model = tmp_path / "model"
    shutil.copytree(still_model, model)
    make_tiny_lyra(tmp_path / "other", seed=1)
    first = run(request(photo, model, depth), tmp_path / "a").value
    file = "diffusion_pytorch_model.safetensors"
    shutil.copyfile(tmp_path / "other" / "vae" / file, model / "vae" / file)
    mixed = run(request(photo, model, depth), tmp_path / "b").value
    assert [name for name in loads if name != "text"] == NETWORKS * 2
    assert not same(first, mixed), "rays are encoded by the other tokenizer too"
    data = (model / "transformer" / file).read_bytes()
    (model / "transformer" / file).write_bytes(data[:-100])
    with pytest.raises(InvalidRequest, match=r"transformer: cannot be loaded"):
        run(request(photo, model, depth), tmp_path / "d")
    (model / "transformer" / file).write_bytes(data)
    loads.clear()
    assert same(run(request(photo, model, depth), tmp_path / "e").value, mixed)
    assert loads == NETWORKS
    WARM.keep(False)
    assert same(run(request(photo, model, depth), tmp_path / "cold").value, mixed)


def test_a_cancelled_scene_leaves_no_network_behind(photo, depth, still_model, tmp_path, loads, evaluations) -> None:
    whole = run(request(photo, still_model, depth), tmp_path / "a", QUICK).value
    networks = [weakref.ref(each) for each in _lyra(still_model).networks]
    token = CancelToken()
    evaluations.clear()

    def listen(event) -> None:
        if "video 2 of 6" in event.message and "denoising step 2 of 3" in event.message:
            token.cancel()

    with pytest.raises(Cancelled):
        run(request(photo, still_model, depth), tmp_path / "b", QUICK, Progress(listen, token))
    assert len(evaluations) <= 3 + 2
    free_unused()
    assert [each() for each in networks] == [None] * 3
    loads.clear()
    evaluations.clear()
    assert same(run(request(photo, still_model, depth), tmp_path / "b", QUICK).value, whole)
    assert loads == NETWORKS
    assert len(evaluations) == 5 * 3


def test_a_video_model_without_room_beside_the_decoder_is_given_back(
    photo, depth, still_model, tmp_path, loads, monkeypatch
) -> None:
    """And one whose text encoder needs its room, before that is loaded."""
    monkeypatch.setattr(models_lyra, "room_bytes", lambda device, vram_gb: 1e9)
    usual = run(request(photo, still_model, depth), tmp_path / "a").value
    loads.clear()
    assert same(run(request(photo, still_model, depth), tmp_path / "c").value, usual)
    assert loads == ["CosmosTransformer3DModel"]
    monkeypatch.setattr(prompts, "room_bytes", lambda device, vram_gb: 0.0)
    monkeypatch.setattr("lyra_backend.weights.store.embeddings_folder", lambda: tmp_path / "text")
    loads.clear()
    assert same(run(request(photo, still_model, depth), tmp_path / "d").value, usual)
    assert loads == ["text", *NETWORKS]


def test_networks_are_as_they_were_after_a_scene(photo, depth, still_model, tmp_path) -> None:
    run(request(photo, still_model, depth), tmp_path / "a")
    before = _state(still_model)
    run(request(photo, still_model, depth, seed=1), tmp_path / "b", lyra.Params(steps=4, guidance=1.0, reuse=0.5))
    assert _state(still_model) == before


def _lyra(model) -> models_lyra.Lyra:
    from lyra_backend.generate._lyra.weights_of import folders_of
    from lyra_backend.models.placement import choose_placement

    folders = folders_of(str(model), "lyra_static", moves=False)
    placement = choose_placement("cpu", None, folders.budget(6))
    assert models_lyra.Lyra.waits(folders, placement)
    return models_lyra.Lyra.take(folders, placement, 6)


def _state(model) -> list[tuple[object, ...]]:
    """Return what a scene could change in networks: weights, their types and places, modes and hooks."""
    networks = _lyra(model).networks
    tensors = [item for network in networks for item in network.state_dict(keep_vars=True).items()]
    modules = [item for network in networks for item in network.named_modules()]
    found = [
        (name, str(t.dtype), str(t.device), t.requires_grad, float(t.detach().double().sum())) for name, t in tensors
    ]
    return found + [
        (name, m.training, len(m._forward_hooks), len(m._forward_pre_hooks), hasattr(m, "_diffusers_hook"))
        for name, m in modules
    ]

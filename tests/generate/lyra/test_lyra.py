"""The generator `lyra` as a whole, on a model with random weights: what goes in and what comes out."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from diffusers import CosmosTransformer3DModel

import lyra_backend
from lyra_backend import api
from lyra_backend.errors import Cancelled, InvalidRequest
from lyra_backend.generate import lyra
from lyra_backend.generate._lyra import start
from lyra_backend.io.images import read_depth, read_image
from lyra_backend.models import lyra as models_lyra
from lyra_backend.models.trajectories import DECODER_ORDER
from lyra_backend.progress import CancelToken, Progress
from lyra_backend.types import Frame, SceneRequest

from .stills import QUICK, request, run

#: What a run leaves of the picture that it started from.
READERS = ((read_image, ""), (read_depth, "_depth"))


def test_a_photo_with_depth_becomes_a_metric_scene(photo, depth, still_model, tmp_path) -> None:
    outcome = run(request(photo, still_model, depth), tmp_path)
    scene = outcome.value
    # 17 frames of 8 x 12 Gaussians in six views, of which a fifth is left out
    assert scene.cloud.count == outcome.counts["gaussians"] == int(6 * 17 * 8 * 12 * (1 - 0.2))
    assert scene.cloud.frame is Frame.GENERATOR
    assert scene.scale.uncertainty_percent == 3.0
    assert scene.geometry == "inferred"
    # the networks' unit is the median depth, near 0.1 to far 4 of it from the cameras, which move by less than 0.5
    unit = float(np.median(np.load(depth)[:, 4:-4]))
    distance = np.linalg.norm(scene.cloud.positions, axis=1)
    assert distance.min() > 0
    assert unit < np.quantile(distance, 0.9)
    assert distance.max() < 4.6 * unit


def test_the_first_camera_is_the_photos_and_the_scene_is_upright(photo, depth, still_model, tmp_path) -> None:
    scene = run(request(photo, still_model, depth), tmp_path).value
    first = scene.cameras[0]
    assert first.name == "input"
    # looks along a level axis, its y axis pointing down
    assert np.allclose(first.cam_to_world[:3, 1], (0, 0, -1), atol=1e-6)
    assert np.allclose(first.position, 0)
    assert {camera.name.rsplit("_", 1)[0] for camera in scene.cameras[1:]} <= set(DECODER_ORDER)
    assert len(scene.cameras) > 10


def test_same_seed_same_scene(photo, depth, still_model, tmp_path) -> None:
    asked = request(photo, still_model, depth)
    one, same = (run(asked, tmp_path / name).value for name in "ab")
    other = run(request(photo, still_model, depth, seed=1), tmp_path / "c").value
    assert np.array_equal(one.cloud.positions, same.cloud.positions)
    assert np.array_equal(one.cloud.sh, same.cloud.sh)
    assert not np.array_equal(one.cloud.positions, other.cloud.positions)


def test_depth_is_estimated_where_none_is_given(photo, still_model, tmp_path) -> None:
    outcome = run(request(photo, still_model), tmp_path)
    assert outcome.value.scale.uncertainty_percent == 20.0
    assert outcome.value.provenance["depth"] == "depth"


def test_a_prompt_is_drawn_first(still_model, tmp_path) -> None:
    asked = SceneRequest(prompt="a kitchen", model=str(still_model), generator="lyra")
    told: list[str] = []
    outcome = run(asked, tmp_path, QUICK, Progress(lambda event: told.append(event.message)))
    assert outcome.value.cloud.count
    assert outcome.value.provenance["image_model"] == "text_to_image"
    assert any("drawing the first picture, step 4 of 4" in message for message in told)
    assert any("video 6 of 6 (zoom_in): denoising step 3 of 3" in message for message in told)


def test_a_prompt_beside_a_photo_is_told_to_the_video_model(photo, depth, still_model, tmp_path) -> None:
    guided = lyra.Params(steps=3, guidance=1.0, fov=60.0)
    plain = run(request(photo, still_model, depth), tmp_path / "a", guided).value
    told = run(request(photo, still_model, depth, prompt="a kitchen"), tmp_path / "b", guided).value
    assert not np.array_equal(plain.cloud.positions, told.cloud.positions)


def test_without_a_text_encoder_it_says_so(photo, depth, still_model, tmp_path) -> None:
    shutil.copytree(still_model, tmp_path / "model")
    for name in ("text_encoder", "text_embeddings"):
        shutil.rmtree(tmp_path / "model" / name, ignore_errors=True)
    outcome = run(request(photo, tmp_path / "model", depth), tmp_path / "run")
    assert [finding.code for finding in outcome.findings] == ["lyra.no_text"]


def test_provenance_names_weights_and_licences(photo, depth, still_model, tmp_path) -> None:
    known = run(request(photo, still_model, depth), tmp_path).value.provenance
    weights = [f"weights {name}/diffusion_pytorch_model.safetensors" for name in ("decoder", "transformer", "vae")]
    weights += ["weights text_encoder/model.safetensors"]
    assert [source["name"] for source in known["sources"]] == [*weights, "input image", "input depth"]
    assert all(len(source["sha256"]) == 64 and source["licence"] == "unknown" for source in known["sources"])
    assert known["seed"] == 0
    assert set(known["versions"]) == {"torch", "diffusers", "transformers"}
    assert str(tmp_path) not in json.dumps(dict(known))


def test_provenance_names_the_networks_that_made_the_picture_and_its_depth(still_model, tmp_path) -> None:
    asked = SceneRequest(prompt="a kitchen", model=str(still_model), generator="lyra")
    named = {source["name"] for source in run(asked, tmp_path).value.provenance["sources"]}
    assert {"weights depth/model.safetensors", "weights text_to_image/unet/diffusion_pytorch_model.safetensors"} < named


def test_checksums_and_licences_are_those_recorded(photo, depth, still_model, tmp_path) -> None:
    shutil.copytree(still_model, tmp_path / "model")
    files = {"diffusion_pytorch_model.safetensors": {"sha256": "c0ffee", "bytes": 1}}
    record = {"files": files, "licence": {"name": "NVIDIA Open Model License"}}
    (tmp_path / "model" / "decoder" / "weights.json").write_text(json.dumps(record))
    sources = run(request(photo, tmp_path / "model", depth), tmp_path / "run").value.provenance["sources"]
    assert (sources[0]["sha256"], sources[0]["licence"]) == ("c0ffee", "NVIDIA Open Model License")
    assert len(sources[1]["sha256"]) == 64


def test_a_damaged_record_is_told_before_the_videos(photo, depth, still_model, tmp_path, evaluations) -> None:
    shutil.copytree(still_model, tmp_path / "model")
    (tmp_path / "model" / "vae" / "weights.json").write_text("{")
    with pytest.raises(InvalidRequest, match=r"weights\.json: is damaged"):
        run(request(photo, tmp_path / "model", depth), tmp_path / "run")
    assert not evaluations


def test_guidance_doubles_the_work(photo, depth, still_model, tmp_path, evaluations) -> None:
    run(request(photo, still_model, depth), tmp_path / "a")
    assert len(evaluations) == 6 * 3
    run(request(photo, still_model, depth), tmp_path / "b", lyra.Params(steps=3, guidance=1.0))
    assert len(evaluations) == 6 * 3 * 3


def test_cancelling_stops_within_one_step(photo, depth, still_model, tmp_path, evaluations) -> None:
    token = CancelToken()

    def listen(event) -> None:
        if "denoising step 2 of 3" in event.message:
            token.cancel()

    with pytest.raises(Cancelled):
        run(request(photo, still_model, depth), tmp_path, QUICK, Progress(listen, token))
    assert len(evaluations) <= 2


def test_a_stopped_run_goes_on_from_the_last_finished_video(photo, depth, still_model, tmp_path, evaluations) -> None:
    token = CancelToken()
    params = {"generate": {"steps": 3, "guidance": 0, "fov": 60}, "collide": {"voxel_size": 0.25}}
    asked = request(photo, still_model, depth, params=params)
    whole = run(request(photo, still_model, depth), tmp_path / "whole").value
    evaluations.clear()

    def listen(event) -> None:
        if "video 3 of 6" in event.message and "denoising step 2" in event.message:
            token.cancel()

    with pytest.raises(Cancelled):
        api.generate_scene(asked, tmp_path / "run", listener=listen, token=token)
    assert len(evaluations) <= 2 * 3 + 2
    evaluations.clear()
    result = api.generate_scene(asked, tmp_path / "run")
    assert len(evaluations) == 4 * 3
    assert result.report.stages[0].counts["gaussians"] == whole.cloud.count
    assert not (tmp_path / "run" / ".stages").exists()


@pytest.fixture
def loaded(monkeypatch) -> list[str]:
    """What is drawn, estimated and loaded, in the order of its happening."""
    done: list[str] = []
    for module, name in (
        (lyra, "draw_picture"),
        (start, "load_estimator"),
        (models_lyra, "load_network"),
    ):
        usual = getattr(module, name)

        def counted(*given, usual=usual, name=name, **named):
            done.append(given[0].__name__ if name == "load_network" else name)
            return usual(*given, **named)

        monkeypatch.setattr(module, name, counted)
    return done


def test_what_was_drawn_and_estimated_is_not_made_again(still_model, tmp_path, loaded) -> None:
    asked = SceneRequest(prompt="a kitchen", model=str(still_model), generator="lyra")
    one = run(asked, tmp_path)
    networks = ["GaussianDecoder", "AutoencoderKLCosmos", "CosmosTransformer3DModel"]
    assert loaded == ["draw_picture", "load_estimator", *networks]
    loaded.clear()
    (tmp_path / "up.safetensors").unlink()
    assert np.array_equal(run(asked, tmp_path).value.cloud.positions, one.value.cloud.positions)
    assert loaded == networks


def test_the_video_model_is_not_loaded_if_all_videos_are_there(photo, depth, still_model, tmp_path, loaded) -> None:
    one = run(request(photo, still_model, depth), tmp_path)
    loaded.clear()
    same = run(request(photo, still_model, depth), tmp_path)
    assert loaded == ["GaussianDecoder", "AutoencoderKLCosmos"]
    assert np.array_equal(same.value.cloud.positions, one.value.cloud.positions)
    assert same.findings == one.findings


@pytest.mark.parametrize("name", ["picture.png", "depth.npz"])
def test_a_damaged_picture_or_depth_is_made_anew(still_model, tmp_path, loaded, name: str) -> None:
    asked = SceneRequest(prompt="a kitchen", model=str(still_model), generator="lyra")
    one = run(asked, tmp_path)
    data = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(data[: len(data) // 2])
    loaded.clear()
    assert np.array_equal(run(asked, tmp_path).value.cloud.positions, one.value.cloud.positions)
    assert loaded[0] == {"picture.png": "draw_picture", "depth.npz": "load_estimator"}[name]
    assert (tmp_path / name).read_bytes() == data


def test_an_image_becomes_a_stage(photo, depth, still_model, tmp_path) -> None:
    # what random weights make is hundreds of blobs, for which a coarse collider does
    params = {"generate": {"steps": 2, "guidance": 0}, "collide": {"voxel_size": 0.25}}
    asked = request(photo, still_model, depth, params=params)
    result = lyra_backend.generate_scene(asked, tmp_path / "run")
    assert [stage.stage for stage in result.report.stages] == [
        "generate",
        "refine",
        "picture",
        "light",
        "collide",
        "place",
        "author",
        "validate",
        "report",
    ]
    for name in ("stage.usda", "scene.usda", "gaussians.usdc", "preview.png", "report.json", "provenance.json"):
        assert (tmp_path / "run" / name).stat().st_size
    picture, known = (read(tmp_path / "run" / f"keyframe_input{end}.png") for read, end in READERS)
    assert picture.shape == (64, 96, 3)
    # the middle of the photo's depth, where the wall is
    assert known.shape == (64, 96)
    assert abs(float(known[10, 48]) - 4.0) < 0.001
    provenance = json.loads((tmp_path / "run" / "provenance.json").read_text(encoding="utf-8"))
    assert provenance["generator"] == "lyra"


def test_what_it_will_take_is_said_before(photo, depth, still_model) -> None:
    parts = lyra.estimate(request(photo, still_model, depth), QUICK)
    assert [part.part for part in parts] == [
        "depth, from the file",
        "reading the prompt",
        "loading networks",
        "6 videos of 17 frames",
        "decoding Gaussians",
    ]
    assert all(part.seconds is not None and part.seconds < 60 for part in parts[1:])
    prompted = lyra.estimate(SceneRequest(prompt="a kitchen", model=str(still_model), generator="lyra"), QUICK)
    assert prompted[0].part == "drawing the first picture"


def test_small_videos_are_made_as_one_batch(still_model, photo, depth, monkeypatch, tmp_path) -> None:
    """The network is asked once a step for all of them, and what comes of it differs by rounding."""
    asked: list[int] = []
    usual = CosmosTransformer3DModel.forward

    def forward(self, hidden_states, *given, **named):
        asked.append(len(hidden_states))
        return usual(self, hidden_states, *given, **named)

    monkeypatch.setattr(CosmosTransformer3DModel, "forward", forward)
    found = []
    for name, limit in (("alone", 0.0), ("together", 1e9)):
        monkeypatch.setattr("lyra_backend.models.lyra._BATCH_BYTES", limit)
        asked.clear()
        (tmp_path / name).mkdir()
        params = lyra.Params(steps=2, guidance=0.0, device="cpu")
        request = SceneRequest(image=str(photo), depth=str(depth), model=str(still_model))
        found.append(lyra.run(request, params, Progress(), tmp_path / name).value.cloud)
        assert asked == ([1] * 12 if name == "alone" else [6, 6])
    one, other = found
    assert one.count == other.count
    # of equal opacities the order may be another
    assert np.sort(one.positions, axis=0) == pytest.approx(np.sort(other.positions, axis=0), abs=1e-3)

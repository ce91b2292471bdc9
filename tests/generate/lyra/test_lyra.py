"""The generator `lyra` as a whole, on a model with random weights: what goes in, what comes out, and what stops it."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from diffusers import CosmosTransformer3DModel
from PIL import Image

import lyra_backend
from lyra_backend import api
from lyra_backend.errors import Cancelled, InvalidRequest, MissingDependency
from lyra_backend.generate import lyra
from lyra_backend.generate._lyra import start
from lyra_backend.io.images import read_depth, read_image
from lyra_backend.models import lyra as models_lyra
from lyra_backend.models.trajectories import DECODER_ORDER
from lyra_backend.progress import CancelToken, Progress
from lyra_backend.types import Frame, SceneRequest

from .conftest import make_tiny_lyra

#: What a run leaves of the picture that it started from.
READERS = ((read_image, ""), (read_depth, "_depth"))
QUICK = lyra.Params(steps=3, guidance=0.0, fov=60.0)


def request(photo, model, depth=None, **more) -> SceneRequest:
    return SceneRequest(image=str(photo), depth=depth and str(depth), model=str(model), generator="lyra", **more)


def run(asked: SceneRequest, scratch, params: lyra.Params = QUICK, progress: Progress | None = None):
    return lyra.run(asked, params, progress or Progress(), scratch)


@pytest.fixture
def evaluations(monkeypatch) -> list[int]:
    """One entry for every time the video model is asked."""
    calls: list[int] = []
    usual = CosmosTransformer3DModel.forward

    def counted(self, *arguments, **named):
        calls.append(1)
        return usual(self, *arguments, **named)

    monkeypatch.setattr(CosmosTransformer3DModel, "forward", counted)
    return calls


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
        "author",
        "validate",
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


# what users hand in


def refused(asked: SceneRequest, scratch, says: str, params: lyra.Params = QUICK) -> None:
    """See that a request is refused alike before anything is loaded, and by the run itself."""
    with pytest.raises((InvalidRequest, MissingDependency), match=says) as planned:
        lyra.estimate(asked, params)
    with pytest.raises(type(planned.value)) as met:
        run(asked, scratch, params)
    assert str(met.value) == str(planned.value)
    assert not scratch.exists()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"no image at all", "not an image"),
        (b"\x89PNG\r\n\x1a\n" + bytes(40), "image is damaged|not an image"),
    ],
)
def test_what_is_no_image_is_refused(still_model, tmp_path, content: bytes, says: str, evaluations) -> None:
    (tmp_path / "photo.png").write_bytes(content)
    refused(request(tmp_path / "photo.png", still_model), tmp_path / "run", says)
    assert not evaluations


def test_one_pixel_is_refused(still_model, tmp_path, evaluations) -> None:
    Image.new("RGB", (1, 1)).save(tmp_path / "dot.png")
    refused(
        request(tmp_path / "dot.png", still_model),
        tmp_path / "run",
        r"at least 12 x 8 pixels for this model.*got 1 x 1",
    )
    assert not evaluations


def test_an_animation_is_refused(still_model, tmp_path, evaluations) -> None:
    frames = [Image.new("RGB", (96, 64), (i * 40, 0, 0)) for i in range(3)]
    frames[0].save(tmp_path / "moving.gif", save_all=True, append_images=frames[1:])
    refused(
        request(tmp_path / "moving.gif", still_model), tmp_path / "run", "a single picture is needed, and this has 3"
    )
    assert not evaluations


def test_depth_of_another_size_is_refused(photo, still_model, tmp_path, evaluations) -> None:
    np.save(tmp_path / "depth.npy", np.ones((10, 10), np.float32))
    refused(request(photo, still_model, tmp_path / "depth.npy"), tmp_path / "run", "depth and image must have one size")
    assert not evaluations


def test_a_model_that_is_not_there(photo, tmp_path) -> None:
    with pytest.raises(InvalidRequest, match="must be a folder with decoder, transformer and vae, but does not exist"):
        run(request(photo, tmp_path / "nowhere"), tmp_path / "run")


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"depth_model": "nowhere"}, "depth: nowhere is no folder and was not fetched from the hub"),
        ({"depth_estimator": "moge"}, "MoGe.git: needed for depth by MoGe"),
        ({"image_model": "nowhere"}, "image model: nowhere is no text-to-image pipeline"),
        ({"intrinsics": "1,2"}, "intrinsics"),
        ({"device": "cuda:7"}, "device 'cuda:7'"),
        ({"vram": 24.0}, "vram: is memory of GPUs"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_a_prompt_cannot_be_made_with_is_told_before_a_picture_is_drawn(
    still_model, tmp_path, params: dict, says: str
) -> None:
    asked = SceneRequest(prompt="a kitchen", model=str(still_model), generator="lyra")
    refused(asked, tmp_path / "run", says, dataclasses.replace(QUICK, **params))


def test_a_network_of_depth_without_a_scale_is_refused(photo, still_model, tmp_path) -> None:
    shutil.copytree(still_model, tmp_path / "model")
    config = tmp_path / "model" / "depth" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"depth_estimation_type": "relative"}))
    refused(request(photo, tmp_path / "model"), tmp_path / "run", "gives depth without a scale")


def test_depth_of_a_small_part_of_the_picture_is_warned_of(photo, depth, still_model, tmp_path) -> None:
    sparse = np.load(depth)
    sparse[:, 60:] = 0
    np.save(tmp_path / "sparse.npy", sparse)
    found = run(request(photo, still_model, tmp_path / "sparse.npy"), tmp_path / "run").findings
    holes = next(finding for finding in found if finding.code == "lyra.depth_holes")
    # 192 of the 200 columns are taken, of which the first 56 have depth
    assert holes.measured == pytest.approx(56 / 192, abs=0.01)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-50])


def rewrite(path: Path, **changes: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda model: truncate(next((model / "decoder").glob("*.safetensors"))), "decoder: .*GaussianDecoder"),
        (lambda model: truncate(next((model / "transformer").glob("*.safetensors"))), "transformer: .*Cosmos"),
        (lambda model: truncate(next((model / "vae").glob("*.safetensors"))), "vae: .*AutoencoderKLCosmos"),
        (lambda model: truncate(model / "depth" / "model.safetensors"), "depth: .* is no depth model"),
        (lambda model: (model / "depth" / "preprocessor_config.json").unlink(), "no preprocessor_config.json"),
        (lambda model: truncate(model / "text_encoder" / "model.safetensors"), "text_encoder: "),
        (lambda model: rewrite(model / "text_encoder" / "config.json", d_model=8), "text_encoder: "),
        (lambda model: rewrite(model / "transformer" / "config.json", num_layers=3), "missing keys for Cosmos"),
        (lambda model: truncate(model / "text_to_image/unet/diffusion_pytorch_model.safetensors"), "image model: "),
        (lambda model: (model / "vae" / "weights.json").write_text("{"), r"weights\.json: is damaged"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_damaged_parts_are_told_before_anything_is_loaded(still_model, tmp_path, damage, says: str) -> None:
    shutil.copytree(still_model, tmp_path / "model")
    damage(tmp_path / "model")
    asked = SceneRequest(prompt="a kitchen", model=str(tmp_path / "model"), generator="lyra")
    refused(asked, tmp_path / "run", says)


def test_records_of_another_shape_are_none(photo, depth, still_model, tmp_path) -> None:
    shutil.copytree(still_model, tmp_path / "model")
    (tmp_path / "model" / "vae" / "weights.json").write_text('{"files": [], "licence": 3}')
    sources = run(request(photo, tmp_path / "model", depth), tmp_path / "run").value.provenance["sources"]
    assert all(len(source["sha256"]) == 64 and source["licence"] == "unknown" for source in sources)


def test_depth_in_millimetres_is_warned_of_before_anything_is_loaded(photo, depth, still_model, tmp_path) -> None:
    np.save(tmp_path / "mm.npy", np.load(depth) * 1000)
    asked = request(photo, still_model, tmp_path / "mm.npy")
    told = {finding.code: finding for part in lyra.estimate(asked, QUICK) for finding in part.findings}
    assert told["lyra.depth_unit"].measured > 1000
    metres = dataclasses.replace(QUICK, scale=0.001)
    assert not [finding for part in lyra.estimate(asked, metres) for finding in part.findings]


def test_what_is_known_to_be_wrong_is_said_at_the_start(photo, depth, still_model, tmp_path) -> None:
    events = []
    assumed = dataclasses.replace(QUICK, fov=None)
    run(request(photo, still_model, depth), tmp_path, assumed, Progress(events.append))
    told = [event.message for event in events if event.milestone]
    assert told[0].startswith("warning: Nothing says the camera's field of view")
    assert told[1:] == [f"video {i + 1} of 6 ({view}): finished" for i, view in enumerate(DECODER_ORDER)]


def test_weights_that_were_moved_are_the_same_weights(photo, depth, still_model, tmp_path) -> None:
    shutil.copytree(still_model, tmp_path / "elsewhere")
    asked = request(photo, tmp_path / "elsewhere", depth)
    before = lyra.depends_on(asked, QUICK)
    (tmp_path / "elsewhere").rename(tmp_path / "here")
    moved = request(photo, tmp_path / "here", depth)
    assert lyra.depends_on(moved, QUICK) == before
    make_tiny_lyra(tmp_path / "here", seed=1)
    assert lyra.depends_on(moved, QUICK) != before


def test_published_weights_that_were_not_fetched(photo, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    networks = "lyra_static gen3c cosmos_tokenizer depth_indoor"
    for asked, wanted in (
        (SceneRequest(image=str(photo), generator="lyra"), networks),
        (SceneRequest(prompt="a kitchen", generator="lyra"), f"{networks} flux_schnell"),
    ):
        refused(asked, tmp_path / "run", f"weights fetch {wanted} --accept-licence")


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda model: shutil.rmtree(model / "vae"), "holds no model, config.json is missing"),
        (lambda model: (model / "vae" / "config.json").write_text("{"), "is damaged"),
        (lambda model: next((model / "transformer").glob("*.safetensors")).unlink(), "no weights"),
        (lambda model: (model / "lyra.json").write_text('{"frames": 18, "height": 64}'), "do not fit its networks"),
        (lambda model: (model / "lyra.json").write_text('{"frames": 33, "height": 64}'), "statistics of 3 latent"),
        (lambda model: (model / "lyra.json").write_text('{"pictures": 18}'), "must hold frames, height"),
    ],
)
def test_a_model_that_lacks_something(photo, depth, still_model, tmp_path, damage, says: str, evaluations) -> None:
    shutil.copytree(still_model, tmp_path / "model")
    damage(tmp_path / "model")
    with pytest.raises(InvalidRequest, match=says):
        run(request(photo, tmp_path / "model", depth), tmp_path / "run")
    assert not evaluations


@pytest.mark.parametrize("network", ["transformer", "vae", "decoder"])
def test_weights_that_are_cut_short(photo, depth, still_model, tmp_path, network: str, evaluations) -> None:
    shutil.copytree(still_model, tmp_path / "model")
    path = next((tmp_path / "model" / network).glob("*.safetensors"))
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(InvalidRequest, match=f"{network}: cannot be loaded"):
        run(request(photo, tmp_path / "model", depth), tmp_path / "run")
    assert not evaluations


def test_videos_of_other_weights_are_not_used_again(photo, depth, still_model, tmp_path, evaluations) -> None:
    shutil.copytree(still_model, tmp_path / "model")
    params = {"generate": {"steps": 3, "guidance": 0, "fov": 60}, "collide": {"voxel_size": 0.25}}
    asked, token = request(photo, tmp_path / "model", depth, params=params), CancelToken()

    def listen(event) -> None:
        if "video 3 of 6" in event.message:
            token.cancel()

    with pytest.raises(Cancelled):
        api.generate_scene(asked, tmp_path / "run", listener=listen, token=token)
    make_tiny_lyra(tmp_path / "model", seed=1)
    evaluations.clear()
    api.generate_scene(asked, tmp_path / "run")
    assert len(evaluations) == 6 * 3


@pytest.mark.parametrize("network", ["transformer", "vae", "decoder"])
def test_weights_that_lack_a_tensor(photo, depth, still_model, tmp_path, network: str) -> None:
    from safetensors.torch import load_file, save_file

    shutil.copytree(still_model, tmp_path / "model")
    path = next((tmp_path / "model" / network).glob("*.safetensors"))
    tensors = load_file(path)
    tensors.pop(sorted(tensors)[0])
    save_file(tensors, path)
    with pytest.raises(InvalidRequest, match=f"{network}: 1 missing keys for"):
        run(request(photo, tmp_path / "model", depth), tmp_path / "run")


def test_packages_that_are_not_installed(photo, still_model, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(
        "lyra_backend.generate._lyra.weights_of.find_spec", lambda name: None if name == "diffusers" else 1
    )
    with pytest.raises(MissingDependency, match=r"pip install 'lyra-backend\[lyra\]'"):
        run(request(photo, still_model), tmp_path)


def test_a_decoder_of_moving_scenes_is_refused(photo, depth, moving_model, tmp_path) -> None:
    refused(request(photo, moving_model, depth), tmp_path / "run", "moving scenes: use --generator lyra_dynamic")

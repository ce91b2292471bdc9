"""What users hand to the generator `lyra`: what is refused or warned of, before anything is loaded."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lyra_backend import api
from lyra_backend.errors import Cancelled, InvalidRequest, MissingDependency
from lyra_backend.generate import lyra
from lyra_backend.models.trajectories import DECODER_ORDER
from lyra_backend.progress import CancelToken, Progress
from lyra_backend.types import SceneRequest

from .conftest import make_tiny_lyra
from .stills import QUICK, request, run


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

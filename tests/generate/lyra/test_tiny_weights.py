"""The miniature as it is shipped: its weights are whole, and it does what its card says on rooms it has never seen."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "tools"))

from evaluation_inputs import depth_network, load_model

from lyra_backend.generate import lyra
from lyra_backend.io.images import write_image
from lyra_backend.kernels.splat_render import render_splats
from lyra_backend.progress import Progress
from lyra_backend.train.evaluation import OFF, ON, TRUE, Row, evaluate
from lyra_backend.train.held_out import room_scenes
from lyra_backend.train.metrics import psnr
from lyra_backend.types import SceneRequest
from lyra_backend.types.rotations import wxyz_to_xyzw
from lyra_backend.weights import shipped

#: Rooms that nothing was trained on, not those of the card.
FIRST_ROOM = 500


@pytest.fixture(scope="module")
def tiny():
    return load_model(shipped.shipped_models()["tiny"], "cpu")


def test_every_byte_is_as_recorded() -> None:
    assert shipped.verify_model("tiny") == ()
    folder = shipped.shipped_models()["tiny"]
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) <= 30_000_000
    assert json.loads((folder / "lyra.json").read_text())["grade"] == "demo"


def test_rooms_are_shown_as_well_as_the_card_says(tiny) -> None:
    """With a margin for two rooms instead of sixteen."""
    rooms = room_scenes(2, FIRST_ROOM, (tiny.video.width, tiny.video.height), 4)
    found = evaluate(tiny, rooms, depth_network(tiny), Progress(), 4)
    teacher = found.tallies[Row(TRUE, "teacher", "truth", ON)].means()["psnr"]
    raw = found.tallies[Row(TRUE, "raw warp", "truth", ON)].means()["psnr"]
    student = {where: found.tallies[Row(TRUE, "student", "truth", where)].means() for where in (ON, OFF)}
    assert teacher > 24
    assert teacher > raw - 1
    assert student[ON]["psnr"] > 21
    assert student[OFF]["psnr"] > student[ON]["psnr"] - 2
    assert student[ON]["depth_median"] < 0.12
    assert found.tokenizer["clips"].means()["psnr"] > 27


def test_a_picture_alone_comes_out_recognisable(tiny, tmp_path) -> None:
    """What the picture's own camera sees of the Gaussians is the picture."""
    (room,) = room_scenes(1, FIRST_ROOM, (96, 64), 1)
    photo = tmp_path / "photo.png"
    write_image(photo, np.asarray(room.image).repeat(4, axis=0).repeat(4, axis=1))
    request = SceneRequest(image=str(photo), model="tiny", seed=0)
    made = lyra.run(request, lyra.Params(device="cpu"), Progress(), tmp_path).value
    assert made.grade == "demo"
    camera = next(camera for camera in made.cameras if camera.name == "input")
    cloud = made.cloud
    lens = camera.intrinsics
    seen = render_splats(
        cloud.positions,
        cloud.scales,
        wxyz_to_xyzw(cloud.quats_wxyz),
        cloud.opacities,
        cloud.sh,
        np.linalg.inv(camera.cam_to_world),
        (lens.fx, lens.fy, lens.cx, lens.cy),
        (lens.width, lens.height),
        (1.0, 1.0, 1.0),
        near_m=0.01,
    )
    picture = (np.clip(seen.rgb, 0, 1) * 255 + 0.5).astype(np.uint8)
    assert psnr(picture, room.image) > 20
    other = room_scenes(1, FIRST_ROOM + 1, (96, 64), 1)[0].image
    assert psnr(picture, room.image) > psnr(picture, other) + 5

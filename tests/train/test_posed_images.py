"""Pictures come with the cameras that their layout says, or not at all."""

from __future__ import annotations

import json
import math

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from lyra_backend.errors import InvalidRequest
from lyra_backend.io.cameras import write_cameras
from lyra_backend.io.images import write_depth
from lyra_backend.train.posed_images import read_posed_images
from lyra_backend.types import Camera, Intrinsics, look_at

SIZE = 48, 32
LENS = (40.0, 42.0, 23.0, 17.0)
EYES = [(0.1 * i, 0.2, -3.0) for i in range(4)]
POSES = np.stack([look_at(eye, (0, 0, 0)) for eye in EYES])


def picture(i, size=SIZE):
    """Return a flat picture whose colour says its number."""
    return np.full((size[1], size[0], 3), 40 * i + 20, np.uint8)


def numbers(frames):
    return [round((float(frame.mean()) - 20) / 40) for frame in frames]


def save(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path)


@pytest.fixture
def ours(tmp_path):
    for i in range(4):
        save(tmp_path / f"view_{i}.png", picture(i))
    lens = Intrinsics(*SIZE, *LENS)
    names = ["view_0.png", "view_1", "view_2.png", "view_3"]
    write_cameras(tmp_path / "cameras.json", [Camera(lens, p, n) for p, n in zip(POSES, names, strict=True)])
    return tmp_path


def transforms(folder, frames=None, **more):
    """Write what nerfstudio would of the same cameras; OpenGL's look along -z."""
    for i in range(4):
        save(folder / "images" / f"frame_{i}.png", picture(i))
        write_depth(folder / f"depth_{i}.png", np.full(SIZE[::-1], 1.0 + i, np.float32))
    data = {"camera_model": "OPENCV", "k1": 0.0, "w": SIZE[0], "h": SIZE[1]}
    data |= dict(zip(("fl_x", "fl_y", "cx", "cy"), LENS, strict=True)) | more
    turned = [(p.astype(float) @ np.diag((1, -1, -1, 1))).tolist() for p in POSES]
    listed = [{"file_path": f"images/frame_{i}.png", "transform_matrix": turned[i]} for i in range(4)]
    for i, changed in (frames or {}).items():
        listed[i] |= changed
    (folder / "transforms.json").write_text(json.dumps({**data, "frames": listed}))
    return folder


def published(folder, count=9, kept=None, latents=None):
    """Write a clip named ``clip``, `count` frames, cameras for those that are `kept`."""
    kept = list(range(count)) if kept is None else kept
    for name in ("rgb", "pose", "intrinsics", "latent"):
        (folder / name).mkdir(exist_ok=True)
    writer = cv2.VideoWriter(str(folder / "rgb" / "clip.mp4"), cv2.VideoWriter_fourcc(*"mp4v"), 24.0, SIZE)
    for i in range(count):
        writer.write(np.full((SIZE[1], SIZE[0], 3), 20 * i + 20, np.uint8))
    writer.release()
    poses = np.stack([look_at((0.1 * i, 0, -3), (0, 0, 0)) for i in kept])
    np.savez(folder / "pose" / "clip.npz", data=poses, inds=np.array(kept))
    np.savez(folder / "intrinsics" / "clip.npz", data=np.tile(LENS, (len(kept), 1)), inds=np.array(kept))
    if latents is not None:
        torch.save(latents, folder / "latent" / "clip.pkl")
    return folder


def test_our_cameras(ours):
    found = read_posed_images(ours)
    assert numbers(found.frames) == [0, 1, 2, 3]
    assert found.cam_to_world == pytest.approx(POSES, abs=1e-6)
    assert found.lens == pytest.approx(np.tile(LENS, (4, 1)))
    assert (found.frames.dtype, found.depth, found.latents) == (np.uint8, None, None)
    chosen = read_posed_images(ours / "cameras.json", which=[2, 0])
    assert numbers(chosen.frames) == [2, 0]
    assert chosen.cam_to_world == pytest.approx(POSES[[2, 0]], abs=1e-6)


def test_cameras_of_nerfstudio(tmp_path):
    own = {"fl_x": 50.0, "cx": 20.0}
    found = read_posed_images(transforms(tmp_path, {2: own}))
    assert numbers(found.frames) == [0, 1, 2, 3]
    assert found.cam_to_world == pytest.approx(POSES, abs=1e-6)
    assert found.lens[[0, 1, 3]] == pytest.approx(np.tile(LENS, (3, 1)))
    assert found.lens[2] == pytest.approx((50.0, 42.0, 20.0, 17.0))
    assert found.depth is None


def test_cameras_of_instant_ngp(tmp_path):
    """Names without ending, an angle in place of focal lengths, no size, three rows of a pose."""
    transforms(tmp_path)
    data = json.loads((tmp_path / "transforms.json").read_text())
    frames = [
        {"file_path": f"./images/frame_{i}", "transform_matrix": frame["transform_matrix"][:3]}
        for i, frame in enumerate(data["frames"])
    ]
    (tmp_path / "transforms.json").write_text(json.dumps({"camera_angle_x": math.radians(60), "frames": frames}))
    found = read_posed_images(tmp_path)
    focal = 24 / math.tan(math.radians(30))
    assert found.lens == pytest.approx(np.tile((focal, focal, 24.0, 16.0), (4, 1)))
    assert found.cam_to_world == pytest.approx(POSES, abs=1e-6)


def test_depth_beside_pictures_and_pictures_that_were_scaled(tmp_path):
    own = {i: {"depth_file_path": f"depth_{i}.png"} for i in range(4)}
    found = read_posed_images(transforms(tmp_path, own, w=96, h=64))
    assert found.lens == pytest.approx(np.tile(np.array(LENS) / 2, (4, 1)))
    assert found.depth[:, 0, 0] == pytest.approx([1, 2, 3, 4])
    assert found.depth.shape == (4, 32, 48)


def test_clips_of_the_published_layout(tmp_path):
    latents = np.random.default_rng(0).normal(size=(1, 16, 2, 4, 6)).astype(np.float32)
    found = read_posed_images(published(tmp_path, kept=[0, 2, 8], latents=latents))
    assert [round((float(frame.mean()) - 20) / 20) for frame in found.frames] == [0, 2, 8]
    assert found.name == "clip"
    assert found.cam_to_world[2] == pytest.approx(look_at((0.8, 0, -3), (0, 0, 0)), abs=1e-6)
    assert found.lens == pytest.approx(np.tile(LENS, (3, 1)))
    assert np.array_equal(found.latents, latents[0])
    chosen = read_posed_images(tmp_path, "clip", which=[1])
    assert np.array_equal(chosen.frames[0], found.frames[1])


def test_a_latent_may_be_a_tensor_and_need_not_be_there(tmp_path):
    assert read_posed_images(published(tmp_path)).latents is None
    found = read_posed_images(published(tmp_path, latents=torch.ones(1, 16, 2, 4, 6)))
    assert found.latents.shape == (16, 2, 4, 6)


class Harmful:
    def __reduce__(self):
        return print, ("run",)


def test_nothing_in_a_pickle_runs(tmp_path, capsys):
    published(tmp_path, latents=Harmful())
    with pytest.raises(InvalidRequest, match=r"clip.pkl: cannot be read as an array saved by torch"):
        read_posed_images(tmp_path)
    assert "run" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"k1": 0.02}, r"frame 0: lenses must not distort, got k1 = 0.02"),
        ({"camera_model": "OPENCV_FISHEYE"}, r"frame 0: lenses must be pinholes, got 'OPENCV_FISHEYE'"),
        ({"w": 48, "h": 48}, r"frame_0.png: is 48 x 32 pixels, and its camera is for 48 x 48"),
        ({"frames": {1: {"file_path": "images/none.png"}}}, r"names the picture 'images/none.png', but there is no"),
        ({"frames": {1: {"transform_matrix": [[2, 0, 0, 0]] * 4}}}, r"frame 1: Camera.cam_to_world must turn and move"),
        ({"frames": {1: {"transform_matrix": [1, 2]}}}, r"frame 1: transform_matrix must be 4 x 4, got shape \(2,\)"),
        ({"frames": {3: {"fl_x": "wide"}}}, r"frame 3: could not convert string to float"),
    ],
)
def test_transforms_that_cannot_be_used_say_why(tmp_path, changed, told):
    with pytest.raises(InvalidRequest, match=told):
        read_posed_images(transforms(tmp_path, **changed))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "cannot be read as JSON"),
        ("[]", "must hold an object of cameras"),
        ('{"frames": []}', "frames must be a list of one object or more"),
        ('{"frames": [{"file_path": "images/frame_0.png"}]}', "frame 0: transform_matrix is missing"),
        ('{"frames": [{}]}', "frame 0: file_path is missing"),
    ],
)
def test_damaged_transforms_say_why(tmp_path, text, told):
    transforms(tmp_path)
    (tmp_path / "transforms.json").write_text(text)
    with pytest.raises(InvalidRequest, match=told):
        read_posed_images(tmp_path)


def test_transforms_without_a_focal_length_say_so(tmp_path):
    transforms(tmp_path)
    data = json.loads((tmp_path / "transforms.json").read_text())
    del data["fl_x"]
    (tmp_path / "transforms.json").write_text(json.dumps(data))
    with pytest.raises(InvalidRequest, match=r"frame 0: needs fl_x \[px\] or camera_angle_x"):
        read_posed_images(tmp_path)


def test_pictures_of_several_sizes_are_refused(ours):
    save(ours / "view_2.png", picture(2, (96, 64)))
    with pytest.raises(InvalidRequest, match=r"view_2.png: pictures must be of one size, 48 x 32, got 96 x 64"):
        read_posed_images(ours)


@pytest.mark.parametrize("which", [[], [4], [-1]])
def test_pictures_that_there_are_not_are_refused(ours, which):
    with pytest.raises(InvalidRequest, match="has pictures 0 to 3"):
        read_posed_images(ours, which=which)


def test_folders_without_cameras_are_refused(tmp_path):
    with pytest.raises(InvalidRequest, match=r"must hold transforms\.json"):
        read_posed_images(tmp_path)
    with pytest.raises(InvalidRequest, match="must be a folder of pictures"):
        read_posed_images(tmp_path / "none")


def test_clips_that_cannot_be_used_say_why(tmp_path):
    published(tmp_path)
    with pytest.raises(InvalidRequest, match="has no clip 'other'; known: clip"):
        read_posed_images(tmp_path, "other")
    with pytest.raises(InvalidRequest, match="clip clip has frames 0 to 8"):
        read_posed_images(tmp_path, which=[9])
    np.savez(tmp_path / "intrinsics" / "clip.npz", data=np.tile(LENS, (2, 1)), inds=np.array([0, 1]))
    with pytest.raises(InvalidRequest, match="poses and lenses of different frames"):
        read_posed_images(tmp_path)
    np.savez(tmp_path / "intrinsics" / "clip.npz", data=np.tile(LENS, (9, 1)), inds=np.arange(9)[::-1])
    with pytest.raises(InvalidRequest, match="inds must rise"):
        read_posed_images(tmp_path)
    (tmp_path / "intrinsics" / "clip.npz").write_bytes(b"PK\x03\x04half")
    with pytest.raises(InvalidRequest, match="must hold the arrays data and inds"):
        read_posed_images(tmp_path)
    (tmp_path / "intrinsics" / "clip.npz").unlink()
    with pytest.raises(InvalidRequest, match=r"intrinsics.clip.npz: is missing"):
        read_posed_images(tmp_path)


def test_a_clip_with_more_cameras_than_frames_is_refused(tmp_path):
    published(tmp_path, count=5)
    for name, data in (("pose", POSES[[0] * 9]), ("intrinsics", np.tile(LENS, (9, 1)))):
        np.savez(tmp_path / name / "clip.npz", data=data, inds=np.arange(9))
    with pytest.raises(InvalidRequest, match=r"clip.mp4: must have 9 frames or more"):
        read_posed_images(tmp_path)


def test_one_of_several_clips_must_be_named(tmp_path):
    published(tmp_path)
    np.savez(tmp_path / "pose" / "b.npz", data=POSES, inds=np.arange(4))
    with pytest.raises(InvalidRequest, match="has 2 clips, and one must be named; known: b, clip"):
        read_posed_images(tmp_path)

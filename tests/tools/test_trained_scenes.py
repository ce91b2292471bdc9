"""Scenes out of an optimiser: pictures show the surface, and Gaussians come nearer to the pictures."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh

from lyra_backend.io.splats import read_splats
from lyra_backend.kernels.mesh_distance import MeshTree

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))

import trained_scenes
from known_scenes.optimiser import _Adam, _densified, _start, optimised
from known_scenes.photographs import photographs, seen_by
from known_scenes.rooms import indoor
from known_scenes.solids import surface


@pytest.fixture(scope="module")
def room():
    solids = indoor(np.random.default_rng([9, 0]), False)
    return solids, surface(solids)


@pytest.fixture(scope="module")
def taken(room):
    return photographs(*room, 4, np.random.default_rng(1))


def test_pictures_are_of_the_surface(room, taken) -> None:
    """From free places, with texture, and the same every time."""
    tree = MeshTree(np.asarray(room[1].vertices), np.asarray(room[1].faces))
    again = photographs(*room, 2, np.random.default_rng(1))
    for photograph, other in zip(taken, again, strict=False):
        assert tree.closest(photograph.camera.position[None]).distance[0] > 0.35
        assert photograph.rgb.std() > 0.02
        assert np.array_equal(photograph.rgb, other.rgb)


def test_what_pictures_show_is_counted(room, taken) -> None:
    """Triangles that one picture shows are where its rays end, and none behind the camera is counted."""
    seen = seen_by(taken[:1], room[1])
    pose = taken[0].camera.cam_to_world.astype(float)
    ahead = (np.asarray(room[1].triangles_center) - pose[:3, 3]) @ pose[:3, 2]
    assert 0 < (seen > 0).mean() < 0.6
    assert (ahead[seen > 0] > 0).all()


def test_gaussians_come_nearer_to_the_pictures(room, taken) -> None:
    points = trimesh.sample.sample_surface(room[1], 1000, seed=1)[0]
    losses: list[float] = []
    splats, colour = optimised(taken[:1], np.asarray(points), 60, 0, lambda step, loss, count: losses.append(loss))
    assert losses[-1] < 0.9 * losses[0]
    assert len(splats.positions) == len(colour) == 1000


def test_what_is_pulled_at_becomes_two_and_what_is_faint_goes() -> None:
    values = _start(np.random.default_rng(2).random((5, 3)))
    values["scales"][0] = np.log(0.5)  # large: split
    values["scales"][1] = np.log(1e-3)  # small: cloned
    values["opacities"][2] = -9.0
    kept = _densified(values, _Adam(1.0), torch.tensor([1.0, 1.0, 1.0, 0.0, 0.0]), 1.0)
    assert len(kept["positions"]) == 6  # 3 and 4, two of 1, two halves of 0
    assert torch.equal(kept["positions"][0], values["positions"][1])
    assert torch.equal(kept["positions"][3], values["positions"][1])
    assert torch.allclose(kept["scales"][-2:].exp(), torch.tensor(0.5 / 1.6))
    assert (kept["positions"][-2:] != values["positions"][0]).all()


def test_a_scene_is_written_whole(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(trained_scenes, "_START_COUNT", 300)
    monkeypatch.setattr(trained_scenes, "_PICTURES", 1)
    scene = trained_scenes.make(tmp_path, "one", np.random.default_rng([9, 0]), pictures=2, steps=3)
    assert 0 < scene["shown_share"] <= 1
    truth = trimesh.load(tmp_path / str(scene["gt_mesh"]), force="mesh", process=False)
    assert truth.area == pytest.approx(scene["gt_area_m2"], rel=1e-3)
    assert read_splats(tmp_path / "one.ply").value.count == scene["gaussians"]

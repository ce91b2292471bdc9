"""Scenes whose surface is known: the truth must be true, and the verdicts of the gauge those that are stated."""

import sys
from pathlib import Path

import numpy as np
import pytest
import trimesh

from lyra_backend.io.splats import read_splats
from lyra_backend.kernels.mesh_distance import mesh_distance

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))

from collider_gauge import Row
from known_scenes.files import make
from known_scenes.solids import box, inside, surface

ROOM = {"id": "shell", "type": "room", "size": [4.0, 3.0, 2.5], "origin": [0.0, 0.0, 0.0]}
CRATE = box("crate", [1.0, 1.0, 0.0], [2.0, 1.5, 0.8])


@pytest.mark.parametrize("roofed", [True, False])
def test_what_furniture_hides_is_no_surface(roofed):
    mesh = surface([{**ROOM, "ceiling": roofed}, CRATE])
    walls, plan = 2 * (4.0 + 3.0) * 2.5, 4.0 * 3.0
    crate = 2 * (1.0 + 0.5) * 0.8  # its top takes the place of the floor below it
    assert mesh.area == pytest.approx(walls + plan * (2 if roofed else 1) + crate, rel=1e-6)
    before = mesh.triangles_center + 1e-3 * mesh.face_normals
    assert not any(inside(solid, before).any() for solid in ({**ROOM, "ceiling": roofed}, CRATE))


@pytest.mark.parametrize("kind", ["rooms", "terrain", "street", "optimised"])
def test_scenes_are_repeatable_and_lie_on_their_surface(kind, tmp_path):
    scenes = [make(tmp_path, name, kind, np.random.default_rng([7, 1])) for name in ("a", "b")]
    assert (tmp_path / "a.ply").read_bytes() == (tmp_path / "b.ply").read_bytes()
    cloud, look = read_splats(tmp_path / "a.ply").value, scenes[0]["look"]
    assert cloud.count == scenes[0]["gaussians"]
    floating = np.load(tmp_path / "a_gt.npz")["is_floater"]
    truth = trimesh.load(tmp_path / "a_gt.ply", force="mesh", process=False)
    some = np.flatnonzero(~floating)[::100]
    off = mesh_distance(np.asarray(truth.vertices), np.asarray(truth.faces), cloud.positions[some]).distance
    assert np.quantile(off, 0.5) < 2.0 * (look["offset_noise"] + look["bias"])


@pytest.mark.parametrize(
    ("true", "stated", "good", "low"),
    [
        (0.010, 0.0125, True, False),
        (0.002, 0.0045, True, False),
        (0.010, 0.0140, False, False),
        (0.020, 0.0090, False, True),
        (0.004, 0.0015, False, True),
        (0.010, float("nan"), False, True),
    ],
)
def test_verdicts(true, stated, good, low):
    row = Row("scene", 0.0, true, 0.0, stated, 1.0)
    assert (row.is_good, row.is_low) == (good, low)

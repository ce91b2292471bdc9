"""The yardstick itself: the truth passes, what robots would fall over or through does not."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pytest
import trimesh

from lyra_backend.io.textured_mesh import write_textured_mesh
from lyra_backend.types import TexturedMesh, TexturedPart

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))

import collider_accuracy

Mesh = collider_accuracy.Mesh


def as_mesh(*parts: trimesh.Trimesh) -> Mesh:
    joined = trimesh.util.concatenate([p.subdivide_to_size(0.3) for p in parts])
    return np.asarray(joined.vertices), np.asarray(joined.faces)


def room() -> trimesh.Trimesh:
    shell = trimesh.creation.box((4.0, 3.0, 2.5))
    shell.apply_translation((0, 0, 1.25))
    shell.invert()
    return shell


def crate(height: float = 0.8) -> trimesh.Trimesh:
    box = trimesh.creation.box((0.8, 0.8, height))
    box.apply_translation((0.7, 0.3, height / 2))
    return box


@pytest.fixture(scope="module")
def truth() -> Mesh:
    return as_mesh(room(), crate())


def test_truth_passes_against_itself(truth: Mesh) -> None:
    accuracy = collider_accuracy.measure(truth, truth)
    assert accuracy.failures() == []
    assert accuracy.covered == 1.0
    assert accuracy.floor_mean_m < 1e-4
    assert accuracy.phantom_m2 == 0.0


def test_flat_plane_fails(truth: Mesh) -> None:
    plane = as_mesh(trimesh.Trimesh([(-9, -9, 0), (9, -9, 0), (9, 9, 0), (-9, 9, 0)], [(0, 1, 2), (0, 2, 3)]))
    assert any("covered" in f for f in collider_accuracy.measure(plane, truth).failures())


def test_raised_floor_fails(truth: Mesh) -> None:
    raised = truth[0] + np.where(truth[0][:, 2:] < 0.01, (0, 0, 0.04), 0.0)
    accuracy = collider_accuracy.measure((raised, truth[1]), truth)
    assert accuracy.floor_mean_m == pytest.approx(0.04, abs=0.005)
    assert any("floor_mean_m" in f for f in accuracy.failures())


def test_phantom_block_fails(truth: Mesh) -> None:
    block = trimesh.creation.box((1.5, 1.5, 1.5))
    block.apply_translation((-1.0, -0.5, 1.4))
    accuracy = collider_accuracy.measure(as_mesh(room(), crate(), block), truth)
    assert any("free_wrong" in f for f in accuracy.failures())
    assert accuracy.phantom_m2 > 5


def test_inverted_walls_fail(truth: Mesh) -> None:
    accuracy = collider_accuracy.measure((truth[0], truth[1][:, ::-1]), truth)
    assert any("free_wrong" in f for f in accuracy.failures())


def test_hole_in_the_floor_fails(truth: Mesh) -> None:
    centres = truth[0][truth[1]].mean(axis=1)
    hole = (centres[:, 2] < 0.01) & (centres[:, 0] < -0.5)
    accuracy = collider_accuracy.measure((truth[0], truth[1][~hole]), truth)
    assert any("floor_missing" in f for f in accuracy.failures())


def test_glb_of_this_package_and_of_others(truth: Mesh, tmp_path: Path) -> None:
    """glTF is Y up: a scene comes back the same whoever wrote it."""
    part = TexturedPart(
        "room",
        truth[0],
        truth[1],
        np.zeros((len(truth[0]), 2)),
        np.zeros((2, 2, 3), np.uint8),
        np.zeros(len(truth[1]), np.uint16),
    )
    write_textured_mesh(TexturedMesh((part,)), tmp_path / "truth.glb")
    upright = trimesh.Trimesh(truth[0][:, [0, 2, 1]] * (1.0, 1.0, -1.0), truth[1], process=False)
    upright.export(tmp_path / "foreign.glb")
    for name in ("truth.glb", "foreign.glb"):
        vertices, triangles = collider_accuracy.read_mesh(tmp_path / name)
        np.testing.assert_allclose(vertices[triangles], truth[0][truth[1]], atol=1e-6)


def test_files_without_a_surface_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trimesh.creation.box().export(tmp_path / "box.obj")
    (tmp_path / "noise.glb").write_bytes(b"glTF and then nothing")
    (tmp_path / "points.obj").write_text("v 0 0 0\nv 1 0 0\n")
    for name, message in (
        ("noise.glb", "cannot be read as a mesh"),
        ("points.obj", "holds no triangles|cannot be read"),
        ("absent.obj", "does not exist"),
    ):
        with pytest.raises(SystemExit) as ended:
            collider_accuracy.main([str(tmp_path / "box.obj"), str(tmp_path / name)])
        assert ended.value.code == 2
        said = capsys.readouterr().err
        assert name in said
        assert re.search(message, said)

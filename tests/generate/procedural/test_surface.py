import dataclasses

import numpy as np
import pytest

from lyra_backend.errors import InvalidRequest
from lyra_backend.generate.procedural.elements import Material
from lyra_backend.generate.procedural.surface import surface_from
from lyra_backend.kernels.occlusion import unblocked
from lyra_backend.progress import Progress

from .scenes import area, ball, box, room, sheet


def surface(elements, seed=0):
    return surface_from(elements, seed, Progress())


def test_a_box_on_the_floor_loses_its_bottom_and_the_floor_under_it():
    mesh = surface([*room(), box("crate", (1.0, 0.8, 0.5), (2, 1.5, 0))])
    assert mesh.class_names[0] == "unknown"
    assert list(mesh.class_names[1:]) == sorted(mesh.class_names[1:])
    assert area(mesh, "crate") == pytest.approx(0.8 + 2 * 0.5 * 1.8, abs=1e-4)
    assert area(mesh, "floor") == pytest.approx(12 - 0.8, abs=1e-4)


def test_a_turned_box_leaves_no_more_than_a_rim_of_hidden_floor():
    mesh = surface([*room(), box("crate", (1.0, 0.8, 0.5), (2, 1.5, 0), yaw_deg=30)])
    assert area(mesh, "crate") == pytest.approx(2.6, abs=1e-4)
    hidden = area(mesh, "floor") - (12 - 0.8)
    assert 0 < hidden < 3.6 * 0.06


def test_a_stack_of_boxes_keeps_what_is_seen_of_each():
    mesh = surface([box("low", (1, 1, 1), (0, 0, 0)), box("high", (0.5, 0.5, 0.5), (0.1, 0, 1))])
    assert area(mesh, "low") == pytest.approx(6 - 0.25, abs=1e-4)
    assert area(mesh, "high") == pytest.approx(5 * 0.25, abs=1e-4)


def test_parts_sunk_into_floor_and_walls_are_cut_off():
    sunk = box("post", (0.2, 0.2, 1.0), (1, 1, -0.3))
    flush = box("picture", (0.6, 0.05, 0.4), (2, 0.02, 1.2))
    mesh = surface([*room(), sunk, flush])
    assert area(mesh, "post") == pytest.approx(0.04 + 0.8 * 0.7, abs=1e-3)
    assert area(mesh, "picture") == pytest.approx(0.24 + 2 * 0.045 * 1.0, abs=1e-3)


def test_nothing_that_is_seen_gets_lost_and_nothing_buried_stays():
    elements = [*room(), ball("ball", 0.3, (1, 1, 0.2)), box("crate", (0.5, 0.5, 0.4), (1.1, 1.0, 0), 20)]
    mesh = surface(elements)
    corners = np.concatenate([p.vertices[p.triangles] for p in mesh.parts]).astype(float)
    vertices, triangles = corners.reshape(-1, 3), np.arange(3 * len(corners)).reshape(-1, 3)
    rng = np.random.default_rng(0)
    ways = rng.normal(size=(4000, 3))
    eye = np.array([2.5, 2.0, 1.5])
    rays = np.tile(eye, (4000, 1)), eye + 20 * ways / np.linalg.norm(ways, axis=1, keepdims=True)
    assert not unblocked(vertices, triangles, *rays).any()
    assert area(mesh, "ball") < 4 * np.pi * 0.3**2 * (0.5 / 0.6)


def test_a_lone_sheet_and_a_lone_box_stay_whole():
    mesh = surface([sheet("floor", [(0, 0, 0), (2, 0, 0), (2, 1, 0), (0, 1, 0)])])
    assert area(mesh) == pytest.approx(2.0)
    assert sum(len(p.triangles) for p in mesh.parts) == 2
    assert area(surface([box("crate", (1, 2, 3), (0, 0, 0))])) == pytest.approx(22, rel=1e-6)


def test_textures_have_their_size_and_follow_the_long_side():
    plank = box("plank", (0.2, 3.0, 0.1), (0, 0, 0), material=Material("wood_grain", (0.6, 0.4, 0.3), None, 0.5))
    part = surface([plank]).parts[0]
    corners, uvs = part.vertices[part.triangles].astype(float), part.uvs[part.triangles].astype(float)
    edges, moved = np.diff(corners, axis=1), np.diff(uvs, axis=1)
    assert np.linalg.norm(moved, axis=2) * 0.5 == pytest.approx(np.linalg.norm(edges, axis=2), abs=1e-5)
    along = np.abs(edges[..., 1]) > 2.9
    assert np.abs(moved[along][:, 0]).min() == pytest.approx(6, abs=1e-4)


def test_pictures_fill_their_face_upright():
    picture = box("picture", (0.9, 0.02, 0.6), (0, 0, 1), material=Material("paper_picture", (0.2, 0.4, 0.6)))
    part = surface([picture]).parts[0]
    corners, uvs = part.vertices[part.triangles], part.uvs[part.triangles]
    front = (np.abs(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])[:, 1]) > 1e-3) & (
        corners[:, :, 1].max(axis=1) < 0
    )
    assert uvs[front].min() == pytest.approx(0.004, abs=1e-5)
    assert uvs[front].max() == pytest.approx(0.996, abs=1e-5)
    x, z = corners[front][..., 0].ravel(), corners[front][..., 2].ravel()
    assert np.corrcoef(x, uvs[front][..., 0].ravel())[0, 1] > 0.99
    assert np.corrcoef(z, uvs[front][..., 1].ravel())[0, 1] > 0.99


def test_equal_requests_give_equal_meshes():
    elements = [*room(), box("crate", (1.0, 0.8, 0.5), (2, 1.5, 0), yaw_deg=30)]
    one, two = surface(elements, 5), surface(elements, 5)
    for a, b in zip(one.parts, two.parts, strict=True):
        assert a.name == b.name
        assert all((getattr(a, n) == getattr(b, n)).all() for n in ("vertices", "triangles", "uvs", "texture"))


def test_broken_elements_are_refused():
    with pytest.raises(InvalidRequest, match="at least one element"):
        surface([])
    good = box("crate", (1, 1, 1), (0, 0, 0))
    with pytest.raises(InvalidRequest, match="index its 8 vertices"):
        surface([dataclasses.replace(good, triangles=np.array([[0, 1, 8]]))])
    with pytest.raises(InvalidRequest, match="finite"):
        surface([dataclasses.replace(good, pose=np.full((4, 4), np.nan))])

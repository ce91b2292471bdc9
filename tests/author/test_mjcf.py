"""What is written for MuJoCo loads in it, and bodies come to rest on it where they should."""

from __future__ import annotations

from pathlib import Path

import mujoco
import numpy as np
import pytest

from lyra_backend.author.materials import PhysicsMaterial
from lyra_backend.author.mjcf import write_mjcf
from lyra_backend.errors import InvalidRequest
from lyra_backend.types import (
    Approximation,
    CollisionPart,
    CollisionProxy,
    KinematicBody,
    Primitive,
    Role,
    Shape,
)

CUBE = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)])
FACES = np.array(
    [[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1], [2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4]]
    + [[1, 5, 7], [1, 7, 3]]
)
QUARTER = np.array([np.cos(np.pi / 8), 0.0, 0.0, np.sin(np.pi / 8)])  # 45 degrees about z


def hull(name: str, center: tuple[float, float, float], size: tuple[float, float, float], **more: object):
    points = CUBE * size + center
    given = {"role": Role.PIECE, "approximation": Approximation.CONVEX_HULL, **more}
    return CollisionPart(name, points, FACES, **given)


def shape(name: str, kind: Shape, center: tuple, size: tuple, quat: np.ndarray | None = None, **more: object):
    body = Primitive(kind, np.array(center), np.array([1.0, 0, 0, 0]) if quat is None else quat, np.array(size))
    return hull(name, center, size, primitive=body, **more)


def load(proxy: CollisionProxy, folder: Path):
    names = write_mjcf(proxy, PhysicsMaterial(0.9, 0.7), folder)
    model = mujoco.MjModel.from_xml_path(str(folder / names[0]))
    return model, mujoco.MjData(model)


def fall(model, data, seconds: float = 2.0) -> None:
    for _ in range(round(seconds / model.opt.timestep)):
        mujoco.mj_step(model, data)


FLOOR = shape("slab_1", Shape.BOX, (0, 0, -0.1), (6, 6, 0.2))
BALL = {"role": Role.OBJECT, "body": "ball", "dynamic": True, "mass_kg": 0.4, "friction": 0.5}
CRATE = {"role": Role.OBJECT, "body": "crate", "dynamic": True}


def test_bodies_rest_on_pieces_with_their_masses_and_friction(tmp_path: Path) -> None:
    thin = hull("hull_1", (1.5, 0, 0.3), (1, 1, 0.004))  # too thin to have a volume worth the name
    ball = shape("ball_1", Shape.SPHERE, (1.5, 0, 0.5), (0.2, 0.2, 0.2), **BALL)
    crate = [
        shape("crate_1", Shape.BOX, (-1, 0, 0.31), (0.4, 0.4, 0.4), QUARTER, mass_kg=2.0, **CRATE),
        hull("crate_2", (-1, 0, 0.61), (0.2, 0.2, 0.2), mass_kg=0.5, **CRATE),
    ]
    model, data = load(CollisionProxy((FLOOR, thin, ball, *crate), "convex", {}), tmp_path)
    assert model.body("scene_ball").mass == pytest.approx(0.4)
    assert model.body("scene_crate").mass == pytest.approx(2.5)
    assert model.geom("scene_ball_1").friction[0] == pytest.approx(0.5)
    assert model.geom("scene_slab_1").friction[0] == pytest.approx(0.7)
    fall(model, data)
    assert data.body("scene_ball").xpos[2] == pytest.approx(0.302, abs=2e-3)  # its base, as in USD
    assert data.body("scene_crate").xpos[2] == pytest.approx(0.0, abs=2e-3)
    assert np.abs(data.qvel).max() < 1e-2


def test_places_and_turns_are_those_of_the_proxy(tmp_path: Path) -> None:
    tower = shape("tower", Shape.CYLINDER, (1, 2, 0.75), (0.6, 0.6, 1.5))
    model, data = load(
        CollisionProxy((FLOOR, tower, hull("block", (-1, -2, 0.2), (0.4, 1, 0.4))), "convex", {}), tmp_path
    )
    mujoco.mj_forward(model, data)
    down, hit = np.array([0.0, 0.0, -1.0]), np.zeros(1, np.int32)

    def top(x: float, y: float) -> float:
        start = np.array([x, y, 5.0])
        return 5.0 - float(mujoco.mj_ray(model, data, start, down, None, 1, -1, hit))

    assert top(1.29, 2) == pytest.approx(1.5, abs=1e-4)
    assert top(1.31, 2) == pytest.approx(0.0, abs=1e-4)
    assert top(-0.81, -2.4) == pytest.approx(0.4, abs=1e-4)
    assert top(-0.79, -2.4) == pytest.approx(0.0, abs=1e-4)


def heights(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return 0.3 * np.sin(1.5 * x) + 0.1 * y - 0.4


def terrain() -> CollisionProxy:
    """A hill that rises along y, of 5 by 4 m, with one corner cut off and a wall along one side."""
    i, j = np.meshgrid(np.arange(51), np.arange(41), indexing="ij")
    keep = ~((i > 40) & (j > 30))
    number = np.where(keep, np.cumsum(keep.ravel()).reshape(keep.shape) - 1, -1)
    x, y = 0.1 * i[keep] - 2.0, 0.1 * j[keep] + 1.0
    cells = np.stack([number[:-1, :-1], number[1:, :-1], number[1:, 1:], number[:-1, 1:]], axis=-1).reshape(-1, 4)
    cells = cells[(cells >= 0).all(axis=1)]
    points = np.column_stack([x, y, heights(x, y)])
    side = number[0]
    wall = points[side] + [0, 0, 0.8]
    top = np.arange(len(side)) + len(points)
    triangles = [cells[:, [0, 1, 2]], cells[:, [0, 2, 3]], np.column_stack([side[:-1], side[1:], top[1:]])]
    part = CollisionPart("environment", np.concatenate([points, wall]), np.concatenate(triangles))
    return CollisionProxy((part,), "heightfield", {})


def test_terrain_is_a_height_field_with_a_rim(tmp_path: Path) -> None:
    model, data = load(terrain(), tmp_path)
    mujoco.mj_forward(model, data)
    assert model.nhfield == 1
    rng = np.random.default_rng(0)
    places = np.column_stack([rng.uniform(-1.9, 1.9, 200), rng.uniform(1.1, 3.9, 200)])
    hit = np.zeros(1, np.int32)

    def height(x: float, y: float) -> float:
        return 9.0 - float(mujoco.mj_ray(model, data, np.array([x, y, 9.0]), np.array([0, 0, -1.0]), None, 1, -1, hit))

    found = np.array([height(x, y) for x, y in places])
    assert np.abs(found - heights(*places.T)).max() < 2e-3  # 0.1 m of facets
    assert height(-2.09, 2.0) > heights(np.array(-2.0), np.array(2.0)) + 0.8
    assert height(2.9, 4.9) > heights(np.array(2.0), np.array(4.0)) + 0.8  # the corner that is not there


def test_ground_among_pieces_is_a_height_field_and_they_stand_in_it(tmp_path: Path) -> None:
    (surface,) = terrain().parts
    ground = CollisionPart("ground", surface.vertices, surface.triangles, role=Role.PIECE)
    rock = hull("rock", (0.0, 3.0, 0.0), (0.6, 0.6, 1.0))
    environment = CollisionPart("environment", surface.vertices, surface.triangles)
    model, data = load(CollisionProxy((environment, ground, rock), "surface", {}), tmp_path)
    mujoco.mj_forward(model, data)
    assert model.nhfield == 1
    assert [model.geom(i).name for i in range(model.ngeom)] == ["scene_ground", "scene_rock"]
    hit = np.zeros(1, np.int32)

    def height(x: float, y: float) -> float:
        return 9.0 - float(mujoco.mj_ray(model, data, np.array([x, y, 9.0]), np.array([0, 0, -1.0]), None, 1, -1, hit))

    assert height(0.2, 2.8) == pytest.approx(0.5, abs=1e-4)
    assert height(1.0, 2.0) == pytest.approx(heights(np.array(1.0), np.array(2.0)), abs=2e-3)


def test_what_is_carried_along_is_a_mocap_body(tmp_path: Path) -> None:
    part = hull("van", (1, 0, 1), (1, 1, 1), role=Role.OBJECT, body="van_body")
    quats = np.tile([1.0, 0, 0, 0], (2, 1))
    van = KinematicBody(part, (0.0, 1.0), np.array([[1, 0, 0.5], [2, 0, 0.5]]), quats, 0.01)
    model, data = load(CollisionProxy((FLOOR,), "convex", {}, kinematic=(van,)), tmp_path)
    mujoco.mj_forward(model, data)
    assert model.nmocap == 1
    assert data.mocap_pos[0].tolist() == pytest.approx([1, 0, 0.5])
    np.testing.assert_allclose(data.geom("scene_van").xpos, [1, 0, 1], atol=1e-6)


def test_colliders_without_pieces_are_refused(tmp_path: Path) -> None:
    bare = CollisionPart("environment", CUBE, FLOOR.triangles)
    with pytest.raises(InvalidRequest, match="'surface' without pieces"):
        write_mjcf(CollisionProxy((bare,), "surface", {}), PhysicsMaterial(), tmp_path)


def test_same_scene_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write_mjcf(terrain(), PhysicsMaterial(), tmp_path / name)
    for file in ("scene.xml", "scene_ground.hfield"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()

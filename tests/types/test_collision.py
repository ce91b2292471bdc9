"""Colliders say what they stand for, and move as one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lyra_backend.errors import InvalidRequest
from lyra_backend.types import (
    Approximation,
    CollisionPart,
    CollisionProxy,
    KinematicBody,
    Primitive,
    Role,
    Shape,
    Similarity,
)
from lyra_backend.types.rotations import matrix_from_quat

CORNERS = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], np.float32)
TRIANGLE = np.array([[0, 1, 2]])
CYLINDER = Primitive(Shape.CYLINDER, np.array([1.0, 2.0, 0.5]), np.array([1.0, 0, 0, 0]), np.array([0.4, 0.4, 1.0]))


def part(name: str = "p", **kind: object) -> CollisionPart:
    return CollisionPart(name, CORNERS, TRIANGLE, **kind)  # type: ignore[arg-type]


def moving(name: str = "crate") -> CollisionPart:
    kind = {"approximation": Approximation.CONVEX_HULL, "role": Role.OBJECT, "body": name}
    return part(name, dynamic=True, mass_kg=2.0, **kind)


def test_primitives_know_their_volume() -> None:
    assert CYLINDER.volume_m3 == pytest.approx(np.pi * 0.2**2)
    assert replace(CYLINDER, shape=Shape.BOX).volume_m3 == pytest.approx(0.16)
    assert replace(CYLINDER, shape=Shape.SPHERE, size=np.ones(3)).volume_m3 == pytest.approx(np.pi / 6)


def test_a_primitive_moves_like_the_points_of_its_axis() -> None:
    turn = Similarity.build(2.0, [np.cos(0.4), np.sin(0.4), 0, 0], (1, 2, 3))
    ends = np.array([[1.0, 2.0, 0.0], [1.0, 2.0, 1.0]])
    moved = CYLINDER.transformed(turn)
    axis = matrix_from_quat(moved.quat_wxyz[None].astype(float))[0][:, 2] * moved.size[2] / 2
    assert np.allclose([moved.center - axis, moved.center + axis], turn.apply(ends), atol=1e-6)
    assert np.allclose(moved.size, [0.8, 0.8, 2.0])


def test_the_whole_is_counted_once() -> None:
    static, structure, piece = part("e"), part("s", role=Role.STRUCTURE), part("c", role=Role.PIECE)
    fixed = replace(moving("f"), dynamic=False)
    names = [p.name for p in CollisionProxy((static, structure, piece, fixed, moving()), "surface", {}).whole()]
    assert names == ["e", "crate"]
    assert [p.name for p in CollisionProxy((piece, moving()), "convex", {}).whole()] == ["c", "crate"]
    assert len(CollisionProxy((static, structure, fixed), "surface", {}).whole()) == 1


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ({"role": Role.OBJECT}, "body"),
        ({"body": "crate"}, "body"),
        ({"dynamic": True}, "convex objects"),
        ({"role": Role.OBJECT, "body": "b", "dynamic": True}, "convex objects"),
        ({"mass_kg": -1.0}, "mass"),
        ({"mass_kg": float("nan")}, "mass"),
    ],
)
def test_what_makes_no_sense_is_explained(kind: dict[str, object], says: str) -> None:
    with pytest.raises(InvalidRequest, match=says):
        part(**kind)


def test_primitives_need_a_size() -> None:
    with pytest.raises(InvalidRequest, match="sizes"):
        replace(CYLINDER, size=np.array([1.0, 0.0, 1.0]))


# -- what is carried along --------------------------------------------------------------------------------------------


def carried_part(**changes: object) -> CollisionPart:
    tetrahedron = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], np.float32)
    faces = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])
    kind = {"approximation": Approximation.CONVEX_HULL, "role": Role.OBJECT, "body": "moving_1"}
    return CollisionPart("moving_1", tetrahedron, faces, **{**kind, **changes})


def test_a_path_moves_with_its_world() -> None:
    half = 0.5**0.5
    path = np.array([[1.0, 0, 0], [2.0, 0, 0]])
    body = KinematicBody(carried_part(), (0.0, 1.0), path, np.array([[1.0, 0, 0, 0], [half, half, 0, 0]]), 0.01)
    turn = Similarity.build(2.0, [[0, -1, 0], [1, 0, 0], [0, 0, 1]], (0, 0, 3))
    moved = CollisionProxy((), "surface", {}, kinematic=(body,)).transformed(turn).kinematic[0]
    np.testing.assert_allclose(moved.positions, [[0, 2, 3], [0, 4, 3]], atol=1e-6)
    np.testing.assert_allclose(moved.part.vertices[1], [0, 2, 3], atol=1e-6)
    # a turn about x is one about y in the turned world
    np.testing.assert_allclose(np.abs(moved.quats_wxyz), [[1, 0, 0, 0], [half, 0, half, 0]], atol=1e-6)
    assert moved.error_m == 0.01


@pytest.mark.parametrize(
    ("part", "times", "said"),
    [
        (carried_part(approximation=Approximation.MESH), (0.0,), "must be a convex object"),
        (carried_part(role=Role.PIECE, body=""), (0.0,), "must be a convex object"),
        (carried_part(), (), "at least one time"),
        (carried_part(), (0.0, 1.0), r"positions must have shape \(2, 3\)"),
    ],
)
def test_what_cannot_be_carried(part: CollisionPart, times: tuple[float, ...], said: str) -> None:
    count = min(len(times), 1)
    with pytest.raises(InvalidRequest, match=said):
        KinematicBody(part, times, np.zeros((count, 3)), np.tile([1.0, 0, 0, 0], (count, 1)), 0.0)

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

"""Places to start: on the floor, with room around them, far from each other, on nothing that has to be climbed."""

from __future__ import annotations

import numpy as np
import pytest

from lyra_backend.validate.standing_points import standing_points
from lyra_backend.validate.triangle_index import TriangleIndex

from .physics_rooms import box, merge, quad


def corners_of(*meshes: tuple) -> np.ndarray:
    points, triangles = merge(*meshes)
    return np.asarray(points, np.float64)[triangles]


def frustum(middle: tuple[float, float], base: float, top: float, height: float) -> tuple:
    """A block with slanting sides, as colliders have them: half sides `base` below and `top` above."""
    (x, y), sides = middle, ((-1, -1), (1, -1), (1, 1), (-1, 1))
    points = [(x + u * half, y + v * half, z) for half, z in ((base, 0.0), (top, height)) for u, v in sides]
    faces = [(4, 5, 6), (4, 6, 7), *((i, (i + 1) % 4, 4 + (i + 1) % 4) for i in range(4))]
    faces += [(i, 4 + (i + 1) % 4, 4 + i) for i in range(4)]
    return np.array(points), np.array(faces)


def test_points_keep_clear_of_everything_and_of_each_other() -> None:
    room = corners_of(quad((0, 0, 0), (5, 0, 0), (0, 4, 0)), box((2, 1, 0), (2.4, 1.4, 0.8)), box((0, 3, 0), (5, 4, 2)))
    points = standing_points(room, 12, 0.3)
    assert len(points) == 12
    for height in (0.32, 0.5, 0.7):
        assert TriangleIndex(room).are_free(points + [0, 0, height], 0.299).all()
    np.testing.assert_allclose(points[:, 2], 0.0, atol=1e-9)
    apart = np.linalg.norm(points[:, None] - points[None], axis=2) + 9 * np.eye(12)
    assert apart.min() >= 0.3
    np.testing.assert_array_equal(points, standing_points(room, 12, 0.3))
    np.testing.assert_array_equal(points[:5], standing_points(room, 5, 0.3))


@pytest.mark.parametrize("slant", [0.0, 0.1, 0.3])
def test_nobody_starts_on_a_bed_however_its_sides_slant(slant: float) -> None:
    """Steps from cell to cell are climbed by a robot of the physics check; here nothing is climbed."""
    bed = frustum((1.5, 1.5), 1.0, 1.0 - slant, 0.5)
    points = standing_points(corners_of(quad((0, 0, 0), (6, 0, 0), (0, 4, 0)), bed), 30, 0.2)
    assert len(points) == 30
    np.testing.assert_allclose(points[:, 2], 0.0, atol=1e-9)


def test_slopes_are_stood_on_up_to_twenty_degrees() -> None:
    for degrees, few in ((10, 8), (35, 0)):
        rise = 6 * np.tan(np.radians(degrees))
        slope = corners_of(quad((0, 0, 0), (6, 0, rise), (0, 6, 0)))
        points = standing_points(slope, 8, 0.3)
        assert len(points) == few
        np.testing.assert_allclose(points[:, 2], points[:, 0] * rise / 6, atol=1e-6)


def test_nobody_starts_on_the_brink() -> None:
    """A ball beside an edge is free of everything; a robot would tip over."""
    dock = corners_of(quad((0, 0, 1), (4, 0, 0), (0, 4, 0)), quad((4, 0, 0), (4, 0, 0), (0, 4, 0)))
    points = standing_points(dock, 40, 0.3)
    on_dock = points[points[:, 2] > 0.5]
    assert (np.abs(points[:, 0] - 4.0) >= 0.25).all()
    assert len(on_dock) in (0, len(points)), "one piece of floor, not both"


def test_there_may_be_no_place_at_all() -> None:
    assert standing_points(corners_of(quad((0, 0, 0), (0, 3, 0), (0, 0, 2))), 4, 0.3).shape == (0, 3)
    cupboard = merge(quad((0, 0, 0), (1, 0, 0), (0, 1, 0)), box((0.1, 0.1, 0), (0.9, 0.9, 0.3)))
    assert standing_points(corners_of(cupboard), 4, 0.45).shape == (0, 3)

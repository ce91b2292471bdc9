"""The floor raster against exact geometry, and the robot's way through it."""

from __future__ import annotations

import numpy as np
import pytest

from lyra_backend.generate.procedural.placement import Floor, Rect, Wall


def room(w: float = 6.0, d: float = 4.0, cell: float = 0.05) -> Floor:
    floor = Floor((-w / 2, -d / 2), (w / 2, d / 2), cell)
    floor.add_floor(Rect(0, 0, w, d))
    return floor


def overlap_exactly(a: Rect, b: Rect) -> bool:
    """Oracle: separating axes of two rectangles."""
    for one, other in ((a, b), (b, a)):
        for k in range(2):
            axis = np.array([np.cos(one.yaw + k * np.pi / 2), np.sin(one.yaw + k * np.pi / 2)])
            p, q = one.corners() @ axis, other.corners() @ axis
            if p.max() <= q.min() or q.max() <= p.min():
                return False
    return True


def test_rect_corners_and_front() -> None:
    rect = Rect(1.0, 2.0, 2.0, 1.0, np.pi / 2)
    assert rect.corners().min(0) == pytest.approx([0.5, 1.0])
    assert rect.corners().max(0) == pytest.approx([1.5, 3.0])
    ahead = rect.ahead(0.6)  # the front is +y, turned to -x
    assert (ahead.x, ahead.y) == pytest.approx((1.0 - 0.5 - 0.3, 2.0))


def test_nothing_that_fits_overlaps_what_stands() -> None:
    rng = np.random.default_rng(3)
    floor, standing = room(), []
    for _ in range(400):
        size = rng.uniform(0.2, 1.2, 2)
        rect = Rect(*rng.uniform([-3, -2], [3, 2]), *size, rng.uniform(0, 6.3))
        if floor.fits(rect):
            assert not any(overlap_exactly(rect, other) for other in standing)
            floor.block(rect, 0.5)
            standing.append(rect)
    assert len(standing) > 8
    corners = np.concatenate([r.corners() for r in standing])
    assert np.abs(corners[:, 0]).max() <= 3.0 + 0.04
    assert np.abs(corners[:, 1]).max() <= 2.0 + 0.04


def test_gap_is_kept() -> None:
    floor = room()
    floor.block(Rect(0, 0, 1, 1), 0.5)
    assert not floor.fits(Rect(1.15, 0, 1, 1), 0.3)
    assert floor.fits(Rect(1.6, 0, 1, 1), 0.3)


def test_kept_places_stay_free() -> None:
    floor = room()
    floor.keep(Rect(2, 0, 1, 1))
    assert not floor.fits(Rect(2, 0, 0.5, 0.5))
    assert floor.fits(Rect(2, 0, 0.5, 0.5), on_kept=True)


def test_flat_things_do_not_block() -> None:
    floor = room()
    floor.block(Rect(0, 0, 2, 2), 0.016)
    assert floor.fits(Rect(0, 0, 1, 1))


def test_drive_space_of_an_empty_room_is_the_room_without_its_corners() -> None:
    floor = room(6, 4)
    drive = floor.main_region()[1]
    corner_loss = 4 * (0.25**2) * (1 - np.pi / 4)
    assert drive.area_m2 == pytest.approx(24 - corner_loss, abs=0.25)
    assert drive.share > 0.98


@pytest.mark.parametrize(("gap", "open_way"), [(0.40, False), (0.66, True)])
def test_a_gap_narrower_than_the_robot_parts_the_room(gap: float, open_way: bool) -> None:
    floor = room(6, 4, 0.02)
    floor.block(Rect(0, -gap / 2 - 0.02, 0.1, 4 - gap - 0.04), 1.0)
    assert (floor.main_region()[1].share > 0.9) == open_way
    assert (floor.drive_space().share > 0.9) == open_way


def test_still_drivable_refuses_what_would_close_the_way() -> None:
    floor = room(6, 4)
    floor.block(Rect(0, -1.2, 0.3, 1.6), 1.0)
    closing = Rect(0, 0.85, 0.3, 2.1)
    assert floor.fits(closing)
    assert not floor.still_drivable(closing)
    assert floor.still_drivable(Rect(-2.6, 1.6, 0.6, 0.6))


def test_wall_sides() -> None:
    wall = Wall((-3, -2), (3, -2), 2.5, [(1.0, 2.0, 0.0, 2.1)])
    assert wall.length == pytest.approx(6.0)
    assert wall.inward == pytest.approx([0, 1])
    assert wall.at(1.5, 0.5) == pytest.approx((-1.5, -1.5))
    assert not wall.is_free(1.8, 2.5, 0.0, 1.0)
    assert wall.is_free(1.8, 2.5, 2.1, 2.4)
    assert wall.is_free(2.0, 3.0, 0.0, 1.0)
    assert not wall.is_free(5.5, 6.5, 0.0, 1.0)

"""A scene as convex pieces."""

from __future__ import annotations

import numpy as np
import pytest

from lyra_backend.collide import convex
from lyra_backend.collide._objects.cells import covering
from lyra_backend.collide._objects.hulls import hull_of
from lyra_backend.collide._objects.merge import Piece, merged
from lyra_backend.collide._objects.slabs import flat_boxes, rough_hulls
from lyra_backend.kernels.mesh_distance import mesh_rays
from lyra_backend.progress import Progress
from lyra_backend.types import Approximation, Role, Severity

from . import things
from .clouds import box, join, room, sheet


@pytest.fixture(scope="module")
def outcome():
    scene = join(room(), box((1.0, 1.0, 0.0), (1.5, 1.6, 0.5)))
    return convex.run(scene, (), convex.Params(), Progress())


def test_every_piece_is_convex_and_small(outcome):
    for part in outcome.value.parts:
        assert part.role is Role.PIECE
        assert part.approximation is Approximation.CONVEX_HULL
        assert len(part.vertices) <= 64
        a, b, c = (part.vertices[part.triangles[:, k]].astype(float) for k in range(3))
        normal = np.cross(b - a, c - a)
        normal /= np.linalg.norm(normal, axis=1, keepdims=True)
        beyond = (part.vertices[None] - a[:, None]) @ normal[..., None]
        assert beyond.max() < 1e-3


def test_pieces_lie_behind_the_surface(outcome):
    assert outcome.value.error_m["p95"] < 0.01
    assert outcome.value.error_m["proud_p95"] < 0.01
    finding = next(f for f in outcome.findings if f.code == "collide.convex_error")
    assert finding.severity is Severity.INFO
    vertices, triangles = outcome.value.welded()
    starts = np.random.default_rng(2).uniform((0.1, 0.1, 0.7), (2.9, 0.9, 1.8), (200, 3))
    hits = mesh_rays(vertices, triangles, starts, np.tile([0.0, 0.0, -1.0], (200, 1)))
    assert hits.front.all()
    assert starts[:, 2] - hits.distance == pytest.approx(np.zeros(200), abs=0.01)


def test_a_flat_room_needs_few_pieces(outcome):
    assert outcome.counts["objects_primitive"] == 1
    assert len(outcome.value.parts) < 60


def test_a_wall_with_a_door_keeps_the_door_open():
    left, right = things.grid((0, 0, 0), (1, 0, 0), (0, 0, 2)), things.grid((1.8, 0, 0), (1, 0, 0), (0, 0, 2))
    above = things.grid((1, 0, 2.0), (0.8, 0, 0), (0, 0, 0.5))
    vertices, triangles = things.welded(left, right, above)
    boxes, flat = flat_boxes(vertices, triangles, 0.05, 0.04)
    assert flat.all()
    assert sum(float(b.size[0] * b.size[1]) for b in boxes) == pytest.approx(4.4, rel=0.02)
    for b in boxes:
        low, high = b.center[0] - b.size[0] / 2, b.center[0] + b.size[0] / 2
        assert b.center[2] > 1.9 or high < 1.03 or low > 1.77


def test_boxes_end_at_the_back_of_thin_walls():
    front = things.grid((0, 0, 0), (1, 0, 0), (0, 0, 1))
    back = things.grid((0, 0.02, 0), (0, 0, 1), (1, 0, 0))
    boxes, _ = flat_boxes(*things.welded(front, back), 0.05, 0.04)
    assert [float(b.size[2]) for b in boxes] == pytest.approx([0.02] * len(boxes), abs=0.003)


def test_rolling_ground_becomes_thin_hulls_below_it():
    vertices, triangles = things.grid((0, 0, 0), (3, 0, 0), (0, 3, 0))
    vertices = vertices + np.column_stack([np.zeros((len(vertices), 2)), 0.3 * np.sin(2 * vertices[:, 0])])
    hulls = [h for h, _ in rough_hulls(vertices.astype(np.float32), triangles, 0.4, 0.04)]
    assert 40 < len(hulls) < 150
    top = np.concatenate([h.vertices for h in hulls])
    assert (top[:, 2] - 0.3 * np.sin(2 * top[:, 0])).max() < 0.002


def piece(low, high):
    """A block whose whole surface shows."""
    low, size = np.asarray(low, float), np.subtract(high, low)
    at = np.indices((5, 5, 5)).reshape(3, -1).T / 4
    front = at[((at == 0) | (at == 1)).any(axis=1)]
    return Piece(low + np.indices((2, 2, 2)).reshape(3, 8).T * size, low + front * size)


def nothing_free(points):
    return np.zeros(len(points), bool)


def test_blocks_in_a_row_become_one_but_not_round_a_corner():
    row = [piece((i, 0, 0), (i + 1, 0.1, 1)) for i in range(4)]
    for p in row:  # ends that touch show nothing
        object.__setattr__(p, "front", p.front[(p.front[:, 1] == 0) | (p.front[:, 1] == 0.1)])
    (wall,), needed = merged(row, nothing_free, 10, 0.01)
    assert np.ptp(wall.corners, axis=0) == pytest.approx((4, 0.1, 1))
    assert needed == 0.01
    assert len(merged([row[0], piece((0, 0.1, 0), (0.1, 1, 1))], nothing_free, 10, 0.01)[0]) == 2


def test_free_space_between_blocks_stays_free():
    posts = [piece((0, 0, 0), (0.1, 0.1, 1)), piece((0.1, 0, 0.9), (1, 0.1, 1)), piece((1, 0, 0), (1.1, 0.1, 1))]
    posts = [Piece(p.corners, p.front[p.front[:, 1] == 0]) for p in posts]
    door = lambda points: (points[:, 0] > 0.2) & (points[:, 0] < 0.9) & (points[:, 2] < 0.8)  # noqa: E731
    assert len(merged(posts, door, 10, 0.01)[0]) == 3
    assert len(merged(posts, nothing_free, 10, 0.01)[0]) == 1


def test_too_many_pieces_are_joined_more_coarsely():
    steps = [piece((0.3 * i, 0, -1), (0.3 * i + 0.3, 1, 0.03 * i)) for i in range(4)]
    steps = [Piece(p.corners, p.front[p.front[:, 2] == p.front[:, 2].max()]) for p in steps]
    fine, _ = merged(steps, nothing_free, 10, 0.005)
    coarse, needed = merged(steps, nothing_free, 1, 0.005)
    assert len(coarse) < len(fine)
    assert needed > 0.005


def test_a_mask_is_covered_and_nothing_else():
    mask = np.ones((12, 20), bool)
    mask[4:8, 6:9] = False
    mask[:3, 15] = False
    boxes = covering(mask)
    drawn = np.zeros_like(mask)
    for a, b, c, d in boxes:
        drawn[a:c, b:d] = True
    assert (drawn == mask).all()
    assert len(boxes) <= 8


def test_pieces_are_not_too_thin_for_engines(outcome):
    for part in outcome.value.parts:
        hull = hull_of(part.vertices.astype(float))
        assert part.primitive is not None or hull.thickened < 1e-4


def test_the_count_is_bounded_and_said():
    cloud = join(room(), box((1.0, 1.0, 0.0), (1.5, 1.6, 0.5)))
    outcome = convex.run(cloud, (), convex.Params(max_pieces=2), Progress())
    finding = next(f for f in outcome.findings if f.code == "collide.pieces")
    assert finding.severity is Severity.WARNING
    assert finding.measured == outcome.counts["pieces"] > 2
    assert outcome.counts["joined_at_m"] > 0.015
    assert outcome.counts["free_filled_share"] < 0.05


def test_no_floor_is_a_finding():
    outcome = convex.run(sheet((0, 0, 0), (0.05, 0, 0), (0, 0.05, 0)), (), convex.Params(), Progress())
    assert outcome.value.parts == ()
    assert outcome.findings[-1].code == "collide.no_surface"

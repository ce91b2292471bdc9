"""A scene as convex pieces."""

from __future__ import annotations

import numpy as np
import pytest

from lyra_backend.collide import convex
from lyra_backend.collide._objects.cells import covering
from lyra_backend.collide._objects.hulls import hull_of
from lyra_backend.collide._objects.slabs import flat_boxes
from lyra_backend.collide._objects.split import COARSEST_M, split_surface
from lyra_backend.collide._objects.union import outside_of, within
from lyra_backend.kernels.mesh_distance import mesh_rays
from lyra_backend.progress import Progress
from lyra_backend.types import Approximation, Role, Severity
from lyra_backend.types.rotations import matrix_from_quat

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
    assert outcome.value.error_m["signed_median"] == pytest.approx(0.0, abs=0.005)
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


def test_corners_of_a_floor_that_are_narrower_than_a_box_are_no_holes():
    corners = np.array([[0, 0, 0], [3, 0, 0], [0, 3, 0]], np.float32)
    boxes, flat = flat_boxes(corners, np.array([[0, 1, 2]], np.int32), 0.05, 0.04, 0.3)
    assert flat.all()
    x, y = np.random.default_rng(0).uniform(0.03, 2.9, (2, 4000))
    x, y = x[x + y < 2.97], y[x + y < 2.97]
    under = np.zeros(len(x), bool)
    for b in boxes:
        reach = (b.size[:2] / 2)[matrix_from_quat(b.quat_wxyz[None])[0][:2, :2].astype(bool).argmax(axis=1)]
        under |= (np.abs(np.stack([x, y], axis=1) - b.center[:2]) <= reach).all(axis=1)
    assert under.all()


def test_only_floors_with_nothing_below_are_as_thick_as_ground():
    floor, shelf = things.grid((0, 0, 0), (2, 0, 0), (0, 2, 0)), things.grid((0.5, 0.5, 1.0), (1, 0, 0), (0, 1, 0))
    boxes, _ = flat_boxes(*things.welded(floor, shelf), 0.05, 0.04)
    thick = {round(float(b.center[2] + b.size[2] / 2), 2): float(b.size[2]) for b in boxes}
    assert thick == pytest.approx({0.0: 0.2, 1.0: 0.04}, abs=1e-3)


def nothing_free(points):
    return np.zeros(len(points), bool)


def pieces_of(vertices, triangles, is_free=nothing_free, *, tolerance=0.015, most=1000):
    depth = np.full(len(triangles), 0.04)
    return split_surface(
        vertices, triangles, depth, is_free, largest=2.0, tolerance=tolerance, most=most, progress=Progress()
    )


def rolling():
    vertices, triangles = things.grid((0, 0, 0), (3, 0, 0), (0, 3, 0))
    height = np.column_stack([np.zeros((len(vertices), 2)), 0.3 * np.sin(2 * vertices[:, 0])])
    return (vertices + height).astype(np.float32), triangles


def test_rolling_ground_becomes_thin_hulls_below_it():
    hulls, buried = pieces_of(*rolling())
    assert 4 < len(hulls) < 60
    assert buried == 0.015
    top = np.concatenate([h.vertices for h in hulls])
    assert (top[:, 2] - 0.3 * np.sin(2 * top[:, 0])).max() < 0.002


def test_fewer_pieces_are_coarser_and_say_so():
    fine, _ = pieces_of(*rolling())
    coarse, buried = pieces_of(*rolling(), most=6)
    assert len(coarse) < len(fine)
    assert 0.015 < buried <= COARSEST_M


def test_free_space_in_a_piece_makes_it_two():
    posts = [things.grid((x, 0, 0), (0.1, 0, 0), (0, 0, 1)) for x in (0.05, 1.0)]
    lintel = things.grid((0.05, 0, 1.0), (1.05, 0, 0), (0, 0, 0.1))
    frame = things.welded(*posts, lintel)

    def door(points):
        return (points[:, 0] > 0.2) & (points[:, 0] < 0.95) & (points[:, 2] < 0.95)

    assert len(pieces_of(*frame)[0]) == 1
    kept = pieces_of(*frame, door)[0]
    x, z = np.meshgrid(np.linspace(0.3, 0.85, 8), np.linspace(0.1, 0.8, 8))
    inside = np.column_stack([x.ravel(), np.full(64, 0.0), z.ravel()]) + [0, 0.02, 0]
    filled = np.any([within((h.vertices, h.triangles), inside) for h in kept], axis=0)
    assert filled.mean() < 0.1


def test_what_lies_inside_of_other_pieces_is_no_outside():
    corners = np.indices((2, 2, 2)).reshape(3, 8).T.astype(float)
    blocks = [hull_of(corners), hull_of(corners + [0.5, 0, 0]), hull_of(0.2 * corners + [0.4, 0.4, 0.4])]
    vertices, triangles = outside_of([(h.vertices.astype(np.float32), h.triangles) for h in blocks], lambda share: None)
    assert vertices[triangles].min() == 0
    middle = vertices[triangles].mean(axis=1)
    deep = ((middle > [0.25, 0.25, 0.25]) & (middle < [1.25, 0.75, 0.75])).all(axis=1)
    assert not deep.any()
    shell = np.isclose(middle, 0) | np.isclose(middle, [1.5, 1, 1])
    area = np.linalg.norm(np.cross(*np.moveaxis(np.diff(vertices[triangles], axis=1), 1, 0)), axis=1) / 2
    assert area[shell.any(axis=1)].sum() == pytest.approx(8 + 4 * 0.5, rel=0.01)  # some lie twice
    assert area[~shell.any(axis=1)].sum() < 2 * (1 - 0.6**2)  # of the sides inside a rim may be left


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
    assert outcome.counts["buried_m"] >= 0.015
    assert outcome.counts["free_filled_share"] < 0.05


def test_no_floor_is_a_finding():
    outcome = convex.run(sheet((0, 0, 0), (0.05, 0, 0), (0, 0.05, 0)), (), convex.Params(), Progress())
    assert outcome.value.parts == ()
    assert outcome.findings[-1].code == "collide.no_surface"

"""Things in rooms are found, get the shape they have, and leave no hole."""

from __future__ import annotations

import numpy as np
import pytest

from lyra_backend.collide._mesh.triangles import normals
from lyra_backend.collide._objects.apart import touching
from lyra_backend.collide._objects.cut import without
from lyra_backend.collide._objects.fit import Thing
from lyra_backend.collide._objects.hulls import MAX_VERTICES, hull_of
from lyra_backend.collide._objects.kinds import plausible
from lyra_backend.collide._objects.materials import substance_of
from lyra_backend.collide._objects.objects import find_objects
from lyra_backend.collide._objects.plates import Plate, plate_below
from lyra_backend.collide._objects.standing import planted
from lyra_backend.collide._objects.support import carried
from lyra_backend.kernels.mesh_distance import mesh_rays
from lyra_backend.types import Frame, GaussianCloud, Primitive, Role, Shape
from lyra_backend.types.mesh import concatenate_meshes

from . import things

UNIT = np.array([1, 0, 0, 0], np.float32)
BOX = ((1.0, 1.0, 0.0), (1.6, 1.4, 0.5))


def found(*parts, solids=(), cloud=None, **options):
    return find_objects(*things.room(*parts, solids=solids), cloud, **options)


def bodies(result):
    return sorted({p.body for p in result.parts})


def covered(surface, low, high):
    """Share of the floor between two corners of the plan that a ray from 0.3 m above meets from above."""
    x, y = np.meshgrid(np.linspace(low[0], high[0], 30), np.linspace(low[1], high[1], 30))
    starts = np.column_stack([x.ravel(), y.ravel(), np.full(x.size, 0.3)])
    hits = mesh_rays(*surface, starts, np.tile([0.0, 0.0, -1.0], (len(starts), 1)))
    return float((hits.front & (np.abs(hits.distance - 0.3) < 0.01)).mean())


def test_an_empty_room_is_all_structure():
    vertices, triangles = things.room()
    result = find_objects(vertices, triangles)
    assert result.parts == ()
    assert len(result.structure[1]) == len(triangles)
    assert [p.role for p in result.all_parts()] == [Role.ENVIRONMENT]


@pytest.mark.parametrize(
    ("shape", "surface", "center", "size"),
    [
        (Shape.CYLINDER, things.cylinder((2.0, 1.5, 0.0), 0.3, 0.9), (2.0, 1.5, 0.45), (0.6, 0.6, 0.9)),
        (Shape.SPHERE, things.sphere((2.5, 1.0, 0.35), 0.35), (2.5, 1.0, 0.35), (0.7, 0.7, 0.7)),
    ],
)
def test_round_things_become_what_they_are(shape, surface, center, size):
    (part,) = found(surface).parts
    assert part.primitive is not None
    assert part.primitive.shape is shape
    assert part.primitive.center == pytest.approx(center, abs=0.01)
    assert part.primitive.size == pytest.approx(size, abs=0.015)


@pytest.mark.parametrize("angle", [0.0, 0.5])
def test_a_box_becomes_a_box_however_the_room_is_turned(angle):
    vertices, triangles = things.room(solids=[BOX])
    c, s = np.cos(angle), np.sin(angle)
    (part,) = find_objects(vertices @ np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]]), triangles).parts
    w, _, _, z = part.primitive.quat_wxyz
    turned = (2 * np.arctan2(z, w) - angle + np.pi / 4) % (np.pi / 2) - np.pi / 4
    assert turned == pytest.approx(0.0, abs=0.005)
    assert sorted(part.primitive.size) == pytest.approx([0.4, 0.5, 0.6], abs=0.005)
    assert part.primitive.center == pytest.approx((1.3 * c - 1.2 * s, 1.3 * s + 1.2 * c, 0.25), abs=0.005)


def test_a_table_becomes_a_top_and_legs():
    result = found(solids=things.table(1.0, 1.0))
    assert bodies(result) == ["object_1"]
    assert len(result.parts) == 5
    assert result.counts["object_error_p95_max_m"] < 0.01
    volume = 1.2 * 0.8 * 0.05 + 4 * 0.1**2 * 0.7
    mass = sum(p.mass_kg for p in result.parts)
    assert mass / 240.0 == pytest.approx(volume, rel=0.05)
    assert max(len(p.vertices) for p in result.parts) <= MAX_VERTICES


def test_what_leans_on_a_wall_is_structure():
    assert found(solids=[((0.0, 1.0, 0.0), (0.5, 1.8, 1.0))]).parts == ()


def test_what_stands_on_a_table_is_its_own():
    result = found(solids=[*things.table(1.0, 1.0), ((1.1, 1.1, 0.75), (1.4, 1.4, 1.0))])
    assert len(bodies(result)) == 2
    tops = sorted(max(p.vertices[:, 2].max() for p in result.parts if p.body == b) for b in bodies(result))
    assert tops == pytest.approx([0.75, 1.0], abs=0.005)


def test_where_a_thing_stood_the_floor_is_closed():
    result = found(solids=[BOX])
    assert covered(result.environment, (0.8, 0.8), (1.8, 1.6)) < 1.0  # the box is in the way
    assert covered(result.structure, (0.8, 0.8), (1.8, 1.6)) == 1.0


def test_the_environment_stays_what_it_was_unless_things_move():
    vertices, triangles = things.room(solids=[BOX])
    still = find_objects(vertices, triangles)
    assert np.array_equal(still.environment[0], vertices)
    assert np.array_equal(still.environment[1], triangles)
    assert [p.role for p in still.all_parts()] == [Role.ENVIRONMENT, Role.OBJECT, Role.STRUCTURE]
    moving = find_objects(vertices, triangles, dynamic=True)
    assert covered(moving.environment, (0.8, 0.8), (1.8, 1.6)) == 1.0
    assert [p.dynamic for p in moving.parts] == [True]
    assert [p.role for p in moving.all_parts()] == [Role.ENVIRONMENT, Role.OBJECT]


def test_what_would_fall_over_or_hangs_does_not_move():
    slab, lamp = ((1.0, 1.0, 0.0), (1.5, 1.1, 1.2)), ((2.5, 1.5, 1.0), (2.8, 1.8, 1.2))
    result = found(solids=[slab, lamp], dynamic=True)
    assert len(result.parts) == 2
    assert not any(p.dynamic for p in result.parts)
    assert [f.code for f in result.findings if f.measured == 2] == ["collide.object_fixed"]


def test_classes_name_things_and_tell_touching_ones_apart():
    solids = [((1.0, 1.0, 0.0), (1.5, 1.5, 0.5)), ((1.5, 1.0, 0.0), (2.0, 1.5, 0.9))]
    points = things.room(solids=solids)[0]
    points = points[((points > (0.99, 0.99, 0.02)) & (points < (2.01, 1.51, 1.0))).all(axis=1)]
    ids = np.where(points[:, 0] < 1.49, 1, 2).astype(np.uint16)
    count = len(points)
    cloud = GaussianCloud(
        points,
        np.full((count, 3), 0.01),
        np.tile([1.0, 0, 0, 0], (count, 1)),
        np.ones(count),
        np.zeros((count, 1, 3)),
        Frame.WORLD,
        ids,
        ("unknown", "crate", "barrel"),
    )
    assert len(bodies(found(solids=solids))) == 1
    assert bodies(found(solids=solids, cloud=cloud)) == ["barrel_1", "crate_1"]


def test_nothing_is_looked_for_if_not_wanted():
    assert found(solids=[BOX], method="none").parts == ()


def test_the_same_surface_gives_the_same_objects():
    one, two = (found(things.sphere((3.0, 2.0, 0.3), 0.3), solids=things.table(1.0, 1.0)) for _ in range(2))
    for a, b in zip(one.parts, two.parts, strict=True):
        assert np.array_equal(a.vertices, b.vertices)
        assert np.array_equal(a.triangles, b.triangles)


def test_the_ground_below_what_moves_is_one_even_sheet():
    result = found(solids=[BOX], dynamic=True)
    (part,) = result.parts
    assert part.dynamic
    starts = np.column_stack([np.linspace(1.02, 1.58, 15), np.full(15, 1.2), np.full(15, 0.3)])
    down = np.tile([0.0, 0.0, -1.0], (15, 1))
    first = mesh_rays(*result.environment, starts, down)
    top = starts[:, 2] - first.distance
    assert np.ptp(top) < 1e-5
    assert top == pytest.approx(np.full(15, part.vertices[:, 2].min()), abs=1e-5)
    below = mesh_rays(*result.environment, np.column_stack([starts[:, :2], top - 1e-4]), down, 0.05)
    assert np.isinf(below.distance).all()


def test_what_stood_on_a_table_leaves_nothing_in_the_air():
    crate = ((1.1, 1.1, 0.75), (1.4, 1.4, 1.0))
    result = found(solids=[*things.table(1.0, 1.0), crate], dynamic=True)
    assert result.counts["objects_moving"] == 2
    up = mesh_rays(*result.environment, np.array([[1.25, 1.25, 0.4]]), np.array([[0.0, 0.0, 1.0]]), 0.8)
    assert np.isinf(up.distance).all()


def test_feet_that_end_above_the_floor_are_made_longer():
    hull = hull_of(np.indices((2, 2, 2)).reshape(3, 8).T * [0.1, 0.1, 0.5] + [0, 0, 0.02])
    ball = Primitive(Shape.SPHERE, np.array([0, 0, 0.31], np.float32), UNIT, np.full(3, 0.6, np.float32))
    crate = Primitive(Shape.BOX, np.array([0, 0, 0.27], np.float32), UNIT, np.full(3, 0.5, np.float32))
    foot, lowered, grown = planted((hull, ball, crate), 0.0)
    assert foot.vertices[:, 2].min() == 0.0
    assert foot.vertices[:, 2].max() == pytest.approx(0.52)
    assert lowered.center[2] == pytest.approx(0.3)
    assert (grown.center[2], grown.size[2]) == (pytest.approx(0.26), pytest.approx(0.52))


def test_a_tip_that_pierces_a_body_between_its_edges_is_found():
    hull = hull_of(np.indices((2, 2, 2)).reshape(3, 8).T.astype(float))
    tip = (np.array([[0.5, 0.5, -0.1], [0.45, 0.5, 3], [0.55, 0.5, 3]], np.float32), np.array([[0, 1, 2]], np.int32))
    assert touching([[hull]], tip)[0]
    assert not touching([[hull]], (tip[0] + np.float32([1, 0, 0]), tip[1]))[0]


CRATE = [hull_of(np.indices((2, 2, 2)).reshape(3, 8).T.astype(float))]


@pytest.mark.parametrize(
    ("ground", "stays"),
    [
        ([((-1, -1, 0), (3, 3))], True),
        ([((-1, -1, -0.01), (3, 3))], False),  # falls by a centimetre
        ([((-1, -1, 0), (1.6, 3))], False),  # the middle is carried, but near the edge
        ([((-1, -1, 0), (1.9, 3))], True),
        ([((0, 0, 0), (0.1, 0.1)), ((0.9, 0, 0), (0.1, 0.1)), ((0, 0.9, 0), (0.1, 0.1))], False),  # three of four feet
        ([((-1, -1, 0), (1.2, 3)), ((0.8, -1, 0), (1.2, 3))], True),  # a ditch below the middle
        ([((-1, -1, 0), (1.2, 3)), ((0.8, -1, -0.003), (1.2, 3))], False),  # one side lies lower
    ],
)
def test_bodies_stay_where_their_ground_carries_their_middle(ground, stays):
    low = things.grid((-5, -5, -1), (10, 0, 0), (0, 10, 0))
    sheets = [things.grid(start, (size[0], 0, 0), (0, size[1], 0)) for start, size in ground]
    assert carried([CRATE], things.welded(low, *sheets)) == [stays]


def test_a_body_carries_another_one():
    floor = things.grid((-1, -1, 0), (3, 0, 0), (0, 3, 0))
    above = [hull_of(CRATE[0].vertices * 0.5 + [0.25, 0.25, 1.0])]
    assert carried([CRATE, above], floor) == [True, True]
    assert carried([above], floor) == [False]


def test_a_plate_goes_on_around_feet_but_not_over_lower_ground():
    feet = np.array([[0, 0], [1, 0], [1, 0.5], [0, 0.5]], float)
    wide = plate_below(feet, 0.2, np.zeros((0, 2)))
    assert np.ptp(wide.corners, axis=0) == pytest.approx((1.2, 0.7))
    kerb = plate_below(feet, 0.2, np.array([[1.05, 0.25], [1.2, 0.25]]))
    assert kerb.corners.max(axis=0) == pytest.approx((1.04, 0.6))
    assert kerb.corners.min(axis=0) == pytest.approx((-0.1, -0.1))
    assert kerb.holds(np.array([[0.5, 0.2], [1.03, 0.2], [1.06, 0.2]])).tolist() == [True, True, False]
    vertices, triangles = kerb.mesh()
    assert (normals(vertices, triangles)[:, 2] > 0).all()
    turn = np.array([[0.8, 0.6], [-0.6, 0.8]])
    assert plate_below(feet @ turn, 0.2, np.zeros((0, 2))).holds((feet - [0.5, 0.25]) * 1.1 @ turn + [0.25, 0.5]).all()


def test_what_hangs_above_a_floor_does_not_close_it():
    floor = [((-1, -1), (3, 1.2)), ((-1, 0.8), (3, 1.2)), ((-1, 0.2), (1.2, 0.6)), ((0.8, 0.2), (1.2, 0.6))]
    floor = [things.grid((*at, 0), (size[0], 0, 0), (0, size[1], 0)) for at, size in floor]
    solids = [things.cylinder((0.5, 0.5, z), r, 0.3) for z, r in ((1.0, 0.6), (0.0, 0.3))]
    surfaces = [*solids, *floor]
    vertices, triangles = concatenate_meshes(surfaces)
    owner = np.repeat([0, 1, -1, -1, -1, -1], [len(t) for _, t in surfaces])
    mine = {i: Thing(vertices, triangles[owner == i], triangles[owner == i], np.zeros((0, 3))) for i in (0, 1)}
    corners = np.array([[0.4, 0.4], [0.6, 0.4], [0.6, 0.6], [0.4, 0.6]])
    left = without(
        vertices, triangles, owner, mine, plates={0: Plate(1.0, corners), 1: Plate(0.0, corners)}, crumbs=False
    )
    x, y = np.meshgrid(np.linspace(0.3, 0.7, 17) + 0.003, np.linspace(0.3, 0.7, 17) + 0.003)
    starts = np.column_stack([x.ravel(), y.ravel(), np.full(x.size, 0.5)])
    hits = mesh_rays(*left, starts, np.tile([0.0, 0.0, -1.0], (len(starts), 1)))
    assert hits.front.all()
    assert hits.distance == pytest.approx(np.full(len(starts), 0.5), abs=0.01)


def test_an_upright_sheet_covers_no_ground_and_goes_whole():
    """Its plan has no area, so there is nothing below it to close."""
    floor = things.grid((-1, -1, 0), (3, 0, 0), (0, 3, 0))
    sheet = things.grid((0.5, 0.2, 0.1), (0, 0.6, 0), (0, 0, 0.5))
    vertices, triangles = concatenate_meshes([floor, sheet])
    owner = np.repeat([-1, 0], [len(floor[1]), len(sheet[1])])
    mine = {0: Thing(vertices, triangles[owner == 0], triangles[owner == 0], np.zeros((0, 3)))}
    left = without(vertices, triangles, owner, mine)
    assert len(left[1]) == len(floor[1])
    assert left[0][:, 2].max() == 0


def test_what_reaches_into_a_body_is_found():
    hull = hull_of(np.indices((2, 2, 2)).reshape(3, 8).T.astype(float))
    floor, wall = things.grid((-1, -1, 0), (3, 0, 0), (0, 3, 0)), things.grid((0.9, -1, 0), (0, 3, 0), (0, 0, 2))
    assert not touching([[hull]], floor)[0]
    assert touching([[hull]], wall)[0]


def test_masses_have_bounds_by_class():
    assert substance_of("cup").mass_of(0.01) <= 0.6
    assert substance_of("ladder").mass_of(0.8) <= 25.0
    assert substance_of("car").mass_of(0.5) >= 700.0
    assert substance_of("no such class").mass_of(1e-6) >= 0.05


def test_what_is_too_small_for_its_class_is_something_else():
    small = hull_of(np.indices((2, 2, 2)).reshape(3, 8).T * 0.2)
    large = hull_of(np.indices((2, 2, 2)).reshape(3, 8).T * 0.8)
    assert plausible("stove", small.vertices, small.triangles) == "unknown"
    assert plausible("stove", large.vertices, large.triangles) == "stove"
    assert plausible("cup", small.vertices, small.triangles) == "cup"

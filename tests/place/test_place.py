"""Free space in rooms of boxes, whose answers are known; and what is said where there is none."""

from itertools import pairwise

import numpy as np
import pytest

from lyra_backend import place
from lyra_backend.errors import InvalidRequest
from lyra_backend.progress import Progress
from lyra_backend.types import Cell, CollisionProxy, Role

from .scenes import floor, proxy_of, room
from .truth import box

QUICK = {"robots": "go2", "viewpoints": 0, "tasks": 0}


def found_in(corners, **changes):
    return place.run(proxy_of(corners), 1, place.Params(**{**QUICK, **changes}), Progress())


def cell_at(map_, x, y):
    column, row = np.floor(map_.to_pixels(np.array([[x, y]]))).astype(int)[0]
    return map_.cells[row, column]


def test_a_room_with_a_box_is_mapped() -> None:
    found = found_in(room(6, 4, 2.5, ((2, 1, 0), (3, 2, 0.5)))).value
    assert cell_at(found.map, 1.0, 1.0) == Cell.FREE
    assert cell_at(found.map, 2.02, 1.5) == cell_at(found.map, 2.5, 1.5) == Cell.OCCUPIED
    assert cell_at(found.map, 0.0, 2.0) == Cell.OCCUPIED, "the wall"
    assert cell_at(found.map, -0.06, -0.06) == Cell.UNKNOWN, "beyond the walls"
    own = found.spaces[0].map
    assert cell_at(own, 2.5, 0.5) == Cell.FREE
    assert cell_at(own, 2.5, 0.7) == cell_at(own, 2.5, 0.3) == Cell.OCCUPIED, "nearer than the radius"


def test_one_stands_under_what_is_higher_and_not_under_what_is_lower() -> None:
    table = ((2, 1, 1.0), (4, 3, 1.05))
    found = found_in(room(6, 4, 2.5, table), robots="go2,g1")
    dog, human = (space.map for space in found.value.spaces)
    assert cell_at(dog, 3, 2) == Cell.FREE
    assert cell_at(human, 3, 2) == Cell.OCCUPIED
    assert cell_at(found.value.map, 3, 2) == Cell.OCCUPIED


@pytest.mark.parametrize(("height", "there"), [(0.12, True), (0.3, False)])
def test_a_robot_gets_onto_what_is_no_higher_than_its_step(height: float, there: bool) -> None:
    found = found_in(room(8, 6, 2.5, ((4, 1, 0), (7, 5, height)))).value
    assert (cell_at(found.spaces[0].map, 5.5, 3) == Cell.FREE) == there
    assert (found.spaces[0].spawn_points.positions[:, 2] > 0.1).any() == there


@pytest.mark.parametrize(("height", "cell"), [(0.07, Cell.FREE), (0.13, Cell.OCCUPIED)])
def test_boards_are_an_obstacle_of_the_map_and_not_to_a_dog_but_pallets_are(height: float, cell: Cell) -> None:
    found = found_in(room(6, 4, 2.5, ((2, 1, 0), (3.2, 1.8, height)))).value
    assert cell_at(found.map, 2.6, 1.4) == Cell.OCCUPIED
    assert cell_at(found.spaces[0].map, 2.6, 1.4) == cell


@pytest.mark.parametrize(("degrees", "there"), [(18, True), (30, False)])
def test_a_robot_gets_up_slopes_that_are_not_too_steep(degrees: float, there: bool) -> None:
    rise = 3 * np.tan(np.radians(degrees))
    ramp = np.array([[[4, 0, 0], [7, 0, rise], [7, 4, rise]], [[4, 0, 0], [7, 4, rise], [4, 4, 0]]])
    found = found_in(np.concatenate([floor(0, 0, 4, 4), ramp])).value
    assert (cell_at(found.spaces[0].map, 5.5, 2) == Cell.FREE) == there


def test_what_can_be_pushed_is_an_obstacle_and_no_floor() -> None:
    still = proxy_of(room(6, 4)).parts[0]
    crate = proxy_of(box((2, 1, 0), (4, 3, 0.1))).parts[0]
    pushed = type(crate)(
        "crate", crate.vertices, crate.triangles, "crate", "convexHull", Role.OBJECT, body="crate", dynamic=True
    )
    found = place.run(CollisionProxy((still, pushed), "test", {}), 1, place.Params(**QUICK), Progress()).value
    assert cell_at(found.map, 3, 2) == Cell.OCCUPIED
    assert found.spaces[0].spawn_points.positions[:, 2].max() < 0.01


def test_paths_go_the_shortest_way_round() -> None:
    wall = ((2.9, 0, 0), (3.1, 3.0, 2.0))
    space = found_in(room(6, 5, 2.5, wall), tasks=32).value.spaces[0]
    radius, corner = space.robot.radius_m, np.array([[2.9, 3.0], [3.1, 3.0]])
    tried = 0
    for task in space.tasks:
        ends = task.path[[0, -1], :2].astype(float)
        if (ends[:, 0] < 2.5).sum() != 1 or ends[:, 1].max() > 2.0:
            continue
        tried += 1
        left, right = ends[np.argsort(ends[:, 0])]
        least = np.linalg.norm(left - corner[0]) + 0.2 + np.linalg.norm(right - corner[1])
        tangents = [np.sqrt(np.sum((p - c) ** 2) - radius**2) for p, c in ((left, corner[0]), (right, corner[1]))]
        assert task.length_m > max(least, sum(tangents)), "nobody goes through a wall"
        assert task.length_m < 1.04 * (least + np.pi * radius), "and nobody goes far round"
    assert tried >= 3


def test_ways_lie_on_the_ground_between_their_corners() -> None:
    """A valley 0.5 m deep, whose bottom is 8 m from its rims: straight ways across it have no corner of their own."""
    line = np.array([(0.0, 0.0), (8.0, -0.5), (16.0, 0.0)])
    quads = np.array([[(a, 0, z), (b, 0, w), (b, 4, w), (a, 4, z)] for (a, z), (b, w) in pairwise(line)])
    space = found_in(quads[:, [[0, 1, 2], [0, 2, 3]]].reshape(-1, 3, 3), tasks=16).value.spaces[0]
    assert max(task.length_m for task in space.tasks) > 8.0
    for task in space.tasks:
        path = task.path.astype(float)
        along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(path[:, :2], axis=0), axis=1))])
        every = np.linspace(0.0, along[-1], 50)
        x, z = np.interp(every, along, path[:, 0]), np.interp(every, along, path[:, 2])
        assert np.abs(z - np.interp(x, line[:, 0], line[:, 1])).max() < 0.03


def test_regions_are_what_a_robot_gets_to() -> None:
    door = np.concatenate([room(4, 4), room(4, 4) + [4.5, 0, 0]])
    space = found_in(door, tasks=16).value.spaces[0]
    left = space.spawn_points.positions[:, 0] < 4.2
    regions = space.spawn_points.regions
    assert len(set(regions[left])) == len(set(regions[~left])) == 1
    assert set(regions[left]) != set(regions[~left])
    for task in space.tasks:
        assert (task.path[:, 0] < 4.2).all() or (task.path[:, 0] > 4.2).all()


def test_bounds_leave_out_pits_and_the_wall_faces_the_floor() -> None:
    ring = [floor(0, 0, 6, 2), floor(0, 3, 6, 6), floor(0, 2, 2, 3), floor(3, 2, 6, 3)]
    found = found_in(np.concatenate(ring), wall=True).value
    areas = [0.5 * float(p[:, 0] @ np.roll(p[:, 1], -1) - p[:, 1] @ np.roll(p[:, 0], -1)) for p in found.bounds]
    assert areas[0] == pytest.approx(36, rel=0.03)
    assert areas[1] == pytest.approx(-1, rel=0.15)
    corners = found.wall.vertices[found.wall.triangles].astype(float)
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert np.abs(normals[:, 2]).max() < 1e-6
    inward = corners.mean(axis=1)[:, :2] + 0.2 * normals[:, :2] / np.linalg.norm(normals, axis=1)[:, None]
    on_floor = ((inward > 0) & (inward < 6)).all(axis=1)
    in_pit = ((inward > (2, 2)) & (inward < (3, 3))).all(axis=1)
    assert (on_floor & ~in_pit).all()
    assert found.wall.vertices[:, 2].min() < found.floor_m
    assert found.wall.vertices[:, 2].max() > found.ceiling_m


def test_viewpoints_stand_free_and_look_into_the_room() -> None:
    found = found_in(room(6, 4, 2.5, ((2, 1, 0), (3, 2, 2.0))), viewpoints=8).value
    assert [camera.name for camera in found.viewpoints] == [f"view_{k:02d}" for k in range(8)]
    for camera in found.viewpoints:
        x, y, z = camera.position
        assert cell_at(found.map, x, y) == Cell.FREE
        assert z == pytest.approx(1.0, abs=0.01)
        ahead = camera.position + 0.5 * camera.cam_to_world[:3, 2]
        assert cell_at(found.map, *ahead[:2]) == Cell.FREE
    assert len({tuple(np.round(camera.position, 3)) for camera in found.viewpoints}) == 8


def test_the_same_every_time_and_another_with_another_seed() -> None:
    one, again = (found_in(room(), tasks=8).value.spaces[0] for _ in range(2))
    assert np.array_equal(one.spawn_points.positions, again.spawn_points.positions)
    assert all(np.array_equal(a.path, b.path) for a, b in zip(one.tasks, again.tasks, strict=True))
    other = place.run(proxy_of(room()), 2, place.Params(**QUICK), Progress()).value.spaces[0]
    assert not np.array_equal(one.spawn_points.yaws_rad[:20], other.spawn_points.yaws_rad[:20])
    more = found_in(room(), robots="g1,go2").value.space_of("go2")
    assert np.array_equal(one.spawn_points.positions, more.spawn_points.positions), "whoever else was asked for"


def prism(profile, y0: float, y1: float):
    """Triangles of a solid with a convex outline (x, z), counter-clockwise, between two y."""
    ring = np.array(profile, float)
    near, far = (np.insert(ring, 1, y, axis=1) for y in (y0, y1))
    sides = [
        triangle
        for a, b, c, d in zip(near, np.roll(near, -1, axis=0), np.roll(far, -1, axis=0), far, strict=True)
        for triangle in ((a, c, b), (a, d, c))
    ]
    caps = [(near[0], near[k], near[k + 1]) for k in range(1, len(ring) - 1)]
    caps += [(far[0], far[k + 1], far[k]) for k in range(1, len(ring) - 1)]
    return np.array(sides + caps)


@pytest.mark.parametrize(("width", "is_ground"), [(0.4, False), (1.2, True)])
def test_what_is_narrow_is_an_obstacle_though_one_end_is_low_enough_to_climb(width: float, is_ground: bool) -> None:
    ridge = prism([(2.0, 0.0), (4.0, 0.0), (4.0, 0.4), (2.8, 0.4)], 2 - width / 2, 2 + width / 2)
    found = found_in(np.concatenate([floor(0, 0, 6, 4), ridge])).value
    for map_ in (found.map, found.spaces[0].map) if not is_ground else (found.map,):
        assert (cell_at(map_, 3.5, 2) == Cell.FREE) == is_ground


@pytest.mark.parametrize(("height", "is_ground"), [(0.5, False), (2.2, True)])
def test_hollows_are_no_ground_and_rooms_behind_doors_are(height: float, is_ground: bool) -> None:
    away = room(3, 3, height) + [7, 0, 0.0]
    map_ = found_in(np.concatenate([room(6, 4), away])).value.map
    assert (cell_at(map_, 8.5, 1.5) == Cell.FREE) == is_ground


def test_a_bank_is_steep_up_to_the_edge_of_the_scene() -> None:
    rise = 0.6 * np.tan(np.radians(52))
    bank = np.array([[[4, 0, 0], [4.6, 0, rise], [4.6, 4, rise]], [[4, 0, 0], [4.6, 4, rise], [4, 4, 0]]])
    map_ = found_in(np.concatenate([floor(0, 0, 4, 4), bank])).value.map
    assert cell_at(map_, 3.5, 2) == Cell.FREE
    assert all(cell_at(map_, x, 2) == Cell.OCCUPIED for x in np.arange(4.2, 4.56, 0.05))


@pytest.mark.parametrize("bevel", [0.0, 0.06])
@pytest.mark.parametrize("height", [0.05, 0.1])
def test_nobody_starts_across_a_kerb(height: float, bevel: float) -> None:
    kerb = prism([(3.0, 0.0), (6.0, 0.0), (6.0, height), (3.0 + bevel, height)], 0.0, 4.0)
    space = found_in(np.concatenate([floor(0, 0, 6, 4), kerb]), robots="g1").value.spaces[0]
    x = space.spawn_points.positions[:, 0]
    low, high = x < 3.0, x > 3.0 + bevel
    # a bevel is steeper than it walks
    assert bevel or cell_at(space.map, 3.05, 2) == Cell.FREE, "it can go across"
    assert low.sum() > 50 < high.sum()
    side = space.robot.radius_m - 0.05  # the middle of the column beside the kerb
    assert (low | high).all()
    assert x[low].max() < 3.0 - side
    assert x[high].min() > 3.0 + bevel + side
    assert set(np.round(space.spawn_points.positions[:, 2], 3)) == {0.0, np.float32(height).round(3)}


@pytest.mark.parametrize(("degrees", "there"), [(8, True), (10, False)])
def test_nobody_starts_on_slopes_that_they_would_lean_on(degrees: float, there: bool) -> None:
    rise = 3 * np.tan(np.radians(degrees))
    ramp = np.array([[[4, 0, 0], [7, 0, rise], [7, 4, rise]], [[4, 0, 0], [7, 4, rise], [4, 4, 0]]])
    positions = found_in(np.concatenate([floor(0, 0, 4, 4), ramp])).value.spaces[0].spawn_points.positions
    # a place lies at the highest ground below the robot
    assert (positions[:, 2] > 0.3).any() == there
    assert (positions[:, 2] == 0.0).any()


# -- where there is none ----------------------------------------------------------------------------------------------


def codes(outcome):
    return [finding.code for finding in outcome.findings]


def test_no_colliders() -> None:
    outcome = place.run(CollisionProxy((), "none", {}), 1, place.Params(), Progress())
    assert outcome.value is None
    assert codes(outcome) == ["place.no_colliders"]


def test_no_floor() -> None:
    outcome = found_in(room()[:, ::-1])  # inside out: nothing faces up in there
    walls = found_in(np.array([[[0, 0, 0], [1, 0, 0], [1, 0, 2]]], float))
    assert walls.value is None
    assert codes(walls) == ["place.no_floor"]
    assert "no floor" in walls.findings[0].message
    assert outcome.value is None or outcome.value.floor_m > 2.0, "at most the outside of the ceiling"


def test_a_robot_larger_than_the_room() -> None:
    outcome = found_in(room(0.7, 0.7, 2.5), robots="go2", tasks=4)
    assert codes(outcome) == ["place.no_space"]
    finding = outcome.findings[0]
    assert (finding.where, finding.unit, finding.measured) == ("go2", "m2", 0.0)
    space = outcome.value.spaces[0]
    assert (space.free_m2, space.spawn_points.count, space.tasks) == (0.0, 0, ())


def test_few_places() -> None:
    outcome = found_in(room(1.05, 1.05, 2.5), tasks=4)
    assert "place.few_starts" in codes(outcome)
    assert 0 < outcome.value.spaces[0].spawn_points.count < 16


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"robots": "go3"}, "robot 'go3' is unknown"),
        ({"robots": "go2,,spot9"}, "robot 'spot9' is unknown"),
        ({"obstacle_low": 0.5, "obstacle_high": 0.4}, "obstacle_high must be above"),
    ],
)
def test_bad_parameters_are_errors(changes, said) -> None:
    with pytest.raises(InvalidRequest, match=said):
        place.Params(**changes)


def test_a_scene_of_too_many_cells_has_larger_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(place, "_CELLS_MAX", 10_000)
    outcome = found_in(floor(0, 0, 50, 50), cell=0.05, robots="")
    assert codes(outcome) == ["place.coarse"]
    assert outcome.value.map.resolution_m == pytest.approx(0.501, abs=0.01)
    assert outcome.value.spaces == ()

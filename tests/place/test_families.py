"""Families of scenes: maps, places to start and ways, held against the exact surface by dense points."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.spatial import cKDTree

from lyra_backend import place
from lyra_backend.progress import Progress

from . import truth
from .scenes import exact, proxy_of

#: Places of each robot that are held against points; all are held against PhysX by tools/place_trials.py.
SOME = 60
#: The other families take longer and are tried by the same tool.
TRIED = ("bathroom", "kitchen", "office", "warehouse")


@pytest.fixture(scope="module", params=TRIED)
def scene(request):
    """Triangles of a scene, and what is found in it."""
    corners = exact(request.param)
    found = place.run(proxy_of(corners), 3, place.Params(spawn_points=1000, tasks=3, viewpoints=4), Progress())
    return corners, found.value


def test_the_map_is_that_of_the_surface(scene) -> None:
    corners, found = scene
    ours = truth.reached(found.map.cells)
    assert truth.agreement(ours, truth.truth_map(corners, found.map, 0.05, 1.32)) > 0.98


def test_places_to_start_are_free_and_on_the_ground(scene) -> None:
    corners, found = scene
    surface = truth.Surface(corners)
    for space in found.spaces:
        points, robot = space.spawn_points, space.robot
        assert points.count >= 16, robot.name
        bases = points.positions[:SOME].astype(float) + [0, 0, robot.clearance_m]
        tops = bases[:, 2] + robot.height_m
        assert (surface.nearest(bases, tops, robot.radius_m) >= robot.radius_m - 1e-6).all(), robot.name
        below = surface.nearest(bases - [0, 0, 0.3], bases[:, 2], robot.radius_m)
        assert (below < robot.radius_m).all(), "there is ground below every one"
        assert np.abs(points.yaws_rad).max() <= np.pi
        # one that is stated to have room has it
        roomy = points.clearances_m[:SOME] > 0.05
        room = surface.nearest(bases[roomy] + [0, 0, robot.step_m], tops[roomy], robot.radius_m + 0.05)
        assert (room >= robot.radius_m + 0.05 - 1e-6).all(), robot.name


def test_paths_are_free_for_the_robot_and_as_long_as_they_say(scene) -> None:
    corners, found = scene
    surface = truth.Surface(corners)
    for space in found.spaces:
        robot = space.robot
        assert space.tasks, robot.name
        for task in space.tasks[:3]:
            path = task.path.astype(float)
            assert task.length_m == pytest.approx(np.linalg.norm(np.diff(path, axis=0), axis=1).sum(), abs=1e-3)
            steps = np.concatenate(
                [np.linspace(a, b, max(2, int(np.linalg.norm(b - a) / 0.2))) for a, b in pairwise(path)]
            )
            ground = height_near(space, steps)
            bases = np.column_stack([steps[:, :2], ground + robot.step_m + 0.05])
            assert (surface.nearest(bases, ground + robot.height_m, robot.radius_m) >= robot.radius_m - 0.005).all()


def height_near(space, points):
    """Height of the nearest places to start: the ground is where robots stand."""
    places = space.spawn_points.positions
    return places[cKDTree(places[:, :2]).query(points[:, :2])[1], 2]


def test_bounds_hold_every_place(scene) -> None:
    _, found = scene
    for space in found.spaces:
        inside = np.zeros(space.spawn_points.count, int)
        for ring in found.bounds:
            inside += winding(ring, space.spawn_points.positions[:, :2])
        assert (inside == 1).all(), "inside of one outer polygon and of no hole"


def winding(ring, points):
    """How often a polygon runs around each point, counter-clockwise counted up."""
    ring = ring.astype(float)
    angle = np.zeros(len(points))
    for a, b in zip(ring, np.roll(ring, -1, axis=0), strict=True):
        u, v = a - points, b - points
        angle += np.arctan2(u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0], (u * v).sum(axis=1))
    return np.round(angle / (2 * np.pi)).astype(int)

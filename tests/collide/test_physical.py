"""Colliders in the real PhysX: a doorway, stairs, thin walls and a floor to roll on."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("ovphysx", reason="the physics engine is not installed")
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))

from physics_trials import engine, scenes, trials, triangles

OFFSETS = (0.0, 0.25, 0.43, 0.5)
STAIRS = [("train", 0.0), ("train", 0.43), ("detail", 0.25)]


@cache
def doorway_traces():
    scene = scenes.two_rooms()
    found = {offset: scenes.collide(scene.cloud, grid_offset=offset) for offset in OFFSETS}
    pushed = {str(offset): trials.box_through_doorway(proxy) for offset, proxy in found.items()}
    return engine.simulate({**pushed, "wide": trials.box_through_doorway(found[0.5], width=0.8)})


@pytest.mark.parametrize("offset", OFFSETS)
def test_a_box_is_pushed_through_a_doorway(offset):
    assert trials.has_passed(doorway_traces()[str(offset)])


def test_a_box_wider_than_the_doorway_is_stopped_by_its_wall():
    trace = doorway_traces()["wide"]
    assert not trials.has_passed(trace)
    assert trace.positions[-1, 0, 0] + 0.25 < 2.53


@cache
def stair_scene():
    return scenes.stairs()


@cache
def stair_traces():
    made = {f"{b} {o}": scenes.collide(stair_scene().cloud, budget=b, grid_offset=o) for b, o in STAIRS}
    ball = engine.ball((0.5, 0.5, 0.3), 0.05, (0.0, 0.0, 0.0))
    return engine.simulate({n: engine.Trial(p, [ball], 0.05, trials.stair_rays()) for n, p in made.items()})


@pytest.mark.parametrize(("budget", "offset"), STAIRS)
def test_steps_are_as_high_as_they_are_and_level(budget, offset):
    steps = trials.step_heights(stair_traces()[f"{budget} {offset}"])
    assert steps.is_good, f"off by {steps.off} m, uneven by {steps.uneven} m"


def test_steps_that_are_off_are_noticed():
    lifted = scenes.proxy_of(stair_scene().truth.copy().apply_translation((0.0, 0.0, 0.012)))
    ball = engine.ball((0.5, 0.5, 0.3), 0.05, (0.0, 0.0, 0.0))
    trace = engine.simulate({"lifted": engine.Trial(lifted, [ball], 0.05, trials.stair_rays())})["lifted"]
    steps = trials.step_heights(trace)
    assert not steps.is_good
    np.testing.assert_allclose(steps.off, 0.012, atol=1e-4)


@cache
def ball_scene():
    return scenes.thin_walls()


def test_balls_come_through_no_solid_from_any_side():
    scene = ball_scene()
    trial = trials.throw(scene, scenes.collide(scene.cloud), 200)
    found = trials.thrown(scene, engine.simulate({"balls": trial})["balls"])
    assert found.count == 200
    assert not found.crossed.any()
    assert not found.ended_inside.any()


def test_balls_do_not_come_into_solids_whose_backs_nobody_saw():
    scene = scenes.thin_walls(unseen=True)
    made = {str(closed): scenes.collide(scene.cloud, close_unseen=closed) for closed in (True, False)}
    traces = engine.simulate({name: trials.throw(scene, proxy, 200) for name, proxy in made.items()})
    found = {name: trials.thrown(scene, trace) for name, trace in traces.items()}
    assert not found["True"].crossed.any()
    assert not found["True"].ended_inside.any()
    assert found["False"].ended_inside.any()


def test_balls_come_through_a_wall_with_one_side_only():
    scene = ball_scene()
    torn = scene.truth.copy()
    # the sides of the walls that look back along x
    walls = (torn.triangles_center[:, 0] > 0.5) & (torn.triangles_center[:, 0] < 3.5)
    torn.update_faces(~(walls & (torn.face_normals[:, 0] < -0.9)))
    trial = trials.throw(scene, scenes.proxy_of(torn), 100)
    found = trials.thrown(scene, engine.simulate({"balls": trial})["balls"])
    assert found.crossed.any()


@cache
def flat_room():
    scene = scenes.room()
    return scene, scenes.collide(scene.cloud)


@pytest.mark.parametrize("offset", [0.0, 0.25, 0.43])
def test_the_floor_is_even_wherever_the_lattice_lies(offset):
    scene, _ = flat_room()
    assert np.ptp(trials.floor_heights(scenes.collide(scene.cloud, grid_offset=offset))) < 1e-4


def test_a_wheel_of_three_centimetres_rolls_across_the_floor():
    _, proxy = flat_room()
    heights = trials.floor_heights(proxy)
    assert np.ptp(heights) < 1e-3
    moved = trials.rolled(engine.simulate({"rolling": trials.rolling(proxy)})["rolling"])
    assert moved.is_good(4.0), f"{moved.distance} m, {moved.peak_to_peak} m, {moved.largest_step} m"


def test_a_sill_is_felt_by_a_wheel():
    scene, _ = flat_room()
    vertices = scene.truth.vertices.copy()
    low = (vertices[:, 2] < 1e-6) & (vertices[:, 0] > 2.5)
    vertices[low, 2] += 0.003
    raised = scene.truth.copy()
    raised.vertices = vertices
    moved = trials.rolled(engine.simulate({"sill": trials.rolling(scenes.proxy_of(raised))})["sill"])
    assert not moved.is_good(4.0)


def test_a_room_of_thirty_square_metres_keeps_its_budget():
    _, proxy = flat_room()
    found = triangles.shapes(*proxy.welded())
    assert found.count <= 5_000
    # of all triangles there are few, so a share says nothing
    assert found.below_5 * found.count <= 320


def test_angles_of_known_triangles():
    points = np.array([(0, 0, 0), (1, 0, 0), (0.5, 3**0.5 / 2, 0), (0.5, 0.01, 0)], float)
    found = triangles.shapes(points, np.array([(0, 1, 2), (0, 1, 3)]))
    assert found.count == 2
    assert found.worst == pytest.approx(np.degrees(np.arctan(0.02)), rel=1e-6)
    assert found.below_5 == 0.5
    assert found.longest_edge == pytest.approx(1.0)


def test_what_triangles_are_for_is_counted():
    made = scenes.outcome(scenes.thin_walls().cloud)
    bare = scenes.outcome(scenes.thin_walls().cloud, lining_height=0.0, close_bottoms=False, close_holes=False)
    parts = triangles.causes(made)
    assert parts["whole"] == len(made.value.welded()[1])
    assert sum(count for name, count in parts.items() if name != "whole") == parts["whole"]
    assert parts["lining"] > 0
    assert parts["hidden"] > 0
    assert triangles.causes(bare)["lining"] == triangles.causes(bare)["hidden"] == 0

"""Whether robots really can be where `place` says: all families of scenes, in real physics.

    python tools/place_trials.py [--families office,street] [--seeds 1,2] [--resets 10000] [--push-seconds 60]

For each scene the colliders are made as a run makes them, free space is found, and then

* every place to start is held against PhysX: does a box as large as the robot's cylinder allows overlap anything?
* the robot's box is put down at places drawn at random, turned at random, `--resets` times over all scenes for each
  robot (with `--each`: in each scene): it must overlap nothing, and stay upright and where it is for a second;
* the robot's cylinder is carried along every way: it must meet nothing;
* 64 boxes are pushed about at random for `--push-seconds` with the wall along the bounds: none may leave them;
* the map is held against one of the exact surface.

Prints one JSON line a scene. Needs the extras "physics" and "test".
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from place_engine import DT_S, Physics  # noqa: E402

from lyra_backend import params, place, refine, registry  # noqa: E402
from lyra_backend.progress import Progress  # noqa: E402
from lyra_backend.types import CollisionPart, CollisionProxy, Navigation, RobotSpace, SceneRequest  # noqa: E402
from tests.place import truth  # noqa: E402
from tests.place.scenes import FAMILIES  # noqa: E402

Floats = npt.NDArray[np.float64]

#: Bodies that are simulated together; they do not meet each other.
TOGETHER = 500
#: A box that leans more, sinks deeper below its place or drifts farther within a second has fallen [deg, m].
TILT_DEG, SINK_M, DRIFT_M = 15.0, 0.15, 0.25
#: Ways are looked at so often [m], with boxes in so many turns, their bottoms so much above the step; rays begin so
#: much above the ground before them [m].
EVERY_M, BOX_TURNS, ABOVE_STEP_M, RAY_FROM_M = 0.05, 6, 0.05, 0.4
#: Boxes that are pushed about, their sides [m] and speeds [m/s], and how often each gets a new push [s].
PUSHED, SIDE_M, SPEED_M_S, PUSH_EVERY_S = 64, 0.25, 4.0, 2.0


def make_scene(family: str, seed: int, gaussians: int) -> tuple[CollisionProxy, Floats]:
    """Return the colliders of a scene, made as a run makes them, and the triangles (F, 3, 3) it was made of."""
    generator, collider, quiet = registry.get("generate", "procedural"), registry.get("collide", "surface"), Progress()
    chosen = params.build(generator.Params, "generate", {"gaussian_count": gaussians, "bake_light": False})
    made = generator.run(SceneRequest(prompt=FAMILIES[family], seed=seed), chosen, quiet).value
    made = refine.run(made, params.build(refine.Params, "refine", {}), quiet).value
    proxy = collider.run(made.still, made.cameras, params.build(collider.Params, "collide", {}), quiet).value
    if made.truth is None:
        raise SystemExit(f"{family}: its exact surface is not known")
    return proxy, truth.whole(made.truth)


def inscribed(space: RobotSpace) -> Floats:
    """Return the sides [m] of the largest upright square box in the robot's cylinder."""
    side = space.robot.radius_m * 2**0.5
    return np.array([side, side, space.robot.height_m])


def turned(yaws: npt.NDArray[np.floating]) -> Floats:
    """Return quaternions xyzw (N, 4) of turns about z."""
    zero = np.zeros(len(yaws))
    return np.column_stack([zero, zero, np.sin(yaws / 2), np.cos(yaws / 2)])


def at_rest(space: RobotSpace, which: npt.NDArray[np.integer], yaws: Floats) -> tuple[Floats, Floats]:
    """Return centres and turns of the robot's box at places to start."""
    lift = np.array([0.0, 0.0, space.robot.clearance_m + inscribed(space)[2] / 2])
    return space.spawn_points.positions[which].astype(np.float64) + lift, turned(yaws)


def try_starts(
    physics: Physics, proxy: CollisionProxy, space: RobotSpace, resets: int, rng: np.random.Generator
) -> dict[str, int]:
    """Hold all places against the engine, and put the robot's box down at some of them, turned at random."""
    points, sides = space.spawn_points, inscribed(space)
    if not points.count:
        return {"places": 0}
    drawn, yaws = rng.integers(points.count, size=resets), rng.uniform(-np.pi, np.pi, resets)
    together = min(TOGETHER, resets)
    physics.load(proxy, np.zeros((0, 3)), np.zeros((0, 4)), sides)
    centres, quats = at_rest(space, np.arange(points.count), points.yaws_rad.astype(np.float64))
    overlaps = physics.overlapping(centres, quats, sides)
    # boxes that are sunk into the floor overlap it, or the engine's answers mean nothing
    sunk = physics.overlapping(centres - [0.0, 0.0, 0.4], quats, sides)
    turned_overlap = physics.overlapping(*at_rest(space, drawn, yaws), sides)
    found = {"places": points.count, "overlaps": overlaps, "sunk_ones_found": sunk, "resets": resets}
    if not resets:
        return found
    physics.load(proxy, *at_rest(space, drawn[:together], yaws[:together]), sides)
    fallen = 0
    for start in range(0, resets, together):
        block = slice(start, start + together)
        fallen += _fallen(physics, space, *at_rest(space, drawn[block], yaws[block]))
    return {**found, "turned_overlaps": turned_overlap, "fallen": fallen}


def _fallen(physics: Physics, space: RobotSpace, centres: Floats, quats: Floats) -> int:
    """Reset boxes to places and return how many have fallen after a second."""
    physics.put(centres, quats)
    for _ in range(round(1.0 / DT_S)):
        physics.step()
    end = physics.state(len(centres))
    up = 1 - 2 * (end["orientation"][:, :2] ** 2).sum(axis=1)
    moved = end["position"] - centres
    deep = moved[:, 2] < -space.robot.clearance_m - SINK_M  # it is put down that much above the ground
    bad = (up < np.cos(np.radians(TILT_DEG))) | deep | (np.hypot(*moved[:, :2].T) > DRIFT_M)
    return int((bad | ~np.isfinite(up)).sum())


def try_paths(physics: Physics, proxy: CollisionProxy, space: RobotSpace) -> dict[str, float]:
    """Carry the robot's cylinder along every way and return on how many of them it meets a collider.

    It is looked for every 5 cm, as boxes of its height that turn in its circle, from its step above the ground
    upwards. The ground is where rays from above end, each from half a metre above the last.
    """
    robot = space.robot
    physics.load(proxy, np.zeros((0, 3)), np.zeros((0, 4)), np.ones(3))
    base = robot.step_m + ABOVE_STEP_M
    sides = inscribed(space) - [0.0, 0.0, base]
    met, looks = 0, 0
    for task in space.tasks:
        points = ground_along(physics, task.path.astype(np.float64))
        centres = np.repeat(points + [0.0, 0.0, base + sides[2] / 2], BOX_TURNS, axis=0)
        quats = np.tile(turned(np.arange(BOX_TURNS) * np.pi / 2 / BOX_TURNS), (len(points), 1))
        met += bool(physics.overlapping(centres, quats, sides))
        looks += len(points)
    low = physics.overlapping(centres - [0.0, 0.0, base + 0.1], quats, sides) if looks else 0
    lengths = [task.length_m for task in space.tasks]
    longest = round(float(np.max(lengths, initial=0.0)), 2)
    half = round(float(np.median(lengths)), 2) if lengths else 0.0
    sunk = {"looks_of_last": len(centres), "sunk_ones_found": low} if looks else {}
    return {"ways": len(lengths), "met": met, "places": looks, "median_m": half, "longest_m": longest, **sunk}


def ground_along(physics: Physics, path: Floats) -> Floats:
    """Return points (N, 3) on the ground along a path, at most 5 cm from each other, as rays from above find it."""
    count = np.maximum(1, np.ceil(np.hypot(*np.diff(path[:, :2], axis=0).T) / EVERY_M)).astype(int)
    parts = [np.linspace(a, b, n, endpoint=False) for a, b, n in zip(path[:-1], path[1:], count, strict=True)]
    points = np.concatenate([*parts, path[-1:]])
    height = float(path[0, 2])
    for point in points:
        start = np.array([[point[0], point[1], height + RAY_FROM_M]])
        away = float(physics.engine.rays(start, np.array([[0.0, 0.0, -1.0]]), 3 * RAY_FROM_M)[0])
        height = point[2] = height if np.isnan(away) else height + RAY_FROM_M - away
    return points


def try_pushes(
    physics: Physics, proxy: CollisionProxy, found: Navigation, seconds: float, rng: np.random.Generator
) -> dict[str, float]:
    """Push boxes about between the wall and see how many leave the bounds."""
    wall = found.wall
    space = max(found.spaces, key=lambda one: one.spawn_points.count)
    if wall is None or not space.spawn_points.count:
        return {"pushed": 0}
    part = CollisionPart("wall", wall.vertices, wall.triangles)
    walled = CollisionProxy((*proxy.parts, part), proxy.method, {})
    which = rng.integers(space.spawn_points.count, size=PUSHED)
    centres = space.spawn_points.positions[which].astype(np.float64) + [0.0, 0.0, SIDE_M / 2 + 0.02]
    physics.load(walled, centres, turned(np.zeros(PUSHED)), np.full(3, SIDE_M))
    for step in range(round(seconds / DT_S)):
        if step % round(PUSH_EVERY_S / DT_S) == 0:
            way = rng.uniform(-np.pi, np.pi, PUSHED)
            physics.push(SPEED_M_S * np.column_stack([np.cos(way), np.sin(way), np.zeros(PUSHED)]))
        physics.step()
    end = physics.state(PUSHED)["position"]
    inside = sum(winding(ring, end[:, :2]) for ring in found.bounds) == 1
    level = (end[:, 2] > found.floor_m - SIDE_M) & (end[:, 2] < found.ceiling_m + 1.0)
    moved = float(np.median(np.hypot(*(end - centres)[:, :2].T)))
    return {"pushed": PUSHED, "left": int((~(inside & level)).sum()), "median_move_m": round(moved, 2)}


def winding(ring: npt.NDArray[np.floating], points: Floats) -> npt.NDArray[np.int64]:
    """Return how often a polygon (K, 2) runs around points (N, 2), counter-clockwise counted up."""
    turn = np.zeros(len(points))
    for a, b in zip(ring.astype(np.float64), np.roll(ring, -1, axis=0).astype(np.float64), strict=True):
        u, v = a - points, b - points
        turn += np.arctan2(u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0], (u * v).sum(axis=1))
    return np.round(turn / (2 * np.pi)).astype(np.int64)


def try_scene(family: str, seed: int, arguments: argparse.Namespace, resets: int) -> dict[str, Any]:
    """Return what happened in one scene."""
    proxy, corners = make_scene(family, seed, arguments.gaussians)
    before = time.process_time()
    chosen = place.Params(robots=arguments.robots, wall=True)
    outcome = place.run(proxy, seed, chosen, Progress())
    cpu_s = time.process_time() - before
    found = outcome.value
    said: dict[str, Any] = {"family": family, "seed": seed, "place_cpu_s": round(cpu_s, 2)}
    if found is None:
        return {**said, "findings": [f.code for f in outcome.findings]}
    high = max([1.0, *(space.robot.height_m for space in found.spaces)])
    exact = truth.truth_map(corners, found.map, chosen.obstacle_low, high)
    said["map_agreement"] = round(truth.agreement(truth.reached(found.map.cells), exact), 4)
    rng, physics = np.random.default_rng([seed, 1]), Physics()
    for space in found.spaces:
        own = {"free_m2": round(space.free_m2, 2), "paths": try_paths(physics, proxy, space)}
        said[space.robot.name] = {**try_starts(physics, proxy, space, resets, rng), **own}
    said["walls"] = try_pushes(physics, proxy, found, arguments.push_seconds, rng)
    return {**said, "findings": [f.code for f in outcome.findings]}


def work(given: tuple[str, int, argparse.Namespace, int]) -> None:
    """Try one scene in a process of its own and print the result."""
    print(json.dumps(try_scene(*given)), flush=True)


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--families", default=",".join(FAMILIES))
    parser.add_argument("--seeds", default="1")
    parser.add_argument("--robots", default="go2,g1,carter")
    parser.add_argument("--gaussians", type=int, default=150_000)
    parser.add_argument("--resets", type=int, default=10_000, help="for each robot, over all scenes")
    parser.add_argument("--each", action="store_true", help="so many resets in each scene")
    parser.add_argument("--push-seconds", type=float, default=60.0)
    arguments = parser.parse_args(words)
    scenes = [(family, int(seed)) for family in arguments.families.split(",") for seed in arguments.seeds.split(",")]
    resets = arguments.resets if arguments.each else -(-arguments.resets // len(scenes))
    codes = []
    for family, seed in scenes:
        # the engine cannot be unloaded, so each scene has a process
        process = multiprocessing.get_context("spawn").Process(target=work, args=((family, seed, arguments, resets),))
        process.start()
        process.join()
        codes.append(process.exitcode)
    return int(any(codes))


if __name__ == "__main__":
    sys.exit(main())

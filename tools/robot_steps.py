"""Try which steps and slopes the walking policy takes: what the catalogue may say of a Go2.

    python tools/robot_steps.py [--steps 5,10] [--slopes 10,20] [--ways 24]

Steps [cm] are those of a platform of 1.2 x 0.8 m, a pallet's size, on level ground: a block, or boards on runners, open
below. Straight ways lead through any point of it in any direction, so that edges are met straight, grazingly, at
corners and with half the feet. Slopes [degrees] are those of a hill with four sides and a plateau, walked over in any
direction from level ground. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pxr import Usd, UsdGeom, UsdPhysics, Vt

from lyra_backend.progress import Progress
from lyra_backend.types import Task
from lyra_backend.validate import Params
from lyra_backend.validate.robots.check import try_robots
from lyra_backend.validate.robots.task_choice import points_along

Floats = npt.NDArray[np.float64]

LIMITS = Params()
STREAM = 32
STEPS_CM = "3,5,6,7,8,9,10,11,12,13,15"
SLOPES_DEG = "10,15,20,25,30"
#: Thickness of boards, width of runners [m].
DECK_M, RUNNER_M = 0.025, 0.1
#: Platform [m], a hill's plateau and rise [m], level ground at both ends of a way [m], half the ground [m].
PLATFORM_M, PLATEAU_M, RISE_M, LEVEL_M, GROUND_M = (1.2, 0.8), 0.6, 0.4, 1.0, 30.0


@dataclass(frozen=True)
class Ground:
    """Ground to walk on: its surface, corners (V, 3) [m] of quads (F, 4), and its height [m] at points (N, 2)."""

    corners: Floats
    quads: tuple[tuple[int, int, int, int], ...]
    height: Callable[[Floats], Floats]


def profile(xs: Sequence[float], zs: Sequence[float], half_y: float) -> tuple[Floats, list[tuple[int, int, int, int]]]:
    """Return the surface below a line in x and z, drawn out along y: corners and quads that look up."""
    corners = np.array([[x, y, z] for x, z in zip(xs, zs, strict=True) for y in (-half_y, half_y)], np.float64)
    return corners, [(2 * k, 2 * k + 2, 2 * k + 3, 2 * k + 1) for k in range(len(xs) - 1)]


def block(low: Sequence[float], high: Sequence[float]) -> tuple[Floats, list[tuple[int, int, int, int]]]:
    """Return the surface of a box between two corners (3,): corners and quads that look out."""
    (a, b, c), (x, y, z) = low, high
    corners = np.array([[u, v, w] for u in (a, x) for v in (b, y) for w in (c, z)], np.float64)
    return corners, [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]


def platform(height_m: float, hollow: bool = False) -> Ground:
    """Return level ground with a platform on it: a block, or boards on three runners, open between them."""
    (a, b), h, deck = (side / 2 for side in PLATFORM_M), height_m, height_m - DECK_M
    parts = [profile([-GROUND_M, GROUND_M], [0, 0], GROUND_M), block((-a, -b, deck if hollow else 0), (a, b, h))]
    if hollow:
        parts += [block((-a, y - RUNNER_M / 2, 0), (a, y + RUNNER_M / 2, deck)) for y in (-b + 0.05, 0.0, b - 0.05)]
    corners, quads = [np.zeros((0, 3))], list[tuple[int, int, int, int]]()
    for points, faces in parts:
        start = sum(len(one) for one in corners)
        corners.append(points)
        quads += [(i + start, j + start, k + start, m + start) for i, j, k, m in faces]
    return Ground(
        np.concatenate(corners),
        tuple(quads),
        lambda points: np.where((np.abs(points) <= [a, b]).all(axis=1), h, 0.0),
    )


def hill(slope_deg: float) -> Ground:
    """Return level ground with a hill on it: four slopes up to a plateau."""
    rise = np.tan(np.radians(slope_deg))
    top = PLATEAU_M / 2
    foot = top + RISE_M / rise
    corners, quads = profile([-GROUND_M, GROUND_M], [0, 0], GROUND_M)
    ring = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], np.float64)
    low, high = (np.column_stack([ring * half, np.full(4, z)]) for half, z in ((foot, 0.0), (top, RISE_M)))
    sides = [(4 + k, 4 + (k + 1) % 4, 8 + (k + 1) % 4, 8 + k) for k in range(4)]
    return Ground(
        np.concatenate([corners, low, high]),
        (*quads, *sides, (8, 9, 10, 11)),
        lambda points: ((foot - np.abs(points).max(axis=1)) * rise).clip(0.0, RISE_M),
    )


def write_ground(path: Path, ground: Ground) -> Path:
    """Write a stage whose only collider is the ground."""
    stage = Usd.Stage.CreateNew(str(path))
    UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.z)
    UsdGeom.SetStageMetersPerUnit(stage, 1.0)
    UsdPhysics.Scene.Define(stage, "/PhysicsScene")
    mesh = UsdGeom.Mesh.Define(stage, "/World/Ground")
    mesh.CreatePointsAttr(Vt.Vec3fArray.FromNumpy(ground.corners.astype(np.float32)))
    mesh.CreateFaceVertexCountsAttr([4] * len(ground.quads))
    mesh.CreateFaceVertexIndicesAttr([corner for quad in ground.quads for corner in quad])
    UsdPhysics.CollisionAPI.Apply(mesh.GetPrim())
    UsdPhysics.MeshCollisionAPI.Apply(mesh.GetPrim()).CreateApproximationAttr("none")
    stage.Save()
    return path


def ways_over(ground: Ground, middles: Floats, yaws: Floats) -> list[Task]:
    """Return straight ways through these points (N, 2) [m] with these headings (N,) [rad], as high as the ground."""
    # What stands on the ground is within this of its middle, and so are the points.
    half = float(np.linalg.norm(ground.corners[4:, :2], axis=1).max()) + LEVEL_M
    found = []
    for middle, yaw in zip(middles, yaws, strict=True):
        reach = half * np.array([np.cos(yaw), np.sin(yaw)])
        ends = np.pad(np.array([middle - reach, middle + reach]), ((0, 0), (0, 1)))
        path = points_along(ends, 0.05)
        path[:, 2] = ground.height(path[:, :2])
        found.append(Task(path.astype(np.float32), float(yaw), 2 * half))
    return found


def told(what: str, ground: Ground, tasks: Sequence[Task]) -> None:
    """Let robots go and print what became of them."""
    with tempfile.TemporaryDirectory() as scratch:
        stage = write_ground(Path(scratch) / "ground.usda", ground)
        walks = try_robots(stage, tasks, None, LIMITS.robots_timeout_s, Progress()).walks
    reached = sum(walk.reached for walk in walks)
    fell = sum(walk.conduct.fell is not None for walk in walks)
    stumbles = sum(len(walk.conduct.stumbles) for walk in walks)
    metres = sum(min(walk.done_m, walk.length_m) for walk in walks)
    print(f"| {what} | {reached} of {len(walks)} | {fell} | {10 * stumbles / metres:.2f} |", flush=True)


def main(arguments: Sequence[str]) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", default=STEPS_CM)
    parser.add_argument("--slopes", default=SLOPES_DEG)
    parser.add_argument("--ways", type=int, default=24)
    given = parser.parse_args(arguments)
    rng = np.random.default_rng(STREAM)
    middles = rng.uniform(-0.5, 0.5, (given.ways, 2)) * PLATFORM_M
    yaws = rng.uniform(-np.pi, np.pi, given.ways)
    print("| ground | goals reached | fell | stumbles on 10 m |\n|---|---:|---:|---:|")
    for text in filter(None, given.steps.split(",")):
        for hollow, what in ((False, "block"), (True, "boards on runners")):
            ground = platform(float(text) / 100, hollow)
            told(f"{what}, {text} cm high", ground, ways_over(ground, middles, yaws))
    for text in filter(None, given.slopes.split(",")):
        ground = hill(float(text))
        told(f"hill, {text} degrees steep", ground, ways_over(ground, middles, yaws))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

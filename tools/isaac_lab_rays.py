"""Cast rays as Isaac Lab's ray casters do on the meshes that they would find, and as PhysX does, and compare.

    python tools/isaac_lab_rays.py outputs/office [--rays 5000] [--collision single]

Isaac Lab looks below the path that isaac_lab_cfg.py names (2.3.2 and 3.0.0, RayCaster and MultiMeshRayCaster): "first"
is the first Mesh in breadth-first order, unless there is a Plane, which is taken for an endless floor; "merged" is all
Meshes and basic shapes in one. Both then cast rays at a Warp mesh, from both sides. PhysX casts rays at fronts alone,
as its bodies touch fronts alone. Rays start where robots can be, not inside of closed furniture: from there, backs are
most of what they meet. This follows these rules on usd-core; Isaac Lab itself is not run.

Rays that end more than 1 mm apart are worked out once more in double precision. "folds" counts those on which both
are right: the caster meets the back of a triangle that stands before the front on which PhysX ends. "wrong" counts the
rest. All of them stay differences in the shares.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pxr import Usd, UsdGeom

from lyra_backend.kernels.mesh_distance import MeshTree
from lyra_backend.progress import Progress
from lyra_backend.validate.collider_shapes import shape_corners
from lyra_backend.validate.colliders import read_colliders
from lyra_backend.validate.engine_process import Job, Run, run_engine
from lyra_backend.validate.physics_stage import BODY_PREFIX, write_stage
from lyra_backend.validate.probe_bodies import Bodies
from lyra_backend.validate.reachable_points import reachable_samples
from lyra_backend.validate.survey import survey_colliders

Floats = npt.NDArray[np.float64]

REACH_M = 50.0
#: Rays agree if they end within this of each other [m]: what the check of depths allows half of its pixels.
AGREE_M = 0.01
#: A stricter measure, told besides [m].
EXACT_M = 1e-3
#: Shares of a triangle's sides by which a ray may miss it and still meets it: float32 corners are rounded.
EDGE = 1e-6
#: Heights of sensors above the ground [m], and the free space around them.
HEIGHTS = (0.3, 0.6, 1.5)
GAP_M = 0.1
SHAPES = ("Cube", "Cylinder", "Sphere", "Capsule", "Cone")
TIMEOUT_S = 300.0


def below(stage: Usd.Stage, path: str) -> Iterator[Usd.Prim]:
    """Yield the prim at `path` and all below it that are active, breadth first, those in instances included."""
    waiting = deque([stage.GetPrimAtPath(path)])
    while waiting:
        prim = waiting.popleft()
        yield prim
        waiting.extend(prim.GetFilteredChildren(Usd.TraverseInstanceProxies()))


def first_mesh(stage: Usd.Stage, path: str) -> list[Usd.Prim]:
    """Return what RayCaster takes.

    Raises:
        SystemExit: it would take an endless plane, or finds nothing.
    """
    prims = list(below(stage, path))
    planes = [p for p in prims if p.GetTypeName() == "Plane"]
    meshes = [p for p in prims if p.GetTypeName() == "Mesh"]
    if planes or not meshes:
        raise SystemExit(f"{path}: has {f'the Plane {planes[0].GetPath()}' if planes else 'no Mesh'}.")
    return meshes[:1]


def all_meshes(stage: Usd.Stage, path: str) -> list[Usd.Prim]:
    """Return what MultiMeshRayCaster merges."""
    return [p for p in below(stage, path) if p.GetTypeName() in ("Mesh", *SHAPES)]


def corners_of(prims: list[Usd.Prim]) -> Floats:
    """Return the triangle corners of shapes in the world [m], shape (F, 3, 3)."""
    cache, parts = UsdGeom.XformCache(), []
    for prim in prims:
        matrix = np.array(cache.GetLocalToWorldTransform(prim))
        parts.append(shape_corners(prim) @ matrix[:3, :3] + matrix[3, :3])
    return np.concatenate(parts)


def cast(corners: Floats, starts: Floats, ways: Floats) -> Floats:
    """Return how far rays go [m], inf where they meet nothing."""
    tree = MeshTree(corners.reshape(-1, 3).astype(np.float32), np.arange(3 * len(corners)).reshape(-1, 3))
    return tree.rays(starts.astype(np.float32), ways.astype(np.float32), REACH_M).distance.astype(np.float64)


def exact_hits(corners: Floats, start: Floats, way: Floats) -> tuple[float, float]:
    """Return how far one ray goes to the first triangle (F, 3, 3), and to the first met from its front [m].

    Möller and Trumbore, "Fast, minimum storage ray/triangle intersection", 1997, in double precision.
    """
    one, two, to = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0], start - corners[:, 0]
    turned, normal = np.cross(to, way), np.cross(one, two)
    facing = -(normal @ way)
    with np.errstate(divide="ignore", invalid="ignore"):
        u, v = (two * turned).sum(axis=1) / facing, -(one * turned).sum(axis=1) / facing
        along = (to * normal).sum(axis=1) / facing
        met = (u >= -EDGE) & (v >= -EDGE) & (u + v <= 1 + EDGE) & (along > 0) & (along <= REACH_M)
    return min(along[met], default=np.inf), min(along[met & (facing > 0)], default=np.inf)


def count_differences(corners: Floats, starts: Floats, ways: Floats, warp: Floats, engine: Floats) -> dict[str, int]:
    """Return on how many rays the caster and PhysX both end where they should but not at one place, and other ones."""
    apart = np.flatnonzero(~agree(warp, engine, EXACT_M))
    exact = np.array([exact_hits(corners, starts[k], ways[k]) for k in apart]).reshape(-1, 2)
    right = agree(exact[:, 0], warp[apart], EXACT_M) & agree(exact[:, 1], engine[apart], EXACT_M)
    return {"folds": int(right.sum()), "wrong": int((~right).sum())}


def chosen_rays(file: Path, count: int) -> tuple[Floats, Floats, tuple[str, ...]]:
    """Return free points above the floor (N, 3) [m], random unit vectors (N, 3), and the paths of physics scenes."""
    colliders = read_colliders(Usd.Stage.Open(str(file)))
    survey = survey_colliders(colliders, Progress())
    if survey is None:
        raise SystemExit(f"{file.name}: has no floor to stand on.")
    rng = np.random.default_rng([21, count])
    columns = survey.samples.columns
    standing = np.flatnonzero(columns.found & ~columns.back & reachable_samples(survey))
    chosen = rng.choice(standing, 4 * count)
    height = rng.choice(HEIGHTS, len(chosen))
    starts = np.column_stack([survey.samples.points[chosen], columns.height[chosen] + height])
    free = (height < columns.headroom[chosen]) & survey.index.are_free(starts, GAP_M)
    free &= colliders.moving.clearance(starts) > GAP_M
    starts = starts[free][:count]
    ways = rng.normal(size=(len(starts), 3))
    return starts, ways / np.linalg.norm(ways, axis=1, keepdims=True), colliders.scenes


def in_physx(file: Path, scenes: tuple[str, ...], starts: Floats, ways: Floats, folder: Path) -> Floats:
    """Return the same as :func:`cast` of PhysX."""
    usd = folder / "rays.usda"
    write_stage(file, scenes, Bodies(np.zeros((0, 3)), np.zeros((0, 3)), np.zeros(0, bool), gravity=True), usd)
    run = Run("rays", str(usd), BODY_PREFIX, 0, 0, 1.0 / 120.0, starts.tolist(), REACH_M, ways.tolist())
    distances = run_engine(Job((run,)), folder, TIMEOUT_S, Progress()).traces["rays"].ray_distances
    return np.where(np.isnan(distances), np.inf, distances)


def agree(one: Floats, other: Floats, within_m: float = AGREE_M) -> npt.NDArray[np.bool_]:
    """Say which rays end within so much of each other [m], or meet nothing in both."""
    both = np.isfinite(one) & np.isfinite(other)
    apart = np.abs(np.subtract(one, other, out=np.zeros_like(one), where=both))
    return np.where(both, apart <= within_m, np.isinf(one) & np.isinf(other))


def compare(file: Path, count: int, root: str = "/World/Collision") -> dict[str, float]:
    """Return the share of the rays on which PhysX agrees with each of the look-ups."""
    starts, ways, scenes = chosen_rays(file, count)
    with tempfile.TemporaryDirectory() as name:
        engine = in_physx(file, scenes, starts, ways, Path(name))
    stage = Usd.Stage.Open(str(file))
    found = {"rays": float(len(starts)), "hits": float(np.isfinite(engine).mean())}
    for rule, lookup in (("first", first_mesh), ("merged", all_meshes)):
        corners = corners_of(lookup(stage, root))
        distances = cast(corners, starts, ways)
        found[rule] = float(agree(distances, engine).mean())
        found[f"{rule}_1_mm"] = float(agree(distances, engine, EXACT_M).mean())
        counts = count_differences(corners, starts, ways, distances, engine)
        found |= {f"{rule}_{kind}": float(count) for kind, count in counts.items()}
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+", help="directories of finished runs")
    parser.add_argument("--rays", type=int, default=5000)
    options = parser.parse_args()
    for run in options.runs:
        print(json.dumps({"scene": run.name, **compare(run / "stage.usda", options.rays)}))


if __name__ == "__main__":
    main()

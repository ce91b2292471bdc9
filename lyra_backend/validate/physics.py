"""Is this a place where robots can be simulated? Asked of the real NVIDIA PhysX, on the CPU.

Does: read the colliders of a stage, find its floor, drop and shoot test bodies, and hold what happens against limits.
Does not: touch the stage's files, or load the engine into this process.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pxr import Tf, Usd

from ..errors import InvalidRequest
from ..progress import Progress
from ..types import Finding, Outcome
from . import physics_findings as findings
from .colliders import StaticColliders, read_colliders
from .engine_process import EngineFailed, EngineResult, Job, Run, missing_packages, run_engine
from .floor_columns import find_floor, look_down
from .free_points import Samples, look_around, sample_floor
from .motion_scores import score_drop, score_shots
from .physics_stage import BODY_PREFIX, write_stage
from .probe_bodies import Bodies, choose_drops, choose_shots
from .triangle_index import TriangleIndex

__all__ = ["check_physics"]

BODY_COUNT = 48
#: Fewer free places than this tell nothing.
FEWEST_BODIES = 12
SECONDS = 3.0
STEPS = 360
#: Points at which the engine's own surface is compared with the colliders, and how far from any body they lie [m].
RAY_COUNT = 1000
RAY_HEIGHT = 0.8
RAY_FROM_BODY = 0.3
STAGE_FILES = ("stage.usda", "scene.usda")


def check_physics(stage_path: Path, limits: findings.PhysicsLimits, progress: Progress) -> Outcome[None]:
    """Measure in a real engine whether bodies rest on the floor and stop at the walls of a stage.

    Deterministic: the same stage gives the same findings to the digit.

    Args:
        stage_path: a USD file, or a run directory that holds one.
        limits: what is still good enough.
        progress: reported to often; a cancelled job kills the engine.

    Raises:
        InvalidRequest: there is no such file, or it is not USD.
    """
    path = _stage_file(Path(stage_path))
    progress(0.0, "reading colliders")
    colliders = read_colliders(_open(path))
    if not colliders.usable:
        return Outcome(None, _counts(colliders), colliders.findings)
    measured = _measure(path, colliders, limits, progress)
    return Outcome(None, {**_counts(colliders), **measured.counts}, (*colliders.findings, *measured.findings))


def _stage_file(path: Path) -> Path:
    if path.is_dir():
        found = [path / name for name in STAGE_FILES if (path / name).is_file()]
        if not found:
            raise InvalidRequest(f"{path} holds none of {', '.join(STAGE_FILES)}; name a run directory or a USD file.")
        return found[0]
    if not path.is_file():
        raise InvalidRequest(f"{path} does not exist; name a run directory or a USD file.")
    return path


def _open(path: Path) -> Usd.Stage:
    try:
        return Usd.Stage.Open(str(path))
    except Tf.ErrorException as error:
        raise InvalidRequest(f"{path} cannot be read as USD: {str(error).strip()[:300]}") from error


def _counts(colliders: StaticColliders) -> dict[str, int]:
    return {"colliders": len(colliders.paths), "collider_triangles": len(colliders.corners)}


def _measure(
    path: Path, colliders: StaticColliders, limits: findings.PhysicsLimits, progress: Progress
) -> Outcome[None]:
    """Check the floor and walls as they are written, then ask the engine."""
    progress(0.05, "looking for the floor")
    corners = colliders.corners
    floor = find_floor(corners, colliders.lower, colliders.upper)
    if floor is None or not floor.footprint.any():
        return Outcome(None, {}, (findings.floor_area(0.0, limits),))
    samples = sample_floor(corners, floor, _stream(0))
    progress(0.1, "looking at the walls")
    index = TriangleIndex(corners)
    views = look_around(corners, index, samples, _stream(1))
    found = [
        findings.floor_area(floor.area_m2, limits),
        findings.floor_holes(samples, limits),
        findings.floor_back_faces(samples, limits),
        findings.wall_back_faces(views, limits),
        *findings.solid(_solid_share(colliders, samples), limits),
    ]
    drops = choose_drops(samples, index, BODY_COUNT, _stream(2))
    shots = choose_shots(views, BODY_COUNT, SECONDS, _stream(3))
    counts = {"dropped_bodies": len(drops.positions), "shot_balls": len(shots.positions)}
    if missing := missing_packages():
        found.append(findings.not_run(missing))
    elif len(drops.positions) < FEWEST_BODIES:
        found.append(findings.no_space(len(drops.positions), FEWEST_BODIES))
    else:
        found += _simulate(path, colliders, index, samples, drops, shots, limits, progress.child(0.2, 1.0))
    return Outcome(None, counts, tuple(found))


def _solid_share(colliders: StaticColliders, samples: Samples) -> float:
    """Return the share of the samples below which meshes enclose something solid as high as a room."""
    share = float(samples.columns.solid.mean())
    if share == 0.0 or all(colliders.meshes):
        return share
    # A cube or a cylinder cannot be wound the wrong way: it is solid because it was meant to be.
    corners = colliders.corners[np.array(colliders.meshes)[colliders.owner]]
    return float(look_down(corners, samples.points).solid.mean())


def _stream(number: int) -> np.random.Generator:
    return np.random.default_rng([20, number])


def _simulate(
    path: Path,
    colliders: StaticColliders,
    index: TriangleIndex,
    samples: Samples,
    drops: Bodies,
    shots: Bodies,
    limits: findings.PhysicsLimits,
    progress: Progress,
) -> Sequence[Finding]:
    """Drop and shoot the bodies in the engine and judge what became of them."""
    rays = _ray_points(samples, index, drops)
    length = float(colliders.upper[2] - colliders.lower[2]) + 20.0
    try:
        with tempfile.TemporaryDirectory(prefix="lyra-physics-", ignore_cleanup_errors=True) as name:
            folder = Path(name)
            runs = [_run("drop", path, colliders, drops, folder, rays, length)]
            if len(shots.positions):
                runs.append(_run("shots", path, colliders, shots, folder))
            result = run_engine(Job(tuple(runs)), folder, limits.physics_timeout_s, progress)
    except EngineFailed as failure:
        return [findings.engine_failed(str(failure))]
    return _judged(result, colliders, index, rays, drops, shots, limits)


def _run(
    name: str,
    scene: Path,
    colliders: StaticColliders,
    bodies: Bodies,
    folder: Path,
    rays: np.ndarray | None = None,
    ray_length: float = 0.0,
) -> Run:
    usd = folder / f"{name}.usda"
    write_stage(scene, colliders.scenes, bodies, usd)
    points = [] if rays is None else rays.tolist()
    return Run(name, str(usd), BODY_PREFIX, len(bodies.positions), STEPS, SECONDS / STEPS, points, ray_length)


def _ray_points(samples: Samples, index: TriangleIndex, bodies: Bodies) -> np.ndarray:
    """Return free points (R, 3) above the floor that have no test body below them."""
    from scipy.spatial import cKDTree

    standing = np.flatnonzero(samples.columns.found & ~samples.columns.back)
    points = np.column_stack([samples.points, samples.columns.height + RAY_HEIGHT])[standing]
    far = cKDTree(bodies.positions[:, :2]).query(points[:, :2])[0] > RAY_FROM_BODY
    points = points[far][: 2 * RAY_COUNT]
    return points[index.distances(points, 0.2) > 0.05][:RAY_COUNT]


def _judged(
    result: EngineResult,
    colliders: StaticColliders,
    index: TriangleIndex,
    rays: np.ndarray,
    drops: Bodies,
    shots: Bodies,
    limits: findings.PhysicsLimits,
) -> Sequence[Finding]:
    box = (colliders.lower, colliders.upper)
    dropped = result.traces["drop"]
    found = [
        *findings.engine_log(result, limits),
        *findings.missing_colliders(len(colliders.paths) - dropped.static_actors, limits),
        *findings.surface_moved(rays[:, 2] - RAY_HEIGHT, dropped.ray_heights, rays, limits),
        *findings.drop(drops, score_drop(drops, dropped, SECONDS / STEPS, index, box), limits),
    ]
    if "shots" in result.traces:
        found += findings.shots(shots, score_shots(result.traces["shots"], index, box), limits)
    return found

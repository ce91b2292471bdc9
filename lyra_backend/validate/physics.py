"""Is this a place where robots can be simulated? Asked of the real NVIDIA PhysX, on the CPU.

Does: read the colliders of a stage, find its floor, drop and shoot test bodies, let the scene's own bodies rest, and
hold what happens against limits.
Does not: touch the stage's files, or load the engine into this process.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..progress import Progress
from ..types import Finding, Frame, GaussianCloud, Outcome
from . import physics_findings as findings
from .carried_bodies import HIT_M, Carried, read_carried
from .colliders import read_colliders
from .depth_fit import check_depth
from .engine_process import EngineFailed, EngineResult, Job, Run, missing_packages, run_engine
from .gaussian_fit import check_fit
from .motion_scores import score_drop, score_shots
from .physics_stage import BODY_PREFIX, write_stage
from .placed_robots import open_scene
from .probe_bodies import Bodies, choose_drops, choose_shots
from .survey import Survey, random_stream, survey_colliders

__all__ = ["check_physics"]

BODY_COUNT = 48
#: Fewer free places than this tell nothing.
FEWEST_BODIES = 12
SECONDS = 3.0
STEPS = 360
#: The scene's own bodies must lie still after this time, alone.
REST_SECONDS = 2.0
REST_STEPS = round(REST_SECONDS / SECONDS * STEPS)
#: What is carried along is followed for no longer than this.
CARRIED_SECONDS = 5.0
#: Points at which the engine's own surface is compared with the colliders, and how far from any body they lie [m].
RAY_COUNT = 1000
RAY_HEIGHT = 0.8
RAY_FROM_BODY = 0.3
#: Rays start in free space, at least this far from any surface [m].
RAY_GAP = 0.05


def check_physics(file: Path, cloud: GaussianCloud | None, limits: Any, progress: Progress) -> Outcome[None]:
    """Measure in a real engine whether bodies rest on the floor and stop at the walls of a stage.

    Deterministic: the same stage gives the same findings to the digit.

    Args:
        file: a USD stage, Z up and in metres.
        cloud: its Gaussians, to be held against the colliders; None if there are none.
        limits: what is still good enough, the validate stage's `Params`.
        progress: reported to often; a cancelled job kills the engine.
    """
    progress(0.0, "reading colliders")
    stage = open_scene(file)
    colliders = read_colliders(stage)
    if not colliders.usable:
        return Outcome(None, findings=colliders.findings)
    survey = survey_colliders(colliders, progress.child(0.05, 0.2))
    if survey is None:
        return Outcome(None, findings=(*colliders.findings, findings.floor_area(0.0, limits)))
    fits = [] if cloud is None or cloud.frame is not Frame.WORLD else _fits(cloud, survey, limits)
    carried = read_carried(stage, survey.index, colliders.moving, SECONDS / STEPS, CARRIED_SECONDS)
    moved = _simulate(file, survey, carried, limits, progress.child(0.2, 1.0))
    found = (*colliders.findings, *(f for fit in fits for f in fit.findings), *_shape(survey, limits), *moved.findings)
    counts = {name: count for fit in fits for name, count in fit.counts.items()}
    return Outcome(None, {**counts, **moved.counts}, found)


def _fits(cloud: GaussianCloud, survey: Survey, limits: Any) -> list[Outcome[None]]:
    """Hold what is seen against what is hit."""
    return [check_fit(cloud, survey, limits), check_depth(cloud, survey, limits)]


def _shape(survey: Survey, limits: findings.PhysicsLimits) -> tuple[Finding, ...]:
    """Judge floor and walls as they are written."""
    return (
        findings.floor_area(survey.floor.area_m2, limits),
        findings.floor_holes(survey.samples, limits),
        findings.floor_back_faces(survey.samples, limits),
        findings.wall_back_faces(survey.views, limits),
        *findings.solid(survey.solid_share, limits),
    )


def _simulate(
    file: Path, survey: Survey, carried: Carried | None, limits: findings.PhysicsLimits, progress: Progress
) -> Outcome[None]:
    """Drop and shoot bodies in the engine and judge what became of them."""
    moving = survey.colliders.moving
    drops = choose_drops(survey.samples, survey.index, moving, BODY_COUNT, random_stream(2))
    shots = choose_shots(survey.views, moving, BODY_COUNT, SECONDS, random_stream(3))
    counts = {
        "dropped_bodies": len(drops.positions),
        "shot_balls": len(shots.positions),
        "movable_bodies": len(moving.paths),
    }
    if missing := missing_packages():
        return Outcome(None, counts, (findings.not_run(missing),))
    if len(drops.positions) < FEWEST_BODIES:
        return Outcome(None, counts, (findings.no_space(len(drops.positions), FEWEST_BODIES),))
    rays, heights = _rays_down(survey, drops)
    try:
        result = _run_engine(file, survey, drops, shots, rays, carried, limits.physics_timeout_s, progress)
    except EngineFailed as failure:
        return Outcome(None, counts, (findings.engine_failed(str(failure)),))
    drop = result.traces["drop"]
    moved = findings.surface_moved(heights, rays[:, 2] - drop.ray_distances, rays, limits)
    hit = _hit(result, carried)
    # What buffers of PhysX on the GPU must hold a body: isaac_lab_cfg.py reads it.
    counts["contacts_per_body"] = int(drop.contacts.max(initial=0.0))
    return Outcome(None, counts, (*_judged(result, survey, drops, shots, limits), *moved, *hit))


def _run_engine(
    file: Path,
    survey: Survey,
    drops: Bodies,
    shots: Bodies,
    rays: npt.NDArray[np.float64],
    carried: Carried | None,
    timeout_s: float,
    progress: Progress,
) -> EngineResult:
    """Simulate in a folder that is gone afterwards, with all that engines leave behind."""
    colliders = survey.colliders
    length = float(colliders.upper[2] - colliders.lower[2]) + 20.0
    with tempfile.TemporaryDirectory(prefix="lyra-physics-", ignore_cleanup_errors=True) as name:
        runs = []
        nothing = Bodies(np.zeros((0, 3)), np.zeros((0, 3)), np.zeros(0, bool), gravity=True)
        plan = (
            ("drop", drops, rays, STEPS),
            ("shots", shots, rays[:0], STEPS),
            ("rest", nothing, rays[:0], REST_STEPS),
        )
        for kind, bodies, points, steps in plan:
            if len(bodies.positions) or (kind == "rest" and colliders.moving.paths):
                usd = Path(name) / f"{kind}.usda"
                write_stage(file, colliders.scenes, bodies, usd)
                count, own = len(bodies.positions), list(colliders.moving.paths)
                run = Run(kind, str(usd), BODY_PREFIX, count, steps, SECONDS / STEPS, points.tolist(), length)
                runs.append(replace(run, others=own, contacts=kind == "drop"))
        if carried is not None and carried.aimed_at:
            usd, count, steps = Path(name) / "carried.usda", len(carried.aimed_at), len(carried.poses)
            write_stage(file, colliders.scenes, carried.balls, usd)
            driven, targets = list(carried.paths), carried.poses.tolist()
            run = Run("carried", str(usd), BODY_PREFIX, count, steps, SECONDS / STEPS, driven=driven, targets=targets)
            runs.append(run)
        return run_engine(Job(tuple(runs)), Path(name), timeout_s, progress)


def _hit(result: EngineResult, carried: Carried | None) -> tuple[Finding, ...]:
    """Judge whether what is carried along hit what hung in its way."""
    if carried is None or "carried" not in result.traces:
        return ()
    positions = result.traces["carried"].positions
    moved = np.linalg.norm(positions[-1] - positions[0], axis=1)
    return (findings.carried(moved > HIT_M, carried.aimed_at),)


def _rays_down(survey: Survey, bodies: Bodies) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return free points (R, 3) above the floor without a test body below them, and what a ray down meets (R,) [m].

    What moves is met first where it stands on the floor; rays that graze its sides are left out.
    """
    from scipy.spatial import cKDTree

    columns, moving = survey.samples.columns, survey.colliders.moving
    standing = np.flatnonzero(columns.found & ~columns.back)
    points = np.column_stack([survey.samples.points, columns.height + RAY_HEIGHT])[standing]
    far = cKDTree(bodies.positions[:, :2]).query(points[:, :2])[0] > RAY_FROM_BODY
    points = points[far][: 2 * RAY_COUNT]
    points = points[survey.index.are_free(points, RAY_GAP) & (moving.clearance(points) > RAY_GAP)]
    top, grazing = moving.heights_below(points, RAY_HEIGHT)
    points, top = points[~grazing][:RAY_COUNT], top[~grazing][:RAY_COUNT]
    return points, np.maximum(points[:, 2] - RAY_HEIGHT, top)


def _judged(
    result: EngineResult, survey: Survey, drops: Bodies, shots: Bodies, limits: findings.PhysicsLimits
) -> tuple[Finding, ...]:
    colliders, index = survey.colliders, survey.index
    box = (colliders.lower, colliders.upper)
    dropped = result.traces["drop"]
    score = score_drop(drops, dropped, SECONDS / STEPS, index, colliders.moving, box)
    found = [
        *findings.engine_log(result, limits),
        *findings.missing_colliders(len(colliders.paths) - dropped.static_actors),
        *findings.drop(drops, score, limits),
    ]
    if "shots" in result.traces:
        found += findings.shots(shots, score_shots(result.traces["shots"], index, box), limits)
    if "rest" in result.traces:
        found += findings.rest(colliders.moving, result.traces["rest"].others, limits)
    return tuple(found)

"""Findings of the physics check: measured values in words, held against their limits."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from ..types import Finding, Severity
from .engine_process import EngineResult
from .free_points import Samples, Views
from .motion_scores import DropScore, ShotScore
from .moving_bodies import MovingBodies, Poses
from .probe_bodies import Bodies

__all__ = [
    "PhysicsLimits",
    "carried",
    "drop",
    "engine_failed",
    "engine_log",
    "floor_area",
    "floor_back_faces",
    "floor_holes",
    "missing_colliders",
    "no_space",
    "not_run",
    "rest",
    "shots",
    "solid",
    "surface_moved",
    "wall_back_faces",
]

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

#: Places named in one finding, and how far apart they are [m].
PLACES = 3
PLACES_APART = 0.5
BODIES_NAMED = 6
#: The engine's surface may differ from the collider's by this much [m].
SURFACE_TOLERANCE = 0.02


class PhysicsLimits(Protocol):
    """The entries ``physics_*`` of ``limits.toml``."""

    physics_floor_area_min_m2: float
    physics_floor_holes_max: float
    physics_back_faces_max: float
    physics_wall_back_faces_max: float
    physics_solid_max: float
    physics_held_min: float
    physics_fallen_max: float
    physics_crossed_max: float
    physics_jitter_max: float
    physics_floating_max: float
    physics_penetration_max_m: float
    physics_tunnelled_max: float
    physics_drift_max_m: float
    physics_rest_speed_max_m_s: float
    physics_surface_moved_max: float
    physics_engine_errors_max: int
    physics_timeout_s: float


def _held_against(
    code: str, value: float, limit: float, message: str, where: str = "", advice: str = "", least: bool = False
) -> Finding:
    """Return a finding that is an error, with `where` and `advice`, if `value` is beyond `limit`."""
    value = float(f"{value:.4g}")
    bad = value < limit if least else value > limit
    bound = f"{'at least' if least else 'at most'} {limit:g}"
    severity = Severity.ERROR if bad else Severity.INFO
    words = f"{message} (limit: {bound}).{' ' + advice if bad and advice else ''}"
    return Finding(f"physics.{code}", severity, words, value, limit, where if bad else "")


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _places(points: Floats) -> str:
    """Name up to three of the points (N, 2 or 3) [m] that lie apart."""
    chosen: list[Floats] = []
    for point in points[np.isfinite(points).all(axis=1)]:
        if len(chosen) < PLACES and all(np.linalg.norm(point - other) > PLACES_APART for other in chosen):
            chosen.append(point)
    return "; ".join("(" + ", ".join(f"{x + 0.0:.2f}" for x in np.round(point, 2)) + ")" for point in chosen)


def floor_area(area_m2: float, limits: PhysicsLimits) -> Finding:
    """Is there enough ground to stand on?"""
    message = f"{area_m2:.4g} m² of walkable floor with at least 1 m of headroom"
    return _held_against("floor_area", area_m2, limits.physics_floor_area_min_m2, message, least=True)


def floor_holes(samples: Samples, limits: PhysicsLimits) -> Finding:
    """Does the footprint of the scene have places without any ground?"""
    share, limit = float(samples.holes.mean()), limits.physics_floor_holes_max
    places = _places(samples.points[samples.holes])
    return _held_against("floor_holes", share, limit, f"{share:.2%} of the footprint has nothing below it", places)


def floor_back_faces(samples: Samples, limits: PhysicsLimits) -> Finding:
    """Does the floor show its front?"""
    columns = samples.columns
    back = columns.back & columns.found
    share = _share(int(back.sum()), int(columns.found.sum()))
    message = f"{share:.2%} of the floor is wound the wrong way"
    advice = "Bodies fall through faces seen from behind: turn their winding."
    return _held_against(
        "back_faces", share, limits.physics_back_faces_max, message, _places(samples.points[back]), advice
    )


def wall_back_faces(views: Views, limits: PhysicsLimits) -> Finding:
    """Do walls show their fronts to the free space?"""
    seen = views.wall & np.isfinite(views.distance)
    share = _share(int((seen & views.back).sum()), int(seen.sum()))
    message = f"{share:.2%} of the walls seen from free places is wound the wrong way"
    places = _places(_seen_points(views, *np.nonzero(seen & views.back)))
    advice = "Bodies go through faces seen from behind: turn their winding."
    return _held_against("wall_back_faces", share, limits.physics_wall_back_faces_max, message, places, advice)


def solid(share: float, limits: PhysicsLimits) -> list[Finding]:
    """Is the whole scene solid under its roof, as a closed room is that is turned inside out?"""
    if share <= limits.physics_solid_max:
        return []
    message = f"{share:.1%} of the scene is solid below its roof"
    advice = "This is a closed room wound the wrong way, unless it is meant to be a block to walk on."
    return [_held_against("solid", share, limits.physics_solid_max, message, advice=advice)]


def _seen_points(views: Views, point: npt.NDArray[np.int64], direction: npt.NDArray[np.int64]) -> Floats:
    azimuth, distance = views.azimuths[direction], views.distance[point, direction]
    along = np.stack([np.cos(azimuth), np.sin(azimuth), np.zeros_like(azimuth)], axis=1)
    return views.points[point] + distance[:, None] * along


def not_run(missing: tuple[str, ...]) -> Finding:
    """The engine is not installed."""
    message = f"Physics was not checked: {', '.join(missing)} not installed. Run: pip install 'lyra-backend[physics]'"
    return Finding("physics.not_run", Severity.ERROR, message)


def no_space(free: int, needed: int) -> Finding:
    """There are too few free places."""
    message = f"Only {free} places above the floor are free enough to drop a 20 cm box, {needed} are needed."
    return Finding("physics.no_space", Severity.ERROR, message, free, needed)


def engine_failed(why: str) -> Finding:
    """The engine's process gave no result."""
    return Finding("physics.engine_failed", Severity.ERROR, f"The physics engine could not simulate the stage: {why}")


def engine_log(result: EngineResult, limits: PhysicsLimits) -> list[Finding]:
    """What the engine complained about."""
    found = [Finding("physics.engine_warning", Severity.WARNING, f"PhysX: {text}") for text in result.warnings[:5]]
    if result.errors:
        message = f"PhysX reported {len(result.errors)} errors, first: {result.errors[0]}"
        found.append(_held_against("engine_errors", len(result.errors), limits.physics_engine_errors_max, message))
    return found


def missing_colliders(count: int) -> list[Finding]:
    """Did the engine take over all colliders?"""
    if count <= 0:
        return []
    return [_held_against("missing_colliders", count, 0, f"{count} colliders of the stage are unknown to PhysX")]


def surface_moved(expected: Floats, measured: Floats, points: Floats, limits: PhysicsLimits) -> list[Finding]:
    """Is the surface that the engine made of the colliders where it was written?"""
    if not len(expected):
        return []
    wrong = ~(np.abs(measured - expected) <= SURFACE_TOLERANCE)
    message = f"{wrong.mean():.2%} of the floor is more than 2 cm elsewhere in PhysX than in the file"
    limit = limits.physics_surface_moved_max
    return [_held_against("surface_moved", float(wrong.mean()), limit, message, _places(points[wrong]))]


def drop(bodies: Bodies, score: DropScore, limits: PhysicsLimits) -> list[Finding]:
    """What dropped bodies did."""
    # A ball that rolled over the rim of an open scene says nothing about its colliders.
    judged = ~score.over_edge
    count, starts = int(judged.sum()), bodies.positions
    through = np.where(np.isfinite(score.crossings), score.crossings, starts)

    def share(code: str, mask: Mask, limit: float, words: str, where: Floats) -> Finding:
        message = f"{int(mask.sum())} of {count} dropped bodies {words}"
        return _held_against(code, _share(int(mask.sum()), count), limit, message, _places(where[mask]))

    held = int((score.held & judged).sum())
    message = f"{held} of {count} dropped bodies came to rest on a collider"
    places = _places(starts[judged & ~score.held])
    fallen = score.fallen | score.lost
    # Below a tenth of a millimetre the digits are the processor's, not the scene's.
    deep = round(float(np.percentile(score.depth[judged], 95)), 4) if count else 0.0
    message_deep = f"95 % of the dropped bodies sit less than {max(deep * 1000, 0.1):.3g} mm deep in a surface"
    places_deep = _places(score.ends[np.argsort(-score.depth)])
    found = [
        _held_against("held", _share(held, count), limits.physics_held_min, message, places, least=True),
        share("fallen", fallen, limits.physics_fallen_max, "fell out of the scene", through),
        share("crossed", score.crossed, limits.physics_crossed_max, "went through a surface", through),
        share("jitter", score.jitter, limits.physics_jitter_max, "still shake after 3 s", score.ends),
        share("floating", score.floating, limits.physics_floating_max, "rest on nothing that is there", score.ends),
        _held_against("penetration", deep, limits.physics_penetration_max_m, message_deep, places_deep),
    ]
    if score.over_edge.any():
        message = f"{int(score.over_edge.sum())} dropped bodies rolled over the edge of the scene: it has no rim."
        places = _places(starts[score.over_edge])
        found.append(Finding("physics.over_edge", Severity.WARNING, message, int(score.over_edge.sum()), None, places))
    return found


def shots(bodies: Bodies, score: ShotScore, limits: PhysicsLimits) -> list[Finding]:
    """What balls did that flew at walls."""
    count = len(bodies.positions)
    wrong = score.tunnelled | score.lost
    through = np.where(np.isfinite(score.crossings), score.crossings, bodies.positions)
    message = f"{int(wrong.sum())} of {count} balls at 2 and 5 m/s went through a surface"
    share, limit = _share(int(wrong.sum()), count), limits.physics_tunnelled_max
    found = [_held_against("tunnelled", share, limit, message, _places(through[wrong]))]
    outside = int((score.outside & ~wrong).sum())
    if outside:
        message = f"{outside} of {count} balls left the outline of the scene without going through a surface."
        found.append(Finding("physics.outside", Severity.INFO, message, float(f"{outside / count:.4g}")))
    return found


def carried(hit: Mask, paths: tuple[str, ...]) -> Finding:
    """Do colliders that are carried along hit what hangs in their way? One verdict for each body."""
    missed = [path for path, was in zip(paths, hit, strict=True) if not was]
    message = f"{int(hit.sum())} of {len(paths)} colliders that are carried along hit the ball in their way"
    named = "; ".join(missed[:BODIES_NAMED])
    return _held_against("carried_missed", len(missed), 0.0, message, named)


def rest(bodies: MovingBodies, poses: Poses, limits: PhysicsLimits) -> list[Finding]:
    """Do the scene's own bodies lie where they were put, when nothing but gravity acts on them?"""
    free = np.array(bodies.free, bool)
    if not free.any():
        return []
    paths = np.array(bodies.paths)[free]
    drift = bodies.drift(poses)[free]
    speed = np.where(np.isfinite(poses.speeds[free]), poses.speeds[free], np.inf)
    found = []
    for code, values, limit, words, unit, scale in (
        ("body_drift", drift, limits.physics_drift_max_m, "moved by less than", "mm", 1000.0),
        ("body_speed", speed, limits.physics_rest_speed_max_m_s, "are slower than", "mm/s", 1000.0),
    ):
        worst = np.argsort(-values, kind="stable")
        bad = [i for i in worst if values[i] > limit]
        message = f"{len(values) - len(bad)} of {len(values)} movable bodies {words} {scale * limit:g} {unit} in 2 s"
        named = "; ".join(f"{paths[i]}: {scale * values[i]:.3g} {unit}" for i in bad[:BODIES_NAMED])
        found.append(_held_against(code, float(values[worst[0]]), limit, message, named))
    return found

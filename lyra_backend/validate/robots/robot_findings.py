"""Findings of the trial with robots: measured values in words, held against their limits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from ...types import Finding, Severity
from .task_choice import SHORT_M

if TYPE_CHECKING:
    from .check import Trial
    from .robot_scores import StanceScore, WalkScore

__all__ = [
    "RobotLimits",
    "conduct",
    "engine_errors",
    "engine_failed",
    "no_tasks",
    "nowhere_to_stand",
    "short_ways",
    "stances",
    "walks",
]

Floats = npt.NDArray[np.float64]

#: Places named in one finding.
PLACES = 3


class RobotLimits(Protocol):
    """The entries ``robots_*`` of ``limits.toml``."""

    robots_not_reached_max: float
    robots_fell_max: int
    robots_stumbled_max: float
    robots_penetration_max_m: float
    robots_crossed_max: int
    robots_stance_drift_max_m: float
    robots_stance_tilt_max_deg: float


def _held_against(code: str, value: float, limit: float, message: str, where: str = "", advice: str = "") -> Finding:
    """Return a finding that is an error, with `where` and `advice`, if `value` is above `limit`."""
    value = float(f"{value:.4g}")
    bad = not value <= limit
    words = f"{message} (limit: at most {limit:g}).{' ' + advice if bad and advice else ''}"
    severity = Severity.ERROR if bad else Severity.INFO
    return Finding(f"robots.{code}", severity, words, value, limit, where if bad else "")


def _places(points: Sequence[Floats] | Floats) -> str:
    chosen = [point for point in points if np.isfinite(point).all()][:PLACES]
    return "; ".join("(" + ", ".join(f"{x + 0.0:.2f}" for x in np.round(point, 2)) + ")" for point in chosen)


def walks(scores: Sequence[WalkScore], limits: RobotLimits) -> list[Finding]:
    """Did the walkers get to their goals, on their feet?"""
    lost = [score for score in scores if not score.reached]
    fallen = [score.conduct.fell for score in scores if score.conduct.fell is not None]
    length, done = sum(score.length_m for score in scores), sum(min(s.done_m, s.length_m) for s in scores)
    message = f"{len(lost)} of {len(scores)} walks of the Go2 missed their goal; they went {done:.1f} of {length:.1f} m"
    fell = f"{len(fallen)} of {len(scores)} walking Go2 fell"
    return [
        _held_against(
            "not_reached",
            len(lost) / len(scores),
            limits.robots_not_reached_max,
            message,
            _places([score.end for score in lost]),
            "Ways were planned there that are none: look for what is not in the map, or not in the colliders.",
        ),
        _held_against("fell", len(fallen), limits.robots_fell_max, fell, _places(fallen)),
    ]


def short_ways(scores: Sequence[WalkScore]) -> list[Finding]:
    """Were the ways long enough to say anything?"""
    longest = max(score.length_m for score in scores)
    if longest >= SHORT_M:
        return []
    message = f"The longest way that a Go2 has in the scene is {longest:.1f} m: walking it says little of the scene."
    return [Finding("robots.short_ways", Severity.WARNING, message, float(f"{longest:.3g}"), SHORT_M)]


def conduct(trial: Trial, limits: RobotLimits) -> list[Finding]:
    """Did robots stumble, sink into surfaces or go through them?"""
    walked = [score.conduct for score in trial.walks]
    everyone = [*walked, *(score.conduct for score in trial.stances)]
    stumbles = [point for score in walked for point in score.stumbles]
    metres = max(sum(min(score.done_m, score.length_m) for score in trial.walks), 1.0)
    deepest = max(everyone, key=lambda score: score.depth_m)
    crossings = [point for score in everyone for point in score.crossings]
    return [
        _held_against(
            "stumbled",
            10.0 * len(stumbles) / metres,
            limits.robots_stumbled_max,
            f"{len(stumbles)} stumbles on {metres:.1f} m, {10.0 * len(stumbles) / metres:.2g} on 10 m",
            _places(stumbles),
        ),
        _held_against(
            "penetration",
            round(deepest.depth_m, 4),
            limits.robots_penetration_max_m,
            f"Robots sink into what they touch by {max(deepest.depth_m, 1e-4):.2g} m at most",
        ),
        _held_against(
            "crossed",
            sum(len(score.crossings) > 0 for score in everyone),
            limits.robots_crossed_max,
            f"{sum(len(score.crossings) > 0 for score in everyone)} of {len(everyone)} robots went through a surface",
            _places(crossings),
            "Colliders are wound the wrong way there, or lie within each other.",
        ),
    ]


def stances(scores: Sequence[StanceScore], limits: RobotLimits) -> list[Finding]:
    """Did those that stand keep standing where they were put?"""
    drift = max(max(score.drift_m, abs(score.sunk_m)) for score in scores)
    tilt = max(float(np.degrees(score.tilt_rad)) for score in scores)
    named = f"{len(scores)} standing G1"
    return [
        _held_against(
            "stance",
            round(drift, 4),
            limits.robots_stance_drift_max_m,
            f"The root of {named} moved by {drift:.2g} m at most",
        ),
        _held_against(
            "stance_tilt",
            round(tilt, 2),
            limits.robots_stance_tilt_max_deg,
            f"{named} lean by {tilt:.2g} degrees at most",
        ),
    ]


def no_tasks(looked: bool) -> Finding:
    """There is nothing to walk."""
    why = (
        "there is no way for a Go2 in the scene: its free floor is too small or in pieces, things block it, or none "
        "was looked for (generate with --accept robots, or with go2 among place.robots)"
        if looked
        else "no ways were planned, there is no tasks.json. A scene without colliders or floor has none, and the other "
        "findings say so; a single file has none: check the run it belongs to; a run of an older version is to be "
        "generated again"
    )
    return Finding("robots.no_tasks", Severity.ERROR, f"No robot was tried: {why}.")


def nowhere_to_stand() -> Finding:
    """The standing robot fits nowhere, or was not asked for."""
    message = (
        "No G1 was tried: there is no place where it fits, or none was looked for (generate with --accept robots, or "
        "with g1 among place.robots)."
    )
    return Finding("robots.nowhere_to_stand", Severity.INFO, message)


def engine_errors(errors: Sequence[str]) -> list[Finding]:
    """What the engine complained about: of a robot that it flung away, of shapes that it does not take."""
    if not errors:
        return []
    message = f"PhysX reported errors of {len(errors)} kinds with robots in the stage, first: {errors[0]}"
    return [Finding("robots.engine_errors", Severity.ERROR, message, len(errors), 0)]


def engine_failed(why: str) -> Finding:
    """The engine's process gave no result."""
    return Finding("robots.engine_failed", Severity.ERROR, f"The engine could not simulate robots in the stage: {why}")

"""Does a ball that is let go at a spawn point stay in its tile? Asked of the real PhysX, on the CPU.

Does: drop one ball at each point, all at once, and hold where they end against boxes. Does not: judge the place; each
scene was checked on its own before.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..progress import Progress
from ..types import Finding, Outcome, Severity
from . import physics_findings as findings
from .engine_process import EngineFailed, EngineResult, Job, Run, missing_packages, run_engine
from .physics import SECONDS, STEPS
from .physics_stage import BODY_PREFIX, write_stage
from .probe_bodies import SPHERE_RADIUS, Bodies

__all__ = ["check_drop"]

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

#: Balls are let go with their centres this high above the points [m].
DROP_HEIGHT = 0.3
#: What a ball that lies on the lowest or against the outermost surface may be outside the collider's box [m].
SLACK = 0.02
_SHOWN = 3


def check_drop(
    file: Path, names: Sequence[str], points: Sequence[Floats], boxes: Floats, limits: Any, progress: Progress
) -> Outcome[None]:
    """Drop a ball at every point and find out whether it comes to lie in the box of its tile.

    Args:
        file: a stage with one physics scene, /PhysicsScene, and one static collider.
        names: of the tiles, for messages.
        points: places on the floor of each tile [m], shapes (K, 3).
        boxes: lower and upper corner of each tile's collider [m], shape (N, 2, 3).
        limits: the validate stage's `Params`.
        progress: reported to often; a cancelled job kills the engine.
    """
    owner = np.repeat(np.arange(len(points)), [len(p) for p in points])
    counts = {"dropped_balls": len(owner)}
    if missing := missing_packages():
        return Outcome(None, counts, (findings.not_run(missing),))
    if not len(owner):
        return Outcome(None, counts)
    try:
        result = _simulate(file, np.concatenate(points), limits.physics_timeout_s, progress)
    except EngineFailed as failure:
        return Outcome(None, counts, (findings.engine_failed(str(failure)),))
    trace = result.traces["drop"]
    inside = _inside(trace.positions[-1], boxes[owner])
    found = (*findings.engine_log(result, limits), *findings.missing_colliders(1 - trace.static_actors))
    return Outcome(None, counts, (*found, *_left(inside, owner, names)))


def _simulate(file: Path, points: Floats, timeout_s: float, progress: Progress) -> EngineResult:
    start = points + [0.0, 0.0, DROP_HEIGHT]
    balls = Bodies(start, np.zeros_like(start), np.zeros(len(start), bool), gravity=True)
    with tempfile.TemporaryDirectory(prefix="lyra-atlas-", ignore_cleanup_errors=True) as name:
        usd = Path(name) / "drop.usda"
        write_stage(file, ("/PhysicsScene",), balls, usd)
        run = Run("drop", str(usd), BODY_PREFIX, len(start), STEPS, SECONDS / STEPS)
        return run_engine(Job((run,)), Path(name), timeout_s, progress)


def _inside(ends: Floats, boxes: Floats) -> Mask:
    """Say which centres (N, 3) are within boxes (N, 2, 3); one that falls is far below after three seconds."""
    reach = SPHERE_RADIUS + SLACK
    return np.asarray(((ends >= boxes[:, 0] - reach) & (ends <= boxes[:, 1] + reach)).all(axis=1))


def _left(inside: Mask, owner: npt.NDArray[np.integer], names: Sequence[str]) -> tuple[Finding, ...]:
    gone = int((~inside).sum())
    if not gone:
        return ()
    where = ", ".join(dict.fromkeys(names[i] for i in owner[~inside].tolist()[:_SHOWN]))
    message = f"{gone} of {len(inside)} balls that were let go at spawn points left their tile, as in {where}."
    return (Finding("atlas.ball_left", Severity.ERROR, message, gone, 0),)

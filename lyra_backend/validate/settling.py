"""Do things that were put into a scene stand still? Asked of PhysX, for many variations of a scene in one process.

Does: simulate each variation with nothing but gravity, and say how far each thing got; tell what does not compose. Does
not: take anything away.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pxr import Sdf, Usd

from ..progress import Progress
from ..types import Finding, Severity
from .bare_text import bare
from .colliders import read_colliders
from .engine_process import EngineFailed, Job, Run, missing_packages, run_engine
from .moving_bodies import MovingBodies, Poses
from .physics import REST_STEPS, SECONDS, STEPS
from .physics_findings import engine_failed, engine_log, not_run
from .physics_stage import BODY_PREFIX, write_stage
from .placed_robots import open_scene
from .probe_bodies import Bodies
from .usd_layers import check_default_prim, check_metadata, check_references

__all__ = ["Rest", "check_layers", "let_settle"]


@dataclass(frozen=True)
class Rest:
    """How far the point of a thing that went furthest has moved [m], and how fast its middle still is [m/s]."""

    drift_m: float
    speed_m_s: float


def check_layers(folder: Path) -> Iterator[Finding]:
    """Yield what keeps the USD layers of a variation from being composed, as :mod:`usd` does for those of a run."""
    for file in sorted(folder.glob("*.usda")):
        where = f"{folder.name}/{file.name}"
        stage = open_scene(file)
        layer = stage.GetRootLayer()
        yield from check_metadata(layer, where)
        yield from check_default_prim(layer, where)
        yield from check_references(layer, where)
        for error in stage.GetCompositionErrors():
            message = f"{where}: {bare(str(error), folder, folder.parent.parent)}"
            yield Finding("usd.composition", Severity.ERROR, message, where=where)


def let_settle(
    stages: Mapping[str, Path], root: str, scenes: tuple[str, ...], limits: Any, progress: Progress
) -> tuple[dict[str, dict[str, Rest]], tuple[Finding, ...]]:
    """Simulate the things below the prim `root` of each stage for 2 s.

    Args:
        stages: stages by name.
        root: path of the prim that holds the things.
        scenes: prim paths of the physics scenes.
        limits: the validate stage's `Params`; the engine may take its time-out for each stage.
        progress: reported while it runs.

    Returns:
        For each stage that has such things what became of each, by prim path, and what the engine said; nothing, and a
        finding, if no engine is installed or it broke.
    """
    bodies = {name: _bodies(file, root) for name, file in stages.items()}
    bodies = {name: moving for name, moving in bodies.items() if moving.paths}
    if not bodies:
        return {}, ()
    if missing := missing_packages():
        return {}, (not_run(missing),)
    nothing = Bodies(np.zeros((0, 3)), np.zeros((0, 3)), np.zeros(0, bool), gravity=True)
    with tempfile.TemporaryDirectory(prefix="lyra-settling-", ignore_cleanup_errors=True) as scratch:
        runs = []
        for name, moving in bodies.items():
            usd = Path(scratch) / f"{name}.usda"
            write_stage(stages[name], scenes, nothing, usd)
            paths = list(moving.paths)
            runs.append(Run(name, str(usd), BODY_PREFIX, 0, REST_STEPS, SECONDS / STEPS, others=paths))
        try:
            result = run_engine(Job(tuple(runs)), Path(scratch), limits.physics_timeout_s * len(runs), progress)
        except EngineFailed as failure:
            return {}, (engine_failed(str(failure)),)
    rests = {name: _rests(moving, result.traces[name].others) for name, moving in bodies.items()}
    return rests, tuple(engine_log(result, limits))


def _bodies(file: Path, root: str) -> MovingBodies:
    """Read the bodies below one prim, without composing the rest of the stage."""
    layer = Sdf.Layer.FindOrOpen(str(file))
    stage = Usd.Stage.OpenMasked(layer, Usd.StagePopulationMask([root]))
    return read_colliders(stage).moving


def _rests(moving: MovingBodies, poses: Poses) -> dict[str, Rest]:
    drift = moving.drift(poses)
    speeds = np.where(np.isfinite(poses.speeds), poses.speeds, np.inf)
    return {p: Rest(float(d), float(s)) for p, d, s in zip(moving.paths, drift, speeds, strict=True)}

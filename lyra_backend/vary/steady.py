"""Things that lie about and do not stand still are taken away.

Does: let the things of all variations settle in PhysX, have those written again that lose some, and look once more.
Does not: move a thing to where it came to rest: bytes would be the engine's then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..progress import Progress
from ..types import Finding, Outcome
from .findings import moving_things, unstable_things

if TYPE_CHECKING:
    from ..author.variation import Variation

__all__ = ["keep_steady"]

_STAGE = "stage.usda"
Moving = dict[str, set[str]]


def keep_steady(
    drawn: Mapping[str, Variation],
    folder: Path,
    scenes: tuple[str, ...],
    write: Callable[[dict[str, Variation]], None],
    progress: Progress,
) -> Outcome[dict[str, Variation]]:
    """Return the variations with those things that stand still.

    Args:
        drawn: variations by name, which are written in `folder`.
        folder: where each has a folder of its name.
        scenes: prim paths of the stage's physics scenes.
        write: writes variations again.
        progress: reported while the engine runs.
    """
    moving, findings = _moving(drawn, folder, scenes, progress.child(0.0, 0.8))
    if not moving:
        return Outcome(dict(drawn), findings=findings)
    kept = {name: _without(variation, moving.get(name, set())) for name, variation in drawn.items()}
    write({name: kept[name] for name in moving})
    again, more = _moving(moving, folder, scenes, progress.child(0.8, 1.0))
    gone, left = (sum(map(len, paths.values())) for paths in (moving, again))
    still = (moving_things(left),) if left else ()
    return Outcome(kept, findings=(*findings, *more, unstable_things(gone), *still))


def _without(variation: Variation, paths: set[str]) -> Variation:
    from ..author.variation import clutter_path

    return replace(variation, clutter=tuple(one for one in variation.clutter if clutter_path(one) not in paths))


def _moving(
    names: Iterable[str], folder: Path, scenes: tuple[str, ...], progress: Progress
) -> tuple[Moving, tuple[Finding, ...]]:
    """Return the paths of the things of each variation that get too far or are too fast, if any do, and findings."""
    from ..author.variation import CLUTTER_NAME
    from ..validate import Params
    from ..validate.settling import let_settle
    from ..validate.usd import quiet_usd

    limits, stages = Params(), {name: folder / name / _STAGE for name in names}
    with quiet_usd():
        rests, findings = let_settle(stages, f"/World/{CLUTTER_NAME}", scenes, limits, progress)
    most_m, most_m_s = limits.physics_drift_max_m, limits.physics_rest_speed_max_m_s
    moving = {
        name: {path for path, rest in bodies.items() if rest.drift_m > most_m or rest.speed_m_s > most_m_s}
        for name, bodies in rests.items()
    }
    return {name: paths for name, paths in moving.items() if paths}, findings

"""What faces hand back: a finished run, and what a run would do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .estimate import Estimate
from .report import RunReport

__all__ = ["ScenePlan", "SceneResult"]


@dataclass(frozen=True)
class SceneResult:
    """A finished run.

    Attributes:
        directory: where everything lies.
        report: what was found.
        reused: the run had been finished before; nothing was run now.
        outdated: it was finished by another version of the code, which may give other results today.
    """

    directory: Path
    report: RunReport
    reused: bool = False
    outdated: bool = False


@dataclass(frozen=True)
class ScenePlan:
    """What a run will do.

    Attributes:
        plugins: name of the generator, the collider and the primitives, by stage.
        parts: what the generator will take; empty for one that cannot say and takes seconds.
    """

    plugins: Mapping[str, str]
    parts: tuple[Estimate, ...]

"""The student without one of its parts, on the same scenes of the same teacher (Lyra, arXiv 2509.19296, table 4)."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from lyra_backend.progress import Progress
from lyra_backend.train.recipe import Recipe, Stage
from lyra_backend.train.shards import ShardReader

from .networks import train_student
from .preset import Preset

__all__ = ["ABLATIONS", "ablate", "without"]

#: What a stage is without a part, by the part's name; "nothing" leaves all in, to compare trainings of fewer steps.
ABLATIONS: Mapping[str, Callable[[Stage], Stage]] = {
    "nothing": lambda stage: stage,
    "no_depth": lambda stage: _pictures(replace(stage, depth=0.0, relative_depth=0.0, centres=0.0)),
    "one_view": lambda stage: replace(stage, views=1, shuffle=False),
    "no_pruning": lambda stage: replace(stage, prune=0.0, opacity=0.0),
}


def without(part: str, recipe: Recipe, share: float = 1.0) -> Recipe:
    """Return a recipe without a part, of a share of the steps in every stage."""
    stages = (ABLATIONS[part](stage) for stage in recipe.stages)
    fewer = tuple(replace(stage, steps=max(round(share * stage.steps), 1)) for stage in stages)
    return replace(recipe, name=f"{recipe.name}, {part}", stages=fewer)


def ablate(part: str, folder: Path, preset: Preset, progress: Progress, share: float = 1.0) -> Path:
    """Train a student without a part, beside copies of the other networks; return that model, ``ablations/PART``.

    Args:
        part: one of :data:`ABLATIONS`.
        folder: of the miniature, whose teacher's scenes are there.
        preset: its numbers.
        progress: stops the work by raising; the next call goes on.
        share: of the steps of every stage; below 1, the model is ``ablations/PART_SHARE``.
    """
    name = part if share == 1 else f"{part}_{share:g}"
    model = folder / "ablations" / name
    model.mkdir(parents=True, exist_ok=True)
    for network in ("vae", "transformer", "depth"):
        if (folder / "model" / network).is_dir():
            shutil.copytree(folder / "model" / network, model / network, dirs_exist_ok=True)
    shutil.copy(folder / "model" / "lyra.json", model)
    if not (model / "decoder" / "config.json").is_file():
        work = folder / "training" / name
        scenes = ShardReader(folder / "scenes")
        train_student(model / "decoder", scenes, preset, work, progress, without(part, preset.recipe, share))
    return model


def _pictures(stage: Stage) -> Stage:
    """Return a stage that learns from pictures what else it would have been told without them."""
    return stage if stage.targets else replace(stage, targets=1, colours=0.0)

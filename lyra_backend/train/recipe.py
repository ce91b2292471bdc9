"""Recipes of a student's training: stages that follow each other, read from TOML."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from ..errors import InvalidRequest, nearest

__all__ = ["RECIPES", "Optimiser", "Recipe", "Stage", "read_recipe"]

#: Recipes that come with the package, by name.
RECIPES = {path.stem: path for path in sorted((Path(__file__).parent / "recipes").glob("*.toml"))}


@dataclass(frozen=True)
class Stage:
    """A part of the training.

    Attributes:
        name: of the stage.
        steps: how many.
        batch: scenes of a step, on each GPU.
        views: how many of a scene's videos the decoder is shown: always so many, or from the first number to the
            second, drawn for each step.
        shuffle: videos come in a random order; else in that of the decoder.
        targets: pictures of each scene that are rendered, 0 for none.
        lateness: later frames are drawn more often, like exp(lateness t / T).
        frames, height, width: of the videos; 0 takes what the data have. Videos that have more are cut, and smaller
            pictures are encoded again, see :mod:`~.resized`.
        moves: scenes move: all views are asked for at one time, which the decoder is told.
        prune: share of the Gaussians that is left out before rendering.
        mse, lpips, slopes, depth, relative_depth, centres, colours, opacity: weights of the losses: squared error of
            colours, LPIPS, differences of colours from pixel to pixel, depth without scale and zero, relative depth as
            rendered, relative depth of each Gaussian and its colour where its ray meets its own video, and opacity.
    """

    name: str
    steps: int
    batch: int = 1
    views: int | tuple[int, int] = 1
    shuffle: bool = False
    targets: int = 1
    lateness: float = 0.0
    frames: int = 0
    height: int = 0
    width: int = 0
    moves: bool = False
    prune: float = 0.0
    mse: float = 1.0
    lpips: float = 0.0
    slopes: float = 0.0
    depth: float = 0.0
    relative_depth: float = 0.0
    centres: float = 0.0
    colours: float = 0.0
    opacity: float = 0.0

    @property
    def view_range(self) -> tuple[int, int]:
        """Least and greatest number of videos."""
        return (self.views, self.views) if isinstance(self.views, int) else self.views

    def check(self) -> None:
        """Look at the numbers.

        Raises:
            ValueError: they cannot be.
        """
        least, most = self.view_range
        counts = {"steps": self.steps, "batch": self.batch, "views": least, "targets + 1": self.targets + 1}
        for name, value in counts.items():
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ValueError(f"stage {self.name}: {name} must be a whole number of 1 or more, got {value!r}")
        weights = {each.name: getattr(self, each.name) for each in fields(self)[-8:]}
        if any(not isinstance(weight, int | float) or weight < 0 for weight in weights.values()):
            raise ValueError(f"stage {self.name}: weights of losses must be 0 or more, got {weights}")
        if least > most or not 0 <= self.prune < 1:
            raise ValueError(f"stage {self.name}: views must rise and prune lie in [0, 1)")
        sizes = {name: getattr(self, name) for name in ("frames", "height", "width")}
        if any(not isinstance(size, int) or size < 0 for size in sizes.values()) or self.lateness < 0:
            raise ValueError(f"stage {self.name}: sizes are whole numbers and, as lateness, 0 or more, got {sizes}")
        if not self.targets and not (self.centres or self.colours):
            raise ValueError(f"stage {self.name}: without targets there must be a weight of centres or colours")


@dataclass(frozen=True)
class Optimiser:
    """Rates of learning.

    Attributes:
        lr, weight_decay, betas: of AdamW.
        muon_lr: of Muon for matrices; 0 lets AdamW have them as well.
        warmup: steps in which rates rise.
        decay: "constant" or "cosine".
        clip: largest norm of the gradients.
        ema: share of the running mean of the weights that stays in a step; 0 keeps none.
        precision: "no" or "bf16".
    """

    lr: float = 1e-4
    weight_decay: float = 1e-2
    betas: tuple[float, float] = (0.9, 0.999)
    muon_lr: float = 0.0
    warmup: int = 100
    decay: str = "constant"
    clip: float = 1.0
    ema: float = 0.0
    precision: str = "no"

    def check(self) -> None:
        """Look at the numbers; the rest is looked at by the schedule.

        Raises:
            ValueError: they cannot be.
        """
        rates = {"lr": self.lr, "weight_decay": self.weight_decay, "muon_lr": self.muon_lr, "warmup": self.warmup}
        if any(not isinstance(rate, int | float) or rate < 0 for rate in rates.values()) or not self.lr:
            raise ValueError(f"[optimiser]: rates must be 0 or more and lr above it, got {rates}")
        if len(self.betas) != 2 or any(not 0 <= beta < 1 for beta in self.betas):
            raise ValueError(f"[optimiser]: betas must be two numbers in [0, 1), got {self.betas}")


@dataclass(frozen=True)
class Recipe:
    """A whole training.

    Attributes:
        name: of the file.
        optimiser: see there.
        stages: in their order.
        background: colour behind everything, as the decoder's scenes are rendered.
    """

    name: str
    optimiser: Optimiser
    stages: tuple[Stage, ...]
    background: tuple[float, float, float] = (1.0, 1.0, 1.0)

    @property
    def steps(self) -> int:
        """Of all stages together."""
        return sum(stage.steps for stage in self.stages)

    def stage(self, step: int) -> Stage:
        """Return the stage that a step, counted from 0, belongs to; the last one for all steps after it."""
        for stage in self.stages:
            if step < stage.steps:
                return stage
            step -= stage.steps
        return self.stages[-1]


def read_recipe(name: str) -> Recipe:
    """Return the recipe of a name, see :data:`RECIPES`, or of a file.

    Raises:
        InvalidRequest: there is none, or it is damaged, which the text says where.
    """
    path = RECIPES.get(name, Path(name))
    if not path.is_file():
        raise InvalidRequest(f"recipe: there is no {name!r}; {nearest(name, RECIPES)} Or name a file *.toml.")
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        shared = data.pop("every_stage", {})
        stages = tuple(
            _made(Stage, {**shared, **stage}, f"[[stages]] {i}") for i, stage in enumerate(data.pop("stages"), 1)
        )
        optimiser = _made(Optimiser, data.pop("optimiser", {}), "[optimiser]")
        background = tuple(data.pop("background", (1.0, 1.0, 1.0)))
        if data or not stages or len(background) != 3:
            raise ValueError(
                f"takes every_stage, stages, optimiser and a background of 3 numbers, got also {list(data)}"
            )
        optimiser.check()
        for stage in stages:
            stage.check()
        return Recipe(path.stem, optimiser, stages, background)
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError, UnicodeDecodeError) as error:
        raise InvalidRequest(
            f"{path}: is no recipe: {str(error).rstrip('.')}. Compare with {RECIPES['lyra_static'].name}."
        ) from error


def _made(kind: type, given: Mapping[str, Any], where: str) -> Any:
    """Return a stage or an optimiser of a table.

    Raises:
        ValueError: a key that there is not, or one that must be there is missing.
    """
    known = {each.name for each in fields(kind)}
    for key in given:
        if key not in known:
            raise ValueError(f"{where}: there is no {key!r}; {nearest(key, known)}")
    values = {key: tuple(value) if isinstance(value, list) else value for key, value in given.items()}
    try:
        return kind(**values)
    except TypeError as error:
        raise ValueError(f"{where}: {str(error).partition(') ')[2]}") from error

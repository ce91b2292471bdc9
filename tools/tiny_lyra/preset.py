"""The numbers of a miniature: sizes of networks, lengths of training."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lyra_backend.errors import InvalidRequest, nearest
from lyra_backend.models.budget import VideoFormat
from lyra_backend.train.recipe import Recipe, read_recipe

__all__ = ["PRESETS", "Preset", "read_preset"]

#: Presets by name.
PRESETS = {path.stem: path for path in sorted(Path(__file__).parent.glob("*.toml"))}
#: Sections, and what each must say.
_SECTIONS = {
    "rooms": ("count", "paths_each"),
    "tokenizer": ("steps", "muon", "adamw", "phases", "network"),
    "depth": ("steps", "batch", "pictures_each", "width", "layers", "muon", "adamw"),
    "video_model": ("steps", "batch", "muon", "adamw", "network"),
    "scenes": ("count", "path_sets", "together", "steps"),
    "student": ("recipe", "network"),
    "evaluation": ("rooms",),
}


@dataclass(frozen=True)
class Preset:
    """One miniature.

    Attributes:
        name: see :data:`PRESETS`.
        seed: of everything.
        video: format of its videos.
        sections: settings of the stages by name, as in the file.
        folder: of the file, from which it names others.
    """

    name: str
    seed: int
    video: VideoFormat
    sections: dict[str, dict[str, Any]]
    folder: Path

    @property
    def recipe(self) -> Recipe:
        """Return the student's recipe: a file beside this one, or one of the package by its name.

        Raises:
            InvalidRequest: there is none, or it is damaged.
        """
        name = str(self.sections["student"]["recipe"])
        beside = self.folder / name
        return read_recipe(str(beside) if beside.is_file() else name)

    def __getitem__(self, section: str) -> dict[str, Any]:
        return self.sections[section]


def read_preset(name: str) -> Preset:
    """Return the preset of a name, or of a file.

    Raises:
        InvalidRequest: there is none, or it cannot be read.
    """
    path = PRESETS.get(name, Path(name))
    if path.suffix != ".toml" or not path.is_file():
        raise InvalidRequest(f"preset: there is no {name!r}; {nearest(name, PRESETS)} Or name a file *.toml.")
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        sections = {section: dict(data[section]) for section in _SECTIONS}
        lacking = [f"{name}.{key}" for name, keys in _SECTIONS.items() for key in keys if key not in sections[name]]
        if lacking:
            raise ValueError(f"it lacks {', '.join(lacking)}")
        found = Preset(path.stem, int(data["seed"]), VideoFormat(**data["video"]), sections, path.parent)
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError) as error:
        raise InvalidRequest(
            f"{path}: is no preset of a miniature ({error}); compare with {PRESETS['cpu'].name}."
        ) from error
    # read now rather than after an hour
    _ = found.recipe
    return found

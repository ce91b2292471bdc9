"""What a teacher is and what it can be told, and a folder of its scenes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from ..errors import InvalidRequest
from ..models.trajectories import draw_distances
from ..progress import Progress
from .shard_index import INDEX_FILE, Index, Origin, sha256_of
from .shards import ShardReader, ShardWriter
from .sources import Source
from .taught import Taught

__all__ = ["Teacher", "Teaching", "make_scenes", "planned", "weights_of"]

_STREAM = 9_401


class Teacher(Protocol):
    """Whatever shows scenes."""

    def origin(self, seed: int) -> Origin:
        """Return what its scenes of a data set depend on."""
        ...

    def teach(self, sources: Sequence[Source], progress: Progress | None = None) -> list[Taught]:
        """Return what it shows of each scene; `progress` stops the work by raising."""
        ...


@dataclass(frozen=True)
class Teaching:
    """Settings that decide what a teacher shows.

    Attributes:
        steps, guidance: of the denoising; None takes those of the model.
        movement: what the lengths of all paths are multiplied by.
        path_sets: how many different sets of six paths there are, one of which a scene's seed chooses; scenes of one
            set share the latents of their rays. None draws a set for each scene.
        frames: which frames are kept as pictures, rising; None keeps all.
        reverse: of moving scenes, also show each path with the motion reversed, see
            :func:`~.sources.motion_reversed`; still scenes have no motion.
    """

    steps: int | None = None
    guidance: float | None = None
    movement: float = 1.0
    path_sets: int | None = None
    frames: tuple[int, ...] | None = None
    reverse: bool = True

    def distances(self, seed: int) -> dict[str, float]:
        """Return the lengths of a scene's paths."""
        chosen = seed if self.path_sets is None else seed % self.path_sets
        return draw_distances(np.random.default_rng([chosen, _STREAM]), self.movement)


def make_scenes(
    folder: Path,
    teacher: Teacher,
    names: Sequence[str],
    source_of: Callable[[int], Source],
    seed: int,
    scenes_per_shard: int,
    progress: Progress | None = None,
) -> ShardReader:
    """Make a data set, or go on with it: what is whole in the folder is kept, what is missing is made.

    Args:
        folder: made if needed; data of another teacher, of other settings or of another seed are refused.
        teacher: what shows the scenes.
        names: of all scenes, each another.
        source_of: makes the source of a scene by its number; called only for scenes that are missing.
        seed: of the data set, for the record.
        scenes_per_shard: scenes of a file: what a killed run loses at most, and what is held in memory.
        progress: stops the work by raising, which keeps what is whole.

    Raises:
        InvalidRequest: the folder is refused, two scenes have one name, or see :meth:`Teacher.teach`.
        DirectoryBusy: another process writes there.
        WriteFailed: the disk is full or the like.
    """
    if len(set(names)) != len(names):
        raise InvalidRequest("data set: each scene needs a name of its own.")
    report = progress or Progress()
    with ShardWriter(folder, teacher.origin(seed), scenes_per_shard) as writer:
        missing = writer.missing(names)
        kept = 1.0 - sum(map(len, missing)) / max(len(names), 1)
        report.skip(f"{round(kept * len(names))} of {len(names)} scenes are there", fraction=kept)
        for i, block in enumerate(missing):
            start, end = (kept + (1 - kept) * k / len(missing) for k in (i, i + 1))
            taught = teacher.teach([_source(source_of, names, k) for k in block], report.child(start, end))
            writer.write(block, taught)
            report.milestone(end, f"{block.stop} of {len(names)} scenes made")
    return ShardReader(folder)


def planned(folder: Path, names: Sequence[str]) -> list[str]:
    """Return a plan of scenes that keeps what a folder has: its own first, also those that nobody asks for any more.

    A file of scenes is found by its place in the plan. Were a new picture to come before old ones, all of those would
    be made again.

    Raises:
        InvalidRequest: the folder's index is damaged.
    """
    if not (folder / INDEX_FILE).is_file():
        return list(names)
    shards = Index.read(folder).shards
    there = [name for _, shard in sorted(shards.items()) for name in shard.scenes]
    return there + [name for name in names if name not in set(there)]


def weights_of(*folders: Path) -> dict[str, str]:
    """Return the SHA-256 of the configuration and the weights of networks, by their folder's name and their own.

    Raises:
        InvalidRequest: a file cannot be read.
    """
    files = [path for folder in folders for path in (folder / "config.json", *sorted(folder.glob("*.safetensors")))]
    try:
        return {f"{path.parent.name}/{path.name}": sha256_of(path) for path in files}
    except OSError as error:
        raise InvalidRequest(f"teacher: a file of its weights cannot be read ({error}). Fetch it again.") from error


def _source(source_of: Callable[[int], Source], names: Sequence[str], i: int) -> Source:
    source = source_of(i)
    if source.name != names[i]:
        raise ValueError(f"make_scenes: scene {i} is {names[i]!r} in the plan and {source.name!r} in its source.")
    return source

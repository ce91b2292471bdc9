"""A teacher's scenes on disk: files of a few scenes each, that appear whole, and an index that says what they are.

``shard_00000.safetensors`` holds scenes as arrays named ``<number in the file>/<name>``; ``data.json`` says by which
teacher, with which settings and from which seed they were made, and the scenes and the SHA-256 of each file. Scene i of
a plan lies in file i // scenes_per_shard: one that is lost can be made again by itself.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open

from ..atomic import remove_leftovers, replacing
from ..errors import InvalidRequest, WriteFailed
from ..io.run_lock import RunLock
from ..progress import Progress
from .saving import save_arrays
from .shard_index import AGAIN, INDEX_FILE, Index, Origin, Shard, sha256_of, shard_file, versions
from .taught import ARRAYS, Taught

__all__ = ["INDEX_FILE", "Origin", "ShardReader", "ShardWriter", "Taught"]

#: Header's one field of text: of several, each file would have another order.
_SEEDS = "seeds"
#: Files that stay open for reading.
_OPEN = 8


class ShardWriter:
    """Writes files of scenes into a folder, which nobody else writes to until it is closed; a context manager."""

    def __init__(self, folder: Path, origin: Origin, scenes_per_shard: int) -> None:
        """Open a folder, made if needed, and keep what is whole of the same origin in it.

        Raises:
            InvalidRequest: it holds data of another origin or division, or something else.
            DirectoryBusy: another process writes there.
            WriteFailed: nothing can be written there.
            ValueError: files of no scene.
        """
        if scenes_per_shard < 1:
            raise ValueError(f"ShardWriter: a file has one scene or more, got {scenes_per_shard}.")
        self.folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = RunLock(folder)
        except FileExistsError as error:
            raise InvalidRequest(f"{folder}: data need a folder, and this is a file.") from error
        except OSError as error:
            raise WriteFailed(folder, error) from error
        try:
            self._index = _resumed(folder, origin, scenes_per_shard)
        except BaseException:
            self._lock.release()
            raise

    def __enter__(self) -> ShardWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let others write there."""
        self._lock.release()

    def missing(self, names: Sequence[str]) -> list[range]:
        """Return, of a plan of scenes, the numbers of those of each file that is not there as a whole.

        A file whose size is right is taken for whole; :meth:`ShardReader.verify` looks closer.
        """
        step = self._index.scenes_per_shard
        blocks = [range(start, min(start + step, len(names))) for start in range(0, len(names), step)]
        return [block for block in blocks if not self._has(block.start // step, [names[i] for i in block])]

    def write(self, block: range, scenes: Sequence[Taught]) -> None:
        """Write one file of scenes, of which :meth:`missing` gave the numbers.

        Raises:
            InvalidRequest: a number in them is not finite.
            WriteFailed: the disk is full or the like; nothing half is left.
            ValueError: other scenes than there are numbers, or not those of one file.
        """
        number, rest = divmod(block.start, self._index.scenes_per_shard)
        if rest or not 0 < len(block) == len(scenes) <= self._index.scenes_per_shard:
            raise ValueError(f"ShardWriter: {block} are not the scenes of one file, or not {len(scenes)}.")
        for scene in scenes:
            scene.check_finite()
        path = self.folder / shard_file(number)
        with replacing(path) as part:
            _save(scenes, part)
            kept = Shard(part.stat().st_size, sha256_of(part), tuple(s.name for s in scenes), versions())
        self._index.shards[number] = kept
        self._index.write(self.folder)

    def _has(self, number: int, names: list[str]) -> bool:
        kept = self._index.shards.get(number)
        return kept is not None and list(kept.scenes[: len(names)]) == names and kept.lies_in(self.folder, number)


class ShardReader:
    """Reads scenes of one folder, or of several that were made beside each other, one after the other."""

    def __init__(self, folder: Path, *more: Path) -> None:
        """Look at the index, and whether its files are there.

        Raises:
            InvalidRequest: there is no index, it is damaged, or a file is missing, cut short or too long.
        """
        self.folders = (folder, *more)
        indices = [Index.read(folder) for folder in self.folders]
        self.origins = tuple(index.origin for index in indices)
        self._shards = [
            (folder, number, shard)
            for folder, index in zip(self.folders, indices, strict=True)
            for number, shard in index.shards.items()
        ]
        for folder, number, shard in self._shards:
            if not shard.lies_in(folder, number):
                raise InvalidRequest(f"{folder / shard_file(number)}: is missing or not whole. {AGAIN}")
        self._starts = [0, *accumulate(len(shard.scenes) for _, _, shard in self._shards)]
        self._open: OrderedDict[Path, Any] = OrderedDict()

    def __len__(self) -> int:
        return self._starts[-1]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all scenes in their order."""
        return tuple(name for _, _, shard in self._shards for name in shard.scenes)

    def scene(self, i: int) -> Taught:
        """Return scene `i`, whose arrays lie in the file: what is not looked at is not read.

        Writing to them changes neither the file nor what others read.

        Raises:
            IndexError: there is no such scene.
            InvalidRequest: its file is damaged.
        """
        if not 0 <= i < len(self):
            raise IndexError(f"scene {i} of {len(self)}")
        which = bisect_right(self._starts, i) - 1
        folder, number, shard = self._shards[which]
        path, within = folder / shard_file(number), i - self._starts[which]
        try:
            file = self._opened(path)
            names = set(file.keys())
            wanted = [name for name in ARRAYS if f"{within}/{name}" in names]
            arrays = {name: file.get_tensor(f"{within}/{name}").numpy() for name in wanted}
            seed = int(json.loads(file.metadata()[_SEEDS])[within])
            return Taught(name=shard.scenes[within], seed=seed, **arrays)
        except (SafetensorError, OSError, ValueError, KeyError, IndexError, TypeError) as error:
            raise InvalidRequest(f"{path}: is damaged ({error}). {AGAIN}") from error

    def verify(self, progress: Progress | None = None) -> None:
        """Read all files and compare their sums with the index.

        Raises:
            InvalidRequest: one or more are damaged, all of which are named.
        """
        report, damaged = progress or Progress(), []
        for i, (folder, number, shard) in enumerate(self._shards):
            path = folder / shard_file(number)
            report(i / len(self._shards), f"checking {path.name}")
            try:
                good = sha256_of(path) == shard.sha256
            except OSError:
                good = False
            damaged += [] if good else [str(path)]
        if damaged:
            raise InvalidRequest(f"{', '.join(damaged)}: not as written (SHA-256 differs). {AGAIN}")

    def _opened(self, path: Path) -> Any:
        """Return an open file; its arrays are torch's, because only those stay where they are in it."""
        if path not in self._open:
            self._open[path] = safe_open(path, framework="pt")
        self._open.move_to_end(path)
        while len(self._open) > _OPEN:
            self._open.popitem(last=False)
        return self._open[path]


def _resumed(folder: Path, origin: Origin, scenes_per_shard: int) -> Index:
    """Return the index of a folder that is ours alone, without what was half-written there."""
    try:
        remove_leftovers(folder)
    except OSError as error:
        raise WriteFailed(folder, error) from error
    return Index.resumed(folder, origin, scenes_per_shard)


def _save(scenes: Sequence[Taught], path: Path) -> None:
    arrays = {
        f"{i}/{name}": np.ascontiguousarray(array)
        for i, scene in enumerate(scenes)
        for name, array in scene.arrays().items()
    }
    save_arrays(arrays, path, {_SEEDS: json.dumps([scene.seed for scene in scenes])})

"""Splats over time: a folder that holds one splat file for each time.

``sequence.json`` in the folder lists files and times, as generate leaves it with --keep-splat:
``{"stable_identity": false, "times": [{"file": "gaussians.ply", "time_s": 0.0}, ...]}``. Without it every splat file
of the folder belongs to the sequence, in the order of the last number in its name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from ..errors import InvalidRequest, shown
from ..types.sequence import LATEST_S
from .splats import READABLE, format_of

__all__ = ["SEQUENCE_FILE", "SplatSequence", "find_sequence", "sequence_files"]

#: Which files are a sequence, at which times.
SEQUENCE_FILE = "sequence.json"
_ENDINGS = tuple(f".{kind}" for kind in READABLE)


@dataclass(frozen=True)
class SplatSequence:
    """The files of a sequence at ascending times [s], and whether Gaussian i is the same thing in all of them."""

    files: tuple[Path, ...]
    times_s: tuple[float, ...]
    stable_identity: bool = False


def sequence_files(folder: Path) -> tuple[Path, ...]:
    """Return what belongs to the sequence in a folder: its splats in their order, and the list if there is one.

    Raises:
        InvalidRequest: there are no two splats of one format, or the list is wrong.
    """
    path = folder / SEQUENCE_FILE
    if path.is_file():
        return (*_listed(path).files, path)
    found = [p for p in folder.iterdir() if p.is_file() and p.name.lower().endswith(_ENDINGS)]
    _check_files(found, folder)
    numbers = {p: _number(p) for p in found}
    in_order = all(number is not None for number in numbers.values())
    return tuple(sorted(found, key=lambda p: (numbers[p] if in_order else 0, p.name)))


def find_sequence(
    folder: Path, times_s: Sequence[float] | None, fps: float | None, stable_identity: bool
) -> SplatSequence:
    """Return the sequence in a folder.

    Args:
        folder: where the files are.
        times_s: when each is so; None takes them from the folder's list, or else from numbered names.
        fps: numbers in the names are frames of so many a second; the first number is time 0.
        stable_identity: what is to be taken as given where the list does not say it.

    Raises:
        InvalidRequest: the files are no sequence, or times are missing, not as many, not finite, or do not ascend.
    """
    path = folder / SEQUENCE_FILE
    listed = _listed(path) if path.is_file() else None
    files = listed.files if listed else sequence_files(folder)
    stable = stable_identity or bool(listed and listed.stable_identity)
    if times_s is not None:
        return SplatSequence(files, _checked(tuple(times_s), "generate.times_s", len(files)), stable)
    if listed and fps is None:
        return SplatSequence(files, listed.times_s, stable)
    if fps is None:
        raise InvalidRequest(
            f"{folder}: nothing says when its {len(files)} splats are so. Give generate.times_s=0,0.1,... or, for "
            f"names that number frames, generate.fps; or put a {SEQUENCE_FILE} beside them."
        )
    return SplatSequence(files, _numbered(files, fps), stable)


def _check_files(files: Sequence[Path], folder: Path) -> None:
    formats = {format_of(path): path.name for path in sorted(files)}
    if len(formats) > 1:
        told = ", ".join(f"{name} is .{kind}" for kind, name in sorted(formats.items()))
        raise InvalidRequest(f"{folder}: a sequence must be of one format, but {told}. Convert or remove the others.")
    if len(files) < 2:
        what = f"holds one splat, {files[0].name}" if files else f"holds no splat ({', '.join(READABLE)})"
        raise InvalidRequest(
            f"{folder}: {what}; a folder must hold one for each of two times at least. For a scene that does not "
            "move, name its file."
        )


def _listed(path: Path) -> SplatSequence:
    """Return the sequence that a list names."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        entries = [(entry["file"], entry["time_s"]) for entry in data["times"]]
        stable = data.get("stable_identity", False)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidRequest(
            f'{path}: must hold {{"times": [{{"file": NAME, "time_s": SECONDS}}, ...]}}, but cannot be read so '
            f"({type(error).__name__}: {error}). Correct or remove it."
        ) from error
    if not isinstance(stable, bool):
        raise InvalidRequest(f"{path}: stable_identity must be true or false, got {shown(stable)}. Correct it.")
    files = tuple(_beside(path, name) for name, _ in entries)
    _check_files(files, path)
    return SplatSequence(files, _checked(tuple(time for _, time in entries), str(path), len(files)), stable)


def _beside(path: Path, name: Any) -> Path:
    """Return the file that a list calls `name`; it must lie beside it, for only that is copied into runs."""
    if not isinstance(name, str) or Path(name).name != name or not (path.parent / name).is_file():
        raise InvalidRequest(
            f"{path}: names {shown(name)}, and there is no such file beside it. Put it there or correct the name."
        )
    return path.parent / name


def _checked(times: tuple[Any, ...], subject: str, count: int) -> tuple[float, ...]:
    if not all(isinstance(time, int | float) and not isinstance(time, bool) for time in times):
        raise InvalidRequest(f"{subject}: times must be numbers of seconds, got {shown(list(times))}. Correct them.")
    if not all(abs(time) <= LATEST_S for time in times):
        raise InvalidRequest(
            f"{subject}: times must be finite and within +-{LATEST_S:.0e} s, got {shown(list(times))}. Correct them."
        )
    later = next((pair for pair in pairwise(times) if pair[1] <= pair[0]), None)
    if later is not None:
        raise InvalidRequest(
            f"{subject}: times must ascend, but {later[1]:g} s comes after {later[0]:g} s. Sort them as the files are."
        )
    if len(times) != count:
        raise InvalidRequest(f"{subject}: {count} splats need as many times, got {len(times)}. Correct them.")
    return tuple(float(time) for time in times)


def _numbered(files: Sequence[Path], fps: float) -> tuple[float, ...]:
    """Return the times of files whose names end in the numbers of frames."""
    numbers = [_number(path) for path in files]
    nameless = next((path.name for path, number in zip(files, numbers, strict=True) if number is None), None)
    if nameless is not None:
        raise InvalidRequest(
            f"{nameless}: has no number, and generate.fps is for names that number frames, as frame_0001.ply does. "
            "Rename it or give generate.times_s."
        )
    frames = [number for number in numbers if number is not None]
    twice = next((a.name for a, b in pairwise(files) if _number(a) == _number(b)), None)
    if twice is not None:
        raise InvalidRequest(f"{twice}: another splat has the same number, so their order is unknown. Rename one.")
    if frames != sorted(frames):
        raise InvalidRequest(f"{files[0].parent}: {SEQUENCE_FILE} lists files against their numbers; leave fps out.")
    return _checked(tuple((frame - frames[0]) / fps for frame in frames), "generate.fps", len(files))


def _number(path: Path) -> int | None:
    """Return the last number in a file's name, its ending aside."""
    digits: list[str] = re.findall(r"[0-9]+", path.name[: -len(format_of(path)) - 1])
    return int(digits[-1]) if digits else None

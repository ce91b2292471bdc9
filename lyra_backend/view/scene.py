"""What there is to show of a path: Gaussians at one time or many, colliders, and where robots can be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from ..errors import InvalidRequest, nearest
from ..io.navigation_files import BOUNDS_FILE, load_navigation
from ..io.ply import write_ply_stream
from ..io.run_dir import COMPLETE_FILE
from ..io.splat_sequence import SEQUENCE_FILE, SplatSequence, find_sequence
from ..io.splats import read_splats
from ..types import UP_AXES, Frame, GaussianCloud, Navigation, Severity
from .spread import spread_order

__all__ = ["Collider", "Splats", "ViewScene", "gather"]

_COLLIDER_FILE = "collision.usdc"
#: Gaussians of a run, the fullest first: a PLY has no classes.
_RUN_SPLATS = ("gaussians.usdc", "gaussians.ply", "gaussians_nurec.usdz")
#: Pictures a second of numbered splats of which nothing says when they are so.
_USUAL_FPS = 30.0
#: Gaussians of the first picture.
_PREVIEW = 40_000
#: Shares of all Gaussians between which the box of them reaches, along each axis.
_STRAYS = (0.005, 0.995)
#: Files that only run directories have.
_RUN_MARKS = ("request.json", _COLLIDER_FILE, BOUNDS_FILE)
_T = TypeVar("_T")


@dataclass(frozen=True, eq=False)
class Splats:
    """Gaussians as the page gets them.

    Attributes:
        count: Gaussians at the first time.
        load: gives the Gaussians of the i-th time as bytes of a PLY file, without view-dependent colour, in an order
            in which any number of the first ones are spread over the whole scene.
        preview: the first of them alone, as bytes of a PLY file, for the first picture; None if they are few.
        times_s: when they are so, ascending [s]; empty if they do not move.
        class_ids: class of each Gaussian, index into `class_names`, shape (count,); None if unknown.
        class_names: names of the classes.
        low, high: corners of a box in which nearly all centres are at the first time, axes of the file [m].
    """

    count: int
    load: Callable[[int], bytes]
    preview: bytes | None = None
    times_s: tuple[float, ...] = ()
    class_ids: npt.NDArray[np.uint16] | None = None
    class_names: tuple[str, ...] = ()
    low: tuple[float, ...] = (0.0, 0.0, 0.0)
    high: tuple[float, ...] = (0.0, 0.0, 0.0)


@dataclass(frozen=True, eq=False)
class Collider:
    """The colliders as one mesh: `positions` (V, 3) [m], frame WORLD, and corners of `triangles` (F, 3)."""

    positions: npt.NDArray[np.float32]
    triangles: npt.NDArray[np.uint32]


@dataclass(frozen=True, eq=False)
class ViewScene:
    """What is shown.

    Attributes:
        title: what it is called.
        up: the axis of the Gaussians that points up, a key of `UP_AXES`.
        up_known: whether that is certain, rather than for the user to choose.
        splats: its Gaussians; None if it has none.
        collider: its colliders, frame WORLD; None if it has none.
        navigation: where robots can be; None if nobody looked.
        notes: what a person should know of it, a sentence each.
    """

    title: str
    up: str = "z"
    up_known: bool = True
    splats: Splats | None = None
    collider: Collider | None = None
    navigation: Navigation | None = None
    notes: tuple[str, ...] = ()


def gather(path: Path, up: str | None = None, fps: float | None = None) -> ViewScene:
    """Return what there is to show of a path.

    Args:
        path: a run directory, a splat file, a folder with a splat for each time, or a USD stage with Gaussians.
        up: axis of the splat that points up; None: z.
        fps: numbers in the names of a folder's files are frames of so many a second.

    Raises:
        InvalidRequest: there is nothing to show, or an option does not fit.
        MissingDependency: the splat's format needs a package that is not installed.
    """
    if up is not None and up not in UP_AXES:
        raise InvalidRequest(f"--up {up}: no such axis; {nearest(up, UP_AXES)}")
    if not path.exists():
        raise InvalidRequest(f"{path}: no such file or folder. Check the name and the current folder.")
    if path.is_file():
        _refuse_fps(path, fps)
        return _of_file(path, up)
    if any((path / name).is_file() for name in _RUN_MARKS):
        _refuse_fps(path, fps)
        if up not in (None, "z"):
            raise InvalidRequest(f"--up {up}: a run directory is Z up already, {path} is one. Leave --up out.")
        return _of_run(path)
    return _of_folder(path, up, fps)


def _refuse_fps(path: Path, fps: float | None) -> None:
    if fps is not None:
        raise InvalidRequest(f"--fps {fps:g}: is for a folder of numbered splats, and {path} is none. Leave it out.")


def _of_file(path: Path, up: str | None) -> ViewScene:
    outcome = read_splats(path, base_colors_only=True)
    notes = tuple(f.message for f in outcome.findings if f.severity is not Severity.INFO)
    known = up is not None or outcome.value.frame is Frame.WORLD
    return ViewScene(_title(path), up or "z", known, _still(outcome.value), notes=notes)


def _of_folder(folder: Path, up: str | None, fps: float | None) -> ViewScene:
    notes: tuple[str, ...] = ()
    if fps is None and not (folder / SEQUENCE_FILE).is_file():
        fps = _USUAL_FPS
        notes = (f"Nothing says when these splats are so: {fps:g} a second are assumed, --fps says otherwise.",)
    splats = _moving(find_sequence(folder, None, fps, False))
    return ViewScene(_title(folder), up or "z", up is not None, splats, notes=notes)


def _of_run(root: Path) -> ViewScene:
    """Return what a run left: each part that is there; one that cannot be read becomes a note."""
    notes = [] if (root / COMPLETE_FILE).is_file() else ["This run did not finish: what is shown may not be all."]
    splats = _tried(lambda: _run_splats(root), notes)
    collider = _tried(lambda: _run_collider(root), notes)
    navigation = _tried(lambda: load_navigation(root) if (root / BOUNDS_FILE).is_file() else None, notes)
    if splats is None and collider is None:
        why = f" {' '.join(notes)}" if notes else ""
        raise InvalidRequest(
            f"{root}: must have Gaussians ({', '.join(_RUN_SPLATS)}) or a {_COLLIDER_FILE} to be looked at, found "
            f"neither in a usable state.{why} Generate the scene again."
        )
    return ViewScene(_title(root), splats=splats, collider=collider, navigation=navigation, notes=tuple(notes))


def _tried(read: Callable[[], _T | None], notes: list[str]) -> _T | None:
    try:
        return read()
    except InvalidRequest as error:
        notes.append(str(error))
        return None


def _run_splats(root: Path) -> Splats | None:
    if (root / SEQUENCE_FILE).is_file():
        return _moving(find_sequence(root, None, None, False))
    path = next((root / name for name in _RUN_SPLATS if (root / name).is_file()), None)
    return None if path is None else _still(read_splats(path, base_colors_only=True).value)


def _run_collider(root: Path) -> Collider | None:
    if not (root / _COLLIDER_FILE).is_file():
        return None
    from ..author.welded import read_welded

    welded = read_welded(root)
    return Collider(welded.points, welded.triangles.astype(np.uint32))


def _still(cloud: GaussianCloud) -> Splats:
    order = spread_order(cloud.positions)
    data, (low, high) = _as_ply(cloud.select(order)), _main_box(cloud)
    labelled = cloud.class_ids is not None and len(cloud.class_names) > 1
    return Splats(
        cloud.count,
        lambda _: data,
        _as_ply(cloud.select(order[:_PREVIEW])) if cloud.count > 2 * _PREVIEW else None,
        class_ids=cloud.class_ids[order] if labelled and cloud.class_ids is not None else None,
        class_names=cloud.class_names if labelled else (),
        low=low,
        high=high,
    )


def _moving(sequence: SplatSequence) -> Splats:
    """Return Gaussians over time; all but those of the first time are read when they are asked for."""
    first = read_splats(sequence.files[0], base_colors_only=True).value
    data, (low, high) = _spread(first), _main_box(first)

    def load(index: int) -> bytes:
        return data if index == 0 else _spread(read_splats(sequence.files[index], base_colors_only=True).value)

    return Splats(first.count, load, times_s=sequence.times_s, low=low, high=high)


def _spread(cloud: GaussianCloud) -> bytes:
    return _as_ply(cloud.select(spread_order(cloud.positions)))


def _as_ply(cloud: GaussianCloud) -> bytes:
    file = BytesIO()
    write_ply_stream(file, replace(cloud, sh=cloud.sh[:, :1]))
    return file.getvalue()


def _main_box(cloud: GaussianCloud) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the corners of a box without the strays that captures have far outside."""
    low, high = np.quantile(cloud.positions, _STRAYS, axis=0).tolist()
    return tuple(low), tuple(high)


def _title(path: Path) -> str:
    return path.resolve().name

"""Pictures of a finished scene: around it, of its colliders, and of how far these are from what is seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..io.animation import can_write_mp4, write_gif, write_mp4
from ..io.images import as_webp, write_image
from ..progress import Progress
from ..render.cut_away import CutAway, cut_away
from ..render.mesh_depth import MeshDepth
from ..render.mesh_picture import MeshOverlay
from ..render.splats import depth_of, render
from ..types import Camera, Intrinsics, Navigation, Outcome, SceneBundle
from . import plots

__all__ = [
    "COLLIDER_PICTURE",
    "ERROR_PICTURE",
    "HISTOGRAM",
    "MAP",
    "TURNS",
    "TURNTABLE_GIF",
    "TURNTABLE_MP4",
    "signed_error",
    "take_pictures",
]

Floats = npt.NDArray[np.floating]
Pictures = list[npt.NDArray[np.uint8]]

TURNTABLE_GIF, TURNTABLE_MP4 = "turntable.gif", "turntable.mp4"
COLLIDER_PICTURE, ERROR_PICTURE = "collider.png", "collider_error.png"
#: For the page alone: the turntable's pictures, and drawings.
TURNS, HISTOGRAM, MAP = "turns", "histogram.svg", "map.svg"

_TURN_PX, _COLLIDER_PX = (480, 270), (960, 540)
_ERROR_PX = 480
#: Seconds of one turn.
_TURN_S = 6.0
_PAPER = (1.0, 1.0, 1.0)
#: Of lengths in files of navigation.
_DIGITS = 4
#: Farther than this no depth sensor of a robot sees [m].
_REACH_M = 10.0
_SECONDS = {"turntable": 12.0, "colliders": 2.0, "differences": 4.0, "map": 1.0}


def take_pictures(
    scene: SceneBundle, cameras: Sequence[Camera], turns: int, comparison: bool, folder: Path, progress: Progress
) -> Outcome[tuple[str, ...]]:
    """Make what was asked for; see :func:`lyra_backend.report.run`."""
    parts, names = progress.children(_SECONDS), list[str]()
    counts: dict[str, int | float] = {"turntable_pictures": 0}
    if scene.cloud.count and (turns or comparison):
        cut = cut_away(scene.cloud, *_floor(scene.navigation))
        if turns:
            names += _turntable(cut, turns, folder, parts["turntable"])
            counts["turntable_pictures"] = turns
        if comparison:
            parts["colliders"](0.0, "drawing colliders")
            names.append(_colliders(scene, cut, folder))
    if comparison and scene.cloud.count and cameras:
        names += _differences(scene, cameras, folder, counts, parts["differences"])
    parts["map"](0.0, "drawing the map")
    if scene.navigation is not None:
        (folder / MAP).write_bytes(plots.map_of(scene.navigation))
    return Outcome(tuple(names), counts)


def signed_error(scene: SceneBundle, mesh: MeshDepth, camera: Camera) -> npt.NDArray[np.float32]:
    """Return how far what a camera sees lies in front of the colliders, at right angles to them [m], shape (H, W).

    Above 0, a robot reaches into what it sees; below 0, it is stopped before it. NaN where one of the two is not met
    within what a robot's depth sensor sees.
    """
    seen, (met, across) = depth_of(scene.cloud, camera), mesh.beside(camera)
    both = (seen < _REACH_M) & (met < _REACH_M)
    return np.where(both, (met - seen) * across, np.nan).astype(np.float32)


def _floor(navigation: Navigation | None) -> tuple[list[Floats], float]:
    """Return outline and height of the floor [m] to a tenth of a millimetre, as files have them.

    A run that goes on reads them from there: it shall take the same pictures as one that was never stopped.
    """
    if navigation is None:
        return [], 0.0
    outline = [np.round(polygon.astype(np.float64), _DIGITS) for polygon in navigation.bounds]
    return outline, round(navigation.floor_m, _DIGITS)


def _turntable(cut: CutAway, count: int, folder: Path, progress: Progress) -> list[str]:
    (folder / TURNS).mkdir()
    frames: Pictures = []
    for i, camera in enumerate(cut.turntable(count, *_TURN_PX)):
        progress(i / count, f"turntable, picture {i + 1} of {count}")
        frames.append(render(cut.cloud, camera, background=_PAPER).rgb)
        (folder / TURNS / f"{camera.name}.webp").write_bytes(as_webp(frames[-1]))
    names, fps = [TURNTABLE_GIF], max(count / _TURN_S, 1.0)
    write_gif(folder / TURNTABLE_GIF, frames, fps)
    if can_write_mp4():
        write_mp4(folder / TURNTABLE_MP4, frames, fps)
        names.append(TURNTABLE_MP4)
    return names


def _colliders(scene: SceneBundle, cut: CutAway, folder: Path) -> str:
    """Draw the colliders over the scene, from above one of its corners."""
    camera = cut.turntable(8, *_COLLIDER_PX)[1]
    seen = render(cut.cloud, camera, background=_PAPER).rgb
    overlay = MeshOverlay(*scene.proxy.welded())
    write_image(folder / COLLIDER_PICTURE, overlay.over(seen, camera, below_m=cut.top_m, one_sided=True))
    return COLLIDER_PICTURE


def _differences(
    scene: SceneBundle, cameras: Sequence[Camera], folder: Path, counts: dict[str, int | float], progress: Progress
) -> list[str]:
    """Compare Gaussians and colliders in the views of the previews."""
    mesh, found = MeshDepth(*scene.proxy.welded()), list[tuple[str, npt.NDArray[np.float32]]]()
    for i, camera in enumerate(cameras):
        progress(i / len(cameras), f"comparing with colliders, view {i + 1} of {len(cameras)}")
        found.append((Path(camera.name).stem, signed_error(scene, mesh, _smaller(camera))))
    values = np.concatenate([view[np.isfinite(view)] for _, view in found])
    if not len(values):
        return []
    low, middle, high = np.quantile(values, [0.05, 0.5, 0.95])
    told = {"low_m": low, "median_m": middle, "high_m": high}
    counts |= {"compared_pixels": len(values)} | {f"apart_{k}": round(float(v), 4) for k, v in told.items()}
    (folder / HISTOGRAM).write_bytes(plots.histogram_of(values))
    write_image(folder / ERROR_PICTURE, plots.error_views(found))
    return [ERROR_PICTURE]


def _smaller(camera: Camera) -> Camera:
    """Return the camera with a picture of fewer pixels."""
    lens = camera.intrinsics
    scale = _ERROR_PX / lens.width
    size = round(lens.width * scale), round(lens.height * scale)
    return replace(
        camera, intrinsics=Intrinsics(*size, lens.fx * scale, lens.fy * scale, lens.cx * scale, lens.cy * scale)
    )

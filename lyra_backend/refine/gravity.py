"""Which way is up, and how surely: floor, upright surfaces, the cameras' path and the ground, fused.

Every cue gives a direction with a covariance: of its own fit, by the sandwich estimator, and of how level floors, how
upright walls and how level cameras are held in the world. A scene with no cue but rough ground keeps its given axis as
long as the ground does not speak clearly against it: a hillside is no tilted scene.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..params import param
from ..types import Camera, Finding, GaussianCloud, Severity
from .cues import Direction, FusedDirection, fuse_directions
from .floor import Floor, FloorParams
from .planes import tangents
from .surfels import Surfels, surfels_of
from .verticals import find_vertical

__all__ = ["CLEAN_PEAK", "Gravity", "GravityParams", "camera_direction", "find_gravity", "gravity_findings"]

Floats = npt.NDArray[np.float64]

#: How level floors, how upright walls are on the mean, and how cameras are held [deg, standard deviations per axis].
_FLOOR_DEG, _UPRIGHT_DEG, _ROLL_DEG = 0.15, 0.08, 1.5
#: How far the trees of a scene lean together; how each leans by itself is in the scatter of their normals.
_TREES_DEG = 0.3
#: Upright things that tell the vertical better than this (95 %) are no trees.
_PLUMB_DEG = 0.3
#: How far open ground slopes on the whole.
_GROUND_DEG = 4.0
#: `peak` of what is a floor for sure, and of what is rough ground for sure; of floors and of their layers.
CLEAN_PEAK, _ROUGH_PEAK = 0.85, 0.6
#: A floor that is level to this is left as it is [deg].
_LEVEL_ENOUGH_DEG = 0.1
#: The vertical is looked for this far from a level floor, at the least [deg].
_LEAST_SEARCH_DEG = 4.5
#: Cameras nearer to each other than this part of the scene's width are one place.
_SAME_PLACE = 0.01
_MIN_CAMERAS = 5
#: What nothing tells of a direction [rad].
_LOOSE = np.radians(25.0)
#: Ground is looked at in squares of the plan.
_SQUARES = 12


@dataclass(frozen=True)
class GravityParams(FloorParams):
    """How surely the vertical must be known."""

    max_gravity_uncertainty: float = param(
        5.0, "scenes whose vertical is known worse than this are not accepted", unit="deg", min=0.1, max=90.0
    )


@dataclass(frozen=True)
class Gravity:
    """The vertical in the cloud's coordinates.

    Attributes:
        up: unit vector (3,).
        uncertainty_deg: holds the truth 19 times of 20.
        used: names of the cues that it comes from; empty if none told anything.
        left_out: names of cues that contradict, and by how much [deg].
    """

    up: Floats
    uncertainty_deg: float
    used: tuple[str, ...]
    left_out: tuple[tuple[str, float], ...]

    @property
    def tilt_deg(self) -> float:
        """Angle to the z axis."""
        return float(np.degrees(np.arccos(np.clip(self.up[2], -1.0, 1.0))))


def find_gravity(
    cloud: GaussianCloud, cameras: Sequence[Camera], floor: Floor, max_tilt: float, keep_floor: bool = False
) -> Gravity:
    """Return the vertical of a cloud whose z axis points roughly up.

    Args:
        cloud: at least one Gaussian.
        cameras: views from where it was seen; may be empty.
        floor: what :func:`find_floor` found in it.
        max_tilt: how far the z axis may be from the vertical [deg].
        keep_floor: the floor's normal is the vertical, unless the other cues rule it out.
    """
    surfels = surfels_of(cloud)
    level = _floor_direction(floor)
    ground = _ground_direction(surfels) if level is None else None
    upright = find_vertical(surfels, *_where_to_look(level or ground, max_tilt), max_tilt)
    cues = [
        level,
        None if upright is None else _loosened(upright, _leaning_deg(upright, floor)),
        camera_direction(cameras, _width(surfels)),
    ]
    known = [cue for cue in cues if cue is not None]
    if ground is not None:
        known.append(_agreeing_with_axis(ground) if not known else ground)
    if not known:
        return Gravity(np.array([0.0, 0.0, 1.0]), float(np.degrees(1.96 * np.sqrt(2) * _LOOSE)), (), ())
    fused = fuse_directions(known)
    return Gravity(*_with_the_floor(fused, floor, keep_floor), fused.used, fused.left_out)


def _leaning_deg(upright: Direction, floor: Floor) -> float:
    """Return how upright things stand on the mean [deg]: on rough ground they are trees, unless they prove plumb."""
    rough = not floor.is_plane or floor.peak < CLEAN_PEAK
    return _TREES_DEG if rough and upright.deg > _PLUMB_DEG else _UPRIGHT_DEG


def _where_to_look(level: Direction | None, max_tilt: float) -> tuple[Floats, float]:
    """Return where to look for the vertical: about what (3,), and how far from it [deg]."""
    if level is None:
        return np.array([0.0, 0.0, 1.0]), max_tilt
    return level.up, float(np.clip(1.5 * level.deg, _LEAST_SEARCH_DEG, max_tilt))


def _with_the_floor(fused: FusedDirection, floor: Floor, keep: bool) -> tuple[Floats, float]:
    """Return the direction and its uncertainty; the floor's own normal if that is level enough.

    Robots stand on the floor: one that is level is worth more than the last tenth of a degree.
    """
    if not floor.is_plane or "floor" not in fused.used:
        return fused.up, fused.deg
    apart = float(np.degrees(np.arccos(np.clip(fused.up @ floor.normal, -1.0, 1.0))))
    if apart > _LEVEL_ENOUGH_DEG and not keep:
        return fused.up, fused.deg
    return floor.normal, float(np.hypot(fused.deg, apart))


def _floor_direction(floor: Floor) -> Direction | None:
    """Return what the floor says: its flattest layer, or all of it, which may slope as natural ground does."""
    if not floor.is_plane:
        return None
    flat = 0.0 if floor.layer is None else 1 - _roughness(floor.layer.peak)
    natural = (1 - flat) * np.hypot(_roughness(floor.peak) * _GROUND_DEG, np.degrees(floor.undulation))
    told = floor if floor.layer is None or flat == 0.0 else floor.layer
    return _loosened(Direction("floor", told.normal, told.covariance), float(np.hypot(_FLOOR_DEG, natural)))


def _roughness(peak: float) -> float:
    """Return how much a plane with such a `peak` looks like rough ground: 0 for built floors, 1 for sure."""
    return float(np.clip((CLEAN_PEAK - peak) / (CLEAN_PEAK - _ROUGH_PEAK), 0.0, 1.0))


def _loosened(cue: Direction, deg: float) -> Direction:
    """Return the cue with what the world adds to the error of its fit."""
    across = tangents(cue.up)
    return Direction(cue.name, cue.up, cue.covariance + across.T @ across * np.radians(deg) ** 2)


def camera_direction(cameras: Sequence[Camera], width: float) -> Direction | None:
    """Return what a path of cameras says: people hold them without roll, so that up is across all their x axes.

    Cameras of one place are no path: they were put there by rule, or see one way only.

    Args:
        cameras: any number.
        width: of the scene, in the cameras' units.
    """
    poses = np.array([camera.cam_to_world for camera in cameras], np.float64).reshape(-1, 4, 4)
    places = poses[:, :3, 3]
    if len(poses) < _MIN_CAMERAS or np.ptp(places, axis=0).max() < _SAME_PLACE * width:
        return None
    sides, mean = poses[:, :3, 0], -poses[:, :3, 1].mean(axis=0)
    up = mean / max(float(np.linalg.norm(mean)), 1e-9)
    for _ in range(10):
        across, parts = tangents(up), np.einsum("nk,k->n", sides, up)
        slopes = np.einsum("nk,jk->nj", sides, across)
        weights = 1 / (1 + (parts / np.radians(2 * _ROLL_DEG)) ** 2)
        bread = np.einsum("n,ni,nj->ij", weights, slopes, slopes) + 1e-3 * np.eye(2)
        step = -np.linalg.solve(bread, np.einsum("n,ni,n->i", weights, slopes, parts))
        moved = up + step @ across
        up = moved / np.linalg.norm(moved)
    across = tangents(up)
    slopes = np.einsum("nk,jk->nj", sides, across)
    # neighbours on a path are held alike: it counts as one view of each quarter at the most
    spread = np.einsum("ni,nj->ij", slopes, slopes) / len(slopes) * 4
    roll = max(float(np.median(np.abs(np.einsum("nk,k->n", sides, up)))) * 1.4826, np.radians(_ROLL_DEG))
    covariance = np.linalg.inv(spread / roll**2 + np.eye(2) / _LOOSE**2)
    return Direction("camera path", up, across.T @ covariance @ across)


def _ground_direction(surfels: Surfels) -> Direction | None:
    """Return the normal of the plane through low points of the plan's squares: rough ground is level on the whole."""
    if len(surfels.points) < _SQUARES**2:
        return None
    low, high = np.quantile(surfels.points[:, :2], (0.01, 0.99), axis=0)
    steps = np.clip((surfels.points[:, :2] - low) / np.maximum(high - low, 1e-9) * _SQUARES, 0, _SQUARES - 1)
    cells = steps.astype(np.intp) @ np.array([_SQUARES, 1])
    lowest = np.array([_low_point(surfels.points[cells == cell]) for cell in np.unique(cells)])
    normal, rms = _plane(lowest)
    slope = rms / max(float((high - low).max()), 1e-9)
    across = tangents(normal)
    sigma = np.hypot(np.radians(_GROUND_DEG), 2.0 * slope)
    return Direction("ground", normal, across.T @ across * sigma**2)


def _low_point(points: Floats) -> Floats:
    """Return the point (3,) at a low height of a square's points (n, 3)."""
    order = np.argsort(points[:, 2], kind="stable")
    return np.asarray(points[order[len(order) // 10]])


def _plane(points: Floats) -> tuple[Floats, float]:
    """Return the upward unit normal (3,) of the plane through points by least absolute deviations, and the rms."""
    design = np.concatenate([points[:, :2], np.ones((len(points), 1))], axis=1)
    weights = np.ones(len(points))
    for _ in range(10):
        a, b, c = np.linalg.lstsq(design * weights[:, None], points[:, 2] * weights, rcond=None)[0]
        left = np.abs(points[:, 2] - design @ (a, b, c))
        weights = 1 / np.sqrt(np.maximum(left, 1e-3 * (left.max() + 1e-12)))
    return np.array([-a, -b, 1.0]) / np.sqrt(a * a + b * b + 1), float(np.sqrt(np.mean(left**2)))


def _agreeing_with_axis(ground: Direction) -> Direction:
    """Return the given axis with the uncertainty of the ground, if the ground does not speak against it."""
    axis = np.array([0.0, 0.0, 1.0])
    apart = float(np.degrees(np.arccos(np.clip(ground.up[2], -1.0, 1.0))))
    return Direction("ground", axis, ground.covariance) if apart < ground.deg else ground


def _width(surfels: Surfels) -> float:
    if not len(surfels.points):
        return 1.0
    return max(float(np.ptp(np.quantile(surfels.points, (0.01, 0.99), axis=0), axis=0).max()), 1e-9)


def gravity_findings(gravity: Gravity, limit_deg: float) -> list[Finding]:
    """Return what is to be said of the vertical; beyond the limit the scene is not accepted."""
    found = [_conflict(gravity, name, apart) for name, apart in gravity.left_out]
    told = ", ".join(gravity.used) or "nothing"
    if gravity.uncertainty_deg <= limit_deg:
        message = f"The vertical is known to +-{gravity.uncertainty_deg:.2f} degrees (95 %), from {told}."
        return [
            *found,
            Finding("gravity.uncertainty", Severity.INFO, message, round(gravity.uncertainty_deg, 4), limit_deg),
        ]
    message = (
        f"The vertical is known to +-{gravity.uncertainty_deg:.1f} degrees only, from {told}: no level floor and too "
        "little that stands upright were found. Bodies would slide. If the file's up axis is exact, say so with "
        "--set refine.align=false; else turn the scene by hand, or raise refine.max_gravity_uncertainty."
    )
    return [*found, Finding("gravity.uncertain", Severity.ERROR, message, round(gravity.uncertainty_deg, 4), limit_deg)]


def _conflict(gravity: Gravity, name: str, apart: float) -> Finding:
    message = (
        f"{name.capitalize()} and {' and '.join(gravity.used)} disagree about the vertical by {apart:.1f} degrees; the "
        f"latter was followed. Look whether the scene stands upright in preview.png."
    )
    return Finding("gravity.disagreement", Severity.WARNING, message, round(apart, 4))

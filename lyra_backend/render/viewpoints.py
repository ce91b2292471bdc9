"""Choose cameras that show a scene: standing in free floor space, looking along free sight lines over its content."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ..errors import InvalidRequest
from ..types import Camera, GaussianCloud, Intrinsics, look_at
from .occupancy import Occupancy
from .view_choice import FOV_DEG, HEIGHT_PX, SIGHT_M, TOO_NEAR_M, WIDTH_PX, best_view, thinned

__all__ = ["robot_viewpoints", "scene_viewpoint", "standing_places"]

Floats = npt.NDArray[np.floating]

_EYE_M = 1.5
# How far to stay from what one could bump into: as much as there is room for.
_CLEARANCES_M = (0.35, 0.25, 0.15)
_STANDING_MIN_M2 = 0.5
_POSITIONS = 24
_DIRECTIONS = 24
_COVERAGE_POOR = 0.4
_OUTLIERS = 0.005


def scene_viewpoint(cloud: GaussianCloud, cameras: Sequence[Camera] = ()) -> Camera:
    """Return an establishing view of a cloud (frame WORLD), 960 x 540: the first camera's, or else a chosen one.

    Raises:
        InvalidRequest: there are neither cameras nor Gaussians.
    """
    if cameras:
        return _resized(cameras[0])
    _require_content(cloud)
    grid, thin = Occupancy.of(cloud), thinned(cloud)
    standing = _standing_points(grid)
    if not len(standing):
        return best_view(thin, grid, _orbit(cloud, 20.0), "scene")[0]
    return _best_standing(thin, grid, standing, _EYE_M, (-5.0, -15.0), [], "scene")


def robot_viewpoints(
    cloud: GaussianCloud, heights_m: Sequence[float] = (0.3, 0.6, 1.5), cameras: Sequence[Camera] = ()
) -> tuple[Camera, ...]:
    """Return one level view (960 x 540) from each height above the local ground of a cloud (frame WORLD).

    Args:
        cloud: the Gaussians.
        heights_m: heights of the optical centre above the ground [m]; the views are named "robot_<height>m".
        cameras: views that are known to lie in free space; places to stand beside those that are found.

    Raises:
        InvalidRequest: the cloud is empty, or a height is not positive.
    """
    _require_content(cloud)
    if not all(0.0 < h < 100.0 for h in heights_m):
        raise InvalidRequest(f"heights_m must lie between 0 and 100 m, got {tuple(heights_m)}.")
    grid, thin = Occupancy.of(cloud, cameras[0].position if cameras else None), thinned(cloud)
    standing = _standing_points(grid)
    views = []
    for height in heights_m:
        name = f"robot_{height:g}m"
        known = _levelled_poses(grid, cameras, height)
        if len(standing):
            views.append(_best_standing(thin, grid, standing, height, (0.0,), known, name))
        else:
            views.append(best_view(thin, grid, known or _orbit(cloud, None, height), name)[0])
    return tuple(views)


def standing_places(cloud: GaussianCloud, height_m: float, cameras: Sequence[Camera] = ()) -> Floats:
    """Return places in free space (P, 3) [m], P > 0: `height_m` above free floor, then where `cameras` stand.

    The first one has the most room around it. A cloud without free floor and cameras is looked at from outside.

    Raises:
        InvalidRequest: the cloud is empty.
    """
    _require_content(cloud)
    grid = Occupancy.of(cloud, cameras[0].position if cameras else None)
    floor = _standing_points(grid) + np.array([0.0, 0.0, height_m])
    places = np.concatenate([floor, *(camera.position[None] for camera in cameras)])
    if len(places):
        return places
    return np.stack([pose[:3, 3] for pose in _orbit(cloud, None, height_m)])


def _best_standing(
    cloud: GaussianCloud,
    grid: Occupancy,
    standing: Floats,
    height_m: float,
    pitches_deg: Sequence[float],
    known: list[Floats],
    name: str,
) -> Camera:
    """Return the best view from `height_m` above the standing points, or from poses that are known to be free.

    A cloud that was seen from one place only looks hollow from its own floor: then places without known ground count.
    """
    poses = [*known, *_indoor_poses(grid, standing, height_m, pitches_deg)]
    camera, coverage = best_view(cloud, grid, poses, name)
    if known or coverage >= _COVERAGE_POOR:
        return camera
    outside = _indoor_poses(grid, _unknown_points(grid, height_m), height_m, pitches_deg[:1])
    return best_view(cloud, grid, [*poses, *outside], name)[0]


def _require_content(cloud: GaussianCloud) -> None:
    if not cloud.count:
        raise InvalidRequest("a viewpoint needs a cloud with Gaussians, got none.")


def _resized(camera: Camera) -> Camera:
    """Return the camera at 960 x 540, cropped to that shape so that nothing it did not see comes into view."""
    lens = camera.intrinsics
    scale = max(WIDTH_PX / lens.width, HEIGHT_PX / lens.height)
    cx = (lens.cx - lens.width / 2) * scale + WIDTH_PX / 2
    cy = (lens.cy - lens.height / 2) * scale + HEIGHT_PX / 2
    resized = Intrinsics(WIDTH_PX, HEIGHT_PX, lens.fx * scale, lens.fy * scale, cx, cy)
    return replace(camera, intrinsics=resized, name="scene")


def _standing_points(grid: Occupancy) -> Floats:
    """Return points on the ground (P, 3) [m], spread over the largest free floor; none if there is no such floor."""
    from scipy.ndimage import label

    clearance = grid.clearance_m(_EYE_M)
    for wanted in _CLEARANCES_M:
        regions, region_count = label(clearance >= wanted)
        if not region_count:
            continue
        largest = regions == 1 + np.bincount(regions[regions > 0] - 1).argmax()
        if largest.sum() * grid.cell_m**2 >= _STANDING_MIN_M2:
            cells = _spread_cells(np.argwhere(largest), clearance)
            return np.column_stack([grid.centre(cells), grid.ground_m[cells[:, 0], cells[:, 1]]])
    return np.empty((0, 3))


def _spread_cells(cells: npt.NDArray[np.integer], clearance: Floats) -> npt.NDArray[np.integer]:
    """Return about _POSITIONS of the cells (N, 2): from each block of the floor the one with the most clearance."""
    side = max(1, int(np.sqrt(len(cells) / _POSITIONS)))
    block = cells // side
    room = clearance[cells[:, 0], cells[:, 1]]
    order = np.lexsort((-room, block[:, 1], block[:, 0]))
    first = np.unique(block[order], axis=0, return_index=True)[1]
    best = cells[order][first]
    return best[np.argsort(-clearance[best[:, 0], best[:, 1]], kind="stable")[: 2 * _POSITIONS]]


def _unknown_points(grid: Occupancy, height_m: float) -> Floats:
    """Return points (P, 3) [m] in and next to the grid where no ground is known but the air around the eye is free."""
    size = np.array(grid.solid.shape[:2])
    lattice = [np.linspace(-0.25, 1.25, 12) * n for n in size]
    cells = np.stack(np.meshgrid(*lattice, indexing="ij"), axis=-1).reshape(-1, 2)
    known = np.argwhere(~np.isnan(grid.ground_m))
    nearest = known[((cells[:, None] - known[None, ::16]) ** 2).sum(axis=2).argmin(axis=1) * 16]
    points = np.column_stack([grid.centre(cells), grid.ground_m[nearest[:, 0], nearest[:, 1]]])
    return points[_clear(grid, points + np.array([0.0, 0.0, height_m]))]


def _clear(grid: Occupancy, eyes: Floats) -> npt.NDArray[np.bool_]:
    """Return which eyes (P, 3) [m] have nothing solid next to them on their level."""
    ways = _level_ways()
    near = grid.cast(np.repeat(eyes, len(ways), axis=0), np.tile(ways, (len(eyes), 1)), _CLEARANCES_M[0])
    return np.all(np.isinf(near).reshape(len(eyes), -1), axis=1)


def _level_ways() -> Floats:
    """Return unit vectors all around the horizon, shape (_DIRECTIONS, 3)."""
    turn = 2 * np.pi * np.arange(_DIRECTIONS) / _DIRECTIONS
    return np.column_stack([np.cos(turn), np.sin(turn), np.zeros(_DIRECTIONS)])


def _indoor_poses(grid: Occupancy, ground: Floats, height_m: float, pitches_deg: Sequence[float]) -> list[Floats]:
    """Return poses `height_m` above the standing points along their two longest lines of sight."""
    eyes = ground + np.array([0.0, 0.0, height_m])
    ways = _level_ways()
    sight = grid.cast(np.repeat(eyes, _DIRECTIONS, axis=0), np.tile(ways, (len(eyes), 1)), SIGHT_M)
    # Open sky is no content: it counts as a moderate distance, so that a far wall is better and a near one is worse.
    sight = np.where(np.isinf(sight), 0.5 * SIGHT_M, sight).reshape(len(eyes), _DIRECTIONS)
    fan = sum(np.roll(sight, shift, axis=1) for shift in (-2, -1, 0, 1, 2))
    peak = (fan >= np.roll(fan, 1, axis=1)) & (fan >= np.roll(fan, -1, axis=1))
    chosen = np.argsort(-np.where(peak, fan, fan - 1e3), axis=1, kind="stable")[:, :2]
    return [
        look_at(eye, eye + ways[way] + (0.0, 0.0, np.tan(np.radians(pitch))))
        for eye, both in zip(eyes, chosen, strict=True)
        for way in both
        for pitch in pitches_deg
    ]


def _orbit(cloud: GaussianCloud, elevation_deg: float | None, height_m: float = 0.0) -> list[Floats]:
    """Return poses around what cannot be entered: from `elevation_deg`, or level at `height_m` above its foot."""
    low, high = np.quantile(cloud.positions, [_OUTLIERS, 1.0 - _OUTLIERS], axis=0)
    middle = (low + high) / 2
    # A Gaussian larger than the whole scene is haze, not something to step back from.
    sizes = np.minimum(cloud.scales.max(axis=1), max(float(np.linalg.norm(high - low)), 1.0))
    reach = np.linalg.norm(cloud.positions - middle, axis=1) + sizes
    radius = float(np.quantile(reach, 1.0 - _OUTLIERS))
    slope = np.tan(np.radians(FOV_DEG / 2)) * HEIGHT_PX / WIDTH_PX
    distance = max(1.1 * radius / np.sin(np.arctan(slope)), radius + TOO_NEAR_M)
    poses = []
    for turn in 2 * np.pi * (np.arange(12) + 0.5) / 12:
        out = np.array([np.cos(turn), np.sin(turn), 0.0])
        if elevation_deg is None:
            # From above or below, a level camera sees it only from farther away.
            lift = low[2] + height_m - middle[2]
            eye = middle + max(distance, (abs(lift) + radius) / slope) * out + np.array([0.0, 0.0, lift])
            poses.append(look_at(eye, eye - out))
        else:
            tilt = np.radians(elevation_deg)
            eye = middle + distance * (np.cos(tilt) * out + np.array([0.0, 0.0, np.sin(tilt)]))
            poses.append(look_at(eye, middle))
    return poses


def _levelled_poses(grid: Occupancy, cameras: Sequence[Camera], height_m: float) -> list[Floats]:
    """Return the level poses under some of the cameras that have nothing solid next to them."""
    poses = [_levelled(grid, camera, height_m) for camera in cameras[:: -(-len(cameras) // _POSITIONS) or 1]]
    if not poses:
        return []
    clear = _clear(grid, np.stack([pose[:3, 3] for pose in poses]))
    return [pose for pose, is_clear in zip(poses, clear, strict=True) if is_clear]


def _levelled(grid: Occupancy, camera: Camera, height_m: float) -> Floats:
    """Return a level pose under (or above) a camera, at `height_m` above the ground next to it, looking its way."""
    known = np.argwhere(~np.isnan(grid.ground_m))
    ground = 0.0
    if len(known):
        next_to = known[((known - grid.column(camera.position)) ** 2).sum(axis=1).argmin()]
        ground = float(grid.ground_m[next_to[0], next_to[1]])
    eye = np.array([camera.position[0], camera.position[1], ground + height_m])
    way = camera.cam_to_world[:3, 2] * (1.0, 1.0, 0.0)
    if np.linalg.norm(way) < 0.1:
        way = camera.cam_to_world[:3, 1] * (-1.0, -1.0, 0.0)
    return look_at(eye, eye + way)

"""What a video model is shown of views that nobody filmed: pictures with depth, warped to other cameras.

GEN3C's "3D cache" (arXiv 2503.03751) with a single buffer, as Lyra (arXiv 2509.19296) uses it. Cameras have OpenCV
axes. Pixel centres lie at whole numbers here, unlike in the rest of the package, and the intrinsics are used as they
are: the video model was trained on pictures warped so, half a pixel off.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from itertools import islice, repeat
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional as F

from ..errors import InvalidRequest
from ..kernels.forward_warp import PicturePoints, WarpedPicture
from ..kernels.mesh_distance import MeshTree

__all__ = ["CacheFrames", "DepthCache", "reliable_depth", "render_video", "warped_pictures"]

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float32]
Report = Callable[[float, str], None]

#: What stands for the depth of the sky and for NaN, and the limit that both come to.
_SKY_DEPTH, _NAN_DEPTH, _MAX_DEPTH = 1000.0, 1e4, 100.0
#: Side [px] of the neighbourhood of a pixel, and the share of its mean depth within which it must lie, as published.
_WINDOW, _RELATIVE_RANGE = 5, 0.05
#: Pixels to a vertex of the boundary's mesh, and how far behind it something is hidden.
_MESH_STEP, _BEHIND = 4, 0.02
#: How far a rotation may be from one.
_RIGID = 1e-3


class CacheFrames(NamedTuple):
    """Warped pictures.

    Attributes:
        frames: in [-1, 1], -1 where nothing is known, float32 (T, 3, H, W).
        masks: where something is known, bool (T, 1, H, W).
    """

    frames: Floats
    masks: Bools


class DepthCache:
    """One picture with depth, to be seen from elsewhere.

    Attributes:
        depth: z as it is used, within [0, 100], shape (H, W).
        reliable: which pixels are warped, see :func:`reliable_depth`, shape (H, W).
    """

    def __init__(
        self,
        image: npt.NDArray[np.floating],
        depth: npt.NDArray[np.floating],
        intrinsics: npt.ArrayLike,
        world_to_cam: npt.ArrayLike | None = None,
        sky: Bools | None = None,
        device: str | None = None,
        window: int = _WINDOW,
        relative_range: float = _RELATIVE_RANGE,
    ) -> None:
        """Lift a picture to points.

        Args:
            image: RGB in [-1, 1], floating point, shape (H, W, 3).
            depth: z in the cameras' unit, shape (H, W); NaN counts as far away, 0 and less as unknown.
            intrinsics: matrix (3, 3) [px].
            world_to_cam: pose of the picture (4, 4); None is the identity.
            sky: where all is far away, whatever `depth` says, shape (H, W).
            device: Warp device; None takes the preferred one.
            window, relative_range: see :func:`reliable_depth`.

        Raises:
            InvalidRequest: shapes that do not fit, colours out of range, or a matrix that is no lens or not rigid.
            ValueError: a window that has no middle, or no positive range.
        """
        _check_picture(image, depth, sky)
        self._image, self._device = np.asarray(image, np.float32), device
        self.depth = _usable_depth(depth, sky)
        self.reliable = reliable_depth(self.depth, window, relative_range)
        lens = _lenses("intrinsics", intrinsics, 1)[0]
        pose = np.eye(4) if world_to_cam is None else np.asarray(world_to_cam)
        self._points = _unproject(self.depth, lens, _poses("world_to_cam", pose[None])[0])

    @property
    def size(self) -> tuple[int, int]:
        """Width and height [px]."""
        height, width = self.depth.shape
        return width, height

    @cached_property
    def points(self) -> PicturePoints:
        """The coloured points in the world frame, on the device."""
        colors = self._image.reshape(-1, 3)
        return PicturePoints(self._points.reshape(-1, 3), colors, self.reliable.ravel(), self._device)

    @cached_property
    def boundary(self) -> MeshTree:
        """The sheet that closes the gaps beside near surfaces, world frame."""
        return MeshTree(*_boundary_mesh(self._points, ~self.reliable, self.depth > 0), self._device)

    def render(
        self,
        target_world_to_cam: npt.ArrayLike,
        target_intrinsics: npt.ArrayLike,
        foreground_masking: bool = True,
        chunk: int = 2,
        progress: Report | None = None,
    ) -> CacheFrames:
        """Return the picture as T other cameras with pictures of its size see it.

        Args:
            target_world_to_cam: poses (T, 4, 4).
            target_intrinsics: matrices (T, 3, 3), or one for all (3, 3) [px].
            foreground_masking: leave out what would shine through the gap beside a nearer surface, as published.
            chunk: how many targets share the farthest depth, by which near outweighs far. The published program warps
                two at a time, and which these are shows in the third digit where surfaces meet.
            progress: called with the share done and a message after each picture; stops the work by raising.

        Raises:
            InvalidRequest: matrices of other shapes, that are no lens, or not rigid.
            ValueError: a chunk of less than one target.
        """
        return render_video(
            repeat(self), target_world_to_cam, target_intrinsics, foreground_masking, chunk=chunk, progress=progress
        )

    def view(
        self, world_to_cam: Floats, intrinsics: Floats, farthest: float | None = None, foreground_masking: bool = True
    ) -> WarpedPicture:
        """Return what one camera sees; see :meth:`render`, and for `farthest` :meth:`PicturePoints.splat`."""
        picture = self.points.splat(world_to_cam, intrinsics, self.size, farthest)
        return _uncovered(picture, self.boundary, world_to_cam, intrinsics) if foreground_masking else picture


def render_video(
    caches: Iterable[DepthCache],
    target_world_to_cam: npt.ArrayLike,
    target_intrinsics: npt.ArrayLike,
    foreground_masking: bool = True,
    chunk: int = 2,
    progress: Report | None = None,
) -> CacheFrames:
    """Return a video as a moving camera would have seen it: frame i of the source is warped to target i only.

    Args:
        caches: the source's frames, all of one size, one for each target; what follows is left. They are taken as
            they are needed, `chunk` at a time, so that an iterator may make them then and memory holds no more.
        target_world_to_cam, target_intrinsics, foreground_masking, chunk, progress: see :meth:`DepthCache.render`.

    Raises:
        InvalidRequest: fewer frames than targets, frames of different sizes, or matrices of other shapes, that are no
            lens, or not rigid.
        ValueError: a chunk of less than one target.
    """
    poses = _poses("target_world_to_cam", target_world_to_cam)
    count = len(poses)
    found: CacheFrames | None = None
    pictures = warped_pictures(caches, poses, target_intrinsics, foreground_masking, chunk)
    for i, picture in enumerate(pictures):
        if found is None:
            size = picture.mask.shape
            found = CacheFrames(np.empty((count, 3, *size), np.float32), np.empty((count, 1, *size), bool))
        found.frames[i], found.masks[i, 0] = np.moveaxis(picture.rgb, -1, 0), picture.mask
        if progress is not None:
            progress((i + 1) / count, f"{i + 1} of {count} pictures warped")
    assert found is not None  # there is a pose, and so a picture
    return found


def warped_pictures(
    caches: Iterable[DepthCache],
    target_world_to_cam: npt.ArrayLike,
    target_intrinsics: npt.ArrayLike,
    foreground_masking: bool = True,
    chunk: int = 2,
) -> Iterator[WarpedPicture]:
    """Yield what :func:`render_video` is made of, with its depth: frame i of the source as target i sees it.

    Arguments and errors are those of :func:`render_video`; errors are raised as pictures are asked for.
    """
    if chunk < 1:
        raise ValueError(f"warped video: a chunk has one target or more, got {chunk}.")
    poses = _poses("target_world_to_cam", target_world_to_cam)
    lenses = _lenses("target_intrinsics", target_intrinsics, len(poses))
    for i, (cache, farthest) in enumerate(_with_farthest(caches, poses, chunk)):
        yield cache.view(poses[i], lenses[i], farthest, foreground_masking)


def reliable_depth(
    depth: npt.NDArray[np.floating], window: int = _WINDOW, relative_range: float = _RELATIVE_RANGE
) -> Bools:
    """Return which pixels (H, W) lie on one surface: above 0, and all around them within a share of their mean.

    As published, that mean counts pixels outside of the picture as 0, so that the rim is judged more strictly.

    Args:
        depth: shape (H, W).
        window: side of the square around a pixel [px], an odd number. The smaller the picture, the smaller it must be:
            a floor that is seen at a slant changes much from one pixel to the next.
        relative_range: by what share of their mean the nearest and the farthest there may differ.

    Raises:
        ValueError: a window that has no middle, or no positive range.
    """
    if window < 1 or window % 2 == 0 or not relative_range > 0:
        raise ValueError(f"reliable_depth: needs an odd window and a range above 0, got {window} and {relative_range}.")
    field = torch.from_numpy(np.ascontiguousarray(depth, np.float32))[None, None]
    pad = window // 2
    spread = F.max_pool2d(field, window, 1, pad) + F.max_pool2d(-field, window, 1, pad)
    mean = F.avg_pool2d(field, window, 1, pad)
    found = (spread / (mean + 1e-6) < relative_range) & (field > 0)
    return np.asarray(found[0, 0])


def _with_farthest(caches: Iterable[DepthCache], poses: Floats, chunk: int) -> Iterator[tuple[DepthCache, float]]:
    """Yield the source of each target and the largest z of its chunk."""
    remaining = iter(caches)
    size: tuple[int, int] | None = None
    for start in range(0, len(poses), chunk):
        targets = poses[start : start + chunk]
        batch = list(islice(remaining, len(targets)))
        if len(batch) < len(targets):
            raise InvalidRequest(
                f"warped video: needs a source frame for each of the {len(poses)} targets, got {start + len(batch)}; "
                "leave out targets or add frames."
            )
        size = size or batch[0].size
        if any(cache.size != size for cache in batch):
            raise InvalidRequest(f"warped video: all frames must be of one size, {size} px; resize the others.")
        farthest = max(cache.points.farthest(pose) for cache, pose in zip(batch, targets, strict=True))
        yield from ((cache, farthest) for cache in batch)


def _usable_depth(depth: npt.NDArray[np.floating], sky: Bools | None) -> Floats:
    """Return depth without sky, NaN and what is beyond the limits."""
    known = np.nan_to_num(np.asarray(depth, np.float32), nan=_NAN_DEPTH)
    if sky is not None:
        known[sky] = _SKY_DEPTH
    return np.clip(known, 0.0, _MAX_DEPTH)


def _unproject(depth: Floats, intrinsics: Floats, world_to_cam: Floats) -> Floats:
    """Return the points (H, W, 3) in the world frame.

    Step by step in float32 as the published program: a point must fall on a whole pixel again, or just beside it,
    where the program's does.
    """
    v, u = np.indices(depth.shape, np.float32)
    back = np.linalg.inv(intrinsics.astype(np.float64)).astype(np.float32)
    x, y, z = ((row[0] * u + row[1] * v + row[2]) * depth for row in back)
    pose = np.linalg.inv(world_to_cam.astype(np.float64)).astype(np.float32)
    return np.stack([row[0] * x + row[1] * y + row[2] * z + row[3] for row in pose[:3]], axis=-1)


def _boundary_mesh(points: Floats, boundary: Bools, known: Bools) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Return vertices (V, 3) and triangles (F, 3) of the quads of a coarse grid that touch the boundary.

    A vertex is the mean of the four pixels in the middle of its block, which bilinear shrinking comes to. Quads with a
    corner whose depth is not known are left out: it would lie at the camera, and hide the scene from every other one.
    """
    height, width = (count // _MESH_STEP for count in boundary.shape)
    whole = np.s_[: height * _MESH_STEP, : width * _MESH_STEP]
    blocks = points[whole].reshape(height, _MESH_STEP, width, _MESH_STEP, 3)
    middle = slice(_MESH_STEP // 2 - 1, _MESH_STEP // 2 + 1)
    vertices = blocks[:, middle, :, middle].mean(axis=(1, 3)).reshape(-1, 3)
    touched: Bools = np.asarray(boundary[whole].reshape(blocks.shape[:4]).any(axis=(1, 3)))
    quads = touched[:-1, :-1] | touched[:-1, 1:] | touched[1:, :-1] | touched[1:, 1:]
    here: Bools = np.asarray(known[whole].reshape(blocks.shape[:4])[:, middle, :, middle].all(axis=(1, 3)))
    quads &= here[:-1, :-1] & here[:-1, 1:] & here[1:, :-1] & here[1:, 1:]
    corner = np.arange(height * width).reshape(height, width)[:-1, :-1][quads]
    right, below, across = corner + 1, corner + width, corner + width + 1
    triangles = np.concatenate([np.stack([corner, right, below], axis=1), np.stack([right, across, below], axis=1)])
    return vertices, triangles


def _uncovered(picture: WarpedPicture, boundary: MeshTree, world_to_cam: Floats, intrinsics: Floats) -> WarpedPicture:
    """Return the picture without what lies behind the boundary's mesh."""
    rows, columns = np.nonzero(picture.mask)
    back = np.linalg.inv(intrinsics.astype(np.float64)).astype(np.float32)
    ways = np.stack([columns, rows, np.ones_like(rows)], axis=1).astype(np.float32) @ back.T
    lengths = np.sqrt(np.einsum("ij,ij->i", ways, ways))
    turn, shift = world_to_cam[:3, :3], world_to_cam[:3, 3]
    hits = boundary.rays(np.broadcast_to(-turn.T @ shift, ways.shape), (ways / lengths[:, None]) @ turn)
    hidden = hits.distance / lengths + _BEHIND < picture.depth[rows, columns]
    where = rows[hidden], columns[hidden]
    rgb, mask, depth = picture.rgb.copy(), picture.mask.copy(), picture.depth.copy()
    rgb[where], mask[where], depth[where] = -1.0, False, np.nan
    return WarpedPicture(rgb, mask, depth)


def _check_picture(image: npt.NDArray[np.floating], depth: npt.NDArray[np.floating], sky: Bools | None) -> None:
    size = np.shape(depth)
    if len(size) != 2 or 0 in size or np.shape(image) != (*size, 3) or (sky is not None and np.shape(sky) != size):
        raise InvalidRequest(
            "picture with depth: needs an image (H, W, 3) and depth and sky (H, W), "
            f"got {np.shape(image)}, {size} and {None if sky is None else np.shape(sky)}."
        )
    if image.dtype.kind != "f" or not (np.abs(image) <= 1).all():
        raise InvalidRequest(
            f"picture with depth: colours must lie in [-1, 1], got {image.dtype} from {image.min()} to {image.max()}; "
            "divide bytes by 127.5 and take 1 off."
        )


def _poses(subject: str, values: npt.ArrayLike) -> Floats:
    """Return rigid transforms (T, 4, 4), checked."""
    found = np.asarray(values, np.float32)
    if found.ndim != 3 or found.shape[1:] != (4, 4) or not len(found):
        raise InvalidRequest(f"{subject} must have shape (T, 4, 4), got {found.shape}.")
    turns = found[:, :3, :3].astype(np.float64)
    # Comparisons that NaN fails.
    turned = np.abs(turns @ np.swapaxes(turns, 1, 2) - np.eye(3)).max() <= _RIGID and np.linalg.det(turns).min() > 0
    if not turned or not np.isfinite(found).all() or np.abs(found[:, 3] - (0, 0, 0, 1)).max() > _RIGID:
        raise InvalidRequest(f"{subject} must turn and move only: proper rotations, and 0 0 0 1 in the last row.")
    return found


def _lenses(subject: str, values: npt.ArrayLike, count: int) -> Floats:
    """Return intrinsics (T, 3, 3), checked."""
    found = np.asarray(values, np.float32)
    if found.shape not in ((3, 3), (count, 3, 3)) or not np.isfinite(found).all():
        raise InvalidRequest(f"{subject} must be finite and of shape (3, 3) or ({count}, 3, 3), got {found.shape}.")
    if (found[..., [0, 1], [0, 1]] <= 0).any() or (found[..., [1, 2, 2, 2], [0, 0, 1, 2]] != (0, 0, 0, 1)).any():
        raise InvalidRequest(f"{subject} must be fx s cx, 0 fy cy, 0 0 1 with positive fx and fy [px], got {found}.")
    return np.broadcast_to(found, (count, 3, 3))

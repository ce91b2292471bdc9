"""Pictures with known cameras from a folder, to measure against or to learn from.

Three layouts are known:

- ours: ``cameras.json`` or a run's ``previews.json`` (see :mod:`lyra_backend.io.cameras`), whose names are those of
  pictures beside it, with or without their ending;
- that of nerfstudio and instant-ngp: ``transforms.json``, cameras with OpenGL axes;
- that of Lyra's published training data: ``rgb/<clip>.mp4``, ``pose/<clip>.npz``, ``intrinsics/<clip>.npz`` and, if the
  teacher's latents were kept, ``latent/<clip>.pkl``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import InvalidRequest, nearest, shown
from ..io.cameras import PREVIEWS_FILE, read_cameras
from ..io.images import read_depth, read_image
from ..types import Camera, Intrinsics
from .published_clips import clip_names, read_published_clip

__all__ = ["PosedImages", "read_posed_images"]

Floats = npt.NDArray[np.float32]

_TRANSFORMS = "transforms.json"
_CAMERAS = ("cameras.json", PREVIEWS_FILE)
#: Endings that a picture named without one may have.
_ENDINGS = (".png", ".jpg", ".jpeg", ".webp")
#: Kinds of lenses of nerfstudio that are pinholes if nothing is distorted.
_PINHOLES = ("PINHOLE", "SIMPLE_PINHOLE", "OPENCV", "PERSPECTIVE")
_DISTORTIONS = ("k1", "k2", "k3", "k4", "p1", "p2")
#: How far an aspect ratio may be from that of the lens, by rounding of scaled pictures.
_ASPECT = 0.01


@dataclass(frozen=True, eq=False)
class PosedImages:
    """T pictures of one size and their cameras.

    Attributes:
        name: of the folder or clip.
        frames: sRGB, uint8 (T, H, W, 3).
        cam_to_world: OpenCV axes, in the unit of whoever made them, float32 (T, 4, 4).
        lens: fx, fy, cx, cy of each picture [px], pixel centres at +0.5, float32 (T, 4).
        depth: z in the unit of the cameras, 0 where unknown, float32 (T, H, W); None if it was not given.
        latents: of the clip as the video model knows them, float32 (16, t, h, w), see
            :meth:`~lyra_backend.models.latent_space.LatentSpace.from_diffusion`; None if they were not kept.
    """

    name: str
    frames: npt.NDArray[np.uint8]
    cam_to_world: Floats
    lens: Floats
    depth: Floats | None = None
    latents: Floats | None = None


def read_posed_images(path: Path, clip: str | None = None, which: Sequence[int] | None = None) -> PosedImages:
    """Read pictures and cameras from a folder, or from its file of cameras.

    Args:
        path: a folder of a known layout, or the JSON file of the first two.
        clip: which clip of Lyra's layout; None takes the only one.
        which: numbers of the pictures to read, in the order of the file; None reads all.

    Raises:
        InvalidRequest: no such layout, a file is missing or damaged, a lens is no pinhole, a pose is not rigid, or
            pictures differ in size.
        MissingDependency: OpenCV is needed to read videos.
    """
    file = path if path.is_file() else _file_of(path)
    if file is None:
        return _published(path, clip, which)
    views = _from_transforms(file) if _has_frames(file) else _from_cameras(file)
    views = views if which is None else _chosen(file, views, which)
    return _read(file, views)


@dataclass(frozen=True)
class _View:
    """A picture to be read: its file, its camera for the size that the file of cameras says, and its depth."""

    picture: Path
    camera: Camera
    depth: Path | None = None


def _file_of(folder: Path) -> Path | None:
    """Return the file of cameras of a folder, None if it is one of clips."""
    if not folder.is_dir():
        raise InvalidRequest(f"{folder}: must be a folder of pictures with cameras, but there is none.")
    for name in (_TRANSFORMS, *_CAMERAS):
        if (folder / name).is_file():
            return folder / name
    if (folder / "pose").is_dir() and (folder / "rgb").is_dir():
        return None
    raise InvalidRequest(
        f"{folder}: must hold {', '.join((_TRANSFORMS, *_CAMERAS))}, or the folders rgb, pose and intrinsics of "
        "published clips, and holds none of these."
    )


def _has_frames(file: Path) -> bool:
    """Return whether a file of cameras is one of nerfstudio or instant-ngp."""
    return "frames" in _json(file)


def _json(file: Path) -> Mapping[str, Any]:
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidRequest(f"{file}: cannot be read as JSON ({error}).") from error
    if not isinstance(data, dict):
        raise InvalidRequest(f"{file}: must hold an object of cameras, got {type(data).__name__}.")
    return data


def _from_cameras(file: Path) -> list[_View]:
    return [_View(_picture(file, camera.name), camera) for camera in read_cameras(file)]


def _from_transforms(file: Path) -> list[_View]:
    data = _json(file)
    frames = data["frames"]
    if not isinstance(frames, list) or not frames or not all(isinstance(frame, dict) for frame in frames):
        raise InvalidRequest(f"{file}: frames must be a list of one object or more, got {shown(frames)}.")
    return [_from_frame(file, i, {**data, **frame}) for i, frame in enumerate(frames)]


def _from_frame(file: Path, i: int, data: Mapping[str, Any]) -> _View:
    """Return a view of an entry of ``frames``, which overrides what the file says of all."""
    subject = f"{file}: frame {i}"
    try:
        picture = _picture(file, str(data["file_path"]))
        pose = np.array(data["transform_matrix"], np.float64)
        if pose.shape == (3, 4):
            pose = np.vstack([pose, (0, 0, 0, 1)])
        if pose.shape != (4, 4):
            raise InvalidRequest(f"transform_matrix must be 4 x 4, got shape {pose.shape}.")
        # OpenGL cameras look along -z with y up
        pose = pose @ np.diag((1.0, -1.0, -1.0, 1.0))
        depth = data.get("depth_file_path")
        depth_file = None if depth is None else file.parent / str(depth)
        return _View(picture, Camera(_lens(picture, data), pose.astype(np.float32), picture.name), depth_file)
    except KeyError as error:
        raise InvalidRequest(f"{subject}: {error.args[0]} is missing.") from error
    except (TypeError, ValueError) as error:
        raise InvalidRequest(f"{subject}: {error}") from error


def _lens(picture: Path, data: Mapping[str, Any]) -> Intrinsics:
    """Return the lens of an entry: focal lengths, or the angle that NeRF's synthetic scenes have in their place."""
    _refuse_distortion(data)
    if "w" in data and "h" in data:
        width, height = int(data["w"]), int(data["h"])
    else:
        height, width = read_image(picture).shape[:2]
    if "fl_x" in data:
        fx = float(data["fl_x"])
    elif "camera_angle_x" in data:
        fx = 0.5 * width / math.tan(0.5 * float(data["camera_angle_x"]))
    else:
        raise InvalidRequest("needs fl_x [px] or camera_angle_x [rad].")
    fy = float(data.get("fl_y", fx))
    return Intrinsics(width, height, fx, fy, float(data.get("cx", width / 2)), float(data.get("cy", height / 2)))


def _refuse_distortion(data: Mapping[str, Any]) -> None:
    model = str(data.get("camera_model", "PINHOLE"))
    if model not in _PINHOLES or data.get("is_fisheye"):
        raise InvalidRequest(f"lenses must be pinholes, got {shown(model)}. Undistort the pictures first.")
    for name in _DISTORTIONS:
        if abs(float(data.get(name, 0.0))) > 1e-6:
            raise InvalidRequest(
                f"lenses must not distort, got {name} = {data[name]}. Undistort the pictures first, such as with "
                "COLMAP's image_undistorter."
            )


def _picture(file: Path, name: str) -> Path:
    """Return the file of a picture, named relative to the file of cameras."""
    whole = file.parent / name
    for path in (whole, *(whole.with_name(whole.name + ending) for ending in _ENDINGS)):
        if path.is_file():
            return path
    raise InvalidRequest(f"{file}: names the picture {shown(name)}, but there is no such file beside it.")


def _chosen(file: Path, views: list[_View], which: Sequence[int]) -> list[_View]:
    if not len(which) or not all(0 <= i < len(views) for i in which):
        raise InvalidRequest(f"{file}: has pictures 0 to {len(views) - 1}, and {shown(list(which))} are asked for.")
    return [views[i] for i in which]


def _read(file: Path, views: Sequence[_View]) -> PosedImages:
    if not views:
        raise InvalidRequest(f"{file}: names no pictures.")
    frames = [read_image(view.picture) for view in views]
    for view, frame in zip(views, frames, strict=True):
        if frame.shape != frames[0].shape:
            raise InvalidRequest(
                f"{view.picture}: pictures must be of one size, {frames[0].shape[1]} x {frames[0].shape[0]}, got "
                f"{frame.shape[1]} x {frame.shape[0]}. Scale them, or leave out those of other sizes."
            )
    lenses = [_scaled(view, frame.shape[1], frame.shape[0]) for view, frame in zip(views, frames, strict=True)]
    paths = [view.depth for view in views if view.depth is not None]
    return PosedImages(
        file.parent.name,
        np.stack(frames),
        np.stack([view.camera.cam_to_world for view in views]),
        np.array(lenses, np.float32),
        _depth(paths, frames[0].shape[:2]) if len(paths) == len(views) else None,
    )


def _scaled(view: _View, width: int, height: int) -> tuple[float, float, float, float]:
    """Return the lens for the size that the picture really has."""
    lens = view.camera.intrinsics
    x, y = width / lens.width, height / lens.height
    if abs(x / y - 1) > _ASPECT:
        raise InvalidRequest(
            f"{view.picture}: is {width} x {height} pixels, and its camera is for {lens.width} x {lens.height}. Give "
            "pictures that are scaled only, not cut."
        )
    return x * lens.fx, y * lens.fy, x * lens.cx, y * lens.cy


def _depth(paths: Sequence[Path], size: tuple[int, ...]) -> Floats:
    found = [read_depth(path) for path in paths]
    for path, depth in zip(paths, found, strict=True):
        if depth.shape != size:
            raise InvalidRequest(f"{path}: depth must have the size of its picture {size}, got {depth.shape}.")
    return np.stack(found)


def _published(folder: Path, clip: str | None, which: Sequence[int] | None) -> PosedImages:
    """Return a clip of Lyra's published layout."""
    names = clip_names(folder)
    if clip is None and len(names) != 1:
        raise InvalidRequest(f"{folder}: has {len(names)} clips, and one must be named; {nearest('', names[:20])}")
    chosen = names[0] if clip is None else clip
    if chosen not in names:
        raise InvalidRequest(f"{folder}: has no clip {shown(chosen)}; {nearest(chosen, names[:20])}")
    found = read_published_clip(folder, chosen)
    kept = list(range(len(found.frames)) if which is None else which)
    if not kept or not all(0 <= i < len(found.frames) for i in kept):
        raise InvalidRequest(f"{folder}: clip {chosen} has frames 0 to {len(found.frames) - 1}, got {shown(kept)}.")
    return PosedImages(chosen, found.frames[kept], found.cam_to_world[kept], found.lens[kept], None, found.latents)

"""Clips in the layout of Lyra's published training data (nv-tlabs/lyra), one folder for each of the six paths."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from ..errors import InvalidRequest
from ..io.video import read_clip
from ..types import Camera, Intrinsics

__all__ = ["PublishedClip", "clip_names", "read_published_clip"]

Floats = npt.NDArray[np.float32]


class PublishedClip(NamedTuple):
    """A clip.

    Attributes:
        frames: those of the video that have a camera, sRGB, uint8 (T, H, W, 3).
        cam_to_world: OpenCV axes, float32 (T, 4, 4).
        lens: fx, fy, cx, cy of each [px], float32 (T, 4).
        latents: as the video model knows them, float32 (16, t, h, w); None if they were not kept.
    """

    frames: npt.NDArray[np.uint8]
    cam_to_world: Floats
    lens: Floats
    latents: Floats | None


def clip_names(folder: Path) -> list[str]:
    """Return the names of all clips of a folder that have poses."""
    return sorted(path.stem for path in (folder / "pose").glob("*.npz"))


def read_published_clip(folder: Path, name: str) -> PublishedClip:
    """Read ``rgb/<name>.mp4``, ``pose/<name>.npz``, ``intrinsics/<name>.npz`` and, if any, ``latent/<name>.pkl``.

    Raises:
        InvalidRequest: one is missing or damaged, or they do not belong together.
        MissingDependency: OpenCV is not installed.
    """
    poses, frames_of_poses = _numbered(folder / "pose" / f"{name}.npz", (4, 4))
    lenses, frames_of_lenses = _numbered(folder / "intrinsics" / f"{name}.npz", (4,))
    if not np.array_equal(frames_of_poses, frames_of_lenses):
        raise InvalidRequest(f"{folder}: clip {name} has poses and lenses of different frames. Fetch it again.")
    frames = _video(folder / "rgb" / f"{name}.mp4", int(frames_of_poses[-1]) + 1)[frames_of_poses]
    height, width = frames.shape[1:3]
    try:
        for pose, (fx, fy, cx, cy) in zip(poses, lenses.tolist(), strict=True):
            Camera(Intrinsics(width, height, fx, fy, cx, cy), pose)
    except InvalidRequest as error:
        raise InvalidRequest(f"{folder}: clip {name}: {error}") from error
    latent = folder / "latent" / f"{name}.pkl"
    return PublishedClip(frames, poses, lenses, _latents(latent) if latent.is_file() else None)


def _numbered(path: Path, shape: tuple[int, ...]) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Return the arrays ``data`` (N, ...) and ``inds`` (N,), the rising numbers of frames, of a file."""
    try:
        with np.load(path, allow_pickle=False) as file:
            data, numbers = np.asarray(file["data"], np.float32), np.asarray(file["inds"], np.int64)
    except FileNotFoundError as error:
        raise InvalidRequest(f"{path}: is missing. Fetch the clip again.") from error
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise InvalidRequest(f"{path}: must hold the arrays data and inds, cannot be read ({error}).") from error
    if data.shape != (len(data), *shape) or numbers.shape != (len(data),) or not len(data):
        raise InvalidRequest(f"{path}: needs data (N, {shape}) and inds (N,), got {data.shape} and {numbers.shape}.")
    if numbers[0] < 0 or (np.diff(numbers) <= 0).any():
        raise InvalidRequest(f"{path}: inds must rise from 0 or more, got {numbers.tolist()[:8]}.")
    return data, numbers


def _video(path: Path, count: int) -> npt.NDArray[np.uint8]:
    """Return the first `count` frames of a video, none left out."""
    # the pace must be known to leave none out: one frame, however often, tells it
    rate = read_clip(path, 2, 1e9, 1).fps
    return read_clip(path, max(count, 2), rate, count).frames[:count]


def _latents(path: Path) -> Floats:
    """Return latents (16, t, h, w) from a file of torch with an array (1, 16, t, h, w), running nothing in it."""
    try:
        with torch.serialization.safe_globals(_ARRAY_MAKERS):
            found = np.asarray(torch.load(path, map_location="cpu", weights_only=True), np.float32)
    except Exception as error:  # torch's reader raises nearly anything on damaged files
        raise InvalidRequest(
            f"{path}: cannot be read as an array saved by torch ({type(error).__name__}). Fetch the clip again."
        ) from error
    if found.ndim != 5 or found.shape[0] != 1:
        raise InvalidRequest(f"{path}: latents must have shape (1, 16, t, h, w), got {found.shape}.")
    return found[0]


def _array_makers() -> list[Any]:
    """Return what a pickled NumPy array needs, under its names in NumPy 1 and 2; none of these can do harm."""
    make = np.zeros(0).__reduce__()[0]
    names = [f"numpy.{core}.multiarray._reconstruct" for core in ("core", "_core")]
    kinds = [np.dtypes.Float16DType, np.dtypes.Float32DType, np.dtypes.Float64DType]
    return [*((make, name) for name in names), np.ndarray, np.dtype, *kinds]


_ARRAY_MAKERS = _array_makers()

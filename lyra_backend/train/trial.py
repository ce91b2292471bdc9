"""A model at work on one scene, step by step as generators use it: what its teacher shows, what its student makes."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from ..errors import InvalidRequest
from ..kernels.splat_render import render_splats
from ..models.depth_cache import CacheFrames, DepthCache
from ..models.gen3c import Sampler
from ..models.lyra import Lyra
from ..models.prompts import no_text
from ..models.trajectories import camera_path
from ..progress import Progress
from ..types.rotations import SH_C0, normalise_quats, wxyz_to_xyzw
from .teaching import Teaching

__all__ = ["Drawn", "Trial", "decoded", "draw", "make_trial", "moved", "require_still", "warp"]

Floats = npt.NDArray[np.floating]
Pixels = npt.NDArray[np.uint8]
Lens = tuple[float, float, float, float]

#: Behind everything: what students are trained before.
_WHITE = (1.0, 1.0, 1.0)
#: Smallest standard deviation, of what is drawn as a point.
_SMALLEST = 1e-6


class Drawn(NamedTuple):
    """A picture of Gaussians: sRGB (H, W, 3), and expected z (H, W), NaN where nothing is."""

    rgb: Pixels
    z: Floats


@dataclass(frozen=True, eq=False)
class Trial:
    """What a model made of one picture with depth.

    Attributes:
        colors: the picture in [-1, 1] (H, W, 3).
        cache: the picture with depth, to be warped.
        lens: fx, fy, cx, cy [px].
        paths: cam_to_world (T, 4, 4) of each video, in the networks' unit, in the order of the decoder.
        latents: the tokenizer's, of each video (1, 16, t, h, w).
        gaussians: in the axes of the first camera and the networks' unit (M, 14).
        cpu_s, wall_s: time from the picture with depth to the Gaussians [s]; processor time is that of all threads.
    """

    colors: npt.NDArray[np.float32]
    cache: DepthCache
    lens: Lens
    paths: Mapping[str, Floats]
    latents: Sequence[torch.Tensor]
    gaussians: Floats
    cpu_s: float
    wall_s: float


def make_trial(model: Lyra, image: Pixels, z: Floats, lens: Lens, seed: int, progress: Progress) -> Trial:
    """Return what a model makes of a picture.

    Args:
        model: loaded, with its video model.
        image: sRGB (H, W, 3).
        z: depth in the networks' unit, 0 where unknown (H, W).
        lens: fx, fy, cx, cy [px].
        seed: of the paths' lengths and of the noise.
        progress: stops the work by raising.

    Raises:
        InvalidRequest: a network gives NaN or infinite numbers.
    """
    began = time.process_time(), time.perf_counter()
    video, matrix = model.video, _matrix(lens)
    colors = image.astype(np.float32) / np.float32(127.5) - np.float32(1)
    device, window = model.placement.warp_device, video.reliable_window
    cache = DepthCache(colors, z, matrix, device=device, window=window, relative_range=video.reliable_range)
    lengths = Teaching().distances(seed)
    paths = {kind: camera_path(kind, length, video.frames, video.centre_depth) for kind, length in lengths.items()}
    text, sampler = no_text(model.folders.text_width), Sampler(model.network, video.steps, video.guidance)
    shown = [warp(model, cache, lens, path) for path in paths.values()]
    together = len(shown) if model.at_once(len(shown)) else 1
    latents: list[torch.Tensor] = []
    for i in range(0, len(shown), together):
        part = progress.child(0.9 * i / len(shown), 0.9 * (i + together) / len(shown))
        latents += model.imagine(colors, shown[i : i + together], (text, text), sampler, seed, part).split(1)
    (gaussians,) = model.reconstruct(latents, list(paths.values()), lens, progress.child(0.9, 1.0))
    spent = time.process_time() - began[0], time.perf_counter() - began[1]
    return Trial(colors, cache, lens, paths, latents, gaussians, *spent)


def warp(model: Lyra, cache: DepthCache, lens: Lens, path: Floats) -> CacheFrames:
    """Return what the cache shows cameras (T, 4, 4) of the networks' unit, as the video model is shown it."""
    return cache.render(np.linalg.inv(path), _matrix(lens), model.video.foreground_masking)


def draw(gaussians: Floats, pose: Floats, lens: Lens, size: tuple[int, int], device: str | None) -> Drawn:
    """Return what a camera sees of Gaussians (M, 14) before white.

    Args:
        gaussians: position 3, opacity, scale 3, quaternion wxyz, rgb in [0, 1].
        pose: cam_to_world (4, 4), in their frame and unit.
        lens: fx, fy, cx, cy [px].
        size: width and height [px].
        device: Warp device; None takes the preferred one.
    """
    image = render_splats(
        gaussians[:, :3],
        np.maximum(gaussians[:, 4:7], _SMALLEST),
        wxyz_to_xyzw(_unit(gaussians[:, 7:11])),
        np.clip(gaussians[:, 3], 0, 1),
        ((gaussians[:, None, 11:14] - 0.5) / SH_C0).astype(np.float32),
        np.linalg.inv(np.asarray(pose, np.float64)),
        lens,
        size,
        _WHITE,
        device=device,
    )
    return Drawn((np.clip(image.rgb, 0, 1) * 255 + 0.5).astype(np.uint8), image.expected_depth_m)


def moved(poses: Floats, unit: float) -> Floats:
    """Return poses (T, 4, 4) whose translation is in another unit, `unit` of which make one of the former."""
    found = np.array(poses, np.float64)
    found[:, :3, 3] *= unit
    return found


def require_still(model: Lyra) -> None:
    """Look whether a model is one of still scenes.

    Raises:
        InvalidRequest: it is not.
    """
    if model.folders.moves:
        raise InvalidRequest(
            f"model {model.folders.decoder}: is a decoder of moving scenes, and only still ones can be evaluated, by "
            "pictures from elsewhere at the same time. Name a model for --generator lyra."
        )


def decoded(model: Lyra, latents: torch.Tensor) -> Pixels:
    """Return the pictures (T, H, W, 3) that latents (1, 16, t, h, w) stand for."""
    with model.placement.current():
        frames = model.space.decode(latents)[0].permute(1, 2, 3, 0)
    return np.asarray(((frames + 1) * 127.5).round().to(torch.uint8).numpy())


def _unit(quats: Floats) -> Floats:
    """Return unit quaternions (M, 4) wxyz; one without a length turns nothing."""
    still = np.linalg.norm(quats, axis=1, keepdims=True) < 1e-6
    return normalise_quats(np.where(still, np.array([[1.0, 0, 0, 0]], quats.dtype), quats))


def _matrix(lens: Lens) -> npt.NDArray[np.float32]:
    fx, fy, cx, cy = lens
    return np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]], np.float32)

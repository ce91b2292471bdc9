"""Where a scene starts: a picture of the model's size with depth and lens, in the unit that the networks know."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ...errors import InvalidRequest
from ...types import Finding, Intrinsics, Severity
from .depth import Depth, DepthEstimator, check_estimator, load_estimator
from .picture import DEFAULT_FOV, Fitted, fit_depth, fit_picture, lens_of

__all__ = ["Picture", "Start", "Wishes", "picture_findings", "picture_of", "start_of"]

#: Share of a picture that may be cropped without a warning.
_MUCH = 0.35
#: How well a network knows metres, and how well a file does [%].
_NETWORK_PERCENT, _FILE_PERCENT = 20.0, 3.0
#: What a network for depth takes beside its weights [bytes], by estimate.
_DEPTH_BESIDE = 2e9
#: A picture of whose pixels less than this share has depth or is sky leaves most of the scene to be invented.
_KNOWN = 0.5
#: Medians of depth outside are more likely of another unit [m].
_PLAUSIBLE_M = (0.1, 200.0)


@dataclass(frozen=True)
class Wishes:
    """What users say of pictures, see the generators' parameters of these names; and the network for depth.

    Attributes:
        intrinsics, fov, fit, scale, depth_estimator: as users say them.
        depth_network: folder or file of its weights.
        device: torch device that it works on.
        vram: memory of a GPU that may be taken [GB]; None is all that is free.
        usual_fov_deg: horizontal field of view of the model's pictures, for those that say nothing of theirs.
        centre_depth: what the median depth is in the networks' unit.
    """

    intrinsics: str | None
    fov: float | None
    fit: str
    scale: float | None
    depth_estimator: str
    depth_network: Path
    device: str
    vram: float | None = None
    usual_fov_deg: float | None = None
    centre_depth: float = 1.0

    def with_lens(self) -> Wishes:
        """What is wished of a picture that is made here: its lens is known, the model's where users say none."""
        if self.intrinsics is not None or self.fov is not None:
            return self
        return replace(self, fov=DEFAULT_FOV if self.usual_fov_deg is None else self.usual_fov_deg)

    def check_estimator(self) -> None:
        """Look for the network for depth, without loading it; see :func:`check_estimator`."""
        check_estimator(self.depth_estimator, self.depth_network)

    def estimator(self) -> DepthEstimator:
        """Return the network for depth, loaded, or still loaded from the scene before; see :func:`load_estimator`."""
        import torch

        from ...models.placement import room_bytes
        from ...models.warm import WARM

        slot, path = ("depth", self.device), self.depth_network
        files = [file for file in path.rglob("*") if file.is_file()] if path.is_dir() else [path]
        # what is in 16 bits on the disk may be in 32 when it works
        needed = 2.0 * sum(file.stat().st_size for file in files) + _DEPTH_BESIDE
        WARM.make_room(slot, needed, lambda: room_bytes(torch.device(self.device), self.vram))
        return WARM.take(
            slot,
            [path],
            self.depth_estimator,
            lambda: load_estimator(self.depth_estimator, path, self.device),
            lambda estimator: [estimator.network],
        )


class Picture(NamedTuple):
    """A picture at the model's size that can be started from.

    Attributes:
        fitted: it and its lens.
        lens_source: where the lens is known from.
        depth: from its file; None if a network has to estimate it.
    """

    fitted: Fitted
    lens_source: str
    depth: Depth | None

    @property
    def known_fov_deg(self) -> float | None:
        """Horizontal field of view, if anything says it."""
        lens = self.fitted.lens
        half = np.degrees(np.arctan(0.5 * lens.width / lens.fx))
        return None if self.lens_source == "assumed" else float(2 * half)


@dataclass(frozen=True, eq=False)
class Start:
    """A picture that the video model starts from.

    Attributes:
        image: sRGB (H, W, 3).
        lens: pixel centres at +0.5.
        z: depth in the networks' unit, 0 where unknown, shape (H, W).
        sky: where there is nothing, shape (H, W).
        unit: length of the networks' unit in that of the depth: the model knows what the median depth is in its own.
        scale_percent: how well the unit of the depth is known to be a metre; None if it is not.
        depth_source, lens_source: where both are known from.
        findings: what to tell the user.
    """

    image: npt.NDArray[np.uint8]
    lens: Intrinsics
    z: npt.NDArray[np.float32]
    sky: npt.NDArray[np.bool_]
    unit: float
    scale_percent: float | None
    depth_source: str
    lens_source: str
    findings: tuple[Finding, ...]

    @property
    def fxfycxcy(self) -> tuple[float, float, float, float]:
        return self.lens.fx, self.lens.fy, self.lens.cx, self.lens.cy

    @property
    def matrix(self) -> npt.NDArray[np.float64]:
        """The lens as a matrix (3, 3) [px]."""
        fx, fy, cx, cy = self.fxfycxcy
        return np.array([[fx, 0.0, cx], [0.0, fy, cy], [0.0, 0.0, 1.0]])

    @property
    def colors(self) -> npt.NDArray[np.float32]:
        """The picture in [-1, 1], shape (H, W, 3)."""
        return (self.image.astype(np.float32) / 127.5) - 1.0


def picture_of(
    image: npt.NDArray[np.uint8],
    size: tuple[int, int],
    wishes: Wishes,
    file: str | None = None,
    depth_file: str | None = None,
) -> Picture:
    """Return a picture (H, W, 3) at the model's size: all that can be said of it before any network is loaded.

    Args:
        image: the picture.
        size: width and height of the model's pictures [px].
        wishes: the generator's parameters.
        file: the picture's file, whose EXIF data may say the lens; None if it was drawn or is of a video.
        depth_file: depth of the picture.

    Raises:
        InvalidRequest: the picture is too small, its lens is not possible, or the depth is not of this picture.
    """
    lens, lens_source = lens_of(image, Path(file) if file else None, wishes.intrinsics, wishes.fov)
    fitted = fit_picture(image, lens, size, wishes.fit)
    if lens_source == "assumed" and wishes.usual_fov_deg is not None:
        # the lens of the pictures that the model knows, whatever was cropped of this one
        fitted = fitted._replace(lens=Intrinsics.from_fov(*size, wishes.usual_fov_deg))
    return Picture(fitted, lens_source, _from_file(depth_file, image, fitted) if depth_file else None)


def start_of(picture: Picture, depth: Depth, wishes: Wishes) -> Start:
    """Return where the scene of a picture starts whose depth is known."""
    fitted, lens_source = picture.fitted, picture.lens_source
    size = fitted.lens.width, fitted.lens.height
    if lens_source == "assumed" and depth.focal_px is not None:
        # the network saw the whole of what is left of the picture
        fitted = fitted._replace(lens=Intrinsics(*size, depth.focal_px, depth.focal_px, size[0] / 2, size[1] / 2))
        lens_source = depth.source
    depth = _scaled(depth, wishes)
    unit = float(np.median(depth.z[(depth.z > 0) & ~depth.sky])) / wishes.centre_depth
    percent = (_FILE_PERCENT if depth.source == "file" else _NETWORK_PERCENT) if depth.is_metric else None
    return Start(
        fitted.image,
        fitted.lens,
        (depth.z / unit).astype(np.float32),
        depth.sky,
        unit,
        percent,
        depth.source,
        lens_source,
        tuple(_findings(fitted, lens_source, depth, wishes)),
    )


def _from_file(path: str, image: npt.NDArray[np.uint8], fitted: Fitted) -> Depth:
    from ...io.images import read_depth

    z = read_depth(path)
    if z.shape != image.shape[:2]:
        raise InvalidRequest(
            f"depth and image must have one size, got {z.shape[1]} x {z.shape[0]} and {image.shape[1]} x "
            f"{image.shape[0]} pixels. Give the depth registered to the image, turned as the image's EXIF data says."
        )
    z = fit_depth(z, fitted)
    if not (z > 0).any():
        raise InvalidRequest(
            "depth: the part of the picture that the model takes has no depth. Try generate.fit=stretch."
        )
    return Depth(z, np.zeros(z.shape, bool), True, None, "file")


def picture_findings(picture: Picture, wishes: Wishes) -> tuple[Finding, ...]:
    """Return what is known to say of a picture before any network has seen it."""
    found = _cropped(picture.fitted)
    if picture.lens_source == "assumed" and wishes.depth_estimator != "moge":
        found.append(_lens_assumed(wishes))
    return (*found, *(() if picture.depth is None else _about_depth(_scaled(picture.depth, wishes))))


def _scaled(depth: Depth, wishes: Wishes) -> Depth:
    """Return depth in metres if users say what its unit is."""
    return depth if wishes.scale is None else depth._replace(z=depth.z * np.float32(wishes.scale), is_metric=True)


def _findings(fitted: Fitted, lens_source: str, depth: Depth, wishes: Wishes) -> list[Finding]:
    assumed = [_lens_assumed(wishes)] if lens_source == "assumed" else []
    return [*_cropped(fitted), *assumed, *_about_depth(depth)]


def _lens_assumed(wishes: Wishes) -> Finding:
    usual = wishes.usual_fov_deg
    taken = (
        f"{DEFAULT_FOV:g} deg across the longer side"
        if usual is None
        else f"the model's own {usual:.1f} deg across the picture"
    )
    text = (
        f"Nothing says the camera's field of view, {taken} are assumed; the scene is too deep or too flat by as much "
        "as that is wrong. Give --intrinsics or generate.fov."
    )
    return Finding("lyra.lens_assumed", Severity.WARNING, text, DEFAULT_FOV if usual is None else usual)


def _cropped(fitted: Fitted) -> list[Finding]:
    if fitted.cropped <= _MUCH:
        return []
    text = (
        f"The model's pictures have another shape: {fitted.cropped:.0%} of the image is cropped away. "
        "generate.fit=stretch keeps all of it, distorted."
    )
    return [Finding("lyra.cropped", Severity.WARNING, text, round(fitted.cropped, 3), _MUCH)]


def _about_depth(depth: Depth) -> list[Finding]:
    found = []
    if not depth.is_metric:
        text = f"{depth.source} gives depth without a scale: the size of the scene is not known. Give --scale."
        found.append(Finding("lyra.scale_unknown", Severity.WARNING, text))
    known = float(((depth.z > 0) | depth.sky).mean())
    if known < _KNOWN:
        text = (
            f"Only {known:.0%} of the picture have depth; the rest of what it shows is left to the video model, which "
            "will not keep it in place. Give a denser depth map, or none."
        )
        found.append(Finding("lyra.depth_holes", Severity.WARNING, text, round(known, 3), _KNOWN))
    median, (low, high) = float(np.median(depth.z[depth.z > 0])), _PLAUSIBLE_M
    if depth.source == "file" and not low < median < high:
        text = (
            f"Half of the depth is beyond {median:.4g} m, which no picture of a scene for robots is. Depth arrays are "
            "in metres and depth pictures in millimetres: divide by 1000, or give the file's unit with --scale."
        )
        found.append(Finding("lyra.depth_unit", Severity.WARNING, text, round(median, 4), high if median > 1 else low))
    return found

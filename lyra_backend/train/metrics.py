"""How far pictures and depth are from others: PSNR, SSIM, LPIPS, and relative errors of depth."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

__all__ = ["DepthErrors", "PictureErrors", "Tally", "depth_errors", "lpips", "picture_errors", "psnr", "ssim"]

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.floating]

#: Greatest PSNR [dB] that is told: of pictures whose mean square error is below that of an eighth of a grey level.
_BEST_DB = 66.0
#: What LPIPS compares features of, in torchvision's file of weights.
_LPIPS_WEIGHTS = "vgg16-397923af.pth"
#: Smallest side of a picture that five poolings leave something of [px].
_LPIPS_LEAST = 32


@dataclass(frozen=True)
class PictureErrors:
    """How like another a picture is.

    Attributes:
        psnr: [dB].
        ssim: 1 for the same picture; None where scikit-image is not installed.
        lpips: 0 for the same picture; None where the package or its weights are not there.
    """

    psnr: float
    ssim: float | None = None
    lpips: float | None = None


@dataclass(frozen=True)
class DepthErrors:
    """How far depth is off, as shares of the true depth.

    Attributes:
        median: of |found - true| / true over the pixels whose true depth is known.
        scaled_median: the same after depth was multiplied by what brings the median of true / found to 1.
        mean: the mean of the same shares as `median`, known as abs-rel.
    """

    median: float
    scaled_median: float
    mean: float


@dataclass(eq=False)
class Tally:
    """Errors of pictures and of depth that are told as one mean: each picture counts once."""

    pictures: list[PictureErrors] = field(default_factory=list)
    depths: list[DepthErrors] = field(default_factory=list)

    def add(self, picture: PictureErrors | None = None, depth: DepthErrors | None = None) -> None:
        """Count a picture, its depth, or both."""
        self.pictures += [] if picture is None else [picture]
        self.depths += [] if depth is None else [depth]

    def means(self) -> dict[str, float | None]:
        """Return the mean of each error by name, "depth_" before those of depth; None for what was never measured."""
        found = {f.name: _mean([getattr(e, f.name) for e in self.pictures]) for f in fields(PictureErrors)}
        depth = {f"depth_{f.name}": _mean([getattr(e, f.name) for e in self.depths]) for f in fields(DepthErrors)}
        return {"count": float(max(len(self.pictures), len(self.depths))), **found, **depth}

    @staticmethod
    def joined(parts: Iterable[Tally]) -> Tally:
        """Return the tally of all that others counted."""
        every = list(parts)
        return Tally([p for t in every for p in t.pictures], [d for t in every for d in t.depths])


def picture_errors(found: Pixels, wanted: Pixels, *, perceptual: bool = True) -> PictureErrors:
    """Return how like `wanted` a picture `found` is, both sRGB (H, W, 3); `perceptual` errors only if wished."""
    lpips_value = lpips(found, wanted) if perceptual else None
    return PictureErrors(psnr(found, wanted), ssim(found, wanted), lpips_value)


def psnr(found: Pixels, wanted: Pixels) -> float:
    """Return the peak signal-to-noise ratio [dB] of pictures of one shape, at most 66 dB.

    Raises:
        ValueError: shapes or types that do not belong together.
    """
    _check(found, wanted)
    error = float(np.square(found.astype(np.float64) - wanted).mean()) / 255.0**2
    return _BEST_DB if error == 0.0 else min(_BEST_DB, -10.0 * math.log10(error))


def ssim(found: Pixels, wanted: Pixels) -> float | None:
    """Return the structural similarity of pictures (H, W, 3) (Wang et al. 2004), the mean over the channels.

    Weights are Gaussian as in that paper, deviation 1.5 px. None where scikit-image is not installed.

    Raises:
        ValueError: shapes or types that do not belong together, or pictures of less than 11 pixels a side.
    """
    _check(found, wanted)
    if find_spec("skimage") is None:
        return None
    from skimage.metrics import structural_similarity

    settings: dict[str, Any] = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    return float(structural_similarity(found, wanted, channel_axis=-1, data_range=255, **settings))


def lpips(found: Pixels, wanted: Pixels) -> float | None:
    """Return the perceptual distance of pictures (H, W, 3) by features of VGG (Zhang et al. 2018).

    None where the package `lpips` is not installed, torchvision's weights of VGG-16 were never fetched (nothing is
    fetched here), or a side is below 32 px.
    """
    _check(found, wanted)
    network = _lpips_network()
    if network is None or min(found.shape[:2]) < _LPIPS_LEAST:
        return None
    pair = [torch.from_numpy(np.ascontiguousarray(p)).movedim(2, 0)[None].float() / 127.5 - 1 for p in (found, wanted)]
    with torch.no_grad():
        return float(network(*pair))


def depth_errors(found: Floats, wanted: Floats) -> DepthErrors | None:
    """Return how far depth (H, W) is off; None if no true depth is known.

    Args:
        found: what is not finite or not above 0 counts as an error of all of the depth: there is nothing where there
            should be something.
        wanted: the truth, in the same unit; pixels that are not finite or not above 0 are unknown and left out.

    Raises:
        ValueError: shapes that differ.
    """
    if found.shape != wanted.shape:
        raise ValueError(f"depth_errors: shapes must be the same, got {found.shape} and {wanted.shape}.")
    known = np.isfinite(wanted) & (wanted > 0)
    if not known.any():
        return None
    true, depth = wanted[known].astype(np.float64), found[known].astype(np.float64)
    seen = np.isfinite(depth) & (depth > 0)
    factor = float(np.median(true[seen] / depth[seen])) if seen.any() else 1.0
    plain, scaled = (np.where(seen, np.abs(k * np.where(seen, depth, 0) - true) / true, 1.0) for k in (1.0, factor))
    return DepthErrors(float(np.median(plain)), float(np.median(scaled)), float(plain.mean()))


def _check(found: Pixels, wanted: Pixels) -> None:
    if found.shape != wanted.shape or found.dtype != np.uint8 or wanted.dtype != np.uint8:
        kinds = [f"{p.dtype} {p.shape}" for p in (found, wanted)]
        raise ValueError(f"pictures must be uint8 of one shape to be compared, got {kinds[0]} and {kinds[1]}.")


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


@cache
def _lpips_network() -> Any | None:
    """Return the network of LPIPS; None if it cannot be had without fetching anything."""
    weights = Path(torch.hub.get_dir()) / "checkpoints" / _LPIPS_WEIGHTS
    if find_spec("lpips") is None or find_spec("torchvision") is None or not weights.is_file():
        return None
    from lpips import LPIPS

    return LPIPS(net="vgg", verbose=False).eval().requires_grad_(False)

"""What the student is told by the teacher: colours, depth, and that few Gaussians shall do (Lyra, arXiv 2509.19296)."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import torch
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from ..errors import InvalidRequest, MissingDependency
from .depth_loss import depth_loss

__all__ = ["centre_depths", "depth_loss", "opacity_loss", "perceptual_loss", "relative_depth_loss", "slope_loss"]

#: What LPIPS compares features of, in torchvision's file of weights; and the longest short side it is given [px].
_VGG, _SHORT_SIDE = "vgg16-397923af.pth", 704


def slope_loss(found: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """Return the mean difference of steps from pixel to pixel along rows and columns: pictures (N, H, W, 3)."""
    error = found - wanted
    return (error.diff(dim=1).abs().mean() + error.diff(dim=2).abs().mean()) / 2


def relative_depth_loss(found: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """Return the mean of |found - wanted| / wanted where `wanted` is above 0; 0 where it nowhere is. Any one shape."""
    known = wanted > 0
    error = (found - wanted).abs() / torch.where(known, wanted, 1)
    return torch.where(known, error, 0).sum() / known.sum().clamp(min=1)


def opacity_loss(opacities: torch.Tensor) -> torch.Tensor:
    """Return the mean of the sigmoid of opacities in [0, 1].

    As in the published program, which takes a sigmoid of what is one already; the paper has the mean itself.
    """
    return opacities.sigmoid().mean()


def centre_depths(depth: torch.Tensor, side: int = 8) -> torch.Tensor:
    """Return the depth (..., H / side, W / side) about the middle of each block of pixels, 0 where it is not known.

    A Gaussian's ray goes through that middle, the corner of four pixels; the mean of those that are known is taken.

    Args:
        depth: 0 where not known, shape (..., H, W).
        side: of a block [px].
    """
    blocks = depth.unflatten(-1, (-1, side)).unflatten(-3, (-1, side))
    middle = blocks[..., side // 2 - 1 : side // 2 + 1, :, side // 2 - 1 : side // 2 + 1]
    known = (middle > 0).sum(dim=(-3, -1))
    return middle.sum(dim=(-3, -1)) / known.clamp(min=1)


@cache
def perceptual_loss(device: str) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
    """Return LPIPS by features of VGG (Zhang et al. 2018), of pictures (N, H, W, 3) in [0, 1].

    Raises:
        MissingDependency: the package lpips is not installed.
        InvalidRequest: torchvision's weights of VGG-16 are not here; nothing is fetched in the middle of a training.
    """
    try:
        from lpips import LPIPS
    except ImportError as error:
        raise MissingDependency("lpips", "the perceptual loss of a recipe with lpips above 0") from error
    weights = Path(torch.hub.get_dir()) / "checkpoints" / _VGG
    if not weights.is_file():
        raise InvalidRequest(
            f"perceptual loss: {_VGG} is not among torch's checkpoints. Fetch it once with `python -c \"import lpips; "
            "lpips.LPIPS(net='vgg')\"`, or set lpips = 0 in the recipe."
        )
    network = LPIPS(net="vgg", verbose=False).eval().requires_grad_(False).to(device)

    def of_one(found: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
        pair = [_scaled(picture.movedim(2, 0)[None] * 2 - 1) for picture in (found, wanted)]
        value: torch.Tensor = network(*pair).mean()
        return value

    def loss(found: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
        # features of one large picture take a gigabyte: those of each are made again for its gradients
        every = [checkpoint(of_one, *pair, use_reentrant=False) for pair in zip(found, wanted, strict=True)]
        return torch.stack(every).mean()

    return loss


def _scaled(pictures: torch.Tensor) -> torch.Tensor:
    """Return pictures (N, 3, H, W) whose short side is not longer than what features were meant for."""
    share = _SHORT_SIDE / min(pictures.shape[-2:])
    if share >= 1:
        return pictures
    return F.interpolate(pictures, scale_factor=share, mode="bilinear", antialias=True)

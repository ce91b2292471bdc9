"""What the decoder's last channels mean: Gaussians on rays, and which of them are kept."""

from __future__ import annotations

import math

import torch
from torch.nn import functional as F

__all__ = ["activate", "keep_strongest", "kept_count", "prune_by_opacity"]

#: Channels of a Gaussian as the decoder gives it: position 3, opacity, scale 3, quaternion 4, colour 3.
_OPACITY = 3


def activate(
    raw: torch.Tensor,
    origins: torch.Tensor,
    directions: torch.Tensor,
    *,
    near: float,
    far: float,
    scale_cap: float,
    distance_shift: float,
    opacity_shift: float,
) -> torch.Tensor:
    """Return Gaussians (B, T H W, 14), float32: position 3, opacity, scale 3, quaternion wxyz, rgb.

    Each lies on its ray, between `near` and `far` of the origin (Lyra, arXiv 2509.19296). In float32 whatever the
    network's own precision: eight bits of a distance are steps of half a metre in a room.

    Args:
        raw: distance, rgb 3, scale 3, quaternion 4 and opacity before their activations, shape (B, 12, T, H, W).
        origins, directions: rays, directions of length 1, shape (B, T, 3, H, W).
        near, far: smallest and largest distance along a ray.
        scale_cap: largest standard deviation.
        distance_shift, opacity_shift: what is added before the sigmoid.
    """
    raw = raw.float().permute(0, 2, 3, 4, 1)
    origins, directions = (rays.float().permute(0, 1, 3, 4, 2) for rays in (origins, directions))
    distance, rgb, scale, quaternion, opacity = raw.split([1, 3, 3, 4, 1], dim=-1)
    weight = torch.sigmoid(distance + distance_shift)
    found = [
        origins + directions * (near * (1 - weight) + far * weight),
        torch.sigmoid(opacity + opacity_shift),
        torch.exp(scale - (1 - math.log(scale_cap))).clamp(max=scale_cap),
        F.normalize(quaternion, dim=-1),
        0.5 * torch.tanh(rgb) + 0.5,
    ]
    return torch.cat(found, dim=-1).flatten(1, 3)


def kept_count(total: int, ratio: float) -> int:
    """Return how many of `total` Gaussians are left without a share of `ratio`, rounded as the published code does."""
    return int(total * (1 - ratio))


def prune_by_opacity(gaussians: torch.Tensor, ratio: float) -> torch.Tensor:
    """Return the Gaussians (B, int(N (1 - ratio)), 14) of highest opacity, highest first.

    Args:
        gaussians: as the decoder gives them, shape (B, N, 14).
        ratio: share to leave out, in [0, 1).
    """
    return keep_strongest(gaussians, kept_count(gaussians.shape[1], ratio))


def keep_strongest(gaussians: torch.Tensor, count: int) -> torch.Tensor:
    """Return the `count` Gaussians of highest opacity, highest first; of equal ones those that come first."""
    order = gaussians[..., _OPACITY].sort(dim=1, descending=True, stable=True).indices[:, :count]
    return gaussians.gather(1, order[..., None].expand(-1, -1, gaussians.shape[2]))

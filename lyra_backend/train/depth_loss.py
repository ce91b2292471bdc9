"""How far rendered depth is from a teacher's whose scale and zero are its own."""

from __future__ import annotations

import torch
from torch.nn import functional as F

__all__ = ["depth_loss", "normalised_depth"]

#: Limits of the mean distance from the median that depth is divided by.
_SPREAD = (1e-3, 1e3)


def depth_loss(found: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """Return the scale- and shift-invariant depth loss that Lyra was trained with (arXiv 2509.19296), a scalar.

    Smooth L1 between both as :func:`normalised_depth` gives them, over all pixels, known or not.

    Args:
        found: rendered depth, shape (..., H, W).
        wanted: the teacher's, unknown where not finite or not above 0, shape (..., H, W).
    """
    known = torch.isfinite(wanted) & (wanted > 0)
    one, other = (normalised_depth(depth, known) for depth in (found, wanted))
    return F.smooth_l1_loss(one, other)


def normalised_depth(depth: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    """Return depth (..., H W) about its median and over its mean distance from it, 0 where not `known` (..., H, W).

    As published, the median is that of all pixels, with 0 for those that are not known.
    """
    flat, mask = torch.where(known, depth, 0).flatten(-2), known.flatten(-2)
    centred = flat - flat.median(dim=-1, keepdim=True).values
    spread = (centred.abs() * mask).sum(dim=-1, keepdim=True) / mask.sum(dim=-1, keepdim=True).clamp(min=1)
    return centred * mask / spread.clamp(*_SPREAD)

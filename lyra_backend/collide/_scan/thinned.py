"""A part of a large cloud that stands in for all of it where a picture is all that is wanted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...types import GaussianCloud

__all__ = ["thinned"]


def thinned(cloud: GaussianCloud, most: int) -> GaussianCloud:
    """Return every k-th Gaussian, so that at most `most` are left, grown to cover what the others did; colours flat."""
    stride = -(-cloud.count // most)
    few = cloud.select(np.arange(0, cloud.count, stride)) if stride > 1 else cloud
    return replace(few, scales=few.scales * np.float32(np.sqrt(stride)), sh=few.sh[:, :1])

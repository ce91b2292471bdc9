"""A scene that moves: Gaussians at several times."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from ..errors import InvalidRequest
from .frames import Frame, Similarity
from .gaussians import GaussianCloud

__all__ = ["LATEST_S", "GaussianSequence"]

#: The latest time [s], 300 years: up to here a 64-bit number tells thousandths of a second apart, as frames of a stage.
LATEST_S = 1e10


@dataclass(frozen=True, eq=False)
class GaussianSequence:
    """Clouds at ascending times.

    Attributes:
        clouds: what moves at each time; at least one, all in one frame and of one SH degree.
        times_s: when each is so [s].
        stable_identity: Gaussian i is the same thing in every cloud, so that it can be moved from one to the next.
        background: what is the same at all times, and in none of `clouds`; None if nothing was told apart. `refine`
            tells it, as all that follows.
        lasting: surfaces that are there at all times but look different or are hidden at some, as a floor is that
            something goes over; at each time they are part of `clouds`, for what they look like then. None without any.
        solid: of each cloud, which Gaussians are of what moves and not of such surfaces, shapes (N,); None for all.

    Raises:
        InvalidRequest: there is no cloud, or times do not fit, are not finite, lie beyond `LATEST_S` or do not ascend,
            or clouds do not go together.
    """

    clouds: tuple[GaussianCloud, ...]
    times_s: tuple[float, ...]
    stable_identity: bool = False
    background: GaussianCloud | None = None
    lasting: GaussianCloud | None = None
    solid: tuple[npt.NDArray[np.bool_], ...] | None = None

    def __post_init__(self) -> None:
        if not self.clouds or len(self.clouds) != len(self.times_s):
            raise InvalidRequest(
                f"GaussianSequence: needs as many times as clouds and one at least, got {len(self.times_s)} and "
                f"{len(self.clouds)}."
            )
        usable = all(abs(time) <= LATEST_S for time in self.times_s)
        if not usable or any(later <= earlier for earlier, later in pairwise(self.times_s)):
            raise InvalidRequest(
                f"GaussianSequence.times_s must be finite, within +-{LATEST_S:.0e} s, and ascend, got "
                f"{list(self.times_s)}."
            )
        every = (*self.clouds, *(cloud for cloud in (self.background, self.lasting) if cloud is not None))
        if len({cloud.frame for cloud in every}) > 1:
            raise InvalidRequest("GaussianSequence: all clouds must be in one frame.")
        if len(degrees := {cloud.sh_degree for cloud in every}) > 1:
            raise InvalidRequest(f"GaussianSequence: all clouds must be of one SH degree, got {sorted(degrees)}.")
        if self.solid is not None and [len(mask) for mask in self.solid] != [cloud.count for cloud in self.clouds]:
            raise InvalidRequest("GaussianSequence.solid must have an entry for each Gaussian of each cloud.")
        if self.stable_identity and len({cloud.count for cloud in self.clouds}) > 1:
            raise InvalidRequest("GaussianSequence: with stable identity all clouds have as many Gaussians.")

    def at(self, index: int) -> GaussianCloud:
        """Return everything that is there at time number `index`, the background first.

        Raises:
            InvalidRequest: the background has other classes than the cloud.
        """
        if self.background is None:
            return self.clouds[index]
        return GaussianCloud.concatenate([self.background, self.clouds[index]])

    def movers(self) -> tuple[GaussianCloud, ...]:
        """Return what moves at each time, without surfaces that last."""
        if self.solid is None:
            return self.clouds
        return tuple(cloud.select(mask) for cloud, mask in zip(self.clouds, self.solid, strict=True))

    def mirrored(self, axis: int) -> GaussianSequence:
        """Return the mirror image at all times, coordinate `axis` (0, 1 or 2) negated."""
        background, lasting = (
            None if cloud is None else cloud.mirrored(axis) for cloud in (self.background, self.lasting)
        )
        clouds = tuple(cloud.mirrored(axis) for cloud in self.clouds)
        return replace(self, clouds=clouds, background=background, lasting=lasting)

    def transformed(self, similarity: Similarity, frame: Frame) -> GaussianSequence:
        """Return the sequence moved into `frame`."""
        background, lasting = (
            None if cloud is None else cloud.transformed(similarity, frame) for cloud in (self.background, self.lasting)
        )
        clouds = tuple(cloud.transformed(similarity, frame) for cloud in self.clouds)
        return replace(self, clouds=clouds, background=background, lasting=lasting)

"""Where a surface ends in free space, and Gaussians that end with it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from .patches import Faces, unit_normals
from .spread import Samples

__all__ = ["Outline"]

Floats = npt.NDArray[np.floating]
Integers = npt.NDArray[np.integer]

#: A triangle's Gaussian is asked this many standard deviations out whether the surface goes on there.
REACH = 1.1
#: Where it does not go on on one side, the Gaussian keeps this share of its width and retreats by `RETREAT` of it.
ONE_SIDE = 0.72
RETREAT = 0.30
#: Where it goes on on neither side, this share of the width is left.
BOTH_SIDES = 0.5
#: The surface is looked for this far above and below [m], or over this share of the way out where it may bend.
DEPTH = 0.002
BEND = 0.55


@dataclass(frozen=True, eq=False)
class Outline:
    """The whole surface as a mesh to ask: `vertices` (V, 3) [m] and `triangles` (F, 3)."""

    vertices: Floats
    triangles: Integers

    @staticmethod
    def of(quads: Faces, triangles: Faces) -> Outline:
        """Take quads and triangles together."""
        corners = np.concatenate([quads.corners[:, [0, 1, 3]], quads.corners[:, [2, 3, 1]], triangles.corners])
        return Outline(corners.reshape(-1, 3), np.arange(3 * len(corners)).reshape(-1, 3))

    def edges(self, quads: Faces) -> Integers:
        """Return what happens at the sides of the quads (Q, 4), from corner i to corner i + 1.

        0: the surface goes on; 1: another one rises from it; 2: it ends in free space, at least in part.
        """
        corners = quads.corners
        normal = unit_normals(corners)[:, None]
        along = np.roll(corners, -1, axis=1) - corners
        outward = np.cross(along, normal)
        outward /= np.maximum(np.linalg.norm(outward, axis=2, keepdims=True), 1e-12)
        kinds = np.zeros(corners.shape[:2], np.int64)
        for share in (0.25, 0.75):
            edge = corners + share * along
            ahead, above, over = edge + 0.002 * outward, 0.0015 * normal, edge + 0.003 * normal
            ends = self._free(ahead + above, ahead - above)
            open_above = self._free(over - 0.002 * outward, over + 0.03 * outward)
            kinds = np.maximum(kinds, ends * (1 + open_above))
        return kinds

    def trimmed(self, samples: Samples, positions: Floats) -> tuple[Samples, Floats]:
        """Return a triangle mesh's samples and `positions` (N, 3) [m], drawn back from where the surface ends."""
        sides = np.stack([samples.tangents, np.cross(samples.normals, samples.tangents)], axis=1)
        out = REACH * samples.sigmas[..., None] * sides
        depth = np.maximum(DEPTH, BEND * REACH * samples.sigmas)[..., None] * samples.normals[:, None]
        ends = []
        for way in (1.0, -1.0):
            tips = positions[:, None] + way * out
            ends.append(self._free(tips + depth, tips - depth).astype(bool))
        ahead, behind = ends
        share = np.where(ahead & behind, BOTH_SIDES, np.where(ahead | behind, ONE_SIDE, 1.0))
        retreat = RETREAT * (behind.astype(float) - ahead) * samples.sigmas
        return (
            replace(samples, sigmas=samples.sigmas * share),
            positions + np.einsum("na,nak->nk", retreat, sides),
        )

    def _free(self, starts: Floats, ends: Floats) -> Integers:
        """Return 1 where nothing lies between points (..., 3), else 0."""
        from ...kernels.occlusion import unblocked

        free = unblocked(self.vertices, self.triangles, starts.reshape(-1, 3), ends.reshape(-1, 3))
        return free.reshape(starts.shape[:-1]).astype(np.int64)

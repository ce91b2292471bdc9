"""Convex pieces beside another collider, for engines that take every mesh for its convex hull.

Does: run the method "convex" on the same Gaussians and add its pieces as one more way to stand for the same world.
Does not: touch what is there, or cut what can be moved: that is convex already and stays as it is.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ..progress import Progress
from ..types import Camera, CollisionPart, CollisionProxy, GaussianCloud, Outcome, Role

__all__ = ["add_pieces"]

#: Findings of the pieces that are told beside those of the collider; the others speak of the same Gaussians again.
_TOLD = ("collide.convex_error", "collide.pieces", "collide.rolling_ground")
#: A piece that sticks out of a movable body by less than this is that body [m].
_SAME_M = 0.05


def add_pieces(
    proxy: CollisionProxy, cloud: GaussianCloud, cameras: tuple[Camera, ...], progress: Progress
) -> Outcome[CollisionProxy]:
    """Return `proxy` with convex pieces, unless it has some, is a height field or is empty.

    Raises:
        InvalidRequest: the cloud is not in frame WORLD.
        Cancelled: the job was stopped.
    """
    if not proxy.parts or proxy.method == "heightfield" or proxy.with_role(Role.PIECE):
        return Outcome(proxy)
    from . import convex

    made = convex.run(cloud, cameras, convex.Params(), progress)
    boxes = [_box(p) for p in proxy.parts if p.dynamic]
    pieces = tuple(p for p in made.value.with_role(Role.PIECE) if not any(_inside(_box(p), box) for box in boxes))
    counts = {"pieces": len(pieces), "piece_triangles": sum(len(p.triangles) for p in pieces)}
    findings = tuple(f for f in made.findings if f.code in _TOLD)
    return Outcome(replace(proxy, parts=(*proxy.parts, *pieces)), counts, findings)


def _box(part: CollisionPart) -> npt.NDArray[np.float32]:
    """Lowest and highest corner of the box around a part [m], shape (2, 3)."""
    return np.stack([part.vertices.min(axis=0), part.vertices.max(axis=0)])


def _inside(box: npt.NDArray[np.float32], around: npt.NDArray[np.float32]) -> bool:
    return bool((box[0] > around[0] - _SAME_M).all() and (box[1] < around[1] + _SAME_M).all())

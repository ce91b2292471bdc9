"""No colliders: the scene is for looking at only."""

from __future__ import annotations

from dataclasses import dataclass

from ..progress import Progress
from ..types import Camera, CollisionProxy, Finding, GaussianCloud, Outcome, Severity

__all__ = ["Params", "run"]

#: Nothing is made to stand on: what needs that is refused.
MAKES_NONE = True


@dataclass(frozen=True)
class Params:
    """Nothing to choose."""


def run(
    cloud: GaussianCloud, cameras: tuple[Camera, ...], params: Params, progress: Progress
) -> Outcome[CollisionProxy]:
    """Return an empty proxy and say so."""
    progress(1.0, "no colliders wanted")
    text = "The scene has no colliders: robots would fall through everything."
    return Outcome(CollisionProxy((), "none", {}), {"triangles": 0}, (Finding("collide.none", Severity.INFO, text),))

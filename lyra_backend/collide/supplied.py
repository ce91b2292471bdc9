"""Triangles that came with the scene, as they are: --collider-glb FILE.glb."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import InvalidRequest
from ..params import param
from ..progress import Progress
from ..types import Camera, CollisionPart, CollisionProxy, Finding, GaussianCloud, Outcome, Severity, TriangleMesh
from . import _findings as say
from ._error.judged import unmeasured
from ._error.measure import Measurement, measure_collider
from ._scan.scan import ScanParams, scan
from ._supplied.sight import fronts_seen

__all__ = ["TAKES_SUPPLIED", "Params", "run"]

#: The pipeline hands over what came with the scene.
TAKES_SUPPLIED = True
_FRONTS = 0.5


@dataclass(frozen=True)
class Params(ScanParams):
    flip: bool = param(False, "Turn every triangle over: engines collide with front sides only.")
    max_triangles: int = param(200_000, "More triangles than this are a warning.", min=1)
    max_error_p95: float = param(
        0.03, "95 % of the surface must be nearer to the collider than this.", unit="m", min=0.0
    )


def run(
    cloud: GaussianCloud,
    cameras: tuple[Camera, ...],
    params: Params,
    progress: Progress,
    supplied: TriangleMesh | None = None,
) -> Outcome[CollisionProxy]:
    """Make one collider "environment" of the supplied triangles, and measure it against the Gaussians.

    Its sides are checked as well: from the cameras, or else from places at robot height over its plan.

    Args:
        cloud: the scene, frame WORLD.
        cameras: views that are known to be free; may be empty.
        params: what counts as surface of the Gaussians.
        progress: told how far it is.
        supplied: the triangles, frame WORLD.

    Raises:
        InvalidRequest: nothing was supplied, or the cloud is not in frame WORLD.
        Cancelled: the job was stopped.
    """
    if supplied is None:
        raise InvalidRequest(
            "collider 'supplied' takes triangles that came with the scene, got none. Use generate with --collider-glb."
        )
    triangles = supplied.triangles[:, ::-1] if params.flip else supplied.triangles
    part = CollisionPart("environment", supplied.vertices, np.ascontiguousarray(triangles))
    measured = _measure(cloud, cameras, params, part, progress.child(0.0, 0.95))
    progress(0.95, "looking at its sides")
    findings = (*measured.findings, *_winding(part, cameras), *say.size(len(triangles), params.max_triangles))
    counts: dict[str, int | float] = {"gaussians": cloud.count, **measured.counts, "triangles": len(triangles)}
    progress(1.0, "done")
    return Outcome(CollisionProxy((part,), "supplied", measured.error_m, measured.counts), counts, findings)


def _measure(
    cloud: GaussianCloud, cameras: tuple[Camera, ...], params: Params, part: CollisionPart, progress: Progress
) -> Measurement:
    """Measure the collider; a scene in which no free space is found leaves it unmeasured."""
    found, _ = scan(cloud, cameras, params, progress)
    if found is None:
        return Measurement({}, {}, {}, (unmeasured(0),))
    return measure_collider(found.chosen, found.free, found.grid, part.vertices, part.triangles, params.max_error_p95)


def _winding(part: CollisionPart, cameras: tuple[Camera, ...]) -> list[Finding]:
    """Return a warning if most of what is seen of a collider are backs."""
    from ..kernels.mesh_distance import MeshTree

    eyes = np.array([c.position for c in cameras], np.float64).reshape(-1, 3) if cameras else None
    shares = fronts_seen(MeshTree(part.vertices, part.triangles), eyes)
    share = float(np.median(shares[np.isfinite(shares)])) if np.isfinite(shares).any() else 1.0
    if share >= _FRONTS:
        return []
    text = (
        f"Only {share:.0%} of what is seen of the supplied collider are front sides, and engines collide with those "
        "only: bodies would go through it. Set collide.flip=true."
    )
    return [Finding("collide.supplied_winding", Severity.WARNING, text, round(share, 4), _FRONTS)]

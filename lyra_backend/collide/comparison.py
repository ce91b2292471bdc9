"""Our collider held against one that came with the scene, in the same frame; neither is taken for the truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ..types import Camera, CollisionProxy, Finding, Outcome, Severity, TriangleMesh
from ._objects.fit import samples_on
from ._supplied.sight import eyes_in, seen_from

if TYPE_CHECKING:
    from ..kernels.mesh_distance import MeshTree

__all__ = ["compare"]

Floats = npt.NDArray[np.floating]

_SAMPLES = 40_000
_FEWEST = 200  # samples that are seen: fewer say nothing
_FAR_M = 0.10
#: Limits beyond which a person should look: shares, and heights of floors [m].
_FAR_SHARE, _FLOOR_M = 0.25, 0.05
_LEVEL = 0.98  # cosine to the vertical of what can be floor
_FLOOR_BAND_M = 0.15
_ABOVE_M, _BELOW_M = 0.4, 0.6  # where the other floor is looked for


@dataclass(frozen=True)
class _OneWay:
    """Distances from samples of one surface to the other, > 0 where the supplied one stands before ours [m]."""

    signed: Floats

    @property
    def median(self) -> float:
        return float(np.median(self.signed))

    @property
    def p95(self) -> float:
        return float(np.quantile(np.abs(self.signed), 0.95))

    @property
    def far(self) -> float:
        """Share of the samples with nothing of the other surface within 10 cm."""
        return float((np.abs(self.signed) > _FAR_M).mean())


def compare(proxy: CollisionProxy, supplied: TriangleMesh, cameras: tuple[Camera, ...]) -> Outcome[None]:
    """Measure what is seen of both colliders from free space against each other.

    What is hidden from there (linings of solids, the floor under furniture) is a matter of taste and left out.

    Args:
        proxy: ours, wound towards free space, frame WORLD.
        supplied: the other one, wound in any way, frame WORLD.
        cameras: views that are known to be free; may be empty.

    Returns:
        Counts that begin with ``supplied_`` and findings ``collide.supplied_*``: signed medians and 95 % of the
        distances of both ways, the shares of either without the other within 10 cm, and how much higher the supplied
        floor lies.
    """
    from ..kernels.mesh_distance import MeshTree

    ours, theirs = MeshTree(*proxy.welded()), MeshTree(supplied.vertices, supplied.triangles)
    eyes = eyes_in(ours, cameras)
    mine, other = _seen_samples(ours, eyes), _seen_samples(theirs, eyes)
    fewest = min(len(mine[0]), len(other[0]))
    if fewest < _FEWEST:
        return Outcome(None, {}, (_uncompared(fewest),))
    forth, back = _from_ours(*mine, theirs), _from_theirs(other[0], ours)
    floor = _floor_difference(*mine, theirs)
    counts: dict[str, int | float] = {
        "supplied_triangles": len(supplied.triangles),
        "supplied_median_m": round(forth.median, 5),
        "supplied_p95_m": round(forth.p95, 5),
        "supplied_back_median_m": round(back.median, 5),
        "supplied_back_p95_m": round(back.p95, 5),
        "supplied_far_share": round(forth.far, 5),
        "supplied_missing_share": round(back.far, 5),
        **({} if floor is None else {"supplied_floor_m": round(floor, 5)}),
    }
    return Outcome(None, counts, tuple(_findings(forth, back, floor)))


def _seen_samples(mesh: MeshTree, eyes: Floats) -> tuple[Floats, Floats]:
    """Return points (N, 3) spread evenly over what is seen of a mesh, and the normals of its triangles there."""
    points, normals = samples_on(mesh.vertices, mesh.triangles, _SAMPLES)
    seen = seen_from(eyes, points, mesh)
    return points[seen], normals[seen]


def _from_ours(points: Floats, normals: Floats, theirs: MeshTree) -> _OneWay:
    found = theirs.closest(points)
    before = ((found.point - points) * normals).sum(axis=1)
    return _OneWay(np.where(before < 0, -1.0, 1.0) * found.distance)


def _from_theirs(points: Floats, ours: MeshTree) -> _OneWay:
    found = ours.closest(points)
    before = ((points - found.point) * ours.normals(found.triangle)).sum(axis=1)
    return _OneWay(np.where(before < 0, -1.0, 1.0) * found.distance)


def _floor_difference(points: Floats, normals: Floats, theirs: MeshTree) -> float | None:
    """Return the median height of the supplied floor over ours [m]; None where either is hardly to be found."""
    floor = points[(normals[:, 2] > _LEVEL) & (np.abs(points[:, 2]) < _FLOOR_BAND_M)]
    starts = floor + (0.0, 0.0, _ABOVE_M)
    hits = theirs.rays(starts, np.tile((0.0, 0.0, -1.0), (len(starts), 1)), _ABOVE_M + _BELOW_M)
    met = hits.triangle >= 0
    return float(np.median(_ABOVE_M - hits.distance[met])) if met.sum() >= _FEWEST else None


def _uncompared(fewest: int) -> Finding:
    text = (
        f"The supplied collider was not compared with ours: only {fewest} of {_SAMPLES} places on one of them are seen "
        "from free space. Is it this scene's, and are its axes and scale right (generate.collider_up, "
        "generate.collider_scale)?"
    )
    return Finding("collide.supplied_uncompared", Severity.WARNING, text, float(fewest), float(_FEWEST))


def _findings(forth: _OneWay, back: _OneWay, floor: float | None) -> list[Finding]:
    text = (
        f"The supplied collider stands {_mm(forth.median)} before ours, as a median over ours, and {_mm(back.median)} "
        f"over it (+ is towards free space); 95 % are within {_mm(forth.p95, '')} and {_mm(back.p95, '')}. Neither is "
        "known to be right."
    )
    found = [
        Finding("collide.supplied_distance", Severity.INFO, text, round(forth.p95, 5)),
        _share("collide.supplied_far", forth.far, "of our collider has nothing of the supplied one within 10 cm."),
        _share("collide.supplied_missing", back.far, "of the supplied collider has nothing of ours within 10 cm."),
    ]
    if floor is not None:
        severity = Severity.WARNING if abs(floor) > _FLOOR_M else Severity.INFO
        text = f"The supplied collider's floor lies {_mm(floor)} over ours."
        found.append(Finding("collide.supplied_floor", severity, text, round(floor, 5), _FLOOR_M))
    return found


def _share(code: str, share: float, text: str) -> Finding:
    text = f"{share:.1%} {text}"
    if share <= _FAR_SHARE:
        return Finding(code, Severity.INFO, text, round(share, 5), _FAR_SHARE)
    text += " Check its axes and units (generate.collider_up, generate.collider_scale): it may lie in another frame."
    return Finding(code, Severity.WARNING, text, round(share, 5), _FAR_SHARE)


def _mm(length: float, sign: str = "+") -> str:
    """Return a length [m] to a tenth of a millimetre; zero has no minus."""
    return f"{round(1000 * length, 1) + 0.0:{sign}.1f} mm"

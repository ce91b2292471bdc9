"""Ground as an even grid of heights, for terrain: one height for each place, no overhangs, no ceilings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..params import param
from ..progress import Progress
from ..types import Camera, CollisionPart, CollisionProxy, Finding, GaussianCloud, Outcome, Severity
from . import _findings as say
from ._error.measure import measure_collider
from ._error.on_purpose import OnPurpose
from ._mesh.ground import Floor, find_floor, kerb
from ._mesh.heights import grid_mesh, ground_heights
from ._scan.scan import Scan, ScanParams, scan

__all__ = ["Params", "run"]

_OVERHANG_M = 0.25  # surface that looks up this much above the ground of its column is on an overhang


@dataclass(frozen=True)
class Params(ScanParams):
    kerb_height: float = param(
        0.8, "Wall along the rim that keeps bodies from rolling off; 0 = none.", unit="m", min=0.0, max=10.0
    )
    max_error_p95: float = param(
        0.03, "95 % of the surface must be nearer to the collider than this.", unit="m", min=0.0
    )
    max_overhang_m2: float = param(0.5, "More surface above the ground than this is a warning.", unit="m2", min=0.0)


def run(
    cloud: GaussianCloud, cameras: tuple[Camera, ...], params: Params, progress: Progress
) -> Outcome[CollisionProxy]:
    """Make one collider "environment" out of the lowest ground that can be reached, with two triangles per voxel.

    Raises:
        InvalidRequest: the cloud is not in frame WORLD.
        Cancelled: the job was stopped.
    """
    found, findings = scan(cloud, cameras, params, progress.child(0.0, 0.7))
    if found is None:
        return Outcome(CollisionProxy((), "heightfield", {}), {"triangles": 0}, tuple(findings))
    progress(0.7, "building the grid of heights")
    floor = find_floor(found.faces, found.free, found.grid)
    vertices, triangles = grid_mesh(ground_heights(floor), found.grid)
    shown = len(triangles)
    (vertices, triangles), rim = kerb(vertices, triangles, floor, found.grid, params.kerb_height)
    on_purpose = OnPurpose(vertices, triangles[shown:], found.cloud.positions, found.chosen.positions)
    progress(0.9, "measuring")
    measured = measure_collider(
        found.chosen, found.free, found.grid, vertices, triangles, params.max_error_p95, on_purpose
    )
    findings += measured.findings
    overhang = _overhang_m2(found, floor)
    findings.append(_left_out(overhang, params.max_overhang_m2))
    if rim:
        findings.append(say.kerb_built(rim, params.kerb_height))
    counts: dict[str, int | float] = {
        "triangles": len(triangles),
        "voxel_size_m": found.grid.voxel_size,
        "kerb_m": round(rim, 2),
        "overhang_m2": round(overhang, 3),
        **measured.counts,
    }
    progress(1.0, "done")
    part = CollisionPart("environment", vertices, triangles, "ground")
    proxy = CollisionProxy((part,), "heightfield", measured.error_m, measured.counts)
    return Outcome(proxy, counts, tuple(findings))


def _overhang_m2(found: Scan, floor: Floor) -> float:
    """Plan area [m2] of surface above the ground that a height field cannot hold."""
    up = found.faces.looks_up
    x, y = found.faces.point[up, 0], found.faces.point[up, 1]
    z = found.faces.crossing[up, 2] * found.grid.voxel_size + found.grid.origin[2]
    above = floor.plan[x, y] & (z > floor.lowest[x, y] + _OVERHANG_M)
    columns = np.unique(np.stack([x[above], y[above]], axis=1), axis=0)
    return float(len(columns) * found.grid.voxel_size**2)


def _left_out(overhang: float, limit: float) -> Finding:
    text = (
        f"{overhang:.1f} m2 of surface lie above other ground (overhangs, tables, upper floors) and are no part of the "
        "height field; walls and ceilings never are. --collider surface keeps them."
    )
    severity = Severity.WARNING if overhang > limit else Severity.INFO
    return Finding("collide.overhangs", severity, text, round(overhang, 3), limit)

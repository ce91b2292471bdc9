"""Watertight triangle surface where the Gaussians are, wound towards reachable free space."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass

import numpy as np

from ..errors import InvalidRequest
from ..params import param
from ..progress import Progress
from ..types import Camera, CollisionPart, CollisionProxy, Finding, Frame, GaussianCloud, Outcome, Severity
from ._contour import contour, find_faces
from ._free_space import FreeSpace, find_free_space
from ._ground import Surface, bottoms, find_floor, joined, kerb, with_solid_interiors
from ._lattice import Grid, fit_grid, trusted
from ._measure import measure
from ._sheets import Sheets, find_sheets
from ._triangles import compact, split_quads

__all__ = ["Params", "run"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Params:
    voxel_size: float = param(
        0.05, "Spacing of the lattice: gaps wider than this stay open.", unit="m", min=0.005, max=1.0
    )
    min_opacity: float = param(0.05, "Gaussians fainter than this are not surface.", min=0.0, max=1.0)
    max_scale: float = param(2.0, "Gaussians larger than this are sky or haze.", unit="m", min=0.01)
    density: float = param(0.3, "Layers of opaque Gaussians that make a surface.", min=0.01, max=10.0)
    relative_density: float = param(
        0.2,
        "Share of the layers around it that a place must have; a surface ends where they fall below.",
        min=0.0,
        max=1.0,
    )
    min_area: float = param(0.05, "Pieces of surface smaller than this are floaters.", unit="m2", min=0.0)
    robot_height: float = param(1.0, "Headroom a floor needs to be where robots start.", unit="m", min=0.1, max=10.0)
    max_voxels: int = param(2_000_000_000, "Voxels of the box around the scene; above, they are coarsened.", min=4096)
    max_blocks: int = param(60_000, "Blocks of 8x8x8 voxels with surface in them; above, voxels are coarsened.", min=8)
    grid_offset_x: float = param(0.5, "Shift of the lattice along x.", unit="voxels", min=0.0, max=1.0)
    grid_offset_y: float = param(0.5, "Shift of the lattice along y.", unit="voxels", min=0.0, max=1.0)
    grid_offset_z: float = param(0.5, "Shift of the lattice along z.", unit="voxels", min=0.0, max=1.0)
    target_triangles: int = param(80_000, "Triangles that are few enough; 0 keeps all.", min=0)
    max_triangles: int = param(200_000, "More triangles than this are a warning.", min=1)
    tolerance: float = param(0.004, "How far simplification may move the surface.", unit="m", min=0.0, max=0.1)
    longest_edge: float = param(0.5, "Longest edge simplification may make.", unit="m", min=0.01)
    close_bottoms: bool = param(True, "Continue the floor under furniture and across small holes of the floor.")
    lining_height: float = param(
        2.2, "Solids are lined from inside up to this height above the floor; 0 = not.", unit="m", min=0.0, max=100.0
    )
    kerb_height: float = param(
        0.5,
        "Wall along open edges of the ground that keeps bodies from rolling off; 0 = none.",
        unit="m",
        min=0.0,
        max=10.0,
    )
    max_error_p95: float = param(
        0.03, "95 % of opaque Gaussians must be nearer to the collider than this.", unit="m", min=0.0
    )


def run(
    cloud: GaussianCloud, cameras: tuple[Camera, ...], params: Params, progress: Progress
) -> Outcome[CollisionProxy]:
    """Make one collider "environment" out of a cloud in frame WORLD.

    Cameras are points known to be free; without any, free space is what lies above the floor. A cloud without a floor
    gives an empty proxy and a finding ``collide.no_surface`` of severity error.

    Raises:
        InvalidRequest: the cloud is not in frame WORLD.
        Cancelled: the job was stopped.
    """
    if cloud.frame is not Frame.WORLD:
        raise InvalidRequest(f"collide: the cloud must be in frame world, got {cloud.frame}; refine it first.")
    progress(0.0, "choosing Gaussians")
    started = time.perf_counter()
    solid, findings = trusted(cloud, params.min_opacity, params.max_scale)
    chosen = cloud.select(solid)
    if chosen.count < 16:
        return _nothing(f"Only {chosen.count} of {cloud.count} Gaussians are opaque enough to be surface.", findings)
    progress(0.1, "summing Gaussians up on the lattice")
    grid, sheets = _lattice(chosen, params)
    if grid.voxel_size > params.voxel_size:
        findings.append(_coarsened(grid, params))
    progress(0.5, "flooding free space")
    eyes = np.array([camera.position for camera in cameras], np.float32).reshape(-1, 3)
    free = find_free_space(sheets, grid, eyes, params.robot_height)
    progress(0.6, "contouring")
    (vertices, triangles), more = _surface(sheets, free, grid, params, progress)
    counts = _counts(cloud, chosen, grid, sheets, free) | more
    if not len(triangles):
        return _nothing("The Gaussians form no floor with free space above it: nothing to stand on.", findings, counts)
    progress(0.9, "measuring")
    error, far = measure(chosen, free, grid, vertices, triangles)
    counts |= {"gaussians_far_share": round(far, 6)}
    findings += _judge(error, len(triangles), params)
    if counts["kerb_m"]:
        findings.append(_kerb_built(counts["kerb_m"], params))
    part = CollisionPart("environment", vertices, triangles, "environment")
    _log.info(
        "collide: %d Gaussians -> %d triangles, %.1f s", cloud.count, len(triangles), time.perf_counter() - started
    )
    progress(1.0, "done")
    return Outcome(CollisionProxy((part,), "surface", error), counts, tuple(findings))


def _lattice(chosen: GaussianCloud, params: Params) -> tuple[Grid, Sheets]:
    """Return the finest lattice up to the wanted one that stays within the limits of memory, and its sheets."""
    from ..kernels.voxel_blocks import TooManyBlocks

    offset = (params.grid_offset_x, params.grid_offset_y, params.grid_offset_z)
    size = params.voxel_size
    while True:
        grid = fit_grid(*chosen.bounds(), size, params.max_voxels, offset)
        try:
            return grid, find_sheets(
                chosen,
                grid,
                density=params.density,
                relative_density=params.relative_density,
                min_area=params.min_area,
                max_blocks=params.max_blocks,
            )
        except TooManyBlocks as excess:
            # blocks lie along surfaces
            size = grid.voxel_size * max(1.1, (excess.count / params.max_blocks) ** 0.5)


def _coarsened(grid: Grid, params: Params) -> Finding:
    x, y, z = (n * grid.voxel_size for n in grid.shape)
    text = (
        f"The scene spans {x:.0f} x {y:.0f} x {z:.0f} m; its voxels were coarsened from {params.voxel_size:g} m to "
        f"{grid.voxel_size:.3g} m to stay within memory. Gaps up to that width are closed."
    )
    return Finding("collide.coarsened", Severity.WARNING, text, grid.voxel_size, params.voxel_size)


def _surface(
    sheets: Sheets, free: FreeSpace, grid: Grid, params: Params, progress: Progress
) -> tuple[Surface, dict[str, int | float]]:
    """Contour, simplify and complete; return the surface in the world and counts."""
    from ..kernels.decimate import decimate

    faces = find_faces(sheets, free)
    counts: dict[str, int | float] = {"triangles_before": 0, "triangles": 0}
    if not (faces.looks_up).any():
        return (np.zeros((0, 3), np.float32), np.zeros((0, 3), np.int32)), counts
    floor = find_floor(faces, free, grid)
    if params.lining_height:
        free = with_solid_interiors(free, floor, sheets, grid, params.lining_height)
        faces = find_faces(sheets, free)
    vertices, quads, wanted = contour(faces, sheets, free, grid)
    vertices, triangles = compact(vertices, split_quads(vertices, quads, wanted))
    vertices = grid.to_world(vertices).astype(np.float32)
    counts["triangles_before"] = len(triangles)

    def simplified(surface: Surface, target: int) -> Surface:
        # a lining must stay behind the outside it lines
        return decimate(*surface, target, min(params.tolerance, 0.08 * grid.voxel_size), params.longest_edge)

    progress(0.65, "simplifying")
    surface = (
        simplified((vertices, triangles), params.target_triangles) if params.target_triangles else (vertices, triangles)
    )
    surface, counts["kerb_m"] = kerb(*surface, floor, grid, params.kerb_height)
    if params.close_bottoms:
        hidden, counts["closed_m2"] = bottoms(floor, grid)
        surface = joined([surface, simplified(hidden, 0) if params.target_triangles else hidden])
    counts["triangles"] = len(surface[1])
    return surface, counts


def _counts(
    cloud: GaussianCloud, chosen: GaussianCloud, grid: Grid, sheets: Sheets, free: FreeSpace
) -> dict[str, int | float]:
    return {
        "gaussians": cloud.count,
        "gaussians_used": chosen.count,
        "voxel_size_m": grid.voxel_size,
        "blocks": len(sheets.blocks),
        "voxels": int(sheets.blocked.sum()),
        "components_dropped": sheets.dropped,
        "free_regions": free.regions,
        "floor_columns": free.floor_columns,
    }


def _kerb_built(length_m: float, params: Params) -> Finding:
    text = (
        f"An invisible wall {params.kerb_height:g} m high was built along {length_m:.1f} m where open ground ends, so "
        "that nothing rolls off the world; collide.kerb_height=0 leaves it out."
    )
    return Finding("collide.kerb", Severity.INFO, text, round(float(length_m), 2))


def _judge(error: dict[str, float], triangles: int, params: Params) -> list[Finding]:
    found = []
    if "p95" in error:
        p95, limit = error["p95"], params.max_error_p95
        text = (
            f"95 % of the opaque Gaussians at the edge of free space lie within {100 * p95:.1f} cm of the collider "
            f"(wanted: {100 * limit:.1f} cm). This compares it with the splats, not with the world they show."
        )
        severity = Severity.WARNING if p95 > limit else Severity.INFO
        found.append(Finding("collide.error_p95", severity, text, p95, limit))
    if triangles > params.max_triangles:
        text = (
            f"The collider has {triangles} triangles; above {params.max_triangles} engines load and step slowly. The "
            "surface is noisy or large: use larger voxels or a larger tolerance."
        )
        found.append(
            Finding("collide.triangles", Severity.WARNING, text, float(triangles), float(params.max_triangles))
        )
    return found


def _nothing(
    why: str, findings: list[Finding], counts: dict[str, int | float] | None = None
) -> Outcome[CollisionProxy]:
    found = (*findings, Finding("collide.no_surface", Severity.ERROR, why, 0.0, 1.0))
    return Outcome(CollisionProxy((), "surface", {}), counts or {"triangles": 0}, found)

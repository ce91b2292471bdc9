"""From a cloud to its lattice and the free space in it: the steps that every collider begins with."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ...errors import InvalidRequest
from ...params import param
from ...progress import Progress
from ...types import Camera, Finding, Frame, GaussianCloud
from .. import _findings as say
from .._haze.haze import haze, sharpened
from .._mesh.contour import Faces, find_faces
from .._mesh.ground import find_floor
from .bounds import Fit, fit, limit_gb
from .free_space import FreeSpace, find_free_space
from .lattice import Grid, trusted
from .sheets import Sheets, find_sheets

__all__ = ["Scan", "ScanParams", "scan"]

_FEWEST = 16  # Gaussians that can be a surface


@dataclass(frozen=True)
class ScanParams:
    """What counts as surface."""

    voxel_size: float = param(
        0.05, "Spacing of the lattice: gaps wider than this stay open.", unit="m", min=0.005, max=1.0
    )
    min_opacity: float = param(0.05, "Gaussians fainter than this are not surface.", min=0.0, max=1.0)
    max_scale: float = param(2.0, "Gaussians larger than this are sky or haze.", unit="m", min=0.01)
    density: float = param(0.3, "Layers of opaque Gaussians that make a surface.", min=0.01, max=10.0)
    relative_density: float = param(
        0.15,
        "Share of the layers around it that a place must have; a surface ends where they fall below.",
        min=0.0,
        max=1.0,
    )
    min_area: float = param(0.05, "Pieces of surface smaller than this are floaters.", unit="m2", min=0.0)
    max_haze: float = param(
        0.2,
        "Share of the surface that may be more than two voxels thick; above, Gaussians are moved onto planes first.",
        min=0.0,
        max=1.0,
    )
    robot_height: float = param(1.0, "Headroom a floor needs to be where robots start.", unit="m", min=0.1, max=10.0)
    memory_limit: float | None = param(
        None,
        "Memory a run may take: where it would take more, voxels are coarsened. None: half of what is installed, at "
        "most 8.",
        unit="GB",
        min=0.1,
    )
    grid_offset: float = param(0.5, "Shift of the lattice along every axis.", unit="voxels", min=0.0, max=1.0)


@dataclass(frozen=True)
class Scan:
    """A cloud on its lattice, what free space can be reached, and where it ends.

    Attributes:
        chosen: the Gaussians that may be surface, as they came.
        cloud: the same, moved onto their planes if they were haze.
        fit: the lattice, and what it takes.
    """

    chosen: GaussianCloud
    cloud: GaussianCloud
    fit: Fit
    sheets: Sheets
    free: FreeSpace
    faces: Faces

    @property
    def grid(self) -> Grid:
        """The lattice."""
        return self.fit.grid

    @property
    def has_floor(self) -> bool:
        """Is there anything to stand on?"""
        return bool(self.faces.looks_up.any())

    @property
    def counts(self) -> dict[str, int | float]:
        """Numbers for the report."""
        return {
            "gaussians_used": self.chosen.count,
            "voxel_size_m": self.grid.voxel_size,
            "blocks": len(self.sheets.blocks),
            "voxels": int(self.sheets.blocked.sum()),
            "components_dropped": self.sheets.dropped,
            "free_regions": self.free.regions,
            "floor_columns": self.free.floor_columns,
        }


def scan(
    cloud: GaussianCloud, cameras: tuple[Camera, ...], params: ScanParams, progress: Progress
) -> tuple[Scan | None, list[Finding]]:
    """Return the scan, None if there is nothing to stand on, and what is worth telling.

    Cameras are points known to be free; without any, free space is what lies above the floor.

    Raises:
        InvalidRequest: the cloud is not in frame WORLD.
        Cancelled: the job was stopped.
    """
    if cloud.frame is not Frame.WORLD:
        raise InvalidRequest(f"collide: the cloud must be in frame world, got {cloud.frame}; refine it first.")
    progress(0.0, "choosing Gaussians")
    solid, findings = trusted(cloud, params.min_opacity, params.max_scale)
    # colours are of no use here, and of a large cloud they are most
    chosen = replace(cloud, sh=cloud.sh[:, :1])
    chosen = chosen if solid.all() else chosen.select(solid)
    if chosen.count < _FEWEST:
        why = f"Only {chosen.count} of {cloud.count} Gaussians are opaque enough to be surface."
        return None, [*findings, say.no_surface(why)]
    eyes = np.array([camera.position for camera in cameras], np.float32).reshape(-1, 3)
    beside = (cloud.sh.nbytes - chosen.sh.nbytes) / 1e9
    found = _scan(chosen, chosen, eyes, params, progress, beside)
    found, more = _cleared(found, eyes, params, progress, beside)
    findings += more
    if found.grid.voxel_size > params.voxel_size:
        findings.append(say.coarsened(found.fit, params.voxel_size, params.memory_limit is None))
    if not found.has_floor:
        why = "The Gaussians form no floor with free space above it: nothing to stand on."
        return None, [*findings, say.no_surface(why)]
    return found, findings


def _cleared(
    found: Scan, eyes: npt.NDArray[np.float32], params: ScanParams, progress: Progress, beside: float
) -> tuple[Scan, list[Finding]]:
    """Return the scan, or that of the straightened cloud if this one is hazy."""
    share = haze(found.faces, found.sheets)
    if share <= params.max_haze or not found.has_floor:
        return found, []
    floor = find_floor(found.faces, found.free, found.grid)
    sharp = sharpened(found.chosen, found.free, found.grid, floor.base, progress.child(0.4, 0.7))
    if sharp is None:
        return found, [say.hazy(share, params.max_haze)]
    if not sharp.planes:
        return found, []
    # the first scan is held as well
    beside += 56e-9 * found.chosen.count + 14e-6 * len(found.sheets.blocks)
    again = _scan(found.chosen, sharp.cloud, eyes, params, progress.child(0.7, 1.0), beside)
    return again, [say.straightened(share, params.max_haze, sharp.planes, sharp.spread, sharp.closed_m2)]


def _scan(
    chosen: GaussianCloud,
    cloud: GaussianCloud,
    eyes: npt.NDArray[np.float32],
    params: ScanParams,
    progress: Progress,
    beside: float = 0.0,
) -> Scan:
    """Sum Gaussians up on the finest lattice up to the wanted one that fits into memory, and flood its free space.

    `beside` is memory [GB] that is held meanwhile.
    """
    progress(0.1, "choosing the size of voxels")
    found = fit(cloud, params.voxel_size, limit_gb(params.memory_limit), params.grid_offset, beside)
    progress(0.15, "summing Gaussians up on the lattice")
    sheets = find_sheets(
        found, density=params.density, relative_density=params.relative_density, min_area=params.min_area
    )
    progress(0.3, "flooding free space")
    free = find_free_space(sheets, found.grid, eyes, params.robot_height)
    return Scan(chosen, cloud, found, sheets, free, find_faces(sheets, free))

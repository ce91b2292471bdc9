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
from .footing import find_footing, judge_footing
from .free_space import FreeSpace, find_free_space
from .hollows import find_hollows
from .lattice import Grid, trusted
from .panes import without_views
from .rims import without_fins
from .sheets import Sheets, find_sheets
from .shut import shut
from .views import find_views

__all__ = ["Scan", "ScanParams", "scan"]

_FEWEST = 16  # Gaussians that can be a surface
_SMALLEST = 6  # voxels that a scene must be wide
_COARSEST = 0.5  # of a robot's height: voxels above that show nothing a robot needs


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
        0.07,
        "Share of the surface that may be more than two voxels thick; above, Gaussians are moved onto planes first.",
        min=0.0,
        max=1.0,
    )
    min_floor: float = param(
        0.5,
        "Floor that must be wide, level and high enough to stand on; with less no collider is made.",
        unit="m2",
        min=0.0,
    )
    max_hanging: float = param(
        0.5,
        "Share of the walls that may end in the air: if most do, the floor is really a roof; 1 = all.",
        min=0.0,
        max=1.0,
    )
    lone_plane: bool = param(False, "A single plane with nothing on it, which could be a ceiling as well, is ground.")
    close_mirrors: bool = param(True, "Close mirrors by a pane, and leave out the room that is seen in them.")
    close_windows: bool = param(
        True, "Close windows (openings above the floor, beyond which nothing was scanned but the view) by a pane."
    )
    close_unseen: bool = param(
        True, "Close solids that free space gets into through a side that no Gaussians show, like a cupboard's back."
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
    if nothing := _nothing_in(chosen, cloud.count, params):
        return None, [*findings, nothing]
    eyes = np.array([camera.position for camera in cameras], np.float32).reshape(-1, 3)
    beside = (cloud.sh.nbytes - chosen.sh.nbytes) / 1e9
    found = _scan(chosen, chosen, eyes, params, progress, beside)
    if bad := _no_footing(found, eyes, params):
        return None, [*findings, *say.over_limit(found.fit), *bad]
    found, more = _cleared(found, eyes, params, progress, beside)
    findings += more
    if found.grid.voxel_size > params.voxel_size:
        findings.append(say.coarsened(found.fit, params.voxel_size, params.memory_limit is None))
    findings += say.over_limit(found.fit)
    found, seen = _without_views(found, eyes, params, progress)
    findings += seen
    if (more or seen) and (bad := _no_footing(found, eyes, params)):
        return None, [*findings, *bad]
    found, closed = _without_hollows(found, eyes, params, progress)
    sheets = without_fins(found.sheets, found.free, found.cloud, found.grid)
    return replace(found, sheets=sheets, faces=find_faces(sheets, found.free)), [*findings, *closed]


def _nothing_in(chosen: GaussianCloud, count: int, params: ScanParams) -> Finding | None:
    """Return why Gaussians that may be surface, `count` before they were chosen, cannot be one, before any work."""
    if chosen.count < _FEWEST:
        why = (
            f"No surface was found: only {chosen.count} of {count} Gaussians are opaque and no larger than "
            f"{params.max_scale:g} m, at least {_FEWEST} are needed. No collider was made. If they look solid, the "
            "scale (--scale) may be wrong."
        )
        return say.no_surface(why, chosen.count, _FEWEST)
    low, high = chosen.bounds()
    extent, least = float((high - low).max()), _SMALLEST * params.voxel_size
    return say.too_small(extent, least) if extent < least else None


def _no_footing(found: Scan, eyes: npt.NDArray[np.float32], params: ScanParams) -> list[Finding]:
    """Return why nothing can stand in the scene; empty if it can."""
    grid, limit = found.grid, max(params.voxel_size, _COARSEST * params.robot_height)
    if grid.voxel_size > limit:
        return [say.too_coarse(grid, params.voxel_size, limit)]
    if not found.sheets.blocked.any():
        why = f"No surface was found: the {found.chosen.count} Gaussians are strewn, no {params.min_area:g} m2 of them "
        return [say.no_surface(f"{why}lie side by side and agree on a direction. No collider was made.", 0.0, 1.0)]
    footing = find_footing(found.faces, found.sheets, found.free, grid, eyes, params.robot_height)
    flat_m = 0.0 if params.lone_plane else grid.voxel_size
    return judge_footing(footing, min_floor=params.min_floor, max_hanging=params.max_hanging, flat_m=flat_m)


def _cleared(
    found: Scan, eyes: npt.NDArray[np.float32], params: ScanParams, progress: Progress, beside: float
) -> tuple[Scan, list[Finding]]:
    """Return the scan, or that of the straightened cloud if this one is hazy."""
    share = haze(found.faces, found.sheets)
    if share <= params.max_haze:
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


def _without_views(
    found: Scan, eyes: npt.NDArray[np.float32], params: ScanParams, progress: Progress
) -> tuple[Scan, list[Finding]]:
    """Return the scan without what is only seen in mirrors and through windows, and where those are."""
    if not (params.close_mirrors or params.close_windows):
        return found, []
    progress(0.9, "looking for mirrors and windows")
    views, regions = find_views(found.chosen, found.faces, found.sheets, found.free, found.grid, eyes)
    wanted = {True: params.close_mirrors, False: params.close_windows}
    views = [view for view in views if wanted[view.mirror]]
    findings = [say.view(view, found.grid) for view in views]
    shut = [view for view in views if view.closed]
    if regions is None or not shut:
        return found, findings
    chosen, _ = without_views(found.chosen, shut, regions, found.grid)
    kept, panes = without_views(found.cloud, shut, regions, found.grid)
    cloud = GaussianCloud.concatenate([kept, panes])
    return _scan(chosen, cloud, eyes, params, progress.child(0.9, 1.0)), findings


def _without_hollows(
    found: Scan, eyes: npt.NDArray[np.float32], params: ScanParams, progress: Progress
) -> tuple[Scan, list[Finding]]:
    """Return the scan without the insides of solids in its free space, and where those are open."""
    if not params.close_unseen:
        return found, []
    progress(0.95, "looking for sides that nobody saw")
    hollows = find_hollows(found.faces, found.sheets, found.free, found.grid, eyes)
    sheets, free = found.sheets, found.free
    for hollow in hollows:
        sheets, free = shut(sheets, free, hollow.points, hollow.pane)
    findings = [say.unseen_side(hollow) for hollow in hollows]
    return (replace(found, sheets=sheets, free=free, faces=find_faces(sheets, free)) if hollows else found), findings


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

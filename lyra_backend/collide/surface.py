"""Watertight triangle surface where the Gaussians are, wound towards reachable free space."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass

import numpy as np

from ..params import param
from ..progress import Progress
from ..types import Camera, CollisionProxy, GaussianCloud, Outcome
from ..types.mesh import concatenate_meshes
from . import _findings as say
from ._error.measure import measure_collider
from ._error.on_purpose import OnPurpose
from ._mesh.contour import Faces, contour, find_faces
from ._mesh.flat import flat
from ._mesh.ground import Floor, Surface, bottoms, find_floor, kerb
from ._mesh.lining import behind_outside, with_solid_interiors
from ._mesh.triangles import compact, split_quads
from ._mesh.unfold import unfolded
from ._objects.objects import METHODS, check_needs, find_objects
from ._scan.free_space import FreeSpace
from ._scan.lattice import Grid
from ._scan.scan import Scan, ScanParams, scan

__all__ = ["Params", "check_needs", "run"]

_log = logging.getLogger(__name__)

#: Budget: triangles of a 30 m2 room, most triangles, how far simplification may move the surface at most [m].
_BUDGETS = {"train": (18_000, 80_000, 0.01), "detail": (120_000, 180_000, 0.004)}
#: How far simplification may move linings and what else is hidden [voxels]
_HIDDEN = 0.08
_ROOM_M2 = 30.0


@dataclass(frozen=True)
class Params(ScanParams):
    budget: str = param(
        "train",
        "How fine: train is quick to simulate (at most 20 000 triangles for a 30 m2 room), detail keeps more.",
        choices=tuple(_BUDGETS),
    )
    target_triangles: int | None = param(
        None, "Triangles that are few enough, 0 keeps all; what is flat needs fewer. None: by budget.", min=0
    )
    tolerance: float | None = param(
        None, "How far simplification may move the surface; none: by budget.", unit="m", min=0.0, max=0.1
    )
    longest_edge: float = param(1.0, "Longest edge simplification may make.", unit="m", min=0.01)
    max_triangles: int = param(200_000, "More triangles than this are a warning.", min=1)
    close_holes: bool = param(True, "Close holes of the floor up to 1 m wide that no Gaussians show.")
    close_bottoms: bool = param(True, "Continue the floor under furniture, for bodies that are pushed into it.")
    lining_height: float = param(
        2.2, "Solids are lined from inside up to this height above the floor; 0 = not.", unit="m", min=0.0, max=100.0
    )
    kerb_height: float = param(
        0.8,
        "Wall along open edges of the ground that keeps bodies from rolling off; 0 = none.",
        unit="m",
        min=0.0,
        max=10.0,
    )
    objects: str = param(
        "primitives",
        "How things that stand free are described besides: box, cylinder, sphere or hulls; coacd is finer and slow.",
        choices=METHODS,
    )
    dynamic: bool = param(False, "Things that stand free can be pushed; they leave the environment.")
    max_error_p95: float = param(
        0.03, "95 % of the surface must be nearer to the collider than this.", unit="m", min=0.0
    )


def run(
    cloud: GaussianCloud, cameras: tuple[Camera, ...], params: Params, progress: Progress
) -> Outcome[CollisionProxy]:
    """Make one collider "environment" out of a cloud in frame WORLD, and shapes for the things that stand free.

    Cameras are points known to be free; without any, free space is what lies above the floor. A cloud with nothing
    to stand on gives an empty proxy and a finding of severity error that says what was not found.

    Raises:
        InvalidRequest: the cloud is not in frame WORLD.
        MissingDependency: `objects` is coacd and it is not installed.
        Cancelled: the job was stopped.
    """
    started = time.perf_counter()
    found, findings = scan(cloud, cameras, params, progress.child(0.0, 0.6))
    counts: dict[str, int | float] = {"gaussians": cloud.count, "triangles": 0}
    if found is None:
        return Outcome(CollisionProxy((), "surface", {}), counts, tuple(findings))
    counts |= found.counts
    progress(0.6, "contouring")
    (vertices, triangles), unseen, built = _surface(found, params, progress)
    progress(0.8, "looking for objects")
    things = find_objects(vertices, triangles, found.cloud, method=params.objects, dynamic=params.dynamic)
    parts = things.all_parts()
    vertices, triangles = CollisionProxy(parts, "surface", {}).welded()
    progress(0.9, "measuring")
    on_purpose = OnPurpose(*unseen, found.cloud.positions, found.chosen.positions)
    measured = measure_collider(
        found.chosen, found.free, found.grid, vertices, triangles, params.max_error_p95, on_purpose
    )
    counts |= {**built, **things.counts, **measured.counts, "triangles": len(triangles)}
    findings += [*things.findings, *measured.findings, *say.size(len(triangles), params.max_triangles)]
    if built["kerb_m"]:
        findings.append(say.kerb_built(built["kerb_m"], params.kerb_height))
    _log.info(
        "collide: %d Gaussians -> %d triangles, %.1f s", cloud.count, len(triangles), time.perf_counter() - started
    )
    progress(1.0, "done")
    return Outcome(CollisionProxy(parts, "surface", measured.error_m, measured.counts), counts, tuple(findings))


def _surface(found: Scan, params: Params, progress: Progress) -> tuple[Surface, Surface, dict[str, int | float]]:
    """Contour, simplify and complete; return the surface in the world, that part which nothing shows, and counts."""
    grid, free, faces = found.grid, found.free, found.faces
    floor = find_floor(faces, free, grid)
    if params.lining_height:
        free = with_solid_interiors(free, floor, found.sheets, grid, params.lining_height)
        faces = find_faces(found.sheets, free)
    faces, planes = flat(faces, found, progress.child(0.6, 0.7))
    outside, lining = _contoured(faces, free, found)
    counts: dict[str, int | float] = {"triangles_before": len(outside[1]) + len(lining[1]), "planes": planes}
    progress(0.7, "simplifying")
    hidden, counts["closed_m2"] = bottoms(
        floor, grid, under_solids=params.close_bottoms, across_holes=params.close_holes
    )
    wanted, tolerance = _limits(floor, grid, params)
    # nothing touches what is hidden unless it is in the wrong place: no more triangles than it must have
    still = min(tolerance, _HIDDEN * grid.voxel_size)
    unseen = [_simplified(part, min(wanted, 1), still, params) for part in (lining, hidden)]
    left = max(wanted // 2, wanted - sum(len(triangles) for _, triangles in unseen))
    surface = _simplified(outside, left, tolerance, params)
    shown, lines, below = (len(part[1]) for part in (surface, *unseen))
    if _lining_decides(shown, lines, below, wanted):
        unseen[0] = _simplified(unseen[0], 1, 2.0 * still, params)
    unseen[0] = _behind(surface, unseen[0], grid)
    surface, counts["kerb_m"] = kerb(*surface, floor, grid, params.kerb_height)
    counts["triangles_lining"], counts["triangles_hidden"] = (len(triangles) for _, triangles in unseen)
    counts["triangles_kerb"] = len(surface[1]) - shown
    rim = compact(surface[0], surface[1][shown:])
    return concatenate_meshes([surface, *unseen]), concatenate_meshes([rim, *unseen]), counts


def _contoured(faces: Faces, free: FreeSpace, found: Scan) -> tuple[Surface, Surface]:
    """Return the surface of free space and the lining of solids in the world, in all their triangles."""
    vertices, quads, wanted = contour(faces, found.sheets, free, found.grid)
    triangles = split_quads(vertices, quads, wanted)
    vertices = unfolded(vertices, triangles, np.repeat(wanted, 2, axis=0), np.repeat(faces.planar & ~faces.lining, 2))
    lining = np.repeat(faces.lining, 2)
    vertices = found.grid.to_world(behind_outside(vertices, triangles, lining)).astype(np.float32)
    return compact(vertices, triangles[~lining]), compact(vertices, triangles[lining])


def _behind(outside: Surface, lining: Surface, grid: Grid) -> Surface:
    """Return the lining with its vertices behind the outside, which simplification has moved."""
    vertices, triangles = concatenate_meshes([outside, lining])
    lines = np.arange(len(triangles)) >= len(outside[1])
    moved = grid.to_world(behind_outside(grid.to_lattice(vertices), triangles, lines))
    return moved[len(outside[0]) :].astype(np.float32), lining[1]


def _limits(floor: Floor, grid: Grid, params: Params) -> tuple[int, float]:
    """Return how many triangles are few enough (0 keeps all), and how far simplification may move them [m]."""
    few, most, tolerance = _BUDGETS[params.budget]
    if params.tolerance is not None:
        tolerance = params.tolerance
    if params.target_triangles is not None:
        return params.target_triangles, tolerance
    floor_m2 = np.isfinite(floor.base).sum() * grid.voxel_size**2
    return int(min(most, few * max(1.0, floor_m2 / _ROOM_M2))), tolerance


def _lining_decides(shown: int, lining: int, hidden: int, wanted: int) -> bool:
    """Return whether the whole is above its budget of triangles and would not be without its lining.

    Then the lining gives way. Terrain and streets are far above: their linings stay as close as balls need them.
    """
    return 0 < shown + lining + hidden - wanted < lining


def _simplified(surface: Surface, triangles: int, tolerance: float, params: Params) -> Surface:
    from ..kernels.decimate import decimate

    if not triangles or not len(surface[1]):
        return surface
    return decimate(*surface, triangles, tolerance, params.longest_edge)

"""Where free space ends on a plane, it ends on that plane exactly: even floors, sharp corners, few triangles."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ...progress import Progress
from ...types import GaussianCloud
from .._scan.scan import Scan
from .contour import Faces, contour
from .ground import Surface
from .lining import with_sides_in_order
from .plane_search import find_planes
from .planes import Planes, flattened, refitted
from .triangles import compact, split_quads

__all__ = ["flat", "plain_surface"]

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.integer]

_SCATTER_M = (0.02, 0.08)  # how far crossings may scatter around a plane, in clean and in rough clouds
_NOISES = 8.0  # the same in deviations of the Gaussians along a lattice edge
_AREA_M2 = 0.1  # of the smallest plane
_CELL = 2.0  # voxels; wider gaps separate planes
_LEVEL = 0.95  # upward share of the normals of floors
_BUMP = 0.5  # height [voxels] of what counts as a bump of a floor: as far as vertices may leave their cell
_BESIDE = 1.5  # voxels to the floor around it
_REACH = 6.0  # deviations: Gaussians sum up on either side of a lattice point, so crossings have two middles


def flat(faces: Faces, scan: Scan, progress: Progress | None = None) -> tuple[Faces, int]:
    """Move crossings onto the planes they scatter around; return also how many planes there are.

    Sides of a sheet follow each other.
    """
    outside = np.flatnonzero(~faces.lining)
    points, normals = faces.crossing[outside], faces.normal[outside]
    along = np.eye(3)[faces.axis[outside]]
    planes = _planes(points, normals, along, scan, progress or Progress())
    crossing, normal, planar = faces.crossing.copy(), faces.normal.copy(), np.zeros(len(faces.axis), bool)
    crossing[outside], normal[outside] = flattened(points, normals, planes, along)
    planar[outside] = planes.owner >= 0
    retreat = faces.retreat.copy()
    bumps, plane = _bumps(faces, outside, planes)
    retreat[bumps] = 0.0
    # what is under a thin floor keeps its distance; the floor itself, to roll on, stays where it is
    level = np.array([p.normal[2] >= _LEVEL for p in planes.planes] + [False])
    retreat[outside[level[planes.owner]]] = 0.0
    for index in np.unique(plane):
        on, ground = bumps[plane == index], planes.planes[index]
        crossing[on] -= ground.residual(crossing[on])[:, None] * ground.normal
        normal[on], planar[on] = ground.normal, True
    moved = replace(faces, crossing=crossing, normal=normal, planar=planar, retreat=retreat)
    return with_sides_in_order(moved), len(planes.planes)


def _bumps(faces: Faces, outside: Ints, planes: Planes) -> tuple[Ints, Ints]:
    """Return the faces of bumps of level planes lower than a lattice step, and the plane of each.

    One thick Gaussian across a floor stops lattice lines just above it. Of what goes on upwards nothing is a bump.
    """
    from scipy.spatial import KDTree

    if not any(plane.normal[2] >= _LEVEL for plane in planes.planes):
        return outside[:0], outside[:0]
    step = np.eye(3, dtype=np.int64)
    lower_end = faces.point - np.where(faces.lower[:, None], 0, 1) * step[faces.axis]
    shape = tuple(lower_end.max(axis=0) + 2) if len(lower_end) else (1, 1, 1)
    edge = np.ravel_multi_index(tuple(lower_end.T), shape) * 3 + faces.axis
    above = np.isin(np.ravel_multi_index(tuple((lower_end + step[2]).T), shape) * 3 + faces.axis, edge)
    loose = np.flatnonzero((planes.owner < 0) & ((faces.axis == 2) | ~above)[outside])
    bumps, owners = [loose[:0]], [loose[:0]]
    for index, plane in enumerate(planes.planes):
        own = np.flatnonzero(planes.owner == index)
        near = loose[np.abs(plane.residual(faces.crossing[outside[loose]])) < _BUMP]
        if plane.normal[2] < _LEVEL or not len(own) or not len(near):
            continue
        plan = KDTree(faces.crossing[outside[own], :2])
        beside = np.isfinite(plan.query(faces.crossing[outside[near], :2], distance_upper_bound=_BESIDE)[0])
        bumps.append(outside[near[beside]])
        owners.append(np.full(int(beside.sum()), index))
    return np.concatenate(bumps), np.concatenate(owners)


def _planes(points: Floats, normals: Floats, along: Floats, scan: Scan, progress: Progress) -> Planes:
    size = scan.grid.voxel_size
    noise = float(np.median(scan.sheets.deviation[scan.sheets.blocked]))
    planes = find_planes(
        points,
        normals,
        np.maximum(np.abs((normals * along).sum(axis=1)), 1e-3),
        tolerance=float(np.clip(_NOISES * noise, _SCATTER_M[0] / size, _SCATTER_M[1] / size)),
        cell=_CELL,
        min_area=_AREA_M2 / size**2,
        cosine=0.9,
        reach=_REACH,
        report=lambda share: progress(share, "looking for planes"),
    )
    centres = scan.grid.to_lattice(scan.cloud.positions)
    return refitted(planes, points, centres, _opaque_area(scan.cloud), _CELL)


def _opaque_area(cloud: GaussianCloud) -> npt.NDArray[np.float32]:
    """Return the opaque area of each Gaussian (N,) [m2], up to a constant factor."""
    middle, largest = cloud.wide_scales
    return np.asarray(cloud.opacities * middle * largest)


def plain_surface(scan: Scan, tolerance: float, longest_edge: float, progress: Progress) -> Surface:
    """Return the simplified surface of free space (vertices [m], triangles): nothing lined, nothing closed below."""
    from ...kernels.decimate import decimate

    faces, _ = flat(scan.faces, scan, progress.child(0.0, 0.6))
    progress(0.6, "contouring")
    vertices, quads, wanted = contour(faces, scan.sheets, scan.free, scan.grid)
    vertices, triangles = compact(vertices, split_quads(vertices, quads, wanted))
    progress(0.7, "simplifying")
    return decimate(scan.grid.to_world(vertices).astype(np.float32), triangles, 1, tolerance, longest_edge)

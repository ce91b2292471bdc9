"""Everything as convex pieces, for engines such as MuJoCo that take every mesh for its convex hull.

Ground that rolls would take thousands of them and still be stairs: it is a grid of heights, which they know as well.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import numpy.typing as npt

from ..params import param
from ..progress import Progress
from ..types import (
    Approximation,
    Camera,
    CollisionPart,
    CollisionProxy,
    Finding,
    GaussianCloud,
    Outcome,
    Primitive,
    Role,
    Severity,
)
from ._error.measure import Measurement, measure_collider
from ._mesh.flat import plain_surface
from ._mesh.ground import find_floor
from ._mesh.heights import grid_mesh, heights_on, on_heights, rolls
from ._mesh.triangles import normals
from ._objects.fit import samples_on
from ._objects.hulls import Hull
from ._objects.objects import METHODS, check_needs, find_objects
from ._objects.shapes import primitive_mesh
from ._objects.slabs import depths_behind, flat_boxes
from ._objects.split import split_surface
from ._objects.union import outside_of, within
from ._scan.lattice import BLOCK
from ._scan.scan import Scan, ScanParams, scan

__all__ = ["Params", "check_needs", "run"]

_SAMPLES = 20_000
_LARGE_M = 0.3  # flat surface gets boxes whose shorter side is longer; what is left of it is cut with the rest

Surface = tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]


@dataclass(frozen=True)
class Params(ScanParams):
    objects: str = param(
        "primitives", "How objects are described that are no box, cylinder or sphere.", choices=METHODS
    )
    cell: float = param(0.05, "Squares that flat surface is cut into.", unit="m", min=0.01, max=1.0)
    rough_cell: float = param(2.0, "Cubes that other surface is first cut into.", unit="m", min=0.1, max=10.0)
    thickness: float = param(0.04, "Thickness of pieces behind the surface.", unit="m", min=0.01, max=0.5)
    tolerance: float = param(0.004, "How far simplification may move the surface.", unit="m", min=0.0, max=0.1)
    max_error_p95: float = param(0.03, "95 % of the surface must be nearer to a piece than this.", unit="m", min=0.0)
    cut_tolerance: float = param(
        0.015, "Pieces in which surface lies less deep than this are not cut further.", unit="m", min=0.0, max=0.1
    )
    max_pieces: int = param(1000, "So many are cut no further unless they are far off; more are a warning.", min=1)


def run(
    cloud: GaussianCloud, cameras: tuple[Camera, ...], params: Params, progress: Progress
) -> Outcome[CollisionProxy]:
    """Make boxes, cylinders, spheres and hulls of at most 64 vertices that together stand for the scene.

    Flat surface gets boxes behind it, other surface thin hulls, and objects that stand free the shapes that fit them.

    Raises:
        InvalidRequest: the cloud is not in frame WORLD.
        MissingDependency: `params.objects` is "coacd" and that is not installed.
        Cancelled: the job was stopped.
    """
    found, findings = scan(cloud, cameras, params, progress.child(0.0, 0.15))
    if found is None:
        return Outcome(CollisionProxy((), "convex", {}), {"triangles": 0}, tuple(findings))
    tolerance = min(params.tolerance, 0.08 * found.grid.voxel_size)
    surface = plain_surface(found, tolerance, 0.5, progress.child(0.15, 0.45))
    objects = find_objects(*surface, found.cloud, method=params.objects, progress=progress.child(0.45, 0.55))
    ground, structure = _ground(surface, objects.structure, found)
    pieces, buried = _structure(
        structure, ground is None, found, params, params.max_pieces - len(objects.parts), progress.child(0.55, 0.8)
    )
    parts = [replace(p, role=Role.PIECE, body="", mass_kg=0.0) for p in objects.parts]
    slabs = [p for p in pieces if isinstance(p, Primitive)]
    parts += [_piece(f"slab_{i + 1}", s) for i, s in enumerate(slabs)]
    parts += [_piece(f"hull_{i + 1}", h) for i, h in enumerate(p for p in pieces if isinstance(p, Hull))]
    counts = objects.counts | {"pieces": len(parts), "slabs": len(slabs), "hulls": len(pieces) - len(slabs)}
    counts |= {"buried_m": round(buried, 5), "free_filled_share": round(_filled(parts, found), 5)}
    measured = _measured(found, parts, ground, params, progress.child(0.8, 0.97))
    if ground is not None:
        findings.append(_rolling(ground, found))
        parts.append(CollisionPart("ground", *ground, "ground", role=Role.PIECE))
    progress(0.98, "measuring")
    cut = _cut_error(surface, parts)
    findings += [*objects.findings, *measured.findings, *_judged(cut, int(counts["pieces"]), params)]
    counts |= {**measured.counts, "triangles": sum(len(p.triangles) for p in parts)}
    error = measured.error_m | {"proud_p95": round(cut["proud_p95"], 6)} if measured.error_m else {}
    progress(1.0, "done")
    return Outcome(CollisionProxy(tuple(parts), "convex", error, measured.counts), counts, tuple(findings))


def _ground(surface: Surface, structure: Surface, found: Scan) -> tuple[Surface | None, Surface]:
    """Return ground that rolls as a grid of heights on the `surface`, else None, and what is left of the structure."""
    floor = find_floor(found.faces, found.free, found.grid)
    if not rolls(floor, found.grid):
        return None, structure
    heights = heights_on(surface, floor, found.grid)
    vertices, triangles = structure
    return grid_mesh(heights, found.grid), (vertices, triangles[~on_heights(structure, heights, found.grid)])


def _structure(
    surface: Surface, built: bool, found: Scan, params: Params, most: int, progress: Progress
) -> tuple[list[Primitive | Hull], float]:
    """Cut the structure into hulls, and boxes if it is `built`; return them and how deep surface lies in them [m]."""
    vertices, triangles = surface
    boxes: list[Primitive] = []
    flat = np.zeros(len(triangles), bool)
    if built:
        boxes, flat = flat_boxes(vertices, triangles, params.cell, params.thickness, _LARGE_M, progress.child(0.0, 0.4))
    depth = depths_behind(vertices, triangles, params.thickness)
    hulls, buried = split_surface(
        vertices,
        triangles[~flat],
        depth[~flat],
        partial(_is_free, found),
        largest=params.rough_cell,
        tolerance=params.cut_tolerance,
        most=most - len(boxes),
        progress=progress.child(0.4, 1.0),
    )
    return [*boxes, *hulls], buried


def _measured(
    found: Scan, parts: list[CollisionPart], ground: Surface | None, params: Params, progress: Progress
) -> Measurement:
    """Hold the outside of all pieces and the ground together against the Gaussians."""
    outside = outside_of(
        [(p.vertices, p.triangles) for p in parts],
        lambda share: progress(share, "looking for the outside of pieces"),
        ground,
    )
    progress(1.0, "measuring")
    return measure_collider(found.chosen, found.free, found.grid, *outside, params.max_error_p95)


def _is_free(found: Scan, points: npt.NDArray[np.floating]) -> npt.NDArray[np.bool_]:
    """Say which points (N, 3) [m] have free space all around them."""
    at = np.rint(found.grid.to_lattice(points)).astype(np.int64)
    at = np.clip(at, 1, np.array(found.grid.shape) - 2)
    free = found.free.reached.at(at).astype(bool)
    for axis in range(3):
        for step in (-1, 1):
            beside = at.copy()
            beside[:, axis] += step
            free &= found.free.reached.at(beside).astype(bool)
    return free


def _filled(parts: list[CollisionPart], found: Scan) -> float:
    """Share of the free places that lie inside pieces."""
    grid, free = found.grid, found.free.reached
    total = int(free.dense.sum()) + BLOCK**3 * int((free.sparse.astype(bool) & (free.directory < 0)).sum())
    inside: list[npt.NDArray[np.int64]] = [np.zeros(0, np.int64)]
    for part in parts:
        box = grid.to_lattice(np.stack([part.vertices.min(axis=0), part.vertices.max(axis=0)]))
        low = np.maximum(np.ceil(box[0]), 0).astype(np.int64)
        high = np.minimum(np.floor(box[1]) + 1, grid.shape).astype(np.int64)
        if (high <= low).any():
            continue
        at = np.indices((high - low).tolist()).reshape(3, -1).T + low
        at = at[free.at(at).astype(bool)]
        at = at[within((part.vertices, part.triangles), grid.to_world(at))]
        inside.append(np.ravel_multi_index(tuple(at.T), grid.shape))
    return len(np.unique(np.concatenate(inside))) / max(total, 1)


def _piece(name: str, shape: Primitive | Hull) -> CollisionPart:
    if isinstance(shape, Primitive):
        part = CollisionPart(name, *primitive_mesh(shape), role=Role.PIECE, approximation=Approximation.CONVEX_HULL)
        return replace(part, primitive=shape)
    return CollisionPart(
        name,
        shape.vertices.astype(np.float32),
        shape.triangles.astype(np.int32),
        role=Role.PIECE,
        approximation=Approximation.CONVEX_HULL,
    )


def _cut_error(surface: Surface, parts: list[CollisionPart]) -> dict[str, float]:
    """What is lost by cutting [m]: "p95" of the distances from the surface to the pieces' outsides, and "proud_p95",
    how far pieces stick out of the surface into free space where they do."""
    from ..kernels.mesh_distance import mesh_distance

    whole = CollisionProxy(tuple(parts), "convex", {}).welded()
    seen = samples_on(*surface, _SAMPLES)[0]
    near = mesh_distance(*whole, seen).distance
    points, _ = samples_on(*whole, _SAMPLES)
    nearest = mesh_distance(*surface, points)
    front = normals(*surface)[np.maximum(nearest.triangle, 0)]
    front = front / np.maximum(np.linalg.norm(front, axis=1, keepdims=True), 1e-20)
    proud = np.maximum(((points - nearest.point) * front).sum(axis=1), 0.0)
    return {"p95": float(np.quantile(near, 0.95)), "proud_p95": float(np.quantile(proud, 0.95))}


def _rolling(ground: Surface, found: Scan) -> Finding:
    area = len(ground[1]) * found.grid.voxel_size**2 / 2
    text = (
        f"The ground rolls: {area:.0f} m2 of it are a grid of heights and no convex pieces: triangles in USD, a height "
        "field in scene.xml."
    )
    return Finding("collide.rolling_ground", Severity.INFO, text, round(area, 1))


def _judged(error: dict[str, float], pieces: int, params: Params) -> list[Finding]:
    text = (
        f"95 % of the surface lies within {1000 * error['p95']:.1f} mm of its convex pieces (wanted: "
        f"{1000 * params.max_error_p95:.0f} mm), and 95 % of the pieces stick out of it by less than "
        f"{1000 * error['proud_p95']:.1f} mm."
    )
    worst = max(error["p95"], error["proud_p95"])
    severity = Severity.WARNING if worst > params.max_error_p95 else Severity.INFO
    found = [Finding("collide.convex_error", severity, text, worst, params.max_error_p95)]
    if pieces > params.max_pieces:
        text = f"The scene needs {pieces} convex pieces; above {params.max_pieces} engines step slowly."
        found.append(Finding("collide.pieces", Severity.WARNING, text, float(pieces), float(params.max_pieces)))
    return found

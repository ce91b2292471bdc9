"""Everything as convex pieces, for engines such as MuJoCo that take every mesh for its convex hull."""

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
from ._mesh.flat import plain_surface
from ._mesh.triangles import normals
from ._objects.fit import samples_on
from ._objects.hulls import Hull, hull_of
from ._objects.merge import Piece, merged
from ._objects.objects import METHODS, find_objects
from ._objects.shapes import primitive_mesh
from ._objects.slabs import flat_boxes, front_of, rough_hulls
from ._scan.lattice import BLOCK
from ._scan.scan import Scan, ScanParams, scan

__all__ = ["Params", "run"]

_SAMPLES = 20_000
_LARGE_M = 0.3  # boxes whose shorter side is longer are not joined to anything

Surface = tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]


@dataclass(frozen=True)
class Params(ScanParams):
    objects: str = param(
        "primitives", "How objects are described that are no box, cylinder or sphere.", choices=METHODS
    )
    cell: float = param(0.05, "Squares that flat surface is cut into.", unit="m", min=0.01, max=1.0)
    rough_cell: float = param(0.4, "Cubes that surface which is not flat is cut into.", unit="m", min=0.05, max=2.0)
    thickness: float = param(0.04, "Thickness of pieces behind the surface.", unit="m", min=0.01, max=0.5)
    tolerance: float = param(0.004, "How far simplification may move the surface.", unit="m", min=0.0, max=0.1)
    max_error_p95: float = param(0.03, "95 % of the surface must be nearer to a piece than this.", unit="m", min=0.0)
    join_tolerance: float = param(
        0.015, "How deep surface may lie inside pieces that are joined to fewer; 0 = not.", unit="m", min=0.0, max=0.1
    )
    max_pieces: int = param(1000, "While there are more pieces, they are joined more coarsely; then a warning.", min=1)


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
    found, findings = scan(cloud, cameras, params, progress.child(0.0, 0.5))
    if found is None:
        return Outcome(CollisionProxy((), "convex", {}), {"triangles": 0}, tuple(findings))
    progress(0.5, "contouring")
    surface = plain_surface(found, min(params.tolerance, 0.08 * found.grid.voxel_size), 0.5)
    progress(0.6, "looking for objects")
    objects = find_objects(*surface, found.cloud, method=params.objects)
    progress(0.8, "cutting the structure into pieces")
    vertices, triangles = objects.structure
    pieces, joined_at = _structure(vertices, triangles, found, params, params.max_pieces - len(objects.parts))
    parts = [replace(p, role=Role.PIECE, body="", mass_kg=0.0) for p in objects.parts]
    slabs = [p for p in pieces if isinstance(p, Primitive)]
    parts += [_piece(f"slab_{i + 1}", s) for i, s in enumerate(slabs)]
    parts += [_piece(f"hull_{i + 1}", h) for i, h in enumerate(p for p in pieces if isinstance(p, Hull))]
    progress(0.9, "measuring")
    error = _error(surface, parts)
    counts = objects.counts | {"pieces": len(parts), "slabs": len(slabs), "hulls": len(pieces) - len(slabs)}
    counts |= {"joined_at_m": joined_at, "free_filled_share": round(_filled(parts, found), 5)}
    counts["triangles"] = sum(len(p.triangles) for p in parts)
    progress(1.0, "done")
    findings += [*objects.findings, *_judged(error, len(parts), params)]
    return Outcome(CollisionProxy(tuple(parts), "convex", error), counts, tuple(findings))


def _structure(
    vertices: npt.NDArray[np.float32], triangles: npt.NDArray[np.int32], found: Scan, params: Params, most: int
) -> tuple[list[Primitive | Hull], float]:
    """Cut the structure into boxes and hulls, and join those that may be joined; return them and the tolerance."""
    boxes, flat = flat_boxes(vertices, triangles, params.cell, params.thickness)
    pieces = [Piece(primitive_mesh(b)[0].astype(np.float64), front_of(b), b) for b in boxes]
    # what is large and flat stays exactly that
    large = [p for p, b in zip(pieces, boxes, strict=True) if b.size[:2].min() >= _LARGE_M]
    pieces = [p for p, b in zip(pieces, boxes, strict=True) if b.size[:2].min() < _LARGE_M]
    for hull, front in rough_hulls(vertices, triangles[~flat], params.rough_cell, params.thickness):
        pieces.append(Piece(hull.vertices, front, hull))
    tolerance = params.join_tolerance
    if tolerance:
        pieces, tolerance = merged(pieces, partial(_is_free, found), most - len(large), tolerance)
    shapes = [p.shape or hull_of(p.corners) for p in large + pieces]
    return [s for s in shapes if s is not None], tolerance


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
        corner = part.vertices[part.triangles[:, 0]].astype(np.float64)
        outwards = normals(part.vertices, part.triangles).astype(np.float64)
        beyond = grid.to_world(at) @ outwards.T - (outwards * corner).sum(axis=1)
        at = at[(beyond < 0).all(axis=1)]
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


def _error(surface: Surface, parts: list[CollisionPart]) -> dict[str, float]:
    """Distances [m] from the surface to the pieces' outsides: "median" and "p95"; and "proud_p95", how far pieces
    stick out of the surface into free space where they do."""
    from ..kernels.mesh_distance import mesh_distance

    whole = CollisionProxy(tuple(parts), "convex", {}).welded()
    seen = samples_on(*surface, _SAMPLES)[0]
    near = mesh_distance(*whole, seen).distance
    points, _ = samples_on(*whole, _SAMPLES)
    nearest = mesh_distance(*surface, points)
    front = normals(*surface)[np.maximum(nearest.triangle, 0)]
    front = front / np.maximum(np.linalg.norm(front, axis=1, keepdims=True), 1e-20)
    proud = np.maximum(((points - nearest.point) * front).sum(axis=1), 0.0)
    median, p95 = np.quantile(near, (0.5, 0.95))
    return {"median": float(median), "p95": float(p95), "proud_p95": float(np.quantile(proud, 0.95))}


def _judged(error: dict[str, float], pieces: int, params: Params) -> list[Finding]:
    text = (
        f"95 % of the surface lies within {100 * error['p95']:.1f} cm of its convex pieces (wanted: "
        f"{100 * params.max_error_p95:.1f} cm), and 95 % of the pieces stick out of it by less than "
        f"{100 * error['proud_p95']:.1f} cm."
    )
    worst = max(error["p95"], error["proud_p95"])
    severity = Severity.WARNING if worst > params.max_error_p95 else Severity.INFO
    found = [Finding("collide.convex_error", severity, text, worst, params.max_error_p95)]
    if pieces > params.max_pieces:
        text = f"The scene needs {pieces} convex pieces; above {params.max_pieces} engines step slowly."
        found.append(Finding("collide.pieces", Severity.WARNING, text, float(pieces), float(params.max_pieces)))
    return found

"""Everything as convex pieces, for engines such as MuJoCo that take every mesh for its convex hull."""

from __future__ import annotations

from dataclasses import dataclass, replace

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
from ._objects.hulls import Hull
from ._objects.objects import METHODS, find_objects
from ._objects.shapes import primitive_mesh
from ._objects.slabs import flat_boxes, rough_hulls
from ._scan.scan import ScanParams, scan

__all__ = ["Params", "run"]

_SAMPLES = 20_000

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
    max_pieces: int = param(3000, "More pieces than this are a warning.", min=1)


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
    boxes, flat = flat_boxes(vertices, triangles, params.cell, params.thickness)
    hulls = rough_hulls(vertices, triangles[~flat], params.rough_cell, params.thickness)
    parts = [replace(p, role=Role.PIECE, body="", mass_kg=0.0) for p in objects.parts]
    parts += [_piece(f"slab_{i + 1}", b) for i, b in enumerate(boxes)]
    parts += [_piece(f"hull_{i + 1}", h) for i, h in enumerate(hulls)]
    progress(0.9, "measuring")
    error = _error(surface, parts)
    counts = objects.counts | {"pieces": len(parts), "slabs": len(boxes), "hulls": len(hulls)}
    counts["triangles"] = sum(len(p.triangles) for p in parts)
    progress(1.0, "done")
    findings += [*objects.findings, *_judged(error, len(parts), params)]
    return Outcome(CollisionProxy(tuple(parts), "convex", error), counts, tuple(findings))


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

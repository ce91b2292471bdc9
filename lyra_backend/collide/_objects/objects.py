"""Objects that stand free: found in the environment's surface, given simple shapes, and cut out of it."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ...types import Approximation, CollisionPart, Finding, GaussianCloud, Primitive, Role, Severity
from .._mesh.triangles import normals
from .apart import interlocked, rests_safely, trimmed
from .cut import crumbs_below, ground_gap, is_level, patch_below, without
from .fit import Thing, fit_primitives, rim_of
from .hulls import Hull
from .kinds import kinds_of, split_by_kind
from .materials import substance_of
from .pieces import convex_pieces
from .segment import segment
from .shapes import hulls_error, primitive_mesh, single_hulls

__all__ = ["METHODS", "FoundObjects", "find_objects"]

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.integer]
Bools = npt.NDArray[np.bool_]
Surface = tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]

#: Ways to describe objects that are no box, cylinder or sphere: none looks for no objects at all.
METHODS = ("none", "primitives", "coacd")

_FITS_M, _FITS_SHARE = 0.015, 0.05  # error of a fit: this, or a share of the size
_BODY_M, _HULL_M = 0.03, 0.05  # but no more than this for a primitive and for a single hull
_POOR_M = 0.05  # error of an object that is worth a warning
_FOLD_M = 0.012  # surface with its back nearer than this is a fold at an edge
#: Objects that hang higher than this above what is below them stay where they are: their legs are too thin for the
#: lattice, and let go they would fall.
_HANGS_M = 0.03


@dataclass(frozen=True)
class FoundObjects:
    """What became of the environment's surface.

    Attributes:
        environment: everything that does not move, as (vertices (V, 3) [m], triangles (F, 3)); what came in unless
            objects are dynamic.
        structure: the environment without any object, closed where they stood.
        parts: convex shapes of the objects; those with one `body` are one object.
        findings: what is worth knowing.
        counts: numbers for the report.
    """

    environment: Surface
    structure: Surface
    parts: tuple[CollisionPart, ...]
    findings: tuple[Finding, ...]
    counts: dict[str, int | float]

    def all_parts(self) -> tuple[CollisionPart, ...]:
        """Return environment, objects and, where it differs from the environment, the structure."""
        kind = "environment"
        parts = (CollisionPart("environment", *self.environment, kind), *self.parts)
        if all(p.dynamic for p in self.parts):
            return parts
        return (*parts, CollisionPart("structure", *self.structure, kind, role=Role.STRUCTURE))


@dataclass(frozen=True)
class _Solved:
    """Shape of one object: primitives or hulls, and the 95 % quantile of their distance to its surface [m]."""

    shapes: tuple[Primitive | Hull, ...]
    error_m: float


def find_objects(
    vertices: Floats,
    triangles: Ints,
    cloud: GaussianCloud | None = None,
    *,
    method: str = "primitives",
    dynamic: bool = False,
) -> FoundObjects:
    """Find objects that stand free in a surface (V, 3) [m], (F, 3) that is wound to free space.

    Args:
        vertices: corners, WORLD frame.
        triangles: the whole environment.
        cloud: Gaussians whose classes tell touching objects apart and name them.
        method: one of `METHODS`: "primitives" cuts what is no box, cylinder or sphere along its own axes, "coacd"
            lets CoACD cut it.
        dynamic: cut objects out of the environment and let them move.

    Raises:
        MissingDependency: the method is "coacd" and that is not installed.
    """
    whole: Surface = (np.asarray(vertices, np.float32), np.asarray(triangles, np.int32))
    if method == "none" or not len(triangles):
        return FoundObjects(whole, whole, (), (), {"objects": 0})
    found = segment(vertices, triangles)
    label, kinds = found.label.copy(), ["unknown"] * found.count
    if cloud is not None and cloud.class_ids is not None and found.count:
        label, kinds = split_by_kind(*whole, label, found.outer, kinds_of(*whole, label, found.outer, cloud))
    owner = np.where(found.outer, label, -1)
    things = _things(*whole, owner, len(kinds))
    kept = [i for i, thing in enumerate(things) if len(thing.faces) >= 4]
    solved = _solve([things[i] for i in kept], [_lids(*whole, label, found.outer, i) for i in kept], method)
    usable = [(i, s) for i, s in zip(kept, solved, strict=True) if s.shapes]
    structure = without(*whole, label, {i: things[i] for i, _ in usable})
    environment, moving = whole, list[int]()
    if dynamic:
        left = crumbs_below(*whole, label, {i: things[i] for i, _ in usable}) < 0
        fixed = whole[0][np.unique(whole[1][left])]
        usable = _separated(usable)
        moving = _movable(structure, fixed, things, usable)
        leaving = {i: things[i] for i in moving}
        environment = without(*whole, crumbs_below(*whole, label, leaving), leaving)
    names = _names([kinds[i] for i, _ in usable])
    parts = [p for name, (i, s) in zip(names, usable, strict=True) for p in _parts(name, kinds[i], s, i in moving)]
    findings = _findings(names, usable, moving, dynamic)
    return FoundObjects(environment, structure, tuple(parts), tuple(findings), _counts(usable, parts, moving))


def _things(vertices: Floats, triangles: Ints, owner: Ints, count: int) -> list[Thing]:
    """Return each object's surface, with and without folds."""
    from ...kernels.mesh_distance import mesh_rays

    mine = owner >= 0
    some = triangles[mine]
    if not len(some):
        return []
    _, index, uses = np.unique(np.sort(some, axis=1), axis=0, return_inverse=True, return_counts=True)
    normal = normals(vertices, some)
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-20)
    behind = mesh_rays(vertices, some, vertices[some].mean(axis=1) - 1e-4 * normal, -normal).distance
    solid = (uses[index.ravel()] == 1) & (behind > _FOLD_M)
    things = []
    for i in range(count):
        of = owner[mine] == i
        faces = some[of & solid]
        # paper and cloth are nothing but folds
        things.append(
            Thing(vertices, some[of], faces if 2 * len(faces) > of.sum() else some[of], rim_of(vertices, some[of]))
        )
    return things


def _lids(vertices: Floats, triangles: Ints, label: Ints, outer: Bools, host: int) -> Surface | None:
    """Surface of `host` under the objects that stand on it."""
    mine = np.zeros(len(vertices), bool)
    mine[triangles[label == host]] = True
    base = vertices[triangles[label == host], 2].min()
    patches = []
    for guest in np.unique(label[(label >= 0) & (label != host) & mine[triangles].any(axis=1)]):
        surface = triangles[(label == guest) & outer]
        if len(surface) and vertices[surface, 2].min() > base + _HANGS_M:
            patches.append(patch_below(vertices, surface))
    from ...types.mesh import concatenate_meshes

    return concatenate_meshes(patches) if patches else None


def _solve(things: list[Thing], lids: list[Surface | None], method: str) -> list[_Solved]:
    """Return the simplest shape of each object that fits."""
    if not things:
        return []
    best = [_Solved((fit.primitive,), fit.error_m) for fit in fit_primitives(things)]
    rest = [i for i, s in enumerate(best) if s.error_m > _limit(things[i], _BODY_M)]
    for pieces_of in (single_hulls, _cutter(method)):
        hulls = [pieces_of(things[i], lids[i]) for i in rest]
        errors = hulls_error([things[i] for i in rest], hulls)
        for i, group, error in zip(rest, hulls, errors, strict=True):
            # a primitive that is no worse than the pieces is the better shape all the same
            if group and error < best[i].error_m:
                best[i] = _Solved(tuple(group), error)
        rest = [i for i in rest if best[i].error_m > _limit(things[i], _HULL_M)]
    return best


def _cutter(method: str):  # type: ignore[no-untyped-def]
    if method != "coacd":
        return convex_pieces
    from .coacd_pieces import coacd_pieces

    return coacd_pieces


def _limit(thing: Thing, most: float) -> float:
    size = np.ptp(thing.vertices[thing.faces].reshape(-1, 3), axis=0).astype(np.float64)
    return float(np.clip(_FITS_SHARE * size.prod() ** (1 / 3), _FITS_M, most))


def _movable(structure: Surface, fixed: Floats, things: list[Thing], usable: list[tuple[int, _Solved]]) -> list[int]:
    """Objects that stand safely on something level and touch nothing else."""
    groups = [[_as_hull(s) for s in solved.shapes] for _, solved in usable]
    gaps = ground_gap(structure, [things[i] for i, _ in usable])
    locked = interlocked(groups, fixed)
    moving = [
        k
        for k, ((i, _), gap, stuck) in enumerate(zip(usable, gaps, locked, strict=True))
        if gap <= _HANGS_M and not stuck and is_level(things[i]) and rests_safely(groups[k])
    ]
    while True:
        # what stays where it is may hold others fast
        staying = [things[i] for k, (i, _) in enumerate(usable) if k not in moving]
        points = np.concatenate([np.zeros((0, 3)), *(t.vertices[np.unique(t.faces)] for t in staying)])
        stuck_now = interlocked([groups[k] for k in moving], points)
        if not any(stuck_now):
            return [usable[k][0] for k in moving]
        moving = [k for k, stuck in zip(moving, stuck_now, strict=True) if not stuck]


def _separated(usable: list[tuple[int, _Solved]]) -> list[tuple[int, _Solved]]:
    """Cut objects back where they overlap larger ones; only those that have to lose their simple shape."""
    groups = [[_as_hull(s) for s in solved.shapes] for _, solved in usable]
    result = []
    for (i, solved), before, after in zip(usable, groups, trimmed(groups), strict=True):
        changed = any(a is not b for a, b in zip(before, after, strict=True))
        result.append((i, replace(solved, shapes=tuple(after)) if changed else solved))
    return result


def _as_hull(shape: Primitive | Hull) -> Hull:
    if isinstance(shape, Hull):
        return shape
    return Hull(*primitive_mesh(shape), shape.volume_m3)


def _names(kinds: list[str]) -> list[str]:
    """USD identifiers, numbered from 1 within each class."""
    seen: Counter[str] = Counter()
    names = []
    for kind in kinds:
        word = re.sub(r"\W", "_", kind if kind != "unknown" else "object", flags=re.ASCII)
        word = word if word and not word[0].isdigit() else f"object_{word}"
        seen[word] += 1
        names.append(f"{word}_{seen[word]}")
    return names


def _as_surface(hull: Hull) -> Surface:
    return hull.vertices.astype(np.float32), hull.triangles.astype(np.int32)


def _parts(name: str, kind: str, solved: _Solved, dynamic: bool) -> list[CollisionPart]:
    substance = substance_of(kind)
    parts = []
    for k, shape in enumerate(solved.shapes):
        surface = primitive_mesh(shape) if isinstance(shape, Primitive) else _as_surface(shape)
        part = CollisionPart(name, *surface, kind, Approximation.CONVEX_HULL, Role.OBJECT, None, name)
        if len(solved.shapes) > 1:
            part = replace(part, name=f"{name}_{k + 1}")
        parts.append(
            replace(
                part,
                primitive=shape if isinstance(shape, Primitive) else None,
                mass_kg=float(shape.volume_m3 * substance.density_kg_m3),
                friction=substance.friction,
                dynamic=dynamic,
            )
        )
    return parts


def _counts(usable: list[tuple[int, _Solved]], parts: list[CollisionPart], moving: list[int]) -> dict[str, int | float]:
    primitives = [s for _, s in usable if isinstance(s.shapes[0], Primitive)]
    counts: dict[str, int | float] = {
        "objects": len(usable),
        "objects_primitive": len(primitives),
        "objects_moving": len(moving),
        "object_shapes": len(parts),
    }
    if usable:
        counts["object_error_p95_max_m"] = round(max(s.error_m for _, s in usable), 4)
    return counts


def _findings(names: list[str], usable: list[tuple[int, _Solved]], moving: list[int], dynamic: bool) -> list[Finding]:
    found = []
    poor = [(s.error_m, name) for name, (_, s) in zip(names, usable, strict=True) if s.error_m > _POOR_M]
    if poor:
        worst, name = max(poor)
        text = (
            f"The simple shapes of {len(poor)} of {len(names)} objects are more than {100 * _POOR_M:.0f} cm off their "
            f"surface (95 % quantile), worst {name} by {100 * worst:.1f} cm; collide.objects=coacd cuts more "
            "closely. The mesh of the whole (variant single) is not made of them."
        )
        found.append(Finding("collide.object_error", Severity.WARNING, text, worst, _POOR_M, where=name))
    thick = [
        (max(h.thickened for h in s.shapes if isinstance(h, Hull)), name)
        for name, (_, s) in zip(names, usable, strict=True)
        if isinstance(s.shapes[0], Hull)
    ]
    thick = [entry for entry in thick if entry[0] > 0]
    if thick:
        most, name = max(thick)
        text = (
            f"{len(thick)} objects have pieces too thin for engines (size over 100 times the radius inside); they were "
            f"made thicker by at most {1000 * most:.0f} mm."
        )
        found.append(Finding("collide.hull_thickened", Severity.INFO, text, most, 0.0, where=name))
    still = [name for name, (i, _) in zip(names, usable, strict=True) if i not in moving]
    if dynamic and still:
        text = (
            f"{len(still)} of {len(names)} objects stay fixed, because they overlap something, hang, lie in uneven "
            f"ground or would fall over: {', '.join(still[:8])}{' and others' if len(still) > 8 else ''}."
        )
        found.append(Finding("collide.object_fixed", Severity.INFO, text, float(len(still)), 0.0))
    return found

"""Objects that stand free: found in the environment's surface, given simple shapes, and cut out of it."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ...progress import Progress
from ...types import Approximation, CollisionPart, Finding, GaussianCloud, Primitive, Role
from ...types.mesh import concatenate_meshes
from .._mesh.triangles import normals
from .apart import touching
from .coacd_pieces import require_coacd
from .cut import crumbs_below, patch_below, without
from .fit import Thing, rim_of
from .hulls import Hull
from .kinds import kinds_of, plausible, split_by_kind
from .materials import substance_of
from .moving import movable, separated
from .plates import plates_below
from .segment import segment
from .shapes import primitive_mesh
from .solve import METHODS, Solved, as_hull, solve
from .standing import HANGS_M, feet_of
from .support import carried
from .told import object_counts, object_findings

__all__ = ["METHODS", "FoundObjects", "check_needs", "find_objects"]

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.integer]
Bools = npt.NDArray[np.bool_]
Surface = tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]

_FOLD_M = 0.012  # surface with its back nearer than this is a fold at an edge


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


def check_needs(params: Any) -> None:
    """Refuse, before any work, a method of the collider's `params` whose package is not installed.

    Raises:
        MissingDependency: it is coacd.
    """
    if params.objects == "coacd":
        require_coacd()


def find_objects(
    vertices: Floats,
    triangles: Ints,
    cloud: GaussianCloud | None = None,
    *,
    method: str = "primitives",
    dynamic: bool = False,
    progress: Progress | None = None,
) -> FoundObjects:
    """Find objects that stand free in a surface (V, 3) [m], (F, 3) that is wound to free space.

    Args:
        vertices: corners, WORLD frame.
        triangles: the whole environment.
        cloud: Gaussians whose classes tell touching objects apart and name them.
        method: one of `METHODS`: "primitives" cuts what is no box, cylinder or sphere along its own axes, "coacd"
            lets CoACD cut it.
        dynamic: cut objects out of the environment and let them move.
        progress: asked between the steps.

    Raises:
        MissingDependency: the method is "coacd" and that is not installed.
    """
    whole: Surface = (np.asarray(vertices, np.float32), np.asarray(triangles, np.int32))
    if method == "none" or not len(triangles):
        return FoundObjects(whole, whole, (), (), {"objects": 0})
    tell = progress or Progress()
    tell(0.0, "looking for objects")
    found = segment(vertices, triangles)
    tell(0.3, "telling objects apart")
    label, kinds = found.label.copy(), ["unknown"] * found.count
    if cloud is not None and cloud.class_ids is not None and found.count:
        label, kinds = split_by_kind(*whole, label, found.outer, kinds_of(*whole, label, found.outer, cloud))
    owner = np.where(found.outer, label, -1)
    kinds = [plausible(kind, whole[0], whole[1][owner == i]) for i, kind in enumerate(kinds)]
    things = _things(*whole, owner, len(kinds))
    kept = [i for i, thing in enumerate(things) if len(thing.faces) >= 4]
    tell(0.6, "fitting shapes to objects")
    solved = solve([things[i] for i in kept], [_lids(*whole, label, found.outer, i) for i in kept], method)
    usable = [(i, s) for i, s in zip(kept, solved, strict=True) if s.shapes]
    tell(0.9, "taking objects out")
    structure = without(*whole, label, {i: things[i] for i, _ in usable})
    environment, moving = whole, dict[int, float]()
    if dynamic:
        left = crumbs_below(*whole, label, {i: things[i] for i, _ in usable}) < 0
        fixed = whole[0][np.unique(whole[1][left])]
        usable = separated(usable)
        clear = without(*whole, label, {i: things[i] for i, _ in usable}, crumbs=False)
        moving, usable = movable(clear, fixed, things, usable)
        environment, moving = _let_go(whole, clear, label, things, usable, moving)
    names = _names([kinds[i] for i, _ in usable])
    parts = [p for name, (i, s) in zip(names, usable, strict=True) for p in _parts(name, kinds[i], s, i in moving)]
    findings = object_findings(names, usable, moving, dynamic)
    return FoundObjects(environment, structure, tuple(parts), tuple(findings), object_counts(usable, parts, moving))


def _let_go(
    whole: Surface,
    clear: Surface,
    label: Ints,
    things: list[Thing],
    usable: list[tuple[int, Solved]],
    moving: dict[int, float],
) -> tuple[Surface, dict[int, float]]:
    """Take what moves out of the surface, but for what the rest reaches into or does not carry; return both."""
    shapes = {i: [as_hull(s) for s in solved.shapes] for i, solved in usable}
    plates = plates_below({i: feet_of(shapes[i]) for i in moving}, moving, clear)
    while True:
        groups = [shapes[i] for i in moving]
        on = {i: plates[i] for i in moving}
        environment = without(*whole, label, {i: things[i] for i in moving}, plates=on, crumbs=False)
        held = [a or not b for a, b in zip(touching(groups, environment), carried(groups, environment), strict=True)]
        if not any(held):
            return environment, moving
        moving = {i: level for (i, level), stuck in zip(moving.items(), held, strict=True) if not stuck}


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
        if len(surface) and vertices[surface, 2].min() > base + HANGS_M:
            patches.append(patch_below(vertices, surface))
    return concatenate_meshes(patches) if patches else None


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


def _parts(name: str, kind: str, solved: Solved, dynamic: bool) -> list[CollisionPart]:
    substance = substance_of(kind)
    volume = float(sum(shape.volume_m3 for shape in solved.shapes))
    density = substance.mass_of(volume) / max(volume, 1e-9)
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
                mass_kg=float(shape.volume_m3 * density),
                friction=substance.friction,
                dynamic=dynamic,
            )
        )
    return parts

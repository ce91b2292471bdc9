"""What a scene was composed of as shapes that physics engines take as they are.

Does: take each closed piece of each element for a box, if it is one, or for its convex hull, if it is convex and an
engine would not simplify it; all other triangles stay triangles, one mesh a class. Does not: leave out what is hidden
(pieces may overlap), or approximate.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...types import Approximation, CollisionPart, Primitive, Role, Shape
from ...types.mesh import concatenate_meshes, triangle_normals_and_areas
from ...types.rotations import quat_from_matrix
from .elements import Element
from .patches import connected_pieces, merged_positions

__all__ = ["exact_colliders"]

Floats = npt.NDArray[np.floating]
Integers = npt.NDArray[np.integer]

#: Corners at which engines begin to simplify hulls, and how thin hulls may be: largest size over smallest depth below
#: the middle. PhysX refuses hulls beyond 100 times their insphere's radius.
_MOST_CORNERS, _THINNEST = 64, 80.0
#: How far corners may lie off a plane to count as on it, as a share of the piece's size.
_FLATNESS = 1e-5


@dataclass(frozen=True, eq=False)
class _Piece:
    """A connected part of an element in the world: `vertices` (V, 3) [m] and outward `triangles` (F, 3)."""

    vertices: Floats
    triangles: Integers


def exact_colliders(elements: Sequence[Element]) -> tuple[CollisionPart, ...]:
    """Return colliders whose surfaces together are those of `elements`, frame WORLD, all of role EXACT."""
    parts: list[CollisionPart] = []
    loose: dict[str, list[tuple[Floats, Integers]]] = {}
    for element in elements:
        for piece in _pieces(element):
            name = f"{_identifier(element.name)}_{len(parts)}"
            part = _convex(name, element.class_name, piece) if element.solid else None
            if part is None:
                loose.setdefault(element.class_name, []).append((piece.vertices, piece.triangles))
            else:
                parts.append(part)
    for class_name, meshes in loose.items():
        vertices, triangles = concatenate_meshes(meshes)  # type: ignore[arg-type]
        name = f"{_identifier(class_name)}_surface"
        parts.append(CollisionPart(name, vertices, triangles, class_name, role=Role.EXACT))
    return tuple(parts)


def _identifier(text: str) -> str:
    """Return `text` as what USD takes for a prim's name."""
    return re.sub(r"^(?=\d)", "_", re.sub(r"\W", "_", text, flags=re.ASCII))


def _pieces(element: Element) -> Iterator[_Piece]:
    pose = np.asarray(element.pose, np.float64)
    corners = np.asarray(element.vertices, np.float64)[np.asarray(element.triangles)]
    corners = corners[triangle_normals_and_areas(corners)[1] > 0] @ pose[:3, :3].T + pose[:3, 3]
    labels, count = connected_pieces(corners)
    for label in range(count):
        mine = corners[labels == label]
        index, _ = merged_positions(mine.reshape(-1, 3))
        first = np.unique(index, return_index=True)[1]
        yield _Piece(mine.reshape(-1, 3)[first], index.reshape(-1, 3))


def _convex(name: str, class_name: str, piece: _Piece) -> CollisionPart | None:
    """Return a piece as a box or a hull; None if it is not convex, not closed, or not for engines."""
    if len(piece.vertices) > _MOST_CORNERS or not _is_closed(piece.triangles):
        return None
    normals, _ = triangle_normals_and_areas(piece.vertices[piece.triangles])
    size = float(np.ptp(piece.vertices, axis=0).max())
    offsets = np.einsum("fk,fk->f", normals, piece.vertices[piece.triangles[:, 0]])
    heights = piece.vertices @ normals.T - offsets
    if heights.max() > _FLATNESS * size:
        return None
    part = CollisionPart(
        name,
        piece.vertices.astype(np.float32),
        piece.triangles.astype(np.int32),
        class_name,
        Approximation.CONVEX_HULL,
        Role.EXACT,
        _box(piece, normals, size),
    )
    depth = float((offsets - normals @ piece.vertices.mean(axis=0)).min())
    return part if part.primitive is not None or depth * _THINNEST >= size else None


def _is_closed(triangles: Integers) -> bool:
    """Return whether each edge is passed once in each direction."""
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    there, counts = np.unique(edges, axis=0, return_counts=True)
    return bool((counts == 1).all()) and np.array_equal(there, np.unique(edges[:, ::-1], axis=0))


def _box(piece: _Piece, normals: Floats, size: float) -> Primitive | None:
    """Return the box that a convex piece is, None if it is another shape."""
    if len(piece.vertices) != 8:
        return None
    axes = _axes(normals)
    if axes is None:
        return None
    local = piece.vertices @ axes.T
    low, high = local.min(axis=0), local.max(axis=0)
    # Eight different corners, each at one end of every axis, are those of a box.
    if (np.minimum(local - low, high - local) > _FLATNESS * size).any():
        return None
    return Primitive(
        Shape.BOX,
        ((low + high) / 2 @ axes).astype(np.float32),
        quat_from_matrix(axes.T).astype(np.float32),
        (high - low).astype(np.float32),
    )


def _axes(normals: Floats) -> Floats | None:
    """Return three right-angled directions (3, 3), right-handed, among the normals (F, 3); None without such."""
    first = normals[0]
    across = np.flatnonzero(np.abs(normals @ first) < _FLATNESS)
    if not len(across):
        return None
    second = normals[across[0]]
    return np.stack([first, second, np.cross(first, second)])

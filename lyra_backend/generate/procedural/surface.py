"""From composed elements to the scene's exact surface: what a camera can see and a robot can touch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...errors import InvalidRequest
from ...progress import Progress
from ...types import TexturedMesh, TexturedPart
from .cover import Cover, uncovered_quads, uncovered_triangles
from .elements import Element, Material
from .patches import Faces, connected_pieces, join_quads, merged_positions
from .texture import make_texture
from .unwrap import box_uvs

__all__ = ["surface_from"]

Floats = npt.NDArray[np.floating]
Integers = npt.NDArray[np.integer]


@dataclass(frozen=True, eq=False)
class _Soup:
    """All triangles of all elements in the world: corners (F, 3, 3) [m], uvs (F, 3, 2), element and piece (F,).

    A piece is a connected part of an element; `is_solid` (E,) says which elements are closed.
    """

    corners: Floats
    uvs: Floats
    element: Integers
    piece: Integers
    is_solid: npt.NDArray[np.bool_]


def surface_from(elements: Sequence[Element], seed: int, progress: Progress) -> TexturedMesh:
    """Return the textured surface of the scene without the parts that nothing can see or touch.

    Faces buried in other solids, resting on them, under floors and behind walls are left out. Faces that are hidden
    in part are cut along what hides them where that is rectangular, else into pieces below 0.1 m.

    Args:
        elements: everything that has a surface.
        seed: chooses texture details and where on its texture an element starts.
        progress: told about the steps.

    Returns:
        Parts per material, in order of first use; class names are "unknown" and then sorted.

    Raises:
        InvalidRequest: no elements, or one that is not a triangle mesh.
    """
    if not elements:
        raise InvalidRequest("A scene needs at least one element with a surface, got none.")
    progress(0.0, "placing elements")
    soup = _soup(elements, seed)
    progress(0.1, "looking for hidden faces")
    triangles = _uncovered(soup, progress)
    progress(0.7, "painting textures")
    materials = list(dict.fromkeys(e.material for e in elements))
    class_names = ("unknown", *sorted({e.class_name for e in elements} - {"unknown"}))
    class_of = np.array([class_names.index(e.class_name) for e in elements])
    material_of = np.array([materials.index(e.material) for e in elements])
    parts = []
    for i, material in enumerate(materials):
        mine = triangles.select(material_of[triangles.owners] == i)
        if len(mine):
            parts.append(_part(f"{material.pattern}_{i}", mine, class_of[mine.owners], material, seed))
        progress(0.7 + 0.3 * (i + 1) / len(materials), f"painted {material.pattern}")
    return TexturedMesh(tuple(parts), class_names)


def _soup(elements: Sequence[Element], seed: int) -> _Soup:
    corners, uvs, element, piece, pieces = [], [], [], [], 0
    for i, e in enumerate(elements):
        local, pose = _checked(e), np.asarray(e.pose, np.float64)
        keep = np.linalg.norm(np.cross(local[:, 1] - local[:, 0], local[:, 2] - local[:, 0]), axis=1) > 1e-10
        local = local[keep]
        corners.append(local @ pose[:3, :3].T + pose[:3, 3])
        uvs.append(box_uvs(local, e.material, np.random.default_rng([seed, 7_001, i])))
        element.append(np.full(len(local), i))
        labels, count = connected_pieces(local)
        piece.append(labels + pieces)
        pieces += count
    join = np.concatenate
    return _Soup(join(corners), join(uvs), join(element), join(piece), np.array([e.solid for e in elements]))


def _checked(e: Element) -> Floats:
    """Return the corners (F, 3, 3) [m] of an element in its own frame."""
    vertices, triangles = np.asarray(e.vertices, np.float64), np.asarray(e.triangles)
    if vertices.ndim != 2 or vertices.shape[1] != 3 or triangles.ndim != 2 or triangles.shape[1] != 3:
        raise InvalidRequest(
            f"Element {e.name!r} must have vertices (V, 3) and triangles (F, 3), got {vertices.shape} and "
            f"{triangles.shape}."
        )
    if not len(triangles) or triangles.min() < 0 or triangles.max() >= len(vertices):
        raise InvalidRequest(f"Element {e.name!r} must have triangles that index its {len(vertices)} vertices.")
    if np.asarray(e.pose).shape != (4, 4) or not np.isfinite(vertices).all() or not np.isfinite(e.pose).all():
        raise InvalidRequest(f"Element {e.name!r} must have finite vertices and a finite pose (4, 4).")
    return vertices[triangles]


def _uncovered(soup: _Soup, progress: Progress) -> Faces:
    """Return the triangles that stay; their owners are element indices."""
    quads, triangles, quad_triangle, loose = _faces(soup)
    cover, box_of_piece = _cover(soup, quads.corners, soup.element[quad_triangle])
    progress(0.2, "looking for hidden faces")
    quads = uncovered_quads(quads, box_of_piece[soup.piece[quad_triangle]], cover)
    progress(0.5, "looking for hidden faces")
    triangles = uncovered_triangles(triangles, box_of_piece[soup.piece[loose]], cover)
    halves = [Faces(quads.corners[:, c], quads.uvs[:, c], quads.owners) for c in ([0, 1, 3], [2, 3, 1])]
    return Faces.concatenate([*halves, triangles])


def _faces(soup: _Soup) -> tuple[Faces, Faces, Integers, Integers]:
    """Return rectangles, the other triangles, a triangle of each rectangle, and the triangles that are in none."""
    pairs = join_quads(soup.corners, soup.element, least_cosine=1 - 1e-7)
    corners = soup.corners[pairs[..., 0], pairs[..., 1]]
    uvs = soup.uvs[pairs[..., 0], pairs[..., 1]]
    a, b = corners[:, 1] - corners[:, 0], corners[:, 3] - corners[:, 0]
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    square = np.abs(np.einsum("nk,nk->n", a, b)) < 1e-4 * lengths
    square &= np.linalg.norm(corners[:, 2] - corners[:, 1] - b, axis=1) < 1e-4 * np.linalg.norm(b, axis=1)
    pairs, corners, uvs = pairs[square], corners[square], uvs[square]
    alone = np.ones(len(soup.corners), bool)
    alone[pairs[..., 0].ravel()] = False
    loose = np.flatnonzero(alone)
    quads = Faces(corners, uvs, soup.element[pairs[:, 0, 0]])
    return quads, Faces(soup.corners[loose], soup.uvs[loose], soup.element[loose]), pairs[:, 0, 0], loose


def _cover(soup: _Soup, quads: Floats, quad_element: Integers) -> tuple[Cover, Integers]:
    """Return what can hide faces, and the box of each piece (-1 for pieces of sheets)."""
    solid = soup.is_solid[soup.element]
    order = np.flatnonzero(solid)[np.argsort(soup.piece[solid], kind="stable")]
    pieces, starts = np.unique(soup.piece[order], return_index=True)
    box_of_piece = np.full(int(soup.piece.max()) + 1, -1)
    box_of_piece[pieces] = np.arange(len(pieces))
    flat = np.repeat(quads[~soup.is_solid[quad_element]], 2, axis=1)
    boxes = np.concatenate([_boxes(soup.corners[order], starts), flat])
    cover = Cover(
        soup.corners[order].reshape(-1, 3),
        np.arange(3 * len(order)).reshape(-1, 3),
        np.append(starts, len(order)),
        soup.corners[~solid].reshape(-1, 3),
        np.arange(3 * int((~solid).sum())).reshape(-1, 3),
        boxes,
    )
    return cover, box_of_piece


def _boxes(corners: Floats, starts: Integers) -> Floats:
    """Return boxes (B, 8, 3) around runs of triangles (F, 3, 3), upright and turned like each run's largest face."""
    if not len(starts):
        return np.zeros((0, 8, 3))
    run = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(corners))))
    frames = _upright_frames(corners, run, len(starts))
    local = np.einsum("fck,fak->fca", corners, frames[run])
    low = np.minimum.reduceat(local.min(axis=1), starts)
    high = np.maximum.reduceat(local.max(axis=1), starts)
    pick = np.array([[i >> 2 & 1, i >> 1 & 1, i & 1] for i in range(8)], bool)
    return np.einsum("bca,bak->bck", np.where(pick, high[:, None], low[:, None]), frames)


def _upright_frames(corners: Floats, run: Integers, count: int) -> Floats:
    """Return axes (count, 3, 3): the third is up, the first lies along the largest upright face of each run."""
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    area = np.linalg.norm(cross, axis=1)
    side = np.where(np.abs(cross[:, 2]) < 1e-3 * area, area, 0.0)
    order = np.lexsort((-side, run))
    largest = order[np.unique(run[order], return_index=True)[1]]
    normal = np.where(side[largest, None] > 0, cross[largest] / area[largest, None], (1.0, 0.0, 0.0))
    normal[:, 2] = 0.0
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    up = np.broadcast_to((0.0, 0.0, 1.0), (count, 3))
    return np.stack([normal, np.cross(up, normal), up], axis=1)


def _part(name: str, triangles: Faces, class_ids: Integers, material: Material, seed: int) -> TexturedPart:
    """Join the corners that agree in place and texture coordinates."""
    corners = triangles.corners.reshape(-1, 3)
    uvs = triangles.uvs.reshape(-1, 2)
    index, _ = merged_positions(np.concatenate([corners, uvs], axis=1))
    first = np.unique(index, return_index=True)[1]
    return TexturedPart(
        name=name,
        vertices=corners[first].astype(np.float32),
        triangles=index.reshape(-1, 3).astype(np.int32),
        uvs=uvs[first].astype(np.float32),
        texture=make_texture(material, seed),
        class_ids=class_ids.astype(np.uint16),
    )

"""Triangles: bare ones, and ones that look like something."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ..errors import InvalidRequest
from ._arrays import FloatArray, IntArray, frozen
from .frames import Similarity

__all__ = ["TexturedMesh", "TexturedPart", "TriangleMesh", "concatenate_meshes", "triangle_normals_and_areas"]


@dataclass(frozen=True, eq=False)
class TriangleMesh:
    """Bare triangles.

    Attributes:
        vertices: corners [m], shape (V, 3).
        triangles: vertex indices, shape (F, 3), F > 0.
        name: how messages call it.

    Raises:
        InvalidRequest: no triangles, coordinates that are not finite, or indices beyond the vertices.
    """

    vertices: FloatArray
    triangles: IntArray
    name: str = "mesh"

    def __post_init__(self) -> None:
        object.__setattr__(self, "vertices", frozen(f"{self.name}: vertices", self.vertices, (None, 3)))
        object.__setattr__(self, "triangles", frozen(f"{self.name}: triangles", self.triangles, (None, 3), np.int32))
        if not len(self.triangles):
            raise InvalidRequest(f"{self.name} must hold triangles, got none.")
        if not 0 <= int(self.triangles.min()) <= int(self.triangles.max()) < len(self.vertices):
            raise InvalidRequest(f"{self.name}: triangles must index its {len(self.vertices)} vertices.")

    def transformed(self, similarity: Similarity) -> TriangleMesh:
        """Return the mesh moved with the scene."""
        return replace(self, vertices=similarity.apply(self.vertices))


@dataclass(frozen=True, eq=False)
class TexturedPart:
    """A piece of surface with one material.

    Attributes:
        name: material name, unique in its mesh.
        vertices: corners [m], shape (V, 3).
        triangles: vertex indices, counter-clockwise seen from free space, shape (F, 3).
        uvs: texture coordinates in texture widths, origin at the lower left, repeating, shape (V, 2).
        texture: sRGB image, shape (H, W, 3), uint8, first row at the top; it must tile.
        class_ids: semantic class per triangle, index into the mesh's `class_names`, shape (F,).
    """

    name: str
    vertices: FloatArray
    triangles: IntArray
    uvs: FloatArray
    texture: npt.NDArray[np.uint8]
    class_ids: npt.NDArray[np.uint16]

    def __post_init__(self) -> None:
        keep = object.__setattr__
        keep(self, "vertices", frozen(f"{self.name}.vertices", self.vertices, (None, 3)))
        keep(self, "triangles", frozen(f"{self.name}.triangles", self.triangles, (None, 3), np.int32))
        keep(self, "uvs", frozen(f"{self.name}.uvs", self.uvs, (len(self.vertices), 2)))
        keep(self, "texture", frozen(f"{self.name}.texture", self.texture, (None, None, 3), np.uint8))
        keep(self, "class_ids", frozen(f"{self.name}.class_ids", self.class_ids, (len(self.triangles),), np.uint16))
        if len(self.triangles) and not 0 <= int(self.triangles.min()) <= int(self.triangles.max()) < len(self.vertices):
            raise InvalidRequest(f"{self.name}.triangles must index its {len(self.vertices)} vertices.")


@dataclass(frozen=True, eq=False)
class TexturedMesh:
    """A scene's surface as parts; `class_names[0]` is "unknown"."""

    parts: tuple[TexturedPart, ...]
    class_names: tuple[str, ...] = ("unknown",)

    def transformed(self, similarity: Similarity) -> TexturedMesh:
        """Return the mesh moved with the scene."""
        return replace(self, parts=tuple(replace(p, vertices=similarity.apply(p.vertices)) for p in self.parts))

    def welded(self) -> tuple[FloatArray, IntArray]:
        """Return all parts as one (vertices (V, 3) [m], triangles (F, 3))."""
        return concatenate_meshes([(p.vertices, p.triangles) for p in self.parts])


def concatenate_meshes(meshes: Sequence[tuple[FloatArray, IntArray]]) -> tuple[FloatArray, IntArray]:
    """Join (vertices, triangles) pairs without merging vertices."""
    if not meshes:
        return np.zeros((0, 3), np.float32), np.zeros((0, 3), np.int32)
    offsets = np.cumsum([0, *(len(v) for v, _ in meshes[:-1])])
    vertices = np.concatenate([v for v, _ in meshes]).astype(np.float32)
    triangles = np.concatenate([t + o for (_, t), o in zip(meshes, offsets, strict=True)]).astype(np.int32)
    return vertices, triangles


def triangle_normals_and_areas(corners: npt.ArrayLike) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return unit normals (F, 3), by the right-hand rule, and areas (F,) [m^2] of triangles.

    The normal of a triangle without area is zero.

    Args:
        corners: three corners a triangle [m], shape (F, 3, 3).
    """
    a, b, c = np.moveaxis(np.asarray(corners, np.float64), -2, 0)
    across = np.cross(b - a, c - a)
    doubled = np.linalg.norm(across, axis=-1, keepdims=True)
    normals = np.divide(across, doubled, out=np.zeros_like(across), where=doubled > 0)
    return normals, 0.5 * doubled[..., 0]

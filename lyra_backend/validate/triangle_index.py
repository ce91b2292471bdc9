"""Nearest triangles of points and short segments, by k-d trees over triangles of like size."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from ..types.mesh import triangle_normals_and_areas

__all__ = ["TriangleIndex"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

#: Query points looked up at a time; bounds the number of pairs in memory.
POINTS_AT_ONCE = 4096


class TriangleIndex:
    """Answers questions about the neighbourhood of points in a triangle soup.

    Triangles are grouped by powers of two of their radius, one tree over the centroids of each group, so that a
    floor of two triangles and a terrain of a million are both searched quickly.
    """

    def __init__(self, corners: Floats) -> None:
        """Index triangles with corners (F, 3, 3) [m]."""
        from scipy.spatial import cKDTree

        self._corners = corners
        centroids = corners.mean(axis=1)
        self._radius = np.sqrt(((corners - centroids[:, None]) ** 2).sum(axis=2).max(axis=1))
        size = np.floor(np.log2(np.maximum(self._radius, 1e-6))).astype(np.int64)
        self._groups = []
        for group in np.unique(size):
            members = np.flatnonzero(size == group)
            self._groups.append((members, cKDTree(centroids[members]), float(self._radius[members].max())))

    def normals(self, triangles: Ints) -> Floats:
        """Return unit normals (N, 3) of `triangles` (N,); those of triangles without area are zero."""
        return triangle_normals_and_areas(self._corners[triangles])[0]

    def _near(self, points: Floats, reach: float) -> Iterator[tuple[Ints, Ints]]:
        """Yield (point, triangle) pairs that may be within `reach` of each other; none is left out."""
        from scipy.spatial import cKDTree

        for first in range(0, len(points), POINTS_AT_ONCE):
            tree = cKDTree(points[first : first + POINTS_AT_ONCE])
            for members, centroids, radius in self._groups:
                pairs = tree.sparse_distance_matrix(centroids, reach + radius, output_type="ndarray")
                triangle = members[pairs["j"]]
                close = pairs["v"] <= reach + self._radius[triangle]
                yield pairs["i"][close].astype(np.int64) + first, triangle[close]

    def distances(self, points: Floats, limit: float) -> Floats:
        """Return the distance (N,) from each point (N, 3) to the nearest triangle, at most `limit` [m]."""
        nearest = np.full(len(points), limit)
        finite = np.flatnonzero(np.isfinite(points).all(axis=1))
        for point, triangle in self._near(points[finite], limit):
            np.minimum.at(nearest, finite[point], _distance(points[finite[point]], self._corners[triangle]))
        return nearest

    def are_free(self, points: Floats, gap: float) -> Mask:
        """Say which points (N, 3) are more than `gap` [m] from every triangle."""
        # The pairs to look at grow with the reach, so it is no larger than the question.
        return self.distances(points, 1.01 * gap) > gap

    def first_hits(self, start: Floats, end: Floats) -> tuple[Floats, Ints]:
        """Intersect segments (N, 3) to (N, 3) with the triangles, both faces.

        Returns:
            The fraction of the way (N,) to the first hit, inf if there is none, and the triangle (N,), -1 if none.
        """
        fraction, hit = np.full(len(start), np.inf), np.full(len(start), -1)
        length = np.linalg.norm(end - start, axis=1)
        usable = np.isfinite(length) & (length > 1e-9)
        # A reach of its own for each power of two keeps one long segment from widening the search of all others.
        size = np.floor(np.log2(length, out=np.zeros_like(length), where=usable)).astype(np.int64)
        for group in np.unique(size[usable]):
            member = np.flatnonzero(usable & (size == group))
            middle = (start[member] + end[member]) / 2
            for point, triangle in self._near(middle, float(length[member].max()) / 2):
                _update_first(fraction, hit, member[point], triangle, start, end, self._corners)
        return fraction, hit


def _update_first(
    fraction: Floats, hit: Ints, segment: Ints, triangle: Ints, start: Floats, end: Floats, corners: Floats
) -> None:
    """Lower `fraction` and set `hit` where a pair meets earlier than what is known."""
    at = _segment_fraction(start[segment], end[segment], corners[triangle])
    meets = np.isfinite(at)
    segment, triangle, at = segment[meets], triangle[meets], at[meets]
    order = np.lexsort((triangle, at, segment))
    segment, first = np.unique(segment[order], return_index=True)
    at, triangle = at[order][first], triangle[order][first]
    earlier = at < fraction[segment]
    fraction[segment[earlier]], hit[segment[earlier]] = at[earlier], triangle[earlier]


def _segment_fraction(start: Floats, end: Floats, corners: Floats) -> Floats:
    """Fraction of each segment at its triangle's plane if inside the triangle, else inf (Möller and Trumbore 1997)."""
    along = end - start
    edge1, edge2 = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    across = np.cross(along, edge2)
    determinant = np.einsum("nk,nk->n", edge1, across)
    parallel = np.abs(determinant) < 1e-18
    inverse = 1.0 / np.where(parallel, 1.0, determinant)
    offset = start - corners[:, 0]
    u = np.einsum("nk,nk->n", offset, across) * inverse
    turned = np.cross(offset, edge1)
    v = np.einsum("nk,nk->n", along, turned) * inverse
    at = np.einsum("nk,nk->n", edge2, turned) * inverse
    slack = 1e-9
    inside = ~parallel & (u >= -slack) & (v >= -slack) & (u + v <= 1 + slack) & (at >= 0) & (at <= 1)
    return np.where(inside, at, np.inf)


def _distance(points: Floats, corners: Floats) -> Floats:
    """Distance (N,) of each point to its triangle: to the plane above the triangle, else to the nearest edge."""
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    normal = np.cross(b - a, c - a)
    length = np.linalg.norm(normal, axis=1)
    edges = np.minimum.reduce([_edge_distance(points, p, q) for p, q in ((a, b), (b, c), (c, a))])
    above = length > 1e-18
    for p, q in ((a, b), (b, c), (c, a)):
        above &= np.einsum("nk,nk->n", np.cross(q - p, points - p), normal) >= 0
    height = np.abs(np.einsum("nk,nk->n", points - a, normal)) / np.maximum(length, 1e-300)
    return np.where(above, height, edges)


def _edge_distance(points: Floats, start: Floats, end: Floats) -> Floats:
    along = end - start
    squared = np.maximum(np.einsum("nk,nk->n", along, along), 1e-300)
    at = np.clip(np.einsum("nk,nk->n", points - start, along) / squared, 0.0, 1.0)
    return np.linalg.norm(points - start - at[:, None] * along, axis=1)

"""Surfaces of rooms with known things in them, as clean triangles wound to free space."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from lyra_backend.types.mesh import concatenate_meshes

SPACING = 0.05


def grid(corner, u, v):
    """An even grid over the parallelogram at `corner` spanned by `u` and `v` [m], facing u x v."""
    corner, u, v = (np.asarray(a, float) for a in (corner, u, v))
    n, m = (max(1, round(np.linalg.norm(side) / SPACING)) for side in (u, v))
    a, b = np.meshgrid(np.arange(n + 1) / n, np.arange(m + 1) / m, indexing="ij")
    points = corner + a.reshape(-1, 1) * u + b.reshape(-1, 1) * v
    i, j = (g.ravel() for g in np.meshgrid(np.arange(n), np.arange(m), indexing="ij"))
    low = i * (m + 1) + j
    quads = np.stack([low, low + m + 1, low + m + 2, low + 1], axis=1)
    return points, np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])


def cylinder(center, radius, height, count=48):
    angle = 2 * np.pi * np.arange(count) / count
    ring = np.stack([np.cos(angle), np.sin(angle)], axis=1) * radius + np.asarray(center[:2])
    levels = np.linspace(center[2], center[2] + height, max(2, round(height / SPACING)))
    points = np.concatenate([np.column_stack([ring, np.full(count, z)]) for z in levels])
    points = np.concatenate([points, [[*center[:2], levels[-1]]]])
    i = np.arange(count)
    k = (i + 1) % count
    sides = [
        np.concatenate([np.stack([i, k, k + count], 1), np.stack([i, k + count, i + count], 1)]) + n * count
        for n in range(len(levels) - 1)
    ]
    last = (len(levels) - 1) * count
    top = np.stack([i + last, k + last, np.full(count, len(points) - 1)], axis=1)
    return points, np.concatenate([*sides, top])


def sphere(center, radius, rows=24):
    """A ball without its lowest row."""
    angle = np.linspace(0, np.pi * (1 - 1 / rows), rows)
    round_ = 2 * np.pi * np.arange(2 * rows) / (2 * rows)
    z, r = np.cos(angle), np.sin(angle)
    points = np.stack(
        [r[:, None] * np.cos(round_), r[:, None] * np.sin(round_), np.broadcast_to(z[:, None], (rows, 2 * rows))], 2
    )
    i, j = (g.ravel() for g in np.meshgrid(np.arange(rows - 1), np.arange(2 * rows), indexing="ij"))
    a, b = i * 2 * rows + j, i * 2 * rows + (j + 1) % (2 * rows)
    triangles = np.concatenate([np.stack([a, a + 2 * rows, b], 1), np.stack([b, a + 2 * rows, b + 2 * rows], 1)])
    return points.reshape(-1, 3) * radius + np.asarray(center), triangles


def table(x, y):
    """The boxes of a table 1.2 x 0.8 m, 0.75 m high: a top of 5 cm and four legs of 10 cm."""
    feet = [(x, y), (x + 1.1, y), (x, y + 0.7), (x + 1.1, y + 0.7)]
    legs = [((a, b, 0.0), (a + 0.1, b + 0.1, 0.7)) for a, b in feet]
    return [((x, y, 0.7), (x + 1.2, y + 0.8, 0.75)), *legs]


def room(*surfaces, solids=(), size=(4.0, 3.0, 2.5)):
    """A room with its floor at z = 0, with surfaces in it and solid boxes (low, high) that join where they touch."""
    edges = [_edges(size[k], [c[k] for solid in solids for c in solid]) for k in range(3)]
    middle = np.stack(np.meshgrid(*((e[:-1] + e[1:]) / 2 for e in edges), indexing="ij"), axis=-1)
    solid = np.ones(np.array(middle.shape[:3]) + 2, bool)
    solid[1:-1, 1:-1, 1:-1] = False
    for low, high in solids:
        solid[1:-1, 1:-1, 1:-1] |= ((middle > low) & (middle < high)).all(axis=-1)
    return welded(*(_faces(solid, edges, axis) for axis in range(3)), *surfaces)


def _edges(size, inner):
    planes = np.unique(np.round([0.0, size, *inner], 6))
    spans = [np.linspace(a, b, int(np.ceil((b - a) / 0.1)), endpoint=False) for a, b in pairwise(planes)]
    return np.concatenate([*spans, planes[-1:]])


def _faces(solid, edges, axis):
    """Squares between solid and empty cells along an axis, facing what is empty."""
    lower, upper = [slice(1, -1)] * 3, [slice(1, -1)] * 3
    lower[axis], upper[axis] = slice(-1), slice(1, None)
    below, above = solid[tuple(lower)], solid[tuple(upper)]
    points, triangles = [], []
    b, c = (axis + 1) % 3, (axis + 2) % 3
    for cells, corners in ((below & ~above, (0, 1, 2, 3)), (above & ~below, (0, 3, 2, 1))):
        at = np.argwhere(cells)
        around = np.array([[0, 0], [1, 0], [1, 1], [0, 1]])[list(corners)]
        place = np.empty((len(at), 4, 3))
        place[..., axis] = edges[axis][at[:, axis]][:, None]
        place[..., b] = edges[b][at[:, b][:, None] + around[:, 0]]
        place[..., c] = edges[c][at[:, c][:, None] + around[:, 1]]
        quads = np.arange(4 * len(at)).reshape(-1, 4)
        points.append(place.reshape(-1, 3))
        triangles.append(np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]))
    return concatenate_meshes(list(zip(points, triangles, strict=True)))


def welded(*surfaces):
    """Surfaces as one; corners at the same place are one."""
    vertices, triangles = concatenate_meshes([(np.asarray(v, np.float32), t) for v, t in surfaces])
    _, first, index = np.unique(np.round(vertices, 4), axis=0, return_index=True, return_inverse=True)
    triangles = index.ravel()[triangles]
    a, b, c = triangles.T
    return vertices[first], triangles[(a != b) & (b != c) & (c != a)].astype(np.int32)

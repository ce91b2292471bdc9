"""Convex pieces by CoACD, which cuts more closely than along a solid's own axes, and takes many times longer."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import numpy.typing as npt

from ...errors import MissingDependency
from ...types.mesh import concatenate_meshes
from .._mesh.triangles import compact
from .fit import Thing
from .hulls import Hull, hull_of
from .segment import joined_nodes

__all__ = ["coacd_pieces", "require_coacd"]

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.integer]
Surface = tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]

_CONCAVITY = 0.08
_PIECES = 16
_SEED = 0


def require_coacd() -> None:
    """Raise MissingDependency if CoACD is not installed."""
    if find_spec("coacd") is None:
        raise MissingDependency("coacd", "collide.objects=coacd", "coacd")


def coacd_pieces(thing: Thing, lids: Surface | None) -> list[Hull]:
    """Return at most 16 convex hulls of a thing, closed below.

    Raises:
        MissingDependency: CoACD is not installed.
    """
    require_coacd()
    import coacd

    vertices, triangles = compact(thing.vertices, thing.triangles)
    if lids is not None:
        vertices, triangles = concatenate_meshes([(vertices, triangles), lids])
    corners, closed = _closed(vertices.astype(np.float64), triangles)
    coacd.set_log_level("off")
    mesh = coacd.Mesh(corners, closed.astype(np.int32))
    parts = coacd.run_coacd(mesh, threshold=_CONCAVITY, max_convex_hull=_PIECES, seed=_SEED)
    hulls = [hull_of(np.asarray(points, np.float64)) for points, _ in parts]
    return [h for h in hulls if h is not None]


def _closed(vertices: Floats, triangles: Ints) -> tuple[Floats, Ints]:
    """Close every hole with triangles around its middle: CoACD takes an open surface for a thin shell."""
    edges = triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2).astype(np.int64)
    key = edges.min(axis=1) * len(vertices) + edges.max(axis=1)
    _, index, uses = np.unique(key, return_inverse=True, return_counts=True)
    rim = edges[uses[index.ravel()] == 1]
    if not len(rim):
        return vertices, triangles
    used, ends = np.unique(rim, return_inverse=True)
    ends = ends.reshape(-1, 2)
    loop = joined_nodes(len(used), ends)
    count = int(loop.max()) + 1
    total = np.stack([np.bincount(loop, weights=vertices[used, k]) for k in range(3)], axis=1)
    middle = total / np.bincount(loop, minlength=count)[:, None]
    caps = np.column_stack([rim[:, 1], rim[:, 0], len(vertices) + loop[ends[:, 0]]])
    return np.concatenate([vertices, middle]), np.concatenate([triangles, caps])

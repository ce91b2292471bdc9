"""Which triangles of the environment's surface are ground, structure, or things that stand free of both.

Ground is every large connected piece of surface that looks up. What is left falls apart into pieces that touch each
other across ground or level tops only. A piece that begins on a top stands on it and may be moved without it; all
others that touch a top hold it up and belong together. What is closed all around and no larger than furniture is a
thing; the rest is structure: walls and what leans on them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .._mesh.triangles import normals

__all__ = ["GROUND", "STRUCTURE", "Segments", "joined_nodes", "neighbours", "segment"]

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.integer]
Bools = npt.NDArray[np.bool_]

GROUND, STRUCTURE = -1, -2

_UP = 0.7  # cosine of the slope up to which surface is walked on
_LEVEL = 0.95  # cosine of the slope up to which things stand on a top
_GROUND_M2 = 4.0  # smallest ground that no other ground is joined to
_GROUND_OFF_M = 0.03  # smaller pieces that look up count as ground when they lie at its height
_ROOF = 0.4  # share of a piece's edge with sides going down that makes it the top of a thing
_GROUND_ONLY = 0.8  # share that looks up of a surface that is nothing but ground
_TOP_M2 = 0.02  # smallest top that something stands on
_BASE_OFF_M = 0.03  # how much a thing may reach below the top that it stands on
_CENTRED = 0.15  # share of a top's size: what stands nearer to its middle is its column, not a thing of its own
_LARGEST_M = 5.0  # longest side of a thing
_TALLEST_M = 3.0  # highest thing
_SMALLEST_M = 0.06  # shortest side of the smallest thing
_OPEN = 0.25  # share of its sides that nothing opposite makes up for, above which a piece is no solid
_INSIDE_M = 0.05  # how far a lining may reach beyond the thing it lines
_SKIRT_M, _SKIRT_OUT_M = 0.2, 0.1  # height of what lies around a thing's foot as part of it, and how far out


@dataclass(frozen=True)
class Segments:
    """What each triangle belongs to.

    Attributes:
        label: `GROUND`, `STRUCTURE` or the number of a thing, shape (F,).
        outer: False for the linings of solids, shape (F,).
        count: number of things.
    """

    label: Ints
    outer: Bools
    count: int


@dataclass(frozen=True)
class _Surface:
    """Triangles with their corners (F, 3, 3), unit normals (F, 3), areas (F,) and neighbours (P, 2)."""

    corners: Floats
    normal: Floats
    area: Floats
    pairs: Ints

    def summed(self, label: Ints, count: int, values: Floats) -> Floats:
        """Area-weighted sum of `values` (F,) over the triangles of each label (count,); -1 is left out."""
        kept = label >= 0
        return np.asarray(np.bincount(label[kept], weights=(self.area * values)[kept], minlength=count), np.float64)

    def bounds(self, label: Ints, count: int) -> tuple[Floats, Floats]:
        """Lowest and highest corner of each label, shape (count, 3)."""
        kept = label >= 0
        low, high = np.full((count, 3), np.inf), np.full((count, 3), -np.inf)
        np.minimum.at(low, label[kept], self.corners[kept].min(axis=1))
        np.maximum.at(high, label[kept], self.corners[kept].max(axis=1))
        return low, high


def segment(vertices: Floats, triangles: Ints) -> Segments:
    """Tell ground, structure and things apart in a surface wound to free space (V, 3) [m], (F, 3)."""
    normal = normals(vertices, triangles)
    area = np.linalg.norm(normal, axis=1) / 2
    unit = normal / np.maximum(2 * area, 1e-20)[:, None]
    surface = _Surface(vertices[triangles].astype(np.float64), unit, area, neighbours(triangles))
    ground = _ground(surface)
    group = _groups(surface, ~ground)
    label, outer = _things(surface, group)
    label[ground] = GROUND
    return Segments(label, outer, max(int(label.max()) + 1, 0))


def neighbours(triangles: Ints) -> Ints:
    """Pairs of triangles (P, 2) that share an edge."""
    edges = np.sort(triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2).astype(np.int64), axis=1)
    key = edges[:, 0] * (int(triangles.max()) + 1) + edges[:, 1]
    order = np.argsort(key, kind="stable")
    same = key[order[1:]] == key[order[:-1]]
    return np.stack([order[:-1][same] // 3, order[1:][same] // 3], axis=1)


def joined_nodes(count: int, pairs: Ints) -> Ints:
    """Name the connected parts of `count` nodes from 0 in the order of their first node."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    graph = coo_matrix((np.ones(len(pairs), bool), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    return _renumbered(connected_components(graph, directed=False)[1])


def _renumbered(labels: Ints) -> Ints:
    _, first, index = np.unique(labels, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first, kind="stable")] = np.arange(len(first))
    return rank[index]


def _pieces(surface: _Surface, among: Bools) -> tuple[Ints, int]:
    """Label the connected pieces of the triangles in `among`, -1 elsewhere; and their number."""
    label = np.full(len(among), -1, np.int64)
    index = np.cumsum(among) - 1
    pairs = surface.pairs[among[surface.pairs].all(axis=1)]
    label[among] = joined_nodes(int(among.sum()), index[pairs])
    return label, int(label.max()) + 1 if len(label) else 0


def _ground(surface: _Surface) -> Bools:
    """Large pieces that look up, and smaller ones at their height."""
    from scipy.spatial import cKDTree

    up = surface.normal[:, 2] > _UP
    if not up.any():
        return up
    piece, count = _pieces(surface, up)
    size = surface.summed(piece, count, np.ones(len(up)))
    main = int(size.argmax())
    large = size >= min(_GROUND_M2, 0.5 * size[main])
    lining = _in_linings(surface, up, piece, count, main)
    large &= ~_roofs(surface, piece, count) & ~lining
    large[main] = True
    ground = up & large[piece]
    rest = np.flatnonzero(up & ~ground)
    if len(rest):
        centre = surface.corners.mean(axis=1)
        nearest = cKDTree(centre[ground, :2]).query(centre[rest, :2])[1]
        off = np.abs(centre[rest, 2] - centre[ground, 2][nearest]) <= _GROUND_OFF_M
        level = np.bincount(piece[rest], weights=surface.area[rest] * off, minlength=count) > 0.5 * size
        ground |= up & (level & ~lining)[piece]
    return ground


def _roofs(surface: _Surface, piece: Ints, count: int) -> Bools:
    """Pieces no larger than furniture that end in sides going down nearly everywhere: tops of tables and cars."""
    low, high = surface.bounds(piece, count)
    edge = surface.pairs[(piece[surface.pairs] >= 0).sum(axis=1) == 1]
    edge = np.where((piece[edge[:, :1]] >= 0), edge, edge[:, ::-1])
    height = surface.corners[..., 2].mean(axis=1)
    long = np.sqrt(surface.area[edge[:, 0]])
    down = np.bincount(piece[edge[:, 0]], weights=long * (height[edge[:, 1]] < height[edge[:, 0]]), minlength=count)
    ends = np.bincount(piece[edge[:, 0]], weights=long, minlength=count)
    return ((high - low)[:, :2].max(axis=1) <= _LARGEST_M) & (down > _ROOF * ends)


def _in_linings(surface: _Surface, up: Bools, piece: Ints, count: int, main: int) -> Bools:
    """Pieces no larger than furniture on closed surfaces apart from the piece `main`: floors of linings."""
    low, high = surface.bounds(piece, count)
    whole = joined_nodes(len(piece), surface.pairs)
    own = np.zeros(count, np.int64)
    own[piece[up]] = whole[up]
    share = np.bincount(whole, weights=surface.area * up) / np.maximum(np.bincount(whole, weights=surface.area), 1e-12)
    return ((high - low)[:, :2].max(axis=1) <= _LARGEST_M) & (own != own[main]) & (share[own] < _GROUND_ONLY)


def _groups(surface: _Surface, standing: Bools) -> Ints:
    """Label triangles above ground that can only be moved together; -1 for the ground.

    Bodies (what is left without tops) and tops are the nodes of a graph; a top is joined to every body that holds it.
    """
    top = standing & (surface.normal[:, 2] > _LEVEL)
    patch, patches = _pieces(surface, top)
    large = surface.summed(patch, patches, np.ones(len(top))) >= _TOP_M2 if patches else np.zeros(0, bool)
    if patches:
        top &= large[patch]
    patch, patches = _pieces(surface, top)
    body, bodies = _pieces(surface, standing & ~top)
    if not bodies + patches:
        return np.full(len(standing), -1)
    node = np.where(top, patch + bodies, body)
    touch = surface.pairs[top[surface.pairs].sum(axis=1) == 1]
    touch = np.unique(np.sort(node[touch[(node[touch] >= 0).all(axis=1)]], axis=1), axis=0)
    low, high = surface.bounds(node, bodies + patches)
    below = low[touch[:, 0], 2] >= (low[touch[:, 1], 2] + high[touch[:, 1], 2]) / 2 - _BASE_OFF_M
    stands = below & ~_is_column(low, high, touch)
    group = joined_nodes(bodies + patches, touch[~stands])
    group = _with_scraps(surface, group, node, touch[stands])
    return np.where(node >= 0, group[node], -1)


def _is_column(low: Floats, high: Floats, touch: Ints) -> Bools:
    """Bodies in the middle of the top below them: the stem of a lamp, a cone on its plate."""
    middle, size = (low + high)[:, :2] / 2, (high - low)[:, :2]
    body, top = touch.T
    return (np.abs(middle[body] - middle[top]) <= _CENTRED * size[top]).all(axis=1)


def _with_scraps(surface: _Surface, group: Ints, node: Ints, standing: Ints) -> Ints:
    """Join groups that are no solids of their own to what they stand on."""
    triangle = np.where(node >= 0, group[node], -1)
    solid = _solid(surface, triangle, int(group.max(initial=-1)) + 1)
    host, guest = group[standing[:, 1]], group[standing[:, 0]]
    scrap = ~solid[guest]
    return joined_nodes(len(solid), np.stack([host[scrap], guest[scrap]], axis=1))[group]


def _solid(surface: _Surface, label: Ints, count: int) -> Bools:
    """Groups that face outwards all around and are neither tiny nor larger than furniture."""
    low, high = surface.bounds(label, count)
    size = high - low
    middle = (low + high) / 2
    kept = label >= 0
    reach = np.zeros(len(label))
    reach[kept] = ((surface.corners[kept].mean(axis=1) - middle[label[kept]]) * surface.normal[kept]).sum(axis=1)
    net = np.hypot(*(surface.summed(label, count, surface.normal[:, k]) for k in (0, 1)))
    sides = surface.summed(label, count, np.hypot(surface.normal[:, 0], surface.normal[:, 1]))
    fits = (size[:, :2].max(axis=1) <= _LARGEST_M) & (size[:, 2] <= _TALLEST_M) & (size.min(axis=1) >= _SMALLEST_M)
    return fits & (surface.summed(label, count, reach) > 0) & (net <= _OPEN * sides)


def _things(surface: _Surface, group: Ints) -> tuple[Ints, Bools]:
    """Number the things; return the number or `STRUCTURE` (F,) and which triangles are no linings (F,)."""
    count = int(group.max(initial=-1)) + 1
    if not count:
        return np.full(len(group), STRUCTURE), np.ones(len(group), bool)
    thing = _solid(surface, group, count)
    number = np.where(thing, np.cumsum(thing) - 1, STRUCTURE)
    low, high = surface.bounds(group, count)
    middle = (low + high) / 2
    kept = group >= 0
    reach = np.zeros(len(group))
    reach[kept] = ((surface.corners[kept].mean(axis=1) - middle[group[kept]]) * surface.normal[kept]).sum(axis=1)
    inwards = surface.summed(group, count, reach) < 0
    size = high - low
    skirt = (size[:, 2] < _SKIRT_M) & ~inwards
    hidden = inwards.copy()
    for part in np.flatnonzero(inwards | skirt):
        beyond = np.array([_SKIRT_OUT_M if skirt[part] else _INSIDE_M] * 2 + [_INSIDE_M])
        around = (low[part] >= low - beyond).all(axis=1) & (high[part] <= high + beyond).all(axis=1) & thing
        around &= (size[:, 2] > 2 * size[part, 2]) if skirt[part] else True
        around[part] = False
        if around.any():
            hosts = np.flatnonzero(around)
            number[part] = number[hosts[np.argmin(size[hosts].prod(axis=1))]]
            hidden[part] = True
    label = np.where(kept, number[group], STRUCTURE)
    _, label[kept & (label >= 0)] = np.unique(label[kept & (label >= 0)], return_inverse=True)
    return label, ~kept | ~hidden[group]

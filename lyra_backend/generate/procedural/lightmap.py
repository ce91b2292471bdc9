"""Points where light is computed, close together near borders, and what lies between them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .patches import merged_positions, unit_normals
from .spread import Samples

__all__ = ["CornerMeans", "Grids"]

Floats = npt.NDArray[np.floating]
Integers = npt.NDArray[np.integer]

#: Outermost nodes stand this far from a border [m].
INSET = 0.02
#: The distance between nodes begins to grow this far from a border [m].
NEAR = 0.07
#: Sides shorter than this have a single node [m].
SHORT = 0.06


@dataclass(frozen=True, eq=False)
class Grids:
    """A grid of nodes on every quad.

    Attributes:
        sides: mean lengths of the quads' sides [m], shape (Q, 2).
        numbers: nodes along both sides, shape (Q, 2).
        starts: first node of each quad, shape (Q,).
        widest: how far nodes are apart in the middle of large faces, before that is scaled to the budget [m].
    """

    sides: Floats
    numbers: Integers
    starts: Integers
    widest: float

    @staticmethod
    def build(sides: Floats, most: int) -> Grids:
        """Choose grids with at most `most` nodes together, or one or two a side where even that is more."""
        step, widest = 0.5, 0.16
        while True:
            reach = _warped(sides / 2, sides, widest)
            numbers = np.where(sides < SHORT, 1, 2 + np.floor(2 * reach / step)).astype(np.int64)
            total = int(numbers.prod(axis=1).sum())
            if total <= most or numbers.max(initial=1) <= 2:
                break
            step, widest = step * 1.05, widest * 1.15
        count = numbers.prod(axis=1)
        return Grids(sides, numbers, np.cumsum(count) - count, widest)

    @property
    def node_count(self) -> int:
        return int(self.numbers.prod(axis=1).sum())

    def nodes(self) -> tuple[Integers, Floats]:
        """Return the quad (M,) and the place (M, 2) in [0, 1] of every node."""
        count = self.numbers.prod(axis=1)
        quad = np.repeat(np.arange(len(count)), count)
        rank = np.arange(count.sum()) - self.starts[quad]
        index = np.stack([rank % self.numbers[quad, 0], rank // self.numbers[quad, 0]], axis=1)
        low, high = np.zeros(index.shape), np.ones(index.shape)
        # The warp has no closed inverse, but it rises: 24 halvings are exact to a micrometre.
        for _ in range(24):
            middle = (low + high) / 2
            below = self._index_at(quad, middle) < index
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        return quad, np.where(self.numbers[quad] == 1, 0.5, (low + high) / 2)

    def corners_of(self, quad: Integers, place: Floats) -> tuple[Integers, Floats]:
        """Return the four nodes (N, 4) around places (N, 2) on quads (N,) and their bilinear weights (N, 4)."""
        index = self._index_at(quad, place)
        numbers = self.numbers[quad]
        low = np.clip(np.floor(index).astype(np.int64), 0, np.maximum(numbers - 2, 0))
        share = np.clip(index - low, 0.0, 1.0)
        step = np.minimum(numbers - 1, 1)
        first = self.starts[quad] + low[:, 1] * numbers[:, 0] + low[:, 0]
        right, up = step[:, 0], step[:, 1] * numbers[:, 0]
        x, y = share.T
        weights = np.stack([(1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y], axis=1)
        return np.stack([first, first + right, first + up, first + right + up], axis=1), weights

    def interpolate(self, values: Floats, samples: Samples) -> Floats:
        """Return node values (M, K) at samples on the quads, shape (N, K)."""
        w = samples.weights
        place = np.stack([w[:, 1] + w[:, 2], w[:, 2] + w[:, 3]], axis=1)
        nodes, weights = self.corners_of(samples.face, place)
        out = np.zeros((len(nodes), values.shape[1]), np.float32)
        for i in range(4):
            out += values[nodes[:, i]] * weights[:, i, None]
        return out

    def corner_nodes(self) -> Integers:
        """Return the node nearest to each corner of each quad (Q, 4)."""
        right, up = self.numbers[:, 0] - 1, (self.numbers[:, 1] - 1) * self.numbers[:, 0]
        return self.starts[:, None] + np.stack([0 * right, right, right + up, up], axis=1)

    def _index_at(self, quad: Integers, place: Floats) -> Floats:
        """Return where (N, 2) in the rows and columns of nodes a place is."""
        sides, numbers = self.sides[quad], self.numbers[quad]
        distance = np.minimum(place, 1 - place) * sides
        half = _warped(sides / 2, sides, self.widest)
        share = _warped(distance, sides, self.widest) / np.maximum(half, 1e-9)
        middle = (numbers - 1) / 2
        return np.where(place < 0.5, share, 2 - share) * middle


def _warped(distance: Floats, sides: Floats, widest: float) -> Floats:
    """Return the distance from a border in steps that grow from `NEAR` to `widest`."""
    beyond = np.maximum(distance - np.minimum(INSET, 0.25 * sides), 0.0)
    return np.log1p(beyond / NEAR) + beyond / widest


class CornerMeans:
    """Means over the corners of triangles that meet at one place and face about the same way.

    Args:
        corners: triangle corners [m], shape (F, 3, 3).
        least_cosine: of the angle between faces that count as one smooth surface.
    """

    def __init__(self, corners: Floats, least_cosine: float = 0.75) -> None:
        from scipy.sparse import coo_matrix

        ids, count = merged_positions(corners.reshape(-1, 3))
        normals = np.repeat(unit_normals(corners), 3, axis=0)
        number = len(ids)
        member = coo_matrix((np.ones(number, np.float32), (np.arange(number), ids)), shape=(number, count)).tocsr()
        pairs = (member @ member.T).tocoo()
        alike = np.einsum("nk,nk->n", normals[pairs.row], normals[pairs.col]) > least_cosine
        rows, columns = pairs.row[alike], pairs.col[alike]
        self._mean = coo_matrix((np.ones(len(rows), np.float32), (rows, columns)), shape=(number, number)).tocsr()

    def of(self, values: Floats) -> Floats:
        """Return the mean at every corner (F, 3, K) of values (F, 3, K) that each triangle has at its corners."""
        flat = np.asarray(values, np.float32).reshape(values.shape[0] * 3, -1)
        weight = np.asarray(self._mean.sum(axis=1))
        return (self._mean @ flat / weight).reshape(values.shape)

    def of_known(self, values: Floats, otherwise: Floats) -> Floats:
        """Return means as :meth:`of` over the finite values only, and `otherwise` (K,) where none is."""
        flat = np.asarray(values, np.float32).reshape(values.shape[0] * 3, -1)
        known = np.isfinite(flat[:, 0])
        weight = self._mean @ known.astype(np.float32)
        total = self._mean @ np.where(known[:, None], flat, np.float32(0))
        means = np.where(weight[:, None] > 0, total / np.maximum(weight, 1.0)[:, None], otherwise)
        return means.reshape(values.shape).astype(np.float32)

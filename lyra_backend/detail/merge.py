"""Fewer Gaussians for the same scene: the least important are merged with their neighbours, none is dropped.

A Gaussian's importance is its cover: opacity times area. Merging two keeps their cover, mean and covariance, weighted
by cover, as in the hierarchy of Kerbl et al. 2024 ("A Hierarchical 3D Gaussian Representation for Real-Time Rendering
of Very Large Datasets", section 4.1). Which two are merged next is decided by the bound of Runnalls 2007
("Kullback-Leibler Approach to Gaussian Mixture Reduction"), in place and colour: it grows with the importance of both
and with what makes them different, so that faint neighbours in one plane and of one colour go first, and corners and
edges between colours last.

Does: merge pairs of neighbours, in rounds, until so many are left. Does not: move or recolour what is not merged.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ..types import GaussianCloud
from ..types.rotations import SH_C0, matrix_from_quat, quat_from_matrix

__all__ = ["cover_of", "merged"]

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.intp]

#: Neighbours that are looked at for each Gaussian.
_NEIGHBOURS = 6
#: Difference in colour [0 to 1] that counts as much as one standard deviation in place.
_COLOR_SIGMA = 0.15
#: Thinner than this part of its middle axis, a Gaussian's thickness is noise.
_THICKNESS = 0.1
#: Opacity is not raised beyond this; what cover is left makes a Gaussian wider.
_OPACITY_MAX = 0.99
_PAIRING_PASSES = 6
_ROWS_AT_ONCE, _QUERIES_AT_ONCE = 1 << 15, 1 << 18
#: Rows and columns of a symmetric matrix's six numbers.
_ROW, _COLUMN = np.array([0, 0, 0, 1, 1, 2]), np.array([0, 1, 2, 1, 2, 2])


def cover_of(cloud: GaussianCloud) -> Floats:
    """Return each Gaussian's importance (N,) [m2]: opacity times area, up to one constant for all."""
    return _area(cloud.scales.astype(np.float64)) * cloud.opacities


def merged(cloud: GaussianCloud, count: int) -> GaussianCloud:
    """Return `count` Gaussians, or all if there are no more, that look like `cloud` from farther away.

    Those that were not merged come first, in their order and to the bit. Classes are not kept: merge by class.
    """
    plain = replace(cloud, class_ids=None, class_names=("unknown",))
    mixture = _Mixture.of(plain)
    while len(mixture.cover) > max(count, 1):
        pairs = _pairs(mixture)[: len(mixture.cover) - count]
        if not len(pairs):
            break
        mixture = mixture.join(pairs)
    return mixture.cloud(plain)


@dataclass
class _Mixture:
    """Gaussians by their moments: cover (N,), mean (N, 3), covariance (N, 6), SH (N, K, 3) and first source (N,).

    `source` is the number of the only Gaussian of the cloud that it is made of, -1 if there are several.
    """

    cover: Floats
    mean: Floats
    covariance: Floats
    sh: Floats
    source: Ints

    @staticmethod
    def of(cloud: GaussianCloud) -> _Mixture:
        covariance = np.empty((cloud.count, 6))
        for start in range(0, cloud.count, _ROWS_AT_ONCE):
            part = slice(start, start + _ROWS_AT_ONCE)
            axes = matrix_from_quat(cloud.quats_wxyz[part].astype(np.float64)) * cloud.scales[part, None, :]
            covariance[part] = (axes @ axes.transpose(0, 2, 1))[:, _ROW, _COLUMN]
        # Without cover a Gaussian would have no weight; with the least there is it is merged first.
        cover = np.maximum(cover_of(cloud), np.finfo(np.float32).tiny)
        return _Mixture(cover, cloud.positions.astype(np.float64), covariance, cloud.sh, np.arange(cloud.count))

    def join(self, pairs: Ints) -> _Mixture:
        """Return the mixture with each of the pairs (P, 2), in which none is twice, as one Gaussian."""
        one, two = pairs.T
        left = np.ones(len(self.cover), bool)
        left[pairs] = False
        cover = self.cover[one] + self.cover[two]
        share = self.cover[two] / cover
        offset = self.mean[two] - self.mean[one]
        mean = self.mean[one] + share[:, None] * offset
        covariance = _joint(self.covariance[one], self.covariance[two], offset, share)
        weight = share[:, None, None].astype(np.float32)
        sh = self.sh[one] * (1 - weight) + self.sh[two] * weight
        join = np.concatenate
        return _Mixture(
            join([self.cover[left], cover]),
            join([self.mean[left], mean]),
            join([self.covariance[left], covariance]),
            join([self.sh[left], sh]),
            join([self.source[left], np.full(len(one), -1)]),
        )

    def cloud(self, origin: GaussianCloud) -> GaussianCloud:
        """Return it as a cloud; what is not merged is as it was in `origin`."""
        kept = origin.select(self.source[self.source >= 0])
        new = self.source < 0
        if not new.any():
            return kept
        scales, quats = _axes(self.covariance[new])
        area, cover = _area(scales), self.cover[new]
        opacity = np.minimum(cover / area, _OPACITY_MAX)
        scales *= np.sqrt(np.maximum(cover / (area * _OPACITY_MAX), 1.0))[:, None]
        made = GaussianCloud(self.mean[new], scales, quats, opacity, self.sh[new], origin.frame)
        return GaussianCloud.concatenate([kept, made])


def _area(scales: Floats) -> Floats:
    """Return the areas (N,) [m2] of boxes of such sides (N, 3), halved: nearly in step with those of ellipsoids."""
    a, b, c = scales.T
    return a * b + b * c + c * a


def _joint(one: Floats, two: Floats, offset: Floats, share: Floats) -> Floats:
    """Return covariances (..., 6) of mixtures of two Gaussians, `share` (...) being the weight of the second."""
    spread = offset[..., _ROW] * offset[..., _COLUMN]
    return one + share[..., None] * (two - one + (1 - share)[..., None] * spread)


def _axes(covariance: Floats) -> tuple[Floats, Floats]:
    """Return scales (N, 3) and quaternions wxyz (N, 4) of covariances (N, 6)."""
    matrix = np.empty((len(covariance), 3, 3))
    matrix[:, _ROW, _COLUMN] = matrix[:, _COLUMN, _ROW] = covariance
    squares, axes = np.linalg.eigh(matrix)
    axes[:, :, 0] *= np.sign(np.linalg.det(axes))[:, None]
    # Rounding may leave nothing, or less, of what is thin.
    least = np.maximum(1e-12 * squares[:, 2:], np.finfo(np.float32).tiny)
    return np.sqrt(np.maximum(squares, least)), quat_from_matrix(axes)


def _pairs(mixture: _Mixture) -> Ints:
    """Return pairs of neighbours (P, 2), none of them twice, cheapest first."""
    from scipy.spatial import cKDTree

    count = len(mixture.cover)
    if count < 2:
        return np.empty((0, 2), np.intp)
    tree, near = cKDTree(mixture.mean), np.empty((count, min(_NEIGHBOURS, count - 1)), np.int32)
    for start in range(0, count, _QUERIES_AT_ONCE):
        part = slice(start, start + _QUERIES_AT_ONCE)
        near[part] = tree.query(mixture.mean[part], k=near.shape[1] + 1, workers=-1)[1][:, 1:]
    one, two = _edges(near)
    price = _costs(mixture, one, two)
    cheapest = _order(price)
    return _matched(count, one[cheapest], two[cheapest], price[cheapest])


def _edges(near: npt.NDArray[np.int32]) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Return the ends (E,) of each edge between a Gaussian and one of its neighbours `near` (N, k), each edge once."""
    found = []
    for start in range(0, len(near), _ROWS_AT_ONCE):
        two = near[start : start + _ROWS_AT_ONCE]
        one = np.broadcast_to(np.arange(start, start + len(two), dtype=np.int32)[:, None], two.shape)
        # Where several are at one place, a Gaussian may come out as a neighbour of itself.
        wanted = (one < two) | ((one > two) & ~(near[two] == one[:, :, None]).any(axis=2))
        found.append((one[wanted], two[wanted]))
    ones, twos = zip(*found, strict=True)
    return np.concatenate(ones), np.concatenate(twos)


def _costs(mixture: _Mixture, one: npt.NDArray[np.int32], two: npt.NDArray[np.int32]) -> npt.NDArray[np.float32]:
    """Return what merging `one` with `two` (E,) costs (E,), by Runnalls' bound.

    B = ((w + v) ln |S| - w ln |S_w| - v ln |S_v|) / 2 for weights w, v and determinants of covariances. Colours are
    taken as independent of place and of one small spread, of which the first order of the logarithm is left.
    """
    colors = (SH_C0 * mixture.sh[:, 0]).astype(np.float32)
    thick = _thickened(mixture.covariance)
    log_size = _log_determinant(thick)
    costs = np.empty(len(one), np.float32)
    for start in range(0, len(one), _ROWS_AT_ONCE):
        part = slice(start, start + _ROWS_AT_ONCE)
        i, j = one[part], two[part]
        own, other = mixture.cover[i], mixture.cover[j]
        both = own + other
        share = other / both
        size = _log_determinant(_joint(thick[i], thick[j], mixture.mean[j] - mixture.mean[i], share))
        apart = ((colors[j] - colors[i]) ** 2).sum(axis=1) / _COLOR_SIGMA**2
        costs[part] = 0.5 * (both * size - own * log_size[i] - other * log_size[j] + own * share * apart)
    return costs


def _thickened(covariance: Floats) -> Floats:
    """Return covariances (N, 6) with no axis much thinner than the others: how exactly flat is flat must not matter."""
    trace = covariance[:, 0] + covariance[:, 3] + covariance[:, 5]
    thick = covariance.copy()
    thick[:, [0, 3, 5]] += (_THICKNESS**2 / 2) * trace[:, None] + np.finfo(np.float32).tiny
    return thick


def _log_determinant(c: Floats) -> Floats:
    """Return logarithms of determinants (...) of symmetric positive matrices (..., 6)."""
    xx, xy, xz, yy, yz, zz = np.moveaxis(c, -1, 0)
    determinant = xx * (yy * zz - yz * yz) - xy * (xy * zz - yz * xz) + xz * (xy * yz - yy * xz)
    return np.log(np.maximum(determinant, 1e-300))


def _order(prices: npt.NDArray[np.float32]) -> Ints:
    """Return the order (E,) of ascending prices, equal ones by their place: whole numbers sort alike and fast."""
    bits = prices.view(np.uint32)
    rising = np.where(bits >> 31, ~bits, bits | np.uint32(1 << 31)).astype(np.uint64)
    keys = (rising << np.uint64(32)) | np.arange(len(prices), dtype=np.uint64)
    keys.sort()
    return (keys & np.uint64(0xFFFFFFFF)).astype(np.intp)


def _matched(
    count: int, one: npt.NDArray[np.int32], two: npt.NDArray[np.int32], price: npt.NDArray[np.float32]
) -> Ints:
    """Return pairs (P, 2), none of them twice, that are the cheapest still left for both, cheapest first.

    Args:
        count: how many Gaussians there are.
        one, two: ends of edges (E,), cheapest first.
        price: of the edges (E,).
    """
    found = []
    for _ in range(_PAIRING_PASSES):
        edge = np.arange(len(one), dtype=np.int32)
        first = np.full(count, len(one), np.int32)
        np.minimum.at(first, one, edge)
        np.minimum.at(first, two, edge)
        taken = (first[one] == edge) & (first[two] == edge)
        found.append((price[taken], one[taken], two[taken]))
        free = np.ones(count, bool)
        free[one[taken]] = free[two[taken]] = False
        left = free[one] & free[two]
        one, two, price = one[left], two[left], price[left]
    prices, ones, twos = (np.concatenate(values) for values in zip(*found, strict=True))
    return np.stack([ones, twos], axis=1)[_order(prices)]

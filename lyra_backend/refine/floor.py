"""Find the floor of a roughly upright cloud: which way it faces, how high it lies, and how surely.

The floor is the lowest large level surface with free space above it. Samples of flat, nearly level Gaussians vote for
planes (RANSAC, Fischler and Bolles 1981); what lies beneath a plane votes against it, so neither a ceiling nor a
table wins over the floor. Open terrain has no such plane: then a low height of the ground is taken and said so.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from ..params import param
from ..types import Camera, GaussianCloud
from .layers import Layer, flattest_layer, undulation
from .planes import fitted, spread_of_fit, weighted_median

__all__ = ["Floor", "FloorParams", "find_floor", "ground_height", "levelling_rotation"]

Floats = npt.NDArray[np.float64]

#: Gaussians whose smallest axis is longer than this part of the middle one have no clear normal.
_MAX_FLATNESS = 0.6
#: Normals may deviate this much more from vertical than the floor may tilt: Gaussians are noisy [deg].
_NORMAL_NOISE_DEG = 15.0
_MOST_GAUSSIANS = 2_000_000
_SAMPLES = 4000
_HYPOTHESES = 4000
#: First scores use every n-th sample only; so many of the best planes are looked at closely.
_ROUGH_EVERY = 8
_FINALISTS = 40
_SAMPLE_STREAM = 20260
#: Tolerance relative to the scene, for scenes so small (or of so large a unit) that the one in metres is useless.
_RELATIVE_TOLERANCE = 0.01
_CELLS = 32
#: Errors of a fitted floor count by squares of this many cells a side: ground undulates.
_SQUARE = 8
#: A plane holds at least this share of what lies within three times the tolerance; even ground holds a third.
_MIN_PEAK = 0.5
#: What lies beneath a plane counts this much more than what lies in it: a table may be larger than the floor seen.
_AGAINST = 1.5
_GROUND_QUANTILE = 0.05


@dataclass(frozen=True)
class FloorParams:
    """What counts as a floor."""

    max_tilt: float = param(25.0, "largest tilt of the scene that is levelled", unit="deg", min=0.0, max=45.0)
    max_camera_tilt: float = param(
        35.0,
        "the same for scenes with known cameras: they are often held at a slant, and show what is above the floor",
        unit="deg",
        min=0.0,
        max=45.0,
    )
    tolerance: float = param(0.05, "half thickness of the layer that makes up the floor", unit="m", min=0.001, max=1.0)
    min_floor_share: float = param(
        0.12, "smallest part of the scene's ground plan that a floor covers", min=0.0, max=1.0
    )


@dataclass(frozen=True)
class Floor:
    """A level or nearly level plane.

    Attributes:
        normal: unit vector that points up, shape (3,).
        height: z of the plane once `rotation` was applied [m].
        tilt_deg: angle between `normal` and the z axis.
        share: part of the scene's ground plan that it covers; 0 if there is no plane.
        is_plane: False if the height is only a low quantile of uneven ground.
        middle: point of the plane in the middle of what was seen of it, in the cloud's coordinates, shape (3,).
        covariance: of `normal` (3, 3) [rad2], by what is seen of the floor alone; zeros if there is no plane.
        peak: part of what lies within three times the tolerance that lies within the tolerance: 1 for a clean floor, a
            third for rough ground.
        layer: the flattest layer of it, if that is as large as a floor must be.
        undulation: how far it would slope if it sloped as much as it goes up and down [rad, standard deviation].
    """

    normal: Floats
    height: float
    tilt_deg: float
    share: float
    is_plane: bool
    middle: Floats = field(default_factory=lambda: np.zeros(3))
    covariance: Floats = field(default_factory=lambda: np.zeros((3, 3)))
    peak: float = 0.0
    layer: Layer | None = None
    undulation: float = 0.0

    @property
    def rotation(self) -> Floats:
        """The shortest rotation (3, 3) that takes `normal` to the z axis."""
        return levelling_rotation(self.normal)


def levelling_rotation(up: Floats) -> Floats:
    """Return the shortest rotation (3, 3) that takes the unit vector `up` (3,), which is not -z, to the z axis."""
    x, y, z = up
    turn = np.array([[0, 0, -x], [0, 0, -y], [x, y, 0]])
    return np.eye(3) + turn + turn @ turn / (1 + z)


def find_floor(
    cloud: GaussianCloud, cameras: tuple[Camera, ...], params: FloorParams, metre: float | None = 1.0
) -> Floor:
    """Return the floor of a cloud whose z axis points roughly up.

    Args:
        cloud: at least one Gaussian.
        cameras: views that lie in free space, so above the floor; may be empty.
        params: what counts as a floor.
        metre: how many units a metre is; None: not known, then tolerances are relative to the width of the scene.
    """
    max_tilt = max(params.max_tilt, params.max_camera_tilt) if cameras else params.max_tilt
    # more do not make the floor any surer, and are looked at in double precision
    if cloud.count > _MOST_GAUSSIANS:
        cloud = cloud.select(np.arange(0, cloud.count, -(-cloud.count // _MOST_GAUSSIANS)))
    surface = _Surface.of(cloud, max_tilt)
    lens = np.array([camera.position for camera in cameras], np.float64).reshape(-1, 3)
    if surface.level.sum() >= 3:
        tolerance = _RELATIVE_TOLERANCE * surface.width
        if metre is not None:
            tolerance = min(params.tolerance * metre, tolerance)
        plane = _best_plane(surface, lens, tolerance, max_tilt)
        if plane is not None:
            near = surface.points[surface.level], surface.weights[surface.level]
            return _judged(surface, *_settled(*near, *plane, tolerance), tolerance, max_tilt, params.min_floor_share)
    return _ground(surface)


def ground_height(cloud: GaussianCloud, rotation: Floats, max_tilt: float) -> float:
    """Return a low height of uneven ground, once `rotation` (3, 3) has turned the cloud."""
    turned = cloud.select(np.arange(0, cloud.count, -(-cloud.count // _MOST_GAUSSIANS)))
    surface = _Surface.of(turned, max_tilt)
    points: Floats = np.einsum("nk,jk->nj", surface.points, rotation)
    low, high = np.quantile(points[:, :2], (0.01, 0.99), axis=0).astype(np.float64)
    return _ground(replace(surface, points=points, low=low, width=max(float((high - low).max()), 1e-6))).height


@dataclass(frozen=True)
class _Surface:
    """Centres [m], areas as weights, which of them look level, and the scene's horizontal extent."""

    points: Floats
    weights: Floats
    level: npt.NDArray[np.bool_]
    low: Floats
    width: float

    @staticmethod
    def of(cloud: GaussianCloud, max_tilt: float) -> _Surface:
        points = cloud.positions.astype(np.float64)
        order = np.sort(cloud.scales, axis=1).astype(np.float64)
        areas: Floats = order[:, 1] * order[:, 2]
        # The largest are faint fillers behind surfaces, and would outweigh a whole floor.
        opacities = cloud.opacities.astype(np.float64)
        weights = np.minimum(areas, float(np.quantile(areas, 0.9))) * opacities + 1e-30
        limit = np.cos(np.radians(min(max_tilt + _NORMAL_NOISE_DEG, 60.0)))
        level = (np.abs(_vertical_parts(cloud)) > limit) & (order[:, 0] < _MAX_FLATNESS * order[:, 1])
        low, high = np.quantile(points[:, :2], (0.01, 0.99), axis=0).astype(np.float64)
        return _Surface(points, weights, level, low, max(float((high - low).max()), 1e-6))

    def cells(self, points: Floats) -> npt.NDArray[np.intp]:
        """Return the numbers of the ground plan's cells that points (n, 3) lie in."""
        steps = np.clip((points[:, :2] - self.low) / self.width * _CELLS, 0, _CELLS - 1).astype(np.intp)
        return steps[:, 0] * _CELLS + steps[:, 1]


def _vertical_parts(cloud: GaussianCloud) -> Floats:
    """Return the z component of every Gaussian's shortest axis, shape (N,)."""
    w, x, y, z = cloud.quats_wxyz.T.astype(np.float64)
    thin = cloud.scales.argmin(axis=1)
    return np.choose(thin, [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)])


def _best_plane(surface: _Surface, lens: Floats, tolerance: float, max_tilt: float) -> tuple[Floats, float] | None:
    """Return (normal, offset) of the plane n . p = offset with most for and least against it."""
    random = np.random.default_rng(_SAMPLE_STREAM)
    level = surface.points[_drawn(random, surface.weights * surface.level)]
    votes = _Votes(surface.points[_drawn(random, surface.weights)], lens, tolerance)
    normals, offsets = _hypotheses(random, level, max_tilt)
    rough = votes.score(normals, offsets, every=_ROUGH_EVERY)
    # Planes through three noisy points are rough themselves: the promising ones are fitted before the last word.
    finalists = np.argsort(-rough, kind="stable")[:_FINALISTS]
    fitted = [_settled(level, np.ones(_SAMPLES), normals[i], float(offsets[i]), tolerance) for i in finalists]
    score = votes.score(np.array([n for n, _ in fitted]), np.array([o for _, o in fitted]), every=1)
    best = int(score.argmax())
    return fitted[best] if score[best] > 0 else None


@dataclass(frozen=True)
class _Votes:
    """Points drawn in proportion to area: those in a plane speak for it, those beneath speak against it."""

    points: Floats
    lens: Floats
    tolerance: float

    def score(self, normals: Floats, offsets: Floats, every: int) -> Floats:
        """Return votes for minus votes against planes (m,), using every n-th point."""
        # einsum instead of BLAS: its sums do not depend on the number of threads.
        heights = np.einsum("nk,mk->mn", self.points[::every], normals) - offsets[:, None]
        votes = (np.abs(heights) < self.tolerance).mean(axis=1)
        votes -= _AGAINST * (heights < -3 * self.tolerance).mean(axis=1)
        below_camera = (np.einsum("ck,mk->mc", self.lens, normals) - offsets[:, None] >= 0).all(axis=1)
        return np.where(below_camera, votes, -1.0)


def _drawn(random: np.random.Generator, weights: Floats) -> npt.NDArray[np.intp]:
    """Return indices drawn in proportion to `weights`, evenly spread through their cumulated sum."""
    total = np.cumsum(weights)
    at = (np.arange(_SAMPLES) + random.random(_SAMPLES)) / _SAMPLES * total[-1]
    return np.minimum(np.searchsorted(total, at, side="right"), len(weights) - 1)


def _hypotheses(random: np.random.Generator, points: Floats, max_tilt: float) -> tuple[Floats, Floats]:
    """Return planes (normals (m, 3), offsets (m,)) through three points each, and level ones through single points."""
    corners = points[random.integers(0, len(points), (_HYPOTHESES, 3))]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    lengths = np.linalg.norm(normals, axis=1)
    firm = lengths > 1e-12
    normals = normals[firm] / lengths[firm, None]
    normals *= np.where(normals[:, 2:] < 0, -1.0, 1.0)
    upright = normals[:, 2] >= np.cos(np.radians(max_tilt))
    seats = points[random.integers(0, len(points), _HYPOTHESES // 4)]
    normals = np.concatenate([normals[upright], np.tile((0.0, 0.0, 1.0), (len(seats), 1))])
    through = np.concatenate([corners[firm, 0][upright], seats])
    return normals, np.einsum("mk,mk->m", normals, through)


def _settled(points: Floats, weights: Floats, normal: Floats, offset: float, tolerance: float) -> tuple[Floats, float]:
    """Return the plane fitted to the weighted points near it: least squares, then the median height."""
    for reach in (3.0, 2.0, 1.5, 1.0, 1.0):
        near = np.abs(np.einsum("nk,k->n", points, normal) - offset) < reach * tolerance
        if near.sum() < 3:
            break
        normal, offset = fitted(points[near], weights[near], normal, offset)
    heights = np.einsum("nk,k->n", points, normal) - offset
    near = np.abs(heights) < tolerance
    if near.any():
        offset += weighted_median(heights[near], weights[near])
    return normal, offset


def _judged(
    surface: _Surface, normal: Floats, offset: float, tolerance: float, max_tilt: float, min_share: float
) -> Floor:
    """Return the plane as a floor if it is flat, large and level enough, the ground's height otherwise."""
    points, weights = surface.points[surface.level], surface.weights[surface.level]
    heights = np.abs(np.einsum("nk,k->n", points, normal) - offset)
    near, around = heights < tolerance, heights < 3 * tolerance
    peak = weights[near].sum() / weights[around].sum() if around.any() else 0.0
    opaque = surface.weights >= np.quantile(surface.weights, 0.1)
    plan = len(np.unique(surface.cells(surface.points[opaque])))
    share = len(np.unique(surface.cells(points[near]))) / plan
    tilt = float(np.degrees(np.arccos(np.clip(normal[2], -1.0, 1.0))))
    if peak < _MIN_PEAK or share < min_share or tilt > max_tilt:
        return _ground(surface)
    cells = surface.cells(points)
    squares = _squares(cells)
    middle, covariance = spread_of_fit(points[near], weights[near], normal, squares[near])
    layer = flattest_layer(points, weights, cells, squares, (normal, offset), tolerance)
    if layer is not None and layer.cells < min_share * plan:
        layer = None
    bent = undulation(np.einsum("nk,k->n", points[around], normal), squares[around], surface.width)
    return Floor(normal, offset, tilt, min(share, 1.0), True, middle, covariance, float(peak), layer, bent)


def _squares(cells: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """Return which large square of the ground plan each cell lies in."""
    return np.asarray(cells // _CELLS // _SQUARE * _CELLS + cells % _CELLS // _SQUARE)


def _ground(surface: _Surface) -> Floor:
    """Return a level floor at a low quantile of the lowest surfaces of the ground plan's cells."""
    solid = surface.weights >= np.quantile(surface.weights, 0.1)
    points = surface.points[solid] if solid.any() else surface.points
    cells = surface.cells(points)
    order = np.lexsort((points[:, 2], cells))
    starts = np.flatnonzero(np.diff(cells[order], prepend=-1))
    sizes = np.diff([*starts, len(order)])
    ground = points[order[starts + sizes // 20], 2]
    return Floor(np.array([0.0, 0.0, 1.0]), float(np.quantile(ground, _GROUND_QUANTILE)), 0.0, 0.0, False)

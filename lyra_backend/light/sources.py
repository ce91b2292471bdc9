"""Sun and lamps of a scene: the few that explain its shading best, out of many directions and places."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .shading import (
    CHANNEL_IN_SIGHT,
    LUMINANCE_FOUND,
    LUMINANCE_IN_SIGHT,
    LUMINANCE_ONLY,
    ONE_CHANNEL,
    Groups,
    Spread,
    fit,
)
from .surfels import BACKDROP_M, Surfels

if TYPE_CHECKING:
    from ..kernels.incoming_light import Occluders

__all__ = ["LUMINANCE", "SKY_SHARE_MIN", "Source", "Sources", "find_sources"]

Floats = npt.NDArray[Any]

#: Less unseen sky than this over surfaces is gaps between Gaussians.
SKY_SHARE_MIN = 0.02
#: With more of it a scene is outdoors; there the sun counts unless it explains less than this share of what lamps do.
_OUTDOORS, _DAY = 0.15, 0.5
LUMINANCE = np.array([0.2126, 0.7152, 0.0722])
#: Directions a sun is looked for in, above this height; and places of lamps along each side of the scene.
_DIRECTIONS, _HEIGHT_MIN, _PLACES = 150, 0.05, (7, 7, 4)
#: More lamps explain noise.
_SOURCES_MAX = 6
#: Sources that help less than this share of what is unexplained are not there.
_GAIN_MIN = 0.01
#: What did not promise much as the first source does not as a later one.
_PROMISING = 60
#: A found direction is searched again within such cones [deg], and with such diameters of the sun [deg].
_CONES_DEG = (16.0, 5.0, 1.5)
_CONE_DIRECTIONS = 50
_DISC_DEG = (0.53, 5.0, 15.0)
_DISC_RAYS = 12
#: Where rays this far around the sun [deg] disagree is the edge of a shadow; too few other points, and all are used.
_EDGE_DEG, _EDGE_RAYS, _CLEAR_MIN = 2.0, 12, 0.25
#: What is closer to a lamp than this is its housing; closer than the second, it is no point [m].
_HOUSING_M, _NEAR_M = 0.25, 0.3
#: Light from an unseen ground, as a share of that from an unseen sky.
_GROUND_SHARE = 0.35
#: Points of one paint differ by less than this in the logarithms of red and blue over green.
_TINT_STEP = 0.5


@dataclass(frozen=True, eq=False)
class Source:
    """A sun in `direction` (3,), or a lamp at `position` (3,) [m]; `angle_deg` is the sun's diameter."""

    direction: Floats | None = None
    position: Floats | None = None
    angle_deg: float = _DISC_DEG[0]

    def transport(self, points: Floats, normals: Floats, blockers: Occluders) -> Floats:
        """Return how much of its light arrives at points (N, 3) [m] with unit normals (N, 3), shape (N,)."""
        if self.position is not None:
            return _from_lamps(points, normals, blockers, self.position[None])[:, 0]
        assert self.direction is not None
        rays = np.array([self.direction])
        if self.angle_deg > _DISC_DEG[0]:
            rays = _cone(self.direction, self.angle_deg / 2, _DISC_RAYS)
        return np.asarray(_from_suns(points, normals, blockers, rays).mean(axis=1))


@dataclass(frozen=True, eq=False)
class Sources:
    """What lights a scene besides its own surfaces.

    Attributes:
        found: sun and lamps, in the order in which they explain the shading.
        strength: what a white surface that faces each (a lamp from 1 m) sends to the eye, linear RGB, shape (J, 3).
        sky: radiance of what is not seen from above, linear RGB, shape (3,).
        gain: share of the unexplained shading that sun and lamps explain, in [0, 1].
        sky_share: share of the light of the sky in what could arrive; 0 in a closed room.
        unseen_share: share of the light on surfaces that what is in sight does not send, in [0, 1].
    """

    found: tuple[Source, ...]
    strength: Floats
    sky: Floats
    gain: float
    sky_share: float
    unseen_share: float


def find_sources(surfels: Surfels, blockers: Occluders, eyes: Floats) -> Sources:
    """Find sun, sky and lamps by the shading of surface points; `eyes` (E, 3) [m] are places in free space."""
    search = _Search.of(surfels, blockers)
    candidates = [Source(direction=d) for d in _upper_directions()]
    candidates += [Source(position=p) for p in _free_places(surfels, blockers, eyes)]
    columns = search.columns(candidates)
    found: list[Source] = []
    base, strength = search.sky[:, None], np.array([0.5])
    start = cost = search.costs(base[None], strength)[0][0]
    open_ = np.arange(len(candidates))
    while len(found) < _SOURCES_MAX and len(open_):
        costs, strengths = search.with_one_more(base, strength, columns[open_])
        if by_day := not found and search.looks_like_day(cost, costs):
            open_, costs, strengths = open_[:_DIRECTIONS], costs[:_DIRECTIONS], strengths[:_DIRECTIONS]
        best = int(costs.argmin())
        chosen, column, costs_best, with_best = search.refined(
            candidates[open_[best]], columns[open_[best]], costs[best], strengths[best], base, strength
        )
        if cost - costs_best < _GAIN_MIN * cost:
            break
        found.append(chosen)
        base, strength, cost = np.column_stack([base, column]), with_best, costs_best
        if by_day:
            break
        open_ = open_[np.argsort(costs, kind="stable")[1 : _PROMISING + 1]]
        if chosen.direction is not None:
            # There is one sun: what else shines lies within the scene.
            open_ = open_[open_ >= _DIRECTIONS]
    colors = search.colors_off_edges(found, base, strength)
    unseen = base @ (colors @ LUMINANCE)
    share = float((unseen / np.maximum(unseen + search.seen @ LUMINANCE, 1e-6)).mean())
    return Sources(tuple(found), colors[1:], colors[0], float(1 - cost / start), float(search.sky.mean()), share)


@dataclass(frozen=True, eq=False)
class _Search:
    """The surface points with what is known of their light; `sky` (N,) is the share of unseen sky over each."""

    surfels: Surfels
    blockers: Occluders
    groups: Groups
    seen: Floats
    sky: Floats

    @staticmethod
    def of(surfels: Surfels, blockers: Occluders) -> _Search:
        incoming = blockers.gather(surfels.positions, surfels.normals)
        sky = incoming.open_above + _GROUND_SHARE * incoming.open_below
        return _Search(surfels, blockers, _paints(surfels), incoming.seen.astype(np.float64), sky.astype(np.float64))

    @property
    def under_sky(self) -> bool:
        """Whether light comes from where nothing is seen."""
        return float(self.sky.mean()) > SKY_SHARE_MIN

    def looks_like_day(self, cost: float, costs: Floats) -> bool:
        """Return whether there is a sun, beside which no lamp can be seen (tens of lux against tens of thousands).

        So it is under a wide sky, unless the best lamp explains far more than the best sun does: that is a night.
        """
        outdoors = float(self.sky.mean()) > _OUTDOORS
        return outdoors and cost - float(costs[:_DIRECTIONS].min()) > _DAY * (cost - float(costs.min()))

    def columns(self, sources: list[Source]) -> Floats:
        """Return the transport of each source (K, N)."""
        suns = np.array([s.direction for s in sources if s.direction is not None]).reshape(-1, 3)
        lamps = np.array([s.position for s in sources if s.position is not None]).reshape(-1, 3)
        at = self.surfels.positions, self.surfels.normals, self.blockers
        return np.concatenate([_from_suns(*at, suns).T, _from_lamps(*at, lamps).T])

    def costs(self, transport: Floats, start: Floats, under_sky: Spread = LUMINANCE_ONLY) -> tuple[Floats, Floats]:
        """Return costs (D,) and strengths (D, J) of alternatives (D, N, J), fitted to luminance."""
        spread = under_sky if self.under_sky else LUMINANCE_IN_SIGHT
        result = fit(self.groups, self.surfels.radiance @ LUMINANCE, self.seen @ LUMINANCE, transport, start, spread)
        return result.cost, result.strength

    def with_one_more(self, base: Floats, strength: Floats, columns: Floats) -> tuple[Floats, Floats]:
        """Fit the lights of `base` (N, J) and, in turn, each of `columns` (K, N)."""
        known = np.broadcast_to(base, (len(columns), *base.shape))
        return self.costs(np.concatenate([known, columns[:, :, None]], axis=2), np.append(strength, 0.5))

    def refined(
        self, source: Source, column: Floats, cost: float, strengths: Floats, base: Floats, strength: Floats
    ) -> tuple[Source, Floats, float, Floats]:
        """Return the best source next to `source`, with its transport, cost and the strengths of all."""
        best = (source, column, float(cost), strengths)
        for step in range(len(_CONES_DEG) + 1):
            near = _neighbours(best[0], step, self._cell())
            if not near:
                break
            if step == len(_CONES_DEG):
                at = self.surfels.positions, self.surfels.normals, self.blockers
                columns = np.stack([s.transport(*at) for s in near])
            else:
                columns = self.columns(near)
            costs, all_strengths = self.with_one_more(base, strength, columns)
            k = int(costs.argmin())
            if costs[k] < best[2]:
                best = (near[k], columns[k], float(costs[k]), all_strengths[k])
        return best

    def colors_off_edges(self, found: list[Source], base: Floats, strength: Floats) -> Floats:
        """Return :meth:`colors`, with strengths fitted anew to points that are plainly in the sun or plainly in shade.

        At the edge of a shadow a point may be on the other side than its rays say, which makes the sun look weaker than
        it is.
        """
        clear = np.ones(len(self.surfels), bool)
        for direction in (s.direction for s in found if s.direction is not None):
            ways = _cone(direction, _EDGE_DEG, _EDGE_RAYS)
            share = self.blockers.open_towards(self.surfels.positions, ways, BACKDROP_M).mean(axis=1)
            clear &= (share == 0.0) | (share == 1.0)
        if clear.mean() < _CLEAR_MIN:
            clear[:] = True
        search, base = self.select(clear), base[clear]
        return search.colors(base, search.costs(base[None], strength, LUMINANCE_FOUND)[1][0])

    def select(self, rows: npt.NDArray[np.bool_]) -> _Search:
        """Return what is known of some of the points (N,)."""
        s = self.surfels
        surfels = Surfels(s.positions[rows], s.normals[rows], s.radiance[rows])
        return _Search(surfels, self.blockers, _paints(surfels), self.seen[rows], self.sky[rows])

    def colors(self, base: Floats, strength: Floats) -> Floats:
        """Return linear RGB strengths (J, 3) of the lights of `base` (N, J), fitted channel by channel."""
        radiance = np.maximum(self.surfels.radiance, 1e-3)
        args = [(radiance[:, c], self.seen[:, c], base[None], strength) for c in range(3)]
        spread = ONE_CHANNEL if self.under_sky else CHANNEL_IN_SIGHT
        return np.stack([fit(self.groups, *a, spread).strength[0] for a in args], axis=1)

    def _cell(self) -> Floats:
        low, high = _box(self.surfels)
        return (high - low) / _PLACES


def _paints(surfels: Surfels) -> Groups:
    """Group points that are close together and of similar tint."""
    low, high = np.quantile(surfels.positions, (0.05, 0.95), axis=0)
    cell = max(float(np.linalg.norm(high - low)) / 15, 1e-6)
    radiance = np.maximum(surfels.radiance, 1e-3)
    tint = np.log(radiance[:, [0, 2]] / radiance[:, [1]])
    keys = np.concatenate([np.floor(surfels.positions / cell), np.floor(tint / _TINT_STEP + 0.5)], axis=1)
    return Groups.by(keys.astype(np.int64))


def _neighbours(source: Source, step: int, cell: Floats) -> list[Source]:
    """Return what to try next to a source, ever closer; at last other sizes of the sun."""
    if source.direction is not None:
        if step < len(_CONES_DEG):
            around = _cone(source.direction, _CONES_DEG[step], _CONE_DIRECTIONS)
            return [replace(source, direction=d) for d in around if d[2] > 0]
        return [replace(source, angle_deg=a) for a in _DISC_DEG[1:]]
    if step >= len(_CONES_DEG):
        return []
    moves = np.stack(np.meshgrid(*[(-1, 0, 1)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    return [replace(source, position=source.position + m * cell / 3 ** (step + 1)) for m in moves if m.any()]


def _from_suns(points: Floats, normals: Floats, blockers: Occluders, directions: Floats) -> Floats:
    """Return the cosine of distant light (N, K) where it is not blocked."""
    if not len(directions):
        return np.zeros((len(points), 0))
    return blockers.open_towards(points, directions, BACKDROP_M) * np.maximum(normals @ directions.T, 0.0)


def _from_lamps(points: Floats, normals: Floats, blockers: Occluders, places: Floats) -> Floats:
    """Return cosine over squared distance [1/m^2] of lamps (N, K) that are in sight."""
    if not len(places):
        return np.zeros((len(points), 0))
    way = places[None] - points[:, None]
    distance = np.maximum(np.linalg.norm(way, axis=2), 1e-6)
    facing = np.maximum(np.einsum("nkc,nc->nk", way, normals) / distance, 0.0)
    return blockers.in_sight(points, places, _HOUSING_M) * facing / np.maximum(distance, _NEAR_M) ** 2


def _upper_directions() -> Floats:
    """Return unit vectors above the horizon, evenly spread, shape (_DIRECTIONS, 3)."""
    i = np.arange(_DIRECTIONS) + 0.5
    z, turn = _HEIGHT_MIN + (1 - _HEIGHT_MIN) * i / _DIRECTIONS, np.pi * (1 + 5**0.5) * i
    flat = np.sqrt(1 - z * z)
    return np.stack([flat * np.cos(turn), flat * np.sin(turn), z], axis=1)


def _cone(axis: Floats, half_angle_deg: float, count: int) -> Floats:
    """Return unit vectors (count, 3) spread over a cone around `axis`."""
    side = np.cross(axis, (0.0, 0.0, 1.0) if abs(axis[2]) < 0.9 else (1.0, 0.0, 0.0))
    side /= np.linalg.norm(side)
    i = np.arange(count) + 0.5
    away, turn = np.tan(np.radians(half_angle_deg)) * np.sqrt(i / count), np.pi * (1 + 5**0.5) * i
    spread = away[:, None] * (np.cos(turn)[:, None] * side + np.sin(turn)[:, None] * np.cross(axis, side))
    ways = axis + spread
    return np.asarray(ways / np.linalg.norm(ways, axis=1, keepdims=True))


def _box(surfels: Surfels) -> tuple[Floats, Floats]:
    low, high = np.quantile(surfels.positions, (0.01, 0.99), axis=0)
    return low, high


def _free_places(surfels: Surfels, blockers: Occluders, eyes: Floats) -> Floats:
    """Return places of a lattice in the scene's box that are in sight of one of `eyes` (E, 3), shape (P, 3) [m]."""
    low, high = _box(surfels)
    sides = [low[k] + (np.arange(n) + 0.5) / n * (high[k] - low[k]) for k, n in enumerate(_PLACES)]
    places = np.stack(np.meshgrid(*sides, indexing="ij"), axis=-1).reshape(-1, 3)
    return places[blockers.in_sight(places, eyes).any(axis=1)]

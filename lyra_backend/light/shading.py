"""Light found from how a surface is shaded: the same paint is brighter where more light falls on it.

A diffuse surface of reflectance a sends a (G + sum_j w_j T_j): G is the light of the other surfaces, which is known
because they are seen; T_j is how much of light j, of unknown strength w_j, arrives (cosine, shadow, falloff).
The logarithm parts paint from light: log B - log(G + sum w T) is log a, alike for points of one group (close together,
of similar tint), and over all groups spread around that of usual paint. This is a random-effects model; w is fitted by
Gauss-Newton with Cauchy weights, and the group means are eliminated (variable projection). Shadows tell direct light
from the rest (Sato, Sato & Ikeuchi, "Illumination from Shadows", 2003), and G, which is known, fixes the scale.
Where G is faint, as under an open sky, brighter light on darker paint looks the same: there the scale is that of usual
paint and usual exposure, and no better known than those.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

__all__ = [
    "CHANNEL_IN_SIGHT",
    "LUMINANCE_FOUND",
    "LUMINANCE_IN_SIGHT",
    "LUMINANCE_ONLY",
    "ONE_CHANNEL",
    "Fit",
    "Groups",
    "Spread",
    "fit",
]

Doubles = npt.NDArray[np.float64]

#: Standard deviation of log reflectance within a group (texture, noise), and of groups around that of the scene.
_WITHIN, _BETWEEN = 0.25, 0.6
#: Log reflectance of a usual scene, and log of what white surfaces send to the eye on average in a usual picture:
#: standard output sensitivity (ISO 12232) shows a surface that reflects 18 % as 18 % of white.
_USUAL, _EXPOSED = float(np.log(0.18)), 0.0
#: Residuals beyond this many deviations count little.
_CAUCHY = 1.5
#: Radiance above which film bends towards white: what looks brighter is at least this bright.
_KNEE = 0.5
#: Light fainter than this is none.
_FAINT = 1e-4
#: Steps at most, and below which step an alternative has arrived.
_STEPS, _SETTLED = 15, 1e-3


@dataclass(frozen=True)
class Spread:
    """How far logarithms may lie from what is usual, as standard deviations.

    Residuals of neighbouring points are far from independent, so that thousands of them weigh no more than some dozens:
    what holds for the scene as a whole is stated that much tighter than it is known.

    Attributes:
        strength: of a light, around the likely one.
        paint: the scene's reflectance.
        exposed: light on white surfaces.
        paints: groups are many and paints few (a house is painted once): all groups weigh no more than this many.
    """

    strength: float
    paint: float
    exposed: float
    paints: float = np.inf


#: For luminance, and for one channel: pictures are balanced so that light is nearly white, while a whole scene may be
#: green or brown.
LUMINANCE_ONLY, ONE_CHANNEL = Spread(3.0, 0.6, 0.06), Spread(0.3, 2.0, 0.12, paints=20)
#: How strong sun and sky are once they are found. Ground is dark and faces them, walls are bright and do not: taken for
#: so many independent paints, this would make both weaker.
LUMINANCE_FOUND = Spread(0.5, 0.6, 0.06, paints=20)
#: The same where everything around is seen: what that sends fixes the scale, and usual pictures have less of a say.
LUMINANCE_IN_SIGHT, CHANNEL_IN_SIGHT = Spread(3.0, 0.6, 0.2), Spread(0.2, 2.0, 0.4)


@dataclass(frozen=True, eq=False)
class Groups:
    """Points sorted by group: `order` (N,) sorts them, `starts` (G,) are the groups' first places in that order."""

    order: npt.NDArray[np.intp]
    starts: npt.NDArray[np.intp]
    label: npt.NDArray[np.intp]

    @staticmethod
    def by(keys: npt.NDArray[np.integer]) -> Groups:
        """Group points by equal rows of `keys` (N, K)."""
        label = np.unique(keys, axis=0, return_inverse=True)[1].reshape(-1)
        order = np.argsort(label, kind="stable")
        starts = np.flatnonzero(np.diff(label[order], prepend=-1))
        return Groups(order, starts, label[order])

    def sums(self, values: Doubles) -> Doubles:
        """Sum sorted values (..., N) over each group, shape (..., G)."""
        return np.add.reduceat(values, self.starts, axis=-1)


@dataclass(frozen=True, eq=False)
class Fit:
    """Strengths (D, J) of D alternatives, and how badly each explains what is seen (D,); less is better."""

    strength: Doubles
    cost: Doubles


def fit(
    groups: Groups,
    seen: Doubles,
    known: Doubles,
    transport: Doubles,
    start: Doubles,
    spread: Spread = LUMINANCE_ONLY,
) -> Fit:
    """Fit the strengths of lights to one channel, for several alternatives at once.

    Args:
        groups: which points share a paint.
        seen: radiance of the points, > 0, shape (N,).
        known: light of what is in sight of them, shape (N,).
        transport: share of each light that arrives, in [0, 1] or so, shape (D, N, J).
        start: likely strengths, shape (J,).
        spread: how far all may lie from what is usual.
    """
    order = groups.order
    problem = _Problem(
        groups,
        np.log(seen[order]),
        seen[order] > _KNEE,
        known[order],
        transport[:, order],
        np.append(np.log(start + _FAINT), _USUAL),
        np.append(np.full(len(start), spread.strength), spread.paint),
        spread.exposed,
        min(1.0, spread.paints / len(groups.starts)),
    )
    theta = np.tile(problem.likely, (len(transport), 1))
    moving = np.arange(len(transport))
    for _ in range(_STEPS):
        steps = replace(problem, rays=problem.rays[moving]).step(theta[moving])
        theta[moving] += steps
        moving = moving[np.abs(steps).max(axis=1) > _SETTLED]
        if not len(moving):
            break
    return Fit(np.exp(theta[:, :-1]), problem.cost(theta))


@dataclass(frozen=True, eq=False)
class _Problem:
    """Points in order of their groups; parameters are log strengths (D, J) and last the log reflectance of the scene.

    `target` (N,) is log radiance, of which `burnt` (N,) points show only a lower bound; `base` (N,) is known light and
    `rays` (D, N, J) transport. Parameters are `likely` (J + 1,) with some `deviation` (J + 1,), and
    the mean log light is usual but for `exposed`; a group weighs `weight` of an independent paint.
    """

    groups: Groups
    target: Doubles
    burnt: npt.NDArray[np.bool_]
    base: Doubles
    rays: Doubles
    likely: Doubles
    deviation: Doubles
    exposed: float
    weight: float

    def residuals(self, theta: Doubles) -> _Residuals:
        parts = self.rays * np.exp(theta[:, None, :-1])
        light = self.base + parts.sum(axis=2) + _FAINT
        log_paint = self.target - np.log(light)
        weight = np.ones_like(log_paint)
        for _ in range(3):
            mass = self.groups.sums(weight) + _FAINT
            # A group of which little is known is taken to be painted like the scene.
            prior = (_WITHIN / _BETWEEN) ** 2
            paint = (self.groups.sums(weight * log_paint) + prior * theta[:, -1:]) / (mass + prior)
            inner = log_paint - paint[:, self.groups.label]
            weight = 1.0 / (1.0 + (inner / (_CAUCHY * _WITHIN)) ** 2)
            weight = np.where(self.burnt & (inner < 0), 0.0, weight)
        mass = self.groups.sums(weight) + _FAINT
        mean = self.groups.sums(weight * log_paint) / mass
        shares, level = parts / light[..., None], np.log(light).mean(axis=1)
        return _Residuals(log_paint - mean[:, self.groups.label], weight, mass, mean, shares, level)

    def step(self, theta: Doubles) -> Doubles:
        """Return the Gauss-Newton step (D, J + 1)."""
        r = self.residuals(theta)
        slope = -r.shares
        sums = self.groups.sums(np.moveaxis(r.weight[..., None] * slope, 2, 1))
        middle = np.moveaxis(sums, 1, 2) / r.mass[..., None]
        inner_slope = slope - middle[:, self.groups.label]
        # The scene's reflectance moves the groups' residuals only.
        middle = np.concatenate([middle, np.full((*middle.shape[:2], 1), -1.0)], axis=2)
        between = self.weight / (_BETWEEN**2 + _WITHIN**2 / r.mass)
        pressed = (middle * between[..., None]).swapaxes(1, 2)
        hessian = pressed @ middle
        weighted = (inner_slope * r.weight[..., None]).swapaxes(1, 2) / _WITHIN**2
        hessian[:, :-1, :-1] += weighted @ inner_slope
        pull = (pressed @ (r.mean - theta[:, -1:])[..., None])[..., 0]
        pull[:, :-1] += (weighted @ r.inner[..., None])[..., 0]
        exposed = r.shares.mean(axis=1)
        hessian[:, :-1, :-1] += exposed[:, :, None] * exposed[:, None, :] / self.exposed**2
        pull[:, :-1] += exposed * (r.level[:, None] - _EXPOSED) / self.exposed**2
        hessian += np.diag(1 / self.deviation**2)
        pull += (theta - self.likely) / self.deviation**2
        return np.clip(-np.linalg.solve(hessian, pull[..., None])[..., 0], -1.0, 1.0)

    def cost(self, theta: Doubles) -> Doubles:
        r = self.residuals(theta)
        short = np.where(self.burnt, np.maximum(r.inner, 0.0), r.inner)
        within = (_CAUCHY**2 * np.log1p((short / (_CAUCHY * _WITHIN)) ** 2)).sum(axis=1)
        between = self.weight * ((r.mean - theta[:, -1:]) ** 2 / (_BETWEEN**2 + _WITHIN**2 / r.mass)).sum(axis=1)
        prior = (((theta - self.likely) / self.deviation) ** 2).sum(axis=1)
        prior += ((r.level - _EXPOSED) / self.exposed) ** 2
        return np.asarray(within + between + prior)


@dataclass(frozen=True, eq=False)
class _Residuals:
    """What is left of one set of parameters: log paint less its group's and Cauchy weights (D, N); mass and mean log
    paint of the groups (D, G); shares of the lights in what arrives (D, N, J), and its mean logarithm (D,)."""

    inner: Doubles
    weight: Doubles
    mass: Doubles
    mean: Doubles
    shares: Doubles
    level: Doubles

"""The light on a scene's surface: sky and bounced light, sun and lamps with shadows, and the film that sees it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...progress import Progress
from .elements import Lighting
from .lightmap import CornerMeans, Grids
from .mipmap import from_linear
from .patches import Faces, unit_normals
from .spread import Samples, mean_sides, quad_weights

__all__ = ["bake", "developed", "exposure_for", "light_in_air"]

Floats = npt.NDArray[np.floating]
Integers = npt.NDArray[np.integer]

LUMINANCE = np.array([0.2126, 0.7152, 0.0722])
#: Rays of all ambient nodes together, and nodes on all quads together.
RAY_BUDGET = 4_000_000
NODE_BUDGET = 70_000
#: What is closer to a lamp than this is its own housing and lets its light out [m].
HOUSING = 0.25
LAMP_RADIUS = 0.18
#: Shadow rays of all lamps together, those for penumbras left out; lamps too many for one ray per sample are
#: traced at the nodes.
LAMP_BUDGET = 6_000_000
NODE_RAYS = 4
MOST_RAYS = 4
#: Half width of the sun, wider than the real one because Gaussians cannot show a sharper shadow [rad].
SUN_WIDTH = 0.012
SUN_RAYS = 3
#: Rays start this far above the surface [m].
LIFT = 0.003
#: Distance, over the reach of ambient rays, within which surfaces darken each other.
CONTACT_SHADE = 0.15
#: Share of each colour that spills into the other two, as in film: saturated paint keeps some shading.
SPILL = 0.03


def bake(
    quads: Faces,
    triangles: Faces,
    albedo: tuple[Floats, Floats],
    samples: tuple[Samples, Samples],
    lighting: Lighting,
    progress: Progress,
) -> tuple[Floats, Floats]:
    """Compute the light on both kinds of samples.

    Ambient light is traced at few points and interpolated; sun and lamps are traced for every sample.

    Args:
        quads, triangles: the whole surface; it casts the shadows.
        albedo: mean linear colour of each quad (Q, 3) and of each triangle (T, 3).
        samples: where light is wanted, on quads and on triangles.
        lighting: where it comes from.
        progress: told about the steps.

    Returns:
        What a white surface would send to the eye, linear RGB, on quads (N, 3) and on triangles (M, 3).
    """
    progress(0.0, "tracing bounced light")
    scene = _Scene.of(quads, triangles, albedo)
    faces, normals = (quads, triangles), scene.smooth_normals()
    grids = Grids.build(mean_sides(quads.corners), NODE_BUDGET)
    count = len(samples[0].face) + len(samples[1].face)
    lamp_rays = int(min(LAMP_BUDGET // max(count * len(lighting.lamps), 1), MOST_RAYS))
    progress(0.2, "tracing ambient light")
    nodes = scene.node_light(faces, normals, grids, lighting, with_lamps=lamp_rays == 0)
    light = list(scene.between_nodes(nodes, grids, samples))
    for i in range(2):
        progress(0.5 + 0.25 * i, "tracing sun and lamps")
        points = _on(faces[i].corners, samples[i].face, samples[i].weights)
        facing = _unit(_on(normals[i], samples[i].face, samples[i].weights))
        light[i] += scene.sunlight(points, facing, lighting, SUN_RAYS)
        light[i] += scene.lamplight(points, facing, lighting, lamp_rays)
    progress(1.0, "light is baked")
    return light[0], light[1]


def light_in_air(
    quads: Faces,
    triangles: Faces,
    albedo: tuple[Floats, Floats],
    place: Floats,
    normals: Floats,
    lighting: Lighting,
    ray_count: int = 256,
) -> Floats:
    """Return what white surfaces at `place` (3,) [m] in free space would send to the eye, as :func:`bake` computes it.

    Args:
        quads, triangles, albedo: the scene, as for :func:`bake`.
        place: where a small ball hangs.
        normals: unit normals on the ball, shape (N, 3).
        lighting: where light comes from.
        ray_count: rays per normal for ambient light.

    Returns:
        Linear RGB before exposure, shape (N, 3).
    """
    scene = _Scene.of(quads, triangles, albedo)
    points = np.repeat(np.asarray(place)[None], len(normals), axis=0)
    light, _ = scene.ambient(points, normals, lighting, scene.first_light(lighting), ray_count)
    return (
        light
        + scene.sunlight(points, normals, lighting, SUN_RAYS)
        + scene.lamplight(points, normals, lighting, MOST_RAYS)
    )


def developed(light: Floats, colors: Floats, exposure: float) -> Floats:
    """Return sRGB colours (N, 3) of surfaces with linear `colors` (N, 3) under `light` (N, 3).

    Values up to a half stay proportional to the light; brighter ones bend softly towards white.
    """
    value = np.maximum(light * colors * exposure, 0.0)
    value = (1 - 3 * SPILL) * value + SPILL * value.sum(axis=1, keepdims=True)
    knee = 0.5
    bent = knee + (1 - knee) * np.tanh((value - knee) / (1 - knee))
    return from_linear(np.where(value > knee, bent, value))


def exposure_for(light: Floats, colors: Floats) -> float:
    """Return the factor that shows surfaces with linear `colors` (N, 3) under `light` (N, 3) well.

    Half of the decision goes to the bright parts, which must not burn out, and half to the median.
    Dark scenes get a little more than their light alone would give them.
    """
    level = np.maximum((light * LUMINANCE).sum(axis=1), 1e-3)
    middle, bright = np.quantile(level, [0.5, 0.7])
    paint = max(float((colors * LUMINANCE).sum(axis=1).mean()), 1e-3)
    shade = float(np.clip((0.28 / paint) ** 0.35, 0.7, 1.25))
    return 0.95 * shade / float(np.sqrt(bright * 1.5 * middle))


@dataclass(frozen=True, eq=False)
class _Scene:
    """All triangles: first halves of the quads, second halves, then the triangles. `corners` (F, 3, 3) [m]."""

    corners: Floats
    albedo: Floats
    quad_count: int

    @staticmethod
    def of(quads: Faces, triangles: Faces, albedo: tuple[Floats, Floats]) -> _Scene:
        halves = [quads.corners[:, [0, 1, 3]], quads.corners[:, [2, 3, 1]], triangles.corners]
        return _Scene(np.concatenate(halves), np.concatenate([albedo[0], albedo[0], albedo[1]]), len(quads))

    @property
    def mesh(self) -> tuple[Floats, Integers]:
        return self.corners.reshape(-1, 3), np.arange(3 * len(self.corners)).reshape(-1, 3)

    @property
    def size(self) -> float:
        """Largest horizontal extent [m]."""
        return float(np.ptp(self.corners[..., :2], axis=(0, 1)).max())

    def first_light(self, lighting: Lighting) -> Floats:
        """Return a rough irradiance over pi of each triangle (F, 3), from three places on it."""
        weights = np.array([[0.7, 0.15, 0.15], [0.15, 0.7, 0.15], [0.15, 0.15, 0.7]])
        points = np.einsum("wc,fck->fwk", weights, self.corners).reshape(-1, 3)
        normals = np.repeat(unit_normals(self.corners), 3, axis=0)
        direct = self.sunlight(points, normals, lighting, 1) + self.lamplight(points, normals, lighting, 1)
        up = np.clip(0.5 + normals[:, 2:], 0, 1)
        ambient = np.asarray(lighting.ambient) * (up + (1 - up) * lighting.ground_bounce)
        return (direct + 0.6 * ambient).reshape(-1, 3, 3).mean(axis=1)

    def node_light(
        self,
        faces: tuple[Faces, Faces],
        corner_normals: tuple[Floats, Floats],
        grids: Grids,
        lighting: Lighting,
        with_lamps: bool,
    ) -> Floats:
        """Return ambient light at the nodes on quads, and after those at the middles of triangles, (M, 3).

        Triangles whose middle is buried have none (NaN).
        """
        quad, place = grids.nodes()
        weights = quad_weights(place)
        points = np.concatenate([_on(faces[0].corners, quad, weights), faces[1].corners.mean(axis=1)])
        normals = _unit(np.concatenate([_on(corner_normals[0], quad, weights), corner_normals[1].mean(axis=1)]))
        ray_count = int(np.clip(RAY_BUDGET // max(len(points), 1), 16, 96))
        light, buried = self.ambient(points + LIFT * normals, normals, lighting, self.first_light(lighting), ray_count)
        if with_lamps:
            light = light + self.lamplight(points, normals, lighting, NODE_RAYS)
        light[buried > 0.4] = np.nan
        light[: len(quad)] = _mended(light[: len(quad)], quad, len(faces[0]))
        return light

    def ambient(
        self, points: Floats, normals: Floats, lighting: Lighting, first: Floats, ray_count: int
    ) -> tuple[Floats, Floats]:
        """Return ambient light at points (N, 3) on which the triangles send `first` (F, 3), and how buried they are."""
        from ...kernels.occlusion import ambient_light

        sky = np.asarray(lighting.ambient)
        return ambient_light(
            *self.mesh,
            self.albedo * first,
            points,
            normals,
            sky,
            sky * lighting.ground_bounce,
            ray_count=ray_count,
            reach=float(np.clip(self.size / 6, 1.5, 6.0)),
            shade=CONTACT_SHADE,
        )

    def between_nodes(self, light: Floats, grids: Grids, samples: tuple[Samples, Samples]) -> tuple[Floats, Floats]:
        """Interpolate node light at samples on quads and on triangles; triangles that meet share their light."""
        at_quads = light[grids.corner_nodes()]
        own = np.repeat(light[grids.node_count :][:, None], 3, axis=1)
        corners = np.concatenate([at_quads[:, [0, 1, 3]], at_quads[:, [2, 3, 1]], own])
        means = self._means.of_known(corners, _usual(light[np.isfinite(light[:, 0])]))
        on_triangles = _on(self._as_faces(means)[1], samples[1].face, samples[1].weights)
        return grids.interpolate(light[: grids.node_count], samples[0]), on_triangles

    def lamplight(self, points: Floats, normals: Floats, lighting: Lighting, rays: int) -> Floats:
        """Return the light of the lamps, over pi, at surface points (N, 3); none for no `rays`."""
        from ...kernels.occlusion import lamp_light

        if not lighting.lamps or not rays:
            return np.zeros(points.shape, np.float32)
        light = lamp_light(
            *self.mesh,
            points + LIFT * normals,
            normals,
            np.array([lamp.position for lamp in lighting.lamps]),
            np.array([lamp.intensity for lamp in lighting.lamps]),
            radius=LAMP_RADIUS,
            probe_count=rays,
            housing=HOUSING,
        )
        return light / np.pi

    def sunlight(self, points: Floats, normals: Floats, lighting: Lighting, rays: int) -> Floats:
        """Return the light of the sun, over pi, at surface points (N, 3)."""
        from ...kernels.occlusion import unblocked

        out = np.zeros(points.shape, np.float32)
        if not any(lighting.sun):
            return out
        direction = np.asarray(lighting.sun_direction, np.float64)
        facing = normals @ (direction / np.linalg.norm(direction))
        lit = np.flatnonzero(facing > 0)
        starts = points[lit] + LIFT * normals[lit]
        share = np.zeros(len(lit), np.float32)
        for way in _sun_disc(direction, rays):
            share += unblocked(*self.mesh, starts, starts + 4 * self.size * way) / np.float32(rays)
        out[lit] = (share * facing[lit] / np.pi)[:, None] * np.asarray(lighting.sun)
        return out

    def smooth_normals(self) -> tuple[Floats, Floats]:
        """Return unit normals at the corners of quads (Q, 4, 3) and of triangles (T, 3, 3)."""
        flat = np.repeat(unit_normals(self.corners)[:, None], 3, axis=1)
        return self._as_faces(_unit(self._means.of(flat)))

    def _as_faces(self, values: Floats) -> tuple[Floats, Floats]:
        """Turn values at the corners of all triangles (F, 3, K) into those of quads (Q, 4, K) and triangles."""
        first, second = values[: self.quad_count], values[self.quad_count : 2 * self.quad_count]
        quads = np.stack([first[:, 0], first[:, 1], second[:, 0], first[:, 2]], axis=1)
        return quads, values[2 * self.quad_count :]

    @property
    def _means(self) -> CornerMeans:
        if not hasattr(self, "_cached_means"):
            object.__setattr__(self, "_cached_means", CornerMeans(self.corners))
        return self._cached_means  # type: ignore[attr-defined]


def _on(values: Floats, face: Integers, weights: Floats) -> Floats:
    """Interpolate values at the corners of faces (N, C, K)."""
    out = np.zeros((len(face), values.shape[2]), np.float32)
    for corner in range(values.shape[1]):
        out += values[face, corner] * weights[:, corner, None]
    return out


def _unit(vectors: Floats) -> Floats:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)


def _mended(light: Floats, quad: Integers, quad_count: int) -> Floats:
    """Give nodes without light (NaN) the mean of the others on their quad, or of all where that has none."""
    good = np.isfinite(light[:, 0])
    total = np.stack([np.bincount(quad[good], light[good, c], quad_count) for c in range(3)], axis=1)
    known = np.bincount(quad[good], minlength=quad_count)[:, None]
    mean = np.where(known > 0, total / np.maximum(known, 1), _usual(light[good]))
    return np.where(good[:, None], light, mean[quad])


def _usual(light: Floats) -> Floats:
    """Return the median light (3,) of points (N, 3), none for no points."""
    return np.median(light, axis=0) if len(light) else np.zeros(3)


def _sun_disc(direction: Floats, rays: int) -> Floats:
    """Return unit vectors (rays, 3) spread over the sun."""
    d = direction / np.linalg.norm(direction)
    side = np.cross(d, (0.0, 0.0, 1.0) if abs(d[2]) < 0.9 else (1.0, 0.0, 0.0))
    side /= np.linalg.norm(side)
    turn = np.arange(rays) * 2 * np.pi / rays
    ring = np.cos(turn)[:, None] * side + np.sin(turn)[:, None] * np.cross(d, side)
    return _unit(d + SUN_WIDTH * (ring if rays > 1 else 0 * ring))

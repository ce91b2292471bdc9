"""Small scenes of known light: boxes on a ground under sun and sky, and a closed room with a lamp."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lyra_backend.types import Frame, GaussianCloud
from lyra_backend.types.rotations import SH_C0, quat_from_matrix

STEP_M = 0.12
#: Centre and half sides [m] of boxes on the ground, and their reflectance.
BOXES = (
    ((1.5, 0.5, 0.5), (0.4, 0.4, 0.5), 0.35),
    ((-1.2, 1.6, 0.75), (0.3, 0.5, 0.75), 0.12),
    ((-0.6, -1.7, 0.4), (0.5, 0.3, 0.4), 0.25),
)
GROUND = 0.2


@dataclass(frozen=True, eq=False)
class Patch:
    """A lattice on a rectangle: points (N, 3) [m], one unit normal, one reflectance."""

    points: np.ndarray
    normal: np.ndarray
    paint: float


def rectangle(centre, along, up, paint) -> Patch:
    """A lattice over centre +- along +- up; its normal is along x up."""
    along, up = np.asarray(along, float), np.asarray(up, float)
    counts = [max(int(2 * np.linalg.norm(v) / STEP_M), 1) for v in (along, up)]
    a, b = (-1 + (2 * np.arange(n) + 1) / n for n in counts)
    points = np.asarray(centre) + (a[:, None, None] * along + b[None, :, None] * up).reshape(-1, 3)
    normal = np.cross(along, up)
    return Patch(points, normal / np.linalg.norm(normal), paint)


def sides(centre, half, paint, inwards=False) -> list[Patch]:
    """The six sides of a box, facing out or in."""
    patches = []
    for axis in range(3):
        for sign in (-1, 1):
            out, first = np.zeros(3), np.zeros(3)
            out[axis], first[(axis + 1) % 3] = sign, 1
            second = np.cross(out, first)
            if inwards:
                first, second = second, first
            at = np.asarray(centre) + out * half[axis]
            patches.append(rectangle(at, first * np.asarray(half), second * np.asarray(half), paint))
    return patches


def blocked(points, ways, reach) -> np.ndarray:
    """Whether rays (N, 3) of unit ways meet one of `BOXES` within reach (N,): slabs."""
    hit = np.zeros(len(points), bool)
    with np.errstate(divide="ignore", invalid="ignore"):
        for centre, half, _ in BOXES:
            low, high = np.asarray(centre) - half, np.asarray(centre) + half
            near, far = np.sort(np.stack([(low - points) / ways, (high - points) / ways]), axis=0)
            enter, leave = np.nanmax(near, axis=1), np.nanmin(far, axis=1)
            hit |= (np.maximum(enter, 1e-3) < np.minimum(leave, reach)) & (leave > 1e-3)
    return hit


def sky_share(points, normals, rng, count=48) -> np.ndarray:
    """Cosine-weighted share of the open sky over each point."""
    out = np.zeros(len(points))
    for _ in range(count):
        way = normals + (lambda v: v / np.linalg.norm(v, axis=1, keepdims=True))(rng.normal(size=points.shape))
        way /= np.linalg.norm(way, axis=1, keepdims=True)
        out += (way[:, 2] > 0) & ~blocked(points + 1e-3 * normals, way, np.full(len(points), np.inf))
    return out / count


def outdoors(sun_direction, sun=(1.1, 1.0, 0.85), sky=(0.45, 0.5, 0.6), with_sky=True) -> GaussianCloud:
    """Boxes on a ground, lit by sun and sky; the sky is a distant sphere of Gaussians if it is to be seen."""
    rng = np.random.default_rng(5)
    patches = [rectangle((0, 0, 0), (4.5, 0, 0), (0, 4.5, 0), GROUND)]
    for box in BOXES:
        patches += [p for p in sides(*box) if p.normal[2] > -0.5]
    points, normals, paint = joined(patches)
    clear = np.ones(len(points), bool)
    for centre, half, _ in BOXES:
        clear &= (np.abs(points - centre) > np.asarray(half) - 1e-6).any(axis=1)
    points, normals, paint = points[clear], normals[clear], paint[clear]
    way = np.asarray(sun_direction, float) / np.linalg.norm(sun_direction)
    lit = np.maximum(normals @ way, 0.0)
    lit *= ~blocked(points + 1e-3 * normals, np.broadcast_to(way, points.shape), np.full(len(points), np.inf))
    light = lit[:, None] * np.asarray(sun) + sky_share(points, normals, rng)[:, None] * np.asarray(sky)
    grain = np.exp(rng.normal(0, 0.08, (len(points), 1)))
    ground = cloud_of(points, normals, paint[:, None] * grain * light)
    return GaussianCloud.concatenate([ground, dome(sky)]) if with_sky else ground


def dome(color, radius=30.0, count=3000) -> GaussianCloud:
    """The upper half of a sphere of Gaussians of one radiance."""
    i = np.arange(count) + 0.5
    z, turn = -0.05 + 1.05 * i / count, np.pi * (1 + 5**0.5) * i
    ways = np.stack([np.sqrt(1 - z * z) * np.cos(turn), np.sqrt(1 - z * z) * np.sin(turn), z], axis=1)
    spacing = radius * np.sqrt(2 * np.pi / count)
    return cloud_of(radius * ways, -ways, np.broadcast_to(color, ways.shape), spacing)


def room(lamp, color=(1.6, 1.5, 1.3), paint=0.5, half=(2.0, 1.5, 1.25)) -> GaussianCloud:
    """A closed room, z from 0, lit by a small lamp and by its own walls (three bounces), with `BOXES` left out."""
    points, normals, paints = joined(sides((0, 0, half[2]), half, paint, inwards=True))
    way = np.asarray(lamp) - points
    distance = np.linalg.norm(way, axis=1)
    direct = np.maximum(np.einsum("nk,nk->n", way, normals), 0) / distance**3
    light = direct[:, None] * np.asarray(color)
    # Form factors between the centres of small patches of equal area.
    pair = points[None] - points[:, None]
    square = np.maximum((pair**2).sum(axis=2), STEP_M**2)
    facing = np.maximum(np.einsum("nmk,nk->nm", pair, normals), 0) * np.maximum(
        -np.einsum("nmk,mk->nm", pair, normals), 0
    )
    factor = facing / square**2 * STEP_M**2 / np.pi
    factor /= np.maximum(factor.sum(axis=1, keepdims=True), 1e-9)
    total = light
    for _ in range(12):
        total = light + factor @ (paints[:, None] * total)
    return cloud_of(points, normals, paints[:, None] * total)


def joined(patches) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    points = np.concatenate([p.points for p in patches])
    normals = np.concatenate([np.broadcast_to(p.normal, p.points.shape) for p in patches])
    return points, normals, np.concatenate([np.full(len(p.points), p.paint) for p in patches])


def cloud_of(points, normals, radiance, step=STEP_M) -> GaussianCloud:
    """Flat Gaussians of linear `radiance` (N, 3) that face along `normals`, either way round."""
    aside = np.where(np.abs(normals[:, :1]) < 0.9, (1.0, 0.0, 0.0), (0.0, 1.0, 0.0))
    first = np.cross(normals, aside)
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    flip = np.where(np.arange(len(points)) % 2, 1.0, -1.0)[:, None]
    frames = np.stack([first, np.cross(flip * normals, first), flip * normals], axis=2)
    srgb = np.where(radiance <= 0.0031308, 12.92 * radiance, 1.055 * np.maximum(radiance, 1e-9) ** (1 / 2.4) - 0.055)
    return GaussianCloud(
        points.astype(np.float32),
        np.tile(np.array([0.75 * step, 0.75 * step, 0.03 * step], np.float32), (len(points), 1)),
        quat_from_matrix(frames).astype(np.float32),
        np.full(len(points), 0.95, np.float32),
        ((np.clip(srgb, 0, 1) - 0.5) / SH_C0)[:, None].astype(np.float32),
        Frame.WORLD,
    )

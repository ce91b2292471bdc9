"""Gaussians that stand for a surface, with what is wrong about them: scatter, holes, floaters and haze."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import trimesh

from .solids import Floats

__all__ = ["Look", "Splats", "floaters", "look", "on_surface"]

_HOLE_RADIUS_M = 0.025


@dataclass(frozen=True)
class Look:
    """How the Gaussians stand for the surface; lengths [m].

    Attributes:
        count: Gaussians on the surface.
        normal_noise_deg, offset_noise: spread of normals and of centres along the normal.
        bias: how far behind the surface centres lie on the mean.
        thickness: standard deviation of a Gaussian along the normal.
        opacity, opacity_spread: mean and spread of opacities.
        floater_share: Gaussians that float, relative to `count`.
        flat_floaters: floaters are as flat and as opaque as the surface.
        behind_share, haze_share: Gaussians behind the surface, and large faint ones in free space.
        hole_share: area without Gaussians in holes of 2.5 cm radius.
        bald_patches: number of patches of floor, 0.15 to 0.4 m in radius, with hardly any Gaussians.
    """

    count: int
    normal_noise_deg: float
    offset_noise: float
    bias: float
    thickness: float
    opacity: float
    opacity_spread: float
    floater_share: float
    flat_floaters: bool
    behind_share: float
    haze_share: float
    hole_share: float
    bald_patches: int


def look(rng: np.random.Generator, optimised: bool) -> Look:
    """Draw how a scene looks."""
    if optimised:
        return Look(
            count=int(rng.integers(40_000, 100_000)),
            normal_noise_deg=float(rng.uniform(8, 20)),
            offset_noise=float(rng.uniform(0.02, 0.05)),
            bias=float(rng.uniform(0.01, 0.03)),
            thickness=float(rng.uniform(0.004, 0.012)),
            opacity=float(rng.uniform(0.4, 0.75)),
            opacity_spread=0.3,
            floater_share=float(rng.uniform(0.0, 0.02)),
            flat_floaters=bool(rng.random() < 0.3),
            behind_share=0.2,
            haze_share=float(rng.uniform(0.01, 0.05)),
            hole_share=0.0,
            bald_patches=int(rng.integers(0, 3)),
        )
    faint = rng.random() < 0.25
    return Look(
        count=int(rng.integers(150_000, 400_000)),
        normal_noise_deg=float(rng.uniform(1, 12)),
        offset_noise=float(rng.uniform(0.001, 0.012)),
        bias=0.0,
        thickness=float(rng.uniform(0.0015, 0.005)),
        opacity=float(rng.uniform(0.3, 0.7) if faint else rng.uniform(0.75, 0.95)),
        opacity_spread=float(rng.uniform(0.03, 0.2)),
        floater_share=float(rng.choice([0.0, 0.005, 0.02, 0.03])),
        flat_floaters=bool(rng.random() < 0.4),
        behind_share=0.0,
        haze_share=float(rng.choice([0.0, 0.01])),
        hole_share=float(rng.choice([0.0, 0.005, 0.01])),
        bald_patches=int(rng.choice([0, 0, 1, 2])),
    )


@dataclass
class Splats:
    """Gaussians: centres and standard deviations [m], wxyz quaternions, opacities, and which of them float."""

    positions: Floats
    scales: Floats
    quats: Floats
    opacities: Floats
    floating: npt.NDArray[np.bool_]


def _turns(normals: Floats, rng: np.random.Generator) -> Floats:
    """Return wxyz quaternions that turn z to the normals, spun at random."""
    from scipy.spatial.transform import Rotation

    aside = np.where(np.abs(normals[:, :1]) < 0.9, [[1.0, 0.0, 0.0]], [[0.0, 1.0, 0.0]])
    first = np.cross(aside, normals)
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    spin = rng.uniform(0, 2 * np.pi, (len(normals), 1))
    u = np.cos(spin) * first + np.sin(spin) * np.cross(normals, first)
    quats = Rotation.from_matrix(np.stack([u, np.cross(normals, u), normals], axis=2)).as_quat()
    return np.asarray(quats[:, [3, 0, 1, 2]])


def _tilted(normals: Floats, degrees: float, rng: np.random.Generator) -> Floats:
    tilted = normals + rng.normal(0, np.tan(np.radians(degrees)), normals.shape)
    return np.asarray(tilted / np.linalg.norm(tilted, axis=1, keepdims=True))


def on_surface(mesh: trimesh.Trimesh, look: Look, bald: Floats, rng: np.random.Generator) -> tuple[Splats, Floats]:
    """Return Gaussians on the surface and the centres of its holes; `bald`: x, y, z, radius of bare patches (P, 4)."""
    from scipy.spatial import cKDTree

    seeds = rng.integers(0, 2**31, 2)
    points, face = trimesh.sample.sample_surface(mesh, look.count, seed=int(seeds[0]))
    points, normals = np.asarray(points), np.asarray(mesh.face_normals[face])
    count = int(look.hole_share * mesh.area / (np.pi * _HOLE_RADIUS_M**2))
    holes = np.asarray(trimesh.sample.sample_surface(mesh, count, seed=int(seeds[1]))[0]) if count else np.zeros((0, 3))
    keep = np.ones(len(points), bool)
    if count:
        keep = cKDTree(holes).query(points, distance_upper_bound=_HOLE_RADIUS_M)[0] > _HOLE_RADIUS_M
    for x, y, z, radius in bald:
        keep &= (np.linalg.norm(points - [x, y, z], axis=1) > radius) | (rng.random(len(points)) < 0.03)
    points, normals = points[keep], normals[keep]
    spacing = np.sqrt(mesh.area / look.count)
    facing = _tilted(normals, look.normal_noise_deg, rng)
    offset = rng.normal(-look.bias, look.offset_noise, len(points))
    behind = rng.random(len(points)) < look.behind_share
    offset[behind] -= rng.exponential(0.08, int(behind.sum()))
    across = spacing * rng.lognormal(np.log(0.9), 0.35, (len(points), 2))
    along = look.thickness * rng.lognormal(0.0, 0.35, (len(points), 1))
    opacities = np.clip(rng.normal(look.opacity, look.opacity_spread, len(points)), 0.03, 0.995)
    scales, floating = np.concatenate([across, along], axis=1), np.zeros(len(points), bool)
    return Splats(points + offset[:, None] * normals, scales, _turns(facing, rng), opacities, floating), holes


def floaters(look: Look, low: Floats, high: Floats, spacing: float, rng: np.random.Generator) -> tuple[Splats, Floats]:
    """Return scattered and clustered Gaussians in the box `low`..`high`, haze, and the centres of the clusters."""
    loose, hazy = int(look.floater_share * look.count), int(look.haze_share * look.count)
    blobs = max(4, loose // 300) if loose else 0
    centres = rng.uniform(low + 0.3, high - 0.3, (blobs, 3))
    clustered = loose // 2 if blobs else 0
    scattered = rng.uniform(low - [0.4, 0.4, 0.1], high + 0.4, (loose - clustered, 3))
    blob = centres[rng.integers(0, max(blobs, 1), clustered)] if blobs else np.zeros((0, 3))
    points = np.concatenate([scattered, blob + rng.normal(0, 0.06, blob.shape), rng.uniform(low, high, (hazy, 3))])
    if look.flat_floaters:
        across = spacing * rng.lognormal(np.log(0.9), 0.35, (loose, 2))
        scales = np.concatenate([across, look.thickness * np.ones((loose, 1))], axis=1)
        opacities = np.clip(rng.normal(look.opacity, look.opacity_spread, loose), 0.03, 0.995)
    else:
        scales = rng.lognormal(np.log(0.012), 0.6, (loose, 3)).clip(0.002, 0.06)
        opacities = np.where(rng.random(loose) < 0.7, rng.uniform(0.02, 0.15, loose), rng.uniform(0.15, 0.6, loose))
    scales = np.concatenate([scales, rng.uniform(0.05, 0.2, (hazy, 3))])
    opacities = np.concatenate([opacities, rng.uniform(0.005, 0.06, hazy)])
    quats = rng.normal(size=(len(points), 4))
    quats /= np.linalg.norm(quats, axis=1, keepdims=True)
    return Splats(points, scales, quats, opacities, np.ones(len(points), bool)), centres

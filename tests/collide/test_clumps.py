"""Clumps of floaters that are as flat and as opaque as surfaces."""

from __future__ import annotations

import numpy as np
import pytest

from lyra_backend.collide import surface
from lyra_backend.collide._scan.clumps import clumps
from lyra_backend.progress import Progress

from .clouds import SPACING, box, cloud, join, room

MIDDLE = np.array([1.5, 1.2, 1.1])


def clump(centre, count=200, seed=5, wide=0.06):
    """Flat discs of any direction around a place."""
    rng = np.random.default_rng(seed)
    points = np.asarray(centre) + rng.normal(0, wide, (count, 3))
    return cloud(points, np.tile([0.03, 0.03, 0.004], (count, 1)), rng.normal(size=(count, 4)), np.full(count, 0.9))


def ball(centre, radius=0.12, noise=0.008, seed=6):
    """A ball whose Gaussians are off by millimetres and ten degrees."""
    rng = np.random.default_rng(seed)
    count = int(4 * np.pi * radius**2 / SPACING**2) * 2
    normal = rng.normal(size=(count, 3))
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    tipped = normal + rng.normal(0, 0.17, normal.shape)
    tipped /= np.linalg.norm(tipped, axis=1, keepdims=True)
    # the rotation that takes z to the normal
    quats = np.column_stack([1 + tipped[:, 2], -tipped[:, 1], tipped[:, 0], np.zeros(count)])
    points = np.asarray(centre) + normal * (radius + rng.normal(0, noise, (count, 1)))
    return cloud(points, np.tile([SPACING, SPACING, 0.004], (count, 1)), quats, np.full(count, 0.9))


def nearest(scene, place):
    """Distance from a place to the collider's vertices."""
    outcome = surface.run(scene, (), surface.Params(objects="none"), Progress())
    vertices, _ = outcome.value.welded()
    return float(np.linalg.norm(vertices - place, axis=1).min())


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_clump_in_the_air_is_no_surface(seed):
    assert nearest(join(room(), clump(MIDDLE, seed=seed)), MIDDLE) > 0.5


@pytest.mark.parametrize("thing", [ball(MIDDLE), box(MIDDLE - 0.12, MIDDLE + 0.12, bottom=True)], ids=["ball", "box"])
def test_a_thing_in_the_air_stays(thing):
    assert nearest(join(room(), thing), MIDDLE) < 0.25


def sheets(normals, points, label=0):
    return np.full(len(points), label), points, normals / np.linalg.norm(normals, axis=1, keepdims=True)


def test_components_are_judged_apart():
    rng = np.random.default_rng(0)
    grid = np.stack(np.meshgrid(*[np.arange(6.0)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    rough, smooth = sheets(rng.normal(size=grid.shape), grid), sheets(np.tile([0, 0, 1.0], (len(grid), 1)), grid, 1)
    long = sheets(rng.normal(size=grid.shape), grid * (1, 1, 0.1), 2)
    labels, points, normals = (np.concatenate(parts) for parts in zip(rough, smooth, long, strict=True))
    areas = np.array([0.4, 0.4, 0.4])
    assert clumps(labels, points, normals, areas, 0.05).tolist() == [True, False, False]
    assert clumps(labels, points, normals, areas * 10, 0.05).tolist() == [False] * 3
    assert clumps(labels, points, normals, areas / 10, 0.05).tolist() == [False] * 3

"""Clouds as optimisers leave them: Gaussians scatter around walls, lie behind them, and are missing in places."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lyra_backend.collide import surface
from lyra_backend.collide._haze.haze import _bounds, haze
from lyra_backend.collide._mesh.planes import Plane
from lyra_backend.collide._scan.scan import ScanParams, scan
from lyra_backend.kernels.mesh_distance import mesh_distance, mesh_rays
from lyra_backend.progress import Progress
from lyra_backend.types import Role
from lyra_backend.types.rotations import normalise_quats

from .clouds import box, join, room

SIZE = np.array([4.0, 3.0, 2.4])
DOOR = ((1.5, 2.5), (0.0, 1.9))  # x and z of an opening in the wall y = 0
BARE = {"lining_height": 0.0, "kerb_height": 0.0, "close_bottoms": False}


def in_door(points):
    (x0, x1), (z0, z1) = DOOR
    x, y, z = points.T
    return (np.abs(y) < 0.5) & (x > x0) & (x < x1) & (z > z0) & (z < z1)


@pytest.fixture(scope="module")
def hazy():
    """A room and a box with 4 cm of scatter, a quarter of it behind the surface, a bald floor patch and a doorway."""
    rng = np.random.default_rng(5)
    clean = join(room(tuple(SIZE)), box((0.8, 1.8, 0.0), (1.5, 2.4, 0.6)))
    yard = room((4.0, 2.0, 2.4))
    yard = replace(yard, positions=(yard.positions - np.array([0.0, 2.0, 0.0])).astype(np.float32))
    yard = yard.select(yard.positions[:, 1] < -0.1)
    clean = join(clean.select(~in_door(clean.positions)), yard)
    inside = (clean.positions > 0.05).all(axis=1) & (clean.positions < SIZE - 0.05).all(axis=1)
    towards = clean.positions - np.clip(clean.positions, 0.3, SIZE - 0.3)
    outwards = towards / np.maximum(np.linalg.norm(towards, axis=1, keepdims=True), 1e-6)
    depth = np.where((rng.random(clean.count) < 0.25) & ~inside, rng.uniform(0.05, 0.3, clean.count), 0.0)
    positions = clean.positions + rng.normal(0, 0.04, clean.positions.shape) + depth[:, None] * outwards
    x, y, z = positions.T
    bald = (np.abs(z) < 0.2) & (x > 2.2) & (x < 3.0) & (y > 1.0) & (y < 1.8)
    opacities = rng.uniform(0.1, 0.5, clean.count).astype(np.float32)
    cloud = replace(clean, positions=positions.astype(np.float32), opacities=opacities)
    return cloud.select(~bald)


def share_of(cloud, offset=0.5):
    found, _ = scan(cloud, (), ScanParams(grid_offset=offset, max_haze=1.0), Progress())
    return haze(found.faces, found.sheets)


@pytest.mark.parametrize("offset", [0.0, 0.25, 0.5])
def test_a_rough_but_thin_surface_is_no_haze(offset):
    rough = room((3.0, 3.0, 2.0))
    turns = np.random.default_rng(1).normal(0, 0.15, (rough.count, 4)) + rough.quats_wxyz
    noisy = np.random.default_rng(2).normal(0, 0.008, rough.positions.shape) + rough.positions
    rough = replace(rough, positions=noisy.astype(np.float32), quats_wxyz=normalise_quats(turns))
    assert share_of(rough, offset) < ScanParams().max_haze


def test_haze_is_told_from_afar(hazy):
    assert share_of(hazy) > ScanParams().max_haze


@pytest.fixture(scope="module")
def outcome(hazy):
    return surface.run(hazy, (), surface.Params(**BARE), Progress())


def heights(outcome, x, y):
    """Height of the first surface below 1.2 m, NaN where there is none."""
    (part,) = outcome.value.with_role(Role.ENVIRONMENT)
    x, y = (a.ravel() for a in np.meshgrid(x, y))
    starts = np.stack([x, y, np.full(len(x), 1.2)], axis=1)
    hit = mesh_rays(part.vertices, part.triangles, starts, np.tile([0.0, 0.0, -1.0], (len(x), 1)))
    return np.where((hit.triangle >= 0) & hit.front, 1.2 - hit.distance, np.nan)


def test_the_floor_is_even_where_its_gaussians_are_not(outcome):
    floor = heights(outcome, np.linspace(1.913, 3.687, 19), np.linspace(0.313, 2.687, 25))
    bald = heights(outcome, np.linspace(2.21, 2.99, 17), np.linspace(1.01, 1.79, 17))
    assert np.isfinite(bald).all(), "the bald patch of the floor is closed"
    # a crack of a centimetre is left here and there, which the floor put under solids closes
    assert np.isfinite(floor).mean() > 0.99
    floor = floor[np.isfinite(floor)]
    assert np.abs(floor).mean() < 0.01
    assert np.diff(np.quantile(floor, (0.05, 0.95)))[0] < 0.002
    # where the patch that was closed meets the haze around it, a column may be off by less than a voxel
    off = np.abs(floor - np.median(floor))
    assert (off < 0.002).mean() > 0.98
    assert off.max() < 0.05


def test_without_straightening_it_would_be_rough(hazy):
    rough = surface.run(hazy, (), surface.Params(**BARE, max_haze=1.0), Progress())
    floor = heights(rough, np.linspace(1.913, 3.687, 19), np.linspace(0.313, 2.687, 25))
    assert np.isnan(floor).any() or np.ptp(floor) > 0.05
    assert "collide.straightened" not in {f.code for f in rough.findings}


def test_a_doorway_stays_open(outcome):
    (part,) = outcome.value.with_role(Role.ENVIRONMENT)
    x, z = (a.ravel() for a in np.meshgrid(np.linspace(1.7, 2.3, 7), np.linspace(0.3, 1.6, 8)))
    starts = np.stack([x, np.full(len(x), 0.6), z], axis=1)
    hit = mesh_rays(part.vertices, part.triangles, starts, np.tile([0.0, -1.0, 0.0], (len(x), 1)))
    assert (hit.distance[hit.triangle >= 0] > 1.5).all()
    beside = np.array([[0.7, 0.6, 1.0], [3.3, 0.6, 1.0]])
    wall = mesh_rays(part.vertices, part.triangles, beside, np.tile([0.0, -1.0, 0.0], (2, 1)))
    assert wall.distance == pytest.approx(0.6, abs=0.04)


def test_walls_and_furniture_are_where_they_were(outcome):
    (part,) = outcome.value.with_role(Role.ENVIRONMENT)
    probes = np.array([[0.0, 1.5, 1.2], [4.0, 1.5, 1.2], [2.0, 3.0, 1.2], [1.15, 2.1, 0.6]])
    assert mesh_distance(part.vertices, part.triangles, probes).distance.max() < 0.05
    free = np.random.default_rng(0).uniform((0.3, 0.3, 0.9), SIZE - (0.3, 0.3, 0.4), (500, 3))
    assert mesh_distance(part.vertices, part.triangles, free).distance.min() > 0.05


def test_it_is_said_and_counted(outcome):
    (finding,) = [f for f in outcome.findings if f.code == "collide.straightened"]
    assert finding.measured > finding.limit
    assert "planes were moved" in finding.message or "were moved onto them" in finding.message


@pytest.mark.parametrize(("x", "bounds"), [(-0.1, True), (0.6, True), (2.5, False)])
def test_a_wall_that_is_hardly_there_stands_at_the_rim(x, bounds):
    """Sides of furniture that line up in the middle of a room are no wall: what lies behind would be hidden."""
    points = np.random.default_rng(0).uniform((0.0, 0.0, 0.0), SIZE, (2000, 3))
    side = Plane(np.array([1.0, 0.0, 0.0]), x, 0.5, 0.1, 5.0, np.array([x, 1.0, 1.0]))
    assert _bounds(side, points, np.full(len(points), 0.04)) == bounds

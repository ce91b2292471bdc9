"""What every composed scene promises to robots: solid, standing, passable, inside its bounds."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt
import pytest

from lyra_backend.generate.procedural.compose import draft_scene
from lyra_backend.generate.procedural.draft import Draft, Placed
from lyra_backend.generate.procedural.families import FAMILIES
from lyra_backend.generate.procedural.placed import pose
from lyra_backend.generate.procedural.placement import Rect, reachable
from lyra_backend.kernels.enclosure import inside_solids

Points = npt.NDArray[np.float64]
family_names = pytest.mark.parametrize("family", sorted(FAMILIES))
SEEDS = (0, 1)
#: What is pushed into another thing less than this touches it [m].
DEEP_M = 0.01


@cache
def scene(family: str, seed: int, difficulty: float) -> Draft:
    return draft_scene(f"a {family.replace('_', ' ')}", seed, difficulty, family)[0]


def corners_of(placed: Placed) -> Points:
    """Triangle corners (F, 3, 3) of an object in the world [m]."""
    frame = pose(placed.x, placed.y, placed.z, placed.yaw)
    local = np.concatenate([p.mesh.vertices[p.mesh.triangles] for p in placed.thing.parts])
    return local @ frame[:3, :3].T + frame[:3, 3]


def depth_probe(corners: Points) -> Points:
    """Points (N, 7, 3) on a surface and 1 cm off it along every axis."""
    points = np.unique(np.concatenate([corners.reshape(-1, 3), corners.mean(axis=1)]).round(4), axis=0)
    steps = DEEP_M * np.concatenate([np.zeros((1, 3)), np.eye(3), -np.eye(3)])
    return points[:, None] + steps


def is_inside(corners: Points, points: Points) -> npt.NDArray[np.bool_]:
    """Which points (N, 3) lie inside an object's closed parts."""
    triangles = np.arange(3 * len(corners)).reshape(-1, 3)
    return inside_solids(corners.reshape(-1, 3), triangles, np.array([0, len(corners)]), points)


def sunk(a: Placed, b: Placed) -> bool:
    """Whether a's surface lies deeper than 1 cm in b."""
    mine, other = corners_of(a), corners_of(b)
    low, high = other.min(axis=(0, 1)) + DEEP_M, other.max(axis=(0, 1)) - DEEP_M
    probe = depth_probe(mine)
    near = ((probe[:, 0] > low) & (probe[:, 0] < high)).all(axis=1)
    if not near.any():
        return False
    return bool(is_inside(other, probe[near].reshape(-1, 3)).reshape(-1, 7).all(axis=1).any())


@family_names
@pytest.mark.parametrize("difficulty", [0.0, 1.0])
def test_nothing_is_inside_another(family: str, difficulty: float) -> None:
    made = scene(family, 0, difficulty)
    wild = {"tree", "conifer", "bush", "rubble", "rock"}  # crowns may meet, stones lie in rubble; rugs lie under things
    for k, a in enumerate(made.placed):
        for b in made.placed[k + 1 :]:
            reach = np.hypot(*a.thing.footprint) / 2 + np.hypot(*b.thing.footprint) / 2
            loose = {a.kind.name, b.kind.name} & wild or "under" in (a.kind.place, b.kind.place)
            if np.hypot(a.x - b.x, a.y - b.y) < reach and not loose:
                assert not sunk(a, b), (a.name, b.name)
                assert not sunk(b, a), (b.name, a.name)


@family_names
def test_nothing_floats(family: str) -> None:
    for seed in SEEDS:
        made = scene(family, seed, 0.3)
        for placed in made.placed:
            low = corners_of(placed)[..., 2].min()
            if placed.kind.place == "hung" or (placed.kind.name == "television" and placed.z > 0.9):
                assert on_a_wall(made, placed), placed.name
                continue
            ground = max(made.ground(float(x), float(y)) for x, y in [*placed.rect.corners(), (placed.x, placed.y)])
            if low <= ground + 0.015:
                continue
            below = [o for o in made.placed if o is not placed and np.hypot(o.x - placed.x, o.y - placed.y) < 1.6]
            tops = [o.z + t.z for o in below for t in o.thing.tops] + [o.z + o.thing.height for o in below]
            assert min(abs(low - top) for top in tops) < 0.015, placed.name


def on_a_wall(made: Draft, placed: Placed) -> bool:
    back = np.array([placed.x, placed.y]) - placed.thing.footprint[1] / 2 * np.array(
        [-np.sin(placed.yaw), np.cos(placed.yaw)]
    )
    return any(abs(float((back - wall.start) @ wall.inward)) < 0.03 for wall in made.walls)


@family_names
def test_everything_is_inside_the_bounds(family: str) -> None:
    for seed in SEEDS:
        made = scene(family, seed, 0.6)
        for placed in made.placed:
            points = corners_of(placed).reshape(-1, 3)
            assert points[:, 2].min() > made.ground(placed.x, placed.y) - 0.6
            if family in ("terrain", "street"):
                continue
            assert points[:, 2].max() < made.size[2] + 1e-6, placed.name
            for wall in made.walls:
                along = (points[:, :2] - wall.start) @ wall.along
                off = (points[:, :2] - wall.start) @ wall.inward
                beyond = (along > 0.02) & (along < wall.length - 0.02) & (off < -0.01) & (off > -0.1)
                assert not beyond.any(), (placed.name, wall.start)


@family_names
def test_doors_can_be_passed(family: str) -> None:
    for seed in SEEDS:
        for difficulty in (0.0, 1.0):
            made = scene(family, seed, difficulty)
            for kind, wall, u, width in made.openings:
                if kind == "window":
                    continue
                assert width >= 0.8
                x, y = wall.at(u, 0.42)
                rows, columns, within = made.floor._window(Rect(x, y, 0.8, 0.7, wall.yaw))
                assert not (made.floor.blocked[rows, columns] & within).any()


@family_names
def test_a_robot_reaches_the_free_floor_of_a_tidy_scene(family: str) -> None:
    for seed in SEEDS:
        made = scene(family, seed, 0.0)
        region, share = reachable(made.floor, 0.6)
        assert share >= 0.6
        for kind, wall, u, _ in made.openings:
            if kind == "door":
                x, y = wall.at(u, 0.45)
                column, row = np.floor((np.array([x, y]) - made.floor.low) / made.floor.cell).astype(int)
                assert region[row - 3 : row + 4, column - 3 : column + 4].any(), (wall.start, u)

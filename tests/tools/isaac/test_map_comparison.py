"""Our map is held against another judge's: what a generator that asks the triangles for overlaps finds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from isaac.map_comparison import band_of, compare_maps, extent_of, rasterise
from isaac.verify_stage import LOW_M, judge_maps, level_ground
from pxr import Usd, UsdGeom
from scipy import ndimage

from lyra_backend.errors import InvalidRequest
from lyra_backend.io.navigation_files import load_navigation
from lyra_backend.types import Cell, OccupancyMap


def points_on_colliders(run: Path, spacing_m: float) -> np.ndarray:
    """Return points (N, 3) all over the triangles that a physics engine would meet [m]."""
    stage = Usd.Stage.Open(str(run / "scene.usda"))
    found = []
    for prim in Usd.PrimRange(stage.GetPrimAtPath("/World/Collision")):
        if prim.IsA(UsdGeom.Mesh):
            mesh = UsdGeom.Mesh(prim)
            matrix = np.array(UsdGeom.XformCache().GetLocalToWorldTransform(prim))
            corners = np.array(mesh.GetPointsAttr().Get()) @ matrix[:3, :3] + matrix[3, :3]
            faces = corners[np.array(mesh.GetFaceVertexIndicesAttr().Get()).reshape(-1, 3)]
            steps = max(2, int(np.ceil(np.linalg.norm(faces[:, 1:] - faces[:, :1], axis=2).max() / spacing_m)))
            u, v = np.meshgrid(np.linspace(0, 1, steps), np.linspace(0, 1, steps))
            inside = (u + v <= 1).ravel()
            u, v = u.ravel()[inside, None], v.ravel()[inside, None]
            found += [a + u * (b - a) + v * (c - a) for a, b, c in faces]
    return np.concatenate(found)


@pytest.fixture(scope="module")
def maps(run: Path) -> tuple[OccupancyMap, OccupancyMap]:
    """Ours, and what Isaac Sim's generator is documented to find: surfaces in the band, and what a start can reach."""
    navigation = load_navigation(run)
    ground = level_ground(navigation)
    assert ground is not None
    low, high = band_of(ground, LOW_M, 1.0)
    points = points_on_colliders(run, 0.02)
    occupied = points[(points[:, 2] > low) & (points[:, 2] < high)]
    ours = navigation.map
    blocked = rasterise(occupied, np.zeros((0, 2)), ours).cells == Cell.OCCUPIED
    areas, _ = ndimage.label(~blocked)
    start = np.floor(ours.to_pixels(navigation.spaces[0].spawn_points.positions[:1, :2]))[0].astype(int)
    rows, columns = np.nonzero(areas == areas[start[1], start[0]])
    free = ours.to_world(np.column_stack([columns, rows]) + 0.5)
    return ours, rasterise(occupied, free, ours)


def test_our_map_agrees_with_overlaps_of_its_own_colliders(maps: tuple[OccupancyMap, OccupancyMap]) -> None:
    found = compare_maps(*maps)
    assert found.cells > 1000
    agrees, obstacles = judge_maps(found)
    assert agrees.state == "passed", agrees.message
    assert obstacles.state == "passed", obstacles.message


def test_a_missing_obstacle_and_a_shifted_map_are_seen(maps: tuple[OccupancyMap, OccupancyMap]) -> None:
    ours, theirs = maps
    blind = ours.cells.copy()
    rows, columns = np.nonzero(theirs.cells == Cell.OCCUPIED)
    block = (rows < np.median(rows)) & (columns < np.median(columns))
    blind[rows[block], columns[block]] = Cell.FREE
    assert compare_maps(replace(ours, cells=blind), theirs).missed > 0.05
    shifted = replace(ours, cells=np.roll(ours.cells, (4, 4), axis=(0, 1)))
    assert judge_maps(compare_maps(shifted, theirs))[0].state == "failed"


def small(*rows: str) -> OccupancyMap:
    """Draw a map: '.' free, '#' occupied, ' ' unknown."""
    return OccupancyMap(np.array([[".# ".index(c) for c in row] for row in rows], np.uint8), 0.1, (-0.2, -0.1))


def test_cells_are_put_where_they_lie_in_the_world() -> None:
    like = small("...", "...")
    made = rasterise(np.array([[-0.15, -0.05, 3.0]]), np.array([[0.05, 0.05, 0.0], [9.0, 9.0, 0.0]]), like)
    np.testing.assert_array_equal(made.cells, small("  .", "#  ").cells)
    with pytest.raises(InvalidRequest, match="none of the generator's cells"):
        rasterise(np.array([[9.0, 9.0]]), np.zeros((0, 2)), like)
    np.testing.assert_allclose(extent_of(like), ((-0.2, -0.1), (0.1, 0.1)))


def test_a_cell_aside_is_near_and_not_the_same() -> None:
    ours, theirs = small(".....", ".#...", "....."), small(".....", "..#..", ".....")
    found = compare_maps(ours, theirs)
    assert found.cells == 15
    assert found.same == pytest.approx(13 / 15)
    assert (found.near, found.missed, found.invented) == (1.0, 0.0, 0.0)
    far = compare_maps(ours, small(".....", "....#", "....."))
    assert (far.missed, far.invented) == (1.0, 1.0)
    assert far.near == pytest.approx(13 / 15)


def test_maps_that_cannot_be_compared_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="one grid"):
        compare_maps(small("..."), small(".."))
    with pytest.raises(InvalidRequest, match="no cell that both know"):
        compare_maps(small(". "), small(" ."))
    with pytest.raises(InvalidRequest, match="upper must be above"):
        band_of(0.0, 1.0, 0.5)

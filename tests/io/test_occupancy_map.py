"""Maps as files: what Isaac Sim's generator writes, what Nav2 defines, and reading either back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from lyra_backend.errors import InvalidRequest
from lyra_backend.io.occupancy_map import read_occupancy_map, write_occupancy_map
from lyra_backend.types import Cell, MapFormat, OccupancyMap


def some_map() -> OccupancyMap:
    cells = np.random.default_rng(0).integers(0, 3, (7, 11)).astype(np.uint8)
    return OccupancyMap(cells, 0.05, (-1.2375, 3.3))


def nav2_grid(path: Path) -> tuple[np.ndarray, float, list[float]]:
    """The occupancy grid (H, W), -1, 0 or 100, row 0 at the origin, that the documented rules of nav2_map_server give.

    Trinary mode: https://docs.nav2.org/configuration/packages/configuring-map-server.html; written down from the
    documentation, not from this package.
    """
    said = yaml.safe_load(path.read_text())
    image = np.asarray(Image.open(path.parent / said["image"])).astype(np.float64)
    shade = image if image.ndim == 2 else image[..., :3].mean(axis=2)
    occupancy = shade / 255 if said["negate"] else (255 - shade) / 255
    grid = np.full(shade.shape, -1)
    grid[occupancy > said["occupied_thresh"]] = 100
    grid[occupancy < said["free_thresh"]] = 0
    return np.flipud(grid), said["resolution"], said["origin"]


@pytest.mark.parametrize("map_format", list(MapFormat))
def test_a_reader_by_the_documented_rules_finds_every_cell(tmp_path: Path, map_format: MapFormat) -> None:
    made = some_map()
    write_occupancy_map(made, tmp_path / "map.yaml", map_format)
    grid, resolution, origin = nav2_grid(tmp_path / "map.yaml")
    wanted = np.array([0, 100, -1])[np.flipud(made.cells)]
    assert np.array_equal(grid, wanted)
    assert resolution == 0.05
    half = 0.025 if map_format is MapFormat.OMAP else 0.0
    assert origin == pytest.approx([-1.2375 + half, 3.3 + half, 0])


@pytest.mark.parametrize("map_format", list(MapFormat))
def test_what_is_read_is_what_was_written(tmp_path: Path, map_format: MapFormat) -> None:
    made = some_map()
    assert write_occupancy_map(made, tmp_path / "map.yaml", map_format) == ("map.png", "map.yaml")
    for stated in (None, map_format):
        loaded = read_occupancy_map(tmp_path / "map.yaml", stated)
        assert np.array_equal(loaded.cells, made.cells)
        assert loaded.resolution_m == made.resolution_m
        assert loaded.corner == pytest.approx(made.corner, abs=1e-9)


def test_points_go_to_pixels_of_the_file_and_back(tmp_path: Path) -> None:
    """100 points: world to a whole pixel of the picture, and from there by the YAML alone to the world."""
    made = some_map()
    write_occupancy_map(made, tmp_path / "map.yaml", MapFormat.NAV2)
    said = yaml.safe_load((tmp_path / "map.yaml").read_text())
    height, width = made.cells.shape
    points = np.random.default_rng(1).uniform([0, 0], [width, height], (100, 2)) * 0.05 + made.corner
    column, row = np.floor(made.to_pixels(points)).astype(int).T
    back = np.column_stack([column + 0.5, height - row - 0.5]) * said["resolution"] + said["origin"][:2]
    assert np.abs(back - points).max() <= 0.025 + 1e-9
    assert np.abs(made.to_world(made.to_pixels(points)) - points).max() < 1e-9


def test_the_text_is_that_of_isaac_sims_generator(tmp_path: Path) -> None:
    write_occupancy_map(OccupancyMap(np.zeros((2, 3), np.uint8), 0.05, (-1.0, 2.0)), tmp_path / "map.yaml")
    assert (tmp_path / "map.yaml").read_text() == (
        "image: map.png\nresolution: 0.05\norigin: [-0.975, 2.025, 0.0000]\nnegate: 0\noccupied_thresh: 0.65\n"
        "free_thresh: 0.196"
    )
    picture = Image.open(tmp_path / "map.png")
    assert picture.mode == "RGBA"
    assert picture.getcolors() == [(6, (255, 255, 255, 255))]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("resolution: 0.05", "resolution: often"), "resolution must be a number"),
        (("0.0000]", "0.7]"), "origin must be"),
        (("image: map.png", "image: other.png"), "cannot be read"),
        (("negate: 0", ""), "negate must be a number"),
        (("mode: trinary", "mode: raw"), "only maps of mode trinary"),
    ],
)
def test_what_is_no_map_is_explained(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    path = tmp_path / "map.yaml"
    write_occupancy_map(some_map(), path, MapFormat.NAV2)
    path.write_text(path.read_text().replace(*change))
    with pytest.raises(InvalidRequest, match=said):
        read_occupancy_map(path)


def test_missing_and_empty_maps_are_explained(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="cannot be read"):
        read_occupancy_map(tmp_path / "map.yaml")
    with pytest.raises(InvalidRequest, match="must have cells"):
        write_occupancy_map(OccupancyMap(np.zeros((0, 0), np.uint8), 0.05, (0, 0)), tmp_path / "map.yaml")
    assert max(Cell) == 2

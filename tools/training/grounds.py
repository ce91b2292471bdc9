"""What robots are trained on: colliders of generated scenes, exact surfaces, and planes, as one triangle mesh.

Does: read them with the tasks that the stage `place` found, and put several side by side. Does not: simulate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lyra_backend.errors import InvalidRequest

__all__ = ["Ground", "Surface", "Tile", "load_scene", "side_by_side"]

Floats = npt.NDArray[np.float64]

#: Half the side of the plane that stands in for a scene [m], and the squares along a side: triangles of 1 m.
PLANE_HALF_M, PLANE_SQUARES = 40.0, 80
#: How far apart scenes lie that share a mesh [m]: more than any ray looks.
GAP_M = 20.0
#: Corners nearer than this are one [m]: textured surfaces repeat corners along seams.
WELD_M = 1e-5


class Surface(StrEnum):
    """What of a scene robots stand on."""

    COLLIDER = "collider"
    TRUTH = "truth"
    PLANE = "plane"


@dataclass(frozen=True, eq=False)
class Tile:
    """A scene within a ground.

    Attributes:
        name: of its folder.
        lower, upper: corners of the box around it, frame of the ground [m], shape (3,).
        pairs: start and goal of tasks, on the floor [m], shape (P, 2, 3).
    """

    name: str
    lower: Floats
    upper: Floats
    pairs: Floats

    def moved(self, offset: Floats) -> Tile:
        """Return the tile somewhere else."""
        return Tile(self.name, self.lower + offset, self.upper + offset, self.pairs + offset)


@dataclass(frozen=True, eq=False)
class Ground:
    """One mesh for all environments.

    Attributes:
        vertices: Z up [m], shape (V, 3).
        triangles: wound towards free space, shape (F, 3).
        tiles: scenes in it, at least one.
    """

    vertices: npt.NDArray[np.float32]
    triangles: npt.NDArray[np.int32]
    tiles: tuple[Tile, ...]


def load_scene(
    directory: Path, surface: Surface = Surface.COLLIDER, *, space: str, length_m: tuple[float, float]
) -> Ground:
    """Read the scene of a run directory.

    Tasks are always those that were found on its collider, so that all surfaces get the same.

    Args:
        directory: a finished run.
        surface: what to stand on; the plane lies at z = 0.
        space: robot whose tasks are taken, a word of ``place.robots``.
        length_m: least and largest length of a task's path; each is gone both ways.

    Raises:
        InvalidRequest: it has no welded collider, no exact surface where one is asked for, or no such tasks.
    """
    from lyra_backend.author.welded import read_welded

    welded = read_welded(directory)
    lower, upper = welded.box
    tile = Tile(directory.name, lower, upper, _pairs(directory, space, *length_m))
    if surface is Surface.COLLIDER:
        return Ground(welded.points, welded.triangles, (tile,))
    if surface is Surface.TRUTH:
        return Ground(*_truth(directory), (tile,))
    flat = replace(tile, pairs=tile.pairs * [1.0, 1.0, 0.0])
    return Ground(*_plane(tile.lower[:2] + (tile.upper - tile.lower)[:2] / 2), (flat,))


def _pairs(directory: Path, space: str, least_m: float, most_m: float) -> Floats:
    """Return (start, goal) of the scene's tasks for a robot whose length lies between the limits, and the ways back."""
    from lyra_backend.io.navigation_files import load_navigation

    found = load_navigation(directory).space_of(space)
    if found is None:
        raise InvalidRequest(
            f"{directory}: knows no space of the robot {space}; make it with --set place.robots={space}."
        )
    kept = [task for task in found.tasks if least_m <= task.length_m <= most_m]
    if not kept:
        raise InvalidRequest(
            f"{directory}: one task for {space} of {least_m:g} to {most_m:g} m is needed at least, got none of "
            f"{len(found.tasks)}; allow other lengths, or take a larger scene."
        )
    there = np.array([[task.start, task.goal] for task in kept], np.float64)
    return np.concatenate([there, there[:, ::-1]])


def _truth(directory: Path) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]:
    """Return the exact surface of a scene, its seams welded."""
    from collider_accuracy import read_mesh
    from scipy.spatial import cKDTree

    path = directory / "truth.glb"
    if not path.is_file():
        raise InvalidRequest(f"{directory}: has no truth.glb; only scenes made from a prompt know their exact surface.")
    vertices, triangles = read_mesh(path)
    near = cKDTree(vertices).query_pairs(WELD_M, output_type="ndarray")
    first = _first_of_each(len(vertices), near)
    kept, index = np.unique(first, return_inverse=True)
    welded = index[triangles]
    whole = (welded != np.roll(welded, 1, axis=1)).all(axis=1)
    return vertices[kept].astype(np.float32), welded[whole].astype(np.int32)


def _first_of_each(count: int, near: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
    """Return for each of `count` corners the first of those that pairs (P, 2) join it with."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    graph = coo_matrix((np.ones(len(near), bool), (near[:, 0], near[:, 1])), (count, count))
    label = connected_components(graph, directed=False)[1]
    return np.asarray(np.unique(label, return_index=True)[1][label])


def _plane(middle: Floats) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]:
    """Return a level square around a point (2,), as triangles like those of floors."""
    line = np.linspace(-PLANE_HALF_M, PLANE_HALF_M, PLANE_SQUARES + 1)
    x, y = np.meshgrid(line + middle[0], line + middle[1], indexing="ij")
    corner = np.arange(x.size).reshape(x.shape)
    a, b, c, d = corner[:-1, :-1], corner[1:, :-1], corner[1:, 1:], corner[:-1, 1:]
    halves = [np.stack(three, axis=-1).reshape(-1, 3) for three in ((a, b, c), (a, c, d))]
    vertices = np.column_stack([x.ravel(), y.ravel(), np.zeros(x.size)])
    return vertices.astype(np.float32), np.concatenate(halves).astype(np.int32)


def side_by_side(grounds: Sequence[Ground]) -> Ground:
    """Return one ground with all tiles, in a row along x, :data:`GAP_M` apart.

    Raises:
        InvalidRequest: there is none.
    """
    if not grounds:
        raise InvalidRequest("side_by_side: needs at least one scene, got none.")
    vertices, triangles, tiles, edge, count = [], [], [], 0.0, 0
    for ground in grounds:
        lower = min(float(tile.lower[0]) for tile in ground.tiles)
        offset = np.array([edge - lower, 0.0, 0.0])
        vertices.append(ground.vertices + offset.astype(np.float32))
        triangles.append(ground.triangles + count)
        tiles += [tile.moved(offset) for tile in ground.tiles]
        edge, count = max(float(tile.upper[0]) for tile in tiles) + GAP_M, count + len(ground.vertices)
    return Ground(np.concatenate(vertices), np.concatenate(triangles).astype(np.int32), tuple(tiles))

"""Hold a collider against the exact surface of its scene.

    python tools/collider_accuracy.py outputs/demo              a run directory with a truth.glb
    python tools/collider_accuracy.py collider.obj truth.glb    any mesh against any mesh

Meshes are Z up and in metres, glTF files Y up as their specification has it. Exit code 0 if every figure is within its
limit, 1 if not, 2 if a file cannot be used. Free space is found on the truth alone, by a flood fill from robot
height, so a collider cannot hide what it closes or invents.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lyra_backend.types.mesh import triangle_normals_and_areas

Floats = npt.NDArray[np.floating]
Mesh = tuple[Floats, npt.NDArray[np.integer]]

CELL_M = 0.05
#: Robots touch what is below this.
TOUCH_HEIGHT_M = 2.0
SAMPLE_COUNT, PROBE_COUNT = 200_000, 40_000


@dataclass(frozen=True)
class Accuracy:
    """Lengths [m]; shares in [0, 1].

    Attributes:
        covered: touchable truth surface that has the collider within 10 cm.
        floor_mean_m, floor_p95_m: height error where both have a floor.
        floor_missing: touchable floor with no collider within 30 cm below or 10 cm above.
        free_wrong: free space more than 15 cm from the truth that the collider fills or hides.
        phantom_m2: collider in free space further than 10 cm from the truth.
        triangles: size of the collider.
    """

    covered: float
    floor_mean_m: float
    floor_p95_m: float
    floor_missing: float
    free_wrong: float
    phantom_m2: float
    triangles: int

    LIMITS = (
        ("covered", ">=", 0.95),
        ("floor_mean_m", "<", 0.03),
        ("floor_missing", "<", 0.02),
        ("free_wrong", "<", 0.02),
    )

    def failures(self) -> list[str]:
        """Return the figures that are beyond their limits, in words."""
        bad = []
        for name, sign, limit in self.LIMITS:
            value = getattr(self, name)
            if not (value >= limit if sign == ">=" else value < limit):
                bad.append(f"{name} {value:.4f}, must be {sign} {limit}")
        return bad


@dataclass(frozen=True)
class FreeSpace:
    """Cells that robots and their sensors can reach; `cells` (X, Y, Z) bool, `low` corner of cell 0 [m]."""

    cells: npt.NDArray[np.bool_]
    low: Floats

    def contains(self, points: Floats) -> npt.NDArray[np.bool_]:
        index = np.floor((points - self.low) / CELL_M).astype(int)
        inside = ((index >= 0) & (index < self.cells.shape)).all(axis=1)
        found = np.zeros(len(points), bool)
        found[inside] = self.cells[tuple(index[inside].T)]
        return found


def measure(proxy: Mesh, truth: Mesh, seed: int = 0) -> Accuracy:
    """Compare two meshes wound towards free space, Z up, metres."""
    from lyra_backend.kernels.mesh_distance import mesh_distance

    rng = np.random.default_rng(seed)
    points, normals = _sample(truth, SAMPLE_COUNT, rng)
    free = find_free_space(truth, rng)
    # One and a half cells off the surface is the nearest cell the surface itself does not block.
    beside = points + 1.5 * CELL_M * normals
    touchable = free.contains(beside) & (points[:, 2] < TOUCH_HEIGHT_M) & (_fronts_seen(truth, beside) >= 0)
    points, normals = points[touchable], normals[touchable]
    covered = float((mesh_distance(*proxy, points, 0.5).distance < 0.10).mean())
    mean, p95, missing = _floor_errors(proxy, points[normals[:, 2] > 0.7])
    wrong = _free_wrong(proxy, truth, free, rng)
    own, _ = _sample(proxy, SAMPLE_COUNT, rng)
    away = (mesh_distance(*truth, own, 0.5).distance > 0.10) & free.contains(own)
    area = float(away.mean()) * float(triangle_normals_and_areas(proxy[0][proxy[1]])[1].sum())
    return Accuracy(covered, mean, p95, missing, wrong, area, len(proxy[1]))


def find_free_space(truth: Mesh, rng: np.random.Generator) -> FreeSpace:
    """Flood the cells the truth does not block, from half a metre above its upward faces."""
    from scipy import ndimage

    vertices = truth[0]
    # The grid ends just inside the scene's sides: beyond the edge of open ground the flood would run under it.
    low = vertices.min(axis=0) + (1e-3, 1e-3, -2 * CELL_M)
    high = vertices.max(axis=0) + (-1e-3, -1e-3, 2 * CELL_M)
    shape = np.maximum(np.floor((high - low) / CELL_M).astype(int), 1)
    blocked = np.zeros(shape, bool)
    dense = int(triangle_normals_and_areas(vertices[truth[1]])[1].sum() / (CELL_M / 4) ** 2)
    for _ in range(max(1, dense // 2_000_000 + 1)):
        points, normals = _sample(truth, min(dense, 2_000_000), rng)
        cells = np.floor((points - low) / CELL_M).astype(int)
        blocked[tuple(np.clip(cells, 0, shape - 1).T)] = True
    label, count = ndimage.label(~blocked)
    upward = points[normals[:, 2] > 0.7] + (0.0, 0.0, 0.5)
    cells = np.floor((upward - low) / CELL_M).astype(int)
    seeds = label[tuple(cells[((cells >= 0) & (cells < shape)).all(axis=1)].T)]
    votes = np.bincount(seeds, minlength=count + 1)
    votes[0] = 0
    return FreeSpace(label == votes.argmax(), low)


def _floor_errors(proxy: Mesh, upward: Floats) -> tuple[float, float, float]:
    """Return (mean, p95, missing share) over the lowest upward surface of each 10 cm column."""
    from lyra_backend.kernels.mesh_distance import mesh_rays

    columns = np.floor(upward[:, :2] / 0.10).astype(np.int64)
    order = np.lexsort((upward[:, 2], columns[:, 1], columns[:, 0]))
    first = np.r_[True, (np.diff(columns[order], axis=0) != 0).any(axis=1)]
    floor = upward[order[first]]
    starts = floor + (0.0, 0.0, 0.10)
    hits = mesh_rays(*proxy, starts, np.tile((0.0, 0.0, -1.0), (len(starts), 1)), 0.40)
    found = hits.distance < 0.40
    error = np.abs(hits.distance[found] - 0.10)
    if not found.any():
        return float("inf"), float("inf"), 1.0
    return float(error.mean()), float(np.quantile(error, 0.95)), float(1 - found.mean())


def _free_wrong(proxy: Mesh, truth: Mesh, free: FreeSpace, rng: np.random.Generator) -> float:
    """Return the share of free probes that touch the collider or see more of its backs than fronts."""
    from lyra_backend.kernels.mesh_distance import mesh_distance

    cells = np.argwhere(free.cells)
    probes = (
        free.low + (cells[rng.integers(len(cells), size=2 * PROBE_COUNT)] + rng.random((2 * PROBE_COUNT, 3))) * CELL_M
    )
    probes = probes[mesh_distance(*truth, probes, 0.5).distance > 0.15][:PROBE_COUNT]
    # Where open ground ends, the flood runs under it; there the truth shows its back.
    probes = probes[_fronts_seen(truth, probes) >= 0]
    touching = mesh_distance(*proxy, probes, 0.5).distance < 0.05
    return float((touching | (_fronts_seen(proxy, probes) < 0)).mean())


def _fronts_seen(mesh: Mesh, points: Floats) -> Floats:
    """Return how many more fronts than backs of the mesh rays along the six axes meet, shape (N,)."""
    from lyra_backend.kernels.mesh_distance import mesh_rays

    seen = np.zeros(len(points))
    for axis in range(3):
        for sign in (-1.0, 1.0):
            way = np.full(3, 1e-3)
            way[axis] = sign
            hits = mesh_rays(*mesh, points, np.tile(way / np.linalg.norm(way), (len(points), 1)))
            seen += np.where(hits.triangle < 0, 0.0, np.where(hits.front, 1.0, -1.0))
    return seen


def _sample(mesh: Mesh, count: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Return points spread evenly over the surface (N, 3) [m] and their normals (N, 3)."""
    corners = np.asarray(mesh[0], np.float64)[mesh[1]]
    normals, area = triangle_normals_and_areas(corners)
    # Evenly spaced steps through the summed area leave no face out by chance.
    steps = (np.arange(count) + rng.random(count)) / count * area.sum()
    face = np.minimum(np.searchsorted(np.cumsum(area), steps), len(area) - 1)
    u, v = rng.random(count), rng.random(count)
    flip = u + v > 1
    u, v = np.where(flip, 1 - u, u), np.where(flip, 1 - v, v)
    a, b, c = corners[face].transpose(1, 0, 2)
    points = a + u[:, None] * (b - a) + v[:, None] * (c - a)
    return points, normals[face]


def read_mesh(path: Path) -> Mesh:
    """Read a mesh of any kind, Z up; glTF files, which are Y up by their specification, are turned.

    Raises:
        ValueError: the file holds no triangles, or is damaged.
    """
    if path.suffix.lower() in (".usda", ".usdc", ".usdz"):
        from pxr import Usd

        from lyra_backend.validate.colliders import read_colliders

        corners = read_colliders(Usd.Stage.Open(str(path))).corners
        mesh: Mesh = corners.reshape(-1, 3), np.arange(3 * len(corners)).reshape(-1, 3)
    else:
        mesh = _with_trimesh(path)
    if not len(mesh[1]):
        raise ValueError(f"{path}: holds no triangles; a surface is needed.")
    return mesh


def _with_trimesh(path: Path) -> Mesh:
    import trimesh

    try:
        loaded: Any = trimesh.load(path, force="mesh", process=False)
        vertices, triangles = np.asarray(loaded.vertices, np.float64), np.asarray(loaded.faces)
    except Exception as error:  # trimesh's readers raise nearly anything on damaged files
        raise ValueError(f"{path}: cannot be read as a mesh ({type(error).__name__}: {error}).") from error
    if path.suffix.lower() in (".glb", ".gltf"):
        vertices = vertices[:, [0, 2, 1]] * (1.0, -1.0, 1.0)
    return vertices, triangles


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("collider", type=Path, help="a run directory, a mesh or a USD file with colliders")
    parser.add_argument(
        "truth", type=Path, nargs="?", help="the exact surface; default: truth.glb of the run directory"
    )
    given = parser.parse_args(arguments)
    folder = given.collider if given.collider.is_dir() else given.collider.parent
    collider = folder / "collision.usdc" if given.collider.is_dir() else given.collider
    truth = given.truth or folder / "truth.glb"
    for path in (collider, truth):
        if not path.is_file():
            parser.error(f"{path}: does not exist")
    try:
        proxy, exact = read_mesh(collider), read_mesh(truth)
    except ValueError as error:
        parser.error(str(error))
    accuracy = measure(proxy, exact)
    print(json.dumps({**asdict(accuracy), "failures": accuracy.failures()}, indent=2))
    return 1 if accuracy.failures() else 0


if __name__ == "__main__":
    sys.exit(main())

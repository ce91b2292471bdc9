"""Make splats that come out of an optimiser, of rooms whose exact surface is known, to try colliders on.

    python tools/trained_scenes.py OUT --count 8 --seed 500      8 scenes, about 5 minutes each; needs torch

A room with furniture is painted, photographed from places at robots' and people's heights with noise, changing exposure
and cameras that are slightly out of place, and Gaussians are fitted to the pictures with nothing that constrains
geometry. Every scene NNN is the four files of `tools/collision_scenes.py`; scene k of seed s is the same whatever
--count is. The true surface is what at least three pictures show: about the rest no splat can tell.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import trimesh
from known_scenes.files import write_scene
from known_scenes.optimiser import optimised
from known_scenes.photographs import photographs, seen_by
from known_scenes.rooms import indoor
from known_scenes.solids import surface

_START_COUNT, _START_SCATTER_M = 12_000, 0.04
_FLOATING_M = 0.10
_PICTURES = 3  # that must show a triangle of the true surface


def make(directory: Path, name: str, rng: np.random.Generator, pictures: int, steps: int) -> dict[str, object]:
    """Make one scene, write it and return its description."""
    from lyra_backend.kernels.mesh_distance import MeshTree

    solids = indoor(rng, False)
    mesh = surface(solids)
    taken = photographs(solids, mesh, pictures, rng)
    points = np.asarray(trimesh.sample.sample_surface(mesh, _START_COUNT, seed=int(rng.integers(2**31)))[0])
    points = points + rng.normal(0.0, _START_SCATTER_M, points.shape)
    started = time.perf_counter()

    def report(step: int, loss: float, count: int) -> None:
        left = (time.perf_counter() - started) / max(step, 1) * (steps - step)
        print(f"{name}: step {step} of {steps}, loss {loss:.4f}, {count} Gaussians, {left:.0f} s left", flush=True)

    splats, colour = optimised(taken, points, steps, int(rng.integers(2**31)), report)
    off = MeshTree(np.asarray(mesh.vertices), np.asarray(mesh.faces)).closest(splats.positions).distance
    splats.floating[:] = off > _FLOATING_M
    shown = seen_by(taken, mesh) >= _PICTURES
    truth = trimesh.Trimesh(mesh.vertices, np.asarray(mesh.faces)[shown], process=False)
    extra = {"pictures": pictures, "steps": steps, "shown_share": float(mesh.area_faces[shown].sum() / mesh.area)}
    return write_scene(directory, name, "trained", solids, truth, splats, colour, extra)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--count", type=int, default=8)
    parser.add_argument("--seed", type=int, default=500)
    parser.add_argument("--pictures", type=int, default=72)
    parser.add_argument("--steps", type=int, default=1600)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for index in range(options.count):
        name = f"{options.seed}_{index:03d}_trained"
        scene = make(options.out, name, np.random.default_rng([options.seed, index]), options.pictures, options.steps)
        print(f"{name}: {scene['gaussians']} Gaussians, {scene['gt_area_m2']:.0f} m2")


if __name__ == "__main__":
    main()

"""Make varied Gaussian scenes whose exact surface is known, to try colliders on what they were not built with.

    python tools/collision_scenes.py OUT --count 48 --seed 100      48 scenes; needs trimesh and scipy

Every scene NNN is four files: `NNN.ply` (Gaussians, Z up, metres), `NNN.json` (its solids as primitives, the way the
Gaussians look, centres of holes and floaters), `NNN_gt.ply` (the exposed true surface) and `NNN_gt.npz` (which
Gaussians float). Scene k of seed s is the same whatever --count is.

Kinds, in turn: room, rooms (with doorways), terrain, room, street (curbs, stairs), optimised (a room as an optimiser
leaves it: fuzzy walls that lie behind the surface, Gaussians behind it, haze, few Gaussians).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from known_scenes.files import make

KINDS = ("room", "rooms", "terrain", "room", "street", "optimised")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("out", type=Path)
    parser.add_argument("--count", type=int, default=48)
    parser.add_argument("--seed", type=int, default=100)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for index in range(options.count):
        rng = np.random.default_rng([options.seed, index])
        kind = KINDS[index % len(KINDS)]
        name = f"{options.seed}_{index:03d}_{kind}"
        scene = make(options.out, name, kind, rng)
        print(f"{name}: {scene['gaussians']} Gaussians, {scene['gt_area_m2']:.0f} m2, {scene['spacing_m']:.4f} m apart")


if __name__ == "__main__":
    main()

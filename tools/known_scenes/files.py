"""Scenes as files: Gaussians, solids and the true surface."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import trimesh

from .outdoors import outdoor
from .rooms import indoor
from .solids import Floats, Solid, hills, surface
from .splats import Splats, floaters, look, on_surface

__all__ = ["make", "write_scene"]


def _write_ply(path: Path, splats: Splats, colour: Floats) -> None:
    """Write a 3DGS PLY without normals; `colour` (N, 3) is SH of degree 0."""
    names = ["x", "y", "z", "f_dc_0", "f_dc_1", "f_dc_2", "opacity"]
    names += [f"scale_{k}" for k in range(3)] + [f"rot_{k}" for k in range(4)]
    logit = np.log(splats.opacities / (1 - splats.opacities))[:, None]
    rows = np.concatenate([splats.positions, colour, logit, np.log(splats.scales), splats.quats], axis=1)
    header = ["ply", "format binary_little_endian 1.0", f"element vertex {len(rows)}"]
    header += [f"property float {name}" for name in names] + ["end_header\n"]
    path.write_bytes("\n".join(header).encode() + rows.astype("<f4").tobytes())


def make(directory: Path, name: str, kind: str, rng: np.random.Generator) -> dict[str, Any]:
    """Write one scene and return its description."""
    solids = outdoor(rng, kind == "street") if kind in ("terrain", "street") else None
    several = kind == "rooms" or (kind == "optimised" and rng.random() < 0.3)
    solids = solids or indoor(rng, several)
    looks, mesh = look(rng, kind == "optimised"), surface(solids)
    low, high = (np.array(b, float) for b in mesh.bounds)
    if solids[0]["type"] == "heightfield":
        high[2] += 1.0
    bald = _bald_patches(solids, looks.bald_patches, rng)
    surfels, holes = on_surface(mesh, looks, bald, rng)
    spacing = float(np.sqrt(mesh.area / looks.count))
    loose, blobs = floaters(looks, low, high, spacing, rng)
    parts = [np.concatenate(pair) for pair in zip(vars(surfels).values(), vars(loose).values(), strict=True)]
    order = rng.permutation(len(parts[0]))
    splats = Splats(*(part[order] for part in parts))
    grey = rng.normal(0, 0.3, (len(order), 3))
    extra = {
        "spacing_m": spacing,
        "look": asdict(looks),
        "hole_centers": np.round(holes, 4).tolist(),
        "floater_blob_centers": np.round(blobs, 4).tolist(),
        "bald_patches": np.round(bald, 3).tolist(),
    }
    return write_scene(directory, name, kind, solids, mesh, splats, grey, extra)


def write_scene(
    directory: Path,
    name: str,
    kind: str,
    solids: list[Solid],
    mesh: trimesh.Trimesh,
    splats: Splats,
    colour: Floats,
    extra: dict[str, Any],
) -> dict[str, Any]:
    """Write Gaussians with `colour` (N, 3), SH of degree 0, the true surface and the description; return the last."""
    _write_ply(directory / f"{name}.ply", splats, colour)
    mesh.export(directory / f"{name}_gt.ply")
    np.savez_compressed(directory / f"{name}_gt.npz", is_floater=splats.floating)
    scene = {
        "name": name,
        "kind": kind,
        "up": "z",
        "units": "m",
        "primitives": solids,
        "gt_mesh": f"{name}_gt.ply",
        "gt_area_m2": float(mesh.area),
        "gaussians": len(splats.positions),
        **extra,
    }
    (directory / f"{name}.json").write_text(json.dumps(scene, indent=1), encoding="utf-8")
    return scene


def _bald_patches(solids: list[Solid], count: int, rng: np.random.Generator) -> Floats:
    """Return x, y, z, radius [m] of patches of the floor (count, 4)."""
    base = solids[0]
    low = np.array(base["origin"][:2] if base["type"] == "room" else base["min"])
    high = low + base["size"][:2] if base["type"] == "room" else np.array(base["max"])
    patches = []
    for _ in range(count):
        at, radius = rng.uniform(low + 0.5, high - 0.5), rng.uniform(0.15, 0.4)
        patches.append([*at, 0.0 if base["type"] == "room" else float(hills(base["terms"], *at)), radius])
    return np.array(patches).reshape(-1, 4)

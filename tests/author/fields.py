"""Clouds, PLY files and colliders that the author tests write, and a plain reader of what came out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from pxr import Usd

from lyra_backend import author
from lyra_backend.author import particle_field
from lyra_backend.progress import Progress
from lyra_backend.types import Approximation, CollisionPart, CollisionProxy, Frame, GaussianCloud, Role, SceneBundle


def cloud_of(count: int, degree: int = 3, seed: int = 0, frame: Frame = Frame.WORLD) -> GaussianCloud:
    """Random Gaussians with orientations that are unit to float precision."""
    rng = np.random.default_rng(seed)
    quats = rng.normal(size=(count, 4))
    quats /= np.linalg.norm(quats, axis=1, keepdims=True)
    return GaussianCloud(
        rng.uniform(-3, 3, (count, 3)),
        rng.lognormal(-4, 0.5, (count, 3)),
        quats,
        rng.uniform(0.02, 0.99, count),
        rng.normal(0, 0.3, (count, (degree + 1) ** 2, 3)),
        frame,
    )


def write_raw_ply(path: Path, columns: dict[str, np.ndarray]) -> None:
    """Write float columns as the binary PLY that 3D Gaussian splatting trainers write."""
    table = np.empty(len(next(iter(columns.values()))), [(name, "<f4") for name in columns])
    for name, values in columns.items():
        table[name] = values
    lines = ["ply", "format binary_little_endian 1.0", f"element vertex {len(table)}"]
    lines += [f"property float {name}" for name in columns] + ["end_header", ""]
    path.write_bytes("\n".join(lines).encode() + table.tobytes())


def raw_columns(count: int, degree: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Random columns as stored: log scales, logit opacities, unnormalised quaternions wxyz, channel-major SH."""
    rng = np.random.default_rng(seed)
    columns = {name: rng.uniform(-3, 3, count) for name in "xyz"}
    columns |= {f"f_dc_{i}": rng.normal(0, 0.5, count) for i in range(3)}
    columns |= {f"f_rest_{i}": rng.normal(0, 0.2, count) for i in range(3 * ((degree + 1) ** 2 - 1))}
    columns["opacity"] = rng.normal(0, 2, count)
    columns |= {f"scale_{i}": rng.normal(-4, 0.5, count) for i in range(3)}
    columns |= {f"rot_{i}": rng.normal(0, 2, count) for i in range(4)}
    return {name: values.astype(np.float32) for name, values in columns.items()}


def read_arrays(path: Path, prim_path: str = "/Gaussians") -> dict[str, Any]:
    """Return the authored values of a prim as NumPy arrays; quaternions come as xyzw."""
    stage = Usd.Stage.Open(str(path))
    prim = stage.GetPrimAtPath(prim_path)
    values = {a.GetName(): a.Get() for a in prim.GetAuthoredAttributes()}
    return {name: np.array(v) if hasattr(v, "__len__") and not isinstance(v, str) else v for name, v in values.items()}


def square(name: str, size: float = 4.0, height: float = 0.0, **kind: Any) -> CollisionPart:
    """A square of two triangles facing up."""
    corners = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], np.float32) * size + (0, 0, height)
    return CollisionPart(name, corners, np.array([[0, 1, 2], [0, 2, 3]]), **kind)


def room_proxy() -> CollisionProxy:
    """Two exact parts, to be welded, the same without a shelf, and one object."""
    box = np.array([[x, y, z] for x in (1, 2) for y in (1, 2) for z in (0, 1)], np.float32)
    quads = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    faces = np.array([t for a, b, c, d in quads for t in ((a, b, c), (a, c, d))])
    hull = CollisionPart("crate", box, faces, "box", Approximation.CONVEX_HULL, Role.OBJECT, body="crate")
    floor, shelf = square("floor", semantic_class="floor"), square("shelf", 1.0, 0.5, semantic_class="table")
    bare = square("bare", semantic_class="floor", role=Role.STRUCTURE)
    return CollisionProxy((hull, floor, shelf, bare), "surface", {"p95": 0.008, "median": 0.002})


def author_scene(folder: Path, cloud: GaussianCloud, proxy: CollisionProxy) -> None:
    """Write a whole scene into the new `folder`."""
    folder.mkdir()
    bundle = SceneBundle(cloud, proxy, {"particle_field": particle_field.Params()})
    author.run(bundle, folder, author.Params(), Progress())

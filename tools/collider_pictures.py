"""Draw the colliders of splats over their Gaussians.

    python tools/collider_pictures.py kitchen.ply street.ply --out docs/images/colliders.jpg

Splats are Z up and in metres. One row each: the Gaussians, and the same view with the triangles of the collider over
them: blue where a robot meets their front, red where it would meet their back.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

import collider_accuracy
import numpy as np
import numpy.typing as npt
from PIL import Image

from lyra_backend.conversion import make_collider
from lyra_backend.io.splats import read_splats
from lyra_backend.kernels.mesh_distance import MeshTree
from lyra_backend.render import render, scene_viewpoint
from lyra_backend.types import Camera, Frame, Intrinsics

Floats = npt.NDArray[np.floating]

_SIZE_PX = (800, 450)
_FRONT, _BACK, _EDGE = np.array([[0.45, 0.65, 0.95], [0.85, 0.2, 0.15], [0.03, 0.06, 0.2]])
_COVER = 0.6  # how opaque the collider is drawn
_EDGE_PX = 1.0


def row(splat: Path, budget: str) -> npt.NDArray[np.uint8]:
    """Return the two pictures of a splat side by side, (H, 2 W, 3)."""
    cloud = replace(read_splats(splat).value, frame=Frame.WORLD)
    view = scene_viewpoint(cloud)
    camera = Camera(Intrinsics.from_fov(*_SIZE_PX, 75.0), view.cam_to_world)
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "collider.ply"
        overrides = {"collide": {"objects": "none", "budget": budget}}
        make_collider(splat, target, up="z", scale=1.0, overrides=overrides)
        vertices, triangles = collider_accuracy.read_mesh(target)
    seen = render(cloud, camera).rgb
    return np.concatenate([seen, _drawn_over(seen, camera, MeshTree(vertices, triangles))], axis=1)


def _drawn_over(seen: npt.NDArray[np.uint8], camera: Camera, mesh: MeshTree) -> npt.NDArray[np.uint8]:
    starts, ways = _rays(camera)
    hits = mesh.rays(starts, ways)
    hit = hits.triangle >= 0
    shade = 0.35 + 0.65 * np.abs((mesh.normals(hits.triangle) * ways).sum(axis=1, keepdims=True))
    colour = np.where(hits.front[:, None], _FRONT, _BACK) * shade
    points = starts + np.where(hit, hits.distance, 0.0)[:, None] * ways
    pixel = np.where(hit, hits.distance, 0.0) / camera.intrinsics.fx
    edge = _edge_distance(mesh.vertices[mesh.triangles[hits.triangle]], points) < _EDGE_PX * pixel / 2
    colour[edge] = _EDGE
    plain = seen.reshape(-1, 3) / 255.0
    mixed = np.where(hit[:, None], (1 - _COVER) * plain + _COVER * colour, plain)
    return (mixed * 255.0 + 0.5).astype(np.uint8).reshape(seen.shape)


def _rays(camera: Camera) -> tuple[Floats, Floats]:
    """Return start (N, 3) and unit direction (N, 3) of the ray through every pixel."""
    lens, pose = camera.intrinsics, camera.cam_to_world.astype(np.float64)
    x, y = np.meshgrid(np.arange(lens.width) + 0.5, np.arange(lens.height) + 0.5)
    ways = np.stack([(x - lens.cx) / lens.fx, (y - lens.cy) / lens.fy, np.ones_like(x)], axis=-1).reshape(-1, 3)
    ways /= np.linalg.norm(ways, axis=1, keepdims=True)
    return np.tile(pose[:3, 3], (len(ways), 1)), ways @ pose[:3, :3].T


def _edge_distance(corners: Floats, points: Floats) -> Floats:
    """Return how far points (N, 3) are from the nearest side of their triangles (N, 3, 3)."""
    nearest = np.full(len(points), np.inf)
    for k in range(3):
        a, along = corners[:, k], corners[:, (k + 1) % 3] - corners[:, k]
        off = np.cross(points - a, along)
        distance = np.linalg.norm(off, axis=1) / np.maximum(np.linalg.norm(along, axis=1), 1e-12)
        nearest = np.minimum(nearest, distance)
    return nearest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("splats", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, required=True, help="picture to write")
    parser.add_argument("--budget", choices=("train", "detail"), default="train")
    given = parser.parse_args()
    picture = np.concatenate([row(splat, given.budget) for splat in given.splats])
    given.out.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(given.out, quality=85, optimize=True)


if __name__ == "__main__":
    main()

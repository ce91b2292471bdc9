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
from lyra_backend.render import render, scene_viewpoint
from lyra_backend.render.mesh_picture import MeshOverlay
from lyra_backend.types import Camera, Frame, Intrinsics

_SIZE_PX = (800, 450)


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
    return np.concatenate([seen, MeshOverlay(vertices, triangles).over(seen, camera)], axis=1)


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

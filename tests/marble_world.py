"""A small world as World Labs Marble delivers it: a splat in raw axes, a collider GLB, and the API's answer."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import trimesh

from lyra_backend.io.ply import write_ply
from lyra_backend.types import Frame, GaussianCloud, Similarity

from .collide.clouds import box, join, room

SIZE = (3.0, 2.5, 2.0)
BOX = ((1.8, 1.0, 0.0), (2.4, 1.7, 0.8))
#: Metres per raw unit; how far the ground is below the origin [m].
FACTOR, OFFSET = 0.42, 1.1
#: World axes (x, y ahead, z up) to OpenCV's (x, y down, z ahead), and to glTF's (x, y up, z back), written out by hand.
OPENCV = ((1.0, 0.0, 0.0), (0.0, 0.0, -1.0), (0.0, 1.0, 0.0))
GLTF = ((1.0, 0.0, 0.0), (0.0, 0.0, 1.0), (0.0, -1.0, 0.0))


@dataclass(frozen=True)
class World:
    """Files of one world, and the scene it is: a room with a box, Z up, floor at z = 0, seen from over the origin."""

    splat: Path
    collider: Path
    answer: Path
    cloud: GaussianCloud
    mesh: trimesh.Trimesh


def scene() -> tuple[GaussianCloud, trimesh.Trimesh]:
    """Return the room with its box, and its surface wound into the room; x and y begin at the viewpoint."""
    shift = Similarity(translation=(-0.9, -1.2, 0.0))
    cloud = join(room(SIZE), box(*BOX)).transformed(shift, Frame.WORLD)
    walls = trimesh.creation.box(bounds=[(0, 0, 0), SIZE])
    walls.invert()
    mesh = trimesh.util.concatenate([walls, trimesh.creation.box(bounds=BOX)])
    mesh.apply_translation(shift.translation)
    return cloud, mesh


def answer(factor: float | None = FACTOR, offset: float | None = OFFSET, **changed: Any) -> dict[str, Any]:
    """Return what the API says of the world."""
    metadata = {"metric_scale_factor": factor, "ground_plane_offset": offset}
    assets = {"splats": {"spz_urls": {}, "semantics_metadata": metadata}, "mesh": {"collider_mesh_url": ""}}
    return {"world_id": "w1", "model": "marble-1.1", "assets": assets, **changed}


def make_world(folder: Path) -> World:
    """Write the files of a world into `folder`."""
    cloud, mesh = scene()
    raw = Similarity.build(1 / FACTOR, OPENCV, (0.0, OFFSET / FACTOR, 0.0))
    write_ply(folder / "world.ply", cloud.transformed(raw, Frame.GENERATOR))
    delivered = mesh.copy()
    delivered.apply_transform(Similarity.build(1 / FACTOR, GLTF, (0.0, -OFFSET / FACTOR, 0.0)).matrix)
    delivered.export(folder / "collider.glb")
    (folder / "world.json").write_text(json.dumps(answer()))
    return World(folder / "world.ply", folder / "collider.glb", folder / "world.json", cloud, mesh)


def write_answer(path: Path, data: Any) -> Path:
    """Write JSON, or text as it is, one byte a character."""
    path.write_bytes((data if isinstance(data, str) else json.dumps(data)).encode("latin-1"))
    return path

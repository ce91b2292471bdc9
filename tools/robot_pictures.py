"""Pictures of robots in scenes: the collider as it is shipped and the robot's own shapes, by rays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import trimesh
from PIL import Image
from pxr import Usd

from lyra_backend.kernels.mesh_distance import MeshTree
from lyra_backend.progress import Progress
from lyra_backend.robot_models.gaits import CONTROL_S
from lyra_backend.robot_models.model import RobotModel, Shape, read_mjcf
from lyra_backend.robot_models.store import find
from lyra_backend.types import Task
from lyra_backend.types.rotations import matrix_from_quat, xyzw_to_wxyz
from lyra_backend.validate.colliders import read_colliders
from lyra_backend.validate.robots.check import WALKER, simulate

__all__ = ["film_walk"]

Floats = npt.NDArray[np.float64]

WIDTH_PX, HEIGHT_PX, FPS = 360, 220, 10
#: Width of the picture at a distance of 1.
FIELD = 1.3
#: The camera follows so far behind the robot, so high above it [m], as slowly as this [s].
BEHIND_M, ABOVE_M, LAG_S = 1.25, 0.75, 0.8
SCENE, ROBOT, SKY = np.array([222, 214, 200]), np.array([240, 132, 38]), np.array([196, 212, 228])
SUN = np.array([0.35, -0.45, 0.82])


def film_walk(stage_file: Path, task: Task, out: Path) -> int:
    """Write a GIF of a Go2 that walks a task in a stage, seen from a camera that follows it; return its frames."""
    colliders = read_colliders(Usd.Stage.Open(str(stage_file)))
    trace = simulate(stage_file, colliders, [task], [], 300.0, Progress())[0][0]
    model = read_mjcf(find(WALKER).model)
    scene = _tree(colliders.corners.reshape(-1, 3))
    poses = trace.poses[:: round(1 / (FPS * CONTROL_S))]
    look = _heading(poses[0])
    frames = []
    for pose in poses:
        look += (_heading(pose) - look) / (FPS * LAG_S)
        frames.append(_picture(scene, robot_mesh(model, pose), pose[0, :3], look / np.linalg.norm(look)))
    palette = frames[len(frames) // 2].quantize(64, dither=Image.Dither.NONE)
    small = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    small[0].save(out, save_all=True, append_images=small[1:], duration=1000 // FPS, loop=0, optimize=True)
    return len(frames)


def robot_mesh(model: RobotModel, pose: Floats) -> MeshTree:
    """Return the shapes of a robot whose links have poses (L, 7), position [m] and orientation xyzw."""
    corners = []
    for shape in model.shapes:
        solid = _solid(shape)
        points = np.asarray(solid.vertices) @ matrix_from_quat(shape.quat_wxyz).T + shape.position
        turn = matrix_from_quat(xyzw_to_wxyz(pose[shape.link, 3:7]))
        corners.append((points @ turn.T + pose[shape.link, :3])[solid.faces].reshape(-1, 3))
    return _tree(np.concatenate(corners))


def _solid(shape: Shape) -> trimesh.Trimesh:
    if shape.kind == "box":
        return trimesh.creation.box(2 * np.array(shape.size))
    if shape.kind == "sphere":
        return trimesh.creation.icosphere(2, shape.size[0])
    radius, half = shape.size
    if shape.kind == "capsule":
        return trimesh.creation.capsule(2 * half, radius, (12, 12))
    return trimesh.creation.cylinder(radius, 2 * half, sections=20)


def _tree(corners: Floats) -> MeshTree:
    return MeshTree(corners, np.arange(len(corners)).reshape(-1, 3))


def _heading(pose: Floats) -> Floats:
    """Return the unit vector in which the root looks on the ground, shape (2,)."""
    forwards = matrix_from_quat(xyzw_to_wxyz(pose[0, 3:7]))[:2, 0]
    return np.asarray(forwards / np.linalg.norm(forwards), np.float64)


def _picture(scene: MeshTree, robot: MeshTree, root: Floats, look: Floats) -> Image.Image:
    """Return a picture from behind a robot's root (3,) that looks along (2,)."""
    eye = root + np.array([-BEHIND_M * look[0], -BEHIND_M * look[1], ABOVE_M])
    # Between walls the camera stays in front of what is behind it.
    back = (eye - root) / np.linalg.norm(eye - root)
    free = float(scene.rays(root[None] + [0, 0, 0.15], back[None]).distance[0])
    eye = root + back * min(np.linalg.norm(eye - root), max(free - 0.05, 0.3))
    rays = _rays(eye, root + np.array([0.5 * look[0], 0.5 * look[1], 0.0]))
    starts = np.repeat(eye[None], len(rays), axis=0)
    colour = np.broadcast_to(SKY, (len(rays), 3)).astype(np.float64)
    nearest = np.full(len(rays), np.inf)
    for tree, paint in ((scene, SCENE), (robot, ROBOT)):
        hits = tree.rays(starts, rays)
        seen = np.isfinite(hits.distance) & (hits.triangle >= 0) & (hits.distance < nearest)
        normal = tree.normals(hits.triangle[seen])
        normal *= -np.sign((normal * rays[seen]).sum(axis=1, keepdims=True))
        light = 0.45 + 0.55 * np.clip(normal @ (SUN / np.linalg.norm(SUN)), 0.0, 1.0)
        fade = np.exp(-hits.distance[seen] / 25.0)
        colour[seen] = paint * (light * fade)[:, None] + SKY * (1.0 - fade)[:, None]
        nearest[seen] = hits.distance[seen]
    return Image.fromarray(colour.reshape(HEIGHT_PX, WIDTH_PX, 3).astype(np.uint8))


def _rays(eye: Floats, target: Floats) -> Floats:
    """Return unit vectors through the pixels of a camera at `eye` that looks at `target`, row by row, shape (N, 3)."""
    forwards = (target - eye) / np.linalg.norm(target - eye)
    right = np.cross(forwards, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    up = np.cross(right, forwards)
    x = FIELD * ((np.arange(WIDTH_PX) + 0.5) / WIDTH_PX - 0.5)
    y = FIELD * (HEIGHT_PX / WIDTH_PX) * (0.5 - (np.arange(HEIGHT_PX) + 0.5) / HEIGHT_PX)
    grid = forwards + x[None, :, None] * right + y[:, None, None] * up
    rays = grid.reshape(-1, 3)
    return np.asarray(rays / np.linalg.norm(rays, axis=1, keepdims=True), np.float64)

"""Pictures of a scene of solids, as a hand-held camera takes them: textured, lit, noisy and slightly out of place."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import trimesh

from lyra_backend.kernels.mesh_distance import MeshTree
from lyra_backend.types import Camera, Intrinsics, look_at

from .solids import Floats, Solid, inside

__all__ = ["Photograph", "photographs", "seen_by"]

_WIDTH_PX, _HEIGHT_PX, _FOV_DEG = 192, 112, 80.0
_CLEARANCE_M = 0.4
_HEIGHTS_M = (0.4, 1.9)
_LIGHT = np.array([0.35, 0.25, 0.9]) / np.linalg.norm([0.35, 0.25, 0.9])
_NOISE, _EXPOSURE, _POSE_M, _POSE_RAD = 0.015, 0.04, 0.004, 0.0025


@dataclass(frozen=True)
class Photograph:
    """A picture (H, W, 3) in [0, 1], and the camera that is believed to have taken it."""

    rgb: Floats
    camera: Camera


class _Paint:
    """Colours of solids: a tint and waves of three lengths; some are nearly plain, as ceilings and walls often are."""

    def __init__(self, solids: list[Solid], rng: np.random.Generator) -> None:
        self.solids = solids
        self.tints = rng.uniform(0.25, 0.8, (len(solids), 3))
        self.contrast = np.where(rng.random(len(solids)) < 0.2, 0.06, rng.uniform(0.12, 0.3, len(solids)))
        self.sides = rng.uniform(0.75, 1.15, (len(solids), 3, 2, 1))
        self.waves = np.concatenate([rng.normal(size=(6, 3)) * rate for rate in (4.0, 14.0, 45.0)])
        self.phases = rng.uniform(0.0, 2.0 * np.pi, (3, len(self.waves)))
        self.plain_above = rng.uniform(1.8, 3.5)
        shell = solids[0]
        middle = np.array(shell["origin"][:2]) + rng.uniform(0.2, 0.8, 2) * shell["size"][:2]
        self.plain_patch = np.array([*middle, rng.uniform(0.4, 0.9)])

    def colors(self, points: Floats, normals: Floats) -> Floats:
        """Return colours (N, 3) of surface points (N, 3) [m] with unit normals (N, 3)."""
        index = np.zeros(len(points), np.int64)
        for n, solid in enumerate(self.solids):
            index[inside(solid, points - 2e-3 * normals)] = n
        along = points @ self.waves.T
        grey, *hue = (np.sin(along + phase).sum(axis=1) / 3.0 for phase in self.phases)
        pattern = grey[:, None] + 0.4 * np.stack([hue[0], np.zeros_like(grey), hue[1]], axis=1)
        contrast = self.contrast[index]
        patch = np.linalg.norm(points[:, :2] - self.plain_patch[:2], axis=1) < self.plain_patch[2]
        contrast = np.where(points[:, 2] > self.plain_above, 0.06, contrast)
        contrast = np.where(patch & (points[:, 2] < 0.01), 0.01, contrast)
        axis = np.abs(normals).argmax(axis=1)
        side = self.sides[index, axis, (normals[np.arange(len(axis)), axis] > 0).astype(int)]
        albedo = self.tints[index] * side * (1.0 + contrast[:, None] * pattern)
        return np.clip(albedo * (0.65 + 0.35 * np.maximum(normals @ _LIGHT, 0.0))[:, None], 0.0, 1.0)


def photographs(solids: list[Solid], mesh: trimesh.Trimesh, count: int, rng: np.random.Generator) -> list[Photograph]:
    """Return `count` pictures from free places at robots' and people's heights, in all directions."""
    tree, paint = MeshTree(np.asarray(mesh.vertices), np.asarray(mesh.faces)), _Paint(solids, rng)
    lens = Intrinsics.from_fov(_WIDTH_PX, _HEIGHT_PX, _FOV_DEG)
    low, high = (np.array(bound, float) for bound in mesh.bounds)
    taken: list[Photograph] = []
    while len(taken) < count:
        eye = rng.uniform(low, high)
        eye[2] = rng.uniform(_HEIGHTS_M[0], min(_HEIGHTS_M[1], high[2] - _CLEARANCE_M))
        if any(inside(s, eye[None])[0] for s in solids) or tree.closest(eye[None]).distance[0] < _CLEARANCE_M:
            continue
        turn, pitch = len(taken) * 2.4 + rng.uniform(0.0, 0.5), rng.normal(-0.05, 0.4)
        ahead = np.array([np.cos(turn) * np.cos(pitch), np.sin(turn) * np.cos(pitch), np.sin(pitch)])
        camera = Camera(lens, look_at(eye, eye + ahead))
        taken.append(Photograph(_exposed(camera, tree, mesh, paint, rng), _misplaced(camera, rng)))
    return taken


def _exposed(camera: Camera, tree: MeshTree, mesh: trimesh.Trimesh, paint: _Paint, rng: np.random.Generator) -> Floats:
    lens, pose = camera.intrinsics, camera.cam_to_world.astype(np.float64)
    fine = 2  # rays a pixel's side has, against stairs at outlines
    x, y = np.meshgrid((np.arange(lens.width * fine) + 0.5) / fine, (np.arange(lens.height * fine) + 0.5) / fine)
    ways = np.stack([(x - lens.cx) / lens.fx, (y - lens.cy) / lens.fy, np.ones_like(x)], axis=-1).reshape(-1, 3)
    ways = ways @ pose[:3, :3].T
    ways /= np.linalg.norm(ways, axis=1, keepdims=True)
    starts = np.broadcast_to(pose[:3, 3], ways.shape)
    hits = tree.rays(starts, ways)
    rgb = np.tile([0.75, 0.82, 0.9], (len(ways), 1))
    met = hits.triangle >= 0
    rgb[met] = paint.colors(starts[met] + hits.distance[met, None] * ways[met], mesh.face_normals[hits.triangle[met]])
    rgb = rgb.reshape(lens.height, fine, lens.width, fine, 3).mean(axis=(1, 3))
    rgb = rgb * (1.0 + rng.normal(0.0, _EXPOSURE)) + rng.normal(0.0, _NOISE, rgb.shape)
    return np.clip(rgb, 0.0, 1.0)


def seen_by(photographs: list[Photograph], mesh: trimesh.Trimesh) -> npt.NDArray[np.int64]:
    """Return in how many pictures the middle of each triangle is seen, no flatter than 6 degrees, shape (F,)."""
    tree = MeshTree(np.asarray(mesh.vertices), np.asarray(mesh.faces))
    middles, normals = np.asarray(mesh.triangles_center), np.asarray(mesh.face_normals)
    seen = np.zeros(len(middles), np.int64)
    for photograph in photographs:
        lens, pose = photograph.camera.intrinsics, photograph.camera.cam_to_world.astype(np.float64)
        ways = middles - pose[:3, 3]
        far = np.linalg.norm(ways, axis=1)
        x, y, z = (ways @ pose[:3, :3]).T
        ways /= far[:, None]
        z = np.where(z > 1e-3, z, np.nan)
        u, v = lens.fx * x / z + lens.cx, lens.fy * y / z + lens.cy
        inside = (u > 0) & (u < lens.width) & (v > 0) & (v < lens.height) & ((ways * normals).sum(axis=1) < -0.1)
        some = np.flatnonzero(inside)
        hits = tree.rays(np.broadcast_to(pose[:3, 3], (len(some), 3)), ways[some])
        seen[some[hits.distance > far[some] - 1e-3]] += 1
    return seen


def _misplaced(camera: Camera, rng: np.random.Generator) -> Camera:
    """Return the camera as its pose is estimated, off by millimetres and tenths of a degree."""
    from scipy.spatial.transform import Rotation

    pose = camera.cam_to_world.astype(np.float64).copy()
    pose[:3, :3] = Rotation.from_rotvec(rng.normal(0.0, _POSE_RAD, 3)).as_matrix() @ pose[:3, :3]
    pose[:3, 3] += rng.normal(0.0, _POSE_M, 3)
    return replace(camera, cam_to_world=pose.astype(camera.cam_to_world.dtype))

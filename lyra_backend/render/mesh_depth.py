"""How far triangles are that a camera sees, as a depth sensor on a ray caster measures it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..types import Camera

__all__ = ["MeshDepth"]


class MeshDepth:
    """Triangles that can be looked at from many places."""

    def __init__(
        self, vertices: npt.NDArray[np.floating], triangles: npt.NDArray[np.integer], device: str | None = None
    ) -> None:
        """Take `vertices` (V, 3) [m] and `triangles` (F, 3); `device` is Warp's, None the preferred one."""
        from ..kernels.mesh_distance import MeshTree

        self._tree = MeshTree(vertices, triangles, device)

    def of(self, camera: Camera) -> npt.NDArray[np.float32]:
        """Return the depth along the camera's axis [m], shape (H, W): inf where a ray through a pixel meets nothing.

        Faces are met from both sides, as Isaac Lab's ray casters do.
        """
        ways = _ways(camera)
        return self._met(camera, ways)[0]

    def beside(self, camera: Camera) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Return the depth as :meth:`of` does, and what a metre of depth there is at right angles to the face met.

        Seen at a grazing angle, a small distance from a face is a long way along the ray.
        """
        ways = _ways(camera)
        depth, triangle = self._met(camera, ways)
        turned = ways @ camera.cam_to_world[:3, :3].T.astype(np.float64)
        across = np.abs((self._tree.normals(triangle.ravel()) * turned).sum(axis=1)) if len(self._tree.triangles) else 0
        return depth, (across / ways[:, 2] * np.ones(len(ways))).reshape(depth.shape).astype(np.float32)

    def _met(
        self, camera: Camera, ways: npt.NDArray[np.float64]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]:
        """Return depth and triangle (H, W) where rays along `ways` (H W, 3), of the camera's frame, meet the mesh."""
        lens, turn = camera.intrinsics, camera.cam_to_world[:3, :3].astype(np.float64)
        hits = self._tree.rays(np.broadcast_to(camera.position, ways.shape), ways @ turn.T)
        depth = hits.distance * ways[:, 2].astype(np.float32)
        return depth.reshape(lens.height, lens.width), hits.triangle.reshape(lens.height, lens.width)

    def are_open(self, starts: npt.NDArray[np.floating], ends: npt.NDArray[np.floating]) -> npt.NDArray[np.bool_]:
        """Say of straight ways from points (N, 3) to points (N, 3) [m] which meet no triangle, from either side."""
        length = np.linalg.norm(ends - starts, axis=1)
        ways = (ends - starts) / np.maximum(length, 1e-9)[:, None]
        return np.asarray(self._tree.rays(starts, ways, float(length.max(initial=0.0))).distance >= length)


def _ways(camera: Camera) -> npt.NDArray[np.float64]:
    """Return the unit directions (H W, 3) of the rays through all pixels, in the camera's own frame."""
    lens = camera.intrinsics
    x = (np.arange(lens.width) + 0.5 - lens.cx) / lens.fx
    y = (np.arange(lens.height) + 0.5 - lens.cy) / lens.fy
    ways = np.stack(np.broadcast_arrays(x[None], y[:, None], 1.0), axis=-1).reshape(-1, 3)
    return np.asarray(ways / np.linalg.norm(ways, axis=1, keepdims=True))

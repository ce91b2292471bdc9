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
        lens = camera.intrinsics
        x = (np.arange(lens.width) + 0.5 - lens.cx) / lens.fx
        y = (np.arange(lens.height) + 0.5 - lens.cy) / lens.fy
        ways = np.stack(np.broadcast_arrays(x[None], y[:, None], 1.0), axis=-1).reshape(-1, 3)
        ways /= np.linalg.norm(ways, axis=1, keepdims=True)
        turn = camera.cam_to_world[:3, :3].astype(np.float64)
        starts = np.broadcast_to(camera.position, ways.shape)
        hits = self._tree.rays(starts, ways @ turn.T)
        depth = hits.distance * ways[:, 2].astype(np.float32)
        return depth.reshape(lens.height, lens.width)

    def are_open(self, starts: npt.NDArray[np.floating], ends: npt.NDArray[np.floating]) -> npt.NDArray[np.bool_]:
        """Say of straight ways from points (N, 3) to points (N, 3) [m] which meet no triangle, from either side."""
        length = np.linalg.norm(ends - starts, axis=1)
        ways = (ends - starts) / np.maximum(length, 1e-9)[:, None]
        return np.asarray(self._tree.rays(starts, ways, float(length.max(initial=0.0))).distance >= length)

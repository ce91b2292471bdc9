"""Triangles drawn over a picture, so that one sees where colliders are and which way they face."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..types import Camera

__all__ = ["MeshOverlay"]

Floats = npt.NDArray[np.floating]

_FRONT, _BACK, _EDGE = np.array([[0.45, 0.65, 0.95], [0.85, 0.2, 0.15], [0.03, 0.06, 0.2]])
#: How opaque triangles are drawn, and how wide their edges [px].
_COVER, _EDGE_PX = 0.6, 1.0


class MeshOverlay:
    """Triangles that can be drawn over many pictures: blue where a robot meets their front, red at their back."""

    def __init__(
        self, vertices: npt.NDArray[np.floating], triangles: npt.NDArray[np.integer], device: str | None = None
    ) -> None:
        """Take `vertices` (V, 3) [m] and `triangles` (F, 3); `device` is Warp's, None the preferred one."""
        from ..kernels.mesh_distance import MeshTree

        self._tree = MeshTree(vertices, triangles, device)

    def over(
        self,
        seen: npt.NDArray[np.uint8],
        camera: Camera,
        *,
        cover: float = _COVER,
        below_m: float = np.inf,
        one_sided: bool = False,
    ) -> npt.NDArray[np.uint8]:
        """Return the picture (H, W, 3) that `camera` took with the triangles over it.

        Args:
            seen: the picture.
            camera: that took it.
            cover: how opaque they are, 0 to 1.
            below_m: what is higher than this is left out, such as a ceiling that the picture is without [m].
            one_sided: leave out triangles that are seen from behind, such as walls between the camera and a room.
        """
        starts, ways = _rays(camera)
        skipped = _way_down(starts, ways, below_m)
        hits = self._tree.rays(starts + skipped[:, None] * ways, ways)
        hit = (hits.triangle >= 0) & (hits.front | (not one_sided))
        distance = np.where(hit, skipped + hits.distance, 0.0)
        shade = 0.35 + 0.65 * np.abs((self._tree.normals(hits.triangle) * ways).sum(axis=1, keepdims=True))
        colour = np.where(hits.front[:, None], _FRONT, _BACK) * shade
        corners = self._tree.vertices[self._tree.triangles[hits.triangle]]
        pixel_m = distance / camera.intrinsics.fx
        colour[_edge_distance(corners, starts + distance[:, None] * ways) < _EDGE_PX * pixel_m / 2] = _EDGE
        plain = seen.reshape(-1, 3) / 255.0
        mixed = np.where(hit[:, None], (1 - cover) * plain + cover * colour, plain)
        return np.asarray((mixed * 255.0 + 0.5).astype(np.uint8).reshape(seen.shape))


def _rays(camera: Camera) -> tuple[Floats, Floats]:
    """Return start (N, 3) and unit direction (N, 3) of the ray through every pixel."""
    lens, pose = camera.intrinsics, camera.cam_to_world.astype(np.float64)
    x, y = np.meshgrid(np.arange(lens.width) + 0.5, np.arange(lens.height) + 0.5)
    ways = np.stack([(x - lens.cx) / lens.fx, (y - lens.cy) / lens.fy, np.ones_like(x)], axis=-1).reshape(-1, 3)
    ways /= np.linalg.norm(ways, axis=1, keepdims=True)
    return np.tile(pose[:3, 3], (len(ways), 1)), ways @ pose[:3, :3].T


def _way_down(starts: Floats, ways: Floats, height_m: float) -> Floats:
    """Return how far rays (N, 3) go until they are below a height [m], shape (N,); 0 if they start there."""
    above = np.maximum(starts[:, 2] - height_m, 0.0) if np.isfinite(height_m) else np.zeros(len(starts))
    sinking = np.maximum(-ways[:, 2], 1e-6)
    return np.asarray(above / sinking)


def _edge_distance(corners: Floats, points: Floats) -> Floats:
    """Return how far points (N, 3) are from the nearest side of their triangles (N, 3, 3)."""
    nearest = np.full(len(points), np.inf)
    for k in range(3):
        a, along = corners[:, k], corners[:, (k + 1) % 3] - corners[:, k]
        off = np.cross(points - a, along)
        distance = np.linalg.norm(off, axis=1) / np.maximum(np.linalg.norm(along, axis=1), 1e-12)
        nearest = np.minimum(nearest, distance)
    return nearest

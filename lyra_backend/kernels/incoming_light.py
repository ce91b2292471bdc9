"""Light that reaches points of a scene of which only its own radiance is known: what surfaces send, what stays open."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import warp as wp

from .occlusion import cosine_hemisphere, tangents

__all__ = ["Incoming", "Occluders"]

wp.set_module_options({"enable_backward": False})

Floats = npt.NDArray[np.floating]


class Incoming(NamedTuple):
    """Cosine-weighted light at N points.

    Attributes:
        seen: mean radiance of the surfaces in sight, where nothing is in sight taken as black, shape (N, 3).
        open_above, open_below: shares of the rays that meet nothing, above and below the horizon, shape (N,).
    """

    seen: npt.NDArray[np.float32]
    open_above: npt.NDArray[np.float32]
    open_below: npt.NDArray[np.float32]


@wp.kernel
def _gather(
    # in
    mesh: wp.uint64,
    radiance: wp.array[wp.vec3],
    points: wp.array[wp.vec3],
    normals: wp.array[wp.vec3],
    directions: wp.array[wp.vec3],
    # out
    seen: wp.array[wp.vec3],
    above: wp.array[wp.float32],
    below: wp.array[wp.float32],
) -> None:
    i = wp.tid()
    n = normals[i]
    t, u = tangents(n)
    total = wp.vec3(0.0, 0.0, 0.0)
    up = float(0.0)
    down = float(0.0)
    for k in range(directions.shape[0]):
        d = directions[k]
        ray = t * d[0] + u * d[1] + n * d[2]
        hit = wp.mesh_query_ray(mesh, points[i], ray, 1.0e6)
        if hit.result:
            # A disc is two triangles, and shines to both sides: which one is its front is not known.
            total += radiance[hit.face / 2]
        elif ray[2] > 0.0:
            up += 1.0
        else:
            down += 1.0
    count = float(directions.shape[0])
    seen[i] = total / count
    above[i] = up / count
    below[i] = down / count


@wp.kernel
def _look(
    # in
    mesh: wp.uint64,
    points: wp.array[wp.vec3],
    targets: wp.array[wp.vec3],
    distant: int,  # targets are directions, and `far` how far rays go; else `far` is how far from targets they end
    far: float,
    # out
    free: wp.array2d[wp.uint8],
) -> None:
    i, j = wp.tid()
    way = targets[j]
    reach = far
    if distant == 0:
        way = targets[j] - points[i]
        reach = wp.max(wp.length(way) - far, 1.0e-6)
        way = wp.normalize(way)
    free[i, j] = wp.where(wp.mesh_query_ray_anyhit(mesh, points[i], way, reach), wp.uint8(0), wp.uint8(1))


class Occluders:
    """Discs that hide what is behind them and shine themselves; rays are cast against them."""

    def __init__(self, corners: Floats, radiance: Floats, device: str | None = None) -> None:
        """Build the search tree.

        Args:
            corners: of a rectangle around each disc, in order around it [m], shape (D, 4, 3).
            radiance: linear RGB, shape (D, 3).
            device: Warp device; None takes the preferred one.

        Raises:
            ValueError: no discs, or shapes that do not belong together.
        """
        if corners.ndim != 3 or corners.shape[1:] != (4, 3) or not len(corners) or radiance.shape != (len(corners), 3):
            raise ValueError(f"discs must be (D, 4, 3) and (D, 3) with D > 0, got {corners.shape}, {radiance.shape}.")
        self._device = wp.get_device(device) if device else wp.get_preferred_device()
        first = 4 * np.arange(len(corners), dtype=np.int32)[:, None]
        indices = (first + np.array([0, 1, 2, 0, 2, 3], np.int32)).ravel()
        points = self._vectors(corners.reshape(-1, 3))
        self._mesh = wp.Mesh(points, wp.array(indices, dtype=wp.int32, device=self._device))
        self._radiance = self._vectors(radiance)

    def gather(self, points: Floats, normals: Floats, ray_count: int = 64) -> Incoming:
        """Return the light that arrives at points (N, 3) [m] with unit normals (N, 3)."""
        count = len(points)
        seen = wp.zeros(count, dtype=wp.vec3, device=self._device)
        shares = [wp.zeros(count, dtype=wp.float32, device=self._device) for _ in range(2)]
        arrays = [self._vectors(a) for a in (points, normals, cosine_hemisphere(ray_count))]
        wp.launch(_gather, count, [self._mesh.id, self._radiance, *arrays], [seen, *shares], device=self._device)
        return Incoming(seen.numpy(), *(s.numpy() for s in shares))

    def open_towards(self, points: Floats, directions: Floats, reach: float = 1e6) -> npt.NDArray[np.bool_]:
        """Return whether nothing within `reach` [m] of points (N, 3) stands in `directions` (K, 3), shape (N, K)."""
        return self._free(points, directions, 1, reach)

    def in_sight(self, points: Floats, targets: Floats, margin: float = 0.0) -> npt.NDArray[np.bool_]:
        """Return which `targets` (K, 3) are in sight of points (N, 3) [m], shape (N, K).

        What is closer to a target than `margin` [m] hides nothing.
        """
        return self._free(points, targets, 0, margin)

    def _free(self, points: Floats, targets: Floats, distant: int, far: float) -> npt.NDArray[np.bool_]:
        free = wp.zeros((len(points), len(targets)), dtype=wp.uint8, device=self._device)
        arrays = [self._vectors(points), self._vectors(targets)]
        wp.launch(_look, free.shape, [self._mesh.id, *arrays, distant, float(far)], [free], device=self._device)
        return free.numpy().astype(bool)

    def _vectors(self, values: Floats) -> wp.array:
        return wp.array(np.ascontiguousarray(values, np.float32), dtype=wp.vec3, device=self._device)

"""What is in sight of the points of a lattice whose edges sheets block, along straight lines."""

import numpy as np
import numpy.typing as npt
import warp as wp

__all__ = ["lines_of_sight"]

wp.set_module_options({"enable_backward": False})

Bools = npt.NDArray[np.bool_]


@wp.kernel
def _look(
    # in
    passable: wp.array3d(dtype=wp.uint8),
    target: wp.array3d(dtype=wp.uint8),
    starts: wp.array(dtype=wp.vec3i),
    directions: wp.array(dtype=wp.vec3),
    # out
    seen: wp.array2d(dtype=wp.uint8),
) -> None:
    i, k = wp.tid()
    way = directions[k]
    point = starts[i]
    # Where along the line the next step of each axis is due: half a voxel ahead at first.
    due = wp.vec3(0.0, 0.0, 0.0)
    for axis in range(3):
        due[axis] = wp.where(way[axis] == 0.0, 1.0e30, 0.5 / wp.abs(way[axis]))
    for _ in range(passable.shape[0] + passable.shape[1] + passable.shape[2]):
        if target[point[0], point[1], point[2]] != wp.uint8(0):
            seen[i, k] = wp.uint8(1)
            return
        axis = int(0)
        if due[1] < due[0]:
            axis = 1
        if due[2] < due[axis]:
            axis = 2
        ahead = point
        edge = point
        if way[axis] > 0.0:
            ahead[axis] = ahead[axis] + 1
        else:
            ahead[axis] = ahead[axis] - 1
            edge[axis] = ahead[axis]
        if ahead[axis] < 0 or ahead[axis] >= passable.shape[axis]:
            seen[i, k] = wp.uint8(1)
            return
        if int(passable[edge[0], edge[1], edge[2]]) & (2 << axis) == 0:
            return
        if int(passable[ahead[0], ahead[1], ahead[2]]) & 1 == 0:
            return
        due[axis] = due[axis] + 1.0 / wp.abs(way[axis])
        point = ahead


def lines_of_sight(
    passable: npt.NDArray[np.uint8],
    target: Bools,
    starts: npt.NDArray[np.integer],
    directions: npt.NDArray[np.floating],
    device: str | None = None,
) -> Bools:
    """Return which lines (N, K) come to a target, or leave the lattice, before a sheet.

    A line walks from point to point along edges, through every point whose cell it passes (Amanatides and Woo, "A fast
    voxel traversal algorithm for ray tracing", 1987). A start on a target sees it.

    Args:
        passable: per point (X, Y, Z): bit 1 = in no sheet, bits 2, 4, 8 = its edge to +x, +y, +z is open.
        target: points (X, Y, Z) that are looked for.
        starts: points (N, 3) that are looked from.
        directions: ways to look, not zero, shape (K, 3).

    Raises:
        ValueError: shapes do not fit, a start lies outside of the lattice, or a direction is zero.
    """
    starts, directions = np.ascontiguousarray(starts, np.int32), np.ascontiguousarray(directions, np.float32)
    if passable.ndim != 3 or passable.shape != target.shape or starts.shape[1:] != (3,) or directions.shape[1:] != (3,):
        raise ValueError("lines_of_sight: needs passable and target (X, Y, Z), starts (N, 3) and directions (K, 3).")
    if ((starts < 0) | (starts >= passable.shape)).any() or not np.abs(directions).sum(axis=1).all():
        raise ValueError("lines_of_sight: starts must lie in the lattice and directions must not be zero.")
    if not len(starts) or not len(directions):
        return np.zeros((len(starts), len(directions)), bool)
    where = wp.get_device(device) if device else wp.get_preferred_device()
    inputs = [
        wp.array(np.ascontiguousarray(passable, np.uint8), dtype=wp.uint8, device=where),
        wp.array(np.ascontiguousarray(target, np.uint8), dtype=wp.uint8, device=where),
        wp.array(starts, dtype=wp.vec3i, device=where),
        wp.array(directions, dtype=wp.vec3, device=where),
    ]
    seen = wp.zeros((len(starts), len(directions)), dtype=wp.uint8, device=where)
    wp.launch(_look, seen.shape, inputs, [seen], device=where)
    return seen.numpy() > 0

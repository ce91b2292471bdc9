"""Where the opaque mass of a sheet lies, seen from lattice lines through it: beside them where the sheet has its edge.

A line sees Gaussians through a footprint, a normal distribution around it. The product of the two has its mean
F (C + F)^-1 away from the line times the distance to the Gaussian's centre, for a footprint F and a Gaussian of
covariance C. The kernel takes the mean of these over all Gaussians in the sheet, across its normal, and that of their
own variances, which blur the edge; one thread visits one place, so the sums do not depend on the device's order.
"""

import numpy as np
import numpy.typing as npt
import warp as wp

__all__ = ["mass_offsets"]

wp.set_module_options({"enable_backward": False})

Floats = npt.NDArray[np.floating]

_ALIKE = wp.constant(0.7)  # least cosine between the sheet's normal and a Gaussian's
_REACH = 5.0  # standard deviations of the footprint to the farthest centres


@wp.kernel
def _sum(
    # in
    grid: wp.uint64,
    centres: wp.array[wp.vec3],
    scales: wp.array[wp.vec3],
    quats: wp.array[wp.quat],
    opacities: wp.array[wp.float32],
    places: wp.array[wp.vec3],
    ways: wp.array[wp.vec3],
    footprint: float,
    slab: float,
    # out
    offsets: wp.array[wp.vec3],
    variances: wp.array[wp.float32],
) -> None:
    i = wp.tid()
    at, n = places[i], ways[i]
    total = float(0.0)
    blur = float(0.0)
    moment = wp.vec3(0.0, 0.0, 0.0)
    square = footprint * footprint
    for j in wp.hash_grid_query(grid, at, _REACH * footprint):
        away = centres[j] - at
        height = wp.dot(away, n)
        scale = scales[j]
        rotation = wp.quat_to_matrix(quats[j])
        shortest = int(0)
        if scale[1] < scale[0]:
            shortest = 1
        if scale[2] < scale[shortest]:
            shortest = 2
        normal = wp.vec3(rotation[0, shortest], rotation[1, shortest], rotation[2, shortest])
        if wp.abs(height) < slab and wp.abs(wp.dot(normal, n)) > _ALIKE:
            across = away - height * n
            axes = rotation * wp.diag(scale)
            blob = axes * wp.transpose(axes) + square * wp.identity(n=3, dtype=float)
            pulled = wp.inverse(blob) * across
            u = scale[(shortest + 1) % 3] * scale[(shortest + 1) % 3]
            v = scale[(shortest + 2) % 3] * scale[(shortest + 2) % 3]
            spread = wp.sqrt(u * v / ((u + square) * (v + square)))
            weight = opacities[j] * spread * wp.exp(-0.5 * wp.dot(across, pulled))
            total += weight
            blur += weight * 0.5 * (u + v)
            moment += weight * square * (pulled - wp.dot(pulled, n) * n)
    offsets[i] = moment / wp.max(total, 1.0e-9)
    variances[i] = blur / wp.max(total, 1.0e-9)


def mass_offsets(
    centres: Floats,
    scales: Floats,
    quats_xyzw: Floats,
    opacities: Floats,
    places: Floats,
    ways: Floats,
    footprint: float,
    slab: float,
    device: str | None = None,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return how far the opaque mass that is seen from each place lies beside it, across its way, shape (S, 3), and the
    variance of its Gaussians along the sheet (S,).

    Args:
        centres, scales, quats_xyzw, opacities: Gaussians, shapes (N, 3), (N, 3), (N, 4), (N,).
        places: where lines cross sheets, shape (S, 3).
        ways: unit normals of the sheets there, shape (S, 3).
        footprint: standard deviation of what a line sees, in the unit of the places.
        slab: Gaussians that are farther from the sheet's plane belong to another one.
        device: where to compute; None for the best there is.
    """
    where = wp.get_device(device) if device else wp.get_preferred_device()
    offsets = wp.zeros(len(places), dtype=wp.vec3, device=where)
    variances = wp.zeros(len(places), dtype=wp.float32, device=where)
    if not len(places) or not len(centres):
        return offsets.numpy(), variances.numpy()
    points, sides, at, along = (
        wp.array(np.ascontiguousarray(a, np.float32), dtype=wp.vec3, device=where)
        for a in (centres, scales, places, ways)
    )
    turns = wp.array(np.ascontiguousarray(quats_xyzw, np.float32), dtype=wp.quat, device=where)
    opaque = wp.array(np.ascontiguousarray(opacities, np.float32), dtype=wp.float32, device=where)
    grid = wp.HashGrid(128, 128, 128, device=where)
    grid.build(points, _REACH * footprint)
    inputs = [grid.id, points, sides, turns, opaque, at, along, float(footprint), float(slab)]
    wp.launch(_sum, dim=len(places), inputs=inputs, outputs=[offsets, variances], device=where)
    return offsets.numpy(), variances.numpy()

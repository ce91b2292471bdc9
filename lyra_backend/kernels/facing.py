"""Normals of flat Gaussians, turned to the side from which free space is reached."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import warp as wp

__all__ = ["PROBES", "Facing", "facing"]

wp.set_module_options({"enable_backward": False})

Floats = npt.NDArray[np.floating]

#: Distances from the centre, in lattice units, at which either side is looked at.
PROBES = (0.5, 1.0, 1.5, 2.0)
_PROBES = wp.constant(wp.vec4(*PROBES))


class Facing(NamedTuple):
    """Per Gaussian: unit normal towards the freer side (N, 3), and how many more probes are free there (N,), 0 to 4."""

    normal: npt.NDArray[np.float32]
    lead: npt.NDArray[np.int32]


@wp.func
def _is_free(
    at: wp.vec3, directory: wp.array3d[wp.int32], dense: wp.array2d[wp.uint8], sparse: wp.array3d[wp.uint8]
) -> int:
    i, j, k = int(wp.round(at[0])), int(wp.round(at[1])), int(wp.round(at[2]))
    if i < 0 or j < 0 or k < 0:
        return 0
    bi, bj, bk = i // 8, j // 8, k // 8
    if bi >= directory.shape[0] or bj >= directory.shape[1] or bk >= directory.shape[2]:
        return 0
    slot = directory[bi, bj, bk]
    if slot < 0:
        return int(sparse[bi, bj, bk])
    return int(dense[slot, (i % 8) * 64 + (j % 8) * 8 + k % 8])


@wp.kernel
def _face(
    # in
    positions: wp.array[wp.vec3],
    scales: wp.array[wp.vec3],
    rotations: wp.array[wp.quat],
    directory: wp.array3d[wp.int32],
    dense: wp.array2d[wp.uint8],
    sparse: wp.array3d[wp.uint8],
    # out
    normal: wp.array[wp.vec3],
    lead: wp.array[wp.int32],
) -> None:
    i = wp.tid()
    scale = scales[i]
    axis = wp.vec3(0.0, 0.0, 1.0)
    if scale[0] <= scale[1] and scale[0] <= scale[2]:
        axis = wp.vec3(1.0, 0.0, 0.0)
    elif scale[1] <= scale[2]:
        axis = wp.vec3(0.0, 1.0, 0.0)
    n = wp.quat_rotate(rotations[i], axis)
    more = int(0)
    for k in range(4):
        step = _PROBES[k] * n
        more += _is_free(positions[i] + step, directory, dense, sparse)
        more -= _is_free(positions[i] - step, directory, dense, sparse)
    normal[i] = wp.where(more < 0, -n, n)
    lead[i] = wp.abs(more)


def facing(
    positions: Floats,
    scales: Floats,
    quats_xyzw: Floats,
    directory: npt.NDArray[np.int32],
    dense: npt.NDArray,
    sparse: npt.NDArray,
    device: str | None = None,
) -> Facing:
    """Return the normals of Gaussians: along their shortest axis, towards the side with more free lattice points.

    Args:
        positions: centres in lattice units, shape (N, 3).
        scales: standard deviations in any unit, shape (N, 3).
        quats_xyzw: unit quaternions, local axes to lattice, shape (N, 4).
        directory: index of each 8x8x8 block of lattice points or -1, shape (BX, BY, BZ).
        dense: which points of indexed blocks are free, shape (B, 512).
        sparse: whether the points of the other blocks are free, shape (BX, BY, BZ).
        device: Warp device; None takes the preferred one.

    Raises:
        ValueError: arrays of different lengths.
    """
    count = len(positions)
    if scales.shape != (count, 3) or quats_xyzw.shape != (count, 4):
        raise ValueError(f"facing: scales {scales.shape} and quats {quats_xyzw.shape} must be of {count} Gaussians.")
    where = wp.get_device(device) if device else wp.get_preferred_device()

    def given(values: npt.NDArray, kind: type, dtype: object) -> wp.array:
        return wp.array(np.ascontiguousarray(values, kind), dtype=dtype, device=where, copy=False)

    inputs = [
        given(positions, np.float32, wp.vec3),
        given(scales, np.float32, wp.vec3),
        given(quats_xyzw, np.float32, wp.quat),
        given(directory, np.int32, wp.int32),
        given(dense if len(dense) else np.zeros((1, 512)), np.uint8, wp.uint8),
        given(sparse, np.uint8, wp.uint8),
    ]
    normal, lead = wp.zeros(count, dtype=wp.vec3, device=where), wp.zeros(count, dtype=wp.int32, device=where)
    wp.launch(_face, dim=count, inputs=inputs, outputs=[normal, lead], device=where)
    return Facing(normal.numpy(), lead.numpy())

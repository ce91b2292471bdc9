"""Label the connected regions of free points of a block-sparse lattice.

Blocks without an entry in the directory are one node each, so that empty space costs 1/512 of its points.
A region's label is its smallest node, whatever the order of threads.
"""

import numpy as np
import numpy.typing as npt
import warp as wp

from .union_find import flatten, unite

__all__ = ["label_regions"]

wp.set_module_options({"enable_backward": False})


@wp.func
def _block_node(directory: wp.array3d(dtype=int), block: wp.vec3i) -> int:
    return (block[0] * directory.shape[1] + block[1]) * directory.shape[2] + block[2]


@wp.func
def _inside(directory: wp.array3d(dtype=int), block: wp.vec3i) -> bool:
    return (
        block[0] >= 0
        and block[1] >= 0
        and block[2] >= 0
        and block[0] < directory.shape[0]
        and block[1] < directory.shape[1]
        and block[2] < directory.shape[2]
    )


@wp.kernel
def _unite_points(
    # in
    directory: wp.array3d(dtype=int),
    blocks: wp.array(dtype=wp.vec3i),
    passable: wp.array2d(dtype=wp.uint8),
    open_blocks: wp.array3d(dtype=wp.uint8),
    empty_nodes: int,
    # out
    parent: wp.array(dtype=int),
) -> None:
    slot, local = wp.tid()
    bits = int(passable[slot, local])
    if bits & 1 == 0:
        return
    node = empty_nodes + slot * 512 + local
    inner = wp.vec3i(local // 64, (local // 8) % 8, local % 8)
    for axis in range(3):
        block = blocks[slot]
        other = inner
        other[axis] = other[axis] + 1
        if other[axis] == 8:
            other[axis] = 0
            block[axis] = block[axis] + 1
        if bits & (2 << axis) != 0 and _inside(directory, block):
            other_slot = directory[block[0], block[1], block[2]]
            if other_slot >= 0:
                other_local = other[0] * 64 + other[1] * 8 + other[2]
                if int(passable[other_slot, other_local]) & 1 != 0:
                    unite(parent, node, empty_nodes + other_slot * 512 + other_local)
            elif open_blocks[block[0], block[1], block[2]] != wp.uint8(0):
                unite(parent, node, _block_node(directory, block))
        # edges that start in an empty block are never blocked, and nobody else visits them
        if inner[axis] == 0:
            below = blocks[slot]
            below[axis] = below[axis] - 1
            if _inside(directory, below):
                if directory[below[0], below[1], below[2]] < 0 and open_blocks[
                    below[0], below[1], below[2]
                ] != wp.uint8(0):
                    unite(parent, node, _block_node(directory, below))


@wp.kernel
def _unite_blocks(
    # in
    directory: wp.array3d(dtype=int),
    open_blocks: wp.array3d(dtype=wp.uint8),
    # out
    parent: wp.array(dtype=int),
) -> None:
    x, y, z = wp.tid()
    if directory[x, y, z] >= 0 or open_blocks[x, y, z] == wp.uint8(0):
        return
    for axis in range(3):
        other = wp.vec3i(x, y, z)
        other[axis] = other[axis] + 1
        if _inside(directory, other):
            if directory[other[0], other[1], other[2]] < 0 and open_blocks[other[0], other[1], other[2]] != wp.uint8(0):
                unite(parent, _block_node(directory, wp.vec3i(x, y, z)), _block_node(directory, other))


def label_regions(
    directory: npt.NDArray[np.int32],
    blocks: npt.NDArray[np.int32],
    passable: npt.NDArray[np.uint8],
    open_blocks: npt.NDArray[np.bool_],
    device: str | None = None,
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Label regions joined by open lattice edges.

    Args:
        directory: index of each block or -1 for empty ones, shape (BX, BY, BZ).
        blocks: coordinates of the blocks that are not empty, shape (B, 3).
        passable: per point (B, 512): bit 1 = free, bits 2, 4, 8 = its edge to +x, +y, +z is open.
        open_blocks: which empty blocks are free, shape (BX, BY, BZ).

    Returns:
        labels of the points (B, 512), and of the empty blocks (BX, BY, BZ); -1 where not free.

    Raises:
        ValueError: more nodes than 32-bit labels can name.
    """
    empty_nodes, count = directory.size, directory.size + passable.size
    if count >= 2**31:
        raise ValueError(f"label_regions: {count} nodes are too many for 32-bit labels; use larger voxels.")
    where = wp.get_device(device) if device else wp.get_preferred_device()
    grid = wp.array(directory, dtype=int, device=where)
    opened = wp.array(np.asarray(open_blocks, np.uint8), dtype=wp.uint8, device=where)
    parent = wp.array(np.arange(count, dtype=np.int32), dtype=int, device=where)
    points = [grid, wp.array(blocks, dtype=wp.vec3i, device=where), wp.array(passable, dtype=wp.uint8, device=where)]
    wp.launch(_unite_points, dim=passable.shape, inputs=[*points, opened, empty_nodes], outputs=[parent], device=where)
    wp.launch(_unite_blocks, dim=directory.shape, inputs=[grid, opened], outputs=[parent], device=where)
    labels = wp.zeros(count, dtype=int, device=where)
    wp.launch(flatten, dim=count, inputs=[parent], outputs=[labels], device=where)
    flat = labels.numpy()
    block_labels = np.where(open_blocks & (directory < 0), flat[:empty_nodes].reshape(directory.shape), -1)
    point_labels = np.where(passable & 1, flat[empty_nodes:].reshape(passable.shape), -1)
    return point_labels.astype(np.int32), block_labels.astype(np.int32)

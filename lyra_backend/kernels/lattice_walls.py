"""Which edges of a sparse lattice a sheet blocks, which points lie in a sheet, and which blocked edges hang together.

The arrays are those of :mod:`.voxel_blocks`: an edge is named by the block, axis and point at its lower end. `owner`,
the flat index of these in `edge_index` by edge (E,), is looked for where it is not given.
"""

import numpy as np
import numpy.typing as npt
import warp as wp

from .union_find import flatten, unite

__all__ = ["label_sheets", "points_in_sheets", "touching_sheets", "typical_density", "widened"]

wp.set_module_options({"enable_backward": False})


@wp.func
def _edge_at(directory: wp.array3d(dtype=int), edge_index: wp.array3d(dtype=int), point: wp.vec3i, axis: int) -> int:
    """Index of the edge from `point` along `axis`, -1 if it is untouched or outside."""
    if point[0] < 0 or point[1] < 0 or point[2] < 0:
        return -1
    b = wp.vec3i(point[0] // 8, point[1] // 8, point[2] // 8)
    if b[0] >= directory.shape[0] or b[1] >= directory.shape[1] or b[2] >= directory.shape[2]:
        return -1
    slot = directory[b[0], b[1], b[2]]
    if slot < 0:
        return -1
    return edge_index[slot, axis, (point[0] % 8) * 64 + (point[1] % 8) * 8 + point[2] % 8]


@wp.func
def _slot(owner: wp.int64) -> int:
    """Block of a flat index, which passes 32 bits from 1.4 million blocks on."""
    return int(owner // wp.int64(1536))


@wp.func
def _axis(owner: wp.int64) -> int:
    return int((owner // wp.int64(512)) % wp.int64(3))


@wp.func
def _local(owner: wp.int64) -> int:
    return int(owner % wp.int64(512))


@wp.func
def _point(blocks: wp.array(dtype=wp.vec3i), slot: int, local: int) -> wp.vec3i:
    return blocks[slot] * 8 + wp.vec3i(local // 64, (local // 8) % 8, local % 8)


@wp.kernel
def _widen(
    # in
    directory: wp.array3d(dtype=int),
    blocks: wp.array(dtype=wp.vec3i),
    edge_index: wp.array3d(dtype=int),
    owner: wp.array(dtype=wp.int64),
    density: wp.array(dtype=float),
    low: wp.array(dtype=float),
    high: wp.array(dtype=float),
    position: wp.array(dtype=float),
    end_share: float,
    # out
    wide_density: wp.array(dtype=float),
    wide_position: wp.array(dtype=float),
) -> None:
    edge = wp.tid()
    axis = _axis(owner[edge])
    point = _point(blocks, _slot(owner[edge]), _local(owner[edge]))
    step = wp.vec3i(0, 0, 0)
    step[axis] = 1
    before = _edge_at(directory, edge_index, point - step, axis)
    after = _edge_at(directory, edge_index, point + step, axis)
    total = density[edge]
    moment = total * position[edge]
    if before >= 0:
        total += high[before]
        moment -= high[before] * 0.5 * end_share
    if after >= 0:
        total += low[after]
        moment += low[after] * (1.0 + 0.5 * end_share)
    wide_density[edge] = total
    wide_position[edge] = moment / wp.max(total, 1.0e-9)


@wp.kernel
def _typical(
    # in
    directory: wp.array3d(dtype=int),
    blocks: wp.array(dtype=wp.vec3i),
    edge_index: wp.array3d(dtype=int),
    owner: wp.array(dtype=wp.int64),
    density: wp.array(dtype=float),
    # out
    typical: wp.array(dtype=float),
) -> None:
    edge = wp.tid()
    local = _local(owner[edge])
    axis = _axis(owner[edge])
    point = _point(blocks, _slot(owner[edge]), local)
    most = density[edge]
    for n in range(27):
        other = _edge_at(directory, edge_index, point + wp.vec3i(n // 9 - 1, (n // 3) % 3 - 1, n % 3 - 1), axis)
        if other >= 0:
            most = wp.max(most, density[other])
    typical[edge] = most


@wp.kernel
def _in_sheet(
    # in
    directory: wp.array3d(dtype=int),
    blocks: wp.array(dtype=wp.vec3i),
    edge_index: wp.array3d(dtype=int),
    low: wp.array(dtype=float),
    high: wp.array(dtype=float),
    needed: wp.array(dtype=float),
    # out
    sheet_edge: wp.array2d(dtype=int),
) -> None:
    slot, local = wp.tid()
    point = _point(blocks, slot, local)
    best = int(-1)
    most = float(0.0)
    for axis in range(3):
        step = wp.vec3i(0, 0, 0)
        step[axis] = 1
        above = _edge_at(directory, edge_index, point, axis)
        below = _edge_at(directory, edge_index, point - step, axis)
        near_above = float(0.0)
        near_below = float(0.0)
        least = float(1.0e30)
        if above >= 0:
            near_above = low[above]
            least = wp.min(least, needed[above])
        if below >= 0:
            near_below = high[below]
            least = wp.min(least, needed[below])
        near = near_above + near_below
        if near >= least and near > most:
            most = near
            best = wp.where(near_above >= near_below, above, below)
    sheet_edge[slot, local] = best


@wp.func
def _neighbour(
    directory: wp.array3d(dtype=int), edge_index: wp.array3d(dtype=int), point: wp.vec3i, axis: int, n: int
) -> int:
    """The n-th of the 4 x 12 edges of the cells around an edge, -1 if it is untouched."""
    corner = point
    corner[(axis + 1) % 3] = corner[(axis + 1) % 3] - n // 24
    corner[(axis + 2) % 3] = corner[(axis + 2) % 3] - (n // 12) % 2
    along = (n // 4) % 3
    corner[(along + 1) % 3] = corner[(along + 1) % 3] + (n // 2) % 2
    corner[(along + 2) % 3] = corner[(along + 2) % 3] + n % 2
    return _edge_at(directory, edge_index, corner, along)


@wp.kernel
def _unite_edges(
    # in
    directory: wp.array3d(dtype=int),
    blocks: wp.array(dtype=wp.vec3i),
    edge_index: wp.array3d(dtype=int),
    owner: wp.array(dtype=wp.int64),
    kept: wp.array(dtype=wp.uint8),
    # out
    parent: wp.array(dtype=int),
) -> None:
    edge = wp.tid()
    if kept[edge] == wp.uint8(0):
        return
    axis = _axis(owner[edge])
    point = _point(blocks, _slot(owner[edge]), _local(owner[edge]))
    for n in range(48):
        other = _neighbour(directory, edge_index, point, axis, n)
        if other >= 0 and other < edge:
            if kept[other] != wp.uint8(0):
                unite(parent, edge, other)


@wp.kernel
def _touching(
    # in
    directory: wp.array3d(dtype=int),
    blocks: wp.array(dtype=wp.vec3i),
    edge_index: wp.array3d(dtype=int),
    owner: wp.array(dtype=wp.int64),
    kept: wp.array(dtype=wp.uint8),
    candidate: wp.array(dtype=wp.uint8),
    # out
    grown: wp.array(dtype=wp.uint8),
) -> None:
    edge = wp.tid()
    grown[edge] = kept[edge]
    if kept[edge] != wp.uint8(0) or candidate[edge] == wp.uint8(0):
        return
    axis = _axis(owner[edge])
    point = _point(blocks, _slot(owner[edge]), _local(owner[edge]))
    for n in range(48):
        other = _neighbour(directory, edge_index, point, axis, n)
        if other >= 0:
            if kept[other] != wp.uint8(0):
                grown[edge] = wp.uint8(1)


class _Lattice:
    """The arrays every kernel here reads, on the device."""

    def __init__(
        self,
        directory: npt.NDArray[np.int32],
        blocks: npt.NDArray[np.int32],
        edge_index: npt.NDArray[np.int32],
        device: str | None,
    ) -> None:
        self.device = wp.get_device(device) if device else wp.get_preferred_device()
        self.arrays = [
            wp.array(directory, dtype=int, device=self.device, copy=False),
            wp.array(blocks, dtype=wp.vec3i, device=self.device, copy=False),
            wp.array(edge_index, dtype=int, device=self.device, copy=False),
        ]

    def floats(self, values: npt.NDArray[np.float32]) -> wp.array:
        return wp.array(np.ascontiguousarray(values, np.float32), dtype=float, device=self.device)

    def owner(self, owner: npt.NDArray[np.integer] | None) -> wp.array:
        """Flat index (block, axis, point) of every edge, in order of the edges; looked for if it is not given."""
        if owner is None:
            owner = np.flatnonzero(self.arrays[2].numpy() >= 0)
        return wp.array(np.ascontiguousarray(owner, np.int64), dtype=wp.int64, device=self.device, copy=False)


def widened(
    directory: npt.NDArray[np.int32],
    blocks: npt.NDArray[np.int32],
    edge_index: npt.NDArray[np.int32],
    density: npt.NDArray[np.float32],
    low: npt.NDArray[np.float32],
    high: npt.NDArray[np.float32],
    position: npt.NDArray[np.float32],
    end_share: float,
    owner: npt.NDArray[np.integer] | None = None,
    device: str | None = None,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return density and mean position per edge (E,), both with what crosses its line just beyond the ends.

    A sheet through a lattice point is shared by the edges on both sides; either must see all of it. What lies beyond
    is taken to lie half of `end_share` beyond.
    """
    lattice = _Lattice(directory, blocks, edge_index, device)
    outputs = [wp.zeros(len(density), dtype=float, device=lattice.device) for _ in range(2)]
    columns = [lattice.floats(values) for values in (density, low, high, position)]
    inputs = [*lattice.arrays, lattice.owner(owner), *columns, float(end_share)]
    wp.launch(_widen, dim=len(density), inputs=inputs, outputs=outputs, device=lattice.device)
    return outputs[0].numpy(), outputs[1].numpy()


def typical_density(
    directory: npt.NDArray[np.int32],
    blocks: npt.NDArray[np.int32],
    edge_index: npt.NDArray[np.int32],
    density: npt.NDArray[np.float32],
    owner: npt.NDArray[np.integer] | None = None,
    device: str | None = None,
) -> npt.NDArray[np.float32]:
    """Return per edge (E,) the largest density of the parallel edges at most one step away on each axis."""
    lattice = _Lattice(directory, blocks, edge_index, device)
    out = wp.zeros(len(density), dtype=float, device=lattice.device)
    inputs = [*lattice.arrays, lattice.owner(owner), lattice.floats(density)]
    wp.launch(_typical, dim=len(density), inputs=inputs, outputs=[out], device=lattice.device)
    return out.numpy()


def points_in_sheets(
    directory: npt.NDArray[np.int32],
    blocks: npt.NDArray[np.int32],
    edge_index: npt.NDArray[np.int32],
    low: npt.NDArray[np.float32],
    high: npt.NDArray[np.float32],
    needed: npt.NDArray[np.float32],
    device: str | None = None,
) -> npt.NDArray[np.int32]:
    """Return per point (B, 512) the edge whose sheet the point lies in, -1 if in none.

    Args:
        directory, blocks, edge_index: the lattice.
        low, high: density that crosses the edge near its lower and upper end, shape (E,).
        needed: density that makes a sheet at this edge, shape (E,).
    """
    lattice = _Lattice(directory, blocks, edge_index, device)
    out = wp.zeros((len(blocks), edge_index.shape[2]), dtype=int, device=lattice.device)
    inputs = [*lattice.arrays, lattice.floats(low), lattice.floats(high), lattice.floats(needed)]
    wp.launch(_in_sheet, dim=out.shape, inputs=inputs, outputs=[out], device=lattice.device)
    return out.numpy()


def label_sheets(
    directory: npt.NDArray[np.int32],
    blocks: npt.NDArray[np.int32],
    edge_index: npt.NDArray[np.int32],
    kept: npt.NDArray[np.bool_],
    owner: npt.NDArray[np.integer] | None = None,
    device: str | None = None,
) -> npt.NDArray[np.int32]:
    """Return per edge (E,) the smallest index of the kept edges it hangs together with; edges of one cell do.

    An edge that is not kept is alone.
    """
    lattice = _Lattice(directory, blocks, edge_index, device)
    parent = wp.array(np.arange(len(kept), dtype=np.int32), dtype=int, device=lattice.device)
    flags = wp.array(np.asarray(kept, np.uint8), dtype=wp.uint8, device=lattice.device)
    inputs = [*lattice.arrays, lattice.owner(owner), flags]
    wp.launch(_unite_edges, dim=len(kept), inputs=inputs, outputs=[parent], device=lattice.device)
    labels = wp.zeros(len(kept), dtype=int, device=lattice.device)
    wp.launch(flatten, dim=len(kept), inputs=[parent], outputs=[labels], device=lattice.device)
    return labels.numpy()


def touching_sheets(
    directory: npt.NDArray[np.int32],
    blocks: npt.NDArray[np.int32],
    edge_index: npt.NDArray[np.int32],
    kept: npt.NDArray[np.bool_],
    candidate: npt.NDArray[np.bool_],
    owner: npt.NDArray[np.integer] | None = None,
    device: str | None = None,
) -> npt.NDArray[np.bool_]:
    """Return `kept` (E,) and those of the `candidate` edges (E,) that share a cell with one of them."""
    lattice = _Lattice(directory, blocks, edge_index, device)
    flags = [wp.array(np.asarray(f, np.uint8), dtype=wp.uint8, device=lattice.device) for f in (kept, candidate)]
    grown = wp.zeros(len(kept), dtype=wp.uint8, device=lattice.device)
    inputs = [*lattice.arrays, lattice.owner(owner), *flags]
    wp.launch(_touching, dim=len(kept), inputs=inputs, outputs=[grown], device=lattice.device)
    return grown.numpy() > 0

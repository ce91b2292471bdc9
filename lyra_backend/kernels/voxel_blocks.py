"""Where Gaussians cross the edges of a sparse cubic lattice.

The lattice is looked through along x, y and z as by three orthographic cameras whose pixels are the lattice lines.
A line crosses a Gaussian at its conditional mean given the line: for a disc, in its plane. How much it counts there is
the Gaussian's opacity after widening it to a footprint (area preserving, as the screen-space filter of Zwicker et al.,
"EWA splatting", 2002), so that a sum is the number of opaque layers around the crossing. Sums go to the lattice edge
that holds the crossing: the cost grows with the edges touched and not with the volume. Only 8 x 8 x 8 blocks of lattice
points that are touched exist, and only touched edges of these carry sums.

Sums are 64-bit integers: the order in which threads add does not change them, so Gaussians may come in portions, and
within one they add along blocks: then the sums they add to are still in the processor's cache.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import warp as wp

__all__ = ["BLOCK", "POINTS", "LatticeGaussians", "SheetLattice", "touched_blocks", "voxel_blocks"]

wp.set_module_options({"enable_backward": False})

#: Lattice points along the side of a block, and in it.
BLOCK = 8
POINTS = BLOCK**3

_UNIT = wp.constant(2.0**20)  # of the fixed-point sums
_SUMS = 9  # density, density near either end, position, its square, flat density, normal
_MARK_BLOCKS, _MARK_EDGES, _ADD = 0, 1, 2
_EDGES_AT_ONCE = 250_000
_FAINT = wp.constant(2.0e-3)  # of a layer; fainter contributions are not worth an edge
_GRAZING = wp.constant(0.17)  # |cosine| below which a disc is seen edge-on: where it crosses the line is undefined
_STEEPEST = wp.constant(6.0)  # slope of the plane a crossing is extrapolated along


class LatticeGaussians(NamedTuple):
    """Gaussians in lattice units: lattice point (i, j, k) lies at (i, j, k).

    Attributes:
        centres: shape (N, 3).
        scales: standard deviations, shape (N, 3).
        quats_xyzw: unit quaternions, shape (N, 4).
        opacities: peak opacities, shape (N,).
    """

    centres: npt.NDArray[np.float32]
    scales: npt.NDArray[np.float32]
    quats_xyzw: npt.NDArray[np.float32]
    opacities: npt.NDArray[np.float32]


class SheetLattice(NamedTuple):
    """Lattice point (i, j, k) lies at ``origin + voxel_size * (i, j, k)``; its edges run to +x, +y and +z.

    Attributes:
        directory: index of each block or -1, shape (BX, BY, BZ), int32.
        blocks: block coordinates (multiples of 8 lattice points), shape (B, 3), int32.
        edge_index: index of each touched edge or -1, by block, axis and point, shape (B, 3, 512), int32.
        density: layers of opaque surface that cross the edge: opacity-weighted area over the area seen, shape (E,).
        density_low: the part of it at most `end_share` from the lower end or beyond, shape (E,).
        density_high: the same at the upper end.
        position: mean crossing, in [0, 1] from the lower to the upper end, shape (E,).
        deviation: standard deviation of the crossings in the same unit, shape (E,).
        flatness: share of the density that comes from flat Gaussians, the only ones with a normal, shape (E,).
        normal: mean unit normal of the flat ones, component along the axis >= 0; its length is 1 if all agree, (E, 3).
    """

    directory: npt.NDArray[np.int32]
    blocks: npt.NDArray[np.int32]
    edge_index: npt.NDArray[np.int32]
    density: npt.NDArray[np.float32]
    density_low: npt.NDArray[np.float32]
    density_high: npt.NDArray[np.float32]
    position: npt.NDArray[np.float32]
    deviation: npt.NDArray[np.float32]
    flatness: npt.NDArray[np.float32]
    normal: npt.NDArray[np.float32]


@wp.func
def _fixed(value: float) -> wp.int64:
    return wp.int64(wp.round(value * _UNIT))


@wp.func
def _covariance(scale: wp.vec3, rotation: wp.mat33) -> wp.mat33:
    axes = rotation * wp.diag(scale)
    return axes * wp.transpose(axes)


@wp.func
def _shortest_axis(scale: wp.vec3) -> int:
    axis = int(0)
    if scale[1] < scale[0]:
        axis = 1
    if scale[2] < scale[axis]:
        axis = 2
    return axis


@wp.func
def _flatness(scale: wp.vec3, shortest: int) -> float:
    """1 for a disc, 0 for a ball or a needle."""
    middle = wp.min(scale[(shortest + 1) % 3], scale[(shortest + 2) % 3])
    return 1.0 - scale[shortest] / middle


@wp.func
def _spread(scale: wp.vec3, shortest: int, footprint: float) -> float:
    """Peak of a disc after widening, relative to its own: the area stays."""
    u = scale[(shortest + 1) % 3] * scale[(shortest + 1) % 3]
    v = scale[(shortest + 2) % 3] * scale[(shortest + 2) % 3]
    return wp.sqrt(u * v / ((u + footprint) * (v + footprint)))


@wp.kernel
def _visit(
    # in
    task: int,
    rows: wp.array2d(dtype=float),
    shape: wp.vec3i,
    footprint: float,
    end_share: float,
    edge_index: wp.array3d(dtype=int),
    # out
    directory: wp.array3d(dtype=int),
    touched: wp.array3d(dtype=wp.uint8),
    sums: wp.array2d(dtype=wp.int64),
) -> None:
    g = wp.tid()
    centre = wp.vec3(rows[g, 0], rows[g, 1], rows[g, 2])
    scale = wp.vec3(rows[g, 3], rows[g, 4], rows[g, 5])
    rotation = wp.quat_to_matrix(wp.quat(rows[g, 6], rows[g, 7], rows[g, 8], rows[g, 9]))
    covariance = _covariance(scale, rotation)
    shortest = _shortest_axis(scale)
    flatness = _flatness(scale, shortest)
    blob = covariance + footprint * wp.identity(n=3, dtype=float)
    conic = wp.inverse(blob)
    layers = rows[g, 10] * _spread(scale, shortest, footprint)
    unit_normal = wp.vec3(rotation[0, shortest], rotation[1, shortest], rotation[2, shortest])
    for a in range(3):
        b = (a + 1) % 3
        c = (a + 2) % 3
        # a sheet must not block lines along it: the flatter, the surer the normal
        visible = float(1.0)
        if wp.abs(unit_normal[a]) < _GRAZING:
            visible = wp.clamp((0.25 - flatness) / 0.15, 0.0, 1.0)
        peak = visible * layers
        if peak < _FAINT:
            continue
        sharp = wp.mat22(covariance[b, b] + 1.0e-8, covariance[b, c], covariance[b, c], covariance[c, c] + 1.0e-8)
        slope = wp.inverse(sharp) * wp.vec2(covariance[a, b], covariance[a, c])
        steepness = wp.length(slope)
        if steepness > _STEEPEST:
            slope = slope * (_STEEPEST / steepness)
        # where the blob falls to the faintest contribution, at most 2.3 sigma
        reach = wp.min(2.0 * wp.log(peak / _FAINT), 5.3)
        wide_b = wp.sqrt(blob[b, b] * reach)
        wide_c = wp.sqrt(blob[c, c] * reach)
        facing = wp.where(unit_normal[a] < 0.0, -1.0, 1.0) * flatness
        for line_b in range(int(wp.ceil(centre[b] - wide_b)), int(wp.floor(centre[b] + wide_b)) + 1):
            for line_c in range(int(wp.ceil(centre[c] - wide_c)), int(wp.floor(centre[c] + wide_c)) + 1):
                offset = wp.vec3(0.0, 0.0, 0.0)
                offset[b] = float(line_b) - centre[b]
                offset[c] = float(line_c) - centre[c]
                offset[a] = slope[0] * offset[b] + slope[1] * offset[c]
                distance = wp.dot(offset, conic * offset)
                if distance > reach:
                    continue
                along = centre[a] + offset[a]
                low = int(wp.floor(along))
                point = wp.vec3i(0, 0, 0)
                point[a] = low
                point[b] = line_b
                point[c] = line_c
                # the edge's two ends must have neighbours in the grid
                if point[0] < 2 or point[1] < 2 or point[2] < 2:
                    continue
                if point[0] + 3 >= shape[0] or point[1] + 3 >= shape[1] or point[2] + 3 >= shape[2]:
                    continue
                bx = point[0] // 8
                by = point[1] // 8
                bz = point[2] // 8
                if task == 0:
                    directory[bx, by, bz] = 1
                    point[a] = low + 1
                    directory[point[0] // 8, point[1] // 8, point[2] // 8] = 1
                    continue
                slot = directory[bx, by, bz]
                local = (point[0] % 8) * 64 + (point[1] % 8) * 8 + point[2] % 8
                if task == 1:
                    touched[slot, a, local] = wp.uint8(1)
                    continue
                edge = edge_index[slot, a, local]
                weight = peak * wp.exp(-0.5 * distance)
                share = along - float(low)
                wp.atomic_add(sums, edge, 0, _fixed(weight))
                if share < end_share:
                    wp.atomic_add(sums, edge, 1, _fixed(weight))
                if share > 1.0 - end_share:
                    wp.atomic_add(sums, edge, 2, _fixed(weight))
                wp.atomic_add(sums, edge, 3, _fixed(weight * share))
                wp.atomic_add(sums, edge, 4, _fixed(weight * share * share))
                wp.atomic_add(sums, edge, 5, _fixed(weight * flatness))
                for k in range(3):
                    wp.atomic_add(sums, edge, 6 + k, _fixed(weight * facing * unit_normal[k]))


def touched_blocks(
    portions: Iterable[LatticeGaussians],
    shape: tuple[int, int, int],
    *,
    footprint: float = 0.5,
    device: str | None = None,
) -> npt.NDArray[np.int32]:
    """Number the blocks of a lattice of `shape` points that Gaussians touch; costs next to no memory.

    Args:
        portions: the Gaussians.
        shape: lattice points along each axis, multiples of 8.
        footprint: as for :func:`voxel_blocks`.

    Returns:
        index of each block in order of its coordinates, -1 if it is not touched, shape (BX, BY, BZ).

    Raises:
        ValueError: `shape` is not made of whole blocks.
    """
    if any(n % BLOCK or n <= 0 for n in shape):
        raise ValueError(f"touched_blocks: shape must be positive multiples of {BLOCK}, got {shape}.")
    where = wp.get_device(device) if device else wp.get_preferred_device()
    marked = wp.zeros(tuple(n // BLOCK for n in shape), dtype=int, device=where)
    _Visit(portions, shape, footprint, 0.0, where).run(_MARK_BLOCKS, directory=marked)
    directory = marked.numpy()
    blocks = np.flatnonzero(directory)
    directory = np.full(directory.shape, -1, np.int32)
    directory.ravel()[blocks] = np.arange(len(blocks), dtype=np.int32)
    return directory


def voxel_blocks(
    portions: Iterable[LatticeGaussians],
    directory: npt.NDArray[np.int32],
    *,
    footprint: float = 0.5,
    end_share: float = 0.12,
    device: str | None = None,
) -> SheetLattice:
    """Sum up where Gaussians cross the edges of a lattice; crossings closer than two points to its border are left.

    Args:
        portions: the Gaussians; gone through twice.
        directory: from :func:`touched_blocks` with the same Gaussians.
        footprint: standard deviation of the footprint of a lattice line, in lattice units.
        end_share: how near a crossing must be to an end of its edge to count as at the end, in lattice units.
    """
    where = wp.get_device(device) if device else wp.get_preferred_device()
    x, y, z = (n * BLOCK for n in directory.shape)
    blocks = np.argwhere(directory >= 0).astype(np.int32)
    visit = _Visit(portions, (x, y, z), footprint, end_share, where)
    slots = wp.array(directory, dtype=int, device=where)
    flags = wp.zeros((max(len(blocks), 1), 3, POINTS), dtype=wp.uint8, device=where)
    visit.run(_MARK_EDGES, directory=slots, touched=flags)
    touched = flags.numpy()[: len(blocks)].view(bool)
    edge_index = np.cumsum(touched, dtype=np.int32).reshape(touched.shape)
    count = int(edge_index[-1, -1, -1]) if len(blocks) else 0
    edge_index -= 1
    edge_index[~touched] = -1
    del flags, touched
    sums = wp.zeros((max(count, 1), _SUMS), dtype=wp.int64, device=where)
    edges = edge_index if len(blocks) else np.zeros((1, 3, POINTS), np.int32)
    visit.run(_ADD, directory=slots, edge_index=wp.array(edges, dtype=int, device=where, copy=False), sums=sums)
    return _means(directory, blocks, edge_index, sums.numpy()[:count])


class _Visit:
    """Runs the kernel over every portion of the Gaussians."""

    def __init__(
        self,
        portions: Iterable[LatticeGaussians],
        shape: tuple[int, int, int],
        footprint: float,
        end_share: float,
        where: wp.Device,
    ) -> None:
        self.portions, self.shape = portions, shape
        self.numbers = [wp.vec3i(*shape), float(footprint) ** 2, float(end_share)]
        self.where = where
        self.unused = {
            "edge_index": wp.zeros((1, 1, 1), dtype=int, device=where),
            "touched": wp.zeros((1, 1, 1), dtype=wp.uint8, device=where),
            "sums": wp.zeros((1, 1), dtype=wp.int64, device=where),
        }

    def run(self, task: int, **arrays: wp.array) -> None:
        """Do `task` with these of the arrays `directory`, `edge_index`, `touched` and `sums`."""
        edge_index, *outputs = ({**self.unused, **arrays}[n] for n in ("edge_index", "directory", "touched", "sums"))
        for portion in self.portions:
            # one row a Gaussian: all of it comes into the cache at once
            rows = np.concatenate([*portion[:3], portion.opacities[:, None]], axis=1, dtype=np.float32)
            if task == _ADD:
                rows = rows.take(_along_blocks(portion.centres, self.shape), axis=0)
            inputs = [task, wp.array(rows, dtype=float, device=self.where, copy=False), *self.numbers, edge_index]
            wp.launch(_visit, dim=len(portion.opacities), inputs=inputs, outputs=outputs, device=self.where)


def _along_blocks(centres: npt.NDArray[np.float32], shape: tuple[int, int, int]) -> npt.NDArray[np.int32]:
    """Return an order of Gaussians (N,) that goes from block to block."""
    block = np.zeros(len(centres), np.int32)
    for k in range(3):
        count = shape[k] // BLOCK + 1
        block = block * np.int32(count) + np.clip(centres[:, k] / BLOCK, 0, count - 1).astype(np.int32)
    # few enough fit a number that is sorted digit by digit
    small = np.prod([n // BLOCK + 1.0 for n in shape]) <= 2**16
    return np.argsort(block.astype(np.uint16) if small else block, kind="stable").astype(np.int32)


def _means(
    directory: npt.NDArray[np.int32],
    blocks: npt.NDArray[np.int32],
    edge_index: npt.NDArray[np.int32],
    sums: npt.NDArray[np.int64],
) -> SheetLattice:
    """Turn fixed-point sums into densities, means and deviations, some at a time."""
    columns = [np.empty(len(sums), np.float32) for _ in range(6)]
    normal = np.empty((len(sums), 3), np.float32)
    for start in range(0, len(sums), _EDGES_AT_ONCE):
        part = slice(start, start + _EDGES_AT_ONCE)
        layers, at_low, at_high, first, second, flat, *along = (sums[part, k] / _UNIT for k in range(_SUMS))
        weight = np.maximum(layers, 1.0 / _UNIT)
        mean = first / weight
        deviation = np.sqrt(np.maximum(second / weight - mean**2, 0.0))
        for column, values in zip(columns, (layers, at_low, at_high, mean, deviation, flat / weight), strict=True):
            column[part] = values
        normal[part] = np.stack(along, axis=-1) / np.maximum(flat, 1.0 / _UNIT)[:, None]
    density, low, high, position, spread, flatness = columns
    return SheetLattice(directory, blocks, edge_index, density, low, high, position, spread, flatness, normal)

"""Smooth height fields through noisy points near given places: weighted sums for local quadratic fits.

Around a place with a normal, points are heights over the tangent plane. A quadratic a + bx + cy + dxx + exy + fyy is
fitted to them with weights that fall to zero at the rim (Levin, "The approximation power of moving least squares",
1998) and with the distance to the previous fit (biweight; Beaton and Tukey, 1974), so that points of another layer or
astray do not count. The kernel only sums; one thread visits one place, so the sums do not depend on the device's order.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import warp as wp

__all__ = ["LocalFits", "PointCells", "local_fits"]

wp.set_module_options({"enable_backward": False})

Floats = npt.NDArray[np.floating]

_SUMS = wp.constant(30)  # 21 of the matrix, 6 of the right side, height squared, weight, weight squared
_Six = wp.types.vector(length=6, dtype=wp.float32)
_TRIANGLE = np.triu_indices(6)
_PASSES = 3
_BIWEIGHT = 4.0  # residuals beyond this many deviations count nothing
_SLOPE, _BEND = 0.3, 0.25  # expected standard deviations of slope and of sag at the rim, per radius


class LocalFits(NamedTuple):
    """Fits at S places.

    Attributes:
        height: fitted height of the surface over the place, along its normal (S,).
        slope: fitted slopes along the two tangents (S, 2).
        normal: unit normals of the fits at the places, on the side of the given ones (S, 3).
        deviation: standard deviation of the points from the fit (S,).
        error: standard error of `height` (S,).
        mass: sum of the masses of all points in the ball that agree in normal and lie near the fit (S,).
    """

    height: Floats
    slope: Floats
    normal: Floats
    deviation: Floats
    error: Floats
    mass: Floats


@wp.func
def _tangent(n: wp.vec3) -> wp.vec3:
    aside = wp.where(wp.abs(n[0]) < 0.9, wp.vec3(1.0, 0.0, 0.0), wp.vec3(0.0, 1.0, 0.0))
    return wp.normalize(wp.cross(aside, n))


@wp.kernel
def _sum(
    # in
    grid: wp.uint64,
    points: wp.array[wp.vec3],
    normals: wp.array[wp.vec3],
    masses: wp.array[wp.float32],
    places: wp.array[wp.vec3],
    ways: wp.array[wp.vec3],
    radius: float,
    agreement: float,
    either_side: int,
    previous: wp.array2d[wp.float32],
    scale: wp.array[wp.float32],
    # out
    sums: wp.array2d[wp.float32],
) -> None:
    i = wp.tid()
    at, n = places[i], ways[i]
    u = _tangent(n)
    v = wp.cross(n, u)
    reach = wp.max(radius, scale[i])
    for j in wp.hash_grid_query(grid, at, reach):
        offset = points[j] - at
        x, y, h = wp.dot(offset, u) / radius, wp.dot(offset, v) / radius, wp.dot(offset, n)
        rim = 1.0 - x * x - y * y
        alike = wp.dot(normals[j], n)
        if either_side == 1:
            alike = wp.abs(alike)
        if rim > 0.0 and alike > agreement:
            phi = _Six(1.0, x, y, x * x, x * y, y * y)
            fitted = float(0.0)
            for k in range(6):
                fitted += previous[i, k] * phi[k]
            off = (h - fitted) / scale[i]
            near = 1.0 - off * off
            if near > 0.0:
                weight = masses[j] * rim * rim * near * near
                slot = int(0)
                for k in range(6):
                    for m in range(k, 6):
                        sums[i, slot] = sums[i, slot] + weight * phi[k] * phi[m]
                        slot += 1
                for k in range(6):
                    sums[i, 21 + k] = sums[i, 21 + k] + weight * phi[k] * h
                sums[i, 27] = sums[i, 27] + weight * (h - fitted) * (h - fitted)
                sums[i, 28] = sums[i, 28] + weight * weight
                sums[i, 29] = sums[i, 29] + masses[j]


class PointCells:
    """Points (N, 3) with unit normals (N, 3) and masses (N,), sorted into cells for searches."""

    def __init__(
        self, points: Floats, normals: Floats, masses: Floats, radius: float, device: str | None = None
    ) -> None:
        if not (len(points) == len(normals) == len(masses)):
            raise ValueError(f"PointCells: {len(points)} points, {len(normals)} normals, {len(masses)} masses.")
        self.device = wp.get_device(device) if device else wp.get_preferred_device()
        self.points, self.normals = (
            wp.array(np.ascontiguousarray(a, np.float32), dtype=wp.vec3, device=self.device) for a in (points, normals)
        )
        self.masses = wp.array(np.ascontiguousarray(masses, np.float32), dtype=wp.float32, device=self.device)
        self.grid = wp.HashGrid(128, 128, 128, device=self.device)
        self.grid.build(self.points, radius)


def local_fits(
    cells: PointCells,
    places: Floats,
    ways: Floats,
    radius: float,
    slab: float,
    agreement: float = 0.8,
    either_side: bool = False,
) -> LocalFits:
    """Fit a height field to the points around each of `places` (S, 3), over the plane with unit normal `ways` (S, 3).

    Args:
        cells: the points.
        places: where to fit.
        ways: normals of the tangent planes.
        radius: points farther along the plane do not count.
        slab: points farther than this from the plane do not count at first.
        agreement: least cosine between a point's normal and the way.
        either_side: points whose normal is turned the other way count too.

    Returns:
        Heights in the unit of the points; NaN where fewer than about three points are.
    """
    count, device = len(places), cells.device
    fit: Floats
    deviation: Floats
    at, way = (wp.array(np.ascontiguousarray(a, np.float32), dtype=wp.vec3, device=device) for a in (places, ways))
    fit, scale = np.zeros((count, 6)), np.full(count, slab)
    deviation = np.full(count, slab / 2)
    for _ in range(_PASSES):
        sums = wp.zeros((count, 30), dtype=wp.float32, device=device)
        inputs = [cells.grid.id, cells.points, cells.normals, cells.masses, at, way, float(radius), float(agreement)]
        inputs.append(int(either_side))
        inputs += [wp.array(a.astype(np.float32), dtype=wp.float32, device=device) for a in (fit, scale)]
        wp.launch(_sum, dim=count, inputs=inputs, outputs=[sums], device=device)
        total = sums.numpy().astype(np.float64)
        weight = np.maximum(total[:, 0], 1e-12)
        deviation = np.sqrt(total[:, 27] / weight) * 1.15
        fit, spread = _solve(total, deviation, radius)
        scale = np.clip(_BIWEIGHT * deviation, 1e-4, slab)
    effective = weight**2 / np.maximum(total[:, 28], 1e-12)
    error = deviation * np.sqrt(np.maximum(spread, 0.0) * total[:, 28] / weight)
    bad = effective < 3.0
    height = np.where(bad, np.nan, fit[:, 0])
    slope = fit[:, 1:3] / radius
    return LocalFits(height, slope, _turned(ways, slope), deviation, np.where(bad, np.nan, error), total[:, 29])


def _turned(ways: Floats, slope: Floats) -> Floats:
    """Return the normals (S, 3) of planes with slopes (S, 2) along the tangents of `ways`."""
    aside = np.where(np.abs(ways[:, :1]) < 0.9, [[1.0, 0.0, 0.0]], [[0.0, 1.0, 0.0]])
    first = np.cross(aside, ways)
    first /= np.maximum(np.linalg.norm(first, axis=1, keepdims=True), 1e-12)
    normal = ways - slope[:, :1] * first - slope[:, 1:] * np.cross(ways, first)
    return np.asarray(normal / np.linalg.norm(normal, axis=1, keepdims=True))


def _solve(total: Floats, deviation: Floats, radius: float) -> tuple[Floats, Floats]:
    """Return the coefficients (S, 6) in units of height at the rim, and the inverse's first entry (S,)."""
    matrix = np.zeros((len(total), 6, 6))
    matrix[:, _TRIANGLE[0], _TRIANGLE[1]] = matrix[:, _TRIANGLE[1], _TRIANGLE[0]] = total[:, :21]
    prior = np.array([1e9, _SLOPE, _SLOPE, _BEND, _BEND, _BEND]) * radius
    # a point counts once, not by its mass: what holds the fit back is its noise against what is expected
    unit = total[:, 28] / np.maximum(total[:, 0], 1e-12)
    hold = (deviation**2 * unit)[:, None] / prior**2
    matrix[:, np.arange(6), np.arange(6)] += hold + 1e-9
    inverse = np.linalg.inv(matrix)
    return np.einsum("sij,sj->si", inverse, total[:, 21:27]), inverse[:, 0, 0]

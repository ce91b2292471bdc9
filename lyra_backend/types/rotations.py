"""Rotations: quaternions, matrices and the real spherical harmonics of 3D Gaussian splatting.

Quaternions are ``wxyz`` everywhere in this package. NumPy buffers of USD's Vt arrays and Warp's quaternions are
``xyzw``; :func:`wxyz_to_xyzw` and :func:`xyzw_to_wxyz` are the only conversion between the two.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

__all__ = [
    "SH_C0",
    "evaluate_sh_basis",
    "matrix_from_quat",
    "mirror_quats",
    "mirror_sh",
    "multiply_quats",
    "normalise_quats",
    "quat_about_z",
    "quat_from_matrix",
    "rotate_sh",
    "wxyz_to_xyzw",
    "xyzw_to_wxyz",
]

Floats = npt.NDArray[np.floating]

#: Constant of SH band 0: colour = 0.5 + SH_C0 * dc (Kerbl et al. 2023).
SH_C0 = 0.28209479177387814
#: Products this small give the same bytes whatever the number of BLAS threads.
_SH_ROWS_AT_ONCE = 96


def wxyz_to_xyzw(quats: Floats) -> Floats:
    """Reorder quaternions (..., 4) from wxyz to xyzw."""
    return quats[..., [1, 2, 3, 0]]


def xyzw_to_wxyz(quats: Floats) -> Floats:
    """Reorder quaternions (..., 4) from xyzw to wxyz."""
    return quats[..., [3, 0, 1, 2]]


def normalise_quats(quats_wxyz: Floats) -> Floats:
    """Return unit quaternions (N, 4); a zero quaternion becomes the identity."""
    quats = np.array(quats_wxyz, dtype=np.float32)
    # Dividing by the largest entry first keeps the squares from overflowing or vanishing.
    w, x, y, z = (np.abs(quats[:, k]) for k in range(4))
    peak = np.maximum(np.maximum(w, x), np.maximum(y, z))
    zero = peak == 0.0
    quats /= np.where(zero, np.float32(1.0), peak)[:, None]
    quats[zero] = (1.0, 0.0, 0.0, 0.0)
    return quats / np.sqrt(np.einsum("nk,nk->n", quats, quats, dtype=np.float64))[:, None].astype(np.float32)


def multiply_quats(a_wxyz: Floats, b_wxyz: Floats) -> Floats:
    """Hamilton product a*b of quaternions (..., 4): the rotation b followed by a."""
    aw, ax, ay, az = np.moveaxis(np.asarray(a_wxyz), -1, 0)
    bw, bx, by, bz = np.moveaxis(np.asarray(b_wxyz), -1, 0)
    return np.stack(
        [
            aw * bw - ax * bx - ay * by - az * bz,
            aw * bx + ax * bw + ay * bz - az * by,
            aw * by - ax * bz + ay * bw + az * bx,
            aw * bz + ax * by - ay * bx + az * bw,
        ],
        axis=-1,
    )


def quat_about_z(angle_rad: float) -> npt.NDArray[np.float64]:
    """Return the unit quaternion wxyz of a turn about the z axis, shape (4,)."""
    half = 0.5 * float(angle_rad)
    return np.array([np.cos(half), 0.0, 0.0, np.sin(half)])


def matrix_from_quat(quats_wxyz: Floats) -> Floats:
    """Return rotation matrices (..., 3, 3) of unit quaternions (..., 4)."""
    w, x, y, z = np.moveaxis(np.asarray(quats_wxyz), -1, 0)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def quat_from_matrix(matrices: Floats) -> Floats:
    """Return unit quaternions (..., 4), wxyz with w >= 0, of rotation matrices (..., 3, 3).

    Of the four equivalent formulas the one with the largest pivot is used (Shepperd 1978).
    """
    m = np.asarray(matrices, dtype=np.float64)
    xx, yy, zz = m[..., 0, 0], m[..., 1, 1], m[..., 2, 2]
    pivots = np.stack([1 + xx + yy + zz, 1 + xx - yy - zz, 1 - xx + yy - zz, 1 - xx - yy + zz], axis=-1)
    a, b, c = m[..., 2, 1] - m[..., 1, 2], m[..., 0, 2] - m[..., 2, 0], m[..., 1, 0] - m[..., 0, 1]
    d, e, f = m[..., 1, 0] + m[..., 0, 1], m[..., 0, 2] + m[..., 2, 0], m[..., 2, 1] + m[..., 1, 2]
    rows = [
        np.stack([pivots[..., 0], a, b, c], axis=-1),
        np.stack([a, pivots[..., 1], d, e], axis=-1),
        np.stack([b, d, pivots[..., 2], f], axis=-1),
        np.stack([c, e, f, pivots[..., 3]], axis=-1),
    ]
    best = pivots.argmax(axis=-1)
    quats = np.take_along_axis(np.stack(rows, axis=-2), best[..., None, None], axis=-2)[..., 0, :]
    quats = quats / np.linalg.norm(quats, axis=-1, keepdims=True)
    return np.where(quats[..., :1] < 0, -quats, quats)


def evaluate_sh_basis(directions: Floats, degree: int) -> Floats:
    """Return the real SH basis (N, (degree+1)^2) of 3D Gaussian splatting at unit `directions` (N, 3).

    Signs and order as in the reference renderer (Kerbl et al. 2023): band 1 is (-y, z, -x).
    """
    x, y, z = np.asarray(directions, dtype=np.float64).T
    xx, yy, zz = x * x, y * y, z * z
    bands = [np.full_like(x, SH_C0)]
    if degree >= 1:
        c1 = 0.4886025119029199
        bands += [-c1 * y, c1 * z, -c1 * x]
    if degree >= 2:
        bands += [
            1.0925484305920792 * x * y,
            -1.0925484305920792 * y * z,
            0.31539156525252005 * (2 * zz - xx - yy),
            -1.0925484305920792 * x * z,
            0.5462742152960396 * (xx - yy),
        ]
    if degree >= 3:
        bands += [
            -0.5900435899266435 * y * (3 * xx - yy),
            2.890611442640554 * x * y * z,
            -0.4570457994644658 * y * (4 * zz - xx - yy),
            0.3731763325901154 * z * (2 * zz - 3 * xx - 3 * yy),
            -0.4570457994644658 * x * (4 * zz - xx - yy),
            1.445305721320277 * z * (xx - yy),
            -0.5900435899266435 * x * (xx - 3 * yy),
        ]
    return np.stack(bands, axis=-1)


def mirror_quats(quats_wxyz: Floats, axis: int) -> Floats:
    """Return the orientations (N, 4) of Gaussians whose coordinate `axis` changes its sign.

    With M the reflection, M R M is a proper rotation, and the ellipsoid R S^2 R' becomes M R S^2 R' M = (M R M) S^2
    (M R M)', as M and S^2 are diagonal. The axis of a rotation is a pseudovector: the parts across `axis` turn over.
    """
    signs = np.array([1.0, -1.0, -1.0, -1.0], quats_wxyz.dtype)
    signs[1 + axis] = 1.0
    return quats_wxyz * signs


def mirror_sh(sh: Floats, axis: int) -> Floats:
    """Return SH coefficients (N, K, 3) that look as before from the mirrored direction: coordinate `axis` negated.

    Each function of the real basis is even or odd in each coordinate, so that each coefficient keeps or turns its sign.
    """
    degree = round(sh.shape[1] ** 0.5) - 1
    there = np.array([[0.36, 0.48, 0.80]])  # where no function of the basis is zero
    back = there.copy()
    back[:, axis] *= -1.0
    signs = np.sign(evaluate_sh_basis(there, degree) * evaluate_sh_basis(back, degree))[0]
    return np.asarray(sh * signs.astype(sh.dtype)[None, :, None])


@cache
def _sphere_directions(count: int = 64) -> Floats:
    """Evenly spread unit vectors (count, 3): a Fibonacci spiral."""
    i = np.arange(count) + 0.5
    z, turn = 1 - 2 * i / count, np.pi * (1 + 5**0.5) * i
    r = np.sqrt(1 - z * z)
    return np.stack([r * np.cos(turn), r * np.sin(turn), z], axis=-1)


def rotate_sh(sh: Floats, rotation: Floats) -> Floats:
    """Rotate SH coefficients (N, K, 3) so that they look as before from the rotated direction.

    A band is closed under rotation, so its matrix follows from the basis at enough directions d:
    Y(R d) D = Y(d) for every d, solved in the least-squares sense (exact up to rounding).

    Args:
        sh: coefficients, K = (degree + 1)^2, band 0 first.
        rotation: matrix (3, 3) applied to the Gaussians.
    """
    count, coefficients = sh.shape[:2]
    degree = round(coefficients**0.5) - 1
    if degree == 0:  # looks the same from everywhere
        return sh
    directions = _sphere_directions()
    before = evaluate_sh_basis(directions, degree)
    after = evaluate_sh_basis(directions @ np.asarray(rotation, np.float64).T, degree)
    turn = np.zeros((coefficients, coefficients))
    for band in range(degree + 1):
        part = slice(band * band, (band + 1) ** 2)
        turn[part, part] = np.linalg.lstsq(after[:, part], before[:, part], rcond=None)[0]
    # One product over all bands and channels side by side is several times faster than one a band.
    matrix = np.kron(turn, np.eye(3)).T.astype(sh.dtype)
    flat = np.ascontiguousarray(sh).reshape(count, 3 * coefficients)
    rotated = np.empty_like(flat)
    for start in range(0, count, _SH_ROWS_AT_ONCE):
        rows = slice(start, start + _SH_ROWS_AT_ONCE)
        np.matmul(flat[rows], matrix, out=rotated[rows])
    return rotated.reshape(sh.shape)

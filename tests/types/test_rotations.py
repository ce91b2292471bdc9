"""Quaternions, matrices and spherical harmonics, against SciPy and against themselves."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation
from scipy.special import sph_harm_y

from lyra_backend.types import rotations
from lyra_backend.types.rotations import (
    evaluate_sh_basis,
    matrix_from_quat,
    multiply_quats,
    normalise_quats,
    quat_from_matrix,
    rotate_sh,
    wxyz_to_xyzw,
    xyzw_to_wxyz,
)

Floats = npt.NDArray[np.float64]
seeds = st.integers(0, 10_000)


def unit_quats(count: int, seed: int) -> Floats:
    quats = np.random.default_rng(seed).normal(size=(count, 4))
    return quats / np.linalg.norm(quats, axis=1, keepdims=True)


def directions(count: int, seed: int) -> Floats:
    vectors = np.random.default_rng(seed).normal(size=(count, 3))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_the_two_orders() -> None:
    assert wxyz_to_xyzw(np.array([1.0, 2, 3, 4])).tolist() == [2, 3, 4, 1]
    quats = unit_quats(5, 0)
    assert np.array_equal(xyzw_to_wxyz(wxyz_to_xyzw(quats)), quats)


@given(seed=seeds)
def test_matrices_are_scipys(seed: int) -> None:
    quats = unit_quats(20, seed)
    want = Rotation.from_quat(wxyz_to_xyzw(quats)).as_matrix()
    np.testing.assert_allclose(matrix_from_quat(quats), want, atol=1e-12)


@given(seed=seeds)
def test_products_are_scipys(seed: int) -> None:
    a, b = unit_quats(20, seed), unit_quats(20, seed + 1)
    want = (Rotation.from_quat(wxyz_to_xyzw(a)) * Rotation.from_quat(wxyz_to_xyzw(b))).as_matrix()
    np.testing.assert_allclose(matrix_from_quat(multiply_quats(a, b)), want, atol=1e-12)


@given(seed=seeds)
def test_quaternions_of_matrices(seed: int) -> None:
    quats = unit_quats(20, seed)
    back = quat_from_matrix(matrix_from_quat(quats))
    np.testing.assert_allclose(np.abs(np.einsum("nk,nk->n", back, quats)), 1, atol=1e-12)
    assert (back[:, 0] >= 0).all()


@pytest.mark.parametrize("axis", [(1, 0, 0), (0, 1, 0), (0, 0, 1), (0.6, 0.8, 0)])
def test_half_turns_have_no_small_pivot(axis: tuple[float, float, float]) -> None:
    quat = np.array([0.0, *axis])
    back = quat_from_matrix(matrix_from_quat(quat))
    assert abs(back @ quat) == pytest.approx(1, abs=1e-12)


def test_normalising_survives_extremes() -> None:
    quats = np.float32([[0, 0, 0, 0], [1e-40, 0, 0, 0], [3e38, 3e38, 0, 0], [0, -2, 0, 0]])
    with np.errstate(all="raise", under="ignore"):
        unit = normalise_quats(quats)
    assert unit[0].tolist() == [1, 0, 0, 0]
    assert unit[1].tolist() == [1, 0, 0, 0]
    np.testing.assert_allclose(unit[2], [0.5**0.5, 0.5**0.5, 0, 0], rtol=1e-6)
    assert unit[3].tolist() == [0, -1, 0, 0]
    assert quats[3, 1] == -2  # the input is left alone


def scipy_basis(d: Floats) -> Floats:
    """Return the basis up to degree 3 in the signs of 3D Gaussian splatting, made from SciPy's complex harmonics."""
    theta, phi = np.arccos(np.clip(d[:, 2], -1, 1)), np.arctan2(d[:, 1], d[:, 0])
    columns = []
    for band in range(4):
        for order in range(-band, band + 1):
            value = sph_harm_y(band, abs(order), theta, phi)
            part = value.imag if order < 0 else value.real
            columns.append(part if order == 0 else np.sqrt(2) * part)
    return np.stack(columns, axis=1)


def test_the_basis_is_scipys() -> None:
    d = directions(200, 0)
    np.testing.assert_allclose(evaluate_sh_basis(d, 3), scipy_basis(d), atol=1e-12)


def test_the_basis_is_orthonormal() -> None:
    nodes, weights = np.polynomial.legendre.leggauss(8)
    phi = (np.arange(16) + 0.5) * 2 * np.pi / 16
    z, turn = np.repeat(nodes, 16), np.tile(phi, 8)
    r = np.sqrt(1 - z * z)
    basis = evaluate_sh_basis(np.stack([r * np.cos(turn), r * np.sin(turn), z], axis=1), 3)
    products = np.einsum("n,ni,nj->ij", np.repeat(weights, 16) * 2 * np.pi / 16, basis, basis)
    np.testing.assert_allclose(products, np.eye(16), atol=1e-12)


@settings(max_examples=40, deadline=None)
@given(seed=seeds, degree=st.integers(0, 3))
def test_colours_turn_with_the_gaussian(seed: int, degree: int) -> None:
    """The turned Gaussian seen from R d has the colour that the original has from d."""
    rng = np.random.default_rng(seed)
    sh = rng.normal(size=(7, (degree + 1) ** 2, 3)).astype(np.float32)
    matrix = Rotation.random(random_state=seed).as_matrix()
    d = directions(30, seed)
    before = np.einsum("dk,nkc->ndc", evaluate_sh_basis(d, degree), sh)
    after = np.einsum("dk,nkc->ndc", evaluate_sh_basis(d @ matrix.T, degree), rotate_sh(sh, matrix))
    np.testing.assert_allclose(after, before, atol=1e-5)


@pytest.mark.parametrize("band", [1, 2, 3])
def test_bands_do_not_mix(band: int) -> None:
    sh = np.zeros((1, 16, 3), np.float32)
    part = slice(band * band, (band + 1) ** 2)
    sh[:, part] = np.random.default_rng(band).normal(size=(1, 2 * band + 1, 3))
    turned = rotate_sh(sh, Rotation.from_euler("xyz", [0.3, 1.0, -2.0]).as_matrix())
    outside = np.ones(16, bool)
    outside[part] = False
    assert np.abs(turned[:, outside]).max() < 1e-6
    np.testing.assert_allclose(np.linalg.norm(turned), np.linalg.norm(sh), rtol=1e-5)


def test_band_0_never_turns() -> None:
    sh = np.random.default_rng(0).normal(size=(4, 1, 3)).astype(np.float32)
    assert np.array_equal(rotate_sh(sh, Rotation.from_euler("z", 1.0).as_matrix()), sh)


def test_every_public_name_exists() -> None:
    assert all(hasattr(rotations, name) for name in rotations.__all__)

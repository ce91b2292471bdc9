"""The mirror image of a cloud: everything it holds is reflected, so that it looks like the scene in a mirror."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lyra_backend.types import Frame, GaussianSequence, Similarity
from lyra_backend.types.rotations import evaluate_sh_basis, matrix_from_quat, mirror_sh

from ..conftest import make_random_cloud

AXES = (0, 1, 2)


def reflection(axis: int) -> np.ndarray:
    signs = np.ones(3)
    signs[axis] = -1.0
    return np.diag(signs)


@pytest.mark.parametrize("axis", AXES)
def test_every_ellipsoid_is_reflected(axis: int) -> None:
    cloud, mirror = make_random_cloud(200, 3, seed=1), reflection(axis)
    image = cloud.mirrored(axis)
    np.testing.assert_allclose(image.positions, cloud.positions @ mirror, atol=1e-6)
    for before, after in zip(_covariances(cloud), _covariances(image), strict=True):
        np.testing.assert_allclose(after, mirror @ before @ mirror, atol=1e-4 * np.abs(before).max())
    turns = matrix_from_quat(image.quats_wxyz.astype(np.float64))
    np.testing.assert_allclose(np.linalg.det(turns), 1.0, atol=1e-5)


@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_colours_are_those_of_the_mirrored_direction(axis: int, degree: int) -> None:
    rng = np.random.default_rng(2)
    sh = rng.normal(size=(5, (degree + 1) ** 2, 3))
    ways = rng.normal(size=(40, 3))
    ways /= np.linalg.norm(ways, axis=1, keepdims=True)
    seen = np.einsum("dk,nkc->ndc", evaluate_sh_basis(ways @ reflection(axis), degree), mirror_sh(sh, axis))
    want = np.einsum("dk,nkc->ndc", evaluate_sh_basis(ways, degree), sh)
    np.testing.assert_allclose(seen, want, atol=1e-10)


@pytest.mark.parametrize("axis", AXES)
def test_a_mirror_of_a_mirror_is_the_scene(axis: int) -> None:
    cloud = make_random_cloud(50, 3, seed=3)
    twice = cloud.mirrored(axis).mirrored(axis)
    for name in ("positions", "scales", "quats_wxyz", "sh", "opacities"):
        np.testing.assert_array_equal(getattr(twice, name), getattr(cloud, name))


def test_two_mirrors_are_half_a_turn() -> None:
    cloud = make_random_cloud(50, 3, seed=4)
    twice = cloud.mirrored(0).mirrored(1)
    turned = cloud.transformed(Similarity.build(rotation=(0.0, 0.0, 0.0, 1.0)), Frame.GENERATOR)
    np.testing.assert_allclose(twice.positions, turned.positions, atol=1e-5)
    np.testing.assert_allclose(twice.sh, turned.sh, atol=1e-5)
    for one, other in zip(_covariances(twice), _covariances(turned), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4 * np.abs(one).max())


def test_a_sequence_is_mirrored_at_all_times() -> None:
    clouds = make_random_cloud(20, 1, seed=5), make_random_cloud(20, 1, seed=6)
    whole = GaussianSequence(clouds, (0.0, 1.0), background=make_random_cloud(10, 1, seed=7), stable_identity=True)
    image = whole.mirrored(2)
    assert image.lasting is None
    assert image.stable_identity
    for one, other in zip((*whole.clouds, whole.background), (*image.clouds, image.background), strict=True):
        np.testing.assert_array_equal(other.positions, one.mirrored(2).positions)
    assert replace(image, background=None).clouds[0].count == 20


def _covariances(cloud) -> np.ndarray:
    axes = matrix_from_quat(cloud.quats_wxyz.astype(np.float64)) * cloud.scales[:, None]
    return np.einsum("nik,njk->nij", axes, axes)

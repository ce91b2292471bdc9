"""Similarities between coordinate frames."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from lyra_backend.errors import InvalidRequest
from lyra_backend.types import UP_AXES, Similarity


def some(seed: int) -> Similarity:
    rng = np.random.default_rng(seed)
    turn = Rotation.random(random_state=seed).as_matrix()
    return Similarity.build(float(np.exp(rng.normal())), turn, rng.normal(size=3))


@given(seed=st.integers(0, 10_000))
def test_there_and_back(seed: int) -> None:
    points = np.random.default_rng(seed).normal(size=(9, 3))
    one = some(seed)
    np.testing.assert_allclose(one.inverse().apply(one.apply(points)), points, atol=1e-9)
    np.testing.assert_allclose(one.then(one.inverse()).matrix, np.eye(4), atol=1e-9)


@given(seed=st.integers(0, 10_000))
def test_one_after_the_other(seed: int) -> None:
    points = np.random.default_rng(seed).normal(size=(9, 3))
    one, two = some(seed), some(seed + 1)
    np.testing.assert_allclose(one.then(two).apply(points), two.apply(one.apply(points)), atol=1e-9)


def test_the_matrix_is_the_map() -> None:
    points = np.random.default_rng(0).normal(size=(5, 3))
    one = some(3)
    homogeneous = np.concatenate([points, np.ones((5, 1))], axis=1) @ one.matrix.T
    np.testing.assert_allclose(homogeneous[:, :3], one.apply(points), atol=1e-12)


def test_quaternions_and_types() -> None:
    quarter = Similarity.build(rotation=(1, 0, 0, 1))  # not of unit length: a quarter turn about z all the same
    np.testing.assert_allclose(quarter.apply(np.array([[1.0, 0, 0]])), [[0, 1, 0]], atol=1e-12)
    assert quarter.apply(np.zeros((1, 3), np.float32)).dtype == np.float32
    assert hash(some(1)) == hash(some(1))


@pytest.mark.parametrize("up", sorted(UP_AXES))
def test_the_named_axis_becomes_z(up: str) -> None:
    axis = np.zeros((1, 3))
    axis[0, "xyz".index(up[-1])] = -1 if up.startswith("-") else 1
    assert UP_AXES[up].apply(axis).tolist() == [[0, 0, 1]]
    assert np.linalg.det(np.asarray(UP_AXES[up].rotation)) == pytest.approx(1)


def test_captures_look_forward_along_y() -> None:
    assert UP_AXES["-y"].apply(np.array([[0.0, 0, 1], [1, 0, 0]])).tolist() == [[0, 1, 0], [1, 0, 0]]


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), float("inf")])
def test_scales_that_cannot_be(scale: float) -> None:
    with pytest.raises(InvalidRequest, match="positive number"):
        Similarity(scale)


def test_maps_that_are_no_similarity() -> None:
    with pytest.raises(InvalidRequest, match="proper 3x3 rotation"):
        Similarity.build(rotation=np.diag([1.0, 1, -1]))
    with pytest.raises(InvalidRequest, match="proper 3x3 rotation"):
        Similarity.build(rotation=np.diag([2.0, 1, 1]))
    with pytest.raises(InvalidRequest, match="translation must be finite"):
        Similarity.build(translation=(0, np.nan, 0))


@pytest.mark.parametrize(
    ("rotation", "translation"),
    [((1, 0, 0), (0, 0, 0)), ((0, 0, 0, 0), (0, 0, 0)), (np.eye(4), (0, 0, 0)), (None, (0, 0)), (None, 1.0)],
)
def test_maps_that_cannot_be_built(rotation: object, translation: object) -> None:
    with pytest.raises(InvalidRequest, match="Similarity needs a rotation"):
        Similarity.build(1.0, rotation, translation)  # type: ignore[arg-type]

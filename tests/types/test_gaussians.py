"""Clouds of Gaussians check themselves and move as one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from lyra_backend.errors import InvalidRequest
from lyra_backend.types import Frame, GaussianCloud, Similarity
from lyra_backend.types.rotations import evaluate_sh_basis, matrix_from_quat, normalise_quats


def make(count: int = 5, degree: int = 2, seed: int = 0, labelled: bool = False) -> GaussianCloud:
    rng = np.random.default_rng(seed)
    return GaussianCloud(
        rng.normal(size=(count, 3)).astype(np.float32),
        rng.lognormal(-2, 0.4, (count, 3)).astype(np.float32),
        normalise_quats(rng.normal(size=(count, 4))),
        rng.random(count).astype(np.float32),
        rng.normal(size=(count, (degree + 1) ** 2, 3)).astype(np.float32),
        class_ids=(np.arange(count) % 3).astype(np.uint16) if labelled else None,
        class_names=("unknown", "floor", "wall") if labelled else ("unknown",),
    )


def test_counts_and_colours() -> None:
    cloud = make(4, 3)
    assert (cloud.count, cloud.sh_degree, cloud.frame) == (4, 3, Frame.GENERATOR)
    grey = replace(cloud, sh=np.zeros((4, 1, 3), np.float32))
    assert grey.base_colors.tolist() == [[0.5] * 3] * 4
    bright = replace(cloud, sh=np.full((4, 1, 3), 9, np.float32))
    assert (bright.base_colors == 1).all()


def test_arrays_cannot_be_changed() -> None:
    source = np.zeros((5, 3), np.float32)
    cloud = replace(make(), positions=source)
    with pytest.raises(ValueError, match="read-only"):
        cloud.positions[0] = 1
    source[0] = 0  # the caller's own array stays writeable
    assert replace(cloud, positions=[[0, 0, 0]] * 5).positions.dtype == np.float32


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("positions", np.zeros((5, 2)), r"positions must have shape \(N, 3\), got \(5, 2\)"),
        ("positions", np.full((5, 3), np.nan), "positions must be finite, got 15"),
        ("positions", np.full((5, 3), 1e300), "positions must be finite, got 15"),
        ("positions", None, "positions must be an array of numbers, got object"),
        ("positions", [[1, 2, 3], [4, 5]], "positions must be an array of numbers"),
        ("positions", np.ones((5, 3), complex), "positions must be an array of numbers, got complex128"),
        ("class_ids", np.full(5, 65536), "class_ids must be whole numbers from 0 to 65535, got values from 65536"),
        ("class_ids", np.full(5, -1), "class_ids must be whole numbers from 0 to 65535"),
        ("scales", np.zeros((5, 3)), "scales must be > 0"),
        ("scales", np.ones((4, 3)), r"shape \(5, 3\), got \(4, 3\)"),
        ("quats_wxyz", np.ones((5, 4)), "unit quaternions"),
        ("opacities", np.full(5, 1.5), r"lie in \[0, 1\]"),
        ("opacities", np.full(5, -0.1), r"lie in \[0, 1\]"),
        ("sh", np.zeros((5, 5, 3)), "1, 4, 9 or 16 coefficients, got 5"),
        ("sh", np.full((5, 1, 3), np.inf), "sh must be finite"),
        ("class_ids", np.full(5, 1), "go up to 1, but there are 1"),
        ("class_ids", np.zeros(4), r"class_ids must have shape \(5\), got \(4,\)"),
    ],
)
def test_values_that_cannot_be(field: str, value: object, message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        replace(make(), **{field: value})


def test_an_empty_cloud_is_a_cloud_without_bounds() -> None:
    empty = make().select(np.zeros(5, bool))
    assert empty.count == 0
    with pytest.raises(InvalidRequest, match="no bounds"):
        empty.bounds()


def test_bounds_reach_as_far_as_asked() -> None:
    cloud = make(50)
    low, high = cloud.bounds()
    assert (low == cloud.positions.min(axis=0)).all()
    wide_low, wide_high = cloud.bounds(3.0)
    reach = 3 * cloud.scales.max(axis=1, keepdims=True)
    np.testing.assert_allclose(wide_low, (cloud.positions - reach).min(axis=0))
    assert (wide_high > high).all()


def test_selecting_keeps_labels() -> None:
    cloud = make(6, labelled=True)
    some = cloud.select(np.array([4, 1]))
    assert some.class_ids is not None
    assert some.class_ids.tolist() == [1, 1]
    assert some.class_names == cloud.class_names
    assert np.array_equal(some.sh, cloud.sh[[4, 1]])


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000), degree=st.integers(0, 3))
def test_moving_moves_everything(seed: int, degree: int) -> None:
    cloud = make(6, degree, seed, labelled=True)
    turn = Rotation.random(random_state=seed).as_matrix()
    move = Similarity.build(1.7, turn, (1, -2, 3))
    moved = cloud.transformed(move, Frame.WORLD)
    np.testing.assert_allclose(moved.positions, move.apply(cloud.positions), atol=1e-5)

    def covariances(c: GaussianCloud) -> np.ndarray:
        axes = matrix_from_quat(c.quats_wxyz) * c.scales[:, None, :]
        return axes @ axes.transpose(0, 2, 1)

    want = 1.7**2 * turn @ covariances(cloud) @ turn.T
    np.testing.assert_allclose(covariances(moved), want, atol=1e-5)
    d = np.random.default_rng(seed).normal(size=(10, 3))
    d /= np.linalg.norm(d, axis=1, keepdims=True)
    before = np.einsum("dk,nkc->ndc", evaluate_sh_basis(d, degree), cloud.sh)
    after = np.einsum("dk,nkc->ndc", evaluate_sh_basis(d @ turn.T, degree), moved.sh)
    np.testing.assert_allclose(after, before, atol=1e-5)
    assert moved.frame is Frame.WORLD
    assert np.array_equal(moved.opacities, cloud.opacities)
    assert np.array_equal(moved.class_ids, cloud.class_ids)  # type: ignore[arg-type]


def test_a_shift_leaves_orientations_and_colours_to_the_bit() -> None:
    cloud = make(9, 3)
    moved = cloud.transformed(Similarity.build(translation=(1, 2, 3)), Frame.WORLD)
    assert np.array_equal(moved.quats_wxyz, cloud.quats_wxyz)
    assert np.array_equal(moved.sh, cloud.sh)


def test_joining() -> None:
    one, two = make(3, labelled=True), make(4, seed=1, labelled=True)
    both = GaussianCloud.concatenate([one, two])
    assert both.count == 7
    assert np.array_equal(both.positions[3:], two.positions)
    assert both.class_ids is not None
    assert both.class_ids.tolist() == [0, 1, 2, 0, 1, 2, 0]
    for other in (make(2, degree=1, labelled=True), make(2), replace(two, frame=Frame.WORLD)):
        with pytest.raises(InvalidRequest, match="one frame, SH degree and class table"):
            GaussianCloud.concatenate([one, other])
    with pytest.raises(InvalidRequest, match="concatenate"):
        GaussianCloud.concatenate([])

"""Scenes that move: clouds at ascending times, moved as one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lyra_backend.errors import InvalidRequest
from lyra_backend.types import Frame, GaussianSequence, Generation, Similarity

from .test_gaussians import make


def sequence(*counts: int, stable: bool = False) -> GaussianSequence:
    clouds = tuple(make(count, seed=i) for i, count in enumerate(counts))
    return GaussianSequence(clouds, tuple(0.25 * i for i in range(len(counts))), stable)


def test_clouds_may_differ_in_number_unless_they_are_the_same_things() -> None:
    assert [cloud.count for cloud in sequence(5, 3, 8).clouds] == [5, 3, 8]
    assert sequence(5, 5, stable=True).stable_identity
    with pytest.raises(InvalidRequest, match="with stable identity all clouds have as many Gaussians"):
        sequence(5, 4, stable=True)


def test_one_time_is_a_sequence_and_none_is_not() -> None:
    assert sequence(5).times_s == (0.0,)
    with pytest.raises(InvalidRequest, match="one at least, got 0 and 0"):
        GaussianSequence((), ())


@pytest.mark.parametrize("times", [(0.0,), (0.0, 1.0, 2.0), ()])
def test_every_cloud_has_its_time(times: tuple[float, ...]) -> None:
    with pytest.raises(InvalidRequest, match=f"as many times as clouds and one at least, got {len(times)} and 2"):
        GaussianSequence((make(), make()), times)


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    "times", [(1.0, 0.5), (0.0, 0.0), (0.0, NAN), (NAN, 0.0), (0.0, INF), (-INF, 0.0), (0.0, 2e10)]
)
def test_times_that_do_not_ascend(times: tuple[float, float]) -> None:
    with pytest.raises(InvalidRequest, match=r"times_s must be finite, within .* and ascend, got \["):
        GaussianSequence((make(), make()), times)


def test_all_clouds_are_in_one_frame() -> None:
    world = replace(make(), frame=Frame.WORLD)
    with pytest.raises(InvalidRequest, match="all clouds must be in one frame"):
        GaussianSequence((make(), world), (0.0, 1.0))


def test_a_sequence_moves_as_one() -> None:
    before = sequence(5, 3)
    move = Similarity.build(2.0, [[0, -1, 0], [1, 0, 0], [0, 0, 1]], (0, 0, 1))
    after = before.transformed(move, Frame.WORLD)
    assert (after.times_s, after.stable_identity) == (before.times_s, before.stable_identity)
    for old, new in zip(before.clouds, after.clouds, strict=True):
        assert new.frame is Frame.WORLD
        x, y, z = old.positions.T
        np.testing.assert_allclose(new.positions, np.stack([-2 * y, 2 * x, 2 * z + 1], axis=1), atol=1e-5)
        np.testing.assert_allclose(new.scales, 2 * old.scales, rtol=1e-6)
    assert {cloud.frame for cloud in before.clouds} == {Frame.GENERATOR}


def test_it_goes_where_its_generation_goes() -> None:
    moving = sequence(5, 3)
    whole = Generation(moving.clouds[0], sequence=moving)
    moved = whole.transformed(Similarity.build(3.0, translation=(1, 0, 0)), Frame.WORLD)
    assert moved.sequence is not None
    assert np.array_equal(moved.sequence.clouds[0].positions, moved.cloud.positions)
    np.testing.assert_allclose(
        moved.sequence.clouds[1].positions, 3 * moving.clouds[1].positions + (1, 0, 0), rtol=1e-5
    )
    assert Generation(make()).transformed(Similarity(), Frame.WORLD).sequence is None


def test_the_background_is_there_at_all_times_and_moves_along() -> None:
    moving, still = sequence(5, 3), make(4, seed=9)
    whole = replace(moving, background=still)
    assert [whole.at(k).count for k in range(2)] == [9, 7]
    assert np.array_equal(whole.at(1).positions[:4], still.positions)
    assert moving.at(1) is moving.clouds[1]
    after = whole.transformed(Similarity.build(2.0), Frame.WORLD)
    assert after.background is not None
    np.testing.assert_allclose(after.background.positions, 2 * still.positions, rtol=1e-6)
    assert Generation(whole.at(0), sequence=whole).still is still
    assert Generation(moving.at(0), sequence=moving).still is moving.clouds[0]


def test_surfaces_that_last_stand_with_the_background_and_do_not_move() -> None:
    lasting, solid = make(2, seed=8), (np.arange(5) < 2, np.arange(3) < 3)
    whole = replace(sequence(5, 3), background=make(4, seed=9), lasting=lasting, solid=solid)
    assert [cloud.count for cloud in whole.movers()] == [2, 3]
    assert [whole.at(k).count for k in range(2)] == [9, 7]
    assert sequence(5, 3).movers()[0].count == 5
    still = Generation(whole.at(0), sequence=whole).still
    assert still.count == 6
    assert np.array_equal(still.positions[4:], lasting.positions)
    after = whole.transformed(Similarity.build(2.0), Frame.WORLD)
    assert after.lasting is not None
    np.testing.assert_allclose(after.lasting.positions, 2 * lasting.positions, rtol=1e-6)
    assert [cloud.count for cloud in after.movers()] == [2, 3]
    with pytest.raises(InvalidRequest, match="solid must have an entry for each Gaussian of each cloud"):
        replace(whole, solid=solid[:1])


def test_clouds_that_do_not_go_together() -> None:
    with pytest.raises(InvalidRequest, match="all clouds must be in one frame"):
        replace(sequence(5, 3), background=replace(make(), frame=Frame.WORLD))
    flat = replace(make(), sh=make().sh[:, :1])
    with pytest.raises(InvalidRequest, match=r"must be of one SH degree, got \[0, 2\]"):
        GaussianSequence((make(), flat), (0.0, 1.0))

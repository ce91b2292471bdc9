"""Merging keeps cover, mean, covariance and colour; which pairs are merged follows a plain oracle."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lyra_backend.detail import merge
from lyra_backend.detail.merge import cover_of, merged
from lyra_backend.types import Frame, GaussianCloud
from lyra_backend.types.rotations import SH_C0, matrix_from_quat

from ..conftest import make_random_cloud


def covariances(cloud: GaussianCloud) -> np.ndarray:
    axes = matrix_from_quat(cloud.quats_wxyz.astype(float)) * cloud.scales[:, None, :]
    return axes @ axes.transpose(0, 2, 1)


def discs(places: list[list[float]], opacity: float = 0.2, color: float = 0.0) -> GaussianCloud:
    """Flat Gaussians of 5 cm in the plane z = 0."""
    count = len(places)
    quats = np.tile([1.0, 0, 0, 0], (count, 1))
    sh = np.full((count, 1, 3), color)
    return GaussianCloud(places, np.tile([0.05, 0.05, 0.001], (count, 1)), quats, np.full(count, opacity), sh)


def test_two_become_one_of_the_same_moments_and_cover() -> None:
    pair = replace(make_random_cloud(2, 2), opacities=np.float32([0.02, 0.05]))
    one = merged(pair, 1)
    w = cover_of(pair) / cover_of(pair).sum()
    mean = w @ pair.positions
    spread = [covariances(pair)[k] + np.outer(pair.positions[k] - mean, pair.positions[k] - mean) for k in (0, 1)]
    np.testing.assert_allclose(one.positions[0], mean, rtol=1e-5)
    np.testing.assert_allclose(covariances(one)[0], w[0] * spread[0] + w[1] * spread[1], rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(one.sh[0], w[0] * pair.sh[0] + w[1] * pair.sh[1], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(cover_of(one).sum(), cover_of(pair).sum(), rtol=1e-4)
    assert one.frame is pair.frame


def test_what_opacity_cannot_hold_makes_it_wider() -> None:
    pair = discs([[0, 0, 0], [0.05, 0, 0]], opacity=0.95)
    one = merged(pair, 1)
    assert one.opacities[0] == pytest.approx(0.99)
    assert cover_of(one)[0] == pytest.approx(cover_of(pair).sum(), rel=1e-4)


def test_what_is_not_merged_stays_to_the_bit_and_in_order() -> None:
    cloud = replace(make_random_cloud(200, 1), frame=Frame.WORLD)
    fewer = merged(cloud, 150)
    assert fewer.count == 150
    assert fewer.frame is Frame.WORLD
    kept = [np.flatnonzero((cloud.positions == place).all(axis=1)) for place in fewer.positions]
    rows = np.array([row[0] for row in kept if len(row)])
    assert len(rows) >= 100
    assert (np.diff(rows) > 0).all()
    for name in ("positions", "scales", "quats_wxyz", "opacities", "sh"):
        np.testing.assert_array_equal(getattr(fewer, name)[: len(rows)], getattr(cloud, name)[rows])


def test_faint_neighbours_of_one_colour_go_before_corners_and_edges() -> None:
    plain = [[0, 0, 0], [0.05, 0, 0]]
    for other in (
        discs([[1, 0, 0], [1.05, 0, 0]], opacity=0.9),  # more important
        GaussianCloud.concatenate([discs([[1, 0, 0]]), discs([[1.05, 0, 0]], color=1.5)]),  # an edge between colours
        discs([[1, 0, 0], [1, 0, 0.05]]),  # another plane
        discs([[1, 0, 0], [1.2, 0, 0]]),  # farther apart
    ):
        fewer = merged(GaussianCloud.concatenate([discs(plain), other]), 3)
        np.testing.assert_array_equal(fewer.positions[:2], other.positions)
        np.testing.assert_allclose(fewer.positions[2], (0.025, 0, 0), atol=1e-6)


def test_costs_are_those_of_a_plain_oracle() -> None:
    cloud = make_random_cloud(40, 1)
    mixture = merge._Mixture.of(cloud)
    one, two = np.triu_indices(40, 1)
    costs = merge._costs(mixture, one.astype(np.int32), two.astype(np.int32))
    thick = [c + np.eye(3) * np.trace(c) * merge._THICKNESS**2 / 2 for c in covariances(cloud)]
    cover, place = cover_of(cloud), cloud.positions.astype(float)
    for i, j, cost in zip(one, two, costs, strict=True):
        w, v = cover[i], cover[j]
        apart = np.outer(place[i] - place[j], place[i] - place[j])
        joint = (w * thick[i] + v * thick[j]) / (w + v) + w * v / (w + v) ** 2 * apart
        sizes = [np.linalg.slogdet(c)[1] for c in (joint, thick[i], thick[j])]
        color = ((SH_C0 * (cloud.sh[i, 0] - cloud.sh[j, 0])) ** 2).sum() / merge._COLOR_SIGMA**2
        truth = ((w + v) * sizes[0] - w * sizes[1] - v * sizes[2] + w * v / (w + v) * color) / 2
        assert cost == pytest.approx(truth, rel=1e-3)


def test_pairs_are_those_that_taking_the_cheapest_again_and_again_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merge, "_PAIRING_PASSES", 100)
    rng = np.random.default_rng(0)
    near = np.array([rng.permutation(np.delete(np.arange(60), i))[:6] for i in range(60)], np.int32)
    one, two = merge._edges(near)
    assert len({frozenset(e) for e in zip(one.tolist(), two.tolist(), strict=True)}) == len(one)
    assert {frozenset((i, int(j))) for i in range(60) for j in near[i]} == {
        frozenset(e) for e in zip(one.tolist(), two.tolist(), strict=True)
    }
    price = rng.integers(-20, 20, len(one)).astype(np.float32)  # equal prices too
    order = merge._order(price)
    assert order.tolist() == np.argsort(price, kind="stable").tolist()
    free, greedy = set(range(60)), []
    for edge in order:
        if one[edge] in free and two[edge] in free:
            greedy.append((int(one[edge]), int(two[edge])))
            free -= set(greedy[-1])
    found = merge._matched(60, one[order], two[order], price[order])
    assert {tuple(pair) for pair in found.tolist()} == set(greedy)


@pytest.mark.parametrize(
    "cloud",
    [
        discs([[0, 0, 0]] * 50),
        discs([[k, 0, 0] for k in range(50)], opacity=0.0),
        replace(make_random_cloud(50, 0), scales=np.full((50, 3), 2e17)),
        replace(make_random_cloud(50, 0), scales=np.full((50, 3), 4e-18)),
        replace(make_random_cloud(50, 0), scales=np.tile([1.0, 1e-6, 1e-6], (50, 1))),
        replace(make_random_cloud(50, 0), positions=make_random_cloud(50, 0).positions * np.float32(1e11)),
    ],
    ids=["one place", "unseen", "huge", "tiny", "needles", "far"],
)
def test_odd_clouds_are_merged_too(cloud: GaussianCloud) -> None:
    for count in (13, 4, 1):
        assert merged(cloud, count).count == count  # GaussianCloud itself refuses what is not finite


def test_few_enough_are_left_as_they_are() -> None:
    cloud = make_random_cloud(5, 0)
    for count in (5, 9):
        np.testing.assert_array_equal(merged(cloud, count).positions, cloud.positions)
    assert merged(cloud, 0).count == 1


def test_same_cloud_same_bytes() -> None:
    cloud = make_random_cloud(3000, 1)
    one, two = merged(cloud, 750), merged(cloud, 750)
    for name in ("positions", "scales", "quats_wxyz", "opacities", "sh"):
        assert getattr(one, name).tobytes() == getattr(two, name).tobytes()

"""Levels look like the full cloud, more so than what dropping leaves; the measure is of pictures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lyra_backend.detail.levels import level_psnrs, levels_of
from lyra_backend.detail.merge import cover_of
from lyra_backend.generate import procedural
from lyra_backend.progress import Progress
from lyra_backend.render.splats import render
from lyra_backend.render.viewpoints import robot_viewpoints
from lyra_backend.types import Frame, GaussianCloud, SceneRequest, Similarity

from ..conftest import make_random_cloud


@pytest.fixture(scope="module")
def room() -> GaussianCloud:
    request = SceneRequest(prompt="a living room with a sofa and a table", generator="procedural", seed=1)
    cloud = procedural.run(request, procedural.Params(gaussian_count=40_000), Progress()).value.cloud
    return replace(cloud, class_ids=None, class_names=("unknown",))


def dropped(cloud: GaussianCloud, count: int) -> GaussianCloud:
    """Return the `count` most important Gaussians, grown to cover what all did."""
    kept = cloud.select(np.sort(np.argsort(-cover_of(cloud), kind="stable")[:count]))
    return replace(kept, scales=kept.scales * np.float32(np.sqrt(cover_of(cloud).sum() / cover_of(kept).sum())))


def thinned(cloud: GaussianCloud, count: int) -> GaussianCloud:
    """Return `count` Gaussians drawn by chance, grown to cover what all did."""
    kept = cloud.select(np.sort(np.random.default_rng(0).permutation(cloud.count)[:count]))
    return replace(kept, scales=kept.scales * np.float32(np.sqrt(cloud.count / count)))


def robot_psnr(full: GaussianCloud, level: GaussianCloud) -> float:
    """PSNR [dB] over what a robot sees from 0.3, 0.6 and 1.5 m, whole pictures."""
    views = robot_viewpoints(full)
    errors = [(render(full, view).rgb.astype(float) - render(level, view).rgb) ** 2 for view in views]
    return float(10 * np.log10(255**2 / np.mean(errors)))


def test_merged_looks_better_than_dropped_or_thinned(room: GaussianCloud) -> None:
    levels = list(levels_of(room, 2))
    assert [level.count for level in levels] == [10_000, 2_500]
    for level, least in zip(levels, (22.0, 17.0), strict=True):
        psnr = robot_psnr(room, level)
        assert psnr > least
        assert psnr > robot_psnr(room, dropped(room, level.count)) + 6
        assert psnr > robot_psnr(room, thinned(room, level.count)) + 2


def test_each_level_costs_more_than_the_one_before(room: GaussianCloud) -> None:
    quarter, sixteenth, rest = level_psnrs(room, list(levels_of(room, 3)))
    assert 30 > quarter > sixteenth + 1 > rest + 2


def test_measure_is_that_of_pictures_in_any_axes_and_units(room: GaussianCloud) -> None:
    few = room.select(np.arange(0, room.count, 8))
    (level,) = levels_of(few, 1)
    (psnr,) = level_psnrs(few, [level])
    turn = Similarity.build(40.0, np.array([[0, 0, 1], [1, 0, 0], [0, 1, 0]]))
    both = [cloud.transformed(turn, Frame.GENERATOR) for cloud in (few, level)]
    assert level_psnrs(both[0], both[1:])[0] == pytest.approx(psnr, abs=1.0)
    darker = replace(few, sh=few.sh - np.float32(0.1))
    assert level_psnrs(few, [few, darker])[0] == 100.0
    assert 25 < level_psnrs(few, [few, darker])[1] < 40


@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_handful_has_levels_too(count: int) -> None:
    cloud = make_random_cloud(count, 0)
    assert [level.count for level in levels_of(cloud, 3)] == [-(-count // 4), 1, 1]
    assert all(np.isfinite(level_psnrs(cloud, list(levels_of(cloud, 3)))))

"""Clouds that no scene should be made of are found by their statistics."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from lyra_backend.progress import Progress
from lyra_backend.types import GaussianCloud, Severity
from lyra_backend.validate.gaussians import check_gaussians
from lyra_backend.validate.limits import Params

from ..author.fields import cloud_of


@pytest.fixture
def cloud() -> GaussianCloud:
    """4000 Gaussians in a room of 6 m, on the floor."""
    cloud = cloud_of(4000, degree=0)
    return replace(cloud, positions=cloud.positions + np.float32([0, 0, 3]))


def _check(cloud: GaussianCloud, **limits: Any) -> dict[str, Any]:
    return {f.code: f for f in check_gaussians(cloud, Params(**limits), Progress()).findings}


def test_a_room_passes(cloud: GaussianCloud) -> None:
    outcome = check_gaussians(cloud, Params(), Progress())
    assert outcome.findings == ()
    assert outcome.counts["gaussians"] == 4000
    assert outcome.counts["core_extent_m"] == pytest.approx(0.98 * 6, rel=0.02)
    assert outcome.counts["median_opacity"] == pytest.approx(0.505, abs=0.02)


def test_an_empty_cloud_is_an_error() -> None:
    found = _check(cloud_of(0))
    assert found["gaussians.count"].severity is Severity.ERROR
    assert found["gaussians.count"].measured == 0


def test_counts_have_limits(cloud: GaussianCloud) -> None:
    assert _check(cloud, gaussian_count_min=5000)["gaussians.count"].severity is Severity.ERROR
    assert _check(cloud, gaussian_count_max=3999)["gaussians.count"].severity is Severity.WARNING


@pytest.mark.parametrize(("factor", "limit"), [(0.01, 0.2), (1000.0, 2000.0)])
def test_a_scene_of_another_unit_is_an_error(cloud: GaussianCloud, factor: float, limit: float) -> None:
    scaled = replace(cloud, positions=cloud.positions * np.float32(factor), scales=cloud.scales * np.float32(factor))
    finding = _check(scaled)["gaussians.extent"]
    assert finding.severity is Severity.ERROR
    assert finding.limit == limit
    assert finding.measured == pytest.approx(5.88 * factor, rel=0.02)


def test_strays_do_not_count_as_the_scene(cloud: GaussianCloud) -> None:
    positions = cloud.positions.copy()
    positions[0] = (900, 0, 1)
    found = _check(replace(cloud, positions=positions))
    assert set(found) == {"gaussians.outliers"}
    assert found["gaussians.outliers"].measured == pytest.approx(900 / 5.88, rel=0.03)


def test_fog_and_faint_gaussians(cloud: GaussianCloud) -> None:
    found = _check(replace(cloud, opacities=np.full(4000, 0.003, np.float32)))
    assert found["gaussians.faint"].measured == 1
    assert found["gaussians.fog"].measured == 0


def test_huge_gaussians(cloud: GaussianCloud) -> None:
    scales = cloud.scales.copy()
    scales[:40] = 4.0
    assert _check(replace(cloud, scales=scales))["gaussians.huge"].measured == pytest.approx(0.01)


def test_needles_but_not_discs(cloud: GaussianCloud) -> None:
    needles = replace(cloud, scales=np.tile(np.float32([0.001, 0.2, 0.001]), (4000, 1)))
    discs = replace(cloud, scales=np.tile(np.float32([0.02, 0.02, 0.0001]), (4000, 1)))
    assert _check(needles)["gaussians.needles"].measured == 1
    assert _check(discs) == {}

"""Gaussians that are no part of a scene are left out, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lyra_backend import refine
from lyra_backend.refine.clean import CleanParams, clean
from lyra_backend.types import Frame, GaussianCloud, Severity

from .scenes import room, terrain


def changed(cloud: GaussianCloud, **values: dict[int, object]) -> GaussianCloud:
    """Return the cloud with single Gaussians changed: field = {row: value}."""
    arrays = {name: np.array(getattr(cloud, name)) for name in values}
    for name, rows in values.items():
        for row, value in rows.items():
            arrays[name][row] = value
    return replace(cloud, **arrays)


def test_a_sound_scene_is_left_alone() -> None:
    for cloud in (room(), terrain()):
        outcome = clean(cloud, CleanParams())
        assert outcome.value is cloud
        assert outcome.counts["before_cleaning"] == outcome.counts["after_cleaning"] == cloud.count
        assert not outcome.findings


def test_every_reason_is_counted_once() -> None:
    cloud = changed(
        room(),
        opacities={0: 0.0, 1: 0.003, 2: 0.004},
        positions={10: (1000.0, 0, 0), 11: (0, -50, 0), 12: (0, 0, -3)},
        scales={20: (1e17, 0.1, 0.1), 21: (0.01, 4.0, 0.01), 0: (50.0, 50, 50)},
    )
    outcome = clean(cloud, CleanParams())
    assert outcome.counts["transparent"] == 2
    assert outcome.counts["oversized"] == 2
    assert outcome.counts["stray"] == 2
    kept = np.ones(cloud.count, bool)
    kept[[0, 1, 10, 11, 20, 21]] = False
    assert np.array_equal(outcome.value.positions, cloud.positions[kept])
    assert outcome.value.frame is cloud.frame


def test_one_gaussian_a_kilometre_away_does_not_hide_others() -> None:
    cloud = changed(terrain(), positions={5: (1e6, 1e6, 0), 6: (1e3, 0, 0)}, scales={7: (9.0, 12.0, 0.1)})
    counts = clean(cloud, CleanParams()).counts
    assert (counts["stray"], counts["oversized"]) == (2, 1)


def test_limits_are_parameters() -> None:
    cloud = changed(room(), opacities={3: 0.05})
    assert clean(cloud, CleanParams(min_opacity=0.1)).counts["transparent"] == 1
    assert clean(cloud, CleanParams(max_size=0.004)).counts["oversized"] > 1000


def test_much_loss_is_reported() -> None:
    cloud = room()
    half = replace(cloud, opacities=np.where(np.arange(cloud.count) % 2, cloud.opacities, 0).astype(np.float32))
    (finding,) = clean(half, CleanParams()).findings
    assert (finding.code, finding.severity) == ("refine.dropped_share", Severity.WARNING)
    assert finding.measured is not None
    assert abs(finding.measured - 0.5) < 0.01


def test_an_empty_result_is_an_error_and_changes_nothing() -> None:
    cloud = room()
    invisible = replace(cloud, opacities=np.zeros(cloud.count, np.float32))
    outcome = clean(invisible, CleanParams())
    assert outcome.value is invisible
    assert [(f.code, f.severity) for f in outcome.findings] == [("refine.empty", Severity.ERROR)]
    nothing = cloud.select(np.zeros(cloud.count, bool))
    assert [f.code for f in clean(nothing, CleanParams()).findings] == ["refine.empty"]


def test_a_single_gaussian_is_a_scene() -> None:
    assert clean(room().select(np.array([7])), CleanParams()).value.count == 1


def test_the_stage_parameters_fit() -> None:
    cloud = replace(room(), frame=Frame.WORLD)
    assert clean(cloud, refine.Params()).value is cloud


@settings(max_examples=25, deadline=None)
@given(scale=st.floats(1e-3, 1e3), seed=st.integers(0, 100))
def test_the_unit_of_length_does_not_matter(scale: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    cloud = changed(room(), positions={1: rng.normal(size=3) * 100}, scales={2: np.exp(rng.normal(size=3))})
    larger = replace(cloud, positions=cloud.positions * np.float32(scale), scales=cloud.scales * np.float32(scale))
    one, two = clean(cloud, CleanParams()).counts, clean(larger, CleanParams()).counts
    assert one == two

"""The stage as a whole: what is believed, and what cannot be said."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lyra_backend import light
from lyra_backend.progress import Progress
from lyra_backend.types import GaussianCloud, Generation, Outcome, SceneLight
from lyra_backend.types.rotations import SH_C0

from . import scenes

KNOWN = SceneLight((0.7, 0.8, 0.9), (0.6, 0.7, 0.9), (2.0, 1.9, 1.7), (0.0, 0.6, 0.8))


def lit(cloud: GaussianCloud, known: SceneLight | None = None, params: light.Params | None = None) -> Outcome:
    return light.run(Generation(cloud, light=known), 0, params or light.Params(), Progress())


def shown(cloud: GaussianCloud, srgb: float) -> GaussianCloud:
    return replace(cloud, sh=np.full((cloud.count, 1, 3), (srgb - 0.5) / SH_C0, np.float32))


@pytest.fixture(scope="module")
def room() -> GaussianCloud:
    return scenes.room((0.6, 0.3, 2.1))


def test_a_generator_that_knows_its_light_is_believed(room: GaussianCloud) -> None:
    outcome = lit(room, KNOWN)
    assert outcome.value.light == KNOWN
    assert outcome.value.environment.seen.mean() > 0.9
    assert not outcome.findings


def test_looking_for_light_can_be_switched_off(room: GaussianCloud) -> None:
    outcome = lit(room, params=light.Params(estimate=False, resolution=16))
    assert outcome.value.light is None
    assert outcome.value.environment.radiance.shape == (16, 32, 3)


@pytest.mark.parametrize("what", ["empty", "black"])
def test_nothing_to_see_is_said_and_known_light_stays(room: GaussianCloud, what: str) -> None:
    cloud = room.select(np.arange(0)) if what == "empty" else shown(room, 0.0)
    for known in (None, KNOWN):
        outcome = lit(cloud, known)
        assert (outcome.value.light, outcome.value.environment) == (known, None)
        assert [f.code for f in outcome.findings] == ["light.unknown"]


def test_a_faint_a_burnt_out_and_a_tiny_scene_say_too_little(room: GaussianCloud) -> None:
    faint = replace(room, opacities=np.full(room.count, 0.1, np.float32))
    for cloud in (faint, shown(room, 1.0), room.select(np.arange(100))):
        outcome = lit(cloud)
        assert outcome.value.light is None
        assert [f.code for f in outcome.findings] == ["light.unknown"]
        assert outcome.findings[0].measured < 200
        assert outcome.value.environment is not None

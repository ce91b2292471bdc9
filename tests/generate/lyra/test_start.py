"""Where a scene starts: the unit of the networks, and the lens of pictures that say nothing of theirs."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lyra_backend.generate._lyra.depth import Depth
from lyra_backend.generate._lyra.start import Wishes, picture_findings, picture_of, start_of

SIZE = (96, 64)
WISHES = Wishes(None, None, "crop", None, "transformers", Path("depth"), "cpu")


def pictured(wishes: Wishes, width: int = 192, height: int = 160):
    return picture_of(np.zeros((height, width, 3), np.uint8), SIZE, wishes)


def seen(z: np.ndarray, focal_px: float | None = None) -> Depth:
    return Depth(z.astype(np.float32), np.zeros(z.shape, bool), True, focal_px, "network")


@pytest.mark.parametrize("centre", [1.0, 2.0, 0.5])
def test_the_median_depth_becomes_what_the_model_knows_it_as(centre: float) -> None:
    wishes = replace(WISHES, centre_depth=centre)
    z = np.random.default_rng(0).uniform(2.0, 9.0, (64, 96))
    start = start_of(pictured(wishes), seen(z), wishes)
    assert float(np.median(start.z)) == pytest.approx(centre, rel=1e-6)
    # and the scene is as large as the depth says
    np.testing.assert_allclose(start.z * start.unit, z, rtol=1e-6)


def test_the_published_unit_is_the_median_itself() -> None:
    z = np.random.default_rng(0).uniform(2.0, 9.0, (64, 96))
    assert start_of(pictured(WISHES), seen(z), WISHES).unit == float(np.median(z.astype(np.float32)))


@pytest.mark.parametrize("shape", [(192, 160), (300, 100), (96, 64)])
def test_a_model_lends_its_lens_to_pictures_that_say_nothing(shape: tuple[int, int]) -> None:
    fov = math.degrees(2 * math.atan(0.5 / 0.8))
    wishes = replace(WISHES, usual_fov_deg=fov)
    picture = pictured(wishes, *shape)
    lens = picture.fitted.lens
    assert (lens.fx, lens.fy, lens.cx, lens.cy) == pytest.approx((0.8 * 96, 0.8 * 96, 48, 32))
    assert picture.lens_source == "assumed"
    assert picture.known_fov_deg is None
    (finding,) = [each for each in picture_findings(picture, wishes) if each.code == "lyra.lens_assumed"]
    assert finding.measured == fov
    assert "the model's own 64.0 deg across the picture are assumed" in finding.message


def test_a_lens_that_is_said_beats_that_of_the_model() -> None:
    picture = pictured(replace(WISHES, usual_fov_deg=64.0, fov=90.0))
    assert picture.lens_source == "fov"
    assert picture.known_fov_deg == pytest.approx(90.0)
    assert picture_findings(picture, WISHES) == ()


def test_what_a_network_saw_beats_the_usual_lens() -> None:
    wishes = replace(WISHES, usual_fov_deg=64.0)
    start = start_of(pictured(wishes), seen(np.full((64, 96), 3.0), focal_px=70.0), wishes)
    assert (start.lens.fx, start.lens_source) == (70.0, "network")


def test_nothing_said_is_65_degrees() -> None:
    (finding,) = picture_findings(pictured(WISHES), WISHES)
    assert (finding.code, finding.measured) == ("lyra.lens_assumed", 65.0)
    assert "65 deg across the longer side are assumed" in finding.message

"""Depth that the Gaussians show and depth that rays on the colliders find are held against each other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lyra_backend.types import GaussianCloud, Severity
from lyra_backend.validate.depth_fit import HEIGHTS, check_depth, viewpoints
from lyra_backend.validate.limits import Params

from . import physics_rooms as rooms
from .test_gaussian_fit import gaussians_on, survey_of

SHELL = rooms.merge(rooms.floor(), *rooms.walls(), rooms.cabinet())


def solid(mesh: rooms.Mesh) -> GaussianCloud:
    """Small, dense Gaussians: a median depth that is the surface's within some millimetres."""
    cloud = gaussians_on(mesh, 60_000)
    return replace(cloud, scales=np.full((cloud.count, 3), 0.012), opacities=np.full(cloud.count, 0.99))


def test_what_shows_the_colliders_is_within_a_centimetre_of_them() -> None:
    outcome = check_depth(solid(SHELL), survey_of(SHELL), Params())
    median, p95 = outcome.findings
    assert (median.code, p95.code) == ("depth.median", "depth.p95")
    assert median.severity is Severity.INFO
    assert 0 < median.measured < 0.02  # type: ignore[operator]
    assert median.unit == "m"
    assert outcome.counts["depth_pixels"] > 300_000


def test_gaussians_that_lie_elsewhere_are_a_warning_with_how_far() -> None:
    good = check_depth(solid(SHELL), survey_of(SHELL), Params()).findings[0].measured or 0.0
    points, triangles = SHELL
    larger = (points * [1.08, 1.08, 1.0] - [0.2, 0.16, 0.1], triangles)  # walls some 0.2 m, the floor 0.1 m further
    median, p95 = check_depth(solid(larger), survey_of(SHELL), Params()).findings
    assert median.severity is Severity.WARNING
    assert p95.severity is Severity.WARNING
    assert median.measured is not None
    assert median.measured > good + 0.1
    assert "Gaussians and colliders" in median.message


def test_eyes_are_at_robots_heights_in_free_space() -> None:
    survey = survey_of(SHELL)
    cameras = viewpoints(survey)
    assert len(cameras) == 9
    eyes = np.array([c.position for c in cameras])
    assert sorted(set(np.round(eyes[:, 2], 3))) == sorted(np.float32(HEIGHTS).round(3))
    assert survey.index.are_free(eyes.astype(np.float64), 0.19).all()
    assert np.abs(np.array([c.cam_to_world[2, 2] for c in cameras])).max() < 1e-6  # level


def test_a_scene_in_which_no_pixel_shows_anything_says_nothing() -> None:
    cloud = solid(SHELL)
    faint = replace(cloud, opacities=np.full(cloud.count, 0.001))
    assert check_depth(faint, survey_of(SHELL), Params()).findings == ()

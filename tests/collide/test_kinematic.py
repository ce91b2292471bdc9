"""Moving parts become convex colliders on the right paths, with an error that says what it is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lyra_backend.collide.kinematic import carried_bodies
from lyra_backend.progress import Progress
from lyra_backend.refine.background import BackgroundParams, split_background
from lyra_backend.types import Finding, GaussianCloud, GaussianSequence, KinematicBody
from lyra_backend.types.rotations import matrix_from_quat

from ..moving import FPS, HIGH, LOW, SPEED_M_S, carried, followed, over_ground, unfollowed
from .clouds import box, cloud, join, sheet

WALL = sheet((0, 0, 0), (4, 0, 0), (0, 4, 0))


def made(sequence: GaussianSequence) -> tuple[tuple[KinematicBody, ...], dict[str, Finding]]:
    outcome = carried_bodies(sequence, Progress())
    return outcome.value, {finding.code: finding for finding in outcome.findings}


def split(sequence: GaussianSequence) -> GaussianSequence:
    found = split_background(sequence, BackgroundParams()).value
    assert found is not None
    return found


def moving(*clouds: GaussianCloud, stable: bool = True) -> GaussianSequence:
    return GaussianSequence(clouds, tuple(k / FPS for k in range(len(clouds))), stable, WALL)


def shifted(thing: GaussianCloud, *by: float) -> GaussianCloud:
    return replace(thing, positions=thing.positions + np.float32(by))


@pytest.mark.parametrize("turn_deg", [0.0, 25.0])
def test_a_rigid_motion_is_found(turn_deg: float) -> None:
    (body,), findings = made(split(followed(5, turn_deg)))
    assert body.times_s == pytest.approx([k / FPS for k in range(5)])
    np.testing.assert_allclose(body.part.vertices.min(axis=0), LOW, atol=0.01)
    np.testing.assert_allclose(body.part.vertices.max(axis=0), HIGH, atol=0.01)
    along = body.positions - body.positions[0]
    np.testing.assert_allclose(along[:, 0], SPEED_M_S * np.array(body.times_s), atol=2e-3)
    np.testing.assert_allclose(along[:, 1:], 0, atol=2e-3)
    turns = matrix_from_quat(body.quats_wxyz)
    angles = np.degrees(np.arctan2(turns[:, 1, 0], turns[:, 0, 0]))
    np.testing.assert_allclose(angles, turn_deg * np.arange(5), atol=0.1)
    assert body.error_m < 0.02
    assert findings["collide.moving"].measured == body.error_m
    assert "stray" not in findings["collide.moving"].message


def test_parts_that_touch_for_a_moment_only_are_two() -> None:
    one, two = carried(0), shifted(carried(0), 0.43, 0, 0)
    bodies, _ = made(moving(*(join(one, shifted(two, 0.05 * k, 0, 0)) for k in range(4))))
    assert [body.part.name for body in bodies] == ["moving_1", "moving_2"]
    paths = sorted(float(np.ptp(body.positions[:, 0])) for body in bodies)
    assert paths == pytest.approx([0, 0.15], abs=1e-3)


def test_what_changes_its_shape_is_held_whole_at_all_times_and_says_so() -> None:
    thing = carried(0)
    middle = thing.positions.mean(axis=0)

    def stretched(factor: float) -> GaussianCloud:
        return replace(thing, positions=middle + (thing.positions - middle) * np.float32([factor, 1, 1]))

    (body,), findings = made(moving(*(stretched(1 + 0.15 * k) for k in range(4))))
    assert np.ptp(body.part.vertices[:, 0]) == pytest.approx(1.45 * 0.4, abs=0.02)
    assert 0.04 < body.error_m < 0.15
    assert "stray up to" in findings["collide.moving"].message


def test_what_cannot_be_followed_goes_by_its_middle() -> None:
    (body,), findings = made(split(unfollowed(4)))
    along = body.positions[:, 0] - body.positions[0, 0]
    np.testing.assert_allclose(along, SPEED_M_S * np.array(body.times_s), atol=0.04)
    np.testing.assert_allclose(body.quats_wxyz, [[1, 0, 0, 0]] * 4)
    low, high = body.part.vertices.min(axis=0), body.part.vertices.max(axis=0)
    assert (low < np.array(LOW) + 0.01).all()
    assert (high > np.array(HIGH) - 0.01).all()
    assert (low > np.array(LOW) - 0.12).all()
    assert (high < np.array(HIGH) + 0.12).all()
    assert findings["collide.moving"].measured < 0.08


@pytest.mark.parametrize("stable", [True, False])
def test_what_goes_over_the_ground_does_not_take_it_along(stable: bool) -> None:
    (body,), findings = made(split(over_ground(stable=stable)))
    np.testing.assert_allclose(np.ptp(body.part.vertices, axis=0), (0.4, 0.4, 0.5), atol=0.06)
    np.testing.assert_allclose(body.positions[:, 0] - body.positions[0, 0], 0.2 * np.arange(9), atol=0.02)
    assert findings["collide.moving"].measured < 0.12
    assert "collide.moving_left_out" not in findings


def test_what_is_not_always_there_is_left_out_and_told() -> None:
    thing = carried(0)
    nothing = thing.select(np.arange(0))
    bodies, findings = made(moving(thing, thing, nothing, stable=False))
    assert bodies == ()
    assert findings["collide.moving_left_out"].measured == 1
    assert "1 are not there at all times, 0" in findings["collide.moving_left_out"].message


def test_what_a_hull_would_fill_is_left_out_and_told() -> None:
    corner = join(sheet((0, 0, 0.5), (2, 0, 0), (0, 0, 2)), sheet((0, 0, 0.5), (0, 2, 0), (0, 0, 2)))
    bodies, findings = made(moving(*(shifted(corner, 0.1 * k, 0, 0) for k in range(3))))
    assert bodies == ()
    assert "1 have a shape that a convex hull would fill" in findings["collide.moving_left_out"].message


def test_specks_and_haze_are_nothing() -> None:
    rng = np.random.default_rng(0)
    speck = box((1, 1, 1), (1.03, 1.03, 1.03))
    haze = cloud(rng.uniform(2, 3, (500, 3)), np.full((500, 3), 0.02), np.tile([1.0, 0, 0, 0], (500, 1)), [0.1] * 500)
    for stable in (True, False):
        clouds = [join(shifted(speck, 0.05 * k, 0, 0), shifted(haze, 0.05 * k, 0, 0)) for k in range(3)]
        assert made(moving(*clouds, stable=stable)) == ((), {})


def test_a_scene_without_background_has_no_parts() -> None:
    assert made(replace(followed(2), background=None)) == ((), {})


def test_equal_sequences_make_equal_bodies() -> None:
    for sequence in (split(followed(3, 10.0)), split(unfollowed(3))):
        (one,), (two,) = (made(sequence)[0] for _ in range(2))
        assert np.array_equal(one.part.vertices, two.part.vertices)
        assert np.array_equal(one.positions, two.positions)
        assert np.array_equal(one.quats_wxyz, two.quats_wxyz)

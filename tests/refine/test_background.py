"""What stands still in a scene that moves is split off, followed through time or not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lyra_backend import refine
from lyra_backend.progress import Progress
from lyra_backend.refine.background import BackgroundParams, split_background
from lyra_backend.types import Frame, GaussianCloud, GaussianSequence, Generation, Similarity
from lyra_backend.types.rotations import matrix_from_quat, multiply_quats

from ..collide.clouds import room
from ..moving import HIGH, LOW, SPEED_M_S, carried, followed, over_ground, resampled, unfollowed

ROOM = room().count


def split(sequence: GaussianSequence, **params: float) -> tuple[GaussianCloud | None, GaussianSequence | None, str]:
    outcome = split_background(sequence, BackgroundParams(**params))
    (finding,) = outcome.findings
    return outcome.value and outcome.value.background, outcome.value, finding.code


def changed(sequence: GaussianSequence, number: int, **values: np.ndarray) -> GaussianSequence:
    clouds = list(sequence.clouds)
    clouds[number] = replace(clouds[number], **values)
    return replace(sequence, clouds=tuple(clouds))


def test_what_is_followed_is_split_exactly() -> None:
    whole = followed()
    background, moving, code = split(whole)
    assert code == "sequence.background"
    assert background.count == ROOM
    assert np.array_equal(background.positions, whole.clouds[0].positions[:ROOM])
    assert moving.stable_identity
    for number, cloud in enumerate(moving.clouds):
        assert np.array_equal(cloud.positions, whole.clouds[number].positions[ROOM:])
        assert np.array_equal(moving.at(number).positions, whole.clouds[number].positions)


def still_room(times: int = 6) -> GaussianSequence:
    return GaussianSequence((room(),) * times, tuple(range(times)), stable_identity=True)


@pytest.mark.parametrize(
    ("trait", "change"),
    [
        ("positions", lambda v: v + np.float32([0.05, 0, 0])),
        ("scales", lambda v: v * np.float32(2.0)),
        ("opacities", lambda v: v * np.float32(0.1)),
        ("sh", lambda v: v + np.float32(1.5)),
        ("quats_wxyz", lambda v: multiply_quats(v, np.float32([0.5**0.5, 0.5**0.5, 0, 0]))),
    ],
)
def test_every_trait_that_varies_for_a_moment_is_motion(trait: str, change) -> None:
    sequence, some = still_room(), np.arange(7, 20)
    values = getattr(sequence.clouds[3], trait).copy()
    values[some] = change(values[some])
    _, moving, _ = split(changed(sequence, 3, **{trait: values}))
    assert moving is not None
    assert np.array_equal(moving.clouds[0].positions, room().positions[some])


def test_jitter_within_tolerance_is_no_motion() -> None:
    rng = np.random.default_rng(0)
    clouds = tuple(
        replace(room(), positions=room().positions + rng.normal(0, 0.002, (ROOM, 3)).astype(np.float32))
        for _ in range(6)
    )
    sequence = GaussianSequence(clouds, tuple(range(6)), stable_identity=True)
    assert split(sequence) == (None, None, "sequence.still")
    background, moving, code = split(sequence, still_distance=0.001)
    assert (background, code) == (None, "sequence.no_background")
    assert moving.clouds[0].count == ROOM


def test_a_sign_of_quaternions_is_no_motion() -> None:
    sequence = still_room()
    assert split(changed(sequence, 2, quats_wxyz=-sequence.clouds[2].quats_wxyz))[2] == "sequence.still"


def test_places_are_compared_where_nothing_can_be_followed() -> None:
    whole = unfollowed()
    background, moving, code = split(whole)
    assert code == "sequence.background"
    assert not moving.stable_identity
    reach = SPEED_M_S * whole.times_s[-1]
    low, high = np.array(LOW) - 0.15, np.array(HIGH) + (reach, 0, 0) + 0.15
    inside = ((background.positions > low + 0.15) & (background.positions < high - 0.15)).all(axis=1)
    assert not inside.any()
    red = background.sh[:, 0, 0] > 0.5
    # in the middle of the box's way all is red at all times only where its sides slide along themselves
    assert red.sum() < 0.6 * carried(0).count
    for number, cloud in enumerate(moving.clouds):
        assert ((cloud.positions > low) & (cloud.positions < high)).all()
        seen = moving.at(number)
        assert 0.9 < seen.count / whole.clouds[number].count < 1.1


def test_a_scene_of_other_gaussians_in_which_nothing_moves_is_still() -> None:
    sequence = GaussianSequence(tuple(resampled(room(), seed) for seed in range(3)), (0.0, 1.0, 2.0))
    assert split(sequence)[2] == "sequence.still"


def test_a_change_of_colour_alone_is_motion() -> None:
    sequence = still_room(2)
    colors = sequence.clouds[1].sh.copy()
    wall = sequence.clouds[1].positions[:, 0] < 0.05
    colors[wall] += 1.5
    _, moving, _ = split(replace(changed(sequence, 1, sh=colors), stable_identity=False))
    assert moving is not None
    assert (moving.clouds[0].positions[:, 0] < 0.2).all()


def test_equal_sequences_split_equally() -> None:
    one, two = (split(unfollowed())[1] for _ in range(2))
    assert all(np.array_equal(a.positions, b.positions) for a, b in zip(one.clouds, two.clouds, strict=True))
    assert np.array_equal(one.background.positions, two.background.positions)


def test_refining_splits_and_keeps_what_is_followed() -> None:
    whole = followed()
    opacities = whole.clouds[0].opacities.copy()
    opacities[ROOM] = 0.0  # at the first time alone, where it would be cleaned away
    opacities[5] = 0.0
    rest = [np.where(np.arange(len(opacities)) == 5, 0.0, c.opacities).astype(np.float32) for c in whole.clouds]
    whole = changed(whole, 0, opacities=opacities)
    for number in range(1, len(whole.clouds)):
        whole = changed(whole, number, opacities=rest[number])
    outcome = refine.run(Generation(whole.clouds[0], sequence=whole), refine.Params(), Progress())
    sequence = outcome.value.sequence
    assert sequence.stable_identity
    assert sequence.clouds[0].count == carried(0).count
    assert sequence.background.count == ROOM - 1
    assert outcome.counts["after_cleaning"] == whole.clouds[0].count - 1
    assert np.array_equal(outcome.value.cloud.positions, sequence.at(0).positions)
    assert outcome.value.still is sequence.background


def test_a_scene_that_turns_out_to_stand_still_has_no_times() -> None:
    sequence = still_room(3)
    outcome = refine.run(Generation(sequence.clouds[0], sequence=sequence), refine.Params(), Progress())
    assert outcome.value.sequence is None
    assert outcome.value.still is outcome.value.cloud
    assert "sequence.still" in {f.code for f in outcome.findings}


# -- surfaces that last -----------------------------------------------------------------------------------------------


def uncovered_share(cloud: GaussianCloud) -> float:
    """Return how much of the floor below the box's way has no Gaussian within 5 cm."""
    floor = cloud.positions[np.abs(cloud.positions[:, 2]) < 0.03][:, :2]
    places = np.stack(np.meshgrid(np.arange(0.2, 2.4, 0.03), np.arange(0.9, 1.5, 0.03)), axis=-1).reshape(-1, 1, 2)
    return float((np.linalg.norm(places - floor, axis=2).min(axis=1) > 0.05).mean())


@pytest.mark.parametrize("stable", [True, False])
def test_ground_that_something_goes_over_lasts(stable: bool) -> None:
    whole = over_ground(stable=stable)
    moving = split_background(whole, BackgroundParams()).value
    assert uncovered_share(moving.background) > 0.3
    assert uncovered_share(GaussianCloud.concatenate([moving.background, moving.lasting])) < 0.005
    # it is there once, and not what stands on it
    assert moving.lasting.count < 1.3 * 2.4 * 0.8 / 0.025**2
    assert (moving.lasting.positions[:, 2] > 0.03).mean() < 0.02
    assert moving.lasting.positions[:, 2].max() < 0.1
    for number, (cloud, movers) in enumerate(zip(moving.clouds, moving.movers(), strict=True)):
        assert movers.count < cloud.count
        ground = np.abs(movers.positions[:, 2]) < 0.02
        middle = np.abs(movers.positions[:, :2] - (0.5 + 0.2 * number, 1.2))
        assert (middle[~ground] < 0.23).all()
        assert ground.mean() < 0.1
        # what is shown is whole all the same
        assert uncovered_share(moving.at(number)) < (0.005 if stable else 0.2)


def test_a_wall_that_changes_its_colour_alone_lasts() -> None:
    sequence = still_room(3)
    colors = sequence.clouds[1].sh.copy()
    wall = sequence.clouds[1].positions[:, 0] < 0.05
    colors[wall] += 1.5
    sequence = changed(sequence, 1, sh=colors)
    _, followed_through, _ = split(sequence)
    assert followed_through.lasting.count == wall.sum()
    assert [cloud.count for cloud in followed_through.movers()] == [0, 0, 0]
    _, compared, _ = split(replace(sequence, stable_identity=False))
    assert wall.sum() <= compared.lasting.count < 1.5 * wall.sum()
    assert [cloud.count for cloud in compared.movers()] == [0, 0, 0]


def test_ground_is_where_levelling_puts_it() -> None:
    moved = Similarity.build(1.0, matrix_from_quat(np.array([0.9962, 0.0, 0.0872, 0.0])), (0.3, -0.2, 1.7))
    whole = over_ground(stable=False).transformed(moved, Frame.GENERATOR)
    there = split_background(whole, BackgroundParams(), moved.inverse()).value
    back = there.transformed(moved.inverse(), Frame.WORLD)
    assert uncovered_share(GaussianCloud.concatenate([back.background, back.lasting])) < 0.01
    assert (back.lasting.positions[:, 2] > 0.03).mean() < 0.05
    outcome = refine.run(Generation(whole.clouds[0], sequence=whole), refine.Params(max_tilt=20.0), Progress())
    assert outcome.value.sequence.lasting.frame is Frame.WORLD
    assert (np.abs(outcome.value.sequence.lasting.positions[:, 2]) > 0.04).mean() < 0.05
    assert outcome.value.still.count == outcome.value.sequence.background.count + outcome.value.sequence.lasting.count

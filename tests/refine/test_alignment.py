"""Whole copies come back: tilted, scaled, shifted, upside down; and what is not known is not accepted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lyra_backend import params as parameters
from lyra_backend import refine
from lyra_backend.errors import InvalidRequest
from lyra_backend.progress import Progress
from lyra_backend.types import (
    UP_AXES,
    Camera,
    Frame,
    GaussianCloud,
    Generation,
    Intrinsics,
    Outcome,
    Scale,
    Severity,
    Similarity,
    look_at,
)

from .scenes import camera, room, sheet, terrain, tilting

COPY = Similarity(2.5).then(tilting(17, (0.8, -0.6)))


def refined(generation: Generation, **given: object) -> Outcome[Generation]:
    return refine.run(generation, parameters.build(refine.Params, "refine", given), Progress())


def errors(outcome: Outcome[Generation]) -> list[str]:
    return [f.code for f in outcome.findings if f.severity is Severity.ERROR]


def read(cloud: GaussianCloud, similarity: Similarity = COPY, cameras: tuple[Camera, ...] = ()) -> Generation:
    """Return a copy of a scene as if read from a file, whose coordinates are the copy's."""
    return replace(Generation(cloud, cameras).transformed(similarity, Frame.GENERATOR), from_source=np.eye(4))


def ruler(one: tuple[float, float, float], other: tuple[float, float, float], similarity: Similarity = COPY) -> str:
    ends = similarity.apply(np.array([one, other], float))
    return (
        f"{' '.join(','.join(f'{v:.6f}' for v in end) for end in ends)} {np.linalg.norm(np.subtract(one, other)):.5f}"
    )


def assert_back(outcome: Outcome[Generation], truth: GaussianCloud, relative: float = 0.002) -> None:
    cloud = outcome.value.cloud
    assert cloud.frame is Frame.WORLD
    size = np.ptp(truth.positions, axis=0).max()
    np.testing.assert_allclose(cloud.positions[:, 2], truth.positions[:, 2], atol=relative * size)
    np.testing.assert_allclose(cloud.scales, truth.scales, rtol=relative)
    middle = cloud.positions.mean(axis=0), truth.positions.mean(axis=0)
    reach = (np.linalg.norm(p - m, axis=1) for p, m in zip((cloud.positions, truth.positions), middle, strict=True))
    np.testing.assert_allclose(*reach, atol=relative * size)


def test_a_ruler_between_two_points_brings_a_copy_back() -> None:
    outcome = refined(read(room()), ruler=ruler((0, 0, 0), (5, 4, 0)))
    assert_back(outcome, room())
    assert not errors(outcome)
    assert outcome.counts["metres_per_unit"] == pytest.approx(0.4, rel=1e-4)
    assert outcome.counts["tilt_deg"] == pytest.approx(17, abs=0.05)
    assert outcome.value.scale.uncertainty_percent == pytest.approx(
        np.hypot(1.0, 2 * 2**0.5 / np.hypot(5, 4)), abs=0.01
    )
    told = next(f for f in outcome.findings if f.code == "scale.uncertainty")
    assert "the ruler" in told.message
    assert (told.unit, told.limit) == ("%", 10.0)


def test_the_way_from_the_file_is_in_the_provenance() -> None:
    outcome = refined(read(room()), ruler=ruler((0, 0, 0), (5, 4, 0)))
    way = np.array(outcome.value.provenance["file_to_world"])
    file = read(room()).cloud.positions.astype(np.float64)
    np.testing.assert_allclose(file @ way[:3, :3].T + way[:3, 3], outcome.value.cloud.positions, atol=2e-4)


def test_a_ruler_is_in_the_files_own_units() -> None:
    generation = replace(read(room()), from_source=np.diag([2.0, 2.0, 2.0, 1.0]))
    halved = Similarity(0.5)
    text = ruler((0, 0, 0), (5, 4, 0), COPY.then(halved))
    outcome = refined(generation, ruler=text)
    assert outcome.counts["metres_per_unit"] == pytest.approx(0.8, rel=1e-4)  # of the file's unit, two of the cloud's
    assert_back(outcome, room())


def labelled_room() -> GaussianCloud:
    door = sheet((1.0, 0.02, 0), (0.9, 0, 0), (0, 0, 2.0), spacing=0.04, seed=11)
    whole = GaussianCloud.concatenate([room(), door])
    ids = np.repeat(np.uint16([0, 1]), [room().count, door.count])
    return replace(whole, class_ids=ids, class_names=("unknown", "door"))


def test_a_ruler_by_class() -> None:
    outcome = refined(read(labelled_room()), ruler="door 2.0")
    assert outcome.counts["metres_per_unit"] == pytest.approx(0.4, rel=0.02)
    assert not errors(outcome)
    told = next(f for f in outcome.findings if f.code == "scale.ruler_things")
    assert told.severity is Severity.INFO
    x, y, z = (float(v) for v in told.message.split("(")[1].split(")")[0].split(","))
    # the door's middle, in the stage
    door = outcome.value.cloud.positions[outcome.value.cloud.class_ids == 1]
    assert (x, y, z) == pytest.approx(0.5 * (door.min(axis=0) + door.max(axis=0)), abs=0.02)


def test_a_short_ruler_makes_the_scale_less_sure_and_a_longer_one_is_asked_for() -> None:
    outcome = refined(read(room()), ruler=ruler((0, 0, 0), (0.5, 0, 0)))
    assert outcome.counts["scale_uncertainty_percent"] == pytest.approx(
        np.hypot(1.0, 100 * 2**0.5 * 0.02 / 0.5), rel=0.01
    )
    assert "scale.short_ruler" in {f.code for f in outcome.findings}
    assert not errors(outcome)
    longer = refined(read(room()), ruler=ruler((0, 0, 0), (2, 0, 0)))
    assert longer.counts["scale_uncertainty_percent"] < 2.0
    assert "scale.short_ruler" not in {f.code for f in longer.findings}


def test_a_known_camera_height() -> None:
    view = camera((2.5, 3.5, 1.6), (2.0, 0.5, 1.2))
    outcome = refined(read(room(), cameras=(view,)), camera_height=1.6)
    assert_back(outcome, room(), relative=0.01)
    assert not errors(outcome)
    assert outcome.value.cameras[0].position[2] == pytest.approx(1.6, abs=0.02)


def test_a_camera_height_is_above_the_ground_below_it() -> None:
    """On rough ground a plane through all of it is some other height."""
    ground = 0.6 * np.sin(0.5 * 12.0) + 0.4 * np.cos(0.7 * 15.0)
    view = camera((12.0, 15.0, ground + 1.5), (20.0, 15.0, ground + 1.5))
    similarity = Similarity(3.0)
    outcome = refined(read(terrain(), similarity, (view,)), camera_height=1.5, max_gravity_uncertainty=90.0)
    assert outcome.counts["metres_per_unit"] == pytest.approx(1 / 3, rel=0.03)


def test_without_a_cue_the_scale_is_unknown_and_the_ways_out_are_told() -> None:
    floor_only = GaussianCloud.concatenate(
        [sheet((0, 0, 0), (5, 0, 0), (0, 4, 0)), sheet((0, 0, 0), (0, 0, 2.5), (5, 0, 0))]
    )
    outcome = refined(read(floor_only))
    assert errors(outcome) == ["scale.unknown"]
    finding = next(f for f in outcome.findings if f.code == "scale.unknown")
    assert all(option in finding.message for option in ("--scale", "--ruler", "--camera-height"))
    assert not outcome.value.scale.is_metric
    assert "metres_per_unit" not in outcome.counts


def test_a_usual_ceiling_alone_is_not_enough() -> None:
    outcome = refined(read(room()))
    assert errors(outcome) == ["scale.uncertain"]
    assert outcome.value.scale.uncertainty_percent > 10.0
    wrong = abs(np.log(outcome.counts["metres_per_unit"] / 0.4))
    assert wrong < outcome.value.scale.uncertainty_percent / 100


def test_the_limit_is_a_parameter() -> None:
    assert not errors(refined(read(room()), max_scale_uncertainty=50.0))
    metric = replace(read(room(), Similarity()), scale=Scale(20.0))
    assert errors(refined(metric)) == ["scale.uncertain"]
    assert not errors(refined(replace(metric, scale=Scale(8.0))))


def test_a_given_scale_is_never_moved_by_what_is_usual() -> None:
    outcome = refined(replace(read(room(), Similarity()), scale=Scale(5.0)))
    assert outcome.counts["metres_per_unit"] == 1.0
    assert outcome.value.scale == Scale(5.0)
    np.testing.assert_allclose(outcome.value.cloud.scales, room().scales)


def test_a_scale_that_no_ceiling_can_have_is_told() -> None:
    """Centimetres that were taken for metres: a ceiling of 260 m."""
    outcome = refined(replace(read(room(), Similarity(100.0)), scale=Scale(5.0)))
    finding = next(f for f in outcome.findings if f.code == "scale.disagreement")
    assert finding.severity is Severity.WARNING
    assert "a usual ceiling" in finding.message
    assert "the generator's scale" in finding.message


def test_two_measures_that_contradict_are_told_and_not_accepted() -> None:
    generation = replace(read(room(), Similarity()), scale=Scale(5.0))
    outcome = refined(generation, ruler=ruler((0, 0, 0), (5, 4, 0), Similarity(2.0)))
    assert errors(outcome) == ["scale.uncertain"]
    assert "scale.disagreement" in {f.code for f in outcome.findings}


def test_two_measures_that_agree_make_it_surer() -> None:
    generation = replace(read(room(), Similarity()), scale=Scale(2.0))
    outcome = refined(generation, ruler=ruler((0, 0, 0), (5, 4, 0), Similarity()))
    one = np.hypot(1.0, 100 * 2**0.5 * 0.02 / np.hypot(5, 4))
    assert outcome.value.scale.uncertainty_percent == pytest.approx((2**-2 + one**-2) ** -0.5, abs=0.01)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"ruler": "door 2.03"}, "no Gaussian of this scene is labelled"),
        ({"camera_height": 1.5}, "needs a camera"),
        ({"ruler": "0,0,0 0,0,0 2"}, "must be apart"),
        ({"camera_height": -1}, "camera_height must be"),
    ],
)
def test_measures_that_cannot_be_used_are_told(given: dict[str, object], told: str) -> None:
    with pytest.raises(InvalidRequest, match=told):
        refined(read(room()), **given)


def test_an_unknown_class_lists_the_known_ones() -> None:
    with pytest.raises(InvalidRequest, match=r"labelled 'dor'.*door"):
        refined(read(labelled_room()), ruler="dor 2.03")


@pytest.mark.parametrize("axis", ["-z", "y", "-x"])
def test_a_copy_on_another_side_comes_back_where_the_axis_was_assumed(axis: str) -> None:
    furnished = GaussianCloud.concatenate(
        [sheet((-9, -9, 0), (18, 0, 0), (0, 18, 0), spacing=0.15, seed=20)]
        + [
            side
            for k, height in enumerate((0.4, 0.6, 0.8, 1.0, 1.2, 3.0))
            for side in crate(3 * k - 8, 4 * (k % 3) - 5, height)
        ]
    )
    lying = tilting(6, (1, 0)).then(UP_AXES[axis].inverse())
    generation = replace(read(furnished, lying), up_assumed=True, scale=Scale(5.0))
    outcome = refined(generation)
    assert_back(outcome, furnished, relative=0.003)
    (finding,) = (f for f in outcome.findings if f.code == "gravity.up_axis")
    assert finding.severity is Severity.WARNING
    assert finding.measured > 0.9


def crate(x: float, y: float, height: float) -> list[GaussianCloud]:
    return [
        sheet((x, y, 0), (1, 0, 0), (0, 0, height), seed=21),
        sheet((x, y + 1, 0), (0, 0, height), (1, 0, 0), seed=22),
        sheet((x, y, 0), (0, 0, height), (0, 1, 0), seed=23),
        sheet((x + 1, y, 0), (0, 1, 0), (0, 0, height), seed=24),
        sheet((x, y, height), (1, 0, 0), (0, 1, 0), seed=25),
    ]


def test_a_given_axis_is_not_doubted() -> None:
    outcome = refined(replace(read(room(), Similarity()), scale=Scale(5.0)))
    assert "gravity.up_axis" not in {f.code for f in outcome.findings}


def test_a_world_of_uncertain_scale_can_be_measured() -> None:
    world = Generation(replace(room(), frame=Frame.WORLD), scale=Scale(20.0), from_source=np.eye(4))
    assert errors(refined(world)) == ["scale.uncertain"]
    outcome = refined(world, ruler="0,0,0 5,0,0 5.5")
    assert not errors(outcome)
    np.testing.assert_allclose(outcome.value.cloud.positions[:, 2].max(), 2.6 * 1.1, rtol=0.01)


def test_exact_scenes_are_never_scaled() -> None:
    exact = Generation(replace(room(), frame=Frame.WORLD), scale=Scale(0.0), geometry="exact")
    assert refined(exact).value.cloud is exact.cloud
    outcome = refined(exact, ruler="0,0,0 5,0,0 5.5")
    assert outcome.value.cloud is exact.cloud
    assert "scale.disagreement" in {f.code for f in outcome.findings}


def test_switched_off_the_axis_holds_and_the_ruler_still_counts() -> None:
    generation = read(room(), Similarity(2.0))
    outcome = refined(generation, align=False, ruler=ruler((0, 0, 0), (5, 4, 0), Similarity(2.0)))
    np.testing.assert_allclose(outcome.value.cloud.positions, room().positions, atol=1e-4)
    assert not errors(outcome)


def test_cameras_are_scaled_with_the_scene() -> None:
    lens = Intrinsics.from_fov(64, 48, 60)
    view = Camera(lens, look_at((1, 1, 1.5), (4, 3, 1.5)))
    outcome = refined(read(room(), cameras=(view,)), ruler=ruler((0, 0, 0), (5, 4, 0)))
    assert outcome.value.cameras[0].position[2] == pytest.approx(1.5, abs=0.01)
    assert np.linalg.det(outcome.value.cameras[0].cam_to_world[:3, :3]) == pytest.approx(1.0, abs=1e-4)

"""Heights of cameras above the ground that they stand on, and of labelled things, with how surely they are known."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from lyra_backend.refine.footing import UprightCloud, footing_below, plane_below
from lyra_backend.refine.heights import Height, camera_height, thing_height
from lyra_backend.types import Frame, GaussianCloud

from .scenes import sheet, terrain, tilting

EYE = np.array([0.0, 0.0, 1.5])


def pavement(edge: float, step: float, spacing: float = 0.05) -> GaussianCloud:
    """Return a road left of x = `edge` and a pavement `step` higher right of it, with its kerb."""
    return GaussianCloud.concatenate(
        [
            sheet((-4, -4, 0), (4 + edge, 0, 0), (0, 8, 0), spacing, seed=1),
            sheet((edge, -4, step), (4 - edge, 0, 0), (0, 8, 0), spacing, seed=2),
            sheet((edge, -4, 0), (0, 0, step), (0, 8, 0), spacing, seed=3),
        ]
    )


def height(cloud: GaussianCloud, eye: npt.NDArray[np.float64] = EYE, floor: float | None = 0.0) -> Height:
    found = camera_height(UprightCloud.of(cloud, np.eye(3)), eye[None], np.zeros((0, 3)), floor)
    assert found is not None
    return found


def test_a_camera_stands_on_the_pavement_and_not_on_the_road() -> None:
    found = height(pavement(-0.6, 0.15))
    assert found.units == pytest.approx(1.35, rel=0.003)
    assert found.sigma == pytest.approx(0.012, abs=0.001)


@pytest.mark.parametrize("edge", [-0.25, -0.1, -0.02, 0.02, 0.1, 0.25])
def test_a_kerb_below_the_camera_makes_its_height_less_sure(edge: float) -> None:
    found = height(pavement(edge, 0.12))
    assert found.sigma > 0.015
    assert abs(np.log(found.units / (1.5 if edge > 0 else 1.38))) < 1.96 * found.sigma


def test_a_slope_below_the_camera_is_no_unevenness() -> None:
    slope = sheet((-4, -4, -0.8), (8, 0, 1.6), (0, 8, 0), 0.05)
    footing = footing_below(UprightCloud.of(slope, np.eye(3)), EYE)
    assert footing is not None
    assert footing.drop == pytest.approx(1.5, rel=0.002)
    assert footing.unevenness < 0.005


def test_few_large_gaussians_are_ground_where_no_centre_is_near() -> None:
    corners = np.array([(x, y, 0.0) for x in (-1.0, 0.0, 1.0) for y in (-1.0, 0.0, 1.0)]) + (0.5, 0.5, 0.0)
    large = GaussianCloud(
        corners.astype(np.float32),
        np.tile(np.float32([0.7, 0.7, 0.01]), (9, 1)),
        np.tile(np.float32([1, 0, 0, 0]), (9, 1)),
        np.full(9, 0.9, np.float32),
        np.zeros((9, 1, 3), np.float32),
        Frame.GENERATOR,
    )
    footing = footing_below(UprightCloud.of(large, np.eye(3)), EYE)
    assert footing is not None
    assert footing.drop == pytest.approx(1.5, abs=1e-6)
    assert footing_below(UprightCloud.of(large, np.eye(3)), EYE + (9.0, 0.0, 0.0), 1.5) is None


def test_the_lowest_solid_surface_counts_under_a_shelf_and_not_what_floats_below_it() -> None:
    floor = sheet((-2, -2, 0), (4, 0, 0), (0, 4, 0), 0.05, seed=1)
    shelf = sheet((-0.5, -0.5, 0.8), (1, 0, 0), (0, 1, 0), 0.05, seed=2)
    stray = sheet((0.1, 0.1, -0.5), (0.05, 0, 0), (0, 0.05, 0), 0.03, seed=3)
    footing = footing_below(UprightCloud.of(GaussianCloud.concatenate([floor, shelf, stray]), np.eye(3)), EYE)
    assert footing is not None
    assert footing.drop == pytest.approx(1.5, rel=0.003)


def test_over_a_table_that_hides_the_floor_the_floor_counts() -> None:
    """A picture's depth shows no floor below the table."""
    table = sheet((-0.5, -0.5, 0.75), (1, 0, 0), (0, 1, 0), 0.05)
    assert height(table).units == pytest.approx(1.5)
    assert height(table, floor=None).units == pytest.approx(0.75, rel=0.01)


def test_height_and_uncertainty_do_not_depend_on_tilt_and_unit() -> None:
    cloud, similarity = pavement(-0.1, 0.12), tilting(15, (0.6, 0.8))
    copy = cloud.transformed(similarity, Frame.GENERATOR)
    turn = np.asarray(similarity.rotation).T
    lens = turn @ similarity.apply(EYE[None])[0]
    found = footing_below(UprightCloud.of(copy, turn), lens)
    truth = footing_below(UprightCloud.of(cloud, np.eye(3)), EYE)
    assert found is not None
    assert truth is not None
    assert found.drop == pytest.approx(truth.drop, rel=1e-3)
    assert found.unevenness == pytest.approx(truth.unevenness, rel=0.02)


def test_on_rolling_ground_the_truth_lies_within_what_is_stated() -> None:
    """Where Gaussians leave a gap right below, by the ground around it."""
    scene, rng = UprightCloud.of(terrain(), np.eye(3)), np.random.default_rng(4)
    held = []
    for x, y in rng.uniform(3, 27, (40, 2)):
        ground, eye = 0.6 * np.sin(0.5 * x) + 0.4 * np.cos(0.7 * y), rng.uniform(1.2, 1.8)
        found = camera_height(scene, np.array([[x, y, ground + eye]]), scene.points, None)
        assert found is not None
        held.append(abs(np.log(found.units / eye)) <= 1.96 * found.sigma)
    assert np.mean(held) >= 0.9


def test_a_plane_is_found_beside_what_stands_on_it() -> None:
    places = np.random.default_rng(1).uniform(-0.3, 0.3, (40, 2))
    drops = 1.5 + 0.1 * places[:, 0]
    drops[:6] -= 0.4
    ground = plane_below(places, drops)
    assert ground.drop == pytest.approx(1.5, abs=0.005)
    assert ground.unevenness > 0.1


def things(*heights: float, spacing: float = 0.05) -> Height | None:
    """Return the height of upright boards whose Gaussians lie in the middles of equal cells."""
    parts = []
    for number, tall in enumerate(heights):
        across = np.arange(0.5 * spacing, 0.9, spacing)
        rows = round(tall / spacing)
        up = (np.arange(rows) + 0.5) * tall / rows
        parts.append(np.array([(3.0 * number + x, 0.0, z) for x in across for z in up]))
    points = np.concatenate(parts)
    return thing_height(points, np.full(len(points), 0.66 * spacing))


def test_a_thing_reaches_half_a_step_beyond_its_last_gaussians() -> None:
    found = things(2.0)
    assert found is not None
    assert found.units == pytest.approx(2.0, rel=0.002)
    assert things(2.0, spacing=0.1).units == pytest.approx(2.0, rel=0.002)  # type: ignore[union-attr]


def test_things_of_several_heights_say_that_nobody_knows_which_was_measured() -> None:
    same, various = things(2.0, 2.0), things(2.0, 2.2)
    assert same is not None
    assert various is not None
    assert same.sigma == pytest.approx(0.015)
    assert abs(np.log(various.units / 2.2)) < 1.96 * various.sigma
    assert abs(np.log(various.units / 2.0)) < 1.96 * various.sigma


def test_the_odd_one_of_several_things_may_be_the_one_that_was_measured() -> None:
    found = things(2.1, 2.1, 2.2)
    assert found is not None
    assert found.units == pytest.approx(2.1, rel=0.003)
    assert found.sigma == pytest.approx(np.hypot(0.015, 0.1 / 3**0.5 / 2.1), rel=0.1)
    assert [round(one.units, 1) for one in found.things] == [2.1, 2.1, 2.2]
    np.testing.assert_allclose(found.things[2].middle[[0, 2]], (6.45, 1.1), atol=0.03)


def test_a_thing_that_was_cut_short_is_listed_and_does_not_count() -> None:
    found = things(2.0, 1.0)
    assert found is not None
    assert (found.count, found.sigma) == (1, pytest.approx(0.015))
    assert [one.whole for one in found.things] == [True, False]


def test_too_few_gaussians_are_no_thing() -> None:
    assert thing_height(np.zeros((5, 3)), np.ones(5)) is None

"""The floor is found, levelled and put at z = 0; ceilings, tables and terrain do not fool it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lyra_backend import refine
from lyra_backend.errors import Cancelled
from lyra_backend.progress import CancelToken, Progress
from lyra_backend.refine.floor import FloorParams, find_floor
from lyra_backend.types import Frame, GaussianCloud, Generation, Scale, Severity, Similarity, TexturedMesh, TexturedPart
from lyra_backend.types.rotations import normalise_quats

from .scenes import camera, moved, room, sheet, terrain, tilting


def levelled(generation: Generation, **params: float) -> tuple[Generation, list[str]]:
    outcome = refine.run(generation, refine.Params(**params), Progress())
    return outcome.value, [f.code for f in outcome.findings if not f.code.startswith(("gravity.", "scale."))]


def assert_like(cloud: GaussianCloud, truth: GaussianCloud, height_m: float = 0.002) -> None:
    """Check that heights came back; a turn about z and a sideways shift are free."""
    np.testing.assert_allclose(cloud.positions[:, 2], truth.positions[:, 2], atol=height_m)
    assert cloud.frame is Frame.WORLD


@pytest.mark.parametrize(("tilt", "axis"), [(0, (1, 0)), (3, (0, 1)), (-7, (1, 0)), (11, (0.6, 0.8))])
def test_a_room_is_levelled(tilt: float, axis: tuple[float, float]) -> None:
    result, codes = levelled(moved(room(), tilt, axis))
    assert_like(result.cloud, room())
    assert codes == ["refine.floor_height"] + (["refine.floor_tilt"] if tilt else [])


def test_measured_tilt_and_height_are_reported() -> None:
    outcome = refine.run(moved(room(), 5, (1, 0)), refine.Params(), Progress())
    height, tilt = (f for f in outcome.findings if f.code.startswith("refine."))
    assert tilt.measured == pytest.approx(5, abs=0.05)
    assert height.severity is tilt.severity is Severity.INFO
    assert "cm" not in height.message
    assert f"{height.measured:+.3f} m" in height.message


def test_everything_moves_together() -> None:
    part = TexturedPart(
        "floor",
        np.float32([[0, 0, 0], [5, 0, 0], [0, 4, 0]]),
        np.int32([[0, 1, 2]]),
        np.zeros((3, 2), np.float32),
        np.zeros((2, 2, 3), np.uint8),
        np.zeros(1, np.uint16),
    )
    generation = moved(room(), 0, (1, 0), camera((2, 2, 1.5), (4, 2, 1.5)))
    truth = TexturedMesh((part,)).transformed(_shift(generation))
    moved_back, _ = levelled(replace(generation, truth=truth))
    assert moved_back.truth is not None
    np.testing.assert_allclose(moved_back.truth.parts[0].vertices[:, 2], 0, atol=0.002)
    assert moved_back.cameras[0].position[2] == pytest.approx(1.5, abs=0.002)


def _shift(generation: Generation) -> Similarity:
    return Similarity.build(translation=generation.cloud.positions[0] - room().positions[0])


def test_noise_floaters_and_a_mirrored_floor_do_not_matter() -> None:
    rng = np.random.default_rng(0)
    solid = room()
    noisy = replace(solid, positions=solid.positions + rng.normal(0, 0.02, solid.positions.shape).astype(np.float32))
    floaters = solid.select(rng.integers(0, solid.count, 800))
    floaters = replace(floaters, positions=rng.uniform((0, 0, -1.5), (5, 4, 2.5), (800, 3)).astype(np.float32))
    # A glossy floor shows the room beneath itself, faintly.
    mirrored = sheet((0, 0, -2.6), (5, 0, 0), (0, 4, 0), seed=9)
    mirrored = replace(mirrored, opacities=np.full(mirrored.count, 0.2, np.float32))
    result, codes = levelled(moved(GaussianCloud.concatenate([noisy, floaters, mirrored]), 6, (0.6, -0.8)))
    heights = result.cloud.positions[: solid.count, 2] - solid.positions[:, 2]
    assert abs(np.median(heights)) < 0.01
    assert np.percentile(np.abs(heights), 95) < 0.06
    assert "refine.floor_tilt" in codes


def test_a_table_larger_than_the_visible_floor_loses() -> None:
    cloud = GaussianCloud.concatenate(
        [
            sheet((0, 0, 0), (4, 0, 0), (0, 0.9, 0), seed=1),
            sheet((0, 1, 0.75), (4, 0, 0), (0, 2, 0), seed=2),
        ]
    )
    result, _ = levelled(moved(cloud, 2, (1, 0)))
    assert_like(result.cloud, cloud)


def test_a_basement_hole_does_not_become_the_floor() -> None:
    cloud = GaussianCloud.concatenate(
        [
            sheet((0, 0, 0), (6, 0, 0), (0, 5, 0), seed=1),
            sheet((2, 2, -2.5), (1.2, 0, 0), (0, 1.2, 0), seed=2),
            sheet((0, 0, 0), (0, 0, 2.5), (6, 0, 0), seed=3),
        ]
    )
    result, _ = levelled(moved(cloud, 4, (0, 1)))
    assert_like(result.cloud, cloud)


def test_cameras_lie_above_the_floor() -> None:
    ceiling_only = GaussianCloud.concatenate(
        [sheet((0, 0, 2.6), (0, 4, 0), (5, 0, 0), seed=2), sheet((0, 4, 0), (5, 0, 0), (0, 0, 2.6), seed=4)]
    )
    view = camera((2.5, 2, 1.5), (2.5, 4, 1.5))
    _, codes = levelled(moved(ceiling_only, 0, (1, 0), view))
    assert codes == ["refine.no_floor_plane"]


def test_a_slanted_camera_allows_a_larger_tilt() -> None:
    view = camera((2.5, 0.5, 1.5), (2.5, 3.0, 0.5))
    result, codes = levelled(moved(room(), 25, (1, 0), view))
    assert_like(result.cloud, room())
    assert "refine.floor_tilt" in codes
    _, without = levelled(moved(room(), 25, (1, 0)), max_tilt=12)
    assert without == ["refine.no_floor_plane"]


def test_terrain_has_no_floor_but_a_ground() -> None:
    outcome = refine.run(moved(terrain(), 0, (1, 0)), refine.Params(), Progress())
    finding = next(f for f in outcome.findings if f.code == "refine.no_floor_plane")
    assert finding.severity is Severity.WARNING
    heights = outcome.value.cloud.positions[:, 2]
    # The ground's low parts are at z = 0, no more than a few percent of it far beneath.
    assert -0.5 < heights.min() < 0.0
    assert 0.0 < np.percentile(heights, 10) < 0.5


@pytest.mark.parametrize("scale", [0.1, 30.0])
def test_scenes_in_other_units(scale: float) -> None:
    larger = room().transformed(Similarity(scale), Frame.GENERATOR)
    floor = find_floor(moved(larger, 4, (1, 0)).cloud, (), FloorParams())
    assert floor.is_plane
    assert floor.tilt_deg == pytest.approx(4, abs=0.1)


@pytest.mark.parametrize("tilt", [0, 6, -9])
def test_a_trained_splat(tilt: float) -> None:
    """Gaussians of an optimiser are noisy, their normals more so, and this floor of 5 x 4 m has a bare patch."""
    stored = np.load(Path(__file__).parents[1] / "data" / "trained_room.npz")
    cloud = GaussianCloud(
        stored["positions"],
        stored["scales"],
        normalise_quats(stored["quats_wxyz"]),
        stored["opacities"] / np.float32(255),
        np.zeros((len(stored["positions"]), 1, 3)),
    )
    generation = moved(cloud, tilt, (1, 0))
    to_world = tilting(tilt, (1, 0))
    floor = find_floor(generation.cloud, (), FloorParams())
    true_normal = np.asarray(to_world.rotation)[:, 2]
    assert np.degrees(np.arccos(floor.normal @ true_normal)) < 0.5
    middle = to_world.apply(np.array([[2.5, 2.0, 0.0]]))[0]
    assert abs(floor.normal @ middle - floor.height) < 0.03


def test_world_scenes_are_checked_not_moved() -> None:
    cloud = replace(room(), frame=Frame.WORLD)
    outcome = refine.run(Generation(cloud, scale=Scale(1.0)), refine.Params(), Progress())
    assert outcome.value.cloud is cloud
    assert not outcome.findings
    high = replace(cloud, positions=cloud.positions + np.float32([0, 0, 0.4]))
    outcome = refine.run(Generation(high, scale=Scale(1.0)), refine.Params(), Progress())
    assert outcome.value.cloud is high
    (finding,) = outcome.findings
    assert (finding.code, finding.severity) == ("refine.floor_height", Severity.WARNING)
    assert finding.measured == pytest.approx(0.4, abs=0.002)
    tilted = replace(moved(room(), 3, (1, 0)).cloud, frame=Frame.WORLD)
    codes = [f.code for f in refine.run(Generation(tilted, scale=Scale(1.0)), refine.Params(), Progress()).findings]
    assert codes == ["refine.floor_height", "refine.floor_tilt"]


def test_alignment_can_be_switched_off() -> None:
    generation = moved(room(), 5, (1, 0))
    outcome = refine.run(generation, refine.Params(align=False), Progress())
    assert outcome.value.cloud.frame is Frame.WORLD
    assert np.array_equal(outcome.value.cloud.positions, generation.cloud.positions)


def test_tiny_and_degenerate_clouds_do_not_break() -> None:
    for cloud in (room().select(np.arange(1)), room().select(np.arange(3)), room().select(np.zeros(50, int))):
        result, codes = levelled(Generation(cloud))
        assert result.cloud.frame is Frame.WORLD
        assert len(codes) == 1
    empty = room().select(np.zeros(0, int))
    assert levelled(Generation(empty))[1] == ["refine.empty"]


def test_equal_scenes_give_equal_results() -> None:
    one, two = (levelled(moved(room(), 5, (1, 0)))[0].cloud for _ in range(2))
    assert np.array_equal(one.positions, two.positions)
    assert np.array_equal(one.quats_wxyz, two.quats_wxyz)


def test_it_can_be_cancelled() -> None:
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        refine.run(Generation(room()), refine.Params(), Progress(token=token))

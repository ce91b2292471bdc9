"""A Marble world's scale, ground, axes and collider, and the viewpoint of a panorama."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lyra_backend import refine
from lyra_backend.author.particle_field import Params as FieldParams
from lyra_backend.author.particle_field import write
from lyra_backend.errors import InvalidRequest
from lyra_backend.generate.splat_file import Params, run
from lyra_backend.io.ply import write_ply
from lyra_backend.progress import Progress
from lyra_backend.types import UP_AXES, Frame, Generation, Outcome, SceneRequest, Severity, Similarity

from ..conftest import make_random_cloud
from ..marble_world import FACTOR, OFFSET, World, answer, make_world, write_answer


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(tmp_path_factory.mktemp("marble"))


def generated(world: World, **params: Any) -> Outcome[Generation]:
    files = {"world": str(world.answer), "collider_glb": str(world.collider)} | params.pop("files", {})
    return run(SceneRequest(splat=str(world.splat), **files), Params(**params), Progress())


def codes(outcome: Outcome[Any]) -> set[str]:
    return {finding.code for finding in outcome.findings}


def assert_in_place(generation: Generation, world: World) -> None:
    np.testing.assert_allclose(generation.cloud.positions, world.cloud.positions, atol=1e-5)
    np.testing.assert_allclose(generation.cloud.scales, world.cloud.scales, rtol=1e-4)


def test_a_world_stands_on_its_ground_in_metres(world: World) -> None:
    outcome = generated(world)
    assert_in_place(outcome.value, world)
    assert outcome.value.cloud.frame is Frame.WORLD
    assert outcome.value.as_asked
    assert outcome.value.scale.uncertainty_percent == 20.0
    assert codes(outcome) == {"splat.marble_world"}
    assert outcome.value.provenance["marble"]["world_id"] == "w1"


def test_its_collider_overlays_it(world: World) -> None:
    mesh = generated(world).value.supplied_collider
    assert mesh is not None
    np.testing.assert_allclose(np.sort(mesh.vertices, axis=0), np.sort(world.mesh.vertices, axis=0), atol=1e-5)
    assert np.linalg.det(np.stack([mesh.vertices[mesh.triangles[0, k]] for k in range(3)])) == pytest.approx(
        np.linalg.det(world.mesh.triangles[0]), abs=1e-5
    ), "turned, not mirrored"


def test_by_hand_as_by_file(world: World) -> None:
    by_hand = generated(world, files={"world": None}, metric_scale_factor=FACTOR, ground_plane_offset=OFFSET)
    assert_in_place(by_hand.value, world)
    assert by_hand.value.cloud.frame is Frame.WORLD


def test_what_is_given_by_hand_beats_the_file(world: World) -> None:
    cloud = generated(world, ground_plane_offset=OFFSET + 0.5).value.cloud
    np.testing.assert_allclose(cloud.positions[:, 2], world.cloud.positions[:, 2] + 0.5, atol=1e-5)


def test_a_measured_scale_moves_the_ground_along(world: World) -> None:
    """The offset is in Marble's metres: with another scale the ground is still where the file has it."""
    outcome = generated(world, scale=2 * FACTOR)
    np.testing.assert_allclose(outcome.value.cloud.positions, 2 * world.cloud.positions, atol=1e-5)
    assert outcome.value.scale.uncertainty_percent == 5.0
    assert outcome.value.cloud.frame is Frame.WORLD


def test_without_a_ground_the_floor_is_looked_for(world: World) -> None:
    outcome = generated(world, files={"world": None}, metric_scale_factor=FACTOR)
    assert outcome.value.cloud.frame is Frame.GENERATOR
    refined = refine.run(outcome.value, refine.Params(), Progress()).value
    np.testing.assert_allclose(refined.cloud.positions[:, 2], world.cloud.positions[:, 2], atol=5e-3)
    mesh = refined.supplied_collider
    assert mesh is not None, "it moves with the scene"
    np.testing.assert_allclose(mesh.vertices[:, 2].min(), 0, atol=5e-3)


def test_a_factor_of_one_is_no_scale(world: World, tmp_path: Path) -> None:
    told = write_answer(tmp_path / "world.json", answer(1.0))
    outcome = generated(world, files={"world": str(told)})
    assert not outcome.value.scale.is_metric
    assert outcome.value.cloud.frame is Frame.GENERATOR
    said = next(f for f in outcome.findings if f.code == "splat.marble_scale_unknown")
    assert "Marble says that it could not tell" in said.message
    refined = refine.run(outcome.value, refine.Params(), Progress())
    assert {"scale.uncertain"} == {f.code for f in refined.findings if f.severity is Severity.ERROR}


def test_a_floor_elsewhere_is_told(world: World) -> None:
    generation = generated(world, ground_plane_offset=OFFSET + 0.3).value
    outcome = refine.run(generation, refine.Params(), Progress())
    finding = next(f for f in outcome.findings if f.code == "refine.floor_height")
    assert finding.severity is Severity.WARNING
    assert finding.measured == pytest.approx(0.3, abs=0.01)
    assert "where the scene says its ground is" in finding.message
    np.testing.assert_allclose(outcome.value.cloud.positions[:, 2].min(), 0.3, atol=0.02)
    assert "refine.floor_height" not in codes(refine.run(generated(world).value, refine.Params(), Progress()))


def test_an_offset_needs_its_scale(world: World) -> None:
    with pytest.raises(
        InvalidRequest, match=r"ground_plane_offset: is in metres .* needs generate\.metric_scale_factor"
    ):
        generated(world, files={"world": None}, ground_plane_offset=1.0)


def test_a_collider_of_other_axes_and_units(world: World, tmp_path: Path) -> None:
    """In metres and y down about the splat's origin, as some programs would turn it."""
    mesh = world.mesh.copy()
    to_file = Similarity.build(rotation=UP_AXES["-y"].inverse().rotation, translation=(0.0, OFFSET, 0.0))
    mesh.apply_transform(to_file.matrix)
    mesh.export(tmp_path / "other.glb")
    files = {"collider_glb": str(tmp_path / "other.glb")}
    moved = generated(world, files=files, collider_up="-y", collider_scale=1.0).value.supplied_collider
    assert moved is not None
    np.testing.assert_allclose(np.sort(moved.vertices, axis=0), np.sort(world.mesh.vertices, axis=0), atol=1e-5)


def test_bad_colliders_are_told_before_the_splat_is_read(world: World, tmp_path: Path) -> None:
    (tmp_path / "broken.glb").write_bytes(b"no mesh")
    request = SceneRequest(splat=str(tmp_path / "none.ply"), collider_glb=str(tmp_path / "broken.glb"))
    with pytest.raises(InvalidRequest, match=r"broken\.glb"):
        run(request, Params(), Progress())


def test_a_viewpoint_becomes_six_cameras(world: World) -> None:
    cameras = generated(world, viewpoint="0,0,0").value.cameras
    assert len(cameras) == 6
    for camera in cameras:
        np.testing.assert_allclose(camera.position, (0, 0, OFFSET), atol=1e-5)
    ways = np.array([camera.cam_to_world[:3, 2] for camera in cameras])
    np.testing.assert_allclose(ways[0], (0, 1, 0), atol=1e-6)
    np.testing.assert_allclose(np.sort(ways @ ways.T, axis=1), np.tile([-1, 0, 0, 0, 0, 1], (6, 1)), atol=1e-6)
    moved = generated(world, viewpoint="1, -0.5, 2e0").value.cameras[0]
    np.testing.assert_allclose(moved.position, np.array([1, 2, 0.5]) * FACTOR + (0, 0, OFFSET), atol=1e-5)
    assert generated(world).value.cameras == ()


@pytest.mark.parametrize("text", ["", "1,2", "1,2,3,4", "a,b,c", "0,0,nan", "0,inf,0"])
def test_bad_viewpoints(world: World, text: str) -> None:
    with pytest.raises(InvalidRequest, match=r"generate\.viewpoint must be"):
        generated(world, viewpoint=text)


def test_our_own_usd_says_which_way_is_up_but_not_how_large_it_is(tmp_path: Path) -> None:
    """A stage is WORLD even where its scale was only assumed, so that is asked for again."""
    cloud = make_random_cloud(50, 0)
    write(cloud.transformed(Similarity(), Frame.WORLD), tmp_path / "a.usdz", FieldParams())
    write_ply(tmp_path / "a.ply", cloud)
    outcome = run(SceneRequest(splat=str(tmp_path / "a.usdz")), Params(), Progress())
    np.testing.assert_allclose(outcome.value.cloud.positions, cloud.positions)
    assert not codes(outcome)
    assert not outcome.value.scale.is_metric
    assert outcome.value.as_asked
    assert not run(SceneRequest(splat=str(tmp_path / "a.ply")), Params(), Progress()).value.as_asked

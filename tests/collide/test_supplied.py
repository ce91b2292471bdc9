"""Triangles that came with a scene: compared with ours, or taken as they are."""

from __future__ import annotations

import numpy as np
import pytest

from lyra_backend.collide import supplied, surface
from lyra_backend.collide.comparison import compare
from lyra_backend.errors import InvalidRequest
from lyra_backend.progress import Progress
from lyra_backend.types import CollisionPart, CollisionProxy, Severity, TriangleMesh

from ..marble_world import scene
from . import clouds


def mesh_of(trimesh_mesh):
    return TriangleMesh(np.asarray(trimesh_mesh.vertices), np.asarray(trimesh_mesh.faces))


def proxy_of(mesh):
    return CollisionProxy((CollisionPart("environment", mesh.vertices, mesh.triangles),), "surface", {})


@pytest.fixture(scope="module")
def room():
    """A room with a box in it, wound towards its inside."""
    return mesh_of(scene()[1])


def moved(mesh, shift):
    return TriangleMesh(mesh.vertices + np.float32(shift), mesh.triangles)


def found(outcome, code):
    return next(f for f in outcome.findings if f.code == f"collide.supplied_{code}")


def test_equal_colliders_are_equal(room):
    outcome = compare(proxy_of(room), room, ())
    for name in ("median_m", "p95_m", "back_median_m", "back_p95_m", "far_share", "missing_share", "floor_m"):
        assert outcome.counts[f"supplied_{name}"] == pytest.approx(0, abs=1e-5), name
    assert all(f.severity is Severity.INFO for f in outcome.findings)


@pytest.mark.parametrize("up", [0.04, -0.03])
def test_a_raised_floor_has_its_sign(room, up):
    outcome = compare(proxy_of(room), moved(room, (0, 0, up)), ())
    assert outcome.counts["supplied_floor_m"] == pytest.approx(up, abs=1e-4)
    assert outcome.counts["supplied_p95_m"] == pytest.approx(abs(up), abs=1e-3)
    assert found(outcome, "floor").severity is Severity.INFO


def test_a_wrong_floor_is_a_warning(room):
    outcome = compare(proxy_of(room), moved(room, (0, 0, 0.08)), ())
    assert found(outcome, "floor").severity is Severity.WARNING
    assert found(outcome, "floor").measured == pytest.approx(0.08, abs=1e-4)


def test_thicker_walls_stand_before_ours(room):
    """A room 5 cm smaller on every side, without its box: walls, floor and ceiling before ours, and the box is ours."""
    low, high = room.vertices[:8].min(axis=0), room.vertices[:8].max(axis=0)
    inner = np.where(room.vertices[:8] == low, low + np.float32(0.05), high - np.float32(0.05))
    outcome = compare(proxy_of(room), TriangleMesh(inner, room.triangles[:12]), ())
    assert outcome.counts["supplied_median_m"] == pytest.approx(0.05, abs=1e-3)
    assert outcome.counts["supplied_back_median_m"] == pytest.approx(0.05, abs=1e-3)
    box_share = 1.9 / (39.0 + 1.9)  # of what is seen; the ceiling and walls are 27 m2 and the floor 7
    assert outcome.counts["supplied_far_share"] == pytest.approx(box_share, abs=0.03)
    assert outcome.counts["supplied_missing_share"] == pytest.approx(0, abs=0.01)


def test_what_ours_lacks_is_counted_apart(room):
    bare = TriangleMesh(room.vertices[:8], room.triangles[:12])
    outcome = compare(proxy_of(bare), room, ())
    assert outcome.counts["supplied_missing_share"] > 0.03
    assert outcome.counts["supplied_far_share"] < outcome.counts["supplied_missing_share"]


def test_what_nobody_sees_is_left_out(room):
    """A lining within the box, as ours have them, is not held against the other collider."""
    box = room.vertices[8:]
    middle = box.mean(axis=0)
    lining = proxy_of(
        TriangleMesh(
            np.concatenate([room.vertices, middle + 0.3 * (box - middle)]),
            np.concatenate([room.triangles, (room.triangles[12:] + 8)[:, ::-1]]),
        )
    )
    assert compare(lining, room, ()).counts["supplied_far_share"] == 0


def test_another_frame_is_a_warning_with_a_hint(room):
    turned = TriangleMesh(room.vertices[:, [0, 2, 1]] * np.float32([1, -1, 1]), room.triangles)
    outcome = compare(proxy_of(room), turned, ())
    assert found(outcome, "far").severity is Severity.WARNING
    assert "generate.collider_up" in found(outcome, "far").message


def test_a_collider_elsewhere_has_nothing_in_common(room):
    outcome = compare(proxy_of(room), moved(room, (100, 0, 50)), ())
    assert (outcome.counts["supplied_far_share"], outcome.counts["supplied_missing_share"]) == (1, 1)
    assert "supplied_floor_m" not in outcome.counts


def test_where_no_free_space_is_seen_nothing_is_compared(room):
    ceiling = TriangleMesh([(0, 0, 2), (3, 0, 2), (0, 3, 2)], [(0, 1, 2)])  # faces up, away from who stands below
    outcome = compare(proxy_of(ceiling), room, ())
    assert [f.code for f in outcome.findings] == ["collide.supplied_uncompared"]
    assert not outcome.counts


def test_ours_of_the_gaussians_against_the_surface_they_were_made_of(room):
    cloud, _ = scene()
    ours = surface.run(cloud, (), surface.Params(), Progress())
    counts = compare(ours.value, room, (clouds.camera((0, 0, 1.1), (0, 1, 1.1)),)).counts
    assert abs(counts["supplied_median_m"]) < 0.005
    assert counts["supplied_p95_m"] < 0.02
    assert counts["supplied_far_share"] < 0.01
    assert counts["supplied_missing_share"] < 0.01


def test_supplied_triangles_are_taken_as_they_are(room):
    cloud, _ = scene()
    outcome = supplied.run(cloud, (), supplied.Params(voxel_size=0.08), Progress(), room)
    part = outcome.value.parts[0]
    np.testing.assert_array_equal(part.triangles, room.triangles)
    np.testing.assert_array_equal(part.vertices, room.vertices)
    assert outcome.value.error_m["p95"] < 0.01
    assert "collide.supplied_winding" not in {f.code for f in outcome.findings}


@pytest.mark.parametrize("cameras", [(), (clouds.camera((0, 0, 1.1), (0, 1, 1.1)),)], ids=["none", "one"])
def test_backs_are_told_and_can_be_turned(room, cameras):
    cloud, _ = scene()
    backs = TriangleMesh(room.vertices, room.triangles[:, ::-1])
    told = supplied.run(cloud, cameras, supplied.Params(voxel_size=0.08), Progress(), backs)
    assert "collide.flip=true" in found(told, "winding").message
    turned = supplied.run(cloud, cameras, supplied.Params(voxel_size=0.08, flip=True), Progress(), backs)
    assert "collide.supplied_winding" not in {f.code for f in turned.findings}


def test_a_scene_without_a_floor_still_gets_its_collider(room):
    cloud = clouds.sheet((0, 0, 0), (1, 0, 0), (0, 0, 1))
    outcome = supplied.run(cloud, (), supplied.Params(), Progress(), room)
    assert len(outcome.value.parts) == 1
    assert not any(f.severity is Severity.ERROR for f in outcome.findings)
    assert "collide.unmeasured" in {f.code for f in outcome.findings}


def test_without_triangles_it_says_what_to_do():
    with pytest.raises(InvalidRequest, match="--collider-glb"):
        supplied.run(scene()[0], (), supplied.Params(), Progress())

"""What a stage made comes back as it was."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from lyra_backend.io.stage_files import (
    load_generation,
    load_light,
    load_proxy,
    save_generation,
    save_light,
    save_proxy,
)
from lyra_backend.types import (
    Approximation,
    Bulb,
    Camera,
    CollisionPart,
    CollisionProxy,
    Environment,
    Frame,
    GaussianCloud,
    GaussianSequence,
    Generation,
    Intrinsics,
    Keyframe,
    KinematicBody,
    LightEstimate,
    Primitive,
    Role,
    Scale,
    SceneLight,
    Shape,
    Similarity,
    TriangleMesh,
    look_at,
)

from ..types.test_gaussians import make

CORNERS = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], np.float32)


def test_colliders_come_back_whole(tmp_path: Path) -> None:
    ball = Primitive(Shape.SPHERE, np.array([1.0, 2.0, 0.25]), np.array([1.0, 0, 0, 0]), np.full(3, 0.5))
    triangles = np.array([[0, 1, 2]])
    parts = (
        CollisionPart("environment", CORNERS, triangles, "floor"),
        CollisionPart(
            "ball_1", CORNERS, triangles, "ball", Approximation.CONVEX_HULL, Role.OBJECT, ball, "ball_1", 0.3, 0.9, True
        ),
    )
    save_proxy(tmp_path, CollisionProxy(parts, "surface", {"p95": 0.01}, {"leaks": 2}))
    proxy = load_proxy(tmp_path)
    assert (proxy.method, proxy.error_m, proxy.measured) == ("surface", {"p95": 0.01}, {"leaks": 2})
    for before, after in zip(parts, proxy.parts, strict=True):
        for field in fields(CollisionPart):
            if field.name != "primitive":
                assert np.array_equal(getattr(before, field.name), getattr(after, field.name)), field.name
    assert proxy.parts[0].primitive is None
    back = proxy.parts[1].primitive
    assert back is not None
    assert back.shape is Shape.SPHERE
    assert np.array_equal(back.center, ball.center)
    assert np.array_equal(back.size, ball.size)


def test_what_is_carried_comes_back_whole(tmp_path: Path) -> None:
    kind = {"approximation": Approximation.CONVEX_HULL, "role": Role.OBJECT, "body": "moving_1"}
    part = CollisionPart("moving_1", CORNERS, np.array([[0, 1, 2]]), **kind)
    before = KinematicBody(part, (0.0, 0.5), np.eye(2, 3), np.eye(2, 4), 0.02)
    floor = CollisionPart("environment", CORNERS, np.array([[0, 1, 2]]))
    save_proxy(tmp_path, CollisionProxy((floor,), "surface", {}, kinematic=(before,)))
    proxy = load_proxy(tmp_path)
    (after,) = proxy.kinematic
    assert [p.name for p in proxy.parts] == ["environment"]
    assert (after.part.name, after.part.body, after.times_s, after.error_m) == (
        "moving_1",
        "moving_1",
        (0.0, 0.5),
        0.02,
    )
    for name in ("positions", "quats_wxyz"):
        assert np.array_equal(getattr(after, name), getattr(before, name))
    assert np.array_equal(after.part.vertices, CORNERS)


def same_cloud(one: GaussianCloud, two: GaussianCloud) -> bool:
    return all(np.array_equal(getattr(one, field.name), getattr(two, field.name)) for field in fields(GaussianCloud))


def moving(*clouds: GaussianCloud, stable: bool = False) -> Generation:
    camera = Camera(Intrinsics(8, 6, 7.5, 7.25, 4.1, 2.9), look_at((1, 1, 1), (0, 0, 0)), "input")
    keyframe = Keyframe("input", np.full((6, 8, 3), 9, np.uint8), np.full((6, 8), 1.25, np.float32))
    sequence = GaussianSequence(clouds, tuple(i / 24 for i in range(len(clouds))), stable)
    return Generation(clouds[0], (camera,), Scale(20.0), provenance={"a": 1}, keyframes=(keyframe,), sequence=sequence)


@pytest.mark.parametrize("stable", [False, True])
def test_a_moving_scene_comes_back_whole(tmp_path: Path, stable: bool) -> None:
    counts = (7, 7, 7) if stable else (7, 4, 9)
    before = moving(*(make(count, seed=i) for i, count in enumerate(counts)), stable=stable)
    save_generation(tmp_path, before)
    after = load_generation(tmp_path)
    assert before.sequence is not None
    assert after.sequence is not None
    assert (after.sequence.times_s, after.sequence.stable_identity) == (before.sequence.times_s, stable)
    assert len(after.sequence.clouds) == 3
    for one, two in zip(before.sequence.clouds, after.sequence.clouds, strict=True):
        assert same_cloud(one, two)
    assert same_cloud(after.cloud, before.cloud)
    assert (after.scale, after.geometry, after.provenance) == (before.scale, before.geometry, before.provenance)
    assert np.array_equal(after.cameras[0].cam_to_world, before.cameras[0].cam_to_world)
    assert (after.cameras[0].intrinsics, after.cameras[0].name) == (before.cameras[0].intrinsics, "input")
    assert after.keyframes[0].camera == "input"
    assert np.array_equal(after.keyframes[0].depth, before.keyframes[0].depth)


def test_every_time_keeps_its_frame_and_what_its_gaussians_are(tmp_path: Path) -> None:
    first, second = (replace(make(6, seed=i, labelled=True), frame=Frame.WORLD) for i in range(2))
    second = replace(second, class_ids=np.full(6, 1, np.uint16), class_names=("unknown", "ball"))
    save_generation(tmp_path, moving(first, second))
    after = load_generation(tmp_path).sequence
    assert after is not None
    assert same_cloud(after.clouds[0], first)
    assert same_cloud(after.clouds[1], second)


def test_what_does_not_move_comes_back_once(tmp_path: Path) -> None:
    solid = (np.array([True, False, True]), np.array([False, True]))
    sequence = GaussianSequence(
        (make(3, seed=1), make(2, seed=2)), (0.0, 0.5), background=make(6), lasting=make(2, seed=3), solid=solid
    )
    save_generation(tmp_path, Generation(sequence.at(0), sequence=sequence))
    after = load_generation(tmp_path)
    assert after.sequence is not None
    assert after.sequence.background is not None
    assert same_cloud(after.sequence.background, make(6))
    assert [cloud.count for cloud in after.sequence.clouds] == [3, 2]
    assert after.sequence.lasting is not None
    assert same_cloud(after.sequence.lasting, make(2, seed=3))
    assert after.sequence.solid is not None
    assert all(np.array_equal(one, two) for one, two in zip(after.sequence.solid, solid, strict=True))
    assert same_cloud(after.cloud, sequence.at(0))


def test_a_scene_that_stands_still_has_no_times(tmp_path: Path) -> None:
    save_generation(tmp_path, Generation(make()))
    assert load_generation(tmp_path).sequence is None


@pytest.mark.parametrize("grade", ["train", "demo"])
def test_what_a_scene_is_good_for_at_best_comes_back(tmp_path: Path, grade: str) -> None:
    save_generation(tmp_path, Generation(make(), grade=grade).transformed(Similarity(2.0), Frame.WORLD))
    assert load_generation(tmp_path).grade == grade


def test_a_supplied_collider_comes_back(tmp_path: Path) -> None:
    save_generation(
        tmp_path, Generation(make(3), supplied_collider=TriangleMesh(CORNERS, np.array([[0, 1, 2]]), "a.glb"))
    )
    mesh = load_generation(tmp_path).supplied_collider
    assert mesh is not None
    assert mesh.name == "a.glb"
    np.testing.assert_array_equal(mesh.vertices, CORNERS)
    np.testing.assert_array_equal(mesh.triangles, [[0, 1, 2]])


def test_exact_colliders_come_back_and_move_with_the_scene(tmp_path: Path) -> None:
    box = Primitive(Shape.BOX, np.array([1.0, 0, 0]), np.array([1.0, 0, 0, 0]), np.ones(3))
    part = CollisionPart("a", CORNERS, np.array([[0, 1, 2]]), "desk", Approximation.CONVEX_HULL, Role.EXACT, box)
    save_generation(tmp_path, Generation(make(3), exact_colliders=(part,)).transformed(Similarity(2.0), Frame.WORLD))
    (after,) = load_generation(tmp_path).exact_colliders
    assert (after.name, after.role, after.semantic_class) == ("a", Role.EXACT, "desk")
    np.testing.assert_array_equal(after.vertices, 2 * CORNERS)
    assert after.primitive is not None
    assert after.primitive.center.tolist() == [2, 0, 0]
    (tmp_path / "bare").mkdir()
    save_generation(tmp_path / "bare", Generation(make(3)))
    assert load_generation(tmp_path / "bare").exact_colliders == ()


def test_light_comes_back_whole_and_so_does_not_knowing_it(tmp_path: Path) -> None:
    around = Environment(np.random.default_rng(0).random((4, 8, 3)), np.full((4, 8), 0.5), np.array([1.0, 2.0, 0.6]))
    lamp = Bulb((1.0, 2.0, 3.0), (0.5, 0.25, 0.125))
    known = SceneLight((0.1, 0.2, 0.3), (1, 1, 1), (2, 2, 2), (0, 0.6, 0.8), (lamp,), sun_angle_deg=5.0)
    for name, estimate in (("all", LightEstimate(known, around)), ("nothing", LightEstimate())):
        (tmp_path / name).mkdir()
        save_light(tmp_path / name, estimate)
        back = load_light(tmp_path / name)
        assert back.light == estimate.light
        assert (back.environment is None) == (estimate.environment is None)
        for field in fields(Environment):
            if estimate.environment is not None:
                assert np.array_equal(getattr(back.environment, field.name), getattr(estimate.environment, field.name))

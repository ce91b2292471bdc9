"""Each limit can be broken, and decides alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pxr import Gf, Sdf, Usd, Vt

from lyra_backend import params
from lyra_backend.progress import Progress
from lyra_backend.types import Finding, GaussianCloud, Severity
from lyra_backend.validate import Params, depth_fit, physics_findings
from lyra_backend.validate.colliders import read_colliders
from lyra_backend.validate.engine_process import EngineResult
from lyra_backend.validate.floor_columns import Columns
from lyra_backend.validate.free_points import Samples, Views
from lyra_backend.validate.gaussian_fit import check_fit
from lyra_backend.validate.gaussians import check_gaussians
from lyra_backend.validate.motion_scores import DropScore, ShotScore
from lyra_backend.validate.moving_bodies import MovingBodies, Poses
from lyra_backend.validate.physics import check_physics
from lyra_backend.validate.probe_bodies import Bodies
from lyra_backend.validate.robots import robot_findings
from lyra_backend.validate.robots.check import Trial, judge
from lyra_backend.validate.robots.robot_scores import Conduct, StanceScore, WalkScore
from lyra_backend.validate.survey import survey_colliders
from lyra_backend.validate.usd import check_usd

from ..author.fields import author_scene, cloud_of, room_proxy
from . import physics_rooms as rooms

Check = Callable[[Any, Path], Sequence[Finding]]


def room_cloud(**changes: Any) -> GaussianCloud:
    """1000 solid Gaussians in a room of 6 m."""
    cloud = cloud_of(1000, degree=0)
    return replace(cloud, **({"opacities": np.full(1000, 0.9, np.float32)} | changes))


def gaussians(cloud: GaussianCloud) -> Check:
    return lambda limits, folder: check_gaussians(cloud, limits, Progress()).findings


def moved(factor: float, first: float = 0.0) -> np.ndarray:
    """Positions of the room, larger or smaller, with one of them far out."""
    positions = room_cloud().positions * np.float32(factor)
    positions[0, 0] += first
    return positions


def scales(largest: float, count: int = 1000) -> np.ndarray:
    """Scales of the room with a needle in each of the first Gaussians."""
    found = np.full((1000, 3), 0.01, np.float32)
    found[:count, 0] = largest
    return found


def fit(lift: float) -> Check:
    """A room's floor seen `lift` above, or below, where it is."""

    def check(limits: Any, folder: Path) -> Sequence[Finding]:
        rng = np.random.default_rng(0)
        where = np.column_stack([rng.uniform(0, 5, 1000), rng.uniform(0, 4, 1000), np.full(1000, lift)])
        stage = Usd.Stage.CreateInMemory()
        rooms.add_mesh(stage, "/Floor", rooms.floor())
        survey = survey_colliders(read_colliders(stage), Progress())
        assert survey is not None
        return check_fit(room_cloud(positions=where), survey, limits).findings

    return check


def usd(path: str, value: Any) -> Check:
    """A scene in whose USD files one value is replaced."""

    def check(limits: Any, folder: Path) -> Sequence[Finding]:
        author_scene(folder / "scene", cloud_of(40), room_proxy())
        file = folder / "scene" / ("gaussians.usdc" if path.startswith("/Gaussians") else "collision.usdc")
        layer = Sdf.Layer.OpenAsAnonymous(str(file))
        layer.GetAttributeAtPath(path).default = value
        layer.Export(str(file))
        return check_usd(folder / "scene", limits, Progress()).findings

    return check


def dropped(**bad: Any) -> Check:
    """48 bodies at rest, of which the last did something else."""

    def check(limits: Any, folder: Path) -> Sequence[Finding]:
        good = {f.name: np.zeros(48, bool) for f in fields(DropScore)}
        good |= {"held": np.ones(48, bool), "depth": np.zeros(48)}
        good |= {"ends": np.zeros((48, 3)), "crossings": np.full((48, 3), np.nan)}
        for name, value in bad.items():
            good[name][-6:] = value
        return physics_findings.drop(BODIES, DropScore(**good), limits)

    return check


BODIES = Bodies(np.zeros((48, 3)), np.zeros((48, 3)), np.zeros(48, bool), gravity=True)
SOME = np.arange(100) < 10


def columns(**masks: Any) -> Columns:
    nothing = np.zeros(100, bool)
    given = {"height": np.zeros(100), "headroom": np.full(100, 2.0), "lowest": np.zeros(100)}
    given |= {"back": nothing, "solid": nothing} | masks
    return Columns(**({"grounded": np.isfinite(given["lowest"])} | given))


def test_the_flank_of_a_boulder_is_no_hole_and_a_ceiling_is() -> None:
    high = np.where(SOME, 2.0, 0.0)
    assert not samples(lowest=high).holes.any()
    assert (samples(lowest=high, grounded=~SOME).holes == SOME).all()


def samples(**masks: Any) -> Samples:
    return Samples(np.zeros((100, 2)), np.full(100, 0.2), columns(**masks))


VIEWS = Views(np.zeros((10, 3)), np.zeros(10), np.ones((10, 10)), SOME.reshape(10, 10), np.ones((10, 10), bool))
SHOTS = ShotScore(SOME[:48], np.zeros(48, bool), np.zeros(48, bool), np.full((48, 3), np.nan))
FLAT = Vt.IntArray([0, 1, 2, 0, 2, 3, 4, 5, 6, 4, 7, 4])
TURNED = Vt.QuatfArray([Gf.Quatf(1.01, 0, 0, 0)] * 40)


def engine(limits: Any, folder: Path) -> Sequence[Finding]:
    rooms.room(folder / "room.usda")
    return check_physics(folder / "room.usda", None, limits, Progress()).findings


#: For each limit: a check of something that breaks it, what is found, and the values at which it breaks and holds.
def rested(shift: float, speed: float) -> Check:
    """One movable body that went sideways [m] and still moves [m/s]."""
    bodies = MovingBodies(("/Body",), (True,), (), np.zeros((1, 3, 3)), np.zeros(1, np.int64))
    upright = np.broadcast_to([1.0, 0.0, 0.0, 0.0], (2, 1, 4))
    poses = Poses(np.array([[[0.0, 0, 0]], [[shift, 0, 0]]]), upright, np.array([speed]))
    return lambda limits, _: physics_findings.rest(bodies, poses, limits)


def apart(metres: float, pixels: int) -> Check:
    """Gaussians and colliders whose depths differ by so much in some of a hundred pixels."""
    return lambda limits, _: depth_fit.judge(np.where(np.arange(100) < pixels, metres, 0.0), limits)


#: What says how a trial is done decides nothing by itself; see tests/validate/robots.
SETTINGS = {"accept", "robots_walks", "robots_walk_max_m", "robots_timeout_s"}


def walked(**changes: Any) -> Check:
    """A Go2 that walked 10 m without fault but for `changes` of its score or its conduct."""
    conduct = Conduct(None, np.zeros((0, 3)), 0.0, np.zeros((0, 3)))
    own = {name: changes.pop(name) for name in list(changes) if hasattr(conduct, name)}
    score = replace(WalkScore(True, np.zeros(3), 10.0, 10.0, 12.0, replace(conduct, **own)), **changes)
    trial = Trial((score,), (StanceScore(0.0, 0.0, 0.0, conduct),))
    return lambda limits, _: judge(trial, limits).findings


def stood(**changes: float) -> Check:
    """A G1 that stood without fault but for `changes` of its score."""
    stance = StanceScore(0.0, 0.0, 0.0, Conduct(None, np.zeros((0, 3)), 0.0, np.zeros((0, 3))))
    return lambda limits, _: robot_findings.stances([replace(stance, **changes)], limits)


CASES: dict[str, tuple[Check, str, Any, Any]] = {
    "gaussian_count_min": (gaussians(room_cloud()), "gaussians.count", 1001, 1000),
    "gaussian_count_max": (gaussians(room_cloud()), "gaussians.count", 999, 1000),
    "extent_min_m": (gaussians(room_cloud(positions=moved(0.02), scales=scales(0.01))), "gaussians.extent", 0.2, 0.1),
    "extent_max_m": (gaussians(room_cloud(positions=moved(500.0))), "gaussians.extent", 2000.0, 4000.0),
    "outlier_ratio_max": (gaussians(room_cloud(positions=moved(1.0, 200.0))), "gaussians.outliers", 10.0, 50.0),
    "faint_share_max": (
        gaussians(room_cloud(opacities=np.r_[np.full(600, 1e-3), np.ones(400)])),
        "gaussians.faint",
        0.5,
        0.7,
    ),
    "opaque_share_min": (gaussians(room_cloud(opacities=np.full(1000, 0.3))), "gaussians.fog", 0.01, 0.0),
    "scale_share_of_extent_max": (gaussians(room_cloud(scales=scales(4.0, 20))), "gaussians.huge", 0.25, 0.5),
    "huge_share_max": (gaussians(room_cloud(scales=scales(4.0, 20))), "gaussians.huge", 0.005, 0.03),
    "needle_ratio": (gaussians(room_cloud(scales=scales(0.6))), "gaussians.needles", 50.0, 70.0),
    "needle_share_max": (gaussians(room_cloud(scales=scales(0.6, 200))), "gaussians.needles", 0.1, 0.3),
    "below_floor_depth_m": (fit(-0.15), "gaussians.below_floor", 0.1, 0.2),
    "below_floor_share_max": (fit(-0.15), "gaussians.below_floor", 0.1, 1.0),
    "collider_gap_m": (fit(0.3), "collider.uncovered", 0.2, 0.4),
    "collider_uncovered_share_max": (fit(0.3), "collider.uncovered", 0.2, 1.0),
    "depth_median_max_m": (apart(0.02, 100), "depth.median", 0.01, 0.03),
    "depth_p95_max_m": (apart(0.06, 10), "depth.p95", 0.05, 0.1),
    "quaternion_norm_error_max": (usd("/Gaussians.orientations", TURNED), "field.orientation_norm", 1e-3, 0.1),
    "degenerate_triangle_share_max": (
        usd("/World/Collision/Environment.faceVertexIndices", FLAT),
        "collider.degenerate",
        0.01,
        0.5,
    ),
    "collider_triangles_max": (usd("/World/Collision/Environment.purpose", "guide"), "collider.size", 3, 100),
    "static_friction_min": (
        usd("/World/PhysicsMaterials/Environment.physics:dynamicFriction", 0.04),
        "collider.friction",
        0.05,
        0.01,
    ),
    "physics_floor_area_min_m2": (
        lambda limits, _: [physics_findings.floor_area(1.5, limits)],
        "physics.floor_area",
        2.0,
        1.0,
    ),
    "physics_floor_holes_max": (
        lambda limits, _: [physics_findings.floor_holes(samples(lowest=np.where(SOME, np.nan, 0.0)), limits)],
        "physics.floor_holes",
        0.001,
        0.2,
    ),
    "physics_back_faces_max": (
        lambda limits, _: [physics_findings.floor_back_faces(samples(back=SOME), limits)],
        "physics.back_faces",
        0.01,
        0.2,
    ),
    "physics_wall_back_faces_max": (
        lambda limits, _: [physics_findings.wall_back_faces(VIEWS, limits)],
        "physics.wall_back_faces",
        0.02,
        0.2,
    ),
    "physics_solid_max": (lambda limits, _: physics_findings.solid(0.95, limits), "physics.solid", 0.9, 0.96),
    "physics_held_min": (dropped(held=False), "physics.held", 0.95, 0.5),
    "physics_fallen_max": (dropped(fallen=True), "physics.fallen", 0.0, 0.2),
    "physics_crossed_max": (dropped(crossed=True), "physics.crossed", 0.0, 0.2),
    "physics_jitter_max": (dropped(jitter=True), "physics.jitter", 0.05, 0.2),
    "physics_floating_max": (dropped(floating=True), "physics.floating", 0.02, 0.2),
    "physics_penetration_max_m": (dropped(depth=0.03), "physics.penetration", 0.02, 0.04),
    "physics_tunnelled_max": (
        lambda limits, _: physics_findings.shots(BODIES, SHOTS, limits),
        "physics.tunnelled",
        0.0,
        0.5,
    ),
    "physics_drift_max_m": (rested(shift=0.02, speed=0.0), "physics.body_drift", 0.01, 0.03),
    "physics_rest_speed_max_m_s": (rested(shift=0.0, speed=0.05), "physics.body_speed", 0.01, 0.1),
    "physics_surface_moved_max": (
        lambda limits, _: physics_findings.surface_moved(np.zeros(100), 0.05 * SOME, np.zeros((100, 3)), limits),
        "physics.surface_moved",
        0.01,
        0.2,
    ),
    "physics_engine_errors_max": (
        lambda limits, _: physics_findings.engine_log(EngineResult({}, ("bad mesh",), ()), limits),
        "physics.engine_errors",
        0,
        1,
    ),
    "physics_timeout_s": (engine, "physics.engine_failed", 0.15, 180.0),
    "robots_not_reached_max": (walked(reached=False), "robots.not_reached", 0.0, 1.0),
    "robots_fell_max": (walked(fell=np.zeros(3)), "robots.fell", 0, 1),
    "robots_stumbled_max": (walked(stumbles=np.zeros((2, 3))), "robots.stumbled", 1.0, 2.0),
    "robots_penetration_max_m": (walked(depth_m=0.03), "robots.penetration", 0.02, 0.04),
    "robots_crossed_max": (walked(crossings=np.zeros((5, 3))), "robots.crossed", 0, 1),
    "robots_stance_drift_max_m": (stood(drift_m=0.06), "robots.stance", 0.05, 0.07),
    "robots_stance_tilt_max_deg": (stood(tilt_rad=0.3), "robots.stance_tilt", 12.0, 20.0),
}


@pytest.mark.parametrize("name", [f.name for f in fields(Params) if f.name not in SETTINGS])
def test_each_limit_decides_alone(tmp_path: Path, name: str) -> None:
    """What breaks one limit is found, as the only fault, and passes when that limit alone is moved."""
    check, code, broken, kept = CASES[name]
    for value, expected, folder in ((broken, {code}, tmp_path / "a"), (kept, set(), tmp_path / "b")):
        folder.mkdir()
        limits = params.build(Params, "validate", {name: value})
        found = check(limits, folder)
        assert {f.code for f in found if f.severity is not Severity.INFO} == expected


def test_violations_break_the_limits_as_they_are() -> None:
    """Except where a scene of that size would be too large for a test, cases break the default."""
    smaller = {"gaussian_count_min", "gaussian_count_max", "collider_triangles_max", "physics_timeout_s"}
    assert {name for name, case in CASES.items() if case[2] != getattr(Params(), name)} == smaller

"""Does a robot's depth sensor see the same place in the Gaussians as on the colliders?

Does: compare the depth of the rendered Gaussians with rays on the colliders, from where robots have their eyes. Does
not: say which of them is right.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..render.mesh_depth import MeshDepth
from ..render.splats import depth_of
from ..types import Camera, Finding, GaussianCloud, Intrinsics, Outcome, Severity, look_at
from .reachable_points import in_largest_place
from .survey import Survey, random_stream

__all__ = ["check_depth", "judge", "viewpoints"]

Floats = npt.NDArray[np.float64]

#: Eyes of robots above the ground [m]: small wheeled ones, quadrupeds, humanoids.
HEIGHTS = (0.3, 0.6, 1.5)
PLACES = 3
#: Free space around an eye, and below what is above it [m].
GAP = 0.2
#: A depth camera of 87 degrees. Gaussians reach over the edges of things, so coarser pictures show larger errors.
LENS = Intrinsics.from_fov(320, 200, 87.0)
#: Depth sensors of robots see no farther [m].
REACH = 10.0
CANDIDATES = 600
_STREAM = 6


def check_depth(cloud: GaussianCloud, survey: Survey, limits: Any) -> Outcome[None]:
    """Compare depths of a WORLD cloud and of the colliders below and around it, moving ones where they stand."""
    cameras = viewpoints(survey)
    corners = np.concatenate([survey.colliders.corners, survey.colliders.moving.corners])
    mesh = MeshDepth(corners.reshape(-1, 3).astype(np.float32), np.arange(3 * len(corners)).reshape(-1, 3))
    apart, either, both = [np.zeros(0)], 0, 0
    for camera in cameras:
        seen = depth_of(cloud, camera)
        met = mesh.of(camera)
        has_seen, has_met = seen < REACH, met < REACH
        apart.append(np.abs(seen - met)[has_seen & has_met].astype(np.float64))
        either, both = either + int((has_seen | has_met).sum()), both + int((has_seen & has_met).sum())
    error = np.concatenate(apart)
    if not len(error):
        return Outcome(None)
    counts = {"depth_views": len(cameras), "depth_pixels": len(error), "depth_one_sided": round(1 - both / either, 4)}
    return Outcome(None, counts, judge(error, limits))


def judge(error: Floats, limits: Any) -> tuple[Finding, ...]:
    """Hold differences of depth (N,) [m], one for each pixel, against the limits."""
    median, p95 = (float(f"{np.quantile(error, q):.4g}") for q in (0.5, 0.95))
    return (
        _finding("median", median, limits.depth_median_max_m, "half"),
        _finding("p95", p95, limits.depth_p95_max_m, "95 %"),
    )


def viewpoints(survey: Survey) -> tuple[Camera, ...]:
    """Return level cameras at robots' heights above free floor, far from each other, each looking some way.

    Floor inside of furniture is none.
    """
    rng = random_stream(_STREAM)
    columns = survey.samples.columns
    standing = np.flatnonzero(columns.found & ~columns.back & (columns.headroom > HEIGHTS[-1] + GAP))[:CANDIDATES]
    ground = np.column_stack([survey.samples.points, columns.height])[standing]
    for height in HEIGHTS:
        ground = ground[survey.index.are_free(ground + [0.0, 0.0, height], GAP)]
    ground = ground[survey.colliders.moving.clearance(ground + [0.0, 0.0, HEIGHTS[0]]) > GAP]
    ground = ground[in_largest_place(survey.colliders.corners, ground + [0.0, 0.0, HEIGHTS[0]])]
    cameras = []
    for place in _spread(ground, PLACES):
        for height, yaw in zip(HEIGHTS, rng.uniform(0.0, 2 * np.pi, len(HEIGHTS)), strict=True):
            eye = place + [0.0, 0.0, height]
            cameras.append(Camera(LENS, look_at(eye, eye + [np.cos(yaw), np.sin(yaw), 0.0])))
    return tuple(cameras)


def _spread(points: Floats, count: int) -> Floats:
    """Return up to `count` of the points (N, 3), each as far as can be from those before it."""
    if not len(points):
        return points
    chosen, away = [0], np.full(len(points), np.inf)
    while len(chosen) < min(count, len(points)):
        away = np.minimum(away, np.linalg.norm(points - points[chosen[-1]], axis=1))
        chosen.append(int(away.argmax()))
    return points[chosen]


def _finding(what: str, value: float, limit: float, share: str) -> Finding:
    message = (
        f"From robots' heights {share} of the pixels differ by less than {1000 * value:.3g} mm in depth between "
        f"Gaussians and colliders (limit: {1000 * limit:g} mm)."
    )
    severity = Severity.WARNING if value > limit else Severity.INFO
    return Finding(f"depth.{what}", severity, message, value, limit)

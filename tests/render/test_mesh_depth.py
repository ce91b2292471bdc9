"""Depth of triangles is along the axis of the camera, through the middles of pixels."""

from __future__ import annotations

import numpy as np

from lyra_backend.render.mesh_depth import MeshDepth
from lyra_backend.types import Camera, Intrinsics, look_at


def test_depth_of_a_slanted_plane_and_of_nothing() -> None:
    """A floor seen from 2 m above it, looking down by 45 degrees: z n.p = h for each pixel's ray."""
    floor = np.array([[-50.0, -50, 0], [50, -50, 0], [50, 50, 0], [-50, 50, 0]])
    camera = Camera(Intrinsics.from_fov(64, 48, 100.0), look_at((0, 0, 2), (2, 0, 0)))
    depth = MeshDepth(floor, np.array([[0, 1, 2], [0, 2, 3]])).of(camera)
    lens = camera.intrinsics
    y = (np.arange(48) + 0.5 - lens.cy) / lens.fy
    down = (1 + y) / np.sqrt(2)  # how far a ray comes down for each metre along the axis
    expected = np.where(down > 0.05, 2.0 / np.maximum(down, 0.05), np.inf)
    near = expected < 20
    assert np.abs(depth[near] - expected[near, None]).max() < 1e-4 * 20
    below = MeshDepth(floor, np.array([[0, 2, 1], [0, 3, 2]])).of(camera)
    np.testing.assert_allclose(below, depth, rtol=1e-5)  # from either side
    away = MeshDepth(floor - [0, 0, 500], np.array([[0, 1, 2]])).of(Camera(lens, look_at((0, 0, 2), (0, 0, 3))))
    assert np.isinf(away).all()

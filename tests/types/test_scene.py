"""Meshes, colliders, generations and reports."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from lyra_backend.errors import InvalidRequest
from lyra_backend.types import (
    CollisionPart,
    CollisionProxy,
    Finding,
    Frame,
    Generation,
    RunReport,
    Scale,
    Severity,
    Similarity,
    StageReport,
    TexturedMesh,
    TexturedPart,
    look_at,
)
from lyra_backend.types.camera import Camera, Intrinsics
from lyra_backend.types.mesh import triangle_normals_and_areas

from .test_gaussians import make

CORNERS = np.float32([[0, 0, 0], [1, 0, 0], [0, 1, 0]])
TRIANGLE = np.int32([[0, 1, 2]])


def part(**values: object) -> TexturedPart:
    given = {
        "name": "floor",
        "vertices": CORNERS,
        "triangles": TRIANGLE,
        "uvs": np.zeros((3, 2)),
        "texture": np.zeros((2, 2, 3), np.uint8),
        "class_ids": np.zeros(1, np.uint16),
    }
    return TexturedPart(**(given | values))  # type: ignore[arg-type]


def test_colliders_weld_with_their_own_corners() -> None:
    one = CollisionPart("one", CORNERS, TRIANGLE)
    two = replace(one, name="two", vertices=CORNERS + 5)
    proxy = CollisionProxy((one, two), "surface", {})
    vertices, triangles = proxy.welded()
    assert triangles.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert vertices[3].tolist() == [5, 5, 5]
    none = CollisionProxy((), "none", {})
    assert [len(a) for a in none.welded()] == [0, 0]


def test_colliders_that_cannot_be() -> None:
    with pytest.raises(InvalidRequest, match="must have triangles"):
        CollisionPart("one", CORNERS, np.zeros((0, 3), np.int32))
    for bad in ([[0, 1, 3]], [[-1, 0, 1]]):
        with pytest.raises(InvalidRequest, match="must index its 3 vertices"):
            CollisionPart("one", CORNERS, np.int32(bad))
        with pytest.raises(InvalidRequest, match="must index its 3 vertices"):
            part(triangles=np.int32(bad))
    for unsafe in ([[0, 1, 1.5]], [[0.0, 1.0, np.nan]], [[0, 1, 2**32 + 2]], [[True, False, True]], [["0", "1", "2"]]):
        with pytest.raises(InvalidRequest, match=r"triangles must be (whole numbers|an array of numbers)"):
            CollisionPart("one", CORNERS, np.array(unsafe))
    assert CollisionPart("one", CORNERS, np.array([[0.0, 1.0, 2.0]])).triangles.dtype == np.int32
    with pytest.raises(InvalidRequest, match="texture must be whole numbers from 0 to 255"):
        part(texture=np.full((2, 2, 3), 0.5))
    with pytest.raises(InvalidRequest, match=r"uvs must have shape \(3, 2\)"):
        part(uvs=np.zeros((2, 2)))


def test_a_generation_moves_as_one() -> None:
    camera = Camera(Intrinsics.from_fov(8, 6, 60), look_at((1, 1, 1), (0, 0, 0)))
    whole = Generation(make(), (camera,), Scale(3.0), "exact", TexturedMesh((part(),)), {"generator": "test"})
    move = Similarity.build(2.0, translation=(0, 0, 1))
    moved = whole.transformed(move, Frame.WORLD)
    assert moved.cloud.frame is Frame.WORLD
    assert moved.truth is not None
    np.testing.assert_allclose(moved.truth.parts[0].vertices, move.apply(CORNERS))
    np.testing.assert_allclose(moved.cameras[0].position, [2, 2, 3], atol=1e-6)
    assert (moved.scale, moved.geometry, moved.provenance) == (whole.scale, "exact", {"generator": "test"})
    assert whole.scale.is_metric
    assert not Scale().is_metric
    with pytest.raises(InvalidRequest, match="exact, measured or inferred, got 'guessed'"):
        Generation(make(), geometry="guessed")


def test_reports_are_json_there_and_back() -> None:
    finding = Finding("scale.unknown", Severity.ERROR, "no scale", 1.0, None, "/World")
    stages = (StageReport("generate", "rgbd", {"gaussians": 3}, ()), StageReport("refine", "", {}, (finding,)))
    report = RunReport(False, True, "measured", "demo", stages)
    assert report.findings == (finding,)
    back = RunReport.from_json(json.loads(json.dumps(report.to_json())))
    assert back == report
    assert back.findings[0].severity is Severity.ERROR


def test_normals_and_areas_of_triangles() -> None:
    flat = CORNERS[TRIANGLE]
    normals, areas = triangle_normals_and_areas(np.concatenate([flat, 3 * flat[:, ::-1], flat[:, [0, 0, 1]]]))
    assert normals.tolist() == [[0, 0, 1], [0, 0, -1], [0, 0, 0]]
    assert areas.tolist() == [0.5, 4.5, 0.0]
    none = triangle_normals_and_areas(np.zeros((0, 3, 3)))
    assert [a.shape for a in none] == [(0, 3), (0,)]

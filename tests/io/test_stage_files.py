"""What a stage made comes back as it was."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import numpy as np

from lyra_backend.io.stage_files import load_proxy, save_proxy
from lyra_backend.types import Approximation, CollisionPart, CollisionProxy, Primitive, Role, Shape

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

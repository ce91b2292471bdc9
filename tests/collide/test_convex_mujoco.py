"""Convex pieces hold bodies in MuJoCo, which takes every mesh for its hull."""

from __future__ import annotations

import numpy as np
import pytest

from lyra_backend.collide import convex
from lyra_backend.progress import Progress

from .clouds import box, join, room

mujoco = pytest.importorskip("mujoco", reason="MuJoCo comes with the extra test; this says whether it takes the pieces")


def scene(parts, balls) -> str:
    """MJCF of convex pieces that stand still and of balls that fall."""
    meshes, geoms = [], []
    for part in parts:
        points = " ".join(f"{x:.6f}" for x in part.vertices.ravel())
        meshes.append(f'<mesh name="{part.name}" vertex="{points}"/>')
        # MuJoCo moves a mesh to its own middle, and a geom without a place of its own back again
        geoms.append(f'<geom type="mesh" mesh="{part.name}"/>')
    bodies = [
        f'<body pos="{x} {y} {z}"><freejoint/><geom type="sphere" size="0.05" mass="0.2"/></body>' for x, y, z in balls
    ]
    return (
        f"<mujoco><option timestep='0.002'/><asset>{''.join(meshes)}</asset>"
        f"<worldbody>{''.join(geoms)}{''.join(bodies)}</worldbody></mujoco>"
    )


def test_balls_come_to_rest_on_floor_and_furniture():
    cloud = join(room(), box((1.0, 1.0, 0.0), (1.5, 1.6, 0.5)))
    outcome = convex.run(cloud, (), convex.Params(), Progress())
    balls = [(0.5, 0.4, 0.4), (2.4, 0.5, 0.6), (1.25, 1.3, 0.8)]
    model = mujoco.MjModel.from_xml_string(scene(outcome.value.parts, balls))
    data = mujoco.MjData(model)
    for _ in range(1000):
        mujoco.mj_step(model, data)
    heights = data.xpos[1:, 2]
    assert heights == pytest.approx([0.05, 0.05, 0.55], abs=0.01)
    assert np.abs(data.qvel).max() < 0.5

"""Robots read from MJCF, held against MuJoCo itself."""

from __future__ import annotations

from pathlib import Path

import mujoco
import numpy as np
import pytest

from lyra_backend.errors import InvalidRequest
from lyra_backend.robot_models.model import read_mjcf

#: Two legs of one kind and another, a mesh that is not there, and joints off the middle and askew.
BIRD = """
<mujoco model="bird">
  <compiler angle="radian"/>
  <default>
    <default class="collision"><geom group="3" friction="0.7"/></default>
    <default class="picture"><geom group="2" type="mesh" contype="0" conaffinity="0"/></default>
  </default>
  <asset><mesh name="feathers" file="nowhere.obj"/></asset>
  <worldbody>
    <geom name="ground" type="plane" size="1 1 1" group="3"/>
    <body name="trunk" pos="0 0 0.5">
      <freejoint/>
      <inertial pos="0.01 0 0.02" mass="3" diaginertia="0.03 0.02 0.01" quat="0.9 0.1 0.2 0.3"/>
      <geom class="picture" mesh="feathers"/>
      <geom class="collision" type="box" size="0.2 0.1 0.05"/>
      <body name="left" pos="0.05 0.1 0" quat="0.9 0.3 0.1 0">
        <inertial pos="0 0 -0.1" mass="0.5" diaginertia="0.002 0.002 0.001"/>
        <joint name="left_hip" axis="1 1 0" pos="0 0.02 0.03" range="-1 2" armature="0.01" damping="0.3"/>
        <geom class="collision" type="capsule" size="0.02" fromto="0 0 0 0 0 -0.2"/>
        <body name="left_foot" pos="0 0 -0.2">
          <inertial pos="0 0 0" mass="0.1" diaginertia="0.001 0.001 0.001"/>
          <joint name="left_ankle" axis="0 1 0" actuatorfrcrange="-5 5" frictionloss="0.1"/>
          <geom class="collision" type="sphere" size="0.03" friction="0.9"/>
        </body>
      </body>
      <body name="right" pos="0.05 -0.1 0">
        <inertial pos="0 0 -0.1" mass="0.5" diaginertia="0.002 0.002 0.001"/>
        <joint name="right_hip" axis="0 0 -1" range="-0.5 0.5"/>
        <geom class="collision" type="cylinder" size="0.03 0.1" pos="0 0 -0.1"/>
      </body>
    </body>
  </worldbody>
  <actuator>
    <motor joint="left_hip" ctrlrange="-20 20"/>
    <position joint="right_hip" kp="50" ctrlrange="-1 1"/>
  </actuator>
</mujoco>
"""
SINGLE = '<mujoco><worldbody><body name="a">{}<geom size="0.1" group="3"/></body></worldbody></mujoco>'


@pytest.fixture
def bird(tmp_path: Path) -> Path:
    path = tmp_path / "bird.xml"
    path.write_text(BIRD)
    return path


def test_links_hinges_and_shapes_are_those_of_the_file(bird: Path) -> None:
    model = read_mjcf(bird)
    assert [(link.name, link.parent) for link in model.links] == [
        ("trunk", -1),
        ("left", 0),
        ("left_foot", 1),
        ("right", 0),
    ]
    assert sum(link.mass for link in model.links) == pytest.approx(4.1)
    assert model.hinge_names == ("left_hip", "left_ankle", "right_hip")
    hip, ankle, other = model.hinges
    assert (hip.torque_max, ankle.torque_max, other.torque_max) == (20.0, 5.0, np.inf)
    assert (hip.lower, hip.upper, hip.armature, hip.damping, ankle.friction) == (-1.0, 2.0, 0.01, 0.3, 0.1)
    assert (ankle.lower, ankle.upper) == (-np.pi, np.pi)
    assert np.allclose(hip.axis, np.array([1, 1, 0]) / np.sqrt(2))
    found = [(shape.link, shape.kind, shape.friction) for shape in model.shapes]
    assert found == [(0, "box", 0.7), (1, "capsule", 0.7), (2, "sphere", 0.9), (3, "cylinder", 0.7)]
    assert model.shapes[1].size == pytest.approx((0.02, 0.1))
    assert model.link_index("right") == 3
    with pytest.raises(InvalidRequest, match="no link tail; it has: trunk, left"):
        model.link_index("tail")


def test_poses_are_those_that_mujoco_computes(bird: Path) -> None:
    model = read_mjcf(bird)
    theirs = mujoco.MjModel.from_xml_string(
        BIRD.replace('<geom class="picture" mesh="feathers"/>', "").replace(
            '<asset><mesh name="feathers" file="nowhere.obj"/></asset>', ""
        )
    )
    data = mujoco.MjData(theirs)
    rng = np.random.default_rng(0)
    for _ in range(5):
        quat = rng.normal(size=4)
        quat /= np.linalg.norm(quat)
        root, angles = rng.normal(size=3), rng.uniform(-1, 1, 3)
        data.qpos[:] = [*root, *quat, *angles]
        mujoco.mj_kinematics(theirs, data)
        for number, (position, turn) in enumerate(model.poses_at(root, quat, angles), 1):
            assert np.allclose(position, data.xpos[number], atol=1e-9)
            assert abs(turn @ data.xquat[number]) == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("<mujoco", "cannot read it"),
        (SINGLE.format(""), "must float"),
        (SINGLE.format('<freejoint/><inertial pos="0 0 0" mass="1" diaginertia="1 1 1"/><body name="b">'
                       '<joint type="slide"/><geom size="0.1" group="3"/></body>'), "hinges only"),
    ],
)  # fmt: skip
def test_what_is_no_such_robot_is_refused(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "thing.xml").write_text(text)
    with pytest.raises(InvalidRequest, match=rf"robot model thing\.xml: .*{why}"):
        read_mjcf(tmp_path / "thing.xml")


def test_a_file_that_is_not_there_is_said_to_be(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match=r"robot model none\.xml: MuJoCo cannot read it"):
        read_mjcf(tmp_path / "none.xml")

"""The stance and the policy of real robots; their files are fetched by `tools/dev.py`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lyra_backend.errors import InvalidRequest
from lyra_backend.robot_models.gaits import G1_STANCE, GO2_WALK, WalkingPolicy, hold
from lyra_backend.robot_models.model import read_mjcf
from lyra_backend.robot_models.store import find
from lyra_backend.types.rotations import matrix_from_quat

LEVEL = np.array([0.0, 0.0, -1.0])
STILL = np.zeros(3)


@pytest.mark.parametrize(("name", "stance"), [("go2", GO2_WALK), ("g1", G1_STANCE)])
def test_in_its_stance_a_robot_just_touches_the_ground(name: str, stance: object) -> None:
    model = read_mjcf(find(name).model)
    assert stance in (GO2_WALK, G1_STANCE)
    poses = model.poses_at(np.array([0, 0, stance.upright]), np.array([1.0, 0, 0, 0]), stance.angles_of(model))
    lowest = []
    for shape in model.shapes:
        origin, quat = poses[shape.link]
        turn = matrix_from_quat(quat) @ matrix_from_quat(shape.quat_wxyz)
        ends = [-shape.size[1], shape.size[1]] if shape.kind == "capsule" else [0.0]
        middle = origin + matrix_from_quat(quat) @ shape.position
        if shape.kind in ("sphere", "capsule"):
            lowest += [(middle + end * turn[:, 2])[2] - shape.size[0] for end in ends]
    assert min(lowest) == pytest.approx(0.0, abs=0.005)


def test_servos_have_the_torques_of_the_model_and_the_gains_of_the_stance() -> None:
    model = read_mjcf(find("go2").model)
    servos = hold(model, GO2_WALK)
    assert {servo.stiffness for servo in servos} == {20.0}
    assert {servo.torque_max for servo in servos} == {23.7, 45.43}
    assert GO2_WALK.angles_of(model).tolist() == [0.0, 0.8, -1.5] * 4


def test_the_policy_knows_forwards_from_left() -> None:
    """Mirrored states and commands give mirrored actions, roughly, as the legs of a trained policy do."""
    files = find("go2")
    model = read_mjcf(files.model)
    policy = WalkingPolicy(files.policy, model)
    stance = GO2_WALK.angles_of(model)
    row = [model.hinge_names.index(name) for name in WalkingPolicy.ORDER]

    def action(command: list[float]) -> np.ndarray:
        last = np.zeros(12)
        for _ in range(5):
            targets, last = policy.act(STILL, LEVEL, stance, np.zeros(12), np.array(command), last)
        assert np.allclose((targets - stance)[row], last * WalkingPolicy.ACTION_SCALE)
        return last.reshape(4, 3)

    left, right = action([0.0, 0.0, 1.0]), action([0.0, 0.0, -1.0])
    mirrored = right[[1, 0, 3, 2]] * [-1.0, 1.0, 1.0]
    assert np.abs(left - mirrored).mean() < 0.5 * np.abs(left - right).mean()
    assert np.abs(action([1.0, 0.0, 0.0]) - action([0.0, 0.0, 0.0])).max() > 0.1


def test_another_robot_and_another_file_are_refused(tmp_path: Path) -> None:
    files = find("go2")
    with pytest.raises(InvalidRequest, match="it moves 12 hinges of a Go2"):
        WalkingPolicy(files.policy, read_mjcf(find("g1").model))
    (tmp_path / "policy.onnx").write_bytes(b"no network")
    with pytest.raises(InvalidRequest, match=r"walking policy policy\.onnx: onnxruntime cannot load it"):
        WalkingPolicy(tmp_path / "policy.onnx", read_mjcf(files.model))

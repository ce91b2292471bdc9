"""A robot that is put down and left alone: does it stand? Which one is asked, and how its pose is judged."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lyra_backend.types import Locomotion, Navigation

from .outcome import Check, State

__all__ = ["STANDS_ALONE", "judge_stand", "robot_to_stand"]

#: Robots of these kinds stand without a controller; legged ones sink to the floor.
STANDS_ALONE = (Locomotion.WHEELS, Locomotion.FIXED)
#: What is more than settling on wheels: turned [deg], moved sideways [m], sunk further than it was put down above [m].
TILT_DEG, ASIDE_M, SINK_M = 10.0, 0.1, 0.05

Matrix = npt.NDArray[np.float64]


def robot_to_stand(navigation: Navigation) -> str:
    """Return a robot that the scene has places for and that stands by itself; "" if there is none."""
    names = [s.robot.name for s in navigation.spaces if s.robot.locomotion in STANDS_ALONE and s.spawn_points.count]
    return names[0] if names else ""


def judge_stand(robot: str, seconds: float, before: Matrix, after: Matrix, clearance_m: float) -> Check:
    """Judge the pose of a robot's body after some seconds.

    Args:
        before, after: body to world for row vectors, shape (4, 4) [m].
        clearance_m: how much higher than it stands it was put down [m].
    """
    first, last = np.asarray(before, np.float64), np.asarray(after, np.float64)
    if not np.isfinite(last).all():
        return Check("robot.stands", State.FAILED, f"{robot}: its pose is not finite; the simulation blew up.")
    up = [(m[:3, :3] / np.linalg.norm(m[:3, :3], axis=1, keepdims=True))[:, 2] for m in (first, last)]
    # what the world's up is in the body's axes: turns about it do not count
    tilt = float(np.degrees(np.arccos(np.clip(up[0] @ up[1], -1.0, 1.0))))
    aside = float(np.linalg.norm(last[3, :2] - first[3, :2]))
    sunk = float(first[3, 2] - last[3, 2]) - clearance_m
    good = tilt <= TILT_DEG and aside <= ASIDE_M and sunk <= SINK_M
    said = f"{robot} after {seconds:g} s: tilted by {tilt:.1f} deg, moved by {aside:.2f} m, sunk by {sunk:.2f} m"
    return Check.of("robot.stands", good, said, tilt, TILT_DEG, "deg")

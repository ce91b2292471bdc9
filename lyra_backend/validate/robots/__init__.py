"""Robots in the loop: a policy walks a Go2 along planned ways, G1s hold their stance, on the colliders as shipped."""

from .check import ROBOTS, check_robots, require_robots

__all__ = ["ROBOTS", "check_robots", "require_robots"]

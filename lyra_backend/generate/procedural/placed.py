"""Objects that stand in a scene."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .objects import Kind
from .placement import Rect
from .things import Thing

__all__ = ["Placed", "overlaps", "pose"]


@dataclass(frozen=True, eq=False)
class Placed:
    """An object in the scene: where its origin is [m], how it is turned [rad]."""

    kind: Kind
    thing: Thing
    x: float
    y: float
    z: float
    yaw: float
    name: str

    @property
    def rect(self) -> Rect:
        """The floor that it takes."""
        return Rect(self.x, self.y, *self.thing.footprint, self.yaw)


def pose(x: float, y: float, z: float, yaw: float) -> np.ndarray:
    """Return the rigid transform (4, 4) that stands an object at (x, y, z) [m], turned by `yaw` [rad]."""
    out = np.eye(4)
    out[:2, :2] = [[np.cos(yaw), -np.sin(yaw)], [np.sin(yaw), np.cos(yaw)]]
    out[:3, 3] = x, y, z
    return out


def overlaps(a: Rect, b: Rect) -> bool:
    """Return whether two rectangles of one orientation overlap."""
    c, s = np.cos(a.yaw), np.sin(a.yaw)
    dx, dy = b.x - a.x, b.y - a.y
    return bool(abs(dx * c + dy * s) < (a.w + b.w) / 2 and abs(dy * c - dx * s) < (a.d + b.d) / 2)

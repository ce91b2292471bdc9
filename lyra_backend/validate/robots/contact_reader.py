"""What the links of robots touch: forces and depths, as the engine reports them.

Like :mod:`.robot_body` by the engine's bindings, not by its sessions: those take fifty times as long, and load Warp.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ..physics_engine import Engine

__all__ = ["ContactReader"]

Floats = npt.NDArray[np.float64]

#: Contacts for each link that there is room for; a foot amid small triangles has a dozen.
CONTACTS = 64


class ContactReader:
    """Reads contacts of the links whose prim paths are given; must be made before the first step."""

    def __init__(self, engine: Engine, paths: Sequence[str]) -> None:
        """Select the links, which carry PhysxContactReportAPI.

        Raises:
            RuntimeError: the engine knows others.
        """
        most = CONTACTS * len(paths)
        self._bound = engine.physx.create_contact_binding(sensor_patterns=list(paths), max_contact_data_count=most)
        if list(self._bound.sensor_paths) != list(paths):
            raise RuntimeError(f"the engine has {self._bound.sensor_count} contact sensors of {len(paths)} links")
        self._forces = np.zeros((len(paths), 3), np.float32)
        self._layout = np.zeros((len(paths), 2), np.int32)
        self._separations = np.zeros((most, 1), np.float32)
        self._rest = (np.zeros((most, 1), np.float32), np.zeros((most, 3), np.float32), np.zeros((most, 3), np.float32))
        self._actors = np.zeros((most, 2), np.int64)

    def forces(self) -> Floats:
        """Return how hard each link is pushed [N], the length of the sum of normal forces, shape (L,)."""
        self._bound.read_net_normal_forces(self._forces)
        return np.linalg.norm(self._forces, axis=1).astype(np.float64)

    def depths(self) -> Floats:
        """Return how deep each link is in what it touches [m], 0 where it touches nothing, shape (L,)."""
        self._bound.read_raw_contact_data(*self._rest, self._separations, self._layout, self._actors)
        depths = np.zeros(len(self._layout))
        for link in np.flatnonzero(self._layout[:, 0]):
            count, start = self._layout[link]
            depths[link] = max(0.0, -float(self._separations[start : start + count].min(initial=0.0)))
        return depths

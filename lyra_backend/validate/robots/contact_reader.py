"""What the links of robots touch: forces and depths, as the engine reports them."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np

from ..physics_engine import Engine

__all__ = ["ContactReader"]


class ContactReader:
    """Reads contacts of the links whose prim paths are given with their (robot, link)."""

    def __init__(self, engine: Engine, rows: dict[str, tuple[int, int]]) -> None:
        """Select the contact sensors of the stage; must be made before the first step."""
        from ovphysx.types import SimObjectType

        self._physx = engine.physx
        self._query = engine.physx.query(SimObjectType.CONTACT_SENSOR).wait()
        self._rows = rows
        self._order: list[tuple[int, int] | None] = []

    def forces(self) -> dict[int, dict[int, float]]:
        """Return how hard each touched link is pushed [N]: robot -> link -> sum of normal forces, as a length."""
        found: dict[int, dict[int, float]] = defaultdict(dict)
        with self._physx.read(self._query, ["netNormalContactForce"]).wait() as result:
            for group in _groups(result):
                # The sensors are the same in every step; looking up their names takes longer than reading.
                self._order = self._order or self._named(result, group)
                size = np.linalg.norm(group.tensors[0].numpy(), axis=1)
                for row in np.flatnonzero(size > 0.0):
                    if place := self._order[row]:
                        found[place[0]][place[1]] = float(size[row])
        return found

    def depths(self) -> dict[int, dict[int, float]]:
        """Return how deep each touched link is in what it touches [m]: robot -> link -> depth."""
        found: dict[int, dict[int, float]] = defaultdict(dict)
        with self._physx.read(self._query, ["rawContactSeparation"]).wait() as result:
            for group in _groups(result):
                for place, tensor in zip(self._named(result, group), group.tensors, strict=True):
                    if place:
                        found[place[0]][place[1]] = max(0.0, -float(tensor.numpy().min()))
        return found

    def _named(self, result: Any, group: Any) -> list[tuple[int, int] | None]:
        paths = result.dictionary.get_path_strings(group.prim_list)
        return [self._rows.get(p) for p in paths[group.prim_offset : group.prim_offset + group.prim_count]]


def _groups(result: Any) -> Any:
    while (group := result.fetch_next().wait()) is not None:
        if group.tensors:
            yield group

"""How scenes are put side by side."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..errors import InvalidRequest, shown

__all__ = ["AtlasOptions"]


@dataclass(frozen=True)
class AtlasOptions:
    """Distances and numbers; see docs/atlas.md.

    Attributes:
        margin_m: least distance between colliders of neighbours; as far as sensors reach, where scenes are open.
        spawn_count: places to start wanted in each tile.
        clearance_m: radius around each that is free, 1 m high.
        max_triangles: more in all are a finding.
    """

    margin_m: float = 10.0
    spawn_count: int = 16
    clearance_m: float = 0.3
    max_triangles: int = 1_000_000

    def __post_init__(self) -> None:
        _check("margin", self.margin_m, 0.5, 10_000.0)
        _check("spawns", self.spawn_count, 1, 1024, whole=True)
        _check("clearance", self.clearance_m, 0.05, 2.0)
        _check("max-triangles", self.max_triangles, 1, math.inf, whole=True)


def _check(name: str, value: object, least: float, most: float, *, whole: bool = False) -> None:
    is_number = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
    if not is_number or not least <= value <= most:  # type: ignore[operator]  # not a number is refused too
        kind = "a whole number" if whole else "a number"
        top = f" to {most:g}" if math.isfinite(most) else " upwards"
        raise InvalidRequest(f"--{name}: must be {kind} from {least:g}{top}, got {shown(value)}.")

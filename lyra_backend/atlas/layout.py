"""Where each scene goes, what all become together, and where robots can start.

Does: read colliders, spread scenes over the grid, join them, look for free places. Does not: write.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ..footprint import plan_memory
from ..progress import Progress
from ..types import SceneSize
from .sources import Source

if TYPE_CHECKING:
    from ..author.atlas import AtlasMesh
    from ..author.welded import WeldedScene

__all__ = ["Layout", "lay_out"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Layout:
    """Scenes side by side; everything by tile is in the order of the sources.

    Attributes:
        sources: the scenes.
        welded: their colliders, each about its own origin.
        pitch_m: distance of neighbouring origins [m].
        origins: where the scenes' own origins are [m], shape (N, 3).
        mesh: all colliders as one.
        spawns: places on the floor to start at, of each tile (K, 3) [m].
    """

    sources: tuple[Source, ...]
    welded: tuple[WeldedScene, ...]
    pitch_m: float
    origins: Floats
    mesh: AtlasMesh
    spawns: tuple[Floats, ...]

    @property
    def names(self) -> list[str]:
        return [source.name for source in self.sources]

    def counts(self) -> dict[str, int | float]:
        """Return the sums; memory is that of engine and ray casters, as :mod:`lyra_backend.footprint` counts it."""
        vertices, triangles = len(self.mesh.points), len(self.mesh.triangles)
        size = SceneSize(shape_count=1, vertex_count=vertices, triangle_count=triangles)
        return {
            "scenes": len(self.sources),
            "triangles": triangles,
            "vertices": vertices,
            "collider_bytes": plan_memory(size, len(self.sources)).counted_bytes,
            "spawn_points": sum(map(len, self.spawns)),
        }


def lay_out(
    sources: Sequence[Source], margin_m: float, spawn_count: int, clearance_m: float, progress: Progress
) -> Layout:
    """Put scenes side by side, `margin_m` apart, and look for up to `spawn_count` places to start in each.

    Raises:
        InvalidRequest: a scene has no collider that can be put beside others.
    """
    from ..author.atlas import grid_origins, grid_pitch, place
    from ..author.welded import read_welded

    welded, found = [], []
    known: dict[Path, tuple[WeldedScene, Floats]] = {}
    for i, source in enumerate(sources):
        progress(i / len(sources), f"reading {source.name}")
        if source.directory not in known:
            scene = read_welded(source.directory)
            known[source.directory] = scene, _places(scene, spawn_count, clearance_m)
        scene, places = known[source.directory]
        welded.append(scene)
        found.append(places)
    pitch = grid_pitch([scene.box for scene in welded], margin_m)
    origins = grid_origins(len(sources), pitch)
    spawns = tuple(places + origin for places, origin in zip(found, origins, strict=True))
    return Layout(tuple(sources), tuple(welded), pitch, origins, place(welded, origins), spawns)


def _places(scene: WeldedScene, count: int, clearance_m: float) -> Floats:
    """Return places to start at about the scene's own origin [m], shape (K, 3)."""
    from ..validate.standing_points import standing_points

    return standing_points(scene.points[scene.triangles].astype(np.float64), count, clearance_m)

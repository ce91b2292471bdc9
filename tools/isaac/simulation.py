"""The timeline of a stage played in Isaac Sim's PhysX, and its map of what is in the way. Never run in Kit here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from lyra_backend.errors import MissingDependency
from lyra_backend.types import OccupancyMap

from .kit_session import Session
from .map_comparison import extent_of, rasterise

__all__ = ["body_of", "occupancy_seen", "play", "poses"]

_OMAP = "isaacsim.asset.gen.omap"
#: Frames of the timeline a second.
RATE_HZ = 60.0
#: Poses are read from USD; Fabric would keep them to itself.
_TO_USD = ("/physics/updateToUsd", "/physics/updateVelocitiesToUsd")

Floats = npt.NDArray[np.float64]


def play(session: Session, seconds: float, paths: Sequence[str]) -> dict[str, Floats]:
    """Play the timeline from its start and return the prims' transforms to the world at the end, then stop it.

    Returns:
        For each path a matrix for row vectors, shape (4, 4).
    """
    import omni.timeline

    _write_poses_to_usd()
    timeline = omni.timeline.get_timeline_interface()
    timeline.set_looping(False)
    timeline.set_end_time(max(seconds + 1.0, timeline.get_end_time()))
    timeline.play()
    frames = 0
    while frames < 2 * seconds * RATE_HZ and (frames < 2 or timeline.get_current_time() < seconds):
        session.update()
        frames += 1
    ends = poses(session, paths)
    timeline.stop()
    session.update(2)
    return ends


def poses(session: Session, paths: Sequence[str]) -> dict[str, Floats]:
    """Return the prims' transforms to the world now, those that are gone left out."""
    import omni.usd

    prims = {path: session.stage.GetPrimAtPath(path) for path in paths}
    return {path: np.array(omni.usd.get_world_transform_matrix(prim)) for path, prim in prims.items() if prim}


def body_of(session: Session, path: str) -> str:
    """Return the path of the first rigid body at or below a prim, a robot's base; "" if there is none."""
    from pxr import Usd, UsdPhysics

    prims = Usd.PrimRange(session.stage.GetPrimAtPath(path), Usd.TraverseInstanceProxies())
    return next((str(prim.GetPath()) for prim in prims if prim.HasAPI(UsdPhysics.RigidBodyAPI)), "")


def occupancy_seen(
    session: Session, ours: OccupancyMap, start: Sequence[float], band: tuple[float, float]
) -> OccupancyMap:
    """Return what Isaac Sim's own generator finds in the way, on the grid of our map.

    Args:
        ours: says which area and which cells.
        start: a free place, x and y [m].
        band: heights of the world between which something is in the way [m].

    Raises:
        MissingDependency: the generator's extension is not there.
    """
    import omni.kit.app
    import omni.physx
    import omni.timeline
    import omni.usd

    omni.kit.app.get_app().get_extension_manager().set_extension_enabled_immediate(_OMAP, True)
    try:
        from isaacsim.asset.gen.omap.bindings import _omap
    except ImportError as error:
        raise MissingDependency(_OMAP, "the comparison of maps") from error
    timeline = omni.timeline.get_timeline_interface()
    timeline.play()
    session.update(3)  # colliders are cooked when the timeline starts
    generator = _omap.Generator(omni.physx.get_physx_interface(), omni.usd.get_context().get_stage_id())
    _generate(generator, ours, start, band)
    session.update()
    found = rasterise(np.array(generator.get_occupied_positions()), np.array(generator.get_free_positions()), ours)
    timeline.stop()
    session.update(2)
    return found


def _generate(generator: Any, ours: OccupancyMap, start: Sequence[float], band: tuple[float, float]) -> None:
    """Let the generator work: its bounds are relative to the place that it starts from."""
    low, high = extent_of(ours)
    z = (band[0] + band[1]) / 2
    generator.update_settings(ours.resolution_m, 4, 5, 6)
    generator.set_transform(
        (start[0], start[1], z),
        (low[0] - start[0], low[1] - start[1], band[0] - z),
        (high[0] - start[0], high[1] - start[1], band[1] - z),
    )
    generator.generate2d()


def _write_poses_to_usd() -> None:
    import carb.settings
    import omni.kit.app

    omni.kit.app.get_app().get_extension_manager().set_extension_enabled_immediate("omni.physx.fabric", False)
    settings = carb.settings.get_settings()
    for name in _TO_USD:
        settings.set_bool(name, True)

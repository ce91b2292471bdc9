"""Root layers for File > Open, one for each version of Isaac Sim: stage.usda with what that version draws.

Kit reads render settings from the root layer alone, and which appearance a version draws differs, so one root for all
cannot be right. Does: select a variant, state its settings and where its robots' assets are. Does not: hold anything
else; all is in stage.usda, which is a sublayer here, so that robots added there are seen in every version.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pxr import Sdf

from .layers import RenderSettings, write_layer
from .robots import PlacedRobot, point_elsewhere
from .stage import APPEARANCE_SET, STAGE_FILE, WORLD_NAME
from .time_codes import TimeCodes

__all__ = ["version_file", "write_version_stage"]


def version_file(version: int) -> str:
    """Return the name of the root layer for Isaac Sim `version`."""
    return f"stage_isaac{version}.usda"


def write_version_stage(
    directory: Path,
    version: int,
    appearance: str,
    render_settings: RenderSettings,
    times: TimeCodes | None = None,
    robots: Sequence[PlacedRobot] = (),
    assets_root: str = "",
) -> str:
    """Write ``stage_isaac<version>.usda`` beside ``stage.usda`` in `directory`; return its name.

    Args:
        directory: where ``stage.usda`` is.
        version: major version of Isaac Sim.
        appearance: variant that this version draws.
        render_settings: what that variant needs of the renderer.
        times: when the scene moves, if it does.
        robots: those of ``stage.usda`` that come from another root of assets in this version.
        assets_root: that root.
    """

    def fill(layer: Sdf.Layer) -> None:
        layer.subLayerPaths.append(f"./{STAGE_FILE}")
        world = Sdf.PrimSpec(layer, WORLD_NAME, Sdf.SpecifierOver)
        world.variantSelections[APPEARANCE_SET] = appearance
        point_elsewhere(world, robots, assets_root)

    name = version_file(version)
    write_layer(directory / name, WORLD_NAME, fill, render_settings=render_settings, times=times)
    return name

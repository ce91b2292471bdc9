# SPDX-FileCopyrightText: Copyright (c) 2026 Lyra SceneGen contributors
# SPDX-License-Identifier: Apache-2.0

"""Which appearance of a scene a version of Kit can draw, and what the renderer must be told for it.

A scene carries its Gaussians in one or more representations, as variants of the set "appearance". Kit 110.1 (Isaac Sim
6.0.1) draws particle fields, older ones NuRec volumes only. Settings that a representation needs are written into the
root layers ``stage_isaac<version>.usda`` beside a scene, which Kit reads when it opens them; a scene that is referenced
does not bring them along, so they are read from there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from pxr import Sdf, Usd

__all__ = [
    "APPEARANCE",
    "choose_appearance",
    "drawn_primitives",
    "find_scenes",
    "read_render_settings",
    "scene_file",
    "settings_of",
    "stage_file",
    "stated_settings",
]

APPEARANCE = "appearance"
#: First Kit that draws ParticleField3DGaussianSplat.
PARTICLE_FIELDS_SINCE = (110, 1)
_SPLATS = {True: ("particleField", "nurec"), False: ("nurec",)}
_MESHES = ("mesh", "proxy", "none")
_SCENE = "scene.usda"

Setting = bool | int | float | str


def scene_file(path: str | Path) -> Path:
    """Return the file to refer to: a run directory's scene, or the USD file that is given.

    Raises:
        ValueError: there is no such file.
    """
    path = Path(path).expanduser().absolute()
    file = path / _SCENE if path.is_dir() else path
    if not file.is_file():
        raise ValueError(f"{file}: there is no such scene. Give a run's directory or a USD file.")
    return file


def stage_file(run: Path, kit_version: str) -> Path:
    """Return the stage of a run to open: the one for this version's Isaac Sim where there is one."""
    own = run / f"stage_isaac{6 if _draws_particle_fields(kit_version) else 5}.usda"
    return own if own.is_file() else run / "stage.usda"


def drawn_primitives(kit_version: str) -> list[str]:
    """Return the primitives to ask for, so that this version of Kit draws a scene's Gaussians."""
    return ["particle_field"] if _draws_particle_fields(kit_version) else ["nurec"]


def choose_appearance(kit_version: str, available: Iterable[str]) -> str:
    """Return the best appearance that a version of Kit ("110.1.2+main.0") draws, "" if a scene has none to choose."""
    names = set(available)
    drawn = (*_SPLATS[_draws_particle_fields(kit_version)], *_MESHES)
    return next((name for name in drawn if name in names), "")


def read_render_settings(scene: Path, appearance: str) -> dict[str, Setting]:
    """Return what the renderer must be told for an appearance of a scene, {"/rtx/post/tonemap/op": 2}.

    Empty where no root layer beside the scene shows that appearance.
    """
    for root in sorted(scene.parent.glob("stage_isaac*.usda"), reverse=True):
        try:
            layer = Sdf.Layer.FindOrOpen(str(root))
        except RuntimeError:  # USD's own error for a file that it cannot parse
            continue
        prim = layer.GetPrimAtPath(f"/{layer.defaultPrim}") if layer else None
        if prim is not None and prim.variantSelections.get(APPEARANCE) == appearance:
            return stated_settings(layer)
    return {}


def stated_settings(root: Sdf.Layer) -> dict[str, Setting]:
    """Return the render settings that a root layer states, by Kit's path; Kit sets these when it opens the layer."""
    told: Mapping[str, Setting] = root.customLayerData.get("renderSettings", {})
    return {"/" + name.replace(":", "/"): value for name, value in told.items()}


def find_scenes(stage: Usd.Stage) -> list[Usd.Prim]:
    """Return the prims of a stage that refer to scenes."""
    found = []
    prims = iter(Usd.PrimRange(stage.GetPseudoRoot()))
    for prim in prims:
        if prim.GetVariantSets().HasVariantSet(APPEARANCE):
            found.append(prim)
            prims.PruneChildren()
    return found


def settings_of(prim: Usd.Prim) -> dict[str, Setting]:
    """Return what the renderer must be told for a scene's prim as it looks now."""
    file = _file_of(prim)
    look = prim.GetVariantSet(APPEARANCE).GetVariantSelection()
    return read_render_settings(Path(file), look) if file and Path(file).is_file() else {}


def _file_of(prim: Usd.Prim) -> str:
    """Return the file that a scene's prim refers to, "" if it refers to none."""
    for spec in prim.GetPrimStack():
        for items in (spec.payloadList, spec.referenceList):
            for item in items.GetAddedOrExplicitItems():
                if item.assetPath:
                    return str(spec.layer.ComputeAbsolutePath(item.assetPath))
    return ""


def _draws_particle_fields(kit_version: str) -> bool:
    return _number(kit_version) >= PARTICLE_FIELDS_SINCE


def _number(version: str) -> tuple[int, int]:
    found = re.match(r"(\d+)\.(\d+)", version)
    return (int(found[1]), int(found[2])) if found else (0, 0)

"""The scene for NVIDIA Isaac Lab: one Python file to import and the little of it that differs from scene to scene.

Does: copy ``isaac_lab_cfg.py``, the same for every scene, and write ``isaac_lab.json``: the variants that the scene
has and where its colliders are. Does not: import Isaac Lab, or know where robots can be; the file reads that from what
lies beside it when it is imported.
"""

from __future__ import annotations

import json
from pathlib import Path

from pxr import Sdf

from .collision import COLLISION_ROOT
from .stage import SCENE_FILE, STAGE_FILE

__all__ = ["CFG_FILE", "DATA_FILE", "write_isaac_lab"]

CFG_FILE = "isaac_lab_cfg.py"
DATA_FILE = "isaac_lab.json"


def write_isaac_lab(directory: Path) -> tuple[str, ...]:
    """Write both files into `directory`, where the scene and its stage are already; return their names."""
    template = Path(__file__).parent / "_training" / CFG_FILE
    (directory / CFG_FILE).write_bytes(template.read_bytes())
    variants: dict[str, list[str]] = {}
    for name in (SCENE_FILE, STAGE_FILE):
        variants |= _variants(directory / name)
    data = {"collision": COLLISION_ROOT, "variants": variants}
    (directory / DATA_FILE).write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
    return (CFG_FILE, DATA_FILE)


def _variants(path: Path) -> dict[str, list[str]]:
    """Return the variants by set that a layer's default prim is authored with."""
    layer = Sdf.Layer.FindOrOpen(str(path))
    world = layer.GetPrimAtPath(f"/{layer.defaultPrim}")
    return {name: sorted(variants.variants.keys()) for name, variants in sorted(world.variantSets.items())}

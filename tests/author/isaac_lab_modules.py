"""Modules that stand for Isaac Lab: its configuration classes with the real names of their fields, and nothing else.

The names are in tests/data/isaac_lab_fields.json, as ``tools/check_isaac_lab.py --fields`` writes them down from the
wheels. A keyword that a class does not declare is a TypeError, as it is in Isaac Lab.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

FIELDS = json.loads((Path(__file__).parent.parent / "data" / "isaac_lab_fields.json").read_text(encoding="utf-8"))
VERSIONS = tuple(FIELDS)
#: PhysX's sizes where nothing else is said, of both versions.
SIZES = {
    "gpu_max_rigid_contact_count": 2**23,
    "gpu_max_rigid_patch_count": 5 * 2**15,
    "gpu_found_lost_pairs_capacity": 2**21,
    "gpu_total_aggregate_pairs_capacity": 2**21,
}


class Config:
    """A configuration: its class's values, and those that are given."""

    fields: tuple[str, ...] = ()

    def __init__(self, **values: Any) -> None:
        known = {*self.fields, *(n for kind in type(self).__mro__ for n in getattr(kind, "__annotations__", {}))}
        if unknown := set(values) - known:
            raise TypeError(f"{type(self).__name__}() got unexpected keyword arguments {sorted(unknown)}")
        vars(self).update(values)


def _classes(version: str) -> dict[str, Any]:
    made = {name: type(name, (Config,), {"fields": tuple(fields)}) for name, fields in FIELDS[version].items()}
    for name, kind in made.items():
        if "." in name:
            setattr(made[name.partition(".")[0]], name.partition(".")[2], kind)
    for name in ("MultiMeshRayCasterCfg", "MultiMeshRayCasterCameraCfg"):
        made[name].RaycastTargetCfg = made["MultiMeshRayCasterCfg.RaycastTargetCfg"]
    for name in ("MultiMeshRayCasterCfg", "MultiMeshRayCasterCameraCfg"):
        base = "RayCasterCameraCfg" if "Camera" in name else "RayCasterCfg"
        made[name].OffsetCfg = made[f"{base}.OffsetCfg"]
    for size, value in SIZES.items():
        setattr(made["PhysxCfg"], size, value)
    identity = (1.0, 0.0, 0.0, 0.0) if version.startswith("2.") else (0.0, 0.0, 0.0, 1.0)
    made["AssetBaseCfg"].InitialStateCfg = type("InitialStateCfg", (Config,), {"rot": identity})
    return made


def install(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    """Put the modules of `version` where they are imported from."""
    made = _classes(version)
    of = {
        "isaaclab": (),
        "isaaclab.envs": (),
        "isaaclab.sim": ("UsdFileCfg", "PinholeCameraCfg", *(("PhysxCfg",) if version.startswith("2.") else ())),
        "isaaclab.assets": ("AssetBaseCfg",),
        "isaaclab.scene": ("InteractiveSceneCfg",),
        "isaaclab.terrains": ("TerrainImporterCfg",),
        "isaaclab.sensors": (
            *("CameraCfg", "MultiMeshRayCasterCameraCfg", "MultiMeshRayCasterCfg"),
            *("RayCasterCameraCfg", "RayCasterCfg"),
        ),
        "isaaclab.managers": (),
        "isaaclab.utils": (),
        "isaaclab_physx": (),
        "isaaclab_physx.physics": ("PhysxCfg",),
    }
    modules = {name: ModuleType(name) for name in of}
    for name, classes in of.items():
        vars(modules[name]).update({kind: made[kind] for kind in classes})
        if "." in name:
            setattr(modules[name.rpartition(".")[0]], name.rpartition(".")[2], modules[name])
    patterns = ModuleType("isaaclab.sensors.patterns")
    vars(patterns).update({n: made[n] for n in ("GridPatternCfg", "LidarPatternCfg", "PinholeCameraPatternCfg")})
    vars(modules["isaaclab.sensors"])["patterns"] = patterns
    vars(modules["isaaclab.utils"])["configclass"] = lambda kind: kind
    vars(modules["isaaclab.managers"])["SceneEntityCfg"] = lambda name: type("Entity", (), {"name": name})()
    if version.startswith("2."):
        del modules["isaaclab_physx"], modules["isaaclab_physx.physics"]
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)

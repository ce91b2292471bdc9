"""Build the Isaac Lab configurations of a finished run with the classes of a real Isaac Lab wheel.

    python tools/check_isaac_lab.py outputs/office                       # takes isaaclab 2.3.2.post1 from PyPI
    python tools/check_isaac_lab.py outputs/office --wheel isaaclab-3.0.0-py3-none-any.whl
    python tools/check_isaac_lab.py outputs/office --fields fields.json  # and write down the fields that were used

Isaac Sim is not needed and nothing is simulated. What only Isaac Sim has (omni, carb, isaacsim, PhysxSchema) and some
packages, where they are not installed, are replaced by stand-ins, which are listed; the configuration classes, their
checks, the ray patterns and the search for meshes are the wheel's own code.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import json
import subprocess
import sys
import tempfile
import types
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

RELEASE = "isaaclab==2.3.2.post1"
#: What Isaac Lab imports on the way and only Isaac Sim has, or what has no part in configurations.
REPLACED = (
    *("omni", "carb", "isaacsim", "usdrt"),
    *("flatdict", "gymnasium", "h5py", "hid", "matplotlib", "prettytable", "toml"),
)
ROBOT = "{ENV_REGEX_NS}/Robot/base"


class _AnyAttribute(type):
    """A class that has whatever is asked for, and can be inherited from."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return MagicMock(name=f"{cls.__name__}.{name}")


class _StandIn(types.ModuleType):
    """A module that has whatever is asked for."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.__path__: list[str] = []

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        made = _AnyAttribute(name, (), {}) if name[:1].isupper() else MagicMock(name=f"{self.__name__}.{name}")
        setattr(self, name, made)
        return made


class StandIns(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """The last finder: makes up those of `REPLACED` that are not installed."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def find_spec(self, name: str, path: Sequence[str] | None, target: Any = None) -> Any:
        head = name.partition(".")[0]
        if head not in REPLACED:
            return None
        self.names.add(head)
        return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec: Any) -> types.ModuleType:
        return _StandIn(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        """A stand-in runs nothing."""

    def replace_physx_schema(self) -> None:
        """Add the schema that Kit's build of USD has and others lack."""
        import pxr

        sys.modules["pxr.PhysxSchema"] = module = _StandIn("pxr.PhysxSchema")
        pxr.PhysxSchema = module
        self.names.add("pxr.PhysxSchema")


def fetch(folder: Path) -> Path:
    """Take the release from PyPI."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), RELEASE]
    subprocess.run(command, check=True)
    return next(folder.glob("isaaclab-*.whl"))


def unpack(wheel: Path, folder: Path) -> list[Path]:
    """Unpack a wheel and return the folders that its packages are imported from."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    if (folder / "isaaclab" / "sim").is_dir():  # 3.x
        return [folder]
    return sorted(p for p in (folder / "isaaclab" / "source").iterdir() if any(p.glob("*/__init__.py")))


def load_cfg(run: Path) -> Any:
    """Import the file of a run."""
    sys.modules.pop("isaac_lab_cfg", None)
    sys.path.insert(0, str(run))
    try:
        return importlib.import_module("isaac_lab_cfg")
    finally:
        sys.path.remove(str(run))


def build(cfg: Any) -> dict[str, Any]:
    """Build everything that the file offers."""
    return {
        "shared": cfg.SharedSceneCfg(num_envs=256),
        "own": cfg.GeneratedSceneCfg(num_envs=4),
        "terrain": cfg.SceneTerrainCfg(variants={"appearance": "none", "collision": "single"}),
        "scene": cfg.own_scene({"appearance": "none"}),
        "depth": cfg.depth_camera(ROBOT),
        "depth_own": cfg.depth_camera(ROBOT, shared=False),
        "depth_merged": cfg.depth_camera(ROBOT, merged=True),
        "lidar": cfg.lidar(ROBOT),
        "lidar_own": cfg.lidar(ROBOT, shared=False),
        "scan": cfg.height_scan(ROBOT),
        "camera": cfg.splat_camera(f"{ROBOT}/camera"),
        "physx": cfg.physx_buffers(4096),
    }


def configurations(value: Any, where: str) -> Iterator[tuple[str, Any]]:
    """Yield a configuration and those within it, each with its name."""
    if not dataclasses.is_dataclass(value) or isinstance(value, type):
        return
    yield where, value
    for field in dataclasses.fields(value):
        child = getattr(value, field.name, None)
        for part in child if isinstance(child, list) else [child]:
            yield from configurations(part, f"{where}.{field.name}")


def faults(value: Any, where: str) -> list[str]:
    """Return attributes that the classes do not declare, and fields that must be given and were not."""
    found = []
    for name, part in configurations(value, where):
        declared = {f.name for f in dataclasses.fields(part)}
        unknown = (n for n in vars(part) if n not in declared and not hasattr(type(part), n))
        found += [f"{name}.{n}: no such field" for n in unknown]
        missing = (n for n in declared if isinstance(getattr(part, n, None), type(dataclasses.MISSING)))
        found += [f"{name}.{n}: must be given" for n in missing]
    return sorted(found)


def fields_of(built: dict[str, Any]) -> dict[str, list[str]]:
    """Return the fields of all classes that ours are made of, by the name of the class."""
    parts = [part for name, value in built.items() for _, part in configurations(value, name)]
    classes = {kind for part in parts for kind in type(part).__mro__ if dataclasses.is_dataclass(kind)}
    theirs = (kind for kind in classes if kind.__module__.startswith("isaaclab"))
    return {kind.__qualname__: sorted(f.name for f in dataclasses.fields(kind)) for kind in theirs}


def ray_counts(built: dict[str, Any]) -> dict[str, int]:
    """Return how many rays the wheel's own patterns make of ours."""
    patterns = {name: built[name].pattern_cfg for name in ("lidar", "scan")}
    return {name: len(pattern.func(pattern, "cpu")[1]) for name, pattern in patterns.items()}


def first_mesh(terrain: Any, path: str) -> str:
    """Return what the wheel's own search finds at `path` of a stage with the scene at its place."""
    from pxr import Usd

    utils = importlib.import_module("isaaclab.sim.utils")
    stage = Usd.Stage.CreateInMemory()
    prim = stage.DefinePrim(f"{terrain.prim_path}/terrain", "Xform")
    prim.GetReferences().AddReference(terrain.usd_path)
    for name, choice in terrain.variants.items():
        prim.GetVariantSet(name).SetVariantSelection(choice)
    found = {
        kind: utils.get_first_matching_child_prim(path, lambda p, kind=kind: p.GetTypeName() == kind, stage=stage)
        for kind in ("Plane", "Mesh")
    }
    if found["Plane"] is not None:
        raise SystemExit(f"{found['Plane'].GetPath()} is a Plane, which is taken for an infinite floor.")
    return str(found["Mesh"].GetPath())


def check(run: Path, roots: list[Path]) -> tuple[dict[str, Any], dict[str, list[str]]]:
    """Import, build and search; return what was found, and the fields of the classes that were used."""
    stand_ins = StandIns()
    sys.path[:0] = [str(p) for p in roots]
    sys.meta_path.append(stand_ins)
    stand_ins.replace_physx_schema()
    cfg = load_cfg(run)
    built = build(cfg)
    found = {
        "quaternions": "xyzw" if cfg.XYZW else "wxyz",
        "built": sorted(built),
        "faults": [fault for name, value in built.items() for fault in faults(value, name)],
        "rays": ray_counts(built),
        "first_mesh": first_mesh(built["terrain"], built["depth"].mesh_prim_paths[0]),
        "gpu_max_rigid_contact_count": built["physx"].gpu_max_rigid_contact_count,
        "stand_ins": sorted(stand_ins.names),
    }
    return found, fields_of(built)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="directory of a finished run")
    parser.add_argument("--wheel", type=Path, help=f"Isaac Lab's wheel; without it {RELEASE} is downloaded")
    parser.add_argument("--fields", type=Path, help="JSON file for the names of the fields that were used")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, contextlib.redirect_stdout(sys.stderr):
        wheel = options.wheel or fetch(Path(name))
        found, fields = check(options.run.resolve(), unpack(wheel, Path(name) / "wheel"))
    print(json.dumps({"wheel": wheel.name, **found}, indent=2))
    if options.fields:
        options.fields.write_text(json.dumps(dict(sorted(fields.items())), indent=1) + "\n", encoding="utf-8")
    return 1 if found["faults"] else 0


if __name__ == "__main__":
    sys.exit(main())

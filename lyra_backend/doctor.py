"""A look at this installation: what works, what is missing, and the line that mends it."""

from __future__ import annotations

import platform
import shutil
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from . import __version__
from .requirements import Requirement, meets, python_versions, requirements

__all__ = ["examine"]

#: What users cannot do without an extra.
_PURPOSES = {
    "": "nothing works without",
    "physics": "the physics and asset checks; without them no scene is accepted",
    "formats": "splat files other than 3DGS PLY",
    "coacd": "closer convex pieces of objects (collide.objects=coacd)",
    "lyra": "NVIDIA Lyra: pictures, prompts and videos to scenes (docs/lyra.md)",
    "train": "Gaussians fitted to pictures",
}
#: Extras that a complete installation may lack.
_OPTIONAL = ("coacd", "lyra", "train")


def examine() -> dict[str, Any]:
    """Return versions, compute devices (the first is used) and free disk, and how to install what is missing."""
    installed = {need: _version(need.package) for need in requirements()}
    faulty = [need for need, found in installed.items() if found is None or not meets(found, need.versions)]
    optional = [need for need in faulty if need.extra in _OPTIONAL]
    faulty = [need for need in faulty if need not in optional]
    supported = meets(platform.python_version(), python_versions())
    return {
        "lyra-backend": __version__,
        "python": f"{platform.python_version()}{'' if supported else f' (not supported, needs {python_versions()})'}",
        "system": f"{platform.system()} {platform.machine()}",
        "devices": _devices(),
        "free_disk": f"{shutil.disk_usage(Path.cwd()).free / 1e9:.1f} GB in {Path.cwd()}",
        "packages": {need.package: found for need, found in installed.items() if found is not None},
        "missing": _mending(faulty, installed) or "nothing",
        "optional": _mending(optional, installed) if optional else "everything is there",
        "ready": supported and bool(installed) and not faulty,
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _devices() -> list[str]:
    """Return what kernels can run on; a broken driver must not keep the rest from being said."""
    try:
        from .kernels import describe_devices

        return describe_devices()
    except Exception as error:
        return [f"none: Warp cannot be used ({type(error).__name__}: {error})"]


def _mending(faulty: Iterable[Requirement], installed: dict[Requirement, str | None]) -> dict[str, str]:
    """Return {package: what is wrong with it and the line that mends it}."""
    if not installed:
        return {"lyra-backend": "not installed: run pip install -e . in its folder"}
    mending = {}
    for need in faulty:
        target = f"lyra-backend[{need.extra}]" if need.extra else f"{need.package}{need.versions}"
        found = installed[need]
        state = f"{found} is installed, needs {need.versions}" if found else _PURPOSES.get(need.extra, need.extra)
        mending[need.package] = f"{state}: pip install '{target}'"
    return mending

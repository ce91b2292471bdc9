"""A look at this installation: what works, what is missing, and the line that mends it."""

from __future__ import annotations

import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from . import __version__

__all__ = ["examine"]

#: Package -> (what it is for, the extra that brings it; "" = every installation has it).
_PACKAGES = {
    "numpy": ("arrays", ""),
    "scipy": ("nearest neighbours, image morphology", ""),
    "warp-lang": ("kernels on CPU and CUDA", ""),
    "usd-core": ("writing and reading USD", ""),
    "ovphysx": ("the physics check (NVIDIA PhysX)", "physics"),
    "ovstage": ("the physics check (stage loading)", "physics"),
    "omniverse-asset-validator": ("NVIDIA's asset rules", "physics"),
    "gsply": ("compressed PLY and SPZ splats", "formats"),
    "gaussforge": (".splat, .ksplat and .sog splats", "formats"),
}


def examine() -> dict[str, Any]:
    """Return versions, the compute device, and for each missing package the line that installs it."""
    packages, missing = {}, {}
    for name, (purpose, extra) in _PACKAGES.items():
        try:
            packages[name] = version(name)
        except PackageNotFoundError:
            target = f"lyra-backend[{extra}]" if extra else name
            missing[name] = f"{purpose}: pip install '{target}'"
    return {
        "lyra-backend": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "device": _device() if "warp-lang" in packages else "unknown until warp-lang is installed",
        "packages": packages,
        "missing": missing or "nothing",
        "ready": sys.version_info[:2] in ((3, 11), (3, 12)) and not missing,
    }


def _device() -> str:
    from .kernels import describe_device

    return describe_device()

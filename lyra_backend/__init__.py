"""Lyra SceneGen: text, image, video or splat to a stage that a robot can stand, walk and see in.

The names below load their modules on first use; importing this package alone loads neither torch, Warp nor USD.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "generate_scene": "api",
    "convert": "api",
    "make_atlas": "api",
    "make_collider": "api",
    "validate_scene": "api",
    "SceneRequest": "types",
    "GaussianCloud": "types",
    "RunReport": "types",
    "Finding": "types",
    "LyraError": "errors",
    "InvalidRequest": "errors",
    "MissingDependency": "errors",
    "StageFailed": "errors",
    "WriteFailed": "errors",
    "Cancelled": "errors",
}

__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'lyra_backend' has no attribute {name!r}")
    return getattr(importlib.import_module(f".{home}", __name__), name)

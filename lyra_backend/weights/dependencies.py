"""Packages that only weights need, imported when they are."""

from __future__ import annotations

import importlib
from typing import Any

from ..errors import MissingDependency

__all__ = ["needed"]


def needed(module: str, purpose: str) -> Any:
    """Return an installed module.

    Raises:
        MissingDependency: it is not installed; the message has the line that installs it.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise MissingDependency(module.partition(".")[0], purpose, "lyra") from error

# SPDX-FileCopyrightText: Copyright (c) 2026 Lyra SceneGen contributors
# SPDX-License-Identifier: Apache-2.0

"""Where the package ``lyra_backend`` is: installed, in the checkout, or in a folder that a build has linked."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

__all__ = ["BackendPath", "places"]

BACKEND = "lyra_backend"


def places(folder: Path) -> tuple[Path, ...]:
    """Return the folders that may hold the backend, best first.

    Args:
        folder: of the extension. Builds link what is in it, so the checkout is looked for behind the links.
    """
    return (folder / "omni").resolve().parents[2], folder / "backend"


class BackendPath:
    """The way to the backend, and back: what was added to Python's search path is taken out again."""

    def __init__(self) -> None:
        self._added: str | None = None

    def find(self, folder: Path) -> ModuleType | None:
        """Import the installed backend, else the one near the extension's `folder`; None if there is none."""
        try:
            return importlib.import_module(BACKEND)
        except ModuleNotFoundError as error:
            if error.name != BACKEND:
                raise
        for place in places(folder):
            if (place / BACKEND / "__init__.py").is_file():
                self._added = str(place)
                sys.path.append(self._added)
                # whatever was searched for in vain before has been remembered as missing
                importlib.invalidate_caches()
                return importlib.import_module(BACKEND)
        return None

    def forget(self) -> None:
        """Take out of the search path what was added."""
        if self._added in sys.path:
            sys.path.remove(self._added)
        self._added = None

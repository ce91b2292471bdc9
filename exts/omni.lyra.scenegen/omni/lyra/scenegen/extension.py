# SPDX-FileCopyrightText: Copyright (c) 2026 Lyra SceneGen contributors
# SPDX-License-Identifier: Apache-2.0

"""Start and stop of the extension inside Kit."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

import carb
import omni.ext
import omni.kit.app

__all__ = ["Extension", "get_instance"]

BACKEND = "lyra_backend"

_instance: Extension | None = None


def get_instance() -> Extension | None:
    """Return the running extension, None while it is disabled."""
    return _instance


class Extension(omni.ext.IExt):
    """Finds the backend.

    Attributes:
        backend: the module ``lyra_backend``, None if it is neither installed nor beside this extension.
    """

    def __init__(self) -> None:
        super().__init__()
        self.backend: ModuleType | None = None
        self._added_path: str | None = None

    def on_startup(self, ext_id: str) -> None:
        """Look for the backend and log what was found."""
        global _instance
        _instance = self
        folder = Path(omni.kit.app.get_app().get_extension_manager().get_extension_path(ext_id))
        self.backend = self._find_backend(folder)
        if self.backend is None:
            carb.log_warn(
                f"[{ext_id}] {BACKEND} was not found, neither in Kit's Python nor in {_checkout(folder)}. "
                "Enable this extension from a checkout of Lyra SceneGen, or install the package into Kit's Python."
            )
            return
        place = Path(self.backend.__file__ or "").parent
        carb.log_info(f"[{ext_id}] {BACKEND} {self.backend.__version__} found in {place}")

    def on_shutdown(self) -> None:
        """Let go of everything that start-up took."""
        global _instance
        _instance = None
        self.backend = None
        if self._added_path in sys.path:
            sys.path.remove(self._added_path)
        self._added_path = None

    def _find_backend(self, folder: Path) -> ModuleType | None:
        """Import the installed backend, else the one in the checkout that holds the extension's `folder`."""
        try:
            return importlib.import_module(BACKEND)
        except ModuleNotFoundError as error:
            if error.name != BACKEND:
                raise
        checkout = _checkout(folder)
        if not (checkout / BACKEND / "__init__.py").is_file():
            return None
        self._added_path = str(checkout)
        sys.path.append(self._added_path)
        # Whatever was searched for in vain before has been remembered as missing.
        importlib.invalidate_caches()
        return importlib.import_module(BACKEND)


def _checkout(folder: Path) -> Path:
    """Return the root of the checkout if the extension lies in its ``exts``; builds link the folder, so look behind."""
    return (folder / "omni").resolve().parents[2]

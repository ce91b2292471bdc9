# SPDX-FileCopyrightText: Copyright (c) 2026 Lyra SceneGen contributors
# SPDX-License-Identifier: Apache-2.0

"""What the user has chosen once and finds again: kept in Kit's persistent settings."""

from __future__ import annotations

from pathlib import Path

import carb.settings

__all__ = ["Preferences"]

_ROOT = "/persistent/exts/omni.lyra.scenegen"
_DEFAULTS = {
    "runs_folder": str(Path.home() / "lyra_scenes"),
    "backend": "local",
    "python": "",
    "service_url": "http://127.0.0.1:8484",
    "placing": "origin",
    "preset": "standard",
    "last_folder": "",
}


class Preferences:
    """Text values by name, as attributes of Kit's settings.

    The token of a service is a secret: it is kept while Kit runs and never written down.
    """

    def __init__(self) -> None:
        self._store = carb.settings.get_settings()
        for name, value in _DEFAULTS.items():
            self._store.set_default_string(f"{_ROOT}/{name}", value)
        self.service_token = ""

    def get(self, name: str) -> str:
        """Return a value; raises KeyError for a name that is none."""
        return self._store.get_as_string(f"{_ROOT}/{name}") or _DEFAULTS[name]

    def set(self, name: str, value: str) -> None:
        """Keep a value; raises KeyError for a name that is none."""
        if name not in _DEFAULTS:
            raise KeyError(name)
        self._store.set_string(f"{_ROOT}/{name}", value)

    @property
    def runs_folder(self) -> Path:
        """Where scenes are made and the history is."""
        return Path(self.get("runs_folder")).expanduser()

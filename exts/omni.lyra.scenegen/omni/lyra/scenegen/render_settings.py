# SPDX-FileCopyrightText: Copyright (c) 2026 Lyra SceneGen contributors
# SPDX-License-Identifier: Apache-2.0

"""Settings of the renderer that scenes on the stage need, and the user's own when they are gone again."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import carb.settings

from .appearances import Setting

__all__ = ["RenderSettings"]


class RenderSettings:
    """Settings by who needs them; the last who asks is heard, and what was there first comes back in the end.

    What the user changes in the meantime stays as the user wants it.
    """

    def __init__(self) -> None:
        self._first: dict[str, Setting | None] = {}
        self._wanted: dict[str, dict[str, Setting]] = {}
        self._away: dict[str, dict[str, Setting]] = {}

    def apply(self, owner: str, settings: Mapping[str, Setting]) -> None:
        """Set what `owner` (a prim's path) needs, in place of what it needed before."""
        self.release(owner)
        if not settings:
            return
        store = carb.settings.get_settings()
        self._wanted[owner] = dict(settings)
        for path, value in settings.items():
            self._first.setdefault(path, store.get(path))
            store.set(path, value)

    def of(self, owner: str) -> dict[str, Setting]:
        """Return what `owner` needs."""
        return dict(self._wanted.get(owner, {}))

    def release(self, owner: str) -> None:
        """Let go of what `owner` needed: others' wishes or the user's own settings hold again."""
        self._away.pop(owner, None)
        for path, value in self._wanted.pop(owner, {}).items():
            others = [wanted[path] for wanted in self._wanted.values() if path in wanted]
            _restore(path, value, others[-1] if others else self._first.pop(path))

    def follow(self, is_there: Callable[[str], bool]) -> None:
        """Let go for owners that are gone, by whatever way, and set again for those that are back."""
        for owner in [o for o in self._wanted if not is_there(o)]:
            settings = self.of(owner)
            self.release(owner)
            self._away[owner] = settings
        for owner in [o for o in self._away if is_there(o)]:
            self.apply(owner, self._away[owner])

    def release_all(self) -> None:
        """Let go of everything, as when the stage is closed."""
        for owner in list(self._wanted):
            self.release(owner)
        self._away.clear()


def _restore(path: str, ours: Setting, before: Setting | None) -> None:
    store = carb.settings.get_settings()
    if store.get(path) != ours:
        return
    if before is None:
        store.destroy_item(path)
    else:
        store.set(path, before)

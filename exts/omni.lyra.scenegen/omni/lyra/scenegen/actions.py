# SPDX-FileCopyrightText: Copyright (c) 2026 Lyra SceneGen contributors
# SPDX-License-Identifier: Apache-2.0

"""What the panel does to the stage and the desktop, and how it says so if that fails."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import carb
import omni.kit.app
import omni.kit.notification_manager as notifications

from . import on_stage
from .appearances import stage_file
from .panel import Panel
from .runs import Run

__all__ = ["Actions"]

#: What can be wrong with a wish of the user's; anything else is a fault of ours and goes to the log as such.
_REFUSALS = (ValueError, RuntimeError, OSError)


class Actions:
    """Acts on the stage for the panel.

    Args:
        panel: whose runs they are.
        spawn: runs a coroutine until it ends or the extension does.
    """

    def __init__(self, panel: Panel, spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]) -> None:
        self._panel = panel
        self._spawn = spawn
        #: Prim of each run that was added last, by directory.
        self.added: dict[Path, str] = {}

    def add_to_stage(self, run: Run) -> str:
        """Add a run's scene where the user wants scenes, with the chosen robot; return its path, "" if it failed."""
        try:
            placing = self._panel.preferences.get("placing")
            path = on_stage.add_scene(run.directory, position=on_stage.position_for(placing))
        except _REFUSALS as error:
            return _refuse(error)
        self.added[run.directory] = path
        if self._panel.robot:
            self.spawn_robot(run)
        return path

    def spawn_robot(self, run: Run) -> str:
        """Put the chosen robot into a scene that was added; return its path, "" if it failed."""
        try:
            return on_stage.spawn_robot(self._panel.robot, self.added.get(run.directory, ""), run.directory)
        except _REFUSALS as error:
            return _refuse(error)

    def open_stage(self, run: Run) -> None:
        """Open the run's own stage, for this version of Kit, in place of the one that is open."""
        self._spawn(self._open(stage_file(run.directory, omni.kit.app.get_app().get_kit_version())))

    def open_folder(self, run: Run) -> None:
        """Show the run's files."""
        try:
            import omni.kit.window.content_browser as browser

            browser.get_content_window().navigate_to(str(run.directory))
        except (ImportError, AttributeError):  # plain Kit may come without it
            notify(f"The files are in {run.directory}")

    async def _open(self, stage: Path) -> None:
        try:
            await on_stage.open_stage(stage)
        except _REFUSALS as error:
            _refuse(error)


def notify(text: str, warning: bool = False) -> None:
    """Say something to the user in passing."""
    status = notifications.NotificationStatus.WARNING if warning else notifications.NotificationStatus.INFO
    notifications.post_notification(text, hide_after_timeout=True, duration=6, status=status)


def _refuse(error: Exception) -> str:
    carb.log_warn(f"[omni.lyra.scenegen] {error}")
    notify(str(error), warning=True)
    return ""

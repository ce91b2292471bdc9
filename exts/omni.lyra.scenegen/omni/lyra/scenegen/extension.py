# SPDX-FileCopyrightText: Copyright (c) 2026 Lyra SceneGen contributors
# SPDX-License-Identifier: Apache-2.0

"""Start and stop of the extension inside Kit: menu, window, commands, and one task that looks at jobs once a frame."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import carb
import carb.eventdispatcher
import omni.ext
import omni.kit.app
import omni.kit.commands
import omni.usd
from omni.kit.menu.utils import MenuHelperExtensionFull

from . import commands
from .actions import Actions
from .appearances import find_scenes, settings_of, stated_settings
from .backend_path import BACKEND, BackendPath, places
from .panel import Panel, Topic
from .preferences import Preferences
from .window import WINDOW_NAME, SceneGenWindow

__all__ = ["Extension", "get_instance"]

MENU_GROUP = "Window"

_instance: Extension | None = None


def get_instance() -> Extension | None:
    """Return the running extension, None while it is disabled."""
    return _instance


class Extension(omni.ext.IExt, MenuHelperExtensionFull):  # type: ignore[misc]
    """The panel "Generate Scene", its commands and the worker behind them.

    Attributes:
        backend: the module ``lyra_backend``, None if it was not found.
        panel: what the panel knows, None without a backend.
    """

    def __init__(self) -> None:
        super().__init__()
        self.backend: ModuleType | None = None
        self.panel: Panel | None = None
        self._path = BackendPath()
        self._actions: Actions | None = None
        self._shown_window: SceneGenWindow | None = None
        self._commands: Any = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._subscriptions: list[Any] = []

    def on_startup(self, ext_id: str) -> None:
        """Find the backend, add the menu entry and the commands."""
        global _instance
        _instance = self
        folder = Path(omni.kit.app.get_app().get_extension_manager().get_extension_path(ext_id))
        self.backend = self._path.find(folder)
        if self.backend is None:
            looked = " and ".join(str(place) for place in places(folder))
            carb.log_warn(
                f"[{ext_id}] {BACKEND} was not found, neither in Kit's Python nor in {looked}. "
                "Enable this extension from a checkout of Lyra SceneGen, or install the package into Kit's Python."
            )
            return
        where = Path(self.backend.__file__ or "").parent
        carb.log_info(f"[{ext_id}] {BACKEND} {self.backend.__version__} found in {where}")
        self._start()

    def on_shutdown(self) -> None:
        """Let go of everything that start-up took: menu, window, commands, tasks, threads and the worker."""
        global _instance
        _instance = None
        for task in self._tasks:
            task.cancel()
        self._tasks.clear()
        self._subscriptions.clear()
        if self.panel is not None:
            self.menu_shutdown()
            omni.kit.commands.unregister_module_commands(self._commands)
            commands.RENDER_SETTINGS.release_all()
            self.panel.close()
        self.panel = self._actions = self._shown_window = self._commands = self.backend = None
        self._path.forget()

    def _start(self) -> None:
        self.panel = Panel.with_worker(Preferences())
        self._actions = Actions(self.panel, self._spawn)
        self._commands = omni.kit.commands.register_all_commands_in_module(commands)
        self.menu_startup(self._make_window, WINDOW_NAME, WINDOW_NAME, MENU_GROUP)
        self._watch_stage()
        self._spawn(self._look())
        self._stage_opened()

    def _make_window(self) -> SceneGenWindow:
        """Make the window, whenever it is shown; what there is, which a worker must say, is asked the first time."""
        if self.panel is None or self._actions is None:
            raise RuntimeError("omni.lyra.scenegen: was shut down.")
        self._shown_window = SceneGenWindow(self.panel, self._actions)
        if self.panel.catalog is None:
            self.panel.start()
        return self._shown_window

    def _watch_stage(self) -> None:
        """Set what scenes of a stage need when it is opened, and give it back when it goes."""
        context, dispatcher = omni.usd.get_context(), carb.eventdispatcher.get_eventdispatcher()
        events = omni.usd.StageEventType
        for event, react in ((events.OPENED, self._stage_opened), (events.CLOSING, self._stage_closes)):
            self._subscriptions.append(
                dispatcher.observe_event(
                    event_name=context.stage_event_name(event),
                    on_event=lambda event, react=react: react(),
                    observer_name="omni.lyra.scenegen",
                )
            )

    def _stage_opened(self) -> None:
        """Kit reads render settings of the root layer alone, so scenes that the stage refers to are looked for."""
        context = omni.usd.get_context()
        stage = context.get_stage() if context is not None else None
        if stage is None:
            return
        stated = stated_settings(stage.GetRootLayer())
        for prim in find_scenes(stage):
            wanted = {path: value for path, value in settings_of(prim).items() if path not in stated}
            commands.RENDER_SETTINGS.apply(str(prim.GetPath()), wanted)

    def _stage_closes(self) -> None:
        commands.RENDER_SETTINGS.release_all()
        if self._actions is not None:
            self._actions.added.clear()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _look(self) -> None:
        """Once a frame: take in what jobs say, and draw what has changed while the window is there."""
        app = omni.kit.app.get_app()
        changed: set[Topic] = set()
        told = ""
        while self.panel is not None:
            try:
                changed |= self.panel.poll()
                self._follow_scenes()
                if changed and self._shown_window is not None and self._shown_window.visible:
                    self._shown_window.refresh(changed)
                    changed.clear()
            except Exception as error:  # what breaks in one frame must not end the panel
                text = f"[omni.lyra.scenegen] the panel cannot be drawn: {type(error).__name__}: {error}"
                if text != told:  # and not each frame again
                    carb.log_error(text)
                told = text
                changed.clear()
            await app.next_update_async()

    def _follow_scenes(self) -> None:
        """Let settings of the renderer go with scenes that are gone, and come with those that are back."""
        context = omni.usd.get_context()
        stage = context.get_stage() if context is not None else None
        if stage is not None:
            commands.RENDER_SETTINGS.follow(partial(_is_there, stage))


def _is_there(stage: Any, path: str) -> bool:
    return bool(stage.GetPrimAtPath(path))

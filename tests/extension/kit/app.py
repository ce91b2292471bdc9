"""omni.kit.app, omni.ext and carb: the application, its frames, its settings, its log and its events."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ["App", "Dispatcher", "IExt", "Log", "Settings"]


class IExt:
    """omni.ext.IExt."""


class ExtensionManager:
    """omni.ext.ExtensionManager."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get_extension_path(self, ext_id: str, /) -> str:
        assert ext_id.startswith("omni.lyra.scenegen-")
        return str(self._folder)


class App:
    """omni.kit.app.IApp."""

    def __init__(self, folder: Path, version: str) -> None:
        self._manager, self._version = ExtensionManager(folder), version
        self._waiting: list[asyncio.Future[float]] = []
        #: CPU seconds that what waits for frames took, frame by frame.
        self._frame_s: list[float] = []

    def get_extension_manager(self) -> ExtensionManager:
        return self._manager

    def get_kit_version(self) -> str:
        return self._version

    async def next_update_async(self) -> float:
        future: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        return await future

    async def _frame(self) -> None:
        """Let one frame pass: everyone who waits for it goes on."""
        waiting, self._waiting = self._waiting, []
        begin = time.thread_time()
        for future in waiting:
            if not future.done():
                future.set_result(0.0)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        self._frame_s.append(time.thread_time() - begin)


class Settings:
    """carb.settings.ISettings."""

    def __init__(self) -> None:
        self._values: dict[str, Any] = {}

    def get(self, path: str) -> Any:
        return self._values.get(path)

    def get_as_string(self, path: str, /) -> str:
        value = self._values.get(path)
        return "" if value is None else str(value)

    def set(self, path: str, value: Any) -> None:
        self._values[path] = value

    def set_string(self, path: str, value: str, /) -> None:
        assert isinstance(value, str)
        self._values[path] = value

    def set_default_string(self, path: str, value: str, /) -> None:
        assert isinstance(value, str)
        self._values.setdefault(path, value)

    def destroy_item(self, path: str, /) -> None:
        self._values.pop(path, None)


class Log:
    """The functions carb.log_*."""

    def __init__(self) -> None:
        self._lines: list[tuple[str, str]] = []

    def log_info(self, msg: str) -> None:
        self._lines.append(("info", msg))

    def log_warn(self, msg: str) -> None:
        self._lines.append(("warn", msg))

    def log_error(self, msg: str) -> None:
        self._lines.append(("error", msg))


class _Observer:
    """What observing returns; it ends when this goes."""

    def __init__(self, dispatcher: Dispatcher, name: str, react: Callable[[Any], None]) -> None:
        self._dispatcher, self._name, self._react = dispatcher, name, react
        dispatcher._observers.append(self._entry())

    def _entry(self) -> tuple[str, Callable[[Any], None]]:
        return self._name, self._react

    def __del__(self) -> None:
        if self._entry() in self._dispatcher._observers:
            self._dispatcher._observers.remove(self._entry())


class Dispatcher:
    """carb.eventdispatcher.IEventDispatcher."""

    def __init__(self) -> None:
        self._observers: list[tuple[str, Callable[[Any], None]]] = []

    def observe_event(
        self, *, event_name: str, on_event: Callable[[Any], None], observer_name: str = "", order: int = 0
    ) -> _Observer:
        return _Observer(self, event_name, on_event)

    def _dispatch(self, name: str) -> None:
        for wanted, react in list(self._observers):
            if wanted == name:
                react(None)

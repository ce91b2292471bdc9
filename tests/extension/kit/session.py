"""A session of Kit as tests drive it: enable the extension, let frames pass, click, type, drop, close."""

from __future__ import annotations

import asyncio
import importlib
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

from pxr import Usd

from . import app as kit_app
from . import command, ui, usd, windows

__all__ = ["FOLDER", "Kit", "modules"]

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "exts" / "omni.lyra.scenegen"
EXT_ID = "omni.lyra.scenegen-0.1.0"


class Kit:
    """Kit, with one extension.

    Args:
        version: of Kit, "110.1.2" for Isaac Sim 6.0.1, "107.3.3" for 5.1.
        folder: of the extension.
    """

    def __init__(self, version: str = "110.1.2", folder: Path = FOLDER) -> None:
        self.app = kit_app.App(folder, version)
        self.settings, self.log = kit_app.Settings(), kit_app.Log()
        self.dispatcher = kit_app.Dispatcher()
        self.commands = command.Commands(self.log)
        self.undo = command.Undo(self.commands)
        self.context = usd.Context(self.dispatcher)
        self.viewport: usd.Viewport | None = usd.Viewport()
        self.notifications = windows.Notifications()
        usd.SelectPrims._selection = self.context._selection
        self.commands._classes |= {"SelectPrims": usd.SelectPrims, "FramePrims": usd.FramePrims}
        self.loop = asyncio.new_event_loop()
        self.extension: Any = None

    @contextmanager
    def installed(self) -> Iterator[Kit]:
        """Stand in for Kit's modules."""
        before = dict(sys.modules)
        sys.modules.update(modules(self))
        asyncio.set_event_loop(self.loop)
        try:
            yield self
        finally:
            for name in [n for n in sys.modules if n.split(".")[0] in ("omni", "carb")]:
                del sys.modules[name]
            sys.modules.update({n: m for n, m in before.items() if n.split(".")[0] in ("omni", "carb")})
            asyncio.set_event_loop(None)
            self.loop.close()
            for left in (windows._menus, windows._windows, windows._dialogs, windows._drops):
                left.clear()  # type: ignore[attr-defined]

    def enable(self) -> Any:
        """Start the extension, as Kit does in its loop; return its package."""

        async def start() -> None:
            self.extension = importlib.import_module("omni.lyra.scenegen").Extension()
            self.extension.on_startup(EXT_ID)

        self.run(start())
        return sys.modules["omni.lyra.scenegen"]

    def disable(self) -> None:
        """Stop the extension."""

        async def stop() -> None:
            self.extension.on_shutdown()

        self.run(stop())
        self.frames(2)
        self.extension = None

    def run(self, work: Any) -> Any:
        """Run a coroutine to its end, frames passing meanwhile."""

        async def both() -> Any:
            task = asyncio.ensure_future(work)
            while not task.done():
                await self.app._frame()
                await asyncio.sleep(0.001)
            return await task

        return self.loop.run_until_complete(both())

    def frames(self, count: int = 1) -> None:
        """Let frames pass."""

        async def pass_by() -> None:
            for _ in range(count):
                await self.app._frame()

        self.loop.run_until_complete(pass_by())

    def until(self, is_so: Callable[[], bool], within_s: float = 300.0) -> None:
        """Let frames pass until something is so."""
        deadline = time.monotonic() + within_s
        while not is_so():
            assert time.monotonic() < deadline, "it never came to that"
            self.frames()
            time.sleep(0.005)

    def new_stage(self, stage: Usd.Stage | None = None) -> Usd.Stage:
        """Open a stage, a new empty one by default."""
        stage = stage or Usd.Stage.CreateInMemory()
        self.context._attach(stage)
        return stage

    def _frame_prims(self, viewport_api: usd.Viewport, prims: list[str]) -> None:
        """What frame_viewport_prims does: a command of its own, in a group of its own."""
        with self.undo.group():
            self.commands.execute("FramePrims", prims_to_frame=prims)
        viewport_api._framed.append(list(prims))

    def show_window(self) -> windows.MenuHelperWindow | None:
        """Click on the menu entry; return the window, None if that hides it."""

        async def click() -> None:
            windows._menus["Window/Generate Scene"]._toggle()

        self.run(click())
        return windows._windows[-1] if windows._windows else None

    # What people do with widgets.

    def find(self, identifier: str) -> Any:
        """Return the widget with an identifier."""
        found = [w for window in windows._windows for w in _all(window.frame) if w._identifier == identifier]
        assert len(found) == 1, f"{identifier}: {len(found)} widgets"
        return found[0]

    def texts(self) -> list[str]:
        """Return what all visible labels say."""
        return [
            w.text for window in windows._windows for w in _seen(window.frame) if isinstance(w, ui.Label) and w.text
        ]

    def click(self, identifier: str) -> None:
        """Click on a button that can be clicked."""
        button = self.find(identifier)
        assert button.enabled, f"{identifier} cannot be clicked now"

        async def click() -> None:
            button._clicked()

        self.run(click())
        self.frames(2)

    def type(self, identifier: str, text: str) -> None:
        """Type a text into a field and leave it."""
        model = self.find(identifier).model

        async def edit() -> None:
            model.set_value(text)
            for react in list(model._ended):
                react(model)

        self.run(edit())
        self.frames(2)

    def choose(self, identifier: str, name: str) -> None:
        """Choose a name from a box."""
        box = self.find(identifier)

        async def choose() -> None:
            box.model._choose(list(box._names).index(name))

        self.run(choose())
        self.frames(2)

    def drop(self, mime_data: str) -> bool:
        """Drop something on the panel; return whether it was taken."""
        target = next(w for window in windows._windows for w in _all(window.frame) if w._drop is not None)
        if not target._accepts(mime_data):
            return False

        async def drop() -> None:
            target._drop(SimpleNamespace(mime_data=mime_data))

        self.run(drop())
        self.frames(2)
        return True


def modules(kit: Kit) -> dict[str, ModuleType]:
    """Return the double's modules by name."""
    made: dict[str, dict[str, Any]] = {
        "carb": {"log_info": kit.log.log_info, "log_warn": kit.log.log_warn, "log_error": kit.log.log_error},
        "carb.settings": {"get_settings": lambda: kit.settings},
        "carb.eventdispatcher": {"get_eventdispatcher": lambda: kit.dispatcher},
        "omni": {},
        "omni.ext": {"IExt": kit_app.IExt},
        "omni.kit": {},
        "omni.kit.app": {"get_app": lambda: kit.app},
        "omni.kit.commands": {
            "Command": command.Command,
            "execute": kit.commands.execute,
            "register_all_commands_in_module": kit.commands.register_all_commands_in_module,
            "unregister_module_commands": kit.commands.unregister_module_commands,
        },
        "omni.kit.undo": {"group": kit.undo.group, "undo": kit.undo.undo, "redo": kit.undo.redo},
        "omni.kit.menu": {},
        "omni.kit.menu.utils": {
            "MenuHelperExtensionFull": windows.MenuHelperExtensionFull,
            "MenuHelperWindow": windows.MenuHelperWindow,
        },
        "omni.kit.notification_manager": {
            "NotificationStatus": windows.NotificationStatus,
            "post_notification": kit.notifications.post_notification,
        },
        "omni.kit.viewport": {},
        "omni.kit.viewport.utility": {
            "get_active_viewport": lambda: kit.viewport,
            "frame_viewport_prims": kit._frame_prims,
        },
        "omni.kit.window": {},
        "omni.kit.window.drop_support": {"ExternalDragDrop": windows.ExternalDragDrop},
        "omni.kit.window.filepicker": {"FilePickerDialog": windows.FilePickerDialog},
        "omni.ui": {name: getattr(ui, name) for name in ui.__all__},
        "omni.usd": {"StageEventType": usd.StageEventType, "get_context": lambda name="": kit.context},
    }
    found = {}
    for name, content in made.items():
        found[name] = ModuleType(name)
        found[name].__dict__.update(content)
    found["omni"].__path__ = [str(Path(kit.app.get_extension_manager().get_extension_path(EXT_ID)) / "omni")]
    for name, module in found.items():
        above, _, last = name.rpartition(".")
        if above:
            setattr(found[above], last, module)
    return found


def _all(widget: Any) -> Iterator[Any]:
    for child in widget._children:
        yield child
        yield from _all(child)


def _seen(widget: Any) -> Iterator[Any]:
    for child in widget._children:
        if child.visible:
            yield child
            yield from _seen(child)

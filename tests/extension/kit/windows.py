"""Menus, windows, dialogs and notifications of Kit."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any

from .ui import DockPolicy, Frame

__all__ = [
    "ExternalDragDrop",
    "FilePickerDialog",
    "MenuHelperExtensionFull",
    "MenuHelperWindow",
    "NotificationStatus",
    "Notifications",
]

_menus: dict[str, MenuHelperExtensionFull] = {}
_windows: list[MenuHelperWindow] = []
_dialogs: list[FilePickerDialog] = []
_drops: list[ExternalDragDrop] = []


class MenuHelperWindow:
    """omni.kit.menu.utils.MenuHelperWindow."""

    def __init__(self, name: str, /, width: int = 0, height: int = 0, focused: bool = False) -> None:
        self._name, self.visible = name, False
        self.frame = Frame()
        _windows.append(self)

    def deferred_dock_in(self, target: str, policy: DockPolicy, /) -> None:
        self._docked = (target, policy)

    def destroy(self) -> None:
        self.frame._children = []
        _windows.remove(self)


class _Redirect:
    """What Kit's helper keeps in its own attribute `_window`: attributes of whatever is in its list of windows now."""

    def __init__(self, windows: list[Any], index: int) -> None:
        self.__dict__.update(_windows=windows, _index=index)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._windows[self._index], name)


class MenuHelperExtensionFull:
    """omni.kit.menu.utils.MenuHelperExtensionFull.

    As in Kit, a window is made anew each time it is shown and destroyed a moment after it was hidden, and attributes of
    the helper's own live in the object of the extension.
    """

    def menu_startup(
        self, create_window_fn: Callable[[], MenuHelperWindow], window_name: str, menu_desc: str, menu_group: str
    ) -> None:
        self._create = create_window_fn
        self._window_list: list[MenuHelperWindow | None] = [None]
        self._window = _Redirect(self._window_list, 0)
        self._entry = f"{menu_group}/{menu_desc}"
        _menus[self._entry] = self

    def menu_shutdown(self) -> None:
        del _menus[self._entry]
        self._hide()
        del self._window

    def _toggle(self) -> None:
        """What a click on the menu entry does."""
        shown = self._window_list[0]
        if shown is None:
            shown = self._window_list[0] = self._create()
            shown.visible = True
        else:
            self._hide()

    def _hide(self) -> None:
        shown, self._window_list[0] = self._window_list[0], None
        if shown is not None:
            shown.visible = False
            shown.destroy()


class ExternalDragDrop:
    """omni.kit.window.drop_support.ExternalDragDrop: files that come from the system's own windows."""

    def __init__(self, window_name: str, drag_drop_fn: Callable[[ExternalDragDrop, Any], None]) -> None:
        self._name, self._react = window_name, drag_drop_fn
        _drops.append(self)

    def expand_payload(self, payload: list[str]) -> list[str]:
        return list(payload)

    def destroy(self) -> None:
        _drops.remove(self)


class FilePickerDialog:
    """omni.kit.window.filepicker.FilePickerDialog."""

    def __init__(
        self,
        title: str,
        allow_multi_selection: bool = False,
        apply_button_label: str = "Open",
        click_apply_handler: Callable[[str, str], None] | None = None,
        item_filter_options: list[str] | None = None,
        item_filter_fn: Callable[[Any], bool] | None = None,
    ) -> None:
        self._apply, self._keeps, self._is_shown = click_apply_handler, item_filter_fn, False
        _dialogs.append(self)

    def show(self, path: str | None = None) -> None:
        self._is_shown = True

    def hide(self) -> None:
        self._is_shown = False

    def destroy(self) -> None:
        _dialogs.remove(self)


class NotificationStatus(Enum):
    INFO = 0
    WARNING = 1


class Notifications:
    """The functions of omni.kit.notification_manager."""

    def __init__(self) -> None:
        self._posted: list[str] = []

    def post_notification(
        self,
        text: str,
        hide_after_timeout: bool = True,
        duration: int = 3,
        status: NotificationStatus = NotificationStatus.INFO,
    ) -> None:
        self._posted.append(text)

"""Menus, windows, dialogs and notifications of Kit."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any

from .ui import DockPolicy, Frame

__all__ = ["FilePickerDialog", "MenuHelperExtensionFull", "MenuHelperWindow", "NotificationStatus", "Notifications"]

_menus: dict[str, MenuHelperExtensionFull] = {}
_windows: list[MenuHelperWindow] = []
_dialogs: list[FilePickerDialog] = []


class MenuHelperWindow:
    """omni.kit.menu.utils.MenuHelperWindow."""

    def __init__(
        self, name: str, /, width: int = 0, height: int = 0, focused: bool = False, visible: bool = True
    ) -> None:
        self._name, self.visible = name, visible
        self.frame = Frame()
        _windows.append(self)

    def deferred_dock_in(self, target: str, policy: DockPolicy, /) -> None:
        self._docked = (target, policy)

    def destroy(self) -> None:
        self.frame._children = []
        _windows.remove(self)


class MenuHelperExtensionFull:
    """omni.kit.menu.utils.MenuHelperExtensionFull."""

    def menu_startup(
        self, create_window_fn: Callable[[], MenuHelperWindow], window_name: str, menu_desc: str, menu_group: str
    ) -> None:
        self._create, self._shown = create_window_fn, None
        self._entry = f"{menu_group}/{menu_desc}"
        _menus[self._entry] = self

    def menu_shutdown(self) -> None:
        del _menus[self._entry]
        if self._shown is not None:
            self._shown.destroy()

    def _toggle(self) -> None:
        """What a click on the menu entry does."""
        if self._shown is None:
            self._shown = self._create()
        else:
            self._shown.visible = not self._shown.visible

    _shown: MenuHelperWindow | None


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

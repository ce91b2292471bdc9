"""omni.usd and the viewport: a context that holds a real stage, a selection, and a camera to look with."""

from __future__ import annotations

from enum import Enum
from typing import Any

from pxr import Usd

from .app import Dispatcher
from .command import Command

__all__ = ["Context", "Selection", "StageEventType", "Viewport"]


class StageEventType(Enum):
    """omni.usd.StageEventType."""

    OPENED = "opened"
    CLOSING = "closing"


class Selection:
    """omni.usd.Selection."""

    def __init__(self) -> None:
        self._paths: list[str] = []

    def get_selected_prim_paths(self) -> list[str]:
        return list(self._paths)

    def set_selected_prim_paths(self, paths: list[str], expandInStage: bool = True) -> None:
        self._paths = list(paths)


class Context:
    """omni.usd.UsdContext."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._stage: Usd.Stage | None = None
        self._selection, self._dispatcher = Selection(), dispatcher

    def get_stage(self) -> Usd.Stage | None:
        return self._stage

    def get_selection(self) -> Selection:
        return self._selection

    def stage_event_name(self, event: StageEventType) -> str:
        return f"omni.usd.stage:{event.value}"

    async def open_stage_async(self, url: str) -> tuple[bool, str]:
        try:
            stage = Usd.Stage.Open(url)
        except Exception as error:
            return False, str(error)
        self._attach(stage)
        return True, ""

    def _attach(self, stage: Usd.Stage | None) -> None:
        """Put another stage in place of the one that is open."""
        if self._stage is not None:
            self._dispatcher._dispatch(self.stage_event_name(StageEventType.CLOSING))
        self._stage = stage
        self._selection._paths = []
        if stage is not None:
            self._dispatcher._dispatch(self.stage_event_name(StageEventType.OPENED))


class SelectPrims(Command):
    """The command of that name in omni.usd.commands."""

    def __init__(
        self, old_selected_paths: list[str], new_selected_paths: list[str], expand_in_stage: bool = True
    ) -> None:
        self._old, self._new, self._expand = old_selected_paths, new_selected_paths, expand_in_stage

    def do(self) -> None:
        self._selection.set_selected_prim_paths(self._new, self._expand)

    def undo(self) -> None:
        self._selection.set_selected_prim_paths(self._old, self._expand)

    _selection: Selection


class FramePrims(Command):
    """The command of that name: it moves the camera."""

    def __init__(self, prims_to_frame: list[str]) -> None:
        self._prims = prims_to_frame

    def do(self) -> None:
        pass

    def undo(self) -> None:
        pass


class Viewport:
    """What get_active_viewport returns."""

    def __init__(self) -> None:
        self.camera_path = "/OmniverseKit_Persp"
        self._framed: list[Any] = []

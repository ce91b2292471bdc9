# SPDX-FileCopyrightText: Copyright (c) 2026 Lyra SceneGen contributors
# SPDX-License-Identifier: Apache-2.0

"""The window "Generate Scene"."""

from __future__ import annotations

from typing import Any

import omni.ui as ui
from omni.kit.menu.utils import MenuHelperWindow
from omni.kit.window.drop_support import ExternalDragDrop

from .actions import Actions
from .panel import Panel, Topic
from .style import GAP, STYLE
from .views.history_view import HistoryView
from .views.input_view import InputView, local_path
from .views.options_view import OptionsView
from .views.progress_view import ProgressView
from .views.result_view import ResultView
from .views.setup_view import SetupView

__all__ = ["WINDOW_NAME", "SceneGenWindow"]

WINDOW_NAME = "Generate Scene"


class SceneGenWindow(MenuHelperWindow):  # type: ignore[misc]
    """Draws the panel. It holds widgets only, so closing and opening it loses nothing.

    Args:
        panel: what is drawn.
        actions: what buttons do to the stage.
    """

    def __init__(self, panel: Panel, actions: Actions) -> None:
        super().__init__(WINDOW_NAME, width=420, height=760, focused=True)
        self.deferred_dock_in("Property", ui.DockPolicy.CURRENT_WINDOW_IS_ACTIVE)
        self.frame.style = STYLE
        no_bar = ui.ScrollBarPolicy.SCROLLBAR_ALWAYS_OFF
        with self.frame, ui.ScrollingFrame(horizontal_scrollbar_policy=no_bar), ui.VStack(spacing=2 * GAP, height=0):
            self._input = InputView(panel)
            self._options = OptionsView(panel)
            self._progress = ProgressView(panel)
            self._result = ResultView(panel, actions)
            self._history = HistoryView(panel, actions)
            self._setup = SetupView(panel)
        # files of the system's own windows; those of Kit's content browser are dropped on the input itself
        self._drops = ExternalDragDrop(window_name=WINDOW_NAME, drag_drop_fn=self._dropped)
        self._panel = panel
        self._views = {
            Topic.CATALOG: (self._options, self._progress),
            Topic.INPUT: (self._input, self._options, self._progress),
            Topic.PROGRESS: (self._progress,),
            Topic.RESULT: (self._result,),
            Topic.HISTORY: (self._history,),
            Topic.SETUP: (self._setup, self._progress),
        }

    def refresh(self, topics: set[Topic]) -> None:
        """Draw anew what has changed."""
        for view in dict.fromkeys(view for topic in sorted(topics) for view in self._views.get(topic, ())):
            view.refresh()

    def destroy(self) -> None:
        """Let go of all widgets."""
        self._drops.destroy()
        self._input.destroy()
        self._views = {}
        super().destroy()

    def _dropped(self, drops: ExternalDragDrop, payload: Any) -> None:
        for path in drops.expand_payload(payload)[:1]:
            self._panel.choose_file(local_path(path))

# SPDX-FileCopyrightText: Copyright (c) 2026 Lyra SceneGen contributors
# SPDX-License-Identifier: Apache-2.0

"""The window "Generate Scene"."""

from __future__ import annotations

import omni.ui as ui
from omni.kit.menu.utils import MenuHelperWindow

from .actions import Actions
from .panel import Panel, Topic
from .style import GAP, STYLE
from .views.history_view import HistoryView
from .views.input_view import InputView
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
        super().__init__(WINDOW_NAME, width=420, height=760)
        self.deferred_dock_in("Property", ui.DockPolicy.DO_NOTHING)
        self.frame.style = STYLE
        no_bar = ui.ScrollBarPolicy.SCROLLBAR_ALWAYS_OFF
        with self.frame, ui.ScrollingFrame(horizontal_scrollbar_policy=no_bar), ui.VStack(spacing=2 * GAP, height=0):
            self._input = InputView(panel)
            self._options = OptionsView(panel)
            self._progress = ProgressView(panel)
            self._result = ResultView(panel, actions)
            self._history = HistoryView(panel, actions)
            self._setup = SetupView(panel)
        self._views = {
            Topic.CATALOG: (self._options, self._progress),
            Topic.INPUT: (self._input, self._options, self._progress),
            Topic.PROGRESS: (self._progress,),
            Topic.RESULT: (self._result,),
            Topic.HISTORY: (self._history,),
            Topic.SETUP: (self._setup,),
        }

    def refresh(self, topics: set[Topic]) -> None:
        """Draw anew what has changed."""
        for view in dict.fromkeys(view for topic in sorted(topics) for view in self._views[topic]):
            view.refresh()

    def destroy(self) -> None:
        """Let go of all widgets."""
        self._input.destroy()
        self._views = {}
        super().destroy()

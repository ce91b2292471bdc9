# SPDX-FileCopyrightText: Copyright (c) 2026 Lyra SceneGen contributors
# SPDX-License-Identifier: Apache-2.0

"""The panel by the identifiers of its widgets."""

from __future__ import annotations

import importlib
from typing import Any

import omni.kit.app
import omni.kit.test
import omni.kit.ui_test as ui_test
import omni.ui as ui

from ..window import WINDOW_NAME

__all__ = ["TestPanel"]

#: Frames that a worker may take to say what there is: it is a process that starts.
PATIENCE_FRAMES = 3000


class TestPanel(omni.kit.test.AsyncTestCase):  # type: ignore[misc]
    """The window "Generate Scene"."""

    async def setUp(self) -> None:
        """Show the window."""
        ui.Workspace.show_window(WINDOW_NAME, True)
        await ui_test.human_delay(10)

    async def tearDown(self) -> None:
        """Hide it."""
        ui.Workspace.show_window(WINDOW_NAME, False)
        await ui_test.human_delay(2)

    async def test_parts_are_there(self) -> None:
        """Each part of the panel can be found."""
        for identifier in ("tab_text", "tab_image", "tab_video", "tab_splat", "prompt", "generate"):
            self.assertIsNotNone(_find(identifier), identifier)

    async def test_tabs(self) -> None:
        """A click on a tab shows its input."""
        await _find("tab_image").click()
        await ui_test.human_delay(5)
        self.assertIsNotNone(_find("browse"))
        await _find("tab_text").click()
        await ui_test.human_delay(5)
        self.assertIsNone(_find("browse"))

    async def test_an_empty_prompt_is_refused_in_words(self) -> None:
        """Generate without a text says what is missing, and makes nothing."""
        panel = importlib.import_module("omni.lyra.scenegen").get_instance().panel  # anew after a reload
        for _ in range(PATIENCE_FRAMES):
            if panel.catalog is not None or panel.problem:
                break
            await omni.kit.app.get_app().next_update_async()
        self.assertIsNotNone(panel.catalog, panel.problem)
        _find("prompt").model.set_value("")
        await _find("generate").click()
        await ui_test.human_delay(5)
        self.assertIsNone(panel.job)
        self.assertIn("Say what the scene shows", panel.problem)


def _find(identifier: str) -> Any:
    """Return a reference to the widget with an identifier, None if there is none."""
    return ui_test.find(f"{WINDOW_NAME}//Frame/**/*[*].identifier=='{identifier}'")

# SPDX-FileCopyrightText: Copyright (c) 2026 Lyra SceneGen contributors
# SPDX-License-Identifier: Apache-2.0

"""What the scene is made from: a text, or a file that is picked or dropped."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import omni.ui as ui

from ..panel import INPUTS, Panel
from ..style import GAP, LABEL_WIDTH, ROW, THUMBNAIL

__all__ = ["InputView", "local_path"]

_PICTURES = INPUTS["image"][1]
_HINTS = {
    "text": "What the scene shows, for example: a warehouse aisle with pallets",
    "image": "A photo; drop it here",
    "video": "A video whose camera stands still; drop it here",
    "splat": "A Gaussian splat made elsewhere; drop it here",
}


class InputView:
    """Tabs Text, Image, Video and Splat."""

    def __init__(self, panel: Panel) -> None:
        self._panel = panel
        self._picker: Any = None
        self._frame = ui.Frame(height=0, build_fn=self._build)

    def refresh(self) -> None:
        """Draw anew."""
        self._frame.rebuild()

    def destroy(self) -> None:
        """Let go of the file picker."""
        if self._picker is not None:
            self._picker.hide()
            self._picker.destroy()
            self._picker = None

    def _build(self) -> None:
        with ui.ZStack() as target:
            target.set_accept_drop_fn(lambda url: _is_input(url))
            target.set_drop_fn(lambda event: self._dropped(event.mime_data))
            with ui.VStack(spacing=GAP, height=0):
                self._build_tabs()
                ui.Label(_HINTS[self._panel.tab], name="hint", word_wrap=True)
                if self._panel.tab != "text":
                    self._build_file()
                self._build_prompt()

    def _build_tabs(self) -> None:
        with ui.HStack(height=ROW, spacing=GAP):
            for tab in INPUTS:
                ui.Button(
                    tab.title(),
                    identifier=f"tab_{tab}",
                    checked=tab == self._panel.tab,
                    clicked_fn=lambda chosen=tab: self._panel.choose_tab(chosen),
                )

    def _build_prompt(self) -> None:
        wide = self._panel.tab == "text"
        with ui.HStack(height=3 * ROW if wide else ROW):
            if not wide:
                ui.Label("It shows (may be empty)", width=LABEL_WIDTH)
            field = ui.StringField(multiline=wide, identifier="prompt")
        field.model.set_value(self._panel.prompt)
        field.model.add_value_changed_fn(self._typed)

    def _build_file(self) -> None:
        path = self._panel.files.get(self._panel.tab, "")
        with ui.HStack(height=ROW, spacing=GAP):
            field = ui.StringField(identifier="file")
            field.model.set_value(path)
            field.model.add_end_edit_fn(lambda model: self._panel.choose_file(model.get_value_as_string().strip()))
            ui.Button("Browse", identifier="browse", width=80, clicked_fn=self._browse)
        if path.lower().endswith(_PICTURES) and Path(path).is_file():
            ui.Image(path, height=2 * THUMBNAIL, fill_policy=ui.FillPolicy.PRESERVE_ASPECT_FIT, identifier="thumbnail")

    def _typed(self, model: ui.AbstractValueModel) -> None:
        self._panel.prompt = model.get_value_as_string()

    def _dropped(self, mime_data: str) -> None:
        """Take the first of the dropped files; they come one in a line."""
        self._panel.choose_file(local_path(mime_data.splitlines()[0]))

    def _browse(self) -> None:
        from omni.kit.window.filepicker import FilePickerDialog

        self.destroy()
        endings = INPUTS[self._panel.tab][1]
        self._picker = FilePickerDialog(
            f"Choose a {self._panel.tab}",
            allow_multi_selection=False,
            apply_button_label="Choose",
            click_apply_handler=self._picked,
            item_filter_options=[f"{' '.join(endings)} files"],
            item_filter_fn=lambda item: item is None or item.is_folder or item.path.lower().endswith(endings),
        )
        self._picker.show(path=self._panel.preferences.get("last_folder") or None)

    def _picked(self, filename: str, folder: str | None) -> None:
        if filename:
            self.destroy()
            self._panel.choose_file(str(Path(folder or "") / filename))


def local_path(url: str) -> str:
    """Return the path that a dropped URL of a file stands for; other texts are paths already."""
    return url2pathname(urlsplit(url).path) if url.startswith("file:") else url


def _is_input(urls: str) -> bool:
    endings = tuple(ending for _, endings in INPUTS.values() for ending in endings)
    return any(url.lower().endswith(endings) for url in urls.splitlines()[:1])

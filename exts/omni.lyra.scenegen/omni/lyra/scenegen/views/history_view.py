# SPDX-FileCopyrightText: Copyright (c) 2026 Lyra SceneGen contributors
# SPDX-License-Identifier: Apache-2.0

"""The history: runs that were made before, with their pictures."""

from __future__ import annotations

from pathlib import Path

import omni.ui as ui

from ..actions import Actions
from ..panel import Panel
from ..runs import Run
from ..style import GAP, ROW, THUMBNAIL

__all__ = ["HistoryView"]

_SHOWN = 30


class HistoryView:
    """A row for each run, the newest first."""

    def __init__(self, panel: Panel, actions: Actions) -> None:
        self._panel, self._actions = panel, actions
        with ui.CollapsableFrame("History", collapsed=True, identifier="history", height=0):
            self._frame = ui.Frame(height=0, build_fn=self._build)

    def refresh(self) -> None:
        """Draw anew."""
        self._frame.rebuild()

    def _build(self) -> None:
        with ui.VStack(spacing=GAP, height=0):
            self._build_folder()
            for run in self._panel.runs[:_SHOWN]:
                self._build_row(run)
            if len(self._panel.runs) > _SHOWN:
                ui.Label(f"{len(self._panel.runs) - _SHOWN} older ones are in the folder.", name="hint")

    def _build_folder(self) -> None:
        with ui.HStack(height=ROW, spacing=GAP):
            ui.Label("Folder", width=60)
            field = ui.StringField(identifier="runs_folder")
            field.model.set_value(str(self._panel.preferences.runs_folder))
            field.model.add_end_edit_fn(lambda model: self._move(model.get_value_as_string()))
            ui.Button("Refresh", identifier="refresh", width=80, clicked_fn=self._panel.load_history)

    def _build_row(self, run: Run) -> None:
        name = run.directory.name
        with ui.HStack(height=THUMBNAIL, spacing=GAP):
            if run.preview is not None:
                ui.Image(str(run.preview), width=1.5 * THUMBNAIL, fill_policy=ui.FillPolicy.PRESERVE_ASPECT_FIT)
            else:
                ui.Spacer(width=1.5 * THUMBNAIL)
            with ui.VStack():
                ui.Label(run.title, word_wrap=True)
                ui.Label(run.state, name=run.state if run.state != "unfinished" else "warning")
            with ui.VStack(width=70, spacing=GAP):
                ui.Button("Show", identifier=f"show_{name}", clicked_fn=lambda: self._panel.show(run))
                if run.state != "unfinished":
                    ui.Button("Add", identifier=f"add_{name}", clicked_fn=lambda: self._actions.add_to_stage(run))

    def _move(self, folder: str) -> None:
        """Keep runs elsewhere from now on."""
        self._panel.preferences.set("runs_folder", str(Path(folder).expanduser()) if folder.strip() else "")
        self._panel.load_history()

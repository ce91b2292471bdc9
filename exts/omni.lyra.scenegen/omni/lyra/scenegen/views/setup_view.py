# SPDX-FileCopyrightText: Copyright (c) 2026 Lyra SceneGen contributors
# SPDX-License-Identifier: Apache-2.0

"""Who makes the scenes, and whether all is set up for it."""

from __future__ import annotations

from collections.abc import Callable

import omni.ui as ui

from ..panel import Panel
from ..style import GAP, LABEL_WIDTH, ROW

__all__ = ["SetupView"]

_BACKENDS = {"local": "A worker on this machine", "service": "A service"}


class SetupView:
    """Backend, its place, a check and a repair."""

    def __init__(self, panel: Panel) -> None:
        self._panel = panel
        with ui.CollapsableFrame("Backend", collapsed=True, identifier="backend", height=0):
            self._frame = ui.Frame(height=0, build_fn=self._build)

    def refresh(self) -> None:
        """Draw anew."""
        self._frame.rebuild()

    def _build(self) -> None:
        preferences = self._panel.preferences
        local = preferences.get("backend") == "local"
        with ui.VStack(spacing=GAP, height=0):
            with ui.HStack(height=ROW):
                ui.Label("Scenes are made by", width=LABEL_WIDTH)
                box = ui.ComboBox(0 if local else 1, *_BACKENDS.values(), identifier="backend_kind")
            box.model.add_item_changed_fn(
                lambda model, item: self._panel.choose_backend(list(_BACKENDS)[model.get_item_value_model().as_int])
            )
            if local:
                hint = "Empty: the one that is found, or made by Repair"
                self._text("Python", "python", preferences.get("python"), lambda text: self._set("python", text), hint)
            else:
                hint = "Where lyra-scenegen serve runs"
                url = preferences.get("service_url")
                self._text("URL", "service_url", url, lambda text: self._set("service_url", text), hint)
                hint = "Kept until Kit is closed, never written down"
                self._text("Token", "service_token", preferences.service_token, self._token, hint)
            self._build_check()

    def _build_check(self) -> None:
        check = self._panel.check
        with ui.HStack(height=ROW, spacing=GAP):
            ui.Button("Check", identifier="check", clicked_fn=self._panel.check_setup)
            repair = ui.Button("Repair", identifier="repair", clicked_fn=self._panel.repair_setup)
            repair.enabled = bool(check and check.repairable and not self._panel.repairing)
        if self._panel.repairing:
            ui.Label(f"Repairing: {self._panel.repairing}", name="hint", word_wrap=True)
        if check is not None:
            said = "Scenes can be made." if check.ready else "Scenes cannot be made yet."
            ui.Label(said, name="hint" if check.ready else "error", identifier="setup_verdict")
            for line in check.lines:
                ui.Label(line, name="hint", word_wrap=True)

    def _text(self, label: str, identifier: str, value: str, keep: Callable[[str], None], hint: str) -> None:
        with ui.HStack(height=ROW):
            ui.Label(label, width=LABEL_WIDTH, tooltip=hint)
            field = ui.StringField(identifier=identifier)
        field.model.set_value(value)
        field.model.add_end_edit_fn(lambda model: keep(model.get_value_as_string().strip()))

    def _set(self, name: str, text: str) -> None:
        if text == self._panel.preferences.get(name):
            return
        self._panel.preferences.set(name, text)
        self._panel.choose_backend(self._panel.preferences.get("backend"))

    def _token(self, text: str) -> None:
        if text == self._panel.preferences.service_token:
            return
        self._panel.preferences.service_token = text
        self._panel.choose_backend("service")

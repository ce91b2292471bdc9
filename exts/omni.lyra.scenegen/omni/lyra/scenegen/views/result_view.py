# SPDX-FileCopyrightText: Copyright (c) 2026 Lyra SceneGen contributors
# SPDX-License-Identifier: Apache-2.0

"""The result card: the picture, accepted or not and why, what it measured, and what to do with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import omni.ui as ui

from ..actions import Actions
from ..panel import Panel
from ..runs import Run
from ..style import GAP, ROW

__all__ = ["ResultView", "error_in_words", "findings_in_words"]

_PICTURE_HEIGHT = 220
_ORDER = {"error": 0, "warning": 1, "info": 2}
_SHOWN = 8


class ResultView:
    """Draws the run that the panel shows, and the picture of one that is being made."""

    def __init__(self, panel: Panel, actions: Actions) -> None:
        self._panel, self._actions = panel, actions
        self._frame = ui.Frame(height=0, build_fn=self._build)

    def refresh(self) -> None:
        """Draw anew."""
        self._frame.rebuild()

    def _build(self) -> None:
        with ui.VStack(spacing=GAP, height=0):
            if self._panel.preview is not None:
                ui.Image(
                    str(self._panel.preview),
                    height=_PICTURE_HEIGHT,
                    fill_policy=ui.FillPolicy.PRESERVE_ASPECT_FIT,
                    identifier="preview",
                )
            if self._panel.run is not None:
                self._build_card(self._panel.run)

    def _build_card(self, run: Run) -> None:
        ui.Label(run.title, name="title", word_wrap=True)
        if run.state == "unfinished":
            ui.Label("It was not finished.", name="warning", identifier="verdict")
            if self._panel.preferences.get("backend") == "local":
                ui.Button("Go on", identifier="resume", height=ROW, clicked_fn=lambda: self._panel.resume(run))
            return
        words = {"accepted": "Accepted", "rejected": "Not accepted"}
        ui.Label(words[run.state], name=run.state, identifier="verdict")
        ui.Label(_counts(run.report), name="hint", identifier="counts", word_wrap=True)
        ui.Label(error_in_words(run.report), name="hint", identifier="collider_error", word_wrap=True)
        for severity, text in findings_in_words(run.report)[:_SHOWN]:
            ui.Label(text, name=severity if severity != "info" else "hint", word_wrap=True)
        self._build_buttons(run)

    def _build_buttons(self, run: Run) -> None:
        actions = self._actions
        with ui.HStack(height=ROW, spacing=GAP):
            ui.Button("Add to stage", identifier="add_to_stage", clicked_fn=lambda: actions.add_to_stage(run))
            ui.Button("Open stage", identifier="open_stage", clicked_fn=lambda: actions.open_stage(run))
            ui.Button("Open folder", identifier="open_folder", clicked_fn=lambda: actions.open_folder(run))


def findings_in_words(report: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return (severity, sentence) of what was found, what matters most first."""
    found = [finding for stage in report.get("stages", ()) for finding in stage["findings"]]
    found.sort(key=lambda finding: _ORDER.get(finding["severity"], 3))
    return [(finding["severity"], finding["message"]) for finding in found]


def error_in_words(report: Mapping[str, Any]) -> str:
    """Return how far the collider is measured to be off; "" if nothing was measured."""
    error = report.get("error_m", {})
    if "p95" not in error:
        return ""
    return f"Collider: 95 % of the surface within {1000 * error['p95']:.0f} mm, median {1000 * error['median']:.1f} mm"


def _counts(report: Mapping[str, Any]) -> str:
    stages = {stage["stage"]: stage["counts"] for stage in report.get("stages", ())}
    said = []
    if gaussians := stages.get("refine", {}).get("after_cleaning"):
        said.append(f"{gaussians:,} Gaussians")
    if triangles := stages.get("collide", {}).get("triangles"):
        said.append(f"{triangles:,} triangles to collide with")
    grade = {"train": "good to train in", "demo": "for demonstration only"}.get(report.get("grade", ""), "")
    return ", ".join([*said, *([grade] if grade else [])])

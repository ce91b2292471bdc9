# SPDX-FileCopyrightText: Copyright (c) 2026 Lyra SceneGen contributors
# SPDX-License-Identifier: Apache-2.0

"""Generate and Cancel, how far it is, and what is in the way."""

from __future__ import annotations

import omni.ui as ui

from ..jobs import JobState
from ..panel import Panel
from ..style import GAP, ROW

__all__ = ["ProgressView", "time_left"]

_STAGES = {
    "queue": "Waiting at the service",
    "upload": "Sending files",
    "generate": "Generating Gaussians",
    "refine": "Cleaning, upright and in metres",
    "picture": "Taking pictures",
    "light": "Looking for light",
    "collide": "Making colliders",
    "place": "Looking for free space",
    "author": "Writing USD",
    "validate": "Checking in physics",
    "report": "Writing the report",
    "download": "Fetching files",
}


class ProgressView:
    """Changes texts and the bar only: its widgets stay, so that a frame costs next to nothing."""

    def __init__(self, panel: Panel) -> None:
        self._panel = panel
        with ui.VStack(spacing=GAP, height=0):
            with ui.HStack(height=1.5 * ROW, spacing=GAP):
                self._generate = ui.Button(
                    "Generate", name="primary", identifier="generate", clicked_fn=lambda: panel.generate()
                )
                self._cancel = ui.Button("Cancel", identifier="cancel", width=90, clicked_fn=panel.cancel)
            self._bar = ui.ProgressBar(height=ROW)
            self._text = ui.Label("", identifier="progress_text", word_wrap=True)
            self._problem = ui.Label("", name="error", identifier="problem", word_wrap=True)
        self.refresh()

    def refresh(self) -> None:
        """Show how it is now."""
        job, busy = self._panel.job, self._panel.busy
        self._generate.enabled = not busy
        self._cancel.enabled = busy and job is not None and not job.token.cancelled
        self._bar.visible = busy
        self._bar.model.set_value(job.latest.fraction if job and job.latest else 0.0)
        self._text.text = _words(self._panel)
        self._problem.text = self._panel.problem
        self._problem.visible = bool(self._panel.problem)


def time_left(seconds: float | None) -> str:
    """Return how long it takes still, as people say it; "" while that is a guess."""
    if seconds is None:
        return ""
    if seconds < 5:
        return "a few seconds left"
    if seconds < 90:
        return f"about {5 * round(seconds / 5)} s left"
    return f"about {round(seconds / 60)} min left" if seconds < 5400 else f"about {seconds / 3600:.1f} h left"


def _words(panel: Panel) -> str:
    job = panel.job
    if job is None:
        return ""
    if job.ended:
        goes_on = panel.preferences.get("backend") == "local"
        stopped = "Cancelled; generate again to go on." if goes_on else "Cancelled."
        return stopped if job.state is JobState.CANCELLED else ""
    if job.token.cancelled:
        return "Stopping ..."
    if job.latest is None:
        return "Starting the worker ..."
    event = job.latest
    said = [_STAGES.get(event.stage, event.stage or "Starting"), event.message, time_left(event.eta_s)]
    return "; ".join(part for part in said if part)

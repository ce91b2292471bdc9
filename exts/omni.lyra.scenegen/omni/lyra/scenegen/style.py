# SPDX-FileCopyrightText: Copyright (c) 2026 Lyra SceneGen contributors
# SPDX-License-Identifier: Apache-2.0

"""How the panel looks."""

from __future__ import annotations

from omni.ui import color as cl

__all__ = ["GAP", "LABEL_WIDTH", "ROW", "STYLE", "THUMBNAIL"]

#: Sizes in Kit's pixels.
LABEL_WIDTH, GAP, ROW, THUMBNAIL = 120, 5, 22, 64

STYLE = {
    "Label::title": {"font_size": 18},
    "Label::hint": {"color": cl("#a0a0a0")},
    "Label::error": {"color": cl("#ff7a6b")},
    "Label::warning": {"color": cl("#e6b450")},
    "Label::accepted": {"color": cl("#7ac27a"), "font_size": 18},
    "Label::rejected": {"color": cl("#ff7a6b"), "font_size": 18},
    "Button::primary": {"background_color": cl("#3d6b2e")},
}

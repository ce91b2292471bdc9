# SPDX-FileCopyrightText: Copyright (c) 2026 Lyra SceneGen contributors
# SPDX-License-Identifier: Apache-2.0

"""Tests that Kit runs (Window > Extensions > Lyra > Tests, or omni.kit.test on the command line). Never run yet."""

from __future__ import annotations

from .test_panel import TestPanel
from .test_scene import TestScene
from .test_start import TestStart

__all__ = ["TestPanel", "TestScene", "TestStart"]

# SPDX-FileCopyrightText: Copyright (c) 2026 Lyra SceneGen contributors
# SPDX-License-Identifier: Apache-2.0

"""The extension starts and stops without leaving anything behind."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import omni.kit.app
import omni.kit.commands
import omni.kit.test

__all__ = ["TestStart"]

EXTENSION = "omni.lyra.scenegen"


class TestStart(omni.kit.test.AsyncTestCase):  # type: ignore[misc]
    """Enable and disable."""

    async def setUp(self) -> None:
        """Have it enabled, whatever ran before."""
        await _enable(True)

    async def tearDown(self) -> None:
        """Leave it enabled for the other tests."""
        await _enable(True)

    async def test_backend_is_found(self) -> None:
        """The backend is the checkout's or an installed one, and there is a panel."""
        extension = _running()
        self.assertIsNotNone(extension)
        self.assertIsNotNone(extension.backend)
        self.assertIsNotNone(extension.panel)

    async def test_stop_and_start(self) -> None:
        """Commands go and come with the extension."""
        await _enable(False)
        self.assertIsNone(omni.kit.commands.get_command_class("AddGeneratedScene"))
        await _enable(True)
        self.assertIsNotNone(omni.kit.commands.get_command_class("AddGeneratedScene"))
        self.assertIsNotNone(_running())

    async def test_nothing_heavy_is_imported(self) -> None:
        """What scenes are made with stays in the workers' own process."""
        self.assertFalse({"warp", "diffusers", "trimesh"} & set(sys.modules))


def _running() -> Any:
    """Return the running extension; Kit may have loaded its modules anew."""
    return importlib.import_module(EXTENSION).get_instance()


async def _enable(enabled: bool) -> None:
    app = omni.kit.app.get_app()
    app.get_extension_manager().set_extension_enabled_immediate(EXTENSION, enabled)
    await app.next_update_async()

# SPDX-FileCopyrightText: Copyright (c) 2026 Lyra SceneGen contributors
# SPDX-License-Identifier: Apache-2.0

"""Scenes on the stage: add, undo and redo."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import omni.kit.app
import omni.kit.test
import omni.kit.undo
import omni.lyra.scenegen as scenegen
import omni.usd
from pxr import UsdGeom

from .small_scene import write_small_scene

__all__ = ["TestScene"]


class TestScene(omni.kit.test.AsyncTestCase):  # type: ignore[misc]
    """Commands on a new stage."""

    async def setUp(self) -> None:
        """Open a new stage and write a scene."""
        self._folder = Path(tempfile.mkdtemp())
        self._run = write_small_scene(self._folder)
        context = omni.usd.get_context()
        await context.new_stage_async()
        await omni.kit.app.get_app().next_update_async()
        self._stage = context.get_stage()

    async def tearDown(self) -> None:
        """Close the stage before its files go."""
        self._stage = None
        await omni.usd.get_context().new_stage_async()
        shutil.rmtree(self._folder, ignore_errors=True)

    async def test_add_undo_redo(self) -> None:
        """A scene is one step of undo, and comes back the same."""
        path = scenegen.add_scene(self._run)
        await self._frames(3)
        self.assertTrue(self._stage.GetPrimAtPath(f"{path}/Collision/Box").IsValid())
        omni.kit.undo.undo()
        await self._frames(3)
        self.assertFalse(self._stage.GetPrimAtPath(path).IsValid())
        if hasattr(omni.kit.undo, "redo"):
            omni.kit.undo.redo()
            await self._frames(3)
            self.assertTrue(self._stage.GetPrimAtPath(f"{path}/Collision/Box").IsValid())

    async def test_size_and_up_axis(self) -> None:
        """A scene of metres is as large in a stage of centimetres, and upright where Y is up."""
        UsdGeom.SetStageUpAxis(self._stage, UsdGeom.Tokens.y)
        UsdGeom.SetStageMetersPerUnit(self._stage, 0.01)
        path = scenegen.add_scene(self._run)
        await self._frames(3)
        matrix = omni.usd.get_world_transform_matrix(self._stage.GetPrimAtPath(path))
        up = matrix.TransformDir((0.0, 0.0, 1.0))
        self.assertAlmostEqual(up[1], 100.0, delta=1e-3)

    async def test_remove_and_undo(self) -> None:
        """What is removed comes back by undo."""
        path = scenegen.add_scene(self._run)
        scenegen.remove_scene(path)
        await self._frames(2)
        self.assertFalse(self._stage.GetPrimAtPath(path).IsValid())
        omni.kit.undo.undo()
        await self._frames(2)
        self.assertTrue(self._stage.GetPrimAtPath(path).IsValid())

    async def _frames(self, count: int) -> None:
        for _ in range(count):
            await omni.kit.app.get_app().next_update_async()

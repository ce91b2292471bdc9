# SPDX-FileCopyrightText: Copyright (c) 2026 Lyra SceneGen contributors
# SPDX-License-Identifier: Apache-2.0

"""Undoable commands: add and remove a generated scene, change how it looks, put a robot into it.

Each is one step of undo and redo, on the stage of Kit's default context. Errors are raised from ``do``: Kit logs them,
calls ``undo`` and reports that the command failed; nothing has been changed then.
"""

from __future__ import annotations

from collections.abc import Sequence

import omni.kit.app
import omni.kit.commands
import omni.usd
from pxr import Sdf, Usd

from .appearances import APPEARANCE, Setting, choose_appearance, read_render_settings, scene_file, settings_of
from .host_stage import Asset, check_free, free_path, world_transform
from .render_settings import RenderSettings
from .stage_edits import AddedPrim, ChosenVariant, RemovedPrim

__all__ = [
    "RENDER_SETTINGS",
    "AddGeneratedSceneCommand",
    "RemoveGeneratedSceneCommand",
    "SetSceneAppearanceCommand",
    "SpawnRobotCommand",
]

#: What scenes on the stage need of the renderer.
RENDER_SETTINGS = RenderSettings()


class AddGeneratedSceneCommand(omni.kit.commands.Command):  # type: ignore[misc]
    """Add a generated scene to the stage.

    It stands upright and in its true size whatever the stage's up axis and units, and looks as the running version of
    Kit can draw it.

    Args:
        usd_path: a run's directory, or a USD file with a default prim.
        prim_path: where it goes; a free path below the default prim by default.
        position: of its origin, in the stage's axes and units; the stage's origin by default.
        payload: it can be unloaded; a reference otherwise.
        appearance: variant to choose; what this version draws best by default.

    Returns:
        The path of the new prim.
    """

    def __init__(
        self,
        usd_path: str,
        prim_path: str = "",
        position: Sequence[float] = (0.0, 0.0, 0.0),
        payload: bool = True,
        appearance: str = "",
    ) -> None:
        self._file, self._path = usd_path, prim_path
        self._position = tuple(float(p) for p in position)
        self._payload, self._appearance = payload, appearance
        self._added: AddedPrim | None = None
        self._settings: dict[str, Setting] = {}
        self._is_done = False

    def do(self) -> str:
        """Add the scene; return its path."""
        stage = _stage()
        if self._added is None:
            self._added = self._prepare(stage)
        self._is_done = False
        check_free(stage, self._added.path)
        # before the scene is on the stage: renderers bake some settings in when they first see it
        RENDER_SETTINGS.apply(str(self._added.path), self._settings)
        try:
            self._added.do(stage)
        except Exception:
            RENDER_SETTINGS.release(str(self._added.path))
            raise
        self._is_done = True
        return str(self._added.path)

    def undo(self) -> None:
        """Take the scene out again and give the renderer back its settings."""
        if self._added is not None and self._is_done:
            self._is_done = False
            self._added.undo()
            RENDER_SETTINGS.release(str(self._added.path))

    def _prepare(self, stage: Usd.Stage) -> AddedPrim:
        file = scene_file(self._file)
        asset = Asset.read(str(file))
        looks = (asset.variants or {}).get(APPEARANCE, ())
        look = self._appearance or choose_appearance(omni.kit.app.get_app().get_kit_version(), looks)
        if look and look not in looks:
            raise ValueError(f"{file.name}: appearance must be one of: {', '.join(looks) or 'none'}; got {look!r}.")
        self._settings = read_render_settings(file, look)
        path = _path(self._path) if self._path else free_path(stage, "LyraScene")
        world = world_transform(stage, asset, self._position)
        return AddedPrim(path, str(file), world, self._payload, {APPEARANCE: look} if look else {})


class RemoveGeneratedSceneCommand(omni.kit.commands.Command):  # type: ignore[misc]
    """Remove a generated scene from the stage, with everything below it.

    Args:
        prim_path: the scene's prim.
    """

    def __init__(self, prim_path: str) -> None:
        self._removed = RemovedPrim(Sdf.Path(prim_path))
        self._settings: dict[str, Setting] = {}
        self._is_done = False

    def do(self) -> None:
        """Remove it, and give the renderer back its settings."""
        self._is_done = False
        self._removed.do(_stage())
        self._settings = RENDER_SETTINGS.of(str(self._removed.path))
        RENDER_SETTINGS.release(str(self._removed.path))
        self._is_done = True

    def undo(self) -> None:
        """Put it back as it was."""
        if not self._is_done:
            return
        self._is_done = False
        RENDER_SETTINGS.apply(str(self._removed.path), self._settings)
        self._removed.undo()


class SetSceneAppearanceCommand(omni.kit.commands.Command):  # type: ignore[misc]
    """Show a scene otherwise: its Gaussians in another representation, meshes in their place, or nothing.

    Args:
        prim_path: the scene's prim.
        appearance: a variant of its set "appearance", such as particleField, nurec, mesh, proxy or none.
    """

    def __init__(self, prim_path: str, appearance: str) -> None:
        self._chosen = ChosenVariant(Sdf.Path(prim_path), APPEARANCE, appearance)
        self._settings: dict[str, Setting] = {}
        self._is_done = False

    def do(self) -> None:
        """Choose the appearance, with the settings that it needs."""
        self._is_done = False
        stage, path = _stage(), str(self._chosen.path)
        self._chosen.do(stage)
        self._settings = RENDER_SETTINGS.of(path)
        try:
            RENDER_SETTINGS.apply(path, settings_of(stage.GetPrimAtPath(path)))
        except Exception:
            self._chosen.undo()
            raise
        self._is_done = True

    def undo(self) -> None:
        """Choose what was chosen before."""
        if not self._is_done:
            return
        self._is_done = False
        RENDER_SETTINGS.apply(str(self._chosen.path), self._settings)
        self._chosen.undo()


class SpawnRobotCommand(omni.kit.commands.Command):  # type: ignore[misc]
    """Put a robot on the stage.

    Args:
        usd_path: its asset: a file or a URL that Kit can open.
        position: of its root, in the stage's axes and units.
        yaw_rad: its heading: turn about the stage's up axis [rad].
        prim_path: where it goes; a free path below the default prim by default.
        prim_name: of the new prim, if no path is given.

    Returns:
        The path of the new prim.
    """

    def __init__(
        self,
        usd_path: str,
        position: Sequence[float] = (0.0, 0.0, 0.0),
        yaw_rad: float = 0.0,
        prim_path: str = "",
        prim_name: str = "Robot",
    ) -> None:
        self._file, self._path, self._name = usd_path, prim_path, prim_name
        self._position, self._yaw_rad = tuple(float(p) for p in position), float(yaw_rad)
        self._added: AddedPrim | None = None

    def do(self) -> str:
        """Put it there; return its path."""
        stage = _stage()
        if self._added is None:
            path = _path(self._path) if self._path else free_path(stage, self._name)
            world = world_transform(stage, Asset.read(self._file), self._position, self._yaw_rad)
            # a reference: robots are small, and controllers look for their joints at once
            self._added = AddedPrim(path, self._file, world, payload=False)
        self._added.do(stage)
        return str(self._added.path)

    def undo(self) -> None:
        """Take it away again."""
        if self._added is not None:
            self._added.undo()


def _path(text: str) -> Sdf.Path:
    """Return a path; an empty one, which nothing can be at, for a text that is none."""
    return Sdf.Path(text) if Sdf.Path.IsValidPathString(text) else Sdf.Path.emptyPath


def _stage() -> Usd.Stage:
    stage = omni.usd.get_context().get_stage()
    if stage is None:
        raise RuntimeError("stage: there is none. Open one or make a new one first (File > New).")
    return stage

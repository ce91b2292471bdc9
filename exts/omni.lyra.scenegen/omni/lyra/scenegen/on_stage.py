# SPDX-FileCopyrightText: Copyright (c) 2026 Lyra SceneGen contributors
# SPDX-License-Identifier: Apache-2.0

"""Scenes and robots onto the stage that is open in Kit, each as one step of undo, with the reason if it cannot be."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import omni.kit.app
import omni.kit.commands
import omni.kit.undo
import omni.usd
from pxr import Sdf, Usd, UsdGeom

from .appearances import scene_file
from .host_stage import Asset, centre_of, check_free, editable_layer, in_front_of, pose_in
from .robots import asset_url, spawn_pose

__all__ = ["PLACINGS", "add_scene", "current_stage", "open_stage", "position_for", "remove_scene", "spawn_robot"]

#: Where a scene can be put: setting and words for people.
PLACINGS = {"origin": "At the origin", "selection": "At the selection", "camera": "In front of the camera"}


def current_stage() -> Usd.Stage:
    """Return the open stage.

    Raises:
        RuntimeError: there is none.
    """
    stage = omni.usd.get_context().get_stage()
    if stage is None:
        raise RuntimeError("stage: none is open. Open one or make a new one first (File > New).")
    return stage


def position_for(placing: str) -> tuple[float, float, float]:
    """Return where a scene's origin goes, in the stage's axes and units.

    Args:
        placing: a key of `PLACINGS`.

    Raises:
        ValueError: nothing is selected, or there is no viewport with a camera.
    """
    stage = current_stage()
    if placing == "selection":
        paths = omni.usd.get_context().get_selection().get_selected_prim_paths()
        if not paths:
            raise ValueError("placing: nothing is selected. Select a prim, or choose another place.")
        place = centre_of(stage, paths[0])
    elif placing == "camera":
        place = in_front_of(stage, _camera(stage))
    else:
        return (0.0, 0.0, 0.0)
    return (place[0], place[1], place[2])


def add_scene(
    path: str | Path,
    prim_path: str = "",
    *,
    position: Sequence[float] = (0.0, 0.0, 0.0),
    payload: bool = True,
    appearance: str = "",
) -> str:
    """Add a scene to the stage, select it and show it whole; return its prim's path.

    Args:
        path: a run's directory, or a USD file with a default prim.
        prim_path: where it goes; a free path below the default prim by default.
        position: of its origin, in the stage's axes and units.
        payload: it can be unloaded; a reference otherwise.
        appearance: variant to choose; what this version of Kit draws best by default.

    Raises:
        ValueError: there is no such scene, or the path is taken.
        RuntimeError: there is no stage, it cannot be edited, or the command failed.
    """
    stage = current_stage()
    editable_layer(stage)
    file = scene_file(path)
    Asset.read(str(file))
    _check_path(stage, prim_path)
    with omni.kit.undo.group():
        made = _executed(
            "AddGeneratedScene",
            usd_path=str(file),
            prim_path=prim_path,
            position=tuple(position),
            payload=payload,
            appearance=appearance,
        )
        _select(made)
        _frame(made)  # moves the camera by a command of Kit's, which belongs to the same step
    return made


def remove_scene(prim_path: str) -> None:
    """Remove a scene from the stage, with everything below it.

    Raises:
        RuntimeError: it is not there, or cannot be removed.
    """
    _executed("RemoveGeneratedScene", prim_path=prim_path)


def spawn_robot(
    robot: str,
    scene: str = "",
    run: str | Path | None = None,
    *,
    number: int = 0,
    position: Sequence[float] | None = None,
    yaw_rad: float = 0.0,
    prim_path: str = "",
) -> str:
    """Put a robot on the stage, at a place of a scene where it can start; return its prim's path.

    Args:
        robot: name in the catalog of robots (`lyra-scenegen robots`), or a file or URL.
        scene: path of the scene's prim; without it the scene is taken to be at the stage's origin.
        run: the scene's directory, which says where robots can start.
        number: which of these places, the best first.
        position: instead of such a place: in the stage's axes and units.
        yaw_rad: heading at `position` [rad].
        prim_path: where it goes; a free path below the default prim by default.

    Raises:
        ValueError: no such robot, no place to start, or no root of assets.
        RuntimeError: there is no stage, or it cannot be edited.
    """
    stage = current_stage()
    editable_layer(stage)
    _check_path(stage, prim_path)
    if position is None:
        if run is None:
            raise ValueError(f"{robot}: needs a place. Give the run that the scene comes from, or a position.")
        pose = spawn_pose(Path(run), robot, number)
        position, yaw_rad = _posed(stage, scene, pose.position, pose.yaw_rad)
    return _executed(
        "SpawnRobot",
        usd_path=asset_url(robot),
        position=tuple(position),
        yaw_rad=yaw_rad,
        prim_path=prim_path,
        prim_name=_prim_name(robot),
    )


async def open_stage(path: str | Path) -> None:
    """Open a stage in place of the one that is open.

    Raises:
        RuntimeError: Kit cannot open it.
    """
    ok, why = await omni.usd.get_context().open_stage_async(str(path))
    if not ok:
        raise RuntimeError(f"{Path(path).name}: cannot be opened ({why}).")


def _check_path(stage: Usd.Stage, prim_path: str) -> None:
    """Refuse a path that is given and where nothing can be added; commands would say so in Kit's log only."""
    if prim_path:
        check_free(stage, Sdf.Path(prim_path) if Sdf.Path.IsValidPathString(prim_path) else Sdf.Path.emptyPath)


def _executed(command: str, **arguments: Any) -> str:
    ok, result = omni.kit.commands.execute(command, **arguments)
    if not ok:
        raise RuntimeError(f"{command}: failed; Kit's log says why (Window > Console).")
    return str(result)


def _posed(
    stage: Usd.Stage, scene: str, position: tuple[float, float, float], yaw_rad: float
) -> tuple[tuple[float, float, float], float]:
    if not stage.GetPrimAtPath(scene or "/"):
        raise ValueError(f"{scene}: is no prim of this stage. Give the path of the scene's prim.")
    return pose_in(stage, scene or "/", position, yaw_rad)


def _prim_name(robot: str) -> str:
    return Path(robot).stem.replace("-", "_") or "Robot"


def _camera(stage: Usd.Stage) -> Any:
    from omni.kit.viewport.utility import get_active_viewport

    viewport = get_active_viewport()
    prim = stage.GetPrimAtPath(str(viewport.camera_path)) if viewport else None
    if not prim:
        raise ValueError("placing: there is no viewport with a camera. Choose another place.")
    return UsdGeom.XformCache(Usd.TimeCode.Default()).GetLocalToWorldTransform(prim)


def _select(path: str) -> None:
    selection = omni.usd.get_context().get_selection()
    omni.kit.commands.execute(
        "SelectPrims",
        old_selected_paths=selection.get_selected_prim_paths(),
        new_selected_paths=[path],
        expand_in_stage=True,
    )


def _frame(path: str) -> None:
    """Show a prim whole, where there is a viewport."""
    from omni.kit.viewport.utility import frame_viewport_prims, get_active_viewport

    viewport = get_active_viewport()
    if viewport is not None:
        frame_viewport_prims(viewport, prims=[path])

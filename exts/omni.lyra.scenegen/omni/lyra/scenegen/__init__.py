# SPDX-FileCopyrightText: Copyright (c) 2026 Lyra SceneGen contributors
# SPDX-License-Identifier: Apache-2.0

"""Lyra Scene Generator: worlds for robots from a text, a picture, a video or a splat, in Kit and Isaac Sim.

In the script editor::

    import omni.lyra.scenegen as scenegen

    run = await scenegen.generate_scene_async(prompt="a workshop with two benches", on_progress=print)
    path = scenegen.add_scene(run.directory)
    scenegen.spawn_robot("go2", path, run.directory)

Everything that Python's ``help`` says here is meant for that: ``help(scenegen.generate_scene_async)``.
"""

from __future__ import annotations

from .extension import Extension, get_instance
from .on_stage import add_scene, remove_scene, spawn_robot
from .runs import Run
from .scripting import generate_scene, generate_scene_async, list_runs

__all__ = [
    "Extension",
    "Run",
    "add_scene",
    "generate_scene",
    "generate_scene_async",
    "get_instance",
    "list_runs",
    "remove_scene",
    "spawn_robot",
]

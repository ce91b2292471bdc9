# SPDX-FileCopyrightText: Copyright (c) 2026 Lyra SceneGen contributors
# SPDX-License-Identifier: Apache-2.0

"""Scenes from Python inside Kit; they are made in the same worker as the panel's, one after the other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import omni.kit.app

from . import runs
from .appearances import drawn_primitives
from .extension import get_instance
from .jobs import Job, JobState
from .runs import Run

if TYPE_CHECKING:
    from lyra_backend.progress import Event

__all__ = ["generate_scene", "generate_scene_async", "list_runs"]


def generate_scene(
    prompt: str | None = None,
    *,
    out: str | Path | None = None,
    overwrite: bool = False,
    **request: Any,
) -> Job:
    """Begin to make a scene and return at once; Kit goes on drawing.

    Args:
        prompt: what the scene shows.
        out: the run's directory; by default a new one in the panel's folder of runs. A directory that holds the same
            request, unfinished, is continued.
        overwrite: replace another run that is there.
        request: any field of a request: image, video, splat, generator, model, seed, preset, collider, params ...
            Primitives are those that this version of Kit draws, if none are named.

    Returns:
        The job. Call its ``drain()`` once in a while and look at its ``state``, or use
        :func:`generate_scene_async`, which waits; ``cancel()`` stops it.

    Raises:
        RuntimeError: the extension is not enabled, or its backend was not found.
        InvalidRequest: the request cannot be used.

    Example::

        job = scenegen.generate_scene("a warehouse aisle with pallets", seed=3)
        job = scenegen.generate_scene(image="/data/kitchen.png", generator="lyra", preset="draft")
    """
    from lyra_backend.types import SceneRequest

    panel = _extension().panel
    asked = {name: str(value) if isinstance(value, Path) else value for name, value in request.items()}
    asked.setdefault("primitives", drawn_primitives(omni.kit.app.get_app().get_kit_version()))
    data = SceneRequest.from_json({**asked, **({} if prompt is None else {"prompt": prompt})}).to_json()
    folder = (
        Path(out) if out is not None else runs.new_run_folder(panel.preferences.runs_folder, data, panel.jobs.folders)
    )
    return panel.jobs.start(data, folder, overwrite=overwrite)


async def generate_scene_async(
    prompt: str | None = None,
    *,
    out: str | Path | None = None,
    overwrite: bool = False,
    on_progress: Callable[[Event], None] | None = None,
    **request: Any,
) -> Run:
    """Make a scene and wait for it, a frame of Kit at a time.

    Args:
        prompt, out, overwrite, request: as for :func:`generate_scene`.
        on_progress: called in Kit's own thread with each event (stage, fraction, message, elapsed_s, eta_s).

    Returns:
        The run. ``run.state`` is "accepted" or "rejected", ``run.report`` says why, ``add_scene(run.directory)`` puts
        it on the stage.

    Raises:
        RuntimeError: the extension is not enabled, the worker died or the scene could not be made; the text says why.
        InvalidRequest: the request cannot be used.
        Cancelled: the job was cancelled; the same call goes on from what is finished.

    Example::

        run = await scenegen.generate_scene_async("a kitchen", seed=1, on_progress=lambda e: print(e.message))
    """
    from lyra_backend.errors import Cancelled

    job = generate_scene(prompt, out=out, overwrite=overwrite, **request)
    try:
        await _ended(job, on_progress)
    except BaseException:
        job.cancel()
        raise
    if job.state is JobState.CANCELLED:
        raise Cancelled(f"{job.out.name}: cancelled; the same call goes on from what is finished")
    if job.error:
        raise RuntimeError(job.error)
    made = Run.read(job.out)
    if made is None:
        raise RuntimeError(f"{job.out}: the run is gone.")
    _extension().panel.load_history()
    return made


def list_runs(folder: str | Path | None = None) -> list[Run]:
    """Return the runs in a folder, the newest first; by default those that the panel's history shows.

    Raises:
        RuntimeError: no folder is given, and the extension is not enabled.
    """
    return runs.list_runs(folder if folder is not None else _extension().panel.preferences.runs_folder)


async def _ended(job: Job, on_progress: Callable[[Event], None] | None) -> None:
    app = omni.kit.app.get_app()
    while not job.ended:
        for event in job.drain():
            if on_progress is not None:
                on_progress(event)
        if not job.ended:
            await app.next_update_async()


def _extension() -> Any:
    extension = get_instance()
    if extension is None or extension.panel is None:
        raise RuntimeError("omni.lyra.scenegen: is not enabled, or found no lyra_backend; Kit's log says more.")
    return extension

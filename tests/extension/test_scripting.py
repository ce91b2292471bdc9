"""Python in Kit: ``import omni.lyra.scenegen as scenegen``."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from lyra_backend.errors import Cancelled, InvalidRequest
from lyra_backend.progress import Event

from .conftest import QUICKEST
from .kit import Kit


def test_a_scene_is_made_while_kit_draws(kit: Kit, tmp_path: Path) -> None:
    scenegen = kit.enable()
    events: list[Event] = []
    out = tmp_path / "bathroom"
    run = kit.run(scenegen.generate_scene_async(**QUICKEST, out=out, on_progress=events.append))
    assert run.directory == out
    assert run.state == "rejected"  # a scene without colliders is never accepted
    assert [event.fraction for event in events] == sorted(event.fraction for event in events)
    assert events[-1].fraction == 1.0
    path = scenegen.add_scene(run.directory, "/Mine", payload=False)
    stage = kit.context.get_stage()
    assert path == "/Mine"
    assert stage is not None
    assert stage.GetPrimAtPath("/Mine").HasAuthoredReferences()
    assert [found.directory for found in scenegen.list_runs(tmp_path)] == [out]
    assert scenegen.list_runs() == []
    again = kit.run(scenegen.generate_scene_async(**QUICKEST, out=out))
    assert again.report == run.report


def test_a_job_goes_on_beside_and_can_be_stopped(kit: Kit, tmp_path: Path) -> None:
    scenegen = kit.enable()
    job = scenegen.generate_scene("a large warehouse with forty pallets", out=tmp_path / "run", seed=3)
    kit.until(lambda: bool(job.drain()))
    assert job.state == "running"
    job.cancel()
    kit.until(lambda: job.drain() is None or job.ended)
    assert job.state == "cancelled"


def test_what_goes_wrong_is_raised(kit: Kit, tmp_path: Path) -> None:
    scenegen = kit.enable()
    with pytest.raises(InvalidRequest, match="'prompts' is unknown"):
        kit.run(scenegen.generate_scene_async(prompts="a room"))
    with pytest.raises(RuntimeError, match="unknown"):
        kit.run(scenegen.generate_scene_async("a room", generator="dreams", out=tmp_path / "a"))

    async def stopped() -> Any:
        task = asyncio.ensure_future(scenegen.generate_scene_async("a large warehouse", out=tmp_path / "b"))
        while (job := kit.extension.panel.jobs._jobs[-1]).out.name != "b":
            await asyncio.sleep(0.01)
        job.cancel()
        return await task

    with pytest.raises(Cancelled, match="goes on from what is finished"):
        kit.run(stopped())
    kit.disable()
    with pytest.raises(RuntimeError, match="is not enabled"):
        scenegen.generate_scene("a room")

"""Objects that may move lie still in PhysX, and the floor they were cut out of carries them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lyra_backend.author import collision, stage
from lyra_backend.collide._objects.objects import find_objects
from lyra_backend.progress import Progress
from lyra_backend.types import CollisionProxy
from lyra_backend.validate.engine_process import Job, Run, run_engine

from ..collide import things

PREFIX = "/World/Collision/Objects/object_"


def test_things_rest_where_they_were_seen(tmp_path: Path) -> None:
    box, crate = ((3.0, 0.5, 0.0), (3.6, 0.9, 0.5)), ((1.1, 1.1, 0.75), (1.4, 1.4, 1.0))
    barrel = things.cylinder((0.6, 2.2, 0.0), 0.3, 0.9)
    room = things.room(barrel, solids=[*things.table(1.0, 1.0), crate, box])
    found = find_objects(*room, dynamic=True)
    assert found.counts["objects_moving"] == 4
    proxy = CollisionProxy(found.all_parts(), "surface", {})
    collision.write(proxy, tmp_path / collision.FILE_NAME)
    stage.write_scene(tmp_path, {}, collision.collider_paths(proxy), collision.variants(proxy), "none", {})
    stage.write_stage(tmp_path, {})
    work = tmp_path / "work"
    work.mkdir()
    run = Run("rest", str(tmp_path / stage.STAGE_FILE), PREFIX, bodies=5, steps=240, dt=1 / 120)
    trace = run_engine(Job((run,)), work, 120.0, Progress()).traces["rest"]
    path = trace.positions[:, 1:]  # objects are numbered from 1
    assert np.isfinite(path).all()
    assert np.linalg.norm(path[-1] - path[0], axis=1).max() < 0.01
    assert np.abs(trace.velocities[1:]).max() < 0.01
    assert trace.static_actors == 1

"""A batch on a real Ray cluster on this machine."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
import ray

from lyra_backend.batch import Batch, BatchOptions
from lyra_backend.batch.cluster import RayPool
from lyra_backend.batch.manifest import read_manifest
from lyra_backend.batch.storage import FolderStorage
from lyra_backend.errors import InvalidRequest
from lyra_backend.progress import CancelToken, Event

from ..conftest import QUICK
from .test_batch import Noted

SMALL = {"prompt": QUICK["prompt"], "params": {**QUICK["params"], "author": {"keep": "train"}}}


def test_a_host_that_is_killed_has_its_scene_finished_by_another(tmp_path: Path) -> None:
    (tmp_path / "m.json").write_text(json.dumps([{"name": "a", **SMALL}]))
    out = tmp_path / "out"
    killed: list[int] = []
    with RayPool("local", 1, out / ".work", str(out)) as pool:

        class Killing(Noted):
            def progress(self, name: str, event: Event) -> None:
                if event.stage in ("collide", "author", "validate") and not killed:
                    killed.extend(pool.pids)
                    os.kill(killed[0], signal.SIGKILL)

        items = read_manifest(tmp_path / "m.json")
        storage = FolderStorage(out)
        summary = Batch(items, storage, out / ".work", BatchOptions()).run(pool, CancelToken(), Killing())
        assert killed
        assert pool.pids != tuple(killed), "another process is the host now"
    assert summary.accepted == 1
    assert (out / "scenes" / "a" / ".complete").is_file()
    assert not (out / ".work").exists()


def test_clusters_that_are_not_there() -> None:
    with pytest.raises(InvalidRequest, match=r"--ray 127\.0\.0\.1:1: no such cluster"):
        RayPool("127.0.0.1:1", 1, Path("work"), "out")
    with pytest.raises(InvalidRequest, match="a host needs 8 GPU"):
        RayPool("local", None, Path("work"), "out", gpus=8.0)
    ray.shutdown()

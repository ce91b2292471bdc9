"""Working through a batch: what is kept, what is tried again, and a kill at every moment there is.

Scenes are run directories without geometry, made in no time; `test_kill.py` has real ones.
"""

from __future__ import annotations

import errno
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from lyra_backend.batch import Batch, BatchOptions, Summary
from lyra_backend.batch.attempt import Attempt, make
from lyra_backend.batch.display import Tally
from lyra_backend.batch.manifest import Item, read_manifest
from lyra_backend.batch.records import Record
from lyra_backend.batch.storage import FolderStorage, Storage, open_storage
from lyra_backend.errors import Cancelled, InvalidRequest, StageFailed, WriteFailed
from lyra_backend.io.run_dir import RunDirectory
from lyra_backend.progress import CancelToken, Event
from lyra_backend.types import Finding, RunReport, SceneRequest, SceneResult, Severity, StageReport

#: "a bad room" is not accepted with an odd seed, "a worse room" never, "a broken room" breaks.
MANIFEST = [
    {"name": "good", "prompt": "a good room", "seeds": "0-1"},
    {"name": "bad", "prompt": "a bad room", "seeds": [2, 3, 5]},
    {"name": "worse", "prompt": "a worse room", "seed": 4, "attempts": 2},
]


class Killed(BaseException):
    """Stands for SIGKILL: nothing that is ours may run after it."""


class ThisThread:
    """A pool that does each attempt at once, here."""

    size = 1

    def __init__(self, work: Path, storage: Storage, tick: Callable[[], None] = lambda: None) -> None:
        self.made: Counter[str] = Counter()
        self._work, self._storage, self._tick = work, storage, tick

    def attempt(self, attempt: Attempt, token: CancelToken, listener: Callable[[Event], None]) -> Future[Record]:
        future: Future[Record] = Future()
        try:
            if token.cancelled:
                raise Cancelled("stopped")
            future.set_result(make(attempt, self._work, self._storage, self._generate))
        except Killed:
            raise
        except BaseException as error:
            future.set_exception(error)
        return future

    def _generate(self, request: SceneRequest, out: Path) -> SceneResult:
        if "broken" in str(request.prompt):
            raise StageFailed("collide", ValueError("no such luck"))
        with RunDirectory.open(out, request) as run:
            report = _report(request)
            if not run.complete:
                self._tick()
                run.write("provenance.json", json.dumps({"sources": [{"name": "generator x", "licence": "MIT"}]}))
                run.write("report.json", json.dumps(report.to_json()))
                run.write("scene.usda", f"#usda 1.0\n# {request.seed}\n")
                self._tick()
                self.made[out.name] += 1
                run.finish("code")
            return SceneResult(out, report)


class Noted:
    """A watcher that keeps what it is told."""

    def __init__(self) -> None:
        self.tally = Tally()
        self.records: list[Record] = []

    def begin(self, total: int, settled: Mapping[str, Record]) -> None:
        self.tally.begin(total, settled)

    def progress(self, name: str, event: Event) -> None:
        self.tally.running[name] = event

    def tried(self, record: Record) -> None:
        self.tally.tried(record)
        self.records.append(record)


class Interrupted:
    """A storage that is killed before one of its writes."""

    def __init__(self, storage: Storage, tick: Callable[[], None]) -> None:
        self._storage, self._tick = storage, tick

    def __getattr__(self, name: str) -> Any:
        return getattr(self._storage, name)

    def adopt(self, directory: Path, name: str) -> None:
        self._tick()
        self._storage.adopt(directory, name)
        self._tick()

    def take(self, directory: Path, name: str, files: Iterable[str]) -> None:
        self._tick()
        self._storage.take(directory, name, files)

    def write(self, name: str, data: bytes) -> None:
        self._tick()
        self._storage.write(name, data)
        self._tick()


def _report(request: SceneRequest) -> RunReport:
    bad = "worse" in str(request.prompt) or ("bad" in str(request.prompt) and request.seed % 2 == 1)
    findings = (Finding("physics.fallen", Severity.ERROR, "It fell."),) if bad else ()
    counts = {"gaussians": 7, "collider_triangles": 9}
    stages = (StageReport("author", "", counts, ()), StageReport("validate", "", counts, findings))
    return RunReport(not bad, False, "exact", "demo" if bad else "train", stages, {"p95": 0.01})


@pytest.fixture
def items(tmp_path: Path) -> tuple[Item, ...]:
    return _items(tmp_path, MANIFEST)


def _items(folder: Path, entries: list[dict[str, Any]]) -> tuple[Item, ...]:
    (folder / "m.json").write_text(json.dumps(entries))
    return read_manifest(folder / "m.json")


def _run(
    items: tuple[Item, ...], out: Path, tick: Callable[[], None] = lambda: None, **options: Any
) -> tuple[Summary, ThisThread, Noted]:
    storage: Any = Interrupted(FolderStorage(out), tick)
    pool, noted = ThisThread(out / ".work", storage, tick), Noted()
    summary = Batch(items, storage, out / ".work", BatchOptions(**options)).run(pool, CancelToken(), noted)
    return summary, pool, noted


def _tree(root: Path) -> dict[str, bytes]:
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


def test_every_item_is_settled_and_told_of(items: tuple[Item, ...], tmp_path: Path) -> None:
    summary, pool, noted = _run(items, tmp_path / "out")
    rows = [json.loads(line) for line in (tmp_path / "out" / "index.jsonl").read_text().splitlines()]
    assert [row["name"] for row in rows] == [item.name for item in items], "in the order of the manifest"
    states = {row["name"]: row["state"] for row in rows}
    assert states["good-0"] == states["good-1"] == states["bad-2"] == "accepted"
    assert states["worse"] == "rejected"
    assert (summary.accepted, summary.rejected, summary.failed) == (
        sum(s == "accepted" for s in states.values()),
        sum(s == "rejected" for s in states.values()),
        0,
    )
    assert summary.reasons["physics.fallen"] == summary.rejected
    assert pool.made["worse"] == pool.made["worse~1"] == 1, "as many attempts as the item allows"
    assert not (tmp_path / "out" / ".work").exists()
    for row in rows:
        assert (row["state"] == "accepted") == (tmp_path / "out" / "scenes" / row["name"] / "scene.usda").is_file()
    assert noted.tally.line().startswith(f"{len(items)} of {len(items)}: ")


def test_another_seed_is_tried_and_is_the_same_whenever(items: tuple[Item, ...], tmp_path: Path) -> None:
    _run(items, tmp_path / "a")
    rows = {row["name"]: row for row in map(json.loads, (tmp_path / "a" / "index.jsonl").read_text().splitlines())}
    tried = rows["bad-3"]["attempts"]
    assert tried[0] == {"seed": 3, "state": "rejected", "reasons": ["physics.fallen"]}
    assert rows["bad-3"]["seed"] == tried[-1]["seed"] != 3
    kept = {path.name for path in (tmp_path / "a" / "rejected" / "bad-3").iterdir()}
    assert kept == {"report.json", "request.json"}
    _run(items, tmp_path / "b")
    assert _tree(tmp_path / "a") == _tree(tmp_path / "b")


def test_a_finished_batch_makes_nothing_again(items: tuple[Item, ...], tmp_path: Path) -> None:
    first, _, _ = _run(items, tmp_path / "out")
    before = _tree(tmp_path / "out")
    again, pool, _ = _run(items, tmp_path / "out")
    assert not pool.made
    assert again.before == len(items)
    assert (again.accepted, again.rejected) == (first.accepted, first.rejected)
    assert _tree(tmp_path / "out") == before


def test_a_kill_at_any_moment_changes_nothing_in_the_end(items: tuple[Item, ...], tmp_path: Path) -> None:
    _run(items, tmp_path / "whole")
    whole = _tree(tmp_path / "whole")
    moment = 0
    while True:
        out, made = tmp_path / f"killed-{moment}", Counter[str]()
        left = moment
        moment += 1

        def tick() -> None:
            nonlocal left
            left -= 1
            if left < 0:
                raise Killed

        storage: Any = Interrupted(FolderStorage(out), tick)
        pool = ThisThread(out / ".work", storage, tick)
        try:
            Batch(items, storage, out / ".work", BatchOptions()).run(pool, CancelToken(), Noted())
        except Killed:
            made += pool.made
        else:
            break
        _, pool, _ = _run(items, out)
        made += pool.made
        assert _tree(out) == whole, f"killed at moment {moment}"
        assert set(made.values()) == {1}, f"killed at moment {moment}: no scene is made twice, {made}"
    assert moment > 50, "the test must have killed it at many moments"


def test_a_failure_stops_nobody_and_is_tried_again(tmp_path: Path) -> None:
    entries = [{"name": "a", "prompt": "a broken room"}, {"name": "b", "prompt": "a good room"}]
    summary, _, _ = _run(_items(tmp_path, entries), tmp_path / "out")
    assert (summary.accepted, summary.failed) == (1, 1)
    assert summary.errors == {"a": "StageFailed: collide: failed with ValueError: no such luck"}
    again, pool, _ = _run(_items(tmp_path, entries), tmp_path / "out")
    assert (again.before, again.failed) == (1, 1)
    assert not pool.made


def test_a_full_disk_stops_all(items: tuple[Item, ...], tmp_path: Path) -> None:
    def full() -> None:
        raise WriteFailed(tmp_path, OSError(28, "No space left on device"))

    with pytest.raises(WriteFailed, match="No space left"):
        _run(items, tmp_path / "out", full)


def test_a_stopped_batch_says_how_far_it_is(items: tuple[Item, ...], tmp_path: Path) -> None:
    out, token = tmp_path / "out", CancelToken()
    storage = FolderStorage(out)

    class Stopping(Noted):
        def tried(self, record: Record) -> None:
            super().tried(record)
            token.cancel()

    batch = Batch(items, storage, out / ".work", BatchOptions())
    with pytest.raises(Cancelled, match=r"stopped with [123] of 6 scenes settled"):
        batch.run(ThisThread(out / ".work", storage), token, Stopping())
    assert (out / "index.jsonl").read_text().count("\n") in (1, 2, 3)
    assert "not tried yet" in (out / "README.md").read_text()
    summary, _, _ = _run(items, out)
    assert summary.before >= 1


def test_more_attempts_go_on_where_fewer_ended(tmp_path: Path) -> None:
    items = _items(tmp_path, [{"name": "worse", "prompt": "a worse room"}])
    _run(items, tmp_path / "out", attempts=1)
    summary, pool, _ = _run(items, tmp_path / "out", attempts=3)
    assert dict(pool.made) == {"worse~1": 1, "worse~2": 1}
    assert summary.rejected == 1


def test_an_item_that_is_another_now_or_whose_scene_is_gone_is_made(tmp_path: Path) -> None:
    import shutil

    entries = [{"name": "a", "prompt": "a good room"}, {"name": "b", "prompt": "a good room", "seed": 2}]
    _run(_items(tmp_path, entries), tmp_path / "out")
    shutil.rmtree(tmp_path / "out" / "scenes" / "b")
    _, pool, _ = _run(_items(tmp_path, entries), tmp_path / "out")
    assert dict(pool.made) == {"b": 1}


def test_rejected_scenes_are_kept_whole_if_wanted(items: tuple[Item, ...], tmp_path: Path) -> None:
    _run(items, tmp_path / "out", keep_rejected=True)
    assert (tmp_path / "out" / "rejected" / "worse" / "scene.usda").is_file()
    assert (tmp_path / "out" / "rejected" / "worse~1" / ".complete").is_file()


def test_any_place_that_fsspec_knows_will_do(items: tuple[Item, ...], tmp_path: Path) -> None:
    import fsspec

    _run(items, tmp_path / "folder")
    storage = open_storage("memory://batches/one")
    for made in (6, 0):
        pool = ThisThread(tmp_path / "work", storage)
        Batch(items, storage, tmp_path / "work", BatchOptions()).run(pool, CancelToken(), Noted())
        assert (sum(pool.made.values()) >= made) if made else not pool.made
    files = fsspec.filesystem("memory")
    there = {path.removeprefix("/batches/one/"): files.cat_file(path) for path in files.find("/batches/one")}
    assert there == _tree(tmp_path / "folder")


def test_places_that_nobody_knows() -> None:
    with pytest.raises(InvalidRequest, match=r"nowhere://x: .*Give a path, or a URL"):
        open_storage("nowhere://x")
    with pytest.raises(InvalidRequest, match="--attempts must be at least 1"):
        BatchOptions(attempts=0)


def test_parquet_and_lines_say_the_same(items: tuple[Item, ...], tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    _run(items, tmp_path / "out")
    rows = [json.loads(line) for line in (tmp_path / "out" / "index.jsonl").read_text().splitlines()]
    table = pq.read_table(tmp_path / "out" / "index.parquet").to_pylist()
    assert [row["name"] for row in table] == [row["name"] for row in rows]
    assert [json.loads(row["error_m"]) for row in table] == [row["error_m"] for row in rows]
    assert "| generator x | MIT |" in (tmp_path / "out" / "LICENSES.md").read_text()


def test_scenes_may_be_made_on_another_disk(
    items: tuple[Item, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _run(items, tmp_path / "whole")

    def other_disk(*_: object) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    storage = FolderStorage(tmp_path / "out")
    monkeypatch.setattr(Path, "rename", other_disk)
    pool = ThisThread(tmp_path / "work", storage)
    Batch(items, storage, tmp_path / "work", BatchOptions()).run(pool, CancelToken(), Noted())
    assert _tree(tmp_path / "out") == _tree(tmp_path / "whole")
    assert not (tmp_path / "work").exists()

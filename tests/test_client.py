"""Workers driven from another process: real ones, real scenes of a few thousand Gaussians."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lyra_backend import api
from lyra_backend.client import Ending, Worker, watch
from lyra_backend.errors import Cancelled, DirectoryBusy, InvalidRequest, LyraError, StageFailed, WorkerDied, revived
from lyra_backend.io import event_log
from lyra_backend.io.run_dir import RunDirectory
from lyra_backend.pool import Job, WorkerPool
from lyra_backend.progress import CancelToken, Event
from lyra_backend.types import SceneRequest
from lyra_backend.worker import _next
from lyra_backend.worker_process import WorkerProcess

from .conftest import QUICK

REQUEST = SceneRequest.from_json(QUICK)


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    with Worker(threads=1) as made:
        yield made


@pytest.fixture(scope="module")
def events() -> list[Event]:
    """What the run of `scene` told."""
    return []


@pytest.fixture(scope="module")
def scene(worker: Worker, events: list[Event], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("worker") / "scene"
    worker.generate(REQUEST, out, listener=events.append)
    return out


def test_a_worker_makes_what_this_process_makes(worker: Worker, scene: Path, tmp_path: Path) -> None:
    api.generate_scene(REQUEST, tmp_path / "own")
    ours, theirs = RunDirectory.read(tmp_path / "own").results(), RunDirectory.read(scene).results()
    assert {n: p.read_bytes() for n, p in ours.items()} == {n: p.read_bytes() for n, p in theirs.items()}


def test_a_run_that_is_there_is_told_as_such(worker: Worker, scene: Path) -> None:
    again = worker.generate(REQUEST, scene)
    assert again.reused
    assert again.directory == scene
    assert again.report == RunDirectory.read(scene).read_report()


def test_progress_comes_through_and_never_runs_backwards(scene: Path, events: list[Event]) -> None:
    fractions = [event.fraction for event in events]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert {"generate", "collide", "validate"} <= {event.stage for event in events}


def test_schemas_and_plans_need_no_imports_here(worker: Worker) -> None:
    assert "gaussian_count" in worker.describe()["generate"]["generators"]["procedural"]["parameters"]
    assert worker.plan(REQUEST).plugins["generate"] == "procedural"


def test_errors_keep_their_class_and_text(worker: Worker, tmp_path: Path) -> None:
    worker.describe()
    pid = worker.pid
    with pytest.raises(InvalidRequest, match="Did you mean 'seed'"):
        worker.generate({"prompt": "a room", "sed": 1}, tmp_path / "run")
    with pytest.raises(InvalidRequest, match="no such stage"):
        worker.plan({"prompt": "a room", "params": {"generat": {}}})
    assert worker.pid == pid, "an error of a job is not the worker's end"
    assert not (tmp_path / "run").exists()


def test_a_cancelled_job_stops_at_its_next_report(worker: Worker, tmp_path: Path) -> None:
    token, pid = CancelToken(), worker.pid
    seen: list[float] = []

    def stop(event: Event) -> None:
        if event.stage == "generate" and not seen:
            token.cancel()
            seen.append(time.monotonic())

    with pytest.raises(Cancelled):
        worker.generate(SceneRequest(prompt="a large warehouse", seed=2), tmp_path / "run", listener=stop, token=token)
    assert seen
    assert worker.pid == pid
    assert not list((tmp_path / "run").rglob(".writing-*"))


def test_a_killed_worker_is_told_and_the_next_call_goes_on(tmp_path: Path) -> None:
    with Worker(threads=1) as worker:

        def kill(event: Event) -> None:
            if event.stage == "collide" and worker.pid is not None:
                os.kill(worker.pid, signal.SIGKILL)

        with pytest.raises(WorkerDied, match="signal SIGKILL"):
            worker.generate(REQUEST, tmp_path / "run", listener=kill)
        assert worker.pid is None
        kept = {path.name.partition("-")[0] for path in (tmp_path / "run" / ".stages").iterdir()}
        assert {"generate", "refine", "picture"} <= kept
        assert worker.generate(REQUEST, tmp_path / "run").directory == tmp_path / "run"


def test_a_worker_that_cannot_start_says_so() -> None:
    with pytest.raises(WorkerDied, match=r"cannot be started.*doctor"):
        Worker(["no-such-python"]).describe()
    with pytest.raises(WorkerDied, match=r"exit code 1.*No module named .lyra_backend"):
        Worker([sys.executable, "-I", "-S"]).describe()


def test_a_worker_that_holds_too_much_is_replaced_between_jobs(scene: Path) -> None:
    with Worker(threads=1, recycle_bytes=1) as worker:
        assert worker.generate(REQUEST, scene).reused
        assert worker.pid is None
        assert worker.generate(REQUEST, scene).reused


def test_networks_that_stay_loaded_are_no_leak(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    worker.describe()
    pid, usual = worker.pid, WorkerProcess.work
    monkeypatch.setattr(worker, "_recycle_bytes", 4_000_000_000)
    held = {"memory_bytes": 27_000_000_000, "warm_bytes": 23_000_000_000}
    monkeypatch.setattr(WorkerProcess, "work", lambda self, *given: {**usual(self, *given), **held})
    worker.describe()
    assert worker.pid == pid
    held["warm_bytes"] -= 1
    worker.describe()
    assert worker.pid is None


def test_networks_that_nobody_asks_for_are_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    jobs: queue.Queue[dict[str, str] | None] = queue.Queue()
    dropped: list[str] = []

    def drop() -> None:
        dropped.append("all")
        jobs.put({"do": "describe", "job": "late"})

    monkeypatch.setattr("lyra_backend.worker.WARM.drop", drop)
    jobs.put({"do": "describe", "job": "soon"})
    assert [_next(jobs, 0.01), dropped] == [{"do": "describe", "job": "soon"}, []]
    assert [_next(jobs, 0.01), dropped] == [{"do": "describe", "job": "late"}, ["all"]]
    jobs.put(None)
    assert _next(jobs, 0.01) is None


def test_a_worker_ends_with_whoever_started_it(tmp_path: Path) -> None:
    code = (
        "import sys, time\nfrom lyra_backend.client import Worker\nworker = Worker()\nworker.describe()\n"
        "print(worker.pid, flush=True)\ntime.sleep(600)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    assert _ends(pid)


def test_any_number_may_watch_a_run(worker: Worker, tmp_path: Path) -> None:
    out = tmp_path / "run"
    ready, told = threading.Event(), []

    def look() -> None:
        events: list[Event] = []
        told.append((watch(out, events.append), events[-1].fraction))

    watchers = [threading.Thread(target=look) for _ in range(3)]

    def show(event: Event) -> None:
        if not ready.is_set():
            ready.set()
            for watcher in watchers:
                watcher.start()

    result = worker.generate(REQUEST, out, listener=show)
    for watcher in watchers:
        watcher.join()
    how = Ending.ACCEPTED if result.report.accepted else Ending.REJECTED
    assert told == [((how, ""), 1.0)] * 3


def test_watching_tells_how_a_run_ended(scene: Path, tmp_path: Path) -> None:
    assert watch(scene, lambda _: None)[0] in (Ending.ACCEPTED, Ending.REJECTED)
    with pytest.raises(InvalidRequest, match="must be a run directory"):
        watch(tmp_path, lambda _: None)
    (tmp_path / "events.jsonl").write_text('{"begun": {"pid": 999999999, "since": 1.0}}\n{"stage": "gen')
    assert watch(tmp_path, lambda _: None) == (Ending.INTERRUPTED, "its process is gone")


def test_a_log_whose_writer_was_killed_in_a_line_is_gone_on_with(tmp_path: Path) -> None:
    (tmp_path / "events.jsonl").write_text('{"begun": {"pid": 999999999, "since": 1.0}}\n{"stage": "gen')
    event_log.begin(tmp_path)
    event_log.append(tmp_path, vars(Event("author", 0.5, "writing", 1.0, None)))
    event_log.end(tmp_path, Ending.REJECTED)
    events: list[Event] = []
    assert watch(tmp_path, events.append) == (Ending.REJECTED, "")
    assert [event.stage for event in events] == ["author"]


def test_a_pool_does_all_jobs_in_spite_of_a_killed_worker(tmp_path: Path) -> None:
    with WorkerPool(2, threads=1) as pool:
        killed = threading.Event()

        def kill(event: Event) -> None:
            if event.stage == "collide" and not killed.is_set():
                killed.set()
                os.kill(pool.pids[0], signal.SIGKILL)

        jobs = [pool.submit(Job(_seeded(seed), tmp_path / str(seed)), kill) for seed in range(2)]
        assert [job.result().directory.name for job in jobs] == ["0", "1"]
    assert killed.is_set()
    assert all(RunDirectory.read(tmp_path / str(seed)).complete for seed in range(2))


def test_a_job_outlives_any_number_of_workers_as_long_as_it_comes_further(tmp_path: Path) -> None:
    with WorkerPool(1, threads=1) as pool:
        killed: list[str] = []

        def kill(event: Event) -> None:
            if event.stage in ("generate", "refine", "picture", "collide") and event.stage not in killed:
                killed.append(event.stage)
                os.kill(pool.pids[0], signal.SIGKILL)

        assert pool.submit(Job(REQUEST, tmp_path / "run"), kill).result().directory == tmp_path / "run"
        assert len(killed) == 4
        killed.clear()

        def kill_always(event: Event) -> None:
            killed.append(event.stage)
            os.kill(pool.pids[0], signal.SIGKILL)

        with pytest.raises(WorkerDied, match=r"took 3 workers down and came no further than \d+%.*SIGKILL"):
            pool.submit(Job(_seeded(2), tmp_path / "other"), kill_always).result()


def test_jobs_are_cancelled_before_they_begin_as_well(tmp_path: Path) -> None:
    with WorkerPool(1, threads=1) as pool:
        jobs = [Job(_seeded(seed), tmp_path / str(seed)) for seed in range(2)]
        jobs[1].token.cancel()
        first, second = [pool.submit(job) for job in jobs]
        assert first.result().directory == tmp_path / "0"
        with pytest.raises(Cancelled, match="before it began"):
            second.result()
    assert not (tmp_path / "1").exists()


def test_a_directory_in_use_is_waited_for(scene: Path) -> None:
    held = RunDirectory.open(scene, REQUEST)
    with pytest.raises(DirectoryBusy):
        api.generate_scene(REQUEST, scene)
    threading.Timer(1.0, held.close).start()
    with WorkerPool(1, threads=1) as pool:
        assert pool.submit(Job(REQUEST, scene)).result().reused


@pytest.mark.parametrize(
    ("error", "kind"),
    [(StageFailed("collide", ValueError("no")), StageFailed), (InvalidRequest("bad"), InvalidRequest)],
)
def test_errors_come_back_as_they_were(error: LyraError, kind: type[LyraError]) -> None:
    back = revived(type(error).__name__, str(error))
    assert type(back) is kind
    assert str(back) == str(error)
    assert type(revived("Unheard", "of")) is LyraError


def _seeded(seed: int) -> SceneRequest:
    return SceneRequest.from_json({**REQUEST.to_json(), "seed": seed})


def _ends(pid: int) -> bool:
    import psutil

    until = time.monotonic() + 30.0
    while time.monotonic() < until:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.1)
    return False

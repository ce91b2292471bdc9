"""The table of jobs: order, states and what a crash leaves."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest

from lyra_backend.errors import InvalidRequest
from lyra_backend.service.database import Database
from lyra_backend.service.folders import JobFolder
from lyra_backend.service.jobs import Jobs, State, new_id
from lyra_backend.service.refusal import Refused
from lyra_backend.service.settings import Limits

ASKED = {"prompt": "a room"}


@pytest.fixture
def jobs(tmp_path: Path) -> Jobs:
    return Jobs(Database(tmp_path / "jobs.sqlite"), Limits(queue=1000))


def submit(jobs: Jobs, owner: str = "ann") -> str:
    return jobs.submit(new_id(), owner, ASKED, None)[0].id


def test_the_database_is_in_wal_mode_and_of_one_version(tmp_path: Path) -> None:
    Database(tmp_path / "a.sqlite").close()
    with sqlite3.connect(tmp_path / "a.sqlite") as db:
        assert db.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
        db.execute("PRAGMA user_version=77")
    with pytest.raises(InvalidRequest, match="of version 77"):
        Database(tmp_path / "a.sqlite")
    (tmp_path / "b.sqlite").write_bytes(b"no database " * 100)
    with pytest.raises(InvalidRequest, match="cannot be used"):
        Database(tmp_path / "b.sqlite")


def test_tokens_take_turns_and_jobs_come_in_order(jobs: Jobs) -> None:
    ann = [submit(jobs) for _ in range(3)]
    bob = [submit(jobs, "bob") for _ in range(2)]
    claimed = [row.id for _ in range(5) if (row := jobs.claim())]
    assert claimed == [ann[0], bob[0], ann[1], bob[1], ann[2]]
    assert jobs.claim() is None


def test_a_job_is_claimed_once_by_however_many(jobs: Jobs) -> None:
    ids = {submit(jobs) for _ in range(40)}
    claimed: list[str] = []

    def take() -> None:
        while (row := jobs.claim()) is not None:
            claimed.append(row.id)

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(claimed) == 40
    assert set(claimed) == ids


def test_what_ran_is_queued_again_where_it_was(jobs: Jobs) -> None:
    first, second = submit(jobs), submit(jobs)
    assert jobs.claim() is not None
    jobs.requeue()
    row = jobs.claim()
    assert row is not None
    assert (row.id, row.attempts) == (first, 2)
    jobs.requeue(first)
    assert jobs.get("ann", first).attempts == 1, "a start that was taken back does not count"
    assert jobs.get("ann", second).state is State.QUEUED


def test_a_key_names_one_job(jobs: Jobs) -> None:
    first, is_new = jobs.submit(new_id(), "ann", ASKED, "k")
    assert is_new
    assert jobs.submit(new_id(), "ann", ASKED, "k") == (first, False)
    assert jobs.submit(new_id(), "bob", ASKED, "k")[1]
    with pytest.raises(Refused, match="another request"):
        jobs.submit(new_id(), "ann", {"prompt": "a hall"}, "k")
    jobs.delete("ann", first.id)
    assert jobs.submit(new_id(), "ann", ASKED, "k")[1]


def test_cancelling_and_deleting(jobs: Jobs) -> None:
    waiting, running, done = (submit(jobs) for _ in range(3))
    assert jobs.cancel("ann", waiting).state is State.CANCELLED
    for id in (running, done):
        row = jobs.claim()
        assert row is not None
        assert row.id == id
    assert jobs.settle(done, State.ACCEPTED, "", 5) is State.ACCEPTED
    assert jobs.cancel("ann", done).state is State.ACCEPTED
    assert jobs.cancel("ann", running).cancel
    assert jobs.wants_cancel(running)
    assert jobs.delete("ann", running).state is State.RUNNING
    assert jobs.settle(running, State.ACCEPTED, "", 5) is State.DELETED
    with pytest.raises(Refused, match="none of this id"):
        jobs.get("ann", running)
    assert [row.id for row in jobs.listed("ann", None, None, 10)] == [done, waiting]
    jobs.forget(running)
    jobs.forget(done)
    assert jobs.ids(*State) == {done, waiting}, "only deleted jobs are forgotten"


def test_names_that_are_sql_are_names(jobs: Jobs) -> None:
    evil = "x'; DROP TABLE jobs; --"
    row, _ = jobs.submit(new_id(), "ann", {"prompt": evil}, evil)
    assert jobs.get("ann", row.id).request == {"prompt": evil}
    for id in (evil, "' OR '1'='1", "%", "_" * 24):
        with pytest.raises(Refused):
            jobs.get("ann", id)
    assert jobs.counts()["queued"] == 1


def test_running_jobs_count_with_what_they_take_by_now(tmp_path: Path) -> None:
    jobs = Jobs(Database(tmp_path / "jobs.sqlite"), Limits(queue=1000, disk_bytes=1000))
    running, other = submit(jobs), submit(jobs, "bob")
    assert {job.id for job in (jobs.claim(), jobs.claim()) if job} == {running, other}
    folder = JobFolder(tmp_path / running)
    folder.run.mkdir(parents=True)

    def size(id: str) -> int:
        assert id == running, "others' jobs are none of this one's"
        return folder.size()

    (folder.run / "half").write_bytes(bytes(900))
    jobs.measure("ann", size)
    submit(jobs)
    (folder.run / "more").write_bytes(bytes(100))
    jobs.measure("ann", size)
    with pytest.raises(Refused, match=r"take 1e-06 GB of its 1e-06 GB"):
        submit(jobs)
    submit(jobs, "bob")
    folder.remove()
    jobs.measure("ann", size)
    submit(jobs)

"""The jobs of a service and what became of them.

``queued -> running -> accepted | rejected | failed | cancelled``; a running job whose process is gone is queued again
and goes on from its finished stages. ``deleted`` is one whose files are still being removed.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from .database import Database, disk_bytes
from .refusal import Refused
from .settings import Limits

__all__ = ["FINAL", "JobRow", "Jobs", "State", "new_id"]


class State(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    FAILED = "failed"
    CANCELLED = "cancelled"
    DELETED = "deleted"


#: States that nothing follows, but being deleted.
FINAL = (State.ACCEPTED, State.REJECTED, State.FAILED, State.CANCELLED)


@dataclass(frozen=True)
class JobRow:
    """A job; times in seconds since 1970.

    Attributes:
        number: order of arrival.
        id: what clients call it.
        owner: name of the token it came with.
        state: see the module.
        request: what was asked for, as the client wrote it.
        message: why it failed.
        cancel: it is to stop.
        created, started, ended: when it came, began last and ended; None if it did not yet.
        attempts: how often it began.
        bytes: what its directory takes.
    """

    number: int
    id: str
    owner: str
    state: State
    request: Mapping[str, Any]
    message: str
    cancel: bool
    created: float
    started: float | None
    ended: float | None
    attempts: int
    bytes: int


def new_id() -> str:
    """Return an id that nobody guesses."""
    return secrets.token_hex(12)


class Jobs:
    """The table of jobs."""

    def __init__(self, database: Database, limits: Limits) -> None:
        self._database = database
        self._limits = limits

    def submit(self, id: str, owner: str, request: Mapping[str, Any], key: str | None) -> tuple[JobRow, bool]:
        """Queue a request; return its job, and whether it is new: a `key` names the same job again.

        Raises:
            Refused: the queue or the disk of this token is full, or `key` stands for another request.
        """
        text = json.dumps(request, sort_keys=True)
        with self._database.transaction() as db:
            if key is not None and (known := _one(db, "owner=? AND key=?", owner, key)) is not None:
                if json.dumps(known.request, sort_keys=True) != text:
                    raise Refused(409, f"Idempotency-Key {key!r}: stands for another request. Use a new one.")
                return known, False
            self._check_quota(db, owner)
            db.execute(
                "INSERT INTO jobs (id, owner, key, state, request, created) VALUES (?, ?, ?, ?, ?, ?)",
                (id, owner, key, State.QUEUED, text, time.time()),
            )
            return _must(db, id), True

    def get(self, owner: str, id: str) -> JobRow:
        """Return a job.

        Raises:
            Refused: there is none of this owner's.
        """
        with self._database.transaction() as db:
            return _owned(db, owner, id)

    def listed(self, owner: str, state: State | None, before: str | None, limit: int) -> list[JobRow]:
        """Return the newest jobs of an owner, those older than the job `before` if there is one."""
        with self._database.transaction() as db:
            last = _owned(db, owner, before).number if before else 2**62
            where, more = ("AND state=?", (state,)) if state else ("AND state!='deleted'", ())
            query = f"SELECT * FROM jobs WHERE owner=? AND number<? {where} ORDER BY number DESC LIMIT ?"
            return [_row(found) for found in db.execute(query, (owner, last, *more, limit))]

    def ahead_of(self, job: JobRow) -> int:
        """Return how many jobs came earlier and wait as well."""
        with self._database.transaction() as db:
            query = "SELECT count(*) FROM jobs WHERE state='queued' AND number<?"
            return int(db.execute(query, (job.number,)).fetchone()[0])

    def claim(self) -> JobRow | None:
        """Take the job that is next: the oldest one of a token that has the fewest running."""
        with self._database.transaction() as db:
            found = db.execute(
                "SELECT id FROM jobs AS j WHERE state='queued' ORDER BY "
                "(SELECT count(*) FROM jobs AS r WHERE r.state='running' AND r.owner=j.owner), number LIMIT 1"
            ).fetchone()
            if found is None:
                return None
            db.execute(
                "UPDATE jobs SET state='running', started=?, attempts=attempts+1 WHERE id=?", (time.time(), found["id"])
            )
            return _must(db, found["id"])

    def cancel(self, owner: str, id: str) -> JobRow:
        """Stop a job: at once if it waits; one that runs is marked, one that has ended stays as it is."""
        with self._database.transaction() as db:
            job = _owned(db, owner, id)
            if job.state is State.QUEUED:
                db.execute("UPDATE jobs SET state='cancelled', cancel=1, ended=? WHERE id=?", (time.time(), id))
            elif job.state is State.RUNNING:
                db.execute("UPDATE jobs SET cancel=1 WHERE id=?", (id,))
            return _must(db, id)

    def delete(self, owner: str, id: str) -> JobRow:
        """Mark a job as deleted, and as to be stopped; return it as it was. Nobody sees it any more."""
        with self._database.transaction() as db:
            job = _owned(db, owner, id)
            db.execute("UPDATE jobs SET state='deleted', cancel=1, key=NULL WHERE id=?", (id,))
            return job

    def forget(self, id: str) -> None:
        """Drop a deleted job, whose files are gone."""
        with self._database.transaction() as db:
            db.execute("DELETE FROM jobs WHERE id=? AND state='deleted'", (id,))

    def settle(self, id: str, state: State, message: str, bytes: int) -> State:
        """Note how a running job ended; return its state, which is another one if it was deleted meanwhile."""
        with self._database.transaction() as db:
            db.execute(
                "UPDATE jobs SET state=?, message=?, bytes=?, ended=? WHERE id=? AND state='running'",
                (state, message, bytes, time.time(), id),
            )
            return _must(db, id).state

    def measure(self, owner: str, size: Callable[[str], int]) -> None:
        """Note what the running jobs of an owner take by now, for quotas; `size` tells it by id [bytes]."""
        query = "SELECT id FROM jobs WHERE owner=? AND state='running'"
        with self._database.transaction() as db:
            ids = [row["id"] for row in db.execute(query, (owner,))]
        sizes = [(size(id), id) for id in ids]  # takes a while, in which others may want the database
        with self._database.transaction() as db:
            db.executemany("UPDATE jobs SET bytes=? WHERE id=? AND state='running'", sizes)

    def wants_cancel(self, id: str) -> bool:
        with self._database.transaction() as db:
            return _must(db, id).cancel

    def requeue(self, id: str | None = None) -> None:
        """Put a running job, or all of them, back into the queue: their process is gone."""
        with self._database.transaction() as db:
            if id is None:
                db.execute("UPDATE jobs SET state='queued' WHERE state='running'")
            else:
                db.execute("UPDATE jobs SET state='queued', attempts=attempts-1 WHERE id=? AND state='running'", (id,))

    def ids(self, *states: State) -> set[str]:
        """Return the ids of all jobs in these states."""
        with self._database.transaction() as db:
            marks = ",".join("?" * len(states))
            return {row["id"] for row in db.execute(f"SELECT id FROM jobs WHERE state IN ({marks})", states)}

    def counts(self) -> dict[str, int]:
        """Return how many jobs there are in each state."""
        with self._database.transaction() as db:
            found = dict(db.execute("SELECT state, count(*) FROM jobs GROUP BY state").fetchall())
        return {state.value: found.get(state.value, 0) for state in State}

    def _check_quota(self, db: sqlite3.Connection, owner: str) -> None:
        queued = db.execute("SELECT count(*) FROM jobs WHERE state='queued' AND owner=?", (owner,)).fetchone()[0]
        if queued >= self._limits.queue:
            raise Refused(429, f"queue: {queued} jobs of this token wait, which is its limit. Try again later.", _LATER)
        taken = disk_bytes(db, owner)
        if taken >= self._limits.disk_bytes:
            raise Refused(
                429,
                f"disk: this token's jobs and uploads take {taken / 1e9:.3g} GB of its "
                f"{self._limits.disk_bytes / 1e9:.3g} GB. Delete some.",
            )


_LATER = {"Retry-After": "10"}


def _owned(db: sqlite3.Connection, owner: str, id: str) -> JobRow:
    job = _one(db, "owner=? AND id=? AND state!='deleted'", owner, id)
    if job is None:
        raise Refused(404, "job: there is none of this id. List them with GET /v1/jobs.")
    return job


def _one(db: sqlite3.Connection, where: str, *values: Any) -> JobRow | None:
    found = db.execute(f"SELECT * FROM jobs WHERE {where}", values).fetchone()
    return None if found is None else _row(found)


def _must(db: sqlite3.Connection, id: str) -> JobRow:
    return _row(db.execute("SELECT * FROM jobs WHERE id=?", (id,)).fetchone())


def _row(found: sqlite3.Row) -> JobRow:
    values = {name: found[name] for name in found.keys() if name != "key"}  # noqa: SIM118
    request = json.loads(found["request"])
    return JobRow(**{**values, "state": State(found["state"]), "request": request, "cancel": bool(found["cancel"])})

"""What must outlive the process: one SQLite file in WAL mode, one connection, short transactions.

A job is in it before the client hears of it, and every change is on the disk before anybody acts on it.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import InvalidRequest

__all__ = ["Database", "disk_bytes"]

#: Another number means other tables; there is nothing to migrate from yet.
_VERSION = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    owner TEXT NOT NULL,
    key TEXT,
    state TEXT NOT NULL,
    request TEXT NOT NULL,
    message TEXT NOT NULL DEFAULT '',
    cancel INTEGER NOT NULL DEFAULT 0,
    created REAL NOT NULL,
    started REAL,
    ended REAL,
    attempts INTEGER NOT NULL DEFAULT 0,
    bytes INTEGER NOT NULL DEFAULT 0,
    UNIQUE (owner, key)
);
CREATE INDEX IF NOT EXISTS jobs_by_state ON jobs (state, owner);
CREATE INDEX IF NOT EXISTS jobs_by_owner ON jobs (owner, number);
CREATE TABLE IF NOT EXISTS uploads (
    owner TEXT NOT NULL,
    digest TEXT NOT NULL,
    kind TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    used REAL NOT NULL,
    PRIMARY KEY (owner, digest)
);
"""


class Database:
    """The tables of a service.

    Raises:
        InvalidRequest: the file is another program's, or another version's.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.row_factory = sqlite3.Row
        try:
            self._prepare(path)
        except sqlite3.DatabaseError as error:
            raise InvalidRequest(f"{path}: cannot be used ({error}). Choose another directory.") from error

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Give the connection; what is done with it happens whole or not at all, and alone."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def _prepare(self, path: Path) -> None:
        for setting in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=10000"):
            self._connection.execute(f"PRAGMA {setting}")
        found = self._connection.execute("PRAGMA user_version").fetchone()[0]
        if found not in (0, _VERSION):
            raise InvalidRequest(f"{path}: is of version {found}, this program knows {_VERSION}. Update lyra-backend.")
        self._connection.executescript(_SCHEMA)
        self._connection.execute(f"PRAGMA user_version={_VERSION}")


def disk_bytes(connection: sqlite3.Connection, owner: str) -> int:
    """Return what the jobs and uploads of a token take [bytes]."""
    query = "SELECT (SELECT total(bytes) FROM jobs WHERE owner=:o) + (SELECT total(bytes) FROM uploads WHERE owner=:o)"
    return int(connection.execute(query, {"o": owner}).fetchone()[0])

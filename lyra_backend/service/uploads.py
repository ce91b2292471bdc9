"""Uploaded files, each named by the SHA-256 of its content.

A file that two tokens uploaded lies there once, and neither learns of the other: an upload is known to a token only
once it brought all of it itself.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from starlette.concurrency import run_in_threadpool

from .contents import FIELDS, SUFFIXES, inspect
from .database import Database, disk_bytes
from .refusal import Refused
from .settings import Limits

__all__ = ["Upload", "Uploads"]

_PART = ".part-"
_PIECE_BYTES = 1 << 20
#: A client that sends nothing for so long is gone [s].
_SILENCE_S = 60.0
#: Uploads of one token at a time.
_AT_ONCE = 8


@dataclass(frozen=True)
class Upload:
    """A file that a token brought; `id` is what requests call it."""

    digest: str
    kind: str
    bytes: int

    @property
    def id(self) -> str:
        return f"upload:{self.digest}"

    @property
    def fields(self) -> tuple[str, ...]:
        """Request fields that take it."""
        return tuple(field for field, kinds in FIELDS.items() if self.kind in kinds)


@dataclass(eq=False)
class _Coming:
    """An upload on its way: the file it is written to, and what has come of it."""

    part: Path
    bytes: int = 0


class Uploads:
    """The uploads in a folder."""

    def __init__(self, folder: Path, database: Database, limits: Limits) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._database, self._limits = folder, database, limits
        self._lock = threading.Lock()
        self._coming: dict[str, list[_Coming]] = {}
        for leftover in folder.glob(f"{_PART}*"):
            leftover.unlink()

    async def take(self, owner: str, chunks: AsyncIterator[bytes], declared: str | None) -> Upload:
        """Write an upload as it comes in, look at it, and keep it.

        Raises:
            Refused: it is too large, of no known kind, damaged, beyond the disk quota, or does not go on.
        """
        with self._admitted(owner) as coming:
            try:
                digest = await self._receive(owner, chunks, coming)
                kind = await run_in_threadpool(inspect, coming.part, declared, self._limits)
                upload = Upload(digest, kind, coming.bytes)
                await run_in_threadpool(self._keep, owner, upload, coming.part)
            finally:
                coming.part.unlink(missing_ok=True)
        return upload

    def find(self, owner: str, digest: str) -> tuple[Upload, Path]:
        """Return an upload and where it lies, and note that it is in use.

        Raises:
            Refused: this token did not bring it, or it is gone.
        """
        with self._database.transaction() as db:
            upload = _known(db, owner, digest)
            db.execute("UPDATE uploads SET used=? WHERE owner=? AND digest=?", (time.time(), owner, digest))
        return upload, self._path(upload)

    def listed(self, owner: str) -> list[Upload]:
        with self._database.transaction() as db:
            rows = db.execute("SELECT digest, kind, bytes FROM uploads WHERE owner=? ORDER BY digest", (owner,))
            return [Upload(**dict(row)) for row in rows]

    def remove(self, owner: str, digest: str) -> None:
        """Remove an upload; jobs that were submitted with it keep it.

        Raises:
            Refused: there is none.
        """
        with self._lock:
            with self._database.transaction() as db:
                upload = _known(db, owner, digest)
                db.execute("DELETE FROM uploads WHERE owner=? AND digest=?", (owner, digest))
                others = db.execute("SELECT 1 FROM uploads WHERE digest=? AND kind=?", (digest, upload.kind)).fetchone()
            if others is None:
                self._path(upload).unlink(missing_ok=True)

    def sweep(self) -> None:
        """Remove what was not used for long, and files that nobody owns since a process was killed."""
        until = time.time() - 3600.0 * self._limits.upload_hours
        with self._database.transaction() as db:
            old = db.execute("SELECT owner, digest FROM uploads WHERE used<?", (until,)).fetchall()
        for row in old:
            self.remove(row["owner"], row["digest"])
        with self._lock:
            with self._database.transaction() as db:
                rows = db.execute("SELECT DISTINCT digest, kind, bytes FROM uploads").fetchall()
            known = {self._path(Upload(**dict(row))) for row in rows}
            for path in self._folder.iterdir():
                if not path.name.startswith(_PART) and path not in known:
                    path.unlink()

    async def _receive(self, owner: str, chunks: AsyncIterator[bytes], coming: _Coming) -> str:
        """Write what comes to a file that has no name yet; return its digest."""
        digest = hashlib.sha256()
        room = self._limits.disk_bytes - await run_in_threadpool(self._disk_bytes, owner)
        with coming.part.open("xb") as file:

            def write(data: bytes) -> None:
                digest.update(data)
                file.write(data)

            async for data in _pieces(chunks):
                coming.bytes += len(data)
                if coming.bytes > self._limits.upload_bytes:
                    raise Refused(413, f"upload: at most {self._limits.upload_bytes:,} bytes are taken.")
                if sum(other.bytes for other in self._coming[owner]) > room:
                    raise Refused(429, _NO_ROOM)
                await run_in_threadpool(write, data)
            file.flush()
            await run_in_threadpool(os.fsync, file.fileno())
        if not coming.bytes:
            raise Refused(422, "upload: it is empty. Send the file as the body of the request.")
        return digest.hexdigest()

    @contextmanager
    def _admitted(self, owner: str) -> Iterator[_Coming]:
        """Count an upload that comes in."""
        together = self._coming.setdefault(owner, [])
        if len(together) >= _AT_ONCE:
            raise Refused(429, f"upload: {_AT_ONCE} of this token come in already. Try again.", {"Retry-After": "5"})
        coming = _Coming(self._folder / f"{_PART}{os.urandom(8).hex()}")
        together.append(coming)
        try:
            yield coming
        finally:
            together.remove(coming)

    def _keep(self, owner: str, upload: Upload, part: Path) -> None:
        with self._lock, self._database.transaction() as db:
            row = (owner, upload.digest, upload.kind, upload.bytes, time.time())
            is_new = db.execute("SELECT 1 FROM uploads WHERE owner=? AND digest=?", row[:2]).fetchone() is None
            if is_new and disk_bytes(db, owner) + upload.bytes > self._limits.disk_bytes:
                raise Refused(429, _NO_ROOM)
            db.execute("INSERT OR REPLACE INTO uploads (owner, digest, kind, bytes, used) VALUES (?, ?, ?, ?, ?)", row)
            part.replace(self._path(upload))

    def _disk_bytes(self, owner: str) -> int:
        with self._database.transaction() as db:
            return disk_bytes(db, owner)

    def _path(self, upload: Upload) -> Path:
        return self._folder / f"{upload.digest}{SUFFIXES[upload.kind]}"


_NO_ROOM = "disk: this token's jobs and uploads would take more than its share. Delete some."


def _known(db: sqlite3.Connection, owner: str, digest: str) -> Upload:
    query = "SELECT digest, kind, bytes FROM uploads WHERE owner=? AND digest=?"
    row = db.execute(query, (owner, digest)).fetchone()
    if row is None:
        raise Refused(404, f"upload: upload:{digest:.80} is not there. Send it with POST /v1/uploads.")
    return Upload(**dict(row))


async def _pieces(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield a body in pieces that are worth a trip to another thread.

    Raises:
        Refused: nothing comes any more.
    """
    piece = bytearray()
    try:
        while True:
            async with asyncio.timeout(_SILENCE_S):
                piece += await anext(chunks)
            if len(piece) >= _PIECE_BYTES:
                yield bytes(piece)
                piece.clear()
    except StopAsyncIteration:
        pass
    except TimeoutError:
        raise Refused(408, f"upload: nothing came for {_SILENCE_S:.0f} s. Send it again.") from None
    if piece:
        yield bytes(piece)

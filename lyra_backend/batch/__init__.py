"""Scenes by the thousand: a manifest in, a folder of accepted scenes and an index of them out.

Does: give items to workers, try other seeds where a scene is not accepted, stop cleanly and go on from there. Does not:
make scenes, or schedule across machines: a pool does that.

    DIR/scenes/<name>/        accepted scenes, run directories each
    DIR/rejected/<name>/      report, request and picture of the others
    DIR/gallery.html          all of them at a glance
    DIR/index.jsonl           a line for each settled item; index.parquet, README.md and LICENSES.md sum them up
    DIR/.records/             what is gone on from          DIR/.work/   scenes that are being made
"""

from __future__ import annotations

import queue
import shutil
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ..errors import Cancelled, InvalidRequest
from ..progress import CancelToken, Event
from .attempt import Attempt, put_away
from .dataset import write_dataset
from .manifest import Item, read_manifest
from .records import ACCEPTED, FAILED, OPEN, REJECTED, SCENES, Record, read_records
from .storage import Storage

__all__ = ["Batch", "BatchOptions", "Item", "Pool", "Summary", "Watcher", "read_manifest"]

#: Attempts given out ahead of free workers, so that none waits for this process.
_AHEAD = 2


@dataclass(frozen=True)
class BatchOptions:
    """How a batch is worked through.

    Attributes:
        attempts: seeds to try, at most, for an item whose scenes are not accepted.
        keep_rejected: keep scenes that were not accepted whole, and not their reports alone.
    """

    attempts: int = 3
    keep_rejected: bool = False

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise InvalidRequest(f"--attempts must be at least 1, got {self.attempts}.")


@dataclass(frozen=True)
class Summary:
    """What became of all items.

    Attributes:
        accepted, rejected, failed: how many items ended so.
        before: how many had been settled before this call.
        reasons: how many items each finding kept from being accepted, the most frequent first.
        errors: what the items that failed say, by name.
    """

    accepted: int
    rejected: int
    failed: int
    before: int
    reasons: Mapping[str, int]
    errors: Mapping[str, str]

    @staticmethod
    def of(records: Mapping[str, Record], before: int) -> Summary:
        """Sum up settled items and those that failed, by name."""
        states = [record["state"] for record in records.values()]
        reasons: dict[str, int] = {}
        for record in records.values():
            for code in record["reasons"] if record["state"] == REJECTED else ():
                reasons[code] = reasons.get(code, 0) + 1
        errors = {name: str(record["error"]) for name, record in records.items() if record["state"] == FAILED}
        frequent = dict(sorted(reasons.items(), key=lambda pair: (-pair[1], pair[0])))
        accepted, rejected, failed = (states.count(state) for state in (ACCEPTED, REJECTED, FAILED))
        return Summary(accepted, rejected, failed, before, frequent, errors)


class Pool(Protocol):
    """What does attempts, `size` of them at a time: workers of this machine, or a cluster."""

    size: int

    def attempt(self, attempt: Attempt, token: CancelToken, listener: Callable[[Event], None]) -> Future[Record]:
        """Queue an attempt; the future holds what :func:`~.attempt.make` returns or raises."""


class Watcher(Protocol):
    """Told what happens; `progress` in threads of the pool, the others in that of :meth:`Batch.run`."""

    def begin(self, total: int, settled: Mapping[str, Record]) -> None:
        """There are `total` items, and these are settled."""

    def progress(self, name: str, event: Event) -> None:
        """The scene of an item got on."""

    def tried(self, record: Record) -> None:
        """An attempt ended; the record says whether the item is settled with it."""


class Batch:
    """A batch in a place. :meth:`run` it, and again after it was stopped."""

    def __init__(self, items: Sequence[Item], storage: Storage, work: Path, options: BatchOptions) -> None:
        self._items = items
        self._storage = storage
        self._work = work
        self._options = options
        self._done: queue.SimpleQueue[Future[Record]] = queue.SimpleQueue()

    def run(self, pool: Pool, token: CancelToken, watcher: Watcher) -> Summary:
        """Make what is not there yet, and write the index of everything that is.

        Raises:
            Cancelled: `token` was set; the same call goes on later.
            WriteFailed: nothing more can be written.
        """
        records = read_records(self._items, self._storage)
        self._tidy(records)
        settled = self._settled(records)
        before = len(settled)
        watcher.begin(len(self._items), settled)
        try:
            self._make(pool, token, watcher, records, settled)
        finally:
            in_order = [settled[item.name] for item in self._items if item.name in settled]
            write_dataset(in_order, len(self._items), self._storage)
        if token.cancelled:
            raise Cancelled(
                f"batch: stopped with {len(settled)} of {len(self._items)} scenes settled; the same command goes on"
            )
        summary = Summary.of(settled, before)
        if not summary.failed:
            shutil.rmtree(self._work, ignore_errors=True)
        return summary

    def _tidy(self, records: Mapping[str, Record]) -> None:
        """Put away what a kill left between a record and the scene it tells of."""
        for item in self._items:
            attempts = records[item.name]["attempts"] if item.name in records else ()
            for number, made in enumerate(attempts):
                attempt = self._attempt(item, attempts[:number])
                if (self._work / attempt.folder).is_dir():
                    put_away(attempt, made["state"], self._work / attempt.folder, self._storage)

    def _make(
        self,
        pool: Pool,
        token: CancelToken,
        watcher: Watcher,
        records: Mapping[str, Record],
        settled: dict[str, Record],
    ) -> None:
        """Attempt all that is not settled, and again what stays open, until nothing does or `token` is set."""
        waiting = [self._next(i, records.get(i.name)) for i in reversed(self._items) if i.name not in settled]
        items = {item.name: item for item in self._items}
        running = 0
        while True:
            while waiting and running < pool.size + _AHEAD and not token.cancelled:
                attempt = waiting.pop()
                self._start(attempt, pool, token, watcher)
                running += 1
            if not running:
                return
            record = self._result(token)
            running -= 1
            if record is None:
                continue
            watcher.tried(record)
            if record["state"] == OPEN:
                waiting.append(self._next(items[record["name"]], record))
            else:
                settled[record["name"]] = record

    def _start(self, attempt: Attempt, pool: Pool, token: CancelToken, watcher: Watcher) -> None:
        name = attempt.item.name
        pool.attempt(attempt, token, lambda event: watcher.progress(name, event)).add_done_callback(self._done.put)

    def _result(self, token: CancelToken) -> Record | None:
        """Return the record of the attempt that ends next; None if it was cancelled."""
        try:
            return self._done.get().result()
        except Cancelled:
            return None
        except BaseException:
            token.cancel()  # nothing can be written, as the others would find out one by one
            raise

    def _next(self, item: Item, record: Record | None) -> Attempt:
        """Return the attempt that comes next; one that failed, or whose scene is gone, is made again."""
        attempts = record["attempts"] if record is not None else []
        return self._attempt(item, [made for made in attempts if made["state"] == REJECTED])

    def _attempt(self, item: Item, earlier: Sequence[Record]) -> Attempt:
        return Attempt(item, tuple(earlier), self._limit(item), self._options.keep_rejected)

    def settled(self) -> dict[str, Record]:
        """Return the records of the items for which nothing is left to do, by name."""
        return self._settled(read_records(self._items, self._storage))

    def _settled(self, records: Mapping[str, Record]) -> dict[str, Record]:
        scenes = self._storage.scenes(SCENES)
        tried = [(item, records[item.name]) for item in self._items if item.name in records]
        return {item.name: record for item, record in tried if self._is_settled(item, record, scenes)}

    def _is_settled(self, item: Item, record: Record, scenes: frozenset[str]) -> bool:
        if record["state"] == ACCEPTED:
            return item.name in scenes
        return record["state"] != FAILED and len(record["attempts"]) >= self._limit(item)

    def _limit(self, item: Item) -> int:
        return item.attempts or self._options.attempts

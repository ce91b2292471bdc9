"""What a batch knows of its items: a small file for each that was tried, which a killed batch goes on from.

Does: make up, write and read records. Does not: make scenes, or sum up.

A record is JSON data: name, key and request of the item, its ``state``, what is known of the scene, and all
``attempts``. It holds no times, so that it is the same whenever the same item is made. It is written before the scene
is put in its place: what is there without a record would be made a second time.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from .manifest import Item
from .storage import Storage

__all__ = [
    "ACCEPTED",
    "FAILED",
    "OPEN",
    "REJECTED",
    "REJECTS",
    "SCENES",
    "Record",
    "folder_name",
    "read_records",
    "record_of",
    "write_record",
]

Record = Mapping[str, Any]

#: States of an item: settled are the first two; `OPEN` is one with attempts left.
ACCEPTED, REJECTED, FAILED, OPEN = "accepted", "rejected", "failed", "open"
#: Folders of scenes: those that were accepted, and what is kept of the others.
SCENES, REJECTS = "scenes", "rejected"
#: Begins with a dot: what is there for the machine.
_FOLDER = ".records"


def folder_name(item: str, number: int) -> str:
    """Return the name of the folder of an item's attempt, counted from 0, while it works and among the rejected."""
    return f"{item}~{number}" if number else item


def record_of(item: Item, attempts: Iterable[Record], limit: int) -> Record:
    """Return the record of an item after these attempts, of which there may be `limit`; the last tells of the scene."""
    *earlier, last = attempts
    is_open = last["state"] == REJECTED and len(earlier) + 1 < limit
    tried = [{key: one[key] for key in ("seed", "state", "reasons", "error") if key in one} for one in (*earlier, last)]
    state = {"state": OPEN} if is_open else {}
    made = {"name": item.name, **last, **state, "attempts": tried, "key": item.key, "request": item.request.to_json()}
    record: Record = json.loads(json.dumps(made, sort_keys=True))  # as it will be when it is read back
    return record


def write_record(record: Record, storage: Storage) -> None:
    """Keep a record."""
    text = json.dumps(record, ensure_ascii=False, sort_keys=True) + "\n"
    storage.write(f"{_FOLDER}/{record['name']}.json", text.encode())


def read_records(items: Iterable[Item], storage: Storage) -> dict[str, Record]:
    """Return the records of items by name; those of another request of that name, and damaged ones, are left out."""
    files = storage.read_all(_FOLDER)
    found = {}
    for item in items:
        try:
            record = json.loads(files[f"{item.name}.json"])
            if record["key"] == item.key and record["attempts"]:
                found[item.name] = record
        except (KeyError, ValueError, TypeError):
            continue
    return found

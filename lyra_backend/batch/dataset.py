"""What people and programs read of a finished batch: an index, a card and the licences.

Does: sum up records into ``index.jsonl``, ``index.parquet``, ``gallery.html``, ``README.md`` and ``LICENSES.md``, the
same bytes for the same records. Does not: look at scenes.
"""

from __future__ import annotations

import io
import json
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import PurePath
from typing import Any

from ..report.gallery import GALLERY_PAGE, GalleryScene, gallery_page
from .records import ACCEPTED, REJECTED, REJECTS, SCENES, Record, folder_name
from .storage import Storage

__all__ = ["INDEX_FILE", "write_dataset"]

INDEX_FILE = "index.jsonl"
#: Columns of the index, in their order; nested values are JSON text in Parquet.
_COLUMNS = (
    "name",
    "state",
    "directory",
    "prompt",
    "family",
    "seed",
    "geometry",
    "grade",
    "gaussians",
    "triangles",
    "bytes",
    "error_m",
    "reasons",
    "warnings",
    "error",
    "attempts",
    "licences",
    "key",
    "code",
    "request",
)
_TEXT = ("name", "state", "directory", "prompt", "family", "geometry", "grade", "error", "key", "code")
_WHOLE = ("seed", "gaussians", "triangles", "bytes")


def write_dataset(records: Sequence[Record], total: int, storage: Storage) -> None:
    """Write index, gallery, card and licences of `records`, in their order, out of `total` items."""
    rows = [_row(record) for record in records]
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    storage.write(INDEX_FILE, lines.encode())
    if rows and find_spec("pyarrow") is not None:
        storage.write("index.parquet", _parquet(rows))
    storage.write(GALLERY_PAGE, gallery_page([_shown(record) for record in records], total).encode())
    storage.write("README.md", _card(records, total).encode())
    storage.write("LICENSES.md", _licences(records).encode())


def _row(record: Record) -> dict[str, Any]:
    directory = {"directory": _folder(record)} if record["state"] == ACCEPTED else {}
    values = {**record, **directory, "prompt": record["request"]["prompt"]}
    return {column: values.get(column) for column in _COLUMNS}


def _shown(record: Record) -> GalleryScene:
    """Return what the gallery shows of an item: its scene, or the last that was rejected."""
    request, error_m = record["request"], record.get("error_m", {}).get("p95")
    inputs = (request[name] for name in ("prompt", "video", "image", "splat"))
    return GalleryScene(
        name=record["name"],
        state=record["state"],
        folder=_folder(record),
        prompt=next(PurePath(text).name if k else text for k, text in enumerate(inputs) if text),
        family=record.get("family") or "",
        seed=record.get("seed"),
        grade=record.get("grade", ""),
        error_mm=None if error_m is None else 1000.0 * error_m,
        findings=(*record.get("reasons", ()), *record.get("warnings", ())),
        note=record.get("error", ""),
    )


def _folder(record: Record) -> str:
    """Return where a scene lies in the batch, "" for what failed."""
    if record["state"] == ACCEPTED:
        return f"{SCENES}/{record['name']}"
    return (
        f"{REJECTS}/{folder_name(record['name'], len(record['attempts']) - 1)}" if record["state"] == REJECTED else ""
    )


def _parquet(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Return the index as one Parquet file; types are fixed, so that the files of several batches fit together."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = {**dict.fromkeys(_TEXT, pa.string()), **dict.fromkeys(_WHOLE, pa.int64())}
    columns = {
        name: pa.array(
            [row[name] if name in kinds or row[name] is None else json.dumps(row[name]) for row in rows],
            kinds.get(name, pa.string()),
        )
        for name in _COLUMNS
    }
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file, compression="zstd")
    return file.getvalue()


def _card(records: Sequence[Record], total: int) -> str:
    """Return the data set's card."""
    accepted = [record for record in records if record["state"] == ACCEPTED]
    states = Counter(record["state"] for record in records)
    lines = [
        "# Scenes",
        "",
        f"{len(accepted)} accepted scenes of {total} that were asked for"
        f" ({states['rejected']} rejected, {states['failed']} failed, {total - len(records)} not tried yet).",
        "",
        "Each folder of `scenes/` is a USD scene for NVIDIA Isaac Sim and Isaac Lab: open `stage.usda`, or reference",
        "`scene.usda`. `gallery.html` shows them all, `index.jsonl` and `index.parquet` have a line for each.",
        "",
        *_table("grade", Counter(record["grade"] for record in accepted)),
        *_table("geometry", Counter(record["geometry"] for record in accepted)),
        *_table("generator", Counter(_generator(record) for record in accepted)),
        *_table("prompt", Counter(str(record["request"]["prompt"]) for record in accepted)),
        *_table("why scenes were rejected", Counter(code for record in records for code in _reasons(record))),
        *_figures(accepted),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _table(title: str, counts: Mapping[str, int]) -> list[str]:
    if not counts:
        return []
    rows = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return [f"| {title} | scenes |", "|---|---|", *(f"| {_cell(name)} | {count} |" for name, count in rows), ""]


def _figures(accepted: Sequence[Record]) -> list[str]:
    """Return a table of what was measured of the accepted scenes."""
    if not accepted:
        return []
    errors = sorted({name for record in accepted for name in record["error_m"]})
    columns = {
        f"collider error, {name} [mm]": [1000 * r["error_m"][name] for r in accepted if name in r["error_m"]]
        for name in errors
    }
    columns |= {
        "collider triangles": [r["triangles"] for r in accepted],
        "Gaussians": [r["gaussians"] for r in accepted],
    }
    columns |= {"size [MB]": [r["bytes"] / 1e6 for r in accepted]}
    rows = [
        f"| {name} | {statistics.median(values):.4g} | {min(values):.4g} | {max(values):.4g} |"
        for name, values in columns.items()
    ]
    return ["| measured | median | least | most |", "|---|---|---|---|", *rows, ""]


def _licences(records: Sequence[Record]) -> str:
    """Return what the accepted scenes were made from, and how many of them."""
    accepted = [record for record in records if record["state"] == ACCEPTED]
    counts = Counter((one["name"], one["licence"]) for record in accepted for one in record["licences"])
    rows = [f"| {_cell(name)} | {_cell(licence)} | {count} |" for (name, licence), count in sorted(counts.items())]
    lines = [
        "# Licences",
        "",
        "What these scenes were made from. Each scene's own LICENSES.md says what that means for passing it on.",
        "",
        "| source | licence | scenes |",
        "|---|---|---|",
        *rows,
    ]
    return "\n".join(lines) + "\n"


def _generator(record: Record) -> str:
    return next((one["name"] for one in record["licences"] if one["name"].startswith("generator ")), "unknown")


def _reasons(record: Record) -> set[str]:
    return {code for attempt in record["attempts"] for code in attempt.get("reasons", ())}


def _cell(text: str) -> str:
    """Return text on one line and with no mark that would end a table cell."""
    return " ".join(text.split()).replace("|", "\\|")

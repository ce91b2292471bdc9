"""Where weights lie: one folder each, with ``weights.json`` that says what is in it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..errors import InvalidRequest, WriteFailed
from ..paths import cache_folder
from ..progress import Progress
from ..types import Finding, Severity
from . import catalogue
from .admission import in_words
from .catalogue import Weights
from .layouts import check_tensors, network_shapes, stored_shapes
from .published import read_config
from .record import FILE_NAME, Digest, Record, digest_of, read_record

__all__ = [
    "bytes_there",
    "check_files",
    "default_folder",
    "describe",
    "embeddings_folder",
    "find",
    "holds",
    "require",
    "take_in",
    "verify",
    "working_in",
]

#: What is being fetched or converted lies here; only whole folders are moved out.
_WORK = ".fetching"


def default_folder() -> Path:
    """Return where weights lie unless another folder is given: the platform's place for what can be fetched again."""
    return cache_folder() / "weights"


def embeddings_folder() -> Path:
    """Return where embeddings of prompts are kept that a text encoder has made."""
    return default_folder() / "text_embeddings"


def holds(name: str, folder: Path | None = None) -> bool:
    """Return whether the weights are there, whole."""
    return ((folder or default_folder()) / name / FILE_NAME).is_file()


def find(name: str, folder: Path | None = None) -> Path:
    """Return the folder of weights, to load from.

    Raises:
        InvalidRequest: there are no such weights, or they were not fetched.
    """
    return require([name], f"weights {name}", folder)[name]


def require(names: Iterable[str], subject: str, folder: Path | None = None, *, otherwise: str = "") -> dict[str, Path]:
    """Return the folders of all weights that something needs, to load from.

    Args:
        names: catalogue names.
        subject: what needs them, with which the message begins.
        folder: where weights lie; None: :func:`default_folder`.
        otherwise: what else the user can do, a sentence.

    Returns:
        Name -> folder to load from.

    Raises:
        InvalidRequest: some are not there; the message names all of them, their sizes and licences, and the one command
            that fetches them. Or there are no weights of a name.
    """
    place, entries = folder or default_folder(), [catalogue.entry(name) for name in dict.fromkeys(names)]
    missing = [weights for weights in entries if not holds(weights.name, place)]
    if missing:
        raise InvalidRequest(f"{subject}: {_told_missing(missing, place, folder)}{otherwise and ' '}{otherwise}")
    return {weights.name: place / weights.name for weights in entries}


def _told_missing(missing: list[Weights], place: Path, folder: Path | None) -> str:
    sizes = ", ".join(f"{weights.name} ({in_words(weights.bytes)})" for weights in missing)
    total = f", {in_words(sum(weights.bytes for weights in missing))} in all" if len(missing) > 1 else ""
    accept = " --accept-licence" if any(weights.licence.must_accept for weights in missing) else ""
    option = "" if folder is None else f" --folder {folder}"
    licences = dict.fromkeys(f"{weights.licence.name}, {weights.licence.url}" for weights in missing)
    gated = [weights.name for weights in missing if weights.gated]
    account = f" An account of Hugging Face is asked for by {', '.join(gated)}: run `hf auth login`." if gated else ""
    return (
        f"not in {place}: {sizes}{total}. Run: lyra-scenegen weights fetch "
        f"{' '.join(weights.name for weights in missing)}{accept}{option} (licences: {'; '.join(licences)}).{account}"
    )


def bytes_there(name: str, folder: Path) -> int:
    """Return how many bytes the files of weights have that are there."""
    return sum(path.stat().st_size for path in (folder / name).rglob("*") if path.is_file())


def verify(name: str, folder: Path | None = None, progress: Progress | None = None) -> tuple[Finding, ...]:
    """Check every byte of stored weights, and that their tensors are those of their network.

    Returns:
        What is wrong, each an error; nothing if all is well.

    Raises:
        InvalidRequest: they are not there, or their record cannot be read.
        MissingDependency: a package that loads them is not installed.
        Cancelled: the job was stopped.
    """
    path = find(name, folder)
    record = read_record(path)
    report = progress or Progress()
    found = check_files(path, record, report.child(0.0, 0.95), "Fetch or convert it again with --overwrite.")
    # Of files that changed, the tensors have nothing to say.
    found += [] if found else _check_network(path, record)
    report(1.0, f"{name} is checked")
    return tuple(found)


def check_files(folder: Path, record: Record, progress: Progress, again: str) -> list[Finding]:
    """Return what is wrong with the bytes of a folder's files, each an error that ends in `again`, what to do.

    Raises:
        Cancelled: the job was stopped.
    """
    total, done = max(sum(digest.bytes for digest in record.files.values()), 1), 0
    found: list[Finding] = []
    for file, digest in record.files.items():
        share = progress.child(done / total, (done + digest.bytes) / total)
        found += _check_file(folder, file, digest, share, again)
        done += digest.bytes
    return found


def _check_file(folder: Path, file: str, digest: Digest, progress: Progress, again: str) -> Iterator[Finding]:
    path = folder / file
    if not path.is_file():
        yield _wrong("weights.missing", f"{file} is missing. {again}", file)
    elif path.stat().st_size != digest.bytes or digest_of(path, progress)[0] != digest:
        yield _wrong("weights.changed", f"{file} is not what it was when it was written. {again}", file)


def _check_network(folder: Path, record: Record) -> Iterator[Finding]:
    """Hold the headers of the tensors' files against the network of the configuration."""
    try:
        shapes = stored_shapes(folder)
        if record.layout in catalogue.CONVERTED:
            wanted = network_shapes(record.layout, read_config(folder / "config.json"))
            check_tensors(record.name, shapes, wanted)
    except InvalidRequest as error:
        yield _wrong("weights.network", str(error), "")


def _wrong(code: str, message: str, where: str) -> Finding:
    return Finding(code, Severity.ERROR, message, where=where)


@contextmanager
def working_in(name: str, folder: Path) -> Iterator[Path]:
    """Give the folder in which weights are prepared; nobody else prepares the same ones meanwhile.

    It keeps partial downloads from one time to the next.

    Raises:
        InvalidRequest: another process prepares them.
        WriteFailed: nothing can be written in `folder`.
    """
    import filelock

    work = folder / _WORK / name
    try:
        work.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(folder / _WORK / f"{name}.lock", timeout=0, thread_local=False)
        lock.acquire()
    except filelock.Timeout as error:
        raise InvalidRequest(
            f"weights {name}: another process fetches or converts them. Wait until it ends."
        ) from error
    except OSError as error:
        raise WriteFailed(folder, error) from error
    try:
        yield work
    finally:
        lock.release()


def take_in(prepared: Path, name: str, folder: Path, work: Path) -> Path:
    """Move a prepared folder, which has its ``weights.json``, to its place; what was there goes. Return the place.

    Raises:
        WriteFailed: it cannot be moved.
    """
    place, old = folder / name, work / "replaced"
    try:
        shutil.rmtree(old, ignore_errors=True)
        if place.exists():
            place.rename(old)
        prepared.rename(place)
    except OSError as error:
        if old.exists() and not place.exists():
            old.rename(place)
        raise WriteFailed(place, error) from error
    shutil.rmtree(work, ignore_errors=True)
    return place


def describe(weights: Weights, folder: Path) -> dict[str, Any]:
    """Return what a listing says of weights, as plain JSON data."""
    there = holds(weights.name, folder)
    licence: Mapping[str, Any] = {"name": weights.licence.name, "url": weights.licence.url}
    return {
        "for": weights.purpose,
        "state": f"in {folder / weights.name}" if there else "not fetched",
        "there": there,
        "bytes": weights.bytes,
        "bytes_kept": weights.bytes_kept(),
        "repository": f"https://huggingface.co/{weights.repo}",
        "licence": {**licence, "must_be_accepted": weights.licence.must_accept},
        "gated": weights.gated,
        "layout": weights.layout,
        "unverified": list(weights.unverified),
        **({"record": json.loads((folder / weights.name / FILE_NAME).read_text(encoding="utf-8"))} if there else {}),
    }

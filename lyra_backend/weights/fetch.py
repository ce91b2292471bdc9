"""Fetching weights: licence, room on the disk, download, checksums, conversion, record."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from ..errors import FetchFailed, InvalidRequest, WriteFailed
from ..progress import Progress
from . import catalogue
from .admission import check_licences, check_room, in_words, terms_of
from .catalogue import Weights
from .hub import RemoteFile, Snapshot, download, look_up
from .intake import convert_published, record_in
from .record import Digest, digest_of, read_record
from .store import default_folder, holds, take_in, working_in

__all__ = ["fetch"]

#: Where in the whole the download ends, and the check of what came; the rest is conversion and the record.
_DOWNLOADED, _CHECKED, _CONVERTED = 0.75, 0.85, 0.95


def fetch(
    names: Sequence[str],
    folder: Path | None = None,
    *,
    accept_licence: bool = False,
    overwrite: bool = False,
    endpoint: str | None = None,
    progress: Progress | None = None,
) -> dict[str, Path]:
    """Fetch weights and convert them; those that are there are left alone. What was begun earlier is continued.

    Args:
        names: catalogue names.
        folder: where weights lie; None: :func:`~lyra_backend.weights.store.default_folder`.
        accept_licence: the user agrees to the licences of all of them; this is recorded.
        overwrite: fetch what is there again, too; files must have the checksums that were recorded.
        endpoint: address of the hub; None: huggingface_hub's, which HF_ENDPOINT changes.
        progress: told how many bytes have come.

    Returns:
        Name -> folder to load from.

    Raises:
        InvalidRequest: a name is unknown, a licence is not accepted, there is no access, the disk is too small, or a
            file is not what its authors published or what it was before.
        FetchFailed: the network fails; the same call continues.
        WriteFailed: nothing can be written.
        MissingDependency: a package is not installed.
        Cancelled: the job was stopped; the same call continues.
    """
    place = folder or default_folder()
    entries = [catalogue.entry(name) for name in dict.fromkeys(names)]
    wanted = [weights for weights in entries if overwrite or not holds(weights.name, place)]
    check_licences(wanted, accept_licence)
    if wanted:
        check_room(place, (weights.name for weights in wanted), _most_at_once(wanted))
    report = progress or Progress()
    total, done = max(sum(weights.bytes for weights in wanted), 1), 0
    for weights in wanted:
        share = report.child(done / total, (done + weights.bytes) / total, weights.name)
        _fetch_one(weights, place, endpoint, share)
        done += weights.bytes
    report(1.0, "everything is there")
    return {weights.name: place / weights.name for weights in entries}


def _most_at_once(wanted: Sequence[Weights]) -> int:
    """Return the most bytes that are on the disk while weights are fetched one after another."""
    kept = most = 0
    for weights in wanted:
        most = max(most, kept + _bytes_on_disk(weights, weights.bytes))
        kept += weights.bytes_kept()
    return most


def _bytes_on_disk(weights: Weights, published: int, there: int = 0) -> int:
    """Return what is still to be written: what has not come, and the converted network beside it."""
    return published - there + (weights.bytes_kept(published) if weights.converted else 0)


def _fetch_one(weights: Weights, folder: Path, endpoint: str | None, progress: Progress) -> None:
    progress(0.0, f"asking {weights.repo}")
    with working_in(weights.name, folder) as work:
        snapshot = look_up(weights, endpoint)
        published, prepared = work / snapshot.revision, work / "prepared"
        _remove_others(work, published)
        size = sum(file.bytes for file in snapshot.files)
        check_room(folder, [weights.name], _bytes_on_disk(weights, size, _there(published, snapshot)))
        _download_all(weights, snapshot, published, endpoint, progress.child(0.0, _DOWNLOADED))
        digests, checks = _check_all(weights, snapshot, published, folder, progress.child(_DOWNLOADED, _CHECKED))
        if weights.converted:
            files = {file.path: published / file.path for file in snapshot.files}
            convert_published(weights, files, prepared, None, progress.child(_CHECKED, _CONVERTED))
        else:
            _move(published, prepared)
        # What must be accepted was, before anything was asked of the hub.
        terms, ending = terms_of(weights, accepted=True), progress.child(_CONVERTED, 1.0)
        record_in(prepared, weights, snapshot.revision, digests, checks, terms, ending)
        take_in(prepared, weights.name, folder, work)
    progress(1.0, f"{weights.name} is there")


def _move(published: Path, prepared: Path) -> None:
    try:
        published.rename(prepared)
    except OSError as error:
        raise WriteFailed(prepared, error) from error


def _remove_others(work: Path, published: Path) -> None:
    """Remove what an interrupted conversion, or the download of an older commit, left."""
    for other in work.iterdir():
        if other != published:
            shutil.rmtree(other, ignore_errors=True)


def _there(published: Path, snapshot: Snapshot) -> int:
    """Return how many bytes of a snapshot have come already."""
    paths = [path for file in snapshot.files for path in (published / file.path, _part(published, file))]
    return sum(path.stat().st_size for path in paths if path.is_file())


def _part(published: Path, file: RemoteFile) -> Path:
    return published / f"{file.path}.part"


def _download_all(
    weights: Weights, snapshot: Snapshot, published: Path, endpoint: str | None, progress: Progress
) -> None:
    total, done = max(sum(file.bytes for file in snapshot.files), 1), 0
    kept = min(_there(published, snapshot) / total, 1.0)
    if kept:
        progress.child(0.0, kept).skip(f"{kept:.0%} of {weights.name} came before")
    for file in snapshot.files:

        def told(have: int, file: RemoteFile = file, before: int = done) -> None:
            progress((before + have) / total, f"{file.path}: {in_words(have)} of {in_words(file.bytes)}")

        part = _part(published, file)
        try:
            if not (published / file.path).exists():
                download(weights, file, part, told, endpoint)
                part.replace(published / file.path)
        except OSError as error:
            raise WriteFailed(part, error) from error
        done += file.bytes
    progress(1.0, f"{weights.name} has come")


def _check_all(
    weights: Weights, snapshot: Snapshot, published: Path, folder: Path, progress: Progress
) -> tuple[dict[str, Digest], dict[str, str]]:
    """Return the digests of what came by path, and by what each was checked.

    Raises:
        InvalidRequest: a file is not what its authors published, or not what an earlier fetch recorded.
        FetchFailed: a file was damaged on its way.
    """
    earlier = _fetched_earlier(weights.name, folder)
    digests, checks = {}, {}
    for index, file in enumerate(snapshot.files):
        share = progress.child(index / len(snapshot.files), (index + 1) / len(snapshot.files))
        digest, md5 = digest_of(published / file.path, share, also="md5")
        if file.sha256 and digest.sha256 != file.sha256:
            (published / file.path).unlink()
            raise FetchFailed(f"{file.path}: was damaged on its way from {weights.repo}. Run again to fetch it anew.")
        if weights.md5.get(file.path, md5) != md5:
            raise InvalidRequest(_other_file(weights, file.path, "that its authors gave a checksum for"))
        if earlier.get(file.path, digest) != digest:
            raise InvalidRequest(_other_file(weights, file.path, f"that {folder / weights.name} was made of"))
        digests[file.path] = digest
        checks[file.path] = "authors" if file.path in weights.md5 else "repository" if file.sha256 else "first"
    return digests, checks


def _fetched_earlier(name: str, folder: Path) -> dict[str, Digest]:
    """Return what an earlier fetch recorded of the published files; files that were handed in are no measure."""
    record = read_record(folder / name) if holds(name, folder) else None
    return dict(record.published) if record is not None and record.revision is not None else {}


def _other_file(weights: Weights, path: str, which: str) -> str:
    return (
        f"{weights.repo}: {path} is not the file {which}: its checksum differs, and it was not used. If you know why, "
        f"and trust it, run: {weights.by_hand} --overwrite, with a copy of it."
    )

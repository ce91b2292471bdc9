"""Published files into the store: converted or as they are, with their record."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..errors import InvalidRequest, WriteFailed
from ..progress import Progress
from . import catalogue
from .admission import check_licences, check_room, own_terms, terms_of
from .catalogue import Weights
from .convert import convert_decoder, convert_dit, convert_t5_encoder, convert_vae
from .published import kind_of
from .record import Digest, Record, digest_of, digests_in, write_record
from .store import default_folder, holds, take_in, working_in

__all__ = ["CHECKS", "STATISTICS", "convert_published", "record_in", "take"]

logger = logging.getLogger(__name__)

#: By what a published file was checked.
CHECKS = {
    "authors": "checksums that the authors publish",
    "repository": "checksums of the repository",
    "first": "recorded at first fetch",
    "given": "recorded when the file was given",
}
#: The tokenizer's second file.
STATISTICS = "mean_std.pt"


def take(
    name: str,
    source: Path,
    folder: Path | None = None,
    *,
    statistics: Path | None = None,
    config: Mapping[str, Any] | None = None,
    accept_licence: bool = False,
    licence: str | None = None,
    overwrite: bool = False,
    remove_source: bool = False,
    progress: Progress | None = None,
) -> Path:
    """Convert, or copy, weights that lie on this computer; return the folder to load from.

    Args:
        name: catalogue name of what the file is.
        source: the published file, or a folder with the published files.
        folder: where weights lie; None: :func:`~lyra_backend.weights.store.default_folder`.
        statistics: of the tokenizer's latents; None: ``mean_std.pt`` beside `source`.
        config: fields that differ from the published ones.
        accept_licence: the user agrees to the licence of the published weights; this is recorded.
        licence: name of the terms of a file that is not the published one; it is recorded in place of theirs.
        overwrite: replace what is there.
        remove_source: delete the files that were taken, once what was made of them is there.
        progress: told what is done.

    Raises:
        InvalidRequest: a file is not what it should be, its licence is not accepted, the disk is too small, or the
            weights are there and not `overwrite`.
        WriteFailed: nothing can be written.
        MissingDependency: torch, diffusers or safetensors are not installed.
        Cancelled: the job was stopped.
    """
    weights, place, report = catalogue.entry(name), folder or default_folder(), progress or Progress()
    _check_options(weights, place, statistics, config, overwrite)
    if licence is None:
        check_licences([weights], accept_licence, "Or, if this file is not theirs, name its own with --licence.")
    given = _given(weights, source, statistics)
    check_room(place, [name], weights.bytes_kept(sum(file.stat().st_size for file in given.values())))
    with working_in(name, place) as work, _emptied(work / "prepared") as target:
        digests, checks = _digests(weights, given, report.child(0.0, 0.1))
        terms = terms_of(weights, accept_licence) if licence is None else _own_terms(weights, licence, checks)
        convert_published(weights, given, target, config, report.child(0.1, 0.9))
        record_in(target, weights, None, digests, checks, terms, report.child(0.9, 1.0))
        taken = take_in(target, name, place, work)
    if remove_source:
        _remove(given.values(), taken)
    return taken


@contextmanager
def _emptied(target: Path) -> Iterator[Path]:
    """Give a place that is empty now, and after the block unless it was moved away.

    A download that was begun stays beside it; what a conversion that was stopped or failed left does not.
    """
    shutil.rmtree(target, ignore_errors=True)
    try:
        yield target
    finally:
        shutil.rmtree(target, ignore_errors=True)


def _own_terms(weights: Weights, licence: str, checks: Mapping[str, str]) -> dict[str, Any]:
    theirs = [path for path, check in checks.items() if check == "authors"]
    if theirs:
        raise InvalidRequest(
            f"weights {weights.name}: {', '.join(theirs)} is the published file, and under the {weights.licence.name}, "
            f"{weights.licence.url}. Leave --licence out."
        )
    return own_terms(licence)


def _remove(files: Iterable[Path], taken: Path) -> None:
    """Remove files that weights were made of, but for those that `taken` replaced; of links, also what is linked."""
    for file in files:
        if file.resolve().is_relative_to(taken.resolve()):
            continue
        try:
            file.resolve().unlink(missing_ok=True)
            file.unlink(missing_ok=True)
        except OSError as error:
            logger.warning("%s: cannot be removed (%s); it is not needed any more", file, error)


def _check_options(
    weights: Weights, place: Path, statistics: Path | None, config: Mapping[str, Any] | None, overwrite: bool
) -> None:
    name = weights.name
    if holds(name, place) and not overwrite:
        raise InvalidRequest(f"weights {name}: are in {place / name} already. Add --overwrite to replace them.")
    if config and not weights.converted:
        raise InvalidRequest(f"weights {name}: are kept as they are published; --config has no place. Leave it out.")
    if statistics is not None and weights.layout != "vae":
        raise InvalidRequest(f"weights {name}: have no statistics of latents. Leave --statistics out.")


def _given(weights: Weights, source: Path, statistics: Path | None) -> dict[str, Path]:
    """Return the published files that were handed in, by their path in the repository."""
    if not source.exists():
        raise InvalidRequest(f"{source}: does not exist. Give the file, or the folder of files, of {weights.repo}.")
    if source.is_dir():
        inside = {path.relative_to(source).as_posix(): path for path in source.rglob("*") if path.is_file()}
        found = {path: file for path, file in inside.items() if weights.takes(path)}
    elif weights.converted:
        # The others lie beside it, as they are published.
        beside = {path.name: path for path in source.parent.iterdir() if path.is_file() and weights.takes(path.name)}
        found = {**beside, weights.files[0]: source}
    else:
        raise InvalidRequest(f"{source}: {weights.name} is several files; give the folder that they are in.")
    if statistics is not None:
        found[STATISTICS] = statistics
    absent = weights.missing(set(found)) or [str(file) for file in found.values() if not file.is_file()]
    if absent:
        raise InvalidRequest(
            f"{source}: {', '.join(absent)} of {weights.repo} must be there too. Put it there, and run again."
        )
    if weights.converted:
        kind_of(found[weights.files[0]])
    return found


def _digests(
    weights: Weights, files: Mapping[str, Path], progress: Progress
) -> tuple[dict[str, Digest], dict[str, str]]:
    """Return the digests of files that were handed in by path, and which of them are those of the authors."""
    digests, checks = {}, {}
    for index, (path, file) in enumerate(sorted(files.items())):
        share = progress.child(index / len(files), (index + 1) / len(files))
        digests[path], md5 = digest_of(file, share, also="md5")
        checks[path] = "authors" if weights.md5.get(path) == md5 else "given"
    return digests, checks


def convert_published(
    weights: Weights, files: Mapping[str, Path], target: Path, config: Mapping[str, Any] | None, progress: Progress
) -> None:
    """Make the new folder `target`, to load from, of published files by their path in the repository.

    Errors are those of :func:`take`.
    """
    settings = {**weights.config, **(config or {})}
    if weights.layout == "decoder":
        convert_decoder(files[weights.files[0]], target, config=settings, progress=progress)
    elif weights.layout == "dit":
        convert_dit(files[weights.files[0]], target, config=settings, progress=progress)
    elif weights.layout == "t5_encoder":
        beside = {path: file for path, file in files.items() if path != weights.files[0]}
        convert_t5_encoder(files[weights.files[0]], target, beside=beside, config=settings, progress=progress)
    elif weights.layout == "vae":
        statistics = files[STATISTICS]
        convert_vae(files[weights.files[0]], target, statistics=statistics, config=settings, progress=progress)
    else:
        _copy(files, target, progress)


def _copy(files: Mapping[str, Path], target: Path, progress: Progress) -> None:
    try:
        for index, (path, file) in enumerate(files.items()):
            progress(index / len(files), f"copying {path}")
            (target / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target / path)
    except OSError as error:
        raise WriteFailed(target, error) from error


def record_in(
    folder: Path,
    weights: Weights,
    revision: str | None,
    published: Mapping[str, Digest],
    checks: Mapping[str, str],
    terms: Mapping[str, Any],
    progress: Progress | None = None,
) -> None:
    """Write ``weights.json`` into a folder that is whole but for it.

    Args:
        folder: the folder.
        weights: what is in it.
        revision: the commit that the published files are of; None if they were handed in.
        published: their digests by path.
        checks: by what each was checked, a word of :data:`CHECKS` by path.
        terms: see :func:`~lyra_backend.weights.admission.terms_of`.
        progress: told what is done.

    Raises:
        WriteFailed: nothing can be written there.
        Cancelled: the job was stopped.
    """
    checked = {path: CHECKS[check] for path, check in checks.items()}
    files = digests_in(folder, progress)
    record = Record(weights.name, weights.layout, weights.repo, revision, published, checked, terms, files)
    try:
        write_record(folder, record)
    except OSError as error:
        raise WriteFailed(folder, error) from error

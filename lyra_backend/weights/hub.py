"""Hugging Face: what a repository holds, and its files, continued where an earlier attempt stopped.

huggingface_hub itself throws away what it has of a file when it is interrupted, so files are fetched here, with its
session, log-in and errors.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import FetchFailed, InvalidRequest
from .catalogue import Weights
from .dependencies import needed

__all__ = ["RemoteFile", "Snapshot", "download", "look_up"]

_BLOCK = 1 << 20
#: Attempts without a single byte before giving up, and the pause between them [s], which grows.
_ATTEMPTS = 4
_PAUSE_S = 2.0
#: How long a server may be silent [s].
_TIMEOUT_S = 30.0
_HTTP_LIBRARIES = ("httpx", "httpx2")


@dataclass(frozen=True)
class RemoteFile:
    """A file of a repository: path, size [bytes], SHA-256 where the hub knows it ("" else), and address."""

    path: str
    bytes: int
    sha256: str
    url: str


@dataclass(frozen=True)
class Snapshot:
    """What belongs to weights in their repository, at one commit."""

    revision: str
    files: tuple[RemoteFile, ...]


def look_up(weights: Weights, endpoint: str | None = None) -> Snapshot:
    """Return what the repository of weights holds of them now.

    Raises:
        InvalidRequest: there is no such repository or file, or no access to it; the message says how to get it.
        FetchFailed: the hub cannot be reached.
        MissingDependency: huggingface_hub is not installed.
    """
    hub = needed("huggingface_hub", f"fetching {weights.name}")
    with explained(weights, endpoint):
        info = hub.HfApi(endpoint=endpoint).model_info(weights.repo, files_metadata=True, timeout=_TIMEOUT_S)
    paths = {file.rfilename for file in info.siblings or ()}
    if absent := weights.missing(paths):
        raise InvalidRequest(
            f"{weights.repo}: must hold {', '.join(absent)}, but holds {', '.join(sorted(paths)[:8]) or 'nothing'}. It "
            f"has changed since; download what is needed by hand and run: {weights.by_hand}"
        )
    taken = sorted((file for file in info.siblings if weights.takes(file.rfilename)), key=lambda file: file.rfilename)
    return Snapshot(info.sha or "main", tuple(_remote(hub, weights, file, info.sha, endpoint) for file in taken))


def _remote(hub: Any, weights: Weights, file: Any, revision: str | None, endpoint: str | None) -> RemoteFile:
    url = hub.hf_hub_url(weights.repo, file.rfilename, revision=revision, endpoint=endpoint)
    large = file.lfs
    size = file.size if large is None else large.size
    if size is None:
        with explained(weights, endpoint):
            size = hub.get_hf_file_metadata(url, timeout=_TIMEOUT_S).size
    return RemoteFile(file.rfilename, size or 0, "" if large is None else large.sha256, url)


def download(
    weights: Weights, file: RemoteFile, part: Path, told: Callable[[int], None], endpoint: str | None = None
) -> None:
    """Fetch a file into `part`, whose bytes of an earlier attempt are kept; `told` is called with how many there are.

    Raises:
        InvalidRequest: there is no access to it.
        FetchFailed: the connection fails again and again; what has come stays in `part`.
        OSError: it cannot be written.
        Cancelled: `told` raised it; what has come stays in `part`.
    """
    part.parent.mkdir(parents=True, exist_ok=True)
    silent = 0
    while not part.exists() or _kept(part, file.bytes) < file.bytes:
        have = _kept(part, file.bytes)
        told(have)
        trouble = FetchFailed(f"{weights.repo}: the server does not send {file.path}. Run the same again later.")
        try:
            with explained(weights, endpoint):
                _append(file, part, have, told)
        except FetchFailed as error:
            trouble = error
        silent = 0 if _kept(part, file.bytes) > have else silent + 1
        if silent == _ATTEMPTS:
            raise trouble
        time.sleep(_PAUSE_S * silent)
    told(file.bytes)


def _kept(part: Path, size: int) -> int:
    """Return how much of a file an earlier attempt left; more than there is was another file."""
    have = part.stat().st_size if part.exists() else 0
    if have > size:
        part.unlink()
        have = 0
    return have


def _append(file: RemoteFile, part: Path, have: int, told: Callable[[int], None]) -> None:
    """Fetch what is missing of a file until it is whole or the connection ends."""
    hub = needed("huggingface_hub", "fetching weights")
    from_hub = needed("huggingface_hub.utils", "fetching weights")
    # Compressed answers cannot be continued.
    headers = {**from_hub.build_hf_headers(), "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    session = hub.get_session()
    with session.stream("GET", file.url, headers=headers, follow_redirects=True, timeout=_TIMEOUT_S) as answer:
        if answer.status_code == 416:  # it is not as long as it was said to be
            part.unlink()
            return
        from_hub.hf_raise_for_status(answer)
        # A server that does not know ranges sends all of it again.
        have = have if answer.status_code == 206 else 0
        with part.open("ab" if have else "wb") as out:
            for block in answer.iter_bytes(chunk_size=_BLOCK):
                out.write(block)
                have += len(block)
                told(min(have, file.bytes))


@contextmanager
def explained(weights: Weights, endpoint: str | None = None) -> Iterator[None]:
    """Turn what goes wrong between here and the hub into errors that say what to do.

    Raises:
        InvalidRequest: the repository is not there, or the user has no access.
        FetchFailed: the network or the hub fails.
    """
    errors = needed("huggingface_hub.errors", f"fetching {weights.name}")
    page = f"{endpoint or needed('huggingface_hub.constants', 'fetching weights').ENDPOINT}/{weights.repo}"
    try:
        yield
    except errors.GatedRepoError as error:
        raise InvalidRequest(
            f"{weights.repo}: asks for an account that has agreed to its terms. Agree at {page}, make a token at "
            "https://huggingface.co/settings/tokens, run `hf auth login` or set HF_TOKEN, and run again."
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise InvalidRequest(
            f"{weights.repo}: there is no such repository, or it is not open to you. See {page}; if it asks for an "
            "account, run `hf auth login` or set HF_TOKEN, and run again."
        ) from error
    except errors.HfHubHTTPError as error:
        raise _refused(weights, error, page) from error
    except (errors.OfflineModeIsEnabled, *_transport_errors(errors)) as error:
        raise FetchFailed(_unreachable(weights, error, page)) from error
    except ValueError as error:
        raise FetchFailed(
            f"{page}: does not answer as a hub of Hugging Face does ({type(error).__name__}); perhaps this network "
            "wants a log-in page to be seen first. Open it in a browser, and run again."
        ) from error


def _refused(weights: Weights, error: Any, page: str) -> Exception:
    status = getattr(getattr(error, "response", None), "status_code", 0)
    if status in (401, 403):
        return InvalidRequest(
            f"{weights.repo}: your Hugging Face token is not accepted ({status}). Run `hf auth login` with a token "
            f"that may read {page}, or unset HF_TOKEN, and run again."
        )
    if status == 404:
        return InvalidRequest(f"{weights.repo}: does not have what the catalogue names any more. See {page}.")
    hint = "Wait some minutes" if status == 429 else "Try later"
    return FetchFailed(f"{weights.repo}: the hub answers with error {status}. {hint}; what has come is kept.")


def _transport_errors(errors: Any) -> tuple[type[BaseException], ...]:
    """Return the base of the errors of the HTTP library, which huggingface_hub changes."""
    bases = [base for base in errors.HfHubHTTPError.__mro__ if base.__module__.partition(".")[0] in _HTTP_LIBRARIES]
    return (*bases, ConnectionError, TimeoutError)


def _unreachable(weights: Weights, error: BaseException, page: str) -> str:
    reason = str(error).strip().partition("\n")[0][:150] or type(error).__name__
    return (
        f"{weights.repo}: cannot be fetched, there is no connection to {page} ({reason}). Run the same again when "
        "there is: it continues. Behind a proxy set HTTPS_PROXY, for a mirror HF_ENDPOINT, and unset HF_HUB_OFFLINE. "
        f"On a computer without network: {weights.by_hand}"
    )

"""Scenes made by a service somewhere else, driven like a worker of one's own.

Does: send input files, submit, follow, cancel and fetch results over HTTP with the standard library, so that Kit's own
process can use it. Does not: retry work that failed, or keep a queue; docs/service.md has the other end. ::

    from lyra_backend.remote import RemoteService

    service = RemoteService("https://scenes.example", token="...")
    result = service.generate({"prompt": "a workshop with two benches"}, "outputs/workshop")
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from collections.abc import Callable, Mapping
from http.client import HTTPException
from pathlib import Path, PurePosixPath
from typing import IO, Any

from .errors import Cancelled, FetchFailed, InvalidRequest, LyraError
from .paths import given_path
from .progress import CancelToken, Event
from .types import RunReport, SceneRequest, SceneResult
from .types.request import INPUT_FIELDS

__all__ = ["RemoteService"]

Listener = Callable[[Event], None]
Request = SceneRequest | Mapping[str, Any]

#: How often a job is asked for [s], and how long one answer may take [s].
_POLL_S, _PATIENCE_S = 0.5, 30.0
_CHUNK = 1 << 20
#: Answers that may be otherwise in a while.
_LATER = (429, 502, 503, 504)
#: How often in a row the service may be silent while a job is followed: it goes on without us.
_SILENCES = 20
_REQUEST, _REPORT = "request.json", "report.json"
#: Names of files whose kind cannot be told by what is in them.
_KINDS = {".splat": "splat", ".ksplat": "ksplat"}


class RemoteService:
    """A service that makes scenes.

    Args:
        url: where it is, such as "http://127.0.0.1:8484".
        token: what it lets this user in by; "" where it asks for none.

    Raises:
        InvalidRequest: `url` is no web address, or `token` would cross a network unencrypted.
    """

    def __init__(self, url: str, *, token: str = "") -> None:
        try:
            parts = urllib.parse.urlsplit(url.strip())
        except ValueError:
            parts = urllib.parse.urlsplit("")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InvalidRequest(f"service: must be a web address like http://127.0.0.1:8484, got {url!r}.")
        if not (token.isascii() and token.isprintable()):
            raise InvalidRequest("service: the token must be one line of plain letters and signs. Copy it again.")
        if token and parts.scheme == "http" and parts.hostname not in ("127.0.0.1", "localhost", "::1"):
            raise InvalidRequest(f"service: {url} is not encrypted, and the token would be read on the way. Use https.")
        self._url = url.strip().rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def describe(self) -> dict[str, Any]:
        """Return generators, colliders, primitives and presets, with JSON schemas of their parameters.

        Raises:
            FetchFailed: the service cannot be reached.
            InvalidRequest: it lets nobody in with this token.
        """
        listing: dict[str, Any] = self._json("GET", "/v1/generators", needs="generate")
        return listing

    def generate(
        self,
        request: Request,
        out: str | os.PathLike[str],
        *,
        overwrite: bool = False,
        listener: Listener | None = None,
        token: CancelToken | None = None,
    ) -> SceneResult:
        """Let a scene be made and fetch it into the directory `out`.

        Raises:
            InvalidRequest: the service does not take the request, or `out` is in use.
            FetchFailed: the service cannot be reached, or its answers break off.
            LyraError: the job failed there; the text says why.
            Cancelled: `token` was set; the job is stopped there as well.
        """
        out, token = given_path("out", out), token or CancelToken()
        _check_place(out, overwrite)
        body = request.to_json() if isinstance(request, SceneRequest) else dict(request)
        job = str(self._json("POST", "/v1/jobs", {**body, **self._uploaded(body, listener, token)}, needs="id")["id"])
        try:
            ended = self._followed(job, listener, token)
            if ended["state"] not in ("accepted", "rejected"):
                raise _failure(ended)
            self._fetch(job, out, overwrite, listener, token)
        except Cancelled:
            self._json("POST", f"/v1/jobs/{job}/cancel")
            raise
        return SceneResult(out, RunReport.from_json(json.loads((out / _REPORT).read_text(encoding="utf-8"))))

    def close(self) -> None:
        """Nothing is held between calls."""

    def _uploaded(self, body: Mapping[str, Any], listener: Listener | None, token: CancelToken) -> dict[str, Any]:
        """Send the files that a request names; return what the service calls them, by field."""
        named = {}
        for name in INPUT_FIELDS:
            if body.get(name):
                path = given_path(name, body[name])
                _tell(listener, "upload", 0.0, f"sending {path.name}")
                found = sorted(path.iterdir()) if path.is_dir() else [path]
                ids = [self._upload(name, file, token) for file in found]
                named[name] = ids if path.is_dir() else ids[0]
        return named

    def _upload(self, field: str, path: Path, token: CancelToken) -> str:
        if token.cancelled:
            raise Cancelled("upload: cancelled on request")
        kind = _KINDS.get(path.suffix.lower())
        query = f"?kind={kind}" if kind else ""
        try:
            with path.open("rb") as file:
                size = {"Content-Length": str(path.stat().st_size), "Content-Type": "application/octet-stream"}
                return str(self._json("POST", f"/v1/uploads{query}", needs="id", data=file, headers=size)["id"])
        except OSError as error:
            raise InvalidRequest(f"{field}: {path} cannot be read ({error.strerror}).") from error

    def _followed(self, job: str, listener: Listener | None, token: CancelToken) -> dict[str, Any]:
        """Return what a job has become, its progress told on the way."""
        silences = 0
        while True:
            if token.cancelled:
                raise Cancelled("job: cancelled on request")
            try:
                info: dict[str, Any] = self._json("GET", f"/v1/jobs/{job}", needs="state")
                silences = 0
            except FetchFailed:
                silences += 1
                if silences > _SILENCES:
                    raise
                info = {"state": "running", "progress": None}  # as far as anybody knows
            if info["state"] not in ("queued", "running"):
                return info
            if info["state"] == "queued":
                _tell(listener, "queue", 0.0, f"{info['queue_position']} jobs before this one")
            elif info["progress"] and listener is not None:
                listener(Event(**info["progress"]))
            time.sleep(_POLL_S)

    def _fetch(self, job: str, out: Path, overwrite: bool, listener: Listener | None, token: CancelToken) -> None:
        """Fetch all files of a job; `out` holds all of them or is not touched."""
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=".fetching-", ignore_cleanup_errors=True) as folder:
            packed = Path(folder) / "scene.zip"
            with self._open("GET", f"/v1/jobs/{job}/archive") as answer, packed.open("wb") as file:
                while chunk := self._read(answer, _CHUNK):
                    _tell(listener, "download", 1.0, f"{file.tell() / 1e6:.0f} MB fetched")
                    if token.cancelled:
                        raise Cancelled("download: cancelled on request")
                    file.write(chunk)
            files = Path(folder) / "files"
            _unpack(packed, files)
            if not (files / _REPORT).is_file():
                raise FetchFailed(f"service: its archive holds no {_REPORT}. Is it a service of Lyra SceneGen?")
            _check_place(out, overwrite)  # jobs may take hours, and somebody else may have come first
            if out.exists():
                shutil.rmtree(out)
            files.rename(out)

    def _json(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        needs: str = "",
        data: IO[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Return what the service answers, an object with the field `needs`."""
        sent = data if data is not None else None if body is None else json.dumps(body).encode()
        with self._open(method, path, sent, headers or {"Content-Type": "application/json"}) as answer:
            text = self._read(answer)
        try:
            told = json.loads(text)
        except ValueError:
            told = None
        if not isinstance(told, dict) or (needs and needs not in told):
            raise FetchFailed(f"service: {self._url} answers {text[:60]!r} to {path}. Is it one of Lyra SceneGen?")
        return told

    def _open(
        self, method: str, path: str, data: bytes | IO[bytes] | None = None, headers: Mapping[str, str] | None = None
    ) -> Any:
        """Return an answer of the service.

        Raises:
            InvalidRequest: it refuses.
            FetchFailed: it cannot be reached, or asks to come again later.
        """
        asked = urllib.request.Request(
            self._url + path, data=data, headers={**self._headers, **(headers or {})}, method=method
        )
        try:
            return _OPENER.open(asked, timeout=_PATIENCE_S)
        except urllib.error.HTTPError as error:
            kind = FetchFailed if error.code in _LATER else InvalidRequest
            raise kind(f"service: {_refusal(error)}") from error
        except (OSError, HTTPException) as error:
            raise self._unreachable(error) from error

    def _read(self, answer: Any, count: int = -1) -> bytes:
        try:
            data: bytes = answer.read(count)
        except (OSError, HTTPException) as error:
            raise self._unreachable(error) from error
        return data

    def _unreachable(self, error: Exception) -> FetchFailed:
        return FetchFailed(
            f"service: {self._url} cannot be reached ({getattr(error, 'reason', error)}). Is it running?"
        )


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Whoever a service sends us to would be given its token, and no service of ours does."""

    def redirect_request(self, *_: Any) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoRedirects)


def _check_place(out: Path, overwrite: bool) -> None:
    """Refuse a directory that holds anything but a run that may be replaced."""
    if not out.exists() or not any(out.iterdir()):
        return
    if not overwrite:
        raise InvalidRequest(f"{out}: must be a new or empty directory. Choose another one, or overwrite it.")
    if not (out / _REQUEST).is_file():
        raise InvalidRequest(f"{out}: holds files that are not a run, which are never overwritten. Choose another one.")


def _refusal(error: urllib.error.HTTPError) -> str:
    """Return why the service refuses, in its own words if it gave any."""
    try:
        return str(json.load(error)["error"]["message"])
    except (ValueError, KeyError, TypeError, OSError, HTTPException):
        return f"answered {error.code} {error.reason}"


def _failure(info: Mapping[str, Any]) -> LyraError:
    if info["state"] == "cancelled":
        return Cancelled("job: it was cancelled at the service")
    return LyraError(f"job: failed at the service: {info['message']}")


def _tell(listener: Listener | None, stage: str, fraction: float, message: str) -> None:
    if listener is not None:
        listener(Event(stage, fraction, message, 0.0, None))


def _unpack(packed: Path, folder: Path) -> None:
    """Unpack an archive whose names have one folder in front; `folder` is new.

    Raises:
        FetchFailed: it is damaged, or names what lies outside.
    """
    folder.mkdir()
    try:
        with zipfile.ZipFile(packed) as archive:
            for name in archive.namelist():
                inner = PurePosixPath(*PurePosixPath(name).parts[1:])
                if not inner.parts or ".." in inner.parts or name.startswith("/") or any(c in name for c in ":\\\0"):
                    raise FetchFailed(f"service: its archive names a file that is none of a scene's: {name!r}.")
                target = folder / inner
                target.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(name) as source, target.open("wb") as file:
                    shutil.copyfileobj(source, file, _CHUNK)
    except (zipfile.BadZipFile, EOFError) as error:
        raise FetchFailed(f"service: its archive broke off ({error}). Try again.") from error

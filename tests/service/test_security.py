"""Requests that are meant to do harm; all of them get a clear answer of 4xx."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lyra_backend.service.archive import zip_stream
from lyra_backend.service.folders import JobFolder
from lyra_backend.service.jobs import State
from lyra_backend.service.settings import Limits

from . import files
from .conftest import QUICK, Server

UPLOAD = "/v1/uploads"
EVIL_NAMES = [
    "../request.json",
    "..%2f..%2fjobs.sqlite",
    "/etc/passwd",
    "%2fetc%2fpasswd",
    ".complete",
    "events.jsonl",
    "link.txt",
    "..\\..\\jobs.sqlite",
    "inputs/../../run/request.json",
    "a'; DROP TABLE jobs; --",
    "%00",
    "..%2f",
]


def finished(http: Any) -> tuple[str, Path]:
    """A job with results, made by hand, and with what must not be given away."""
    service = http.app.state.service
    id = http.post("/v1/jobs", json=QUICK).json()["id"]
    run = service.runner.folder(id).run
    run.mkdir(parents=True)
    (run / "report.json").write_text("{}")
    (run / "events.jsonl").write_text("{}")
    (run / ".complete").write_text("{}")
    (run / "link.txt").symlink_to("/etc/passwd")
    assert service.jobs.claim() is not None
    service.jobs.settle(id, State.ACCEPTED, "", 0)
    return id, run


def test_files_are_those_of_the_run_and_no_others(paused: Callable[..., Any]) -> None:
    with paused() as http:
        id, _ = finished(http)
        assert http.get(f"/v1/jobs/{id}/files").json() == {"files": [{"name": "report.json", "bytes": 2}]}
        assert http.get(f"/v1/jobs/{id}/files/report.json").content == b"{}"
        assert http.get(f"/v1/jobs/{id}/files/report.json", headers={"Range": "bytes=1-"}).content == b"}"
        for name in EVIL_NAMES:
            answer = http.get(f"/v1/jobs/{id}/files/{name}")
            assert answer.status_code in (404, 422), name
            assert "root:" not in answer.text


def test_archives_hold_results_alone(paused: Callable[..., Any], tmp_path: Path) -> None:
    import zipfile

    with paused() as http:
        id, run = finished(http)
        (tmp_path / "a.zip").write_bytes(http.get(f"/v1/jobs/{id}/archive").content)
        with zipfile.ZipFile(tmp_path / "a.zip") as archive:
            assert archive.namelist() == [f"{id}/report.json"]
            assert archive.testzip() is None
            assert archive.infolist()[0].compress_type == zipfile.ZIP_STORED
        results = JobFolder(run.parent).results()
        assert b"".join(zip_stream(results, id)) == (tmp_path / "a.zip").read_bytes()


def test_ids_are_ids(paused: Callable[..., Any]) -> None:
    with paused() as http:
        id, _ = finished(http)
        # as they go over the wire: clients resolve dots that are not hidden
        for evil in (
            "%2e%2e%2f",
            f"{id}%00",
            f"..%2fjobs%2f{id}",
            "'%20OR%20'1'='1",
            "x';%20DROP%20TABLE%20jobs;%20--",
            "*",
        ):
            for path in (f"/v1/jobs/{evil}", f"/v1/jobs/{evil}/files", f"/v1/jobs/{evil}/archive"):
                assert http.get(path).status_code == 404, path
        assert http.get("/v1/jobs", params={"state": "x' OR 1"}).status_code == 422
        assert http.get(f"/v1/jobs/{id}").status_code == 200


@pytest.mark.parametrize(
    ("status", "make"),
    [(413, files.png_bomb), (413, files.zip_bomb), (422, files.zip_with_link), (415, lambda: files.archive(a=b"b"))],
)
def test_bombs_and_links_leave_nothing_behind(
    status: int, make: Callable[[], bytes], paused: Callable[..., Any], tmp_path: Path
) -> None:
    with paused(Limits(unpacked_bytes=10_000_000)) as http:
        answer = http.post(UPLOAD, content=make())
        assert answer.status_code == status
        assert answer.json()["error"]["message"].startswith("upload: ")
        assert list((tmp_path / "service" / "uploads").iterdir()) == []


def test_too_much_is_refused_as_soon_as_it_shows(paused: Callable[..., Any], tmp_path: Path) -> None:
    with paused(Limits(upload_bytes=100_000)) as http:
        for length in ("10000000000", "9" * 40):
            answer = http.post(UPLOAD, content=b"x", headers={"Content-Length": length})
            assert answer.status_code == 413
        assert http.post(UPLOAD, content=b"x", headers={"Content-Length": "-1"}).status_code == 400
        assert http.post(UPLOAD, content=(bytes(10_000) for _ in range(20))).status_code == 413
        assert http.post("/v1/jobs", content=(b" " * 100_000 for _ in range(20))).status_code in (413, 422)
        long = {"prompt": "a" * 2_000_000}
        assert http.post("/v1/jobs", json=long).status_code == 413
        assert list((tmp_path / "service" / "uploads").iterdir()) == []


def test_pages_of_other_sites_get_nothing_where_there_are_no_tokens(paused: Callable[..., Any]) -> None:
    with paused() as http:
        for headers in (
            {"Host": "evil.example"},
            {"Host": "127.0.0.1.evil.example"},
            {"Host": ""},
            {"Host": "["},
            {"Origin": "http://evil.example"},
            {"Origin": "null"},
        ):
            for method, path in (("POST", UPLOAD), ("GET", "/v1/jobs"), ("GET", "/v1/health")):
                assert http.request(method, path, headers=headers, content=b"{}").status_code in (400, 403), headers
        own = {"Host": "localhost:8484", "Origin": "http://localhost:8484"}
        assert http.get("/v1/jobs", headers=own).status_code == 200


def test_answers_tell_browsers_to_be_careful(paused: Callable[..., Any]) -> None:
    with paused() as http:
        headers = http.get("/v1/nowhere").headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Cache-Control"] == "no-store"
        assert "Server" not in headers


def test_a_header_of_ten_gigabytes_is_answered_before_any_of_them_comes(idle: Server) -> None:
    host, port = idle.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as raw:
        head = f"POST {UPLOAD} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 10000000000\r\n\r\n"
        raw.sendall(head.encode())
        assert raw.recv(65536).startswith(b"HTTP/1.1 413 ")
    with socket.create_connection((host, int(port)), timeout=10) as raw:
        raw.sendall(b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\n\r\n")
        assert raw.recv(65536).startswith(b"HTTP/1.1 4")
    assert idle.http.get("/v1/health").status_code == 200

"""A real service, driven as a worker is."""

from __future__ import annotations

import json
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from lyra_backend.errors import Cancelled, FetchFailed, InvalidRequest, LyraError
from lyra_backend.progress import CancelToken, Event
from lyra_backend.remote import RemoteService

from .service.conftest import QUICK, TOKENS, Server

PLY = Path(__file__).parent / "data" / "ref_1k_d0.ply"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("remote") / "service") as made:
        yield made


def test_a_scene_is_made_there_and_fetched(server: Server, tmp_path: Path) -> None:
    service = RemoteService(server.url)
    assert "procedural" in service.describe()["generate"]["generators"]
    events: list[Event] = []
    result = service.generate(QUICK, tmp_path / "run", listener=events.append)
    assert json.loads(json.dumps(result.report.to_json())) == json.loads((tmp_path / "run" / "report.json").read_text())
    assert {"scene.usda", "stage.usda", "gaussians.usdc"} <= {p.name for p in result.directory.iterdir()}
    assert {"generate", "download"} <= {event.stage for event in events}
    assert [p.name for p in tmp_path.iterdir()] == ["run"]
    with pytest.raises(InvalidRequest, match="must be a new or empty directory"):
        service.generate(QUICK, tmp_path / "run")


def test_files_are_sent(server: Server, tmp_path: Path) -> None:
    request = {"splat": str(PLY), "collider": "none", "params": {"generate": {"up": "z", "scale": 1.0}}}
    result = RemoteService(server.url).generate(request, tmp_path / "run")
    assert result.report.stages[0].plugin == "splat_file"
    with pytest.raises(InvalidRequest, match="cannot be read"):
        RemoteService(server.url).generate({"splat": str(tmp_path / "none.ply")}, tmp_path / "other")


def test_a_job_is_cancelled_there(server: Server, tmp_path: Path) -> None:
    token = CancelToken()
    big = {"prompt": "a large warehouse with forty pallets"}
    with pytest.raises(Cancelled):
        RemoteService(server.url).generate(big, tmp_path / "run", listener=lambda event: token.cancel(), token=token)
    assert not (tmp_path / "run").exists()
    state = server.http.get("/v1/jobs?limit=1").json()["jobs"][0]
    server.wait(state["id"], "cancelled")


def test_what_the_service_refuses_is_said_in_its_words(server: Server, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="dreams"):
        RemoteService(server.url).generate({"prompt": "a room", "generator": "dreams"}, tmp_path / "run")
    with pytest.raises(FetchFailed, match=r"cannot be reached.*Is it running"):
        RemoteService("http://127.0.0.1:9").describe()


@pytest.mark.parametrize("url", ["", "ftp://host", "host:8484", "http://", "http://[::1"])
def test_addresses_that_are_none(url: str) -> None:
    with pytest.raises(InvalidRequest, match="must be a web address"):
        RemoteService(url)


def test_tokens_are_sent_and_never_in_the_clear(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="not encrypted"):
        RemoteService("http://scenes.example", token=TOKENS["ann"])
    with _answers([(401, {"error": {"message": "token: is wrong."}}), (200, {"generate": {}})]) as (url, heard):
        with pytest.raises(InvalidRequest, match="token: is wrong"):
            RemoteService(url, token="x").describe()
        assert RemoteService(url, token=TOKENS["ann"]).describe() == {"generate": {}}
    assert [headers["Authorization"] for headers in heard] == ["Bearer x", f"Bearer {TOKENS['ann']}"]


@pytest.mark.parametrize("name", ["job/../../evil.txt", "/evil.txt", "evil.txt", "job/D:evil.txt", "job/..\\evil.txt"])
def test_an_archive_writes_nowhere_else(tmp_path: Path, name: str) -> None:
    packed = tmp_path / "evil.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(name, "")
    job = {"id": "1", "state": "accepted", "progress": None, "message": ""}
    answers = _answers([(201, job), (200, job), (200, packed.read_bytes())])
    with answers as (url, _), pytest.raises(FetchFailed, match="none of a scene's"):
        RemoteService(url).generate({"prompt": "a room"}, tmp_path / "out" / "run")
    assert not (tmp_path / "out" / "run").exists()
    assert not list(tmp_path.rglob("evil.txt"))


def test_a_failed_job_and_a_broken_archive(tmp_path: Path) -> None:
    job = {"id": "1", "state": "failed", "progress": None, "message": "generate: broke"}
    with _answers([(201, job), (200, job)]) as (url, _), pytest.raises(LyraError, match="generate: broke"):
        RemoteService(url).generate({"prompt": "a room"}, tmp_path / "run")
    job["state"] = "rejected"
    broken = _answers([(201, job), (200, job), (200, b"PK no zip")])
    with broken as (url, _), pytest.raises(FetchFailed, match="broke off"):
        RemoteService(url).generate({"prompt": "a room"}, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_service_that_is_none(tmp_path: Path) -> None:
    with _answers([(200, b"<html>"), (200, {"hello": 1}), (200, b"[]")]) as (url, _):
        for _ in range(3):
            with pytest.raises(FetchFailed, match="Is it one of Lyra SceneGen"):
                RemoteService(url).describe()
    with pytest.raises(InvalidRequest, match="one line of plain letters"):
        RemoteService("http://127.0.0.1:9", token="two\nlines")


def test_redirects_are_not_followed_with_the_token(tmp_path: Path) -> None:
    other = _answers([(200, {"generate": {}})])
    with other as (elsewhere, heard), _answers([(302, elsewhere)]) as (url, _):
        service = RemoteService(url, token=TOKENS["ann"])
        assert _refused(service) == "service: answered 302 Found"
    assert heard == []


def test_a_folder_that_is_no_run_is_never_replaced(server: Server, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("all I have")
    with pytest.raises(InvalidRequest, match="not a run"):
        RemoteService(server.url).generate(QUICK, tmp_path, overwrite=True)
    assert (tmp_path / "thesis.tex").read_text() == "all I have"


def _refused(service: RemoteService) -> str:
    with pytest.raises(InvalidRequest) as caught:
        service.describe()
    return str(caught.value)


def test_a_run_that_came_first_meanwhile_stays(tmp_path: Path) -> None:
    job = {"id": "1", "state": "rejected", "progress": None, "message": ""}
    packed = tmp_path / "scene.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("job/report.json", "{}")
    with _answers([(201, job), (200, job), (200, packed.read_bytes())]) as (url, _):
        (tmp_path / "run").mkdir()

        def come_first(event: Event) -> None:
            (tmp_path / "run" / "request.json").write_text("{}")

        with pytest.raises(InvalidRequest, match="must be a new or empty directory"):
            RemoteService(url).generate({"prompt": "a room"}, tmp_path / "run", listener=come_first)
    assert (tmp_path / "run" / "request.json").is_file()


class _answers:
    """A server that gives these answers, one after the other, and keeps the headers that it was sent."""

    def __init__(self, answers: list[tuple[int, object]]) -> None:
        left, heard = iter(answers), []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                heard.append(dict(self.headers))
                code, body = next(left)
                where, body = (body, b"") if code == 302 else ("", body)
                data = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(code)
                self.send_header("Content-Length", str(len(data)))
                if where:
                    self.send_header("Location", str(where))
                self.end_headers()
                self.wfile.write(data)

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                self.do_GET()

            def log_message(self, *_: object) -> None:
                pass

        self._server, self._heard = HTTPServer(("127.0.0.1", 0), Handler), heard

    def __enter__(self) -> tuple[str, list[dict[str, str]]]:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self._server.server_port}", self._heard

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

"""A hub like Hugging Face's, on this computer, with the troubles of a real one."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlparse

COMMIT = "c0ffee" + "0" * 34


@dataclass
class Hub:
    """Repositories by name: {path: bytes}; and what goes wrong.

    Attributes:
        cut_after: bytes after which the connection ends, once for each number.
        refuse: {repository: (status, error code)}.
        garble: paths of which other bytes are sent than the listing says.
        elsewhere: files are sent by another host, as the real hub does.
        knows_ranges: files can be continued.
        asked: (path, Range, has a token) of every file request.
    """

    repos: dict[str, dict[str, bytes]]
    commit: str = COMMIT
    cut_after: list[int] = field(default_factory=list)
    refuse: dict[str, tuple[int, str]] = field(default_factory=dict)
    garble: set[str] = field(default_factory=set)
    elsewhere: bool = False
    knows_ranges: bool = True
    as_web_page: bool = False
    asked: list[tuple[str, str, bool]] = field(default_factory=list)
    endpoint: str = ""


@contextmanager
def serving(hub: Hub) -> Iterator[Hub]:
    """Run the hub while the block lasts; its address is ``hub.endpoint``."""
    handler = type("Handler", (_Handler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    hub.endpoint = f"http://127.0.0.1:{server.server_port}"
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, *_: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = unquote(urlparse(self.path).path)
        if self.hub.as_web_page:
            return self._answer(200, b"<html>Please log in to this network</html>", {"Content-Type": "text/html"})
        if path.startswith("/api/models/"):
            return self._listing(path.removeprefix("/api/models/").partition("/revision/")[0])
        if "/resolve/" in path:
            repo, _, rest = path.removeprefix("/").partition("/resolve/")
            return self._file(repo, rest.partition("/")[2])
        return self._file(*path.removeprefix("/cdn/").rsplit("//", 1))

    def _listing(self, repo: str) -> None:
        if self._refused(repo, "/listing"):
            return None
        files = [
            {
                "rfilename": path,
                "size": len(data),
                "blobId": "0",
                "lfs": {"size": len(data), "sha256": hashlib.sha256(data).hexdigest(), "pointerSize": 1}
                if not path.endswith(".json")
                else None,
            }
            for path, data in self.hub.repos[repo].items()
        ]
        body = {"id": repo, "modelId": repo, "sha": self.hub.commit, "siblings": files, "tags": [], "private": False}
        return self._answer(200, json.dumps(body).encode(), {"Content-Type": "application/json"})

    def _refused(self, repo: str, where: str = "") -> bool:
        status, code = self.hub.refuse.get(repo + where, (0, ""))
        if repo not in self.hub.repos:
            status, code = 401, "RepoNotFound"
        if status:
            self._answer(status, b"no", {"X-Error-Code": code, "X-Error-Message": code})
        return bool(status)

    def _file(self, repo: str, path: str) -> None:
        token = "Authorization" in self.headers
        wanted = self.headers.get("Range", "")
        self.hub.asked.append((self.path, wanted, token))
        if self._refused(repo):
            return None
        if self.hub.elsewhere and not self.path.startswith("/cdn/"):
            place = f"http://localhost:{self.server.server_address[1]}/cdn/{repo}//{path}"
            return self._answer(302, b"", {"Location": place})
        data = self.hub.repos[repo][path]
        if path in self.hub.garble:
            data = bytes(255 - byte for byte in data[:9]) + data[9:]
        start = int(wanted.removeprefix("bytes=").partition("-")[0]) if wanted and self.hub.knows_ranges else 0
        return self._answer(206 if start else 200, data[start:], {}, cut=self.hub.cut_after)

    def _answer(self, status: int, body: bytes, headers: dict[str, str], cut: list[int] | None = None) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        if cut:
            self.wfile.write(body[: cut.pop(0)])
            self.wfile.flush()
            self.close_connection = True
        else:
            self.wfile.write(body)

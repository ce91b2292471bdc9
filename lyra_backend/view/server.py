"""The page's server: this machine only, a secret in every path, and nothing to be had but a fixed table."""

from __future__ import annotations

import base64
import hashlib
import logging
import os
import re
import secrets
import sys
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any

from ..errors import InvalidRequest, LyraError
from .routes import Content

__all__ = ["ViewServer"]

_log = logging.getLogger(__name__)
_ADDRESS = "127.0.0.1"
_NAMES = (_ADDRESS, "localhost")
_TOKEN_BYTES = 24
_IDLE_S = 60.0
_INLINE_SCRIPT = re.compile(rb"<script[^>]*type=\"importmap\"[^>]*>(.*?)</script>", re.DOTALL)


class ViewServer(ThreadingHTTPServer):
    """Serves a table of contents at ``http://127.0.0.1:PORT/TOKEN/`` until it is shut down.

    Args:
        routes: what each path after the token gives; "" is the page.
        port: to listen at; 0 takes a free one.

    Raises:
        InvalidRequest: the port cannot be had.
    """

    daemon_threads = True
    block_on_close = False
    # elsewhere than on Windows this only skips the wait after an earlier server; there it would share a port in use
    allow_reuse_address = os.name != "nt"

    def __init__(self, routes: Mapping[str, Content], port: int = 0) -> None:
        self.routes = routes
        self.token = secrets.token_urlsafe(_TOKEN_BYTES)
        self.policy = _policy(routes[""].load())
        try:
            super().__init__((_ADDRESS, port), _Handler)
        except OSError as error:
            raise InvalidRequest(
                f"--port {port}: cannot be listened at ({error.strerror}). Choose another, or leave it out."
            ) from error
        self.hosts = frozenset(f"{name}:{self.server_port}" for name in _NAMES)

    def server_bind(self) -> None:
        # the usual way asks the network for this machine's name, which may take seconds
        TCPServer.server_bind(self)
        self.server_name, self.server_port = _ADDRESS, int(self.server_address[1])

    @property
    def url(self) -> str:
        """Address of the page, secret included."""
        return f"http://{_ADDRESS}:{self.server_port}/{self.token}/"

    def content_at(self, path: str) -> Content | None:
        """Return what a path of a request gives; None if the token or the rest is not one of ours."""
        token, slash, rest = path.partition("?")[0].removeprefix("/").partition("/")
        known = secrets.compare_digest(token.encode("utf-8", "replace"), self.token.encode("ascii"))
        return self.routes.get(rest) if known and slash and path.startswith("/") else None

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep quiet of browsers that hang up; log what else breaks."""
        error = sys.exception()
        if not isinstance(error, ConnectionError | TimeoutError):
            _log.error("a request failed", exc_info=error)


class _Handler(BaseHTTPRequestHandler):
    """Answers one connection."""

    protocol_version = "HTTP/1.1"
    timeout = _IDLE_S
    server: ViewServer

    def do_GET(self) -> None:
        self._answer(body=True)

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def _refuse_method(self) -> None:
        self.send_error(HTTPStatus.METHOD_NOT_ALLOWED)

    do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_TRACE = do_CONNECT = _refuse_method

    def _answer(self, *, body: bool) -> None:
        # a page of another name that resolves to this machine must not read what is served here
        if self.headers.get_all("Host", []) not in [[host] for host in self.server.hosts]:
            self.send_error(HTTPStatus.FORBIDDEN)
            return
        content = self.server.content_at(self.path)
        if content is None:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        try:
            data = content.load()
        except LyraError as error:
            self._send(HTTPStatus.INTERNAL_SERVER_ERROR, "text/plain; charset=utf-8", str(error).encode(), body=body)
            return
        self._send(HTTPStatus.OK, content.kind, data, body=body)

    def _send(self, status: HTTPStatus, kind: str, data: bytes, *, body: bool) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Security-Policy", self.server.policy)
        self.send_header("Cross-Origin-Opener-Policy", "same-origin")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("X-Content-Type-Options", "nosniff")
        if status is HTTPStatus.METHOD_NOT_ALLOWED:
            self.send_header("Allow", "GET, HEAD")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if body:
            self.wfile.write(data)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer with a status alone: nothing of a request is repeated to whoever sent it."""
        status = HTTPStatus(code)
        # what may follow on the connection is not read, a body among it
        self.close_connection = True
        text = f"{status.value} {status.phrase}\n".encode("ascii")
        self._send(status, "text/plain; charset=utf-8", text, body=getattr(self, "command", None) != "HEAD")

    def version_string(self) -> str:
        return "lyra-scenegen"

    def log_message(self, format: str, *args: Any) -> None:
        # paths hold the token, which has no place in logs
        _log.debug("answered a request")


def _policy(page: bytes) -> str:
    """Return the Content-Security-Policy of a page: its own files, its import map, Spark's workers and WebAssembly."""
    hashes = [base64.b64encode(hashlib.sha256(text).digest()).decode("ascii") for text in _INLINE_SCRIPT.findall(page)]
    scripts = " ".join(["'self'", "'wasm-unsafe-eval'", *(f"'sha256-{h}'" for h in hashes)])
    return (
        f"default-src 'none'; script-src {scripts}; worker-src blob:; connect-src 'self'; img-src 'self' data:; "
        "style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )

"""The viewer's server: this machine, a secret, and a fixed table."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse
from threading import Thread

import pytest

from lyra_backend.errors import InvalidRequest
from lyra_backend.view.routes import Content
from lyra_backend.view.server import ViewServer

PAGE = b'<script type="importmap">{"imports": {}}</script>'


def refused() -> bytes:
    raise InvalidRequest("frame_3.ply: damaged. Export it again.")


@pytest.fixture(scope="module")
def server() -> Iterator[ViewServer]:
    routes = {
        "": Content("text/html; charset=utf-8", lambda: PAGE),
        "splats/0.ply": Content("application/octet-stream", lambda: b"ply\n"),
        "splats/3.ply": Content("application/octet-stream", refused),
    }
    with ViewServer(routes) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def ask(
    server: ViewServer, path: str, method: str = "GET", host: str | None = None, body: bytes | None = None
) -> tuple[HTTPResponse, bytes]:
    connection = HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    headers = {"Host": host or f"127.0.0.1:{server.server_port}"}
    connection.request(method, path, body=body, headers=headers)
    reply = connection.getresponse()
    data = reply.read()
    connection.close()
    return reply, data


def test_it_serves_the_table_after_the_token(server: ViewServer) -> None:
    reply, data = ask(server, f"/{server.token}/")
    assert (reply.status, data) == (200, PAGE)
    reply, data = ask(server, f"/{server.token}/splats/0.ply?again")
    assert (reply.status, data) == (200, b"ply\n")
    assert server.url == f"http://127.0.0.1:{server.server_port}/{server.token}/"


def test_only_this_machine_can_ask(server: ViewServer) -> None:
    assert server.server_address[0] == "127.0.0.1"
    own = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)} - {"127.0.0.1"}
    for address in own:
        if not address.startswith("127."):
            with pytest.raises(OSError, match=r".*"):
                socket.create_connection((address, server.server_port), timeout=2).close()


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/wrong/",
        "/{token}",
        "/{token}x/",
        "/{token}/../",
        "/{token}/splats/1.ply",
        "/{token}/splats/../splats/0.ply",
        "/{token}/%2e%2e/%2e%2e/etc/passwd",
        "/{token}//etc/passwd",
        "/{token}/server.py",
        "/%C3%BC/",
        "{token}/",
    ],
)
def test_nothing_else_is_there(server: ViewServer, path: str) -> None:
    reply, data = ask(server, path.format(token=server.token))
    assert reply.status == 404
    assert server.token.encode() not in data


def test_tokens_are_long_and_differ(server: ViewServer) -> None:
    with ViewServer(server.routes) as other:
        assert other.token != server.token
        assert len(other.token) >= 32


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "evil.example:{port}", "127.0.0.1:1", "[::1]:{port}"])
def test_other_names_of_this_machine_are_refused(server: ViewServer, host: str) -> None:
    reply, _ = ask(server, f"/{server.token}/", host=host.format(port=server.server_port))
    assert reply.status == 403


def test_localhost_is_as_good(server: ViewServer) -> None:
    assert ask(server, f"/{server.token}/", host=f"localhost:{server.server_port}")[0].status == 200


def test_two_hosts_or_none_are_refused(server: ViewServer) -> None:
    good = f"Host: 127.0.0.1:{server.server_port}\r\n"
    for hosts in ("", good + "Host: evil.example\r\n"):
        with socket.create_connection(("127.0.0.1", server.server_port), timeout=10) as plain:
            plain.sendall(f"GET /{server.token}/ HTTP/1.1\r\n{hosts}\r\n".encode())
            assert plain.recv(100).startswith(b"HTTP/1.1 403")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
def test_it_only_gives(server: ViewServer, method: str) -> None:
    reply, _ = ask(server, f"/{server.token}/", method, body=b"x" * 1000)
    assert reply.status == 405
    assert reply.headers["Allow"] == "GET, HEAD"
    assert ask(server, f"/{server.token}/", "BREW")[0].status == 501


def test_head_gives_the_length_alone(server: ViewServer) -> None:
    reply, data = ask(server, f"/{server.token}/splats/0.ply", "HEAD")
    assert (reply.status, reply.headers["Content-Length"], data) == (200, "4", b"")


@pytest.mark.parametrize("path", ["/{token}/", "/{token}/splats/0.ply", "/nothing"])
def test_every_answer_is_guarded(server: ViewServer, path: str) -> None:
    reply, _ = ask(server, path.format(token=server.token))
    policy = reply.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "'unsafe-inline'" not in policy
    assert "'unsafe-eval'" not in policy.replace("'wasm-unsafe-eval'", "")
    assert "'sha256-" in policy
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert reply.headers["Cache-Control"] == "no-store"
    assert reply.headers["Referrer-Policy"] == "no-referrer"
    assert "Python" not in reply.headers["Server"]
    assert "Access-Control-Allow-Origin" not in reply.headers


def test_what_cannot_be_read_is_told(server: ViewServer) -> None:
    reply, data = ask(server, f"/{server.token}/splats/3.ply")
    assert reply.status == 500
    assert data == b"frame_3.ply: damaged. Export it again."


def test_a_taken_port_is_told(server: ViewServer) -> None:
    with pytest.raises(InvalidRequest, match=f"--port {server.server_port}: cannot be listened at"):
        ViewServer(server.routes, server.server_port)

"""Tokens, and what a service must have before strangers reach it."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lyra_backend.errors import InvalidRequest
from lyra_backend.service.access import digest_of, read_tokens
from lyra_backend.service.settings import Settings, check_exposure

from ..commands import call
from .conftest import QUICK, TOKENS, bearer


def token_file(folder: Path, text: str, mode: int = 0o600) -> Path:
    path = folder / "tokens"
    path.write_text(text)
    path.chmod(mode)
    return path


def test_tokens_come_from_a_file_and_the_environment(tmp_path: Path) -> None:
    path = token_file(tmp_path, f"# who\nann {TOKENS['ann']}\n\nbob\t{TOKENS['bob']}\n")
    found = read_tokens(path, "a-third-secret-of-the-environment")
    assert found == {
        "ann": digest_of(TOKENS["ann"]),
        "bob": digest_of(TOKENS["bob"]),
        "default": digest_of("a-third-secret-of-the-environment"),
    }
    assert read_tokens(None, None) == {}


@pytest.mark.parametrize(
    ("text", "mode", "said"),
    [
        (f"ann {TOKENS['ann']}", 0o640, "chmod 600"),
        ("ann short", 0o600, "openssl rand"),
        (f"ann {TOKENS['ann']} more", 0o600, "a name and a token"),
        (f"ann {TOKENS['ann']}\nann {TOKENS['bob']}", 0o600, "comes twice"),
        (f"a/b {TOKENS['ann']}", 0o600, "name of letters"),
        ("# nobody", 0o600, "a name and a token"),
    ],
)
def test_token_files_that_are_not_taken(text: str, mode: int, said: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match=said) as refused:
        read_tokens(token_file(tmp_path, text, mode), None)
    assert not any(secret in str(refused.value) for secret in TOKENS.values())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--host", "0.0.0.0"], "needs a token"),
        (["--host", "::"], "needs a token"),
        (["--behind-proxy"], "needs a token"),
        (["--tls-cert", "cert.pem"], "TLS takes both files"),
        (["--tls-cert", "cert.pem", "--tls-key", "key.pem"], "cert.pem does not exist"),
        (["--upload-limit", "much"], "--upload-limit: must be a number and a unit"),
        (["--token-file", "nowhere"], "cannot be read"),
    ],
)
def test_what_does_not_start(words: list[str], said: str, tmp_path: Path) -> None:
    done = call("serve", tmp_path / "service", *words)
    assert done.code == 2
    assert said in done.err
    assert not (tmp_path / "service").exists()


def test_a_token_alone_does_not_do_where_others_read_along(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LYRA_SCENEGEN_TOKEN", TOKENS["ann"])
    done = call("serve", tmp_path / "service", "--host", "0.0.0.0")
    assert done.code == 2
    assert "clear text" in done.err


def test_certificates_are_looked_at_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LYRA_SCENEGEN_TOKEN", TOKENS["ann"])
    (tmp_path / "cert.pem").write_text("no certificate")
    words = ["--tls-cert", tmp_path / "cert.pem", "--tls-key", tmp_path / "cert.pem"]
    done = call("serve", tmp_path / "service", "--host", "0.0.0.0", *words)
    assert done.code == 2
    assert "no certificate and its key" in done.err


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = call("serve", tmp_path / "service", "--port", taken.getsockname()[1])
    assert done.code == 2
    assert "Choose another port" in done.err


def test_what_may_start(tmp_path: Path) -> None:
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    certificate.touch()
    key.touch()
    tokens = {"ann": digest_of(TOKENS["ann"])}
    for host in ("127.0.0.1", "::1", "localhost", "127.1.2.3"):
        check_exposure(Settings(tmp_path, host=host))
    check_exposure(Settings(tmp_path, host="0.0.0.0", tokens=tokens, certificate=certificate, key=key))
    check_exposure(Settings(tmp_path, host="0.0.0.0", tokens=tokens, behind_proxy=True))


def test_each_token_sees_its_own_alone(paused: Callable[..., Any]) -> None:
    with paused(tokens=True) as http:
        id = http.post("/v1/jobs", json=QUICK, headers=bearer("ann")).json()["id"]
        sent = http.post("/v1/uploads", content=b'{"a": 1}', headers=bearer("ann")).json()["id"]
        assert http.get(f"/v1/jobs/{id}", headers=bearer("ann")).status_code == 200
        assert http.get("/v1/jobs", headers=bearer("bob")).json() == {"jobs": [], "next": None}
        assert http.get("/v1/uploads", headers=bearer("bob")).json() == {"uploads": []}
        for method, path in (
            ("GET", f"/v1/jobs/{id}"),
            ("GET", f"/v1/jobs/{id}/events"),
            ("GET", f"/v1/jobs/{id}/files"),
            ("GET", f"/v1/jobs/{id}/archive"),
            ("POST", f"/v1/jobs/{id}/cancel"),
            ("DELETE", f"/v1/jobs/{id}"),
            ("DELETE", f"/v1/uploads/{sent}"),
        ):
            assert http.request(method, path, headers=bearer("bob")).status_code == 404, path
        stolen = {"splat": sent, "generator": "splat_file"}
        assert http.post("/v1/jobs", json=stolen, headers=bearer("bob")).status_code == 404


def test_every_route_but_health_and_the_manual_wants_a_token(paused: Callable[..., Any]) -> None:
    with paused(tokens=True) as http:
        paths = http.get("/openapi.json").json()["paths"]
        open_paths = {"/v1/health"}
        for path, methods in paths.items():
            for method in methods:
                for headers in (
                    {},
                    {"Authorization": "Bearer wrong-wrong-wrong-wrong"},
                    {"Authorization": "Basic eA=="},
                ):
                    where = path.format(id="upload:" + "0" * 64 if "uploads" in path else "0" * 24, name="x")
                    answer = http.request(method.upper(), where, headers=headers, json=QUICK)
                    assert answer.status_code == (200 if path in open_paths else 401), (method, path)
                    assert path in open_paths or answer.headers["WWW-Authenticate"] == "Bearer"
        assert http.get("/docs").status_code == 200

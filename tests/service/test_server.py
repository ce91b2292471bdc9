"""A service as users start it: it makes scenes, is watched, stopped and killed."""

from __future__ import annotations

import json
import os
import random
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from .conftest import TOKENS, Server, bearer

#: Long enough to be stopped in the midst of it.
BIG = {"prompt": "a large warehouse with forty pallets", "preset": "standard", "collider": "surface", "params": {}}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("server") / "service") as made:
        yield made
    assert "Traceback" not in made.said


def events(url: str, id: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield a job's events as they come."""
    with httpx.stream("GET", f"{url}/v1/jobs/{id}/events", timeout=60.0) as answer:
        name = ""
        for line in answer.iter_lines():
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: "):
                yield name, json.loads(line.removeprefix("data: "))


def endings(server: Server, id: str) -> list[str]:
    """How attempts at a job ended, as its run tells."""
    log = (server.directory / "jobs" / id / "run" / "events.jsonl").read_text().splitlines()
    return [entry["ended"] for entry in map(json.loads, log) if "ended" in entry]


def test_two_streams_and_the_command_line_watch_one_job(server: Server) -> None:
    id = server.submit()
    seen: list[list[tuple[str, dict[str, Any]]]] = [[], []]
    watchers = [threading.Thread(target=lambda to=to: to.extend(events(server.url, id))) for to in seen]
    for watcher in watchers:
        watcher.start()
    server.wait(id, "running")
    run = server.directory / "jobs" / id / "run"
    while not (run / "events.jsonl").exists():
        time.sleep(0.05)
    shown = subprocess.run([sys.executable, "-m", "lyra_backend", "watch", run], capture_output=True, text=True)
    for watcher in watchers:
        watcher.join()
    state = server.state(id)
    assert state in ("accepted", "rejected")
    assert shown.stdout.strip() == state
    assert shown.returncode == (0 if state == "accepted" else 1)
    for told in seen:
        assert told[0][0] == "state"
        assert told[-1] == ("end", {"state": state, "message": ""})
        fractions = [data["fraction"] for name, data in told if name == "progress"]
        assert fractions == sorted(fractions)
        assert fractions[-1] == 1.0
    assert [e for e in seen[0] if e[0] == "progress"] == [e for e in seen[1] if e[0] == "progress"]
    names = [file["name"] for file in server.http.get(f"/v1/jobs/{id}/files").json()["files"]]
    assert {"stage.usda", "report.json", "gaussians.usdc"} <= set(names)
    assert str(server.directory) not in server.http.get(f"/v1/jobs/{id}/files/report.json").text
    assert server.http.get(f"/v1/jobs/{id}").json()["bytes"] > 100_000
    assert server.http.delete(f"/v1/jobs/{id}").status_code == 204
    assert not (server.directory / "jobs" / id).exists()


def test_a_running_job_is_cancelled_within_a_second_and_leaves_nothing(server: Server) -> None:
    id, other = server.submit(**BIG), server.submit(**BIG)
    for name, data in events(server.url, id):
        if name == "progress" and data["fraction"] > 0.02:
            break
    begun = time.monotonic()
    assert server.http.post(f"/v1/jobs/{id}/cancel").status_code == 202
    assert server.wait(id) == "cancelled"
    taken = time.monotonic() - begun
    assert not (server.directory / "jobs" / id).exists()
    assert taken < 1.0
    server.wait(other, "running")
    assert server.http.delete(f"/v1/jobs/{other}").status_code == 204
    until = time.monotonic() + 30
    while (server.directory / "jobs" / other).exists() and time.monotonic() < until:
        time.sleep(0.05)
    assert not (server.directory / "jobs" / other).exists()


def test_a_stopped_service_goes_on_where_it_was(server: Server) -> None:
    id = server.submit(**BIG)
    told = events(server.url, id)
    for name, data in told:
        if name == "progress" and data["fraction"] > 0.02:
            break
    assert server.stop() == 0
    assert "Traceback" not in server.said
    run = server.directory / "jobs" / id / "run"
    assert (run / "request.json").is_file() or not run.exists()
    server.start()
    assert server.wait(id, "running") == "running"
    assert server.http.get(f"/v1/jobs/{id}").json()["attempts"] == 1, "a stop is no failed attempt"
    assert server.http.delete(f"/v1/jobs/{id}").status_code == 204


def test_no_job_is_lost_or_made_twice_whatever_is_killed_when(server: Server) -> None:
    chance = random.Random(5)
    ids = [server.submit(seed=seed) for seed in range(2)]
    for _ in range(2):
        time.sleep(chance.uniform(0.5, 3.0))
        if chance.random() < 0.5:
            children = psutil.Process(server.process.pid).children()
            if children:
                os.kill(chance.choice(children).pid, signal.SIGKILL)
        else:
            server.kill()
            server.start()
    server.kill()
    server.start()
    for id in ids:
        assert server.wait(id) in ("accepted", "rejected"), server.http.get(f"/v1/jobs/{id}").text
        assert len([how for how in endings(server, id) if how in ("accepted", "rejected")]) == 1
    assert {job["id"] for job in server.http.get("/v1/jobs").json()["jobs"]} >= set(ids)


def test_failed_jobs_say_why_without_paths_of_the_server(server: Server) -> None:
    sent = server.http.post("/v1/uploads", content=b"ply\nformat ascii 1.0\nelement vertex 1\nend_header\n1\n").json()
    answer = server.http.post("/v1/jobs", json={"splat": sent["id"], "preset": "draft"})
    id = answer.json()["id"]
    assert server.wait(id) == "failed"
    message = server.http.get(f"/v1/jobs/{id}").json()["message"]
    assert "splat.ply" in message
    assert "/" not in message.replace("a/b", ""), message
    assert not (server.directory / "jobs" / id).exists()


def test_tls_and_tokens_of_the_environment(tmp_path: Path) -> None:
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
        + ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
        check=True,
        capture_output=True,
    )
    options = ("--workers", "0", "--host", "0.0.0.0", "--tls-cert", str(certificate), "--tls-key", str(key))
    with Server(tmp_path / "service", options, {"LYRA_SCENEGEN_TOKEN": TOKENS["ann"]}) as server:
        url = server.url.replace("0.0.0.0", "127.0.0.1")
        with httpx.Client(base_url=url, verify=ssl.create_default_context(cafile=certificate)) as http:
            assert http.get("/v1/jobs").status_code == 401
            assert http.get("/v1/jobs", headers=bearer("bob")).status_code == 401
            assert http.get("/v1/jobs", headers=bearer("ann")).status_code == 200
        assert server.stop(signal.SIGINT) == 0

"""Many clients at once, against a process of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil

from . import files
from .conftest import QUICK, Server

CLIENTS, EACH, QUEUE = 50, 10, 300


def test_fifty_clients_lose_nothing_and_memory_stays_flat(tmp_path: Path) -> None:
    with Server(tmp_path / "service", ("--workers", "0", "--queue", str(QUEUE))) as server:
        process = psutil.Process(server.process.pid)
        everything = _by_all(lambda number: _submit(server.url, number))  # what is loaded once is loaded now
        before = process.memory_info().rss
        for id in [id for id, status in everything if status == 201]:
            assert server.http.delete(f"/v1/jobs/{id}").status_code == 204
        everything = _by_all(lambda number: _submit(server.url, number))
        grown = process.memory_info().rss - before

        assert Counter(status for _, status in everything) == {201: QUEUE, 429: CLIENTS * EACH - QUEUE}
        accepted = {id for id, status in everything if status == 201}
        server.kill()
        server.start()
        listed = server.http.get("/v1/jobs", params={"limit": 1000}).json()["jobs"]
        assert {job["id"] for job in listed} == accepted
        assert {job["state"] for job in listed} == {"queued"}
        assert grown < 30e6, f"memory grew by {grown / 1e6:.1f} MB"


def test_uploads_are_not_held_in_memory(tmp_path: Path) -> None:
    with Server(tmp_path / "service", ("--workers", "0")) as server:
        process = psutil.Process(server.process.pid)
        server.http.post("/v1/uploads?kind=splat", content=files.ply())
        before = process.memory_info().rss

        def send(number: int) -> int:
            pieces = (bytes([number]) * 1_000_000 for _ in range(32))
            return httpx.post(f"{server.url}/v1/uploads?kind=splat", content=pieces, timeout=60).status_code

        with ThreadPoolExecutor(4) as clients:
            assert list(clients.map(send, range(4))) == [201] * 4
        assert process.memory_info().rss - before < 64e6, "of 128 MB that came"


def _by_all(submit: Callable[[int], list[tuple[str, int]]]) -> list[tuple[str, int]]:
    with ThreadPoolExecutor(CLIENTS) as clients:
        return [answer for answers in clients.map(submit, range(CLIENTS)) for answer in answers]


def _submit(url: str, number: int) -> list[tuple[str, int]]:
    """Be one client; return the id and the status of each answer."""
    with httpx.Client(base_url=url, timeout=60.0) as http:
        answers = [http.post("/v1/jobs", json={**QUICK, "seed": number}) for _ in range(EACH)]
        return [(answer.json().get("id", ""), answer.status_code) for answer in answers]

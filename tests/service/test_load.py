"""Many clients at once, against a process of its own."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import httpx
import psutil

from .conftest import QUICK, Server

CLIENTS, EACH, QUEUE = 50, 10, 300


def test_fifty_clients_lose_nothing_and_memory_stays_flat(idle: Server) -> None:
    process = psutil.Process(idle.process.pid)
    _delete_all(idle)
    _by_all(idle, 2)  # what is loaded once is loaded now
    _delete_all(idle)
    before = process.memory_info().rss
    everything = _by_all(idle, EACH)
    grown = process.memory_info().rss - before

    assert Counter(status for _, status in everything) == {201: QUEUE, 429: CLIENTS * EACH - QUEUE}
    accepted = {id for id, status in everything if status == 201}
    idle.kill()
    idle.start()
    listed = idle.http.get("/v1/jobs", params={"limit": 1000}).json()["jobs"]
    assert {job["id"] for job in listed} == accepted
    assert {job["state"] for job in listed} == {"queued"}
    assert grown < 30e6, f"memory grew by {grown / 1e6:.1f} MB"
    _delete_all(idle)


def test_uploads_are_not_held_in_memory(idle: Server) -> None:
    process = psutil.Process(idle.process.pid)
    idle.http.post("/v1/uploads?kind=splat", content=bytes(64))
    before = process.memory_info().rss

    def send(number: int) -> int:
        pieces = (bytes([number]) * 1_000_000 for _ in range(32))
        return httpx.post(f"{idle.url}/v1/uploads?kind=splat", content=pieces, timeout=60, verify=False).status_code

    with ThreadPoolExecutor(4) as clients:
        assert list(clients.map(send, range(4))) == [201] * 4
    assert process.memory_info().rss - before < 64e6, "of 128 MB that came"


def _by_all(server: Server, each: int) -> list[tuple[str, int]]:
    """Return the id and the status of each answer to all clients."""

    def submit(number: int) -> list[tuple[str, int]]:
        # no TLS here, and reading certificates for it would take most of the time
        with httpx.Client(base_url=server.url, timeout=60.0, verify=False) as http:
            answers = [http.post("/v1/jobs", json={**QUICK, "seed": number}) for _ in range(each)]
            return [(answer.json().get("id", ""), answer.status_code) for answer in answers]

    with ThreadPoolExecutor(CLIENTS) as clients:
        return [answer for answers in clients.map(submit, range(CLIENTS)) for answer in answers]


def _delete_all(server: Server) -> None:
    for job in server.http.get("/v1/jobs", params={"limit": 1000}).json()["jobs"]:
        assert server.http.delete(f"/v1/jobs/{job['id']}").status_code == 204

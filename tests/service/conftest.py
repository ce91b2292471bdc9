"""Services for tests: in this process with nobody to work, and as users start them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient

from lyra_backend.client import Worker
from lyra_backend.service.access import digest_of
from lyra_backend.service.app import create_app
from lyra_backend.service.service import Service
from lyra_backend.service.settings import Limits, Settings

TOKENS = {"ann": "ann-has-a-long-secret", "bob": "bob-has-another-secret"}
#: A scene that is made as quickly as scenes are.
QUICK = {
    "prompt": "a small bathroom",
    "preset": "draft",
    "collider": "none",
    "params": {"generate": {"gaussian_count": 20000, "bake_light": False}, "light": {"estimate": False}},
}


def bearer(name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {TOKENS[name]}"}


@pytest.fixture(scope="session")
def listing() -> Mapping[str, Any]:
    """What there is, as services know it."""
    with Worker(threads=1) as worker:
        return worker.describe()


@pytest.fixture
def paused(tmp_path: Path, listing: Mapping[str, Any]) -> Callable[..., Any]:
    """Return a function that makes the context of a client of a service that takes jobs and runs none."""

    def client(limits: Limits | None = None, *, tokens: bool = False, models: Mapping[str, str] | None = None) -> Any:
        settings = Settings(
            tmp_path / "service",
            tokens={name: digest_of(secret) for name, secret in TOKENS.items()} if tokens else {},
            limits=limits or Limits(),
            models=models or {},
            workers=0,
        )
        return TestClient(create_app(Service(settings, listing)), base_url="http://127.0.0.1")

    return client


@dataclass
class Server:
    """``lyra-scenegen serve`` as a process of its own."""

    directory: Path
    options: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)

    def __enter__(self) -> Server:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.stop()

    def start(self) -> None:
        words = ["serve", str(self.directory), "--port", "0", "--threads", "1", *self.options]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "lyra_backend", *words],
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **self.environment},
        )
        assert self.process.stderr is not None
        self.said = ""
        for line in self.process.stderr:
            self.said += line
            if line.startswith("Serving on "):
                break
        else:
            raise AssertionError(self.said)
        threading.Thread(target=self._hear, args=(self.process.stderr,), daemon=True).start()
        self.url = self.said.partition("Serving on ")[2].split()[0]
        self.http = httpx.Client(base_url=self.url, timeout=30.0)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(30)

    def submit(self, **changes: Any) -> str:
        answer = self.http.post("/v1/jobs", json={**QUICK, **changes})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def state(self, id: str) -> str:
        return str(self.http.get(f"/v1/jobs/{id}").json()["state"])

    def wait(self, id: str, *states: str, seconds: float = 120.0) -> str:
        """Wait until a job is in one of the states, or has ended."""
        until = time.monotonic() + seconds
        ended = ("accepted", "rejected", "failed", "cancelled")
        while (state := self.state(id)) not in (states or ended) and time.monotonic() < until:
            time.sleep(0.05)
        return state

    def _hear(self, pipe: Any) -> None:
        for line in pipe:
            self.said += line


@pytest.fixture(scope="session")
def idle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A service of its own process that takes jobs, at most 300 of them, and runs none."""
    with Server(tmp_path_factory.mktemp("idle") / "service", ("--workers", "0", "--queue", "300")) as made:
        yield made
    assert "Traceback" not in made.said

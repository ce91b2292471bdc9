"""Routes, with nobody to work on the jobs."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.testclient import TestClient

from lyra_backend.service import uploads
from lyra_backend.service.app import create_app
from lyra_backend.service.jobs import State
from lyra_backend.service.service import Service
from lyra_backend.service.settings import Limits, Settings

from . import files
from .conftest import QUICK


def test_submitting_listing_cancelling_deleting(paused: Callable[..., Any]) -> None:
    with paused() as http:
        answer = http.post("/v1/jobs", json=QUICK)
        first = answer.json()
        assert answer.headers["Location"] == f"/v1/jobs/{first['id']}"
        assert (first["state"], first["queue_position"], first["progress"]) == ("queued", 0, None)
        assert first["request"]["prompt"] == QUICK["prompt"]
        second = http.post("/v1/jobs", json=QUICK).json()
        assert second["queue_position"] == 1
        assert http.get(f"/v1/jobs/{first['id']}").json() == first
        page = http.get("/v1/jobs", params={"limit": 1}).json()
        assert [job["id"] for job in page["jobs"]] == [second["id"]]
        page = http.get("/v1/jobs", params={"limit": 1, "before": page["next"]}).json()
        assert [job["id"] for job in page["jobs"]] == [first["id"]]
        assert http.post(f"/v1/jobs/{first['id']}/cancel").json()["state"] == "cancelled"
        assert http.post(f"/v1/jobs/{first['id']}/cancel").status_code == 202
        assert [j["id"] for j in http.get("/v1/jobs?state=cancelled").json()["jobs"]] == [first["id"]]
        assert http.get(f"/v1/jobs/{first['id']}/files").status_code == 409
        assert http.delete(f"/v1/jobs/{first['id']}").status_code == 204
        assert http.delete(f"/v1/jobs/{first['id']}").status_code == 404
        assert http.get("/v1/jobs?state=deleted").status_code == 422
        assert http.get("/v1/jobs?before=nowhere").status_code == 404


def test_a_key_makes_submitting_twice_harmless(paused: Callable[..., Any]) -> None:
    with paused() as http:
        headers = {"Idempotency-Key": "order 7"}
        answers = [http.post("/v1/jobs", json=QUICK, headers=headers) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [201, 200]
        assert answers[0].json()["id"] == answers[1].json()["id"]
        assert http.post("/v1/jobs", json={"prompt": "a hall"}, headers=headers).status_code == 409


def test_watching_a_job_that_was_cancelled_or_is_not_there(paused: Callable[..., Any]) -> None:
    with paused() as http:
        id = http.post("/v1/jobs", json=QUICK).json()["id"]
        http.post(f"/v1/jobs/{id}/cancel")
        answer = http.get(f"/v1/jobs/{id}/events")
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        assert answer.text == (
            'event: state\ndata: {"state": "cancelled", "attempts": 0}\n\n'
            'event: end\ndata: {"state": "cancelled", "message": ""}\n\n'
        )
        assert http.get("/v1/jobs/nowhere/events").status_code == 404


def test_uploads(paused: Callable[..., Any]) -> None:
    with paused() as http:
        sent = [http.post("/v1/uploads", content=files.picture()).json() for _ in range(2)]
        assert sent[0] == sent[1]
        assert sent[0]["kind"] == "png"
        assert http.get("/v1/uploads").json() == {"uploads": [sent[0]]}
        splat = http.post("/v1/uploads?kind=splat", content=bytes(64)).json()
        assert (splat["kind"], splat["bytes"]) == ("splat", 64)
        assert http.delete(f"/v1/uploads/{splat['id']}").status_code == 204
        assert http.delete(f"/v1/uploads/{splat['id']}").status_code == 404
        assert http.post("/v1/uploads", content=b"").status_code == 422


def test_uploads_that_nobody_used_for_long_are_removed(
    listing: Mapping[str, Any], tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def client() -> Any:
        service = Service(Settings(tmp_path / "service", workers=0, limits=Limits(upload_hours=24.0)), listing)
        return TestClient(create_app(service), base_url="http://127.0.0.1")

    with client() as http:
        http.post("/v1/uploads", content=files.picture())
        (tmp_path / "service" / "uploads" / "of-a-killed-process.png").touch()
    with client() as http:
        assert len(http.get("/v1/uploads").json()["uploads"]) == 1
        assert len(list((tmp_path / "service" / "uploads").iterdir())) == 1
    later = SimpleNamespace(time=lambda: time.time() + 25 * 3600.0)
    monkeypatch.setattr(uploads, "time", later)
    with client() as http:
        assert http.get("/v1/uploads").json() == {"uploads": []}
        assert list((tmp_path / "service" / "uploads").iterdir()) == []


def test_generators_health_metrics_and_the_manual(paused: Callable[..., Any]) -> None:
    with paused() as http:
        assert http.get("/v1/health").json()["status"] == "ok"
        count = http.get("/v1/generators").json()["generate"]["generators"]["procedural"]["parameters"][
            "gaussian_count"
        ]
        assert count["type"] == "integer"
        http.post("/v1/jobs", json=QUICK)
        http.post("/v1/jobs", json={})
        text = http.get("/metrics").text
        assert 'lyra_jobs{state="queued"} 1.0' in text
        assert 'lyra_submissions_total{answer="201"} 1.0' in text
        assert 'lyra_http_answers_total{method="POST",route="/v1/jobs",status="422"} 1.0' in text
        assert "process_resident_memory_bytes" in text
        page = http.get("/docs").text
        assert "://" not in page.replace("http://127.0.0.1", ""), "the manual asks no other server for anything"
        assert http.get("/openapi.json").json()["info"]["title"] == "Lyra SceneGen"


def test_a_service_that_stops_takes_nothing(paused: Callable[..., Any]) -> None:
    with paused() as http:
        http.app.state.service.stop()
        for answer in (http.post("/v1/jobs", json=QUICK), http.get("/v1/health")):
            assert answer.status_code == 503
            assert answer.headers["Retry-After"]


def test_a_directory_is_served_once(paused: Callable[..., Any], listing: Mapping[str, Any], tmp_path: Any) -> None:
    from lyra_backend.errors import DirectoryBusy

    with paused(), pytest.raises(DirectoryBusy, match="another process serves"):
        Service(Settings(tmp_path / "service"), listing)


def test_what_a_crash_left_is_tidied_up(listing: Mapping[str, Any], tmp_path: Any) -> None:
    def service() -> Service:
        return Service(Settings(tmp_path / "service", workers=0), listing)

    jobs = tmp_path / "service" / "jobs"
    first = service()
    ids = [first.jobs.submit(f"{n:024d}", "local", {"prompt": "a room"}, None)[0].id for n in range(3)]
    for id in (*ids, "of-nobody"):
        (jobs / id / "run").mkdir(parents=True)
        (jobs / id / ".removed-run-0").mkdir()
    first.jobs.delete("local", ids[0])
    first.jobs.cancel("local", ids[1])
    assert first.jobs.claim() is not None
    first.close()
    with TestClient(create_app(service()), base_url="http://127.0.0.1") as http:
        assert [path.name for path in jobs.iterdir()] == [ids[2]]
        assert [path.name for path in (jobs / ids[2]).iterdir()] == ["run"]
        assert http.get(f"/v1/jobs/{ids[2]}").json()["state"] == State.QUEUED
        assert http.get(f"/v1/jobs/{ids[0]}").status_code == 404

"""Bodies of submissions: what is let through, and what is not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

import pytest

from lyra_backend.service.settings import Limits
from lyra_backend.service.submission import SceneBody
from lyra_backend.types import SceneRequest

from . import files

PROMPT = {"prompt": "a room"}
SPLAT = {"generator": "splat_file", "params": {"generate": {"scale": 1.0}}}


def test_a_body_has_the_fields_of_a_request_and_its_defaults() -> None:
    assert list(SceneBody.model_fields) == [f.name for f in fields(SceneRequest)]
    assert SceneBody(prompt="a room").model_dump() == SceneRequest(prompt="a room").to_json()


@pytest.mark.parametrize(
    "body",
    [
        {"image": "photo.png"},
        {"image": "/etc/passwd"},
        {"image": "../../jobs.sqlite"},
        {"image": "http://localhost/photo.png"},
        {"image": "upload:../../x"},
        {"splat": ["upload:" + "0" * 64]},
        {"splat": "upload:" + "0" * 64 + "\n"},
        {**PROMPT, "model": "/models/lyra"},
        {**PROMPT, "model": "nvidia/Lyra", "generator": "lyra"},
        {**PROMPT, "generator": "os.system"},
        {**PROMPT, "generator": "../procedural"},
        {**PROMPT, "preset": "../../../etc/passwd"},
        {**PROMPT, "collider": "builtins"},
        {**PROMPT, "primitives": ["particle_field", "x" * 50]},
        {**PROMPT, "params": {"generate": {"image_model": "/models/flux"}}},
        {**PROMPT, "params": {"generate": {"depth_model": "depth-anything/any"}}},
        {**PROMPT, "params": {"generate": {"depth_model": "moge"}}},
        {**PROMPT, "params": {"generate": {"intrinsics": "camera.json"}}},
        {**PROMPT, "params": {"generate": {"intrinsics": "..\\camera.json"}}},
        {**PROMPT, "params": {"generate": {"world": "world.json"}}},
        {**PROMPT, "params": {"generate": {"device": "cuda:0; rm"}}},
        {**PROMPT, "params": {"generate": {"no_such": 1}}},
        {**PROMPT, "params": {"generat": {}}},
        {**PROMPT, "params": {"generate": {"gaussian_count": [1]}}},
        {**PROMPT, "params": {"__class__": {"__init__": 1}}},
        {**PROMPT, "out": "/tmp"},
        {**PROMPT, "overwrite": True},
        {**PROMPT, "seed": 2**63},
        {**PROMPT, "seed": "1"},
        {"prompt": ""},
        {"prompt": "a \0 room"},
        {"prompt": "a" * 2001},
        {},
        [],
        None,
        "a room",
    ],
)
def test_what_is_refused(body: Any, paused: Callable[..., Any]) -> None:
    with paused() as http:
        answer = http.post("/v1/jobs", json=body)
        assert answer.status_code == 422, answer.text
        assert answer.json()["error"]["code"] == "invalid"
        assert http.get("/v1/jobs").json()["jobs"] == []


@pytest.mark.parametrize(
    "text",
    [
        '{"prompt": "a room", "params": {"generate": {"difficulty": NaN}}}',
        '{"prompt": "a room", "params": {"generate": {"difficulty": 1e999}}}',
        '{"prompt": "\\ud800"}',
        '{"\\ud800": 1}',
        '{"prompt": "a room", "params": {"generate": {"\\ud800": 1}}}',
        '{"seed": ' + "9" * 5000 + "}",
        "{" * 100_000,
        '{"params":' * 50_000,
        "",
        "\xff",
    ],
)
def test_odd_json_is_refused(text: str, paused: Callable[..., Any]) -> None:
    with paused() as http:
        answer = http.post("/v1/jobs", content=text.encode("latin-1"), headers={"Content-Type": "application/json"})
        assert answer.status_code in (400, 422), answer.text


def test_parameters_that_are_numbers_in_words_pass(paused: Callable[..., Any]) -> None:
    with paused() as http:
        sent = http.post("/v1/uploads", content=files.ply()).json()["id"]
        for values in ({"viewpoint": "0,0.5,-1e-2"}, {"up": "-y"}, {"up": None}, {"scale": "0.5"}):
            answer = http.post("/v1/jobs", json={"splat": sent, "params": {"generate": values}})
            assert answer.status_code == 201, answer.text


def test_models_are_those_of_the_operator(paused: Callable[..., Any]) -> None:
    with paused(models={"ours": "/models/ours"}) as http:
        assert http.get("/v1/generators").json()["models"] == ["ours"]
        body = {"prompt": "a room", "generator": "lyra"}
        assert http.post("/v1/jobs", json={**body, "model": "ours"}).status_code == 201
        assert http.post("/v1/jobs", json={**body, "model": "/models/ours"}).status_code == 422


def test_files_of_a_job_lie_in_its_own_directory(paused: Callable[..., Any], tmp_path: Any) -> None:
    with paused(models={"ours": "/models/ours"}) as http:
        ids = [http.post("/v1/uploads", content=data).json()["id"] for data in (files.ply(), files.ply() + b"\n")]
        world = http.post("/v1/uploads", content=b'{"id": "x"}').json()["id"]
        job = http.post("/v1/jobs", json={**SPLAT, "splat": ids, "world": world}).json()["id"]
        assert [http.delete(f"/v1/uploads/{id}").status_code for id in (*ids, world)] == [204] * 3
        service = http.app.state.service
        folder = service.runner.folder(job)
        request = folder.scene_request(service.jobs.get("local", job).request, {})
        assert (folder.root / "inputs" / "splat" / "frame_00000.ply").read_bytes() == files.ply()
        assert request.splat == str(folder.root / "inputs" / "splat")
        assert request.world == str(folder.root / "inputs" / "world.json")
        assert folder.root.parent == tmp_path / "service" / "jobs"
        assert list((tmp_path / "service" / "uploads").iterdir()) == []


def test_uploads_go_into_fields_that_take_them(paused: Callable[..., Any]) -> None:
    with paused() as http:
        sent = http.post("/v1/uploads", content=files.picture()).json()
        assert sent["fields"] == ["image", "depth"]
        answer = http.post("/v1/jobs", json={**SPLAT, "splat": sent["id"]})
        assert answer.status_code == 422
        assert "of kind png" in answer.text
        assert http.post("/v1/jobs", json={"image": "upload:" + "0" * 64}).status_code == 404


def test_quotas_are_told_with_429(paused: Callable[..., Any]) -> None:
    limits = Limits(queue=2, upload_bytes=2000, disk_bytes=3000)
    with paused(limits, tokens=True) as http:
        http.headers["Authorization"] = "Bearer ann-has-a-long-secret"
        codes = [http.post("/v1/jobs", json=PROMPT).status_code for _ in range(3)]
        assert codes == [201, 201, 429]
        bodies: list[Mapping[str, Any]] = [{"n": "x" * 1400}, {"n": "x" * 1400}, {"n": "y" * 1400}, {"n": "z" * 1400}]
        assert [http.post("/v1/uploads", json=body).status_code for body in bodies] == [201, 201, 201, 429]
        assert http.post("/v1/uploads", json={"n": "w" * 3000}).status_code == 413
        other = {"Authorization": "Bearer bob-has-another-secret"}
        assert http.post("/v1/jobs", json=PROMPT, headers=other).status_code == 201
        assert http.post("/v1/uploads", json=bodies[3], headers=other).status_code == 201

"""The OpenAPI description, by a program that reads it and tries everything that it allows and forbids."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from .conftest import Server

#: A stream of events of a job that waits does not end.
_ENDLESS = "/v1/jobs/{id}/events"
_CHECKS = "not_a_server_error,response_schema_conformance,status_code_conformance"


def test_no_request_that_the_description_allows_or_forbids_breaks_the_service(idle: Server, tmp_path: Path) -> None:
    words = ["run", f"{idle.url}/openapi.json", "--checks", _CHECKS, "--exclude-path", _ENDLESS]
    words += ["--max-examples", "5", "--seed", "1", "--request-timeout", "20", "--no-color"]
    program = "import sys; from schemathesis.cli import schemathesis; sys.exit(schemathesis())"
    done = subprocess.run(
        [sys.executable, "-c", program, *words], capture_output=True, text=True, cwd=tmp_path, timeout=300
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert idle.http.get("/v1/health").status_code == 200
    assert "Traceback" not in idle.said

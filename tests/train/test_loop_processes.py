"""Two processes train as one with twice the data, stop together, and write once."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from .one_of_two import SCHEDULE, Fit, network, trained

LIMIT_S = 300


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A folder in which two processes have done all that is looked at here."""
    found = tmp_path_factory.mktemp("two")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "ACCELERATE_USE_CPU": "true"}
    command = [sys.executable, "-m", "tests.train.one_of_two", str(found)]
    root = Path(__file__).parents[2]
    both = [
        subprocess.Popen(
            command,
            cwd=root,
            env={**os.environ, **shared, "RANK": str(rank), "LOCAL_RANK": str(rank), "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for rank in range(2)
    ]
    try:
        said = [process.communicate(timeout=LIMIT_S)[0] for process in both]
    finally:
        for process in both:
            process.kill()
    assert [process.returncode for process in both] == [0, 0], "\n".join(said)
    return found


def weights(folder: Path, rank: int) -> dict[str, dict[str, torch.Tensor]]:
    return torch.load(folder / f"weights_{rank}.pt")


def said(folder: Path) -> list[dict[str, str]]:
    return [json.loads((folder / f"said_{rank}.json").read_text()) for rank in range(2)]


def lines(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def test_two_processes_do_what_one_does_with_both_their_data(folder: Path, tmp_path: Path) -> None:
    """They begin with different weights and end with the same, which are those of one process from the first one's."""
    one, other = (weights(folder, rank)["whole"] for rank in range(2))
    alone = trained(tmp_path, Fit(network(0), (0, 1)))
    for name, tensor in alone.items():
        assert torch.equal(one[name], other[name])
        # Muon's products in bfloat16 make more of a difference in the last digit
        torch.testing.assert_close(one[name], tensor, rtol=2e-2, atol=2e-3)
    for ours, theirs in zip(lines(folder / "whole"), lines(tmp_path), strict=True):
        assert ours["step"] == theirs["step"]
        assert ours["error"] == pytest.approx(theirs["error"], rel=1e-2)


def test_one_that_is_stopped_stops_both_and_they_go_on_exactly(folder: Path) -> None:
    assert all(each["parts"].startswith("Cancelled") for each in said(folder))
    for rank in range(2):
        found = weights(folder, rank)
        assert all(torch.equal(found["parts"][name], tensor) for name, tensor in found["whole"].items())
    assert lines(folder / "parts") == lines(folder / "whole")
    assert [line["step"] for line in lines(folder / "parts")] == list(range(SCHEDULE.steps))


def test_no_number_in_one_process_is_told_by_both(folder: Path) -> None:
    assert all("InvalidRequest: training: in step 4 the loss is not finite" in each["broken"] for each in said(folder))
    assert sorted(path.name for path in (folder / "broken").glob("step_*.pt"))[-1] == "step_00000004.pt"


def test_a_folder_that_they_do_not_share_is_refused(folder: Path) -> None:
    assert all("see different checkpoints" in each["apart"] for each in said(folder))

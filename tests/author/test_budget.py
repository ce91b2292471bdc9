"""Writing is quick and streams: no more than one copy of what is written is in memory at a time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lyra_backend.io.ply import write_ply

from .fields import cloud_of

#: In a process of its own, whose peak of memory is set back when the cloud is there. Linux counts it in kilobytes.
_MEASURE = """
import json, re, sys, time
from pathlib import Path
from importlib import import_module
from tests.author.fields import cloud_of

def memory(key):
    return 1024 * int(re.search(key + r":\\s*(\\d+)", Path("/proc/self/status").read_text())[1])

cloud, plugin = cloud_of(int(sys.argv[2]), int(sys.argv[3])), import_module(f"lyra_backend.author.{sys.argv[5]}")
plugin.write(cloud_of(10, 0), Path(sys.argv[1]) / f"small{sys.argv[4]}", plugin.Params())
Path("/proc/self/clear_refs").write_text("5")
before, begin = memory("VmRSS"), time.process_time()
plugin.write(cloud, Path(sys.argv[1]) / f"a{sys.argv[4]}", plugin.Params(**json.loads(sys.argv[6])))
print(json.dumps({"bytes": memory("VmHWM") - before, "cpu_s": time.process_time() - begin}))
"""


#: Large arrays go back to the system at once, so that none is written into memory that was counted before.
_PROMPT_FREE = {"MALLOC_MMAP_THRESHOLD_": str(1 << 20)}


def _measured(folder: Path, count: int, degree: int, suffix: str, primitive: str, **params: object) -> dict[str, float]:
    root = Path(__file__).parents[2]
    settings = [str(folder), str(count), str(degree), suffix, primitive, json.dumps(params)]
    command = [sys.executable, "-c", _MEASURE, *settings]
    environment = {**os.environ, "PYTHONPATH": str(root), **_PROMPT_FREE}
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=root, env=environment)
    used: dict[str, float] = json.loads(done.stdout)
    return used


linux_only = pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="Linux counts the peak of memory")


@linux_only
@pytest.mark.parametrize(("count", "degree"), [(300_000, 3), (1_000_000, 0)])
def test_writing_keeps_to_its_budget(tmp_path: Path, count: int, degree: int) -> None:
    used = _measured(tmp_path, count, degree, ".usdc", "particle_field")
    payload = count * (44 + 12 * (degree + 1) ** 2)
    assert (tmp_path / "a.usdc").stat().st_size == pytest.approx(payload, rel=0.001)
    # With the cloud itself, that makes twice the payload at the most; three seconds a million at degree 3.
    assert used["bytes"] < payload
    assert used["cpu_s"] < 3e-6 * count


@linux_only
def test_nurec_is_written_block_by_block(tmp_path: Path) -> None:
    used = _measured(tmp_path, 300_000, 3, ".usdz", "nurec")
    assert (tmp_path / "a.usdz").stat().st_size == pytest.approx(300_000 * 118, rel=0.001)
    # a payload of 35 MB goes through memory in blocks; two seconds a million
    assert used["bytes"] < 20e6
    assert used["cpu_s"] < 2e-6 * 300_000


@linux_only
def test_large_clouds_are_written_part_by_part(tmp_path: Path) -> None:
    count = 2_000_000
    used = _measured(tmp_path, count, 0, ".usdc", "particle_field", max_per_field=200_000)
    assert (tmp_path / "a.usdc").stat().st_size == pytest.approx(56 * count, rel=0.001)
    # which Gaussian belongs where, once and while it is found out, and a tenth of the cloud more than once
    assert used["bytes"] < 0.5 * 56 * count


#: A process inherits the peak of the one that starts it, so that has to be a small one.
_PEAK = """
import os, subprocess, sys
child = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(child.pid, 0)
print(usage.ru_maxrss * 1024)
sys.exit(os.waitstatus_to_exitcode(status))
"""


@linux_only
@pytest.mark.parametrize("options", [[], ["--up", "-y", "--scale", "2"]], ids=["as it is", "turned"])
def test_converting_takes_less_than_twice_what_is_converted(tmp_path: Path, options: list[str]) -> None:
    """The whole command; what it takes for a handful of Gaussians is what its libraries take."""
    peaks = []
    for count in (10, 2_000_000):
        write_ply(tmp_path / "in.ply", cloud_of(count, 0))
        words = ["-m", "lyra_backend", "convert", str(tmp_path / "in.ply"), str(tmp_path / f"{count}.usdc"), *options]
        command = [sys.executable, "-c", _PEAK, sys.executable, *words, "--set", "author.max_per_field=200000"]
        environment = {**os.environ, **_PROMPT_FREE}
        done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
        peaks.append(int(done.stdout))
    assert peaks[1] - peaks[0] < 2 * 56 * 2_000_000

"""Writing is quick and streams: no more than one copy of what is written is in memory at a time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

#: In a process of its own, whose peak of memory is set back when the cloud is there. Linux counts it in kilobytes.
_MEASURE = """
import json, re, sys, time
from pathlib import Path
from lyra_backend.author.particle_field import Params, write
from tests.author.fields import cloud_of

def memory(key):
    return 1024 * int(re.search(key + r":\\s*(\\d+)", Path("/proc/self/status").read_text())[1])

cloud = cloud_of(int(sys.argv[2]), int(sys.argv[3]))
write(cloud_of(10, 0), Path(sys.argv[1]) / "small.usdc", Params())
Path("/proc/self/clear_refs").write_text("5")
before, begin = memory("VmRSS"), time.process_time()
write(cloud, Path(sys.argv[1]) / "a.usdc", Params())
print(json.dumps({"bytes": memory("VmHWM") - before, "cpu_s": time.process_time() - begin}))
"""


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="Linux counts the peak of memory")
@pytest.mark.parametrize(("count", "degree"), [(300_000, 3), (1_000_000, 0)])
def test_writing_keeps_to_its_budget(tmp_path: Path, count: int, degree: int) -> None:
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", _MEASURE, str(tmp_path), str(count), str(degree)]
    # Large arrays go back to the system at once, so that none is written into memory that was counted before.
    environment = {**os.environ, "PYTHONPATH": str(root), "MALLOC_MMAP_THRESHOLD_": str(1 << 20)}
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=root, env=environment)
    used = json.loads(done.stdout)
    payload = count * (44 + 12 * (degree + 1) ** 2)
    assert (tmp_path / "a.usdc").stat().st_size == pytest.approx(payload, rel=0.001)
    # With the cloud itself, that makes twice the payload at the most; three seconds a million at degree 3.
    assert used["bytes"] < payload
    assert used["cpu_s"] < 3e-6 * count

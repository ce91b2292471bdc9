"""Trials of `lyra-scenegen batch` at full size: what it costs, how it scales, and whether kills change anything.

    python tools/batch_trials.py overhead OUT     CPU and wall seconds of a batch with one worker, and of a bare loop
    python tools/batch_trials.py speedup OUT      wall seconds of one worker and of two
    python tools/batch_trials.py kills OUT        40 scenes; worker or batch killed at ten random moments, then compared

OUT is a folder that is emptied first. Prints one JSON object; `kills` exits with 1 if a byte differs. Times mean
something on an idle machine only; `overhead` compares CPU seconds too, which are less easily led astray.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from lyra_backend.io.run_dir import EXEMPT_FILES

SMALL = {"preset": "draft", "params": {"generate": {"gaussian_count": 20_000}, "author": {"keep": "train"}}}
PROMPTS = ["a small bathroom", "a corridor", "an office with two desks", "a kitchen"]
#: Kills fall between these times after the start [s].
KILL_S = (2.0, 40.0)
BARE = """
import json, sys
import lyra_backend
for line in open(sys.argv[1]):
    request = json.loads(line)
    lyra_backend.generate_scene(request, sys.argv[2] + "/" + str(request["seed"]) + request["prompt"].replace(" ", "-"))
"""


def manifest(folder: Path, seeds: int) -> Path:
    """Write a manifest of every prompt with that many seeds."""
    path = folder / "scenes.jsonl"
    items = [{"prompt": prompt, "seed": seed, **SMALL} for prompt in PROMPTS for seed in range(seeds)]
    path.write_text("".join(json.dumps(item) + "\n" for item in items), encoding="utf-8")
    return path


def batch(path: Path, out: Path, workers: int) -> list[str]:
    words = ["-m", "lyra_backend", "batch", str(path), "--out", str(out), "--workers", str(workers), "--threads", "1"]
    return [sys.executable, *words]


def timed(command: list[str]) -> dict[str, float]:
    """Run a command to its end, its libraries with one thread; return wall and CPU seconds, its children's included."""
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    one = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=one)
    after, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter() - begun
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"wall_s": round(wall, 2), "cpu_s": round(cpu, 2)}


def overhead(out: Path) -> dict[str, Any]:
    path = manifest(out, 2)
    batched = timed(batch(path, out / "batch", 1))
    bare = timed([sys.executable, "-c", BARE, str(path), str(out / "bare")])
    return {"batch": batched, "bare": bare, "overhead": {k: round(batched[k] / bare[k] - 1, 4) for k in bare}}


def speedup(out: Path) -> dict[str, Any]:
    path = manifest(out, 3)
    one, two = (timed(batch(path, out / f"workers-{n}", n)) for n in (1, 2))
    return {"one": one, "two": two, "speedup": round(one["wall_s"] / two["wall_s"], 3)}


def kills(out: Path) -> dict[str, Any]:
    path, dice = manifest(out, 10), random.Random(1)
    subprocess.run(batch(path, out / "whole", 2), stderr=subprocess.DEVNULL)
    done = []
    for number in range(10):
        child = subprocess.Popen(batch(path, out / "killed", 2), stderr=subprocess.DEVNULL, start_new_session=True)
        after = dice.uniform(*KILL_S)
        time.sleep(after)
        victims = [child.pid] if number % 2 else _workers(child.pid)[:1]
        for victim in victims:
            os.kill(victim, signal.SIGKILL)
        if number % 2:
            child.wait()
        else:  # a killed worker is the batch's own to replace; it is stopped by the next kill
            time.sleep(dice.uniform(2.0, 10.0))
            os.kill(child.pid, signal.SIGKILL)
            child.wait()
        done.append({"after_s": round(after, 1), "killed": "batch" if number % 2 else "worker, then batch"})
    last = subprocess.run(batch(path, out / "killed", 2), stderr=subprocess.DEVNULL)
    whole, killed = _tree(out / "whole"), _tree(out / "killed")
    differing = sorted(name for name in whole.keys() | killed.keys() if whole.get(name) != killed.get(name))
    twice = _completed_twice(out / "killed")
    return {"kills": done, "exit_code": last.returncode, "files": len(whole), "differing": differing, "twice": twice}


def _workers(pid: int) -> list[int]:
    """Return the worker processes of a batch."""
    import psutil

    children = psutil.Process(pid).children()
    return [child.pid for child in children if "lyra_backend.worker" in child.cmdline()]


def _tree(root: Path) -> dict[str, bytes]:
    files = (path for path in sorted(root.rglob("*")) if path.is_file() and path.name not in EXEMPT_FILES)
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in files}


def _completed_twice(root: Path) -> list[str]:
    """Return the scenes whose log has more than one attempt that came to its end."""
    logs = root.glob("scenes/*/events.jsonl")
    return [log.parent.name for log in logs if log.read_text(encoding="utf-8").count('{"ended": "accepted"') > 1]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trial", choices=("overhead", "speedup", "kills"))
    parser.add_argument("out", type=Path)
    given = parser.parse_args()
    shutil.rmtree(given.out, ignore_errors=True)
    given.out.mkdir(parents=True)
    found = {"overhead": overhead, "speedup": speedup, "kills": kills}[given.trial](given.out)
    print(json.dumps(found, indent=2))
    return 1 if found.get("differing") or found.get("twice") else 0


if __name__ == "__main__":
    sys.exit(main())

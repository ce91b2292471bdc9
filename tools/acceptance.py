"""Generate the reference prompts at several seeds and tabulate what came out, beside the exact surface of each scene.

    python tools/acceptance.py --out outputs/acceptance                   eight families, seeds 0 to 2
    python tools/acceptance.py --out DIR --families street --seeds 7 8    some of them
    python tools/acceptance.py --out DIR --judge "python judge.py physx"  a second opinion on each stage: exit 0 = good

Prints a Markdown table; exit code 0 if every scene is accepted and every collider accurate. Runs that exist are
reused.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import collider_accuracy

import lyra_backend
from lyra_backend.types import Severity

PROMPTS = Path(__file__).resolve().parent.parent / "tests" / "data" / "prompts.toml"
HEADER = (
    "| family | seed | accepted | judge | covered | floor mean mm | p95 mm | floor missing | free wrong | phantom m2 "
    "| triangles | why not |\n|---|---|---|---|---|---|---|---|---|---|---|---|"
)


def judged(judge: str | None, stage: Path) -> bool | None:
    """Return what another program says of the stage; None if there is none to ask."""
    if judge is None:
        return None
    return subprocess.run([*shlex.split(judge), str(stage)], capture_output=True, check=False).returncode == 0


def examine(family: str, prompt: str, seed: int, out: Path, judge: str | None) -> tuple[str, bool]:
    """Return the scene's line of the table and whether all is well."""
    directory = out / f"{family}-{seed}"
    report = lyra_backend.generate_scene({"prompt": prompt, "seed": seed}, directory, overwrite=True).report
    errors = [f.code for f in report.findings if f.severity is Severity.ERROR]
    second = judged(judge, directory / "stage.usda")
    if not (directory / "collision.usdc").is_file():
        return f"| {family} | {seed} | no | | | | | | | | | {', '.join(errors)} |", False
    proxy = collider_accuracy.read_mesh(directory / "collision.usdc")
    accuracy = collider_accuracy.measure(proxy, collider_accuracy.read_mesh(directory / "truth.glb"))
    problems = [*errors, *accuracy.failures(), *(["judge"] if second is False else [])]
    words = {True: "yes", False: "no", None: "-"}
    cells = [family, seed, words[report.accepted], words[second], f"{accuracy.covered:.4f}"]
    cells += [f"{accuracy.floor_mean_m * 1e3:.1f}", f"{accuracy.floor_p95_m * 1e3:.1f}"]
    cells += [f"{accuracy.floor_missing:.4f}", f"{accuracy.free_wrong:.4f}", f"{accuracy.phantom_m2:.2f}"]
    cells += [accuracy.triangles, "; ".join(problems)]
    return f"| {' | '.join(map(str, cells))} |", not problems


def main() -> int:
    prompts: dict[str, str] = tomllib.loads(PROMPTS.read_text(encoding="utf-8"))["prompts"]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="where the run directories go")
    parser.add_argument("--families", nargs="+", choices=list(prompts), default=list(prompts))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--judge", help="command that takes a stage and exits with 0 if it is good")
    given = parser.parse_args()
    print(HEADER, flush=True)
    good = []
    for family in given.families:
        for seed in given.seeds:
            line, well = examine(family, prompts[family], seed, given.out, given.judge)
            print(line, flush=True)
            good.append(well)
    print(f"\n{sum(good)} of {len(good)} scenes accepted and accurate")
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())

"""Generate the reference prompts at several seeds and tabulate what came out, beside the exact surface of each scene.

    python tools/acceptance.py --out outputs/acceptance                   all families, seeds 0 to 2
    python tools/acceptance.py --out DIR --families street --seeds 7 8    some of them
    python tools/acceptance.py --out DIR --judge "python judge.py physx"  a second opinion on each stage: exit 0 = good
    python tools/acceptance.py --out DIR --judge "physx=python judge.py physx" --judge "newton=python judge.py newton"

Prints a Markdown table with a column for each judge; exit code 0 if every scene is accepted, accurate and found good by
every judge. What a judge printed lies beside the run as FAMILY-SEED.JUDGE.txt. Complete runs of the same request by
the same code are kept ("kept" in the column "run"); others in their place are made anew.
"""

from __future__ import annotations

import argparse
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import collider_accuracy

import lyra_backend
from lyra_backend.errors import InvalidRequest
from lyra_backend.io.run_dir import RunDirectory
from lyra_backend.pipeline import code_version
from lyra_backend.types import SceneRequest, Severity

PROMPTS = Path(__file__).resolve().parent.parent / "tests" / "data" / "prompts.toml"
BEFORE = ("family", "seed", "run", "accepted")
AFTER = ("covered", "floor mean mm", "p95 mm", "floor missing", "free wrong", "phantom m2", "triangles", "why not")


@dataclass(frozen=True)
class Judge:
    """Another program's opinion: its column's name, and a command that takes a stage and exits with 0 if it is good."""

    name: str
    command: tuple[str, ...]

    @staticmethod
    def parse(text: str) -> Judge:
        """Read "NAME=COMMAND" or "COMMAND".

        Raises:
            ArgumentTypeError: there is no command, or its quotes do not close.
        """
        named = re.fullmatch(r"(\w+)=(.*)", text.strip(), re.DOTALL)
        name, command = (named[1], named[2]) if named else ("judge", text)
        try:
            words = tuple(shlex.split(command))
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"{text!r}: not a command ({error})") from error
        if not words:
            raise argparse.ArgumentTypeError(f"{text!r}: holds no command; give COMMAND or NAME=COMMAND")
        return Judge(name, words)

    def approves(self, stage: Path, log: Path) -> bool:
        """Ask about `stage`; what is answered goes into the file `log`."""
        with log.open("wb") as answer:
            done = subprocess.run([*self.command, str(stage)], stdout=answer, stderr=subprocess.STDOUT, check=False)
        return done.returncode == 0


def is_kept(directory: Path, request: SceneRequest) -> bool:
    """Whether a complete run of this request by this very code lies in `directory`."""
    try:
        run = RunDirectory.read(directory)
    except InvalidRequest:
        return False
    return run.complete and run.code == code_version() and run.request.canonical() == request.canonical()


def examine(family: str, prompt: str, seed: int, out: Path, judges: Sequence[Judge]) -> tuple[str, bool]:
    """Return the scene's line of the table and whether all is well."""
    directory = out / f"{family}-{seed}"
    request = SceneRequest.from_json({"prompt": prompt, "seed": seed})
    kept = is_kept(directory, request)
    report = lyra_backend.generate_scene(request, directory, overwrite=not kept).report
    problems = [f.code for f in report.findings if f.severity is Severity.ERROR]
    verdicts = {j.name: j.approves(directory / "stage.usda", out / f"{directory.name}.{j.name}.txt") for j in judges}
    figures = [""] * (len(AFTER) - 1)
    if (directory / "collision.usdc").is_file():
        proxy = collider_accuracy.read_mesh(directory / "collision.usdc")
        accuracy = collider_accuracy.measure(proxy, collider_accuracy.read_mesh(directory / "truth.glb"))
        problems += accuracy.failures()
        figures = _figures(accuracy)
    problems += [name for name, good in verdicts.items() if not good]
    words = {True: "yes", False: "no"}
    cells = [family, seed, "kept" if kept else "made", words[report.accepted], *(words[v] for v in verdicts.values())]
    return _line([*cells, *figures, "; ".join(problems)]), report.accepted and not problems


def _figures(accuracy: collider_accuracy.Accuracy) -> list[str]:
    lengths = [f"{1e3 * v:.1f}" for v in (accuracy.floor_mean_m, accuracy.floor_p95_m)]
    shares = [f"{accuracy.floor_missing:.4f}", f"{accuracy.free_wrong:.4f}", f"{accuracy.phantom_m2:.2f}"]
    return [f"{accuracy.covered:.4f}", *lengths, *shares, str(accuracy.triangles)]


def _line(cells: Sequence[object]) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def main() -> int:
    prompts: dict[str, str] = tomllib.loads(PROMPTS.read_text(encoding="utf-8"))["prompts"]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="where the run directories go")
    parser.add_argument("--families", nargs="+", choices=list(prompts), default=list(prompts))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument(
        "--judge",
        type=Judge.parse,
        action="append",
        default=[],
        metavar="[NAME=]COMMAND",
        help="takes a stage and exits with 0 if it is good; can be given several times, with different names",
    )
    given = parser.parse_args()
    names = [judge.name for judge in given.judge]
    if len(set(names)) < len(names):
        parser.error(f"judges must have different names, got {', '.join(names)}; write --judge NAME=COMMAND")
    columns = [*BEFORE, *names, *AFTER]
    print(_line(columns) + "\n" + "|---" * len(columns) + "|", flush=True)
    good = []
    for family in given.families:
        for seed in given.seeds:
            line, well = examine(family, prompts[family], seed, given.out, given.judge)
            print(line, flush=True)
            good.append(well)
    print(f"\n{sum(good)} of {len(good)} scenes are good")
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())

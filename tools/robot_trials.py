"""Try what robots find out about scenes: do they walk where it is good, and not where it is spoiled?

    python tools/robot_trials.py walk RUN ... [--set 0]   good scenes: accepted, and the same ways on a plane
    python tools/robot_trials.py traps RUN ... [--first 0] [--count 40] [--anywhere]   the same with a trap in each
    python tools/robot_trials.py film RUN OUT.gif         a Go2 on one way, from behind

RUN is an accepted run directory. Ways are those of its tasks.json; of a run without it, they are planned on its
colliders. Traps are put into the colliders after the ways were planned, on one of those that acceptance walks, or on
any of the planned ones (--anywhere). Set 0 are the ways that acceptance walks, set 1 those that it would walk without
them, and so on. Prints Markdown tables; exit code 0 if the bounds are kept: success in scenes at
least 0.9 of that on the plane; at most 5 % of the good refused, no trap accepted.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from pxr import Usd, UsdGeom, UsdPhysics, Vt

sys.path.insert(0, str(Path(__file__).resolve().parent))

from robot_traps import TRAPS, spot_on, write_trapped

from lyra_backend import place
from lyra_backend.io.navigation_files import TASKS_FILE, load_navigation
from lyra_backend.params import build
from lyra_backend.progress import Progress
from lyra_backend.types import Cell, CollisionPart, CollisionProxy, Navigation, Outcome, Severity, Task
from lyra_backend.validate import Params
from lyra_backend.validate.colliders import read_colliders
from lyra_backend.validate.physics import check_physics
from lyra_backend.validate.robots.check import check_robots, judge, places_to_stand, try_robots
from lyra_backend.validate.robots.robot_scores import WalkScore
from lyra_backend.validate.robots.task_choice import choose_tasks, points_along

LIMITS = Params()
#: Shorter ways are not counted [m].
SHORTEST_M = 3.0
#: Success in scenes against that on a plane; share of the good that may be rejected.
WALKED_MIN, REJECTED_MAX = 0.9, 0.05
STREAM = 31
CHECKS = ("map", "robots", "bodies")


@dataclass
class Cost:
    """CPU seconds of this process and its children."""

    cpu_s: float = 0.0


@contextmanager
def counted() -> Iterator[Cost]:
    """Give the CPU time that the block takes, once it is over."""
    cost = Cost()
    before = _cpu()
    yield cost
    cost.cpu_s = _cpu() - before


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + usage.ru_utime + usage.ru_stime


def planned(stage_file: Path, **settings: object) -> Navigation | None:
    """Return where robots can be in the colliders of a stage, as the stage `place` finds it with some settings."""
    corners = read_colliders(Usd.Stage.Open(str(stage_file))).corners
    vertices = corners.reshape(-1, 3).astype(np.float32)
    part = CollisionPart("environment", vertices, np.arange(len(vertices), dtype=np.int32).reshape(-1, 3))
    proxy = CollisionProxy((part,), "surface", {})
    chosen = build(place.Params, "place", {"robots": "go2,g1", "viewpoints": 0, **settings})
    return place.run(proxy, 0, chosen, Progress()).value


def navigation_of(run: Path) -> Navigation | None:
    return load_navigation(run) if (run / TASKS_FILE).is_file() else planned(run / "stage.usda")


def tasks_of(navigation: Navigation | None) -> tuple[Task, ...]:
    space = None if navigation is None else navigation.space_of("go2")
    return space.tasks if space else ()


# ---------- walking in scenes and on a plane


def set_of(tasks: Sequence[Task], number: int) -> tuple[Task, ...]:
    """Return the ways that acceptance walks, of those that are left after so many such choices."""
    left, chosen = list(tasks), tuple[Task, ...]()
    for _ in range(number + 1):
        chosen = choose_tasks(left, LIMITS.robots_walks, LIMITS.robots_walk_max_m)
        taken = {id(task) for task in chosen}
        left = [task for task in left if id(task) not in taken]
    return chosen


def write_plane(path: Path, half_m: float = 60.0) -> Path:
    """Write a stage with nothing but level ground of the same friction as scenes have."""
    stage = Usd.Stage.CreateNew(str(path))
    UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.z)
    UsdGeom.SetStageMetersPerUnit(stage, 1.0)
    UsdPhysics.Scene.Define(stage, "/PhysicsScene")
    mesh = UsdGeom.Mesh.Define(stage, "/World/Ground")
    corners = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]], np.float32) * half_m
    mesh.CreatePointsAttr(Vt.Vec3fArray.FromNumpy(corners))
    mesh.CreateFaceVertexCountsAttr([3, 3])
    mesh.CreateFaceVertexIndicesAttr([0, 1, 2, 0, 2, 3])
    UsdPhysics.CollisionAPI.Apply(mesh.GetPrim())
    UsdPhysics.MeshCollisionAPI.Apply(mesh.GetPrim()).CreateApproximationAttr("none")
    stage.Save()
    return path


def flattened(task: Task) -> Task:
    """Return the same way on level ground."""
    return replace(task, path=np.asarray(task.path) * np.array([1, 1, 0], np.float32))


def walk(runs: Sequence[Path], number: int) -> bool:
    """Compare walks in scenes, the set of that number, with the same ways on a plane, and judge as acceptance does."""
    totals = np.zeros(5, int)
    print("| scene | ways | reached | on a plane | fell | stumbles | m | depth mm | CPU s | refused for |")
    print("|---|" + "---:|" * 8 + "---|")
    with tempfile.TemporaryDirectory() as scratch:
        plane = write_plane(Path(scratch) / "plane.usda")
        for run in runs:
            totals += _told_walk(run, number, plane)
    ways, reached, on_plane, refused, short = totals.tolist()
    ratio = (reached / ways) / (on_plane / ways) if on_plane else 0.0
    print(f"\n{reached} of {ways} in scenes, {on_plane} of {ways} on a plane: {ratio:.3f}", flush=True)
    print(f"{refused} of {len(runs)} good scenes refused; {short} have no way of {SHORTEST_M:g} m", flush=True)
    return ratio >= WALKED_MIN and refused <= REJECTED_MAX * len(runs)


def _told_walk(run: Path, number: int, plane: Path) -> np.ndarray:
    """Let robots walk in a scene and print its row; ways that acceptance takes are tried together with long ones."""
    navigation = navigation_of(run)
    tasks = tasks_of(navigation)
    wanted, long = set_of(tasks, number), set_of([task for task in tasks if task.length_m >= SHORTEST_M], number)
    if not wanted:
        print(f"| {run.name} | 0 | | | | | | | | robots.no_tasks |", flush=True)
        return np.array([0, 0, 0, 1, 1])
    both = (*wanted, *(task for task in long if all(task is not other for other in wanted)))
    with counted() as cost:
        trial = try_robots(run / "stage.usda", both, places_to_stand(navigation), LIMITS.robots_timeout_s, Progress())
    why = errors_of(judge(replace(trial, walks=trial.walks[: len(wanted)]), LIMITS))
    scores = [score for task, score in zip(both, trial.walks, strict=True) if any(task is other for other in long)]
    level = [flattened(task) for task in long]
    ideal = try_robots(plane, level, None, LIMITS.robots_timeout_s, Progress()).walks if long else ()
    reached, on_plane = (sum(score.reached for score in some) for some in (scores, ideal))
    row = (run.name, len(long), reached, on_plane, *_conduct(trial.walks), f"{cost.cpu_s:.1f}", *why)
    print("| " + " | ".join(map(str, row)) + " |", flush=True)
    return np.array([len(long), reached, on_plane, bool(why), not long])


def _conduct(scores: Sequence[WalkScore]) -> tuple[int, int, str, str]:
    """Return falls, stumbles, metres and the deepest that a link was in something [mm]."""
    fell = sum(score.conduct.fell is not None for score in scores)
    stumbles = sum(len(score.conduct.stumbles) for score in scores)
    metres = sum(score.length_m for score in scores)
    deep = 1000 * max(score.conduct.depth_m for score in scores)
    return fell, stumbles, f"{metres:.1f}", f"{deep:.1f}"


# ---------- traps


@dataclass
class Verdicts:
    """How many scenes of a kind were looked at, and by which check each was found."""

    looked: int = 0
    by: dict[str, int] = field(default_factory=lambda: dict.fromkeys(CHECKS, 0))
    missed: list[str] = field(default_factory=list)

    def add(self, found: Sequence[str], what: str) -> None:
        self.looked += 1
        for check in found:
            self.by[check] += 1
        self.missed += [] if found else [what]


def errors_of(outcome: Outcome[None]) -> list[str]:
    return [finding.code for finding in outcome.findings if finding.severity is Severity.ERROR]


def blocked(stage_file: Path, way: Task) -> bool:
    """Say whether a map of the colliders as they are denies a way."""
    navigation = planned(stage_file, robots="go2", spawn_points=0, tasks=0)
    space = None if navigation is None else navigation.space_of("go2")
    if space is None:
        return True
    column, row = np.floor(space.map.to_pixels(points_along(np.asarray(way.path), 0.05)[:, :2])).astype(int).T
    height, width = space.map.cells.shape
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    free = space.map.cells[row.clip(0, height - 1), column.clip(0, width - 1)] == Cell.FREE
    # The ends of ways lie on edges of cells; one cell of fifty says nothing.
    return bool((inside & free).mean() < 0.95)


def judged(stage_file: Path, navigation: Navigation, way: Task) -> tuple[list[str], list[str]]:
    """Return which checks find something, and the codes; bodies are asked only where robots find nothing."""
    found = ["map"] if blocked(stage_file, way) else []
    codes = errors_of(check_robots(stage_file, navigation, LIMITS, Progress()))
    if codes:
        return [*found, "robots"], codes
    codes = errors_of(check_physics(stage_file, None, LIMITS, Progress()))
    return [*found, *(["bodies"] if codes else [])], codes


def traps(runs: Sequence[Path], numbers: range, anywhere: bool) -> bool:
    """Judge scenes with a trap each, and print who found what."""
    kinds = {name: Verdicts() for name in TRAPS}
    with tempfile.TemporaryDirectory() as scratch:
        for number in numbers:
            run, trap = runs[number % len(runs)], list(TRAPS)[number % len(TRAPS)]
            navigation, rng = navigation_of(run), np.random.default_rng([STREAM, number])
            tasks = tasks_of(navigation)
            if navigation is None or not tasks:
                print(f"{number} {run.name}: no way to walk", flush=True)
                continue
            pool = tasks if anywhere else set_of(tasks, 0)
            way = pool[int(rng.integers(len(pool)))]
            spoiled = Path(scratch) / f"{number}.usda"
            write_trapped(run / "stage.usda", trap, spot_on(np.asarray(way.path, np.float64), rng), spoiled)
            found, codes = judged(spoiled, navigation, way)
            kinds[trap].add(found, f"{run.name} {trap}")
            print(f"{number} {trap} {run.name}: {', '.join(found) or 'ACCEPTED'} ({', '.join(codes)})", flush=True)
    return _told_traps(kinds)


def _told_traps(kinds: dict[str, Verdicts]) -> bool:
    print("\n| trap | scenes | the map | robots | bodies, where robots find nothing | accepted |\n|---|" + "---:|" * 5)
    for name, seen in kinds.items():
        print(f"| {name} | {seen.looked} | " + " | ".join(map(str, seen.by.values())) + f" | {len(seen.missed)} |")
    looked, robots = (sum(n) for n in zip(*((seen.looked, seen.by["robots"]) for seen in kinds.values()), strict=True))
    missed = [what for seen in kinds.values() for what in seen.missed]
    print(f"\nrobots find {robots} of {looked}; accepted: {', '.join(missed) or 'none'}", flush=True)
    return not missed


# ---------- a film


def film(run: Path, out: Path) -> bool:
    """Film a Go2 on the way of a run that acceptance walks first."""
    from robot_pictures import film_walk

    navigation = navigation_of(run)
    tasks = set_of(tasks_of(navigation), 0)
    if not tasks:
        print(f"{run}: no way to walk")
        return False
    frames = film_walk(run / "stage.usda", tasks[0], out)
    print(f"{out}: {tasks[0].length_m:.1f} m, {frames} frames, {out.stat().st_size / 1e6:.2f} MB")
    return True


def main(arguments: Sequence[str]) -> int:
    """Do what the first word says and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("walk", "traps"):
        command = commands.add_parser(name)
        command.add_argument("runs", nargs="+", type=Path)
        if name == "walk":
            command.add_argument("--set", type=int, default=0, dest="number")
    command.add_argument("--first", type=int, default=0)
    command.add_argument("--count", type=int, default=40)
    command.add_argument("--anywhere", action="store_true")
    drawn = commands.add_parser("film")
    drawn.add_argument("run", type=Path)
    drawn.add_argument("out", type=Path)
    given = parser.parse_args(arguments)
    if given.command == "walk":
        good = walk(given.runs, given.number)
    elif given.command == "traps":
        good = traps(given.runs, range(given.first, given.first + given.count), given.anywhere)
    else:
        good = film(given.run, given.out)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

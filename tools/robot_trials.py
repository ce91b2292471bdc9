"""Try what robots find out about scenes: do they walk where it is good, and not where it is spoiled?

    python tools/robot_trials.py walk RUN ...             Go2 in scenes, and the same ways on a plane
    python tools/robot_trials.py traps RUN ... [--count 40] [--anywhere]   good scenes and scenes with a trap each
    python tools/robot_trials.py picture RUN OUT.png      a map of the ways, walked

RUN is a run directory. Ways are those of its tasks.json; of a run without it, they are planned on its colliders. Traps
are put into the colliders after the ways were planned, on one of those that acceptance walks, or on any of the planned
ones (--anywhere). Prints Markdown tables; exit code 0 if the bounds are kept: success in scenes
at least 0.9 of that on the plane; at most 5 % of the good rejected, no trap accepted.
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
from lyra_backend.validate.robots.check import check_robots, try_robots
from lyra_backend.validate.robots.robot_scores import WalkScore
from lyra_backend.validate.robots.task_choice import choose_tasks, points_along

LIMITS = Params()
#: Shorter ways are not counted [m].
SHORTEST_M = 3.0
#: Success in scenes against that on a plane; share of the good that may be rejected.
WALKED_MIN, REJECTED_MAX = 0.9, 0.05
STREAM = 31


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


def walk(runs: Sequence[Path]) -> bool:
    """Compare walks in scenes with the same ways on a plane."""
    totals = np.zeros(3, int)
    print("| scene | ways | reached | on a plane | fell | stumbles | m | depth mm | CPU s |\n|---|" + "---:|" * 8)
    with tempfile.TemporaryDirectory() as scratch:
        plane = write_plane(Path(scratch) / "plane.usda")
        for run in runs:
            long = [task for task in tasks_of(navigation_of(run)) if task.length_m >= SHORTEST_M]
            tasks = choose_tasks(long, LIMITS.robots_walks, LIMITS.robots_walk_max_m)
            if not tasks:
                print(f"| {run.name} | 0 | no way of {SHORTEST_M:g} m | | | | | | |", flush=True)
                continue
            with counted() as cost:
                scores = try_robots(run / "stage.usda", tasks, (), LIMITS.robots_timeout_s, Progress()).walks
            level = [flattened(task) for task in tasks]
            ideal = try_robots(plane, level, (), LIMITS.robots_timeout_s, Progress()).walks
            totals += _told_walk(run.name, scores, ideal, cost.cpu_s)
    ways, reached, on_plane = totals.tolist()
    ratio = (reached / ways) / (on_plane / ways) if on_plane else 0.0
    print(f"\n{reached} of {ways} in scenes, {on_plane} of {ways} on a plane: {ratio:.3f}", flush=True)
    return ratio >= WALKED_MIN


def _told_walk(name: str, scores: Sequence[WalkScore], ideal: Sequence[WalkScore], cpu_s: float) -> np.ndarray:
    reached, on_plane = (sum(score.reached for score in some) for some in (scores, ideal))
    fell = sum(score.conduct.fell is not None for score in scores)
    stumbles = sum(len(score.conduct.stumbles) for score in scores)
    metres = sum(score.length_m for score in scores)
    deep = 1000 * max(score.conduct.depth_m for score in scores)
    row = (name, len(scores), reached, on_plane, fell, stumbles, f"{metres:.1f}", f"{deep:.1f}", f"{cpu_s:.1f}")
    print("| " + " | ".join(map(str, row)) + " |", flush=True)
    return np.array([len(scores), reached, on_plane])


# ---------- traps


@dataclass
class Verdicts:
    """How many scenes of a kind were looked at, and by which check each was found."""

    looked: int = 0
    by: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("map", "bodies", "robots", "any"), 0))
    missed: list[str] = field(default_factory=list)

    def add(self, found: Sequence[str], what: str) -> None:
        self.looked += 1
        for check in [*found, *(["any"] if found else [])]:
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


def judged(stage_file: Path, navigation: Navigation, way: Task | None) -> tuple[list[str], list[str], Cost]:
    """Return which checks find something, the codes, and what the trial with robots takes."""
    found = ["map"] if way is not None and blocked(stage_file, way) else []
    bodies = errors_of(check_physics(stage_file, None, LIMITS, Progress()))
    with counted() as cost:
        robots = errors_of(check_robots(stage_file, navigation, LIMITS, Progress()))
    found += (["bodies"] if bodies else []) + (["robots"] if robots else [])
    return found, [*bodies, *robots], cost


def traps(runs: Sequence[Path], count: int, anywhere: bool) -> bool:
    """Judge good scenes and as many with traps, and print who found what."""
    good, kinds, costs = Verdicts(), {name: Verdicts() for name in TRAPS}, []
    planned_in = {run: navigation_of(run) for run in runs}
    walkable = [(run, found) for run, found in planned_in.items() if found is not None and tasks_of(found)]
    for run, navigation in walkable:
        found, codes, cost = judged(run / "stage.usda", navigation, None)
        good.add(found, run.name)
        costs.append(cost.cpu_s)
        print(f"good {run.name}: {', '.join(codes) or 'accepted'} ({cost.cpu_s:.1f} s CPU)", flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        for number in range(count if walkable else 0):
            run, navigation = walkable[number % len(walkable)]
            trap = list(TRAPS)[number % len(TRAPS)]
            rng = np.random.default_rng([STREAM, number])
            tasks = tasks_of(navigation)
            pool = tasks if anywhere else choose_tasks(tasks, LIMITS.robots_walks, LIMITS.robots_walk_max_m)
            way = pool[int(rng.integers(len(pool)))]
            spoiled = Path(scratch) / f"{number}.usda"
            write_trapped(run / "stage.usda", trap, spot_on(np.asarray(way.path, np.float64), rng), spoiled)
            found, codes, _ = judged(spoiled, navigation, way)
            kinds[trap].add(found, f"{run.name} {trap}")
            print(f"{trap} {run.name}: {', '.join(found) or 'ACCEPTED'} ({', '.join(codes)})", flush=True)
    for run in runs:
        if run not in dict(walkable):
            print(f"{run.name}: no way to walk", flush=True)
    return _told_traps(good, kinds, costs)


def _told_traps(good: Verdicts, kinds: dict[str, Verdicts], costs: Sequence[float]) -> bool:
    print("\n| kind | scenes | the map | bodies | robots | rejected |\n|---|" + "---:|" * 5)
    everything = Verdicts()
    for name, seen in kinds.items():
        print(f"| {name} | {seen.looked} | " + " | ".join(str(n) for n in seen.by.values()) + " |")
        everything.looked += seen.looked
        everything.missed += seen.missed
        everything.by = {check: n + seen.by[check] for check, n in everything.by.items()}
    for name, seen in (("all traps", everything), ("good", good)):
        print(f"| {name} | {seen.looked} | " + " | ".join(str(n) for n in seen.by.values()) + " |")
    rejected = good.by["any"] / max(good.looked, 1)
    print(f"\ngood rejected: {rejected:.1%}; traps accepted: {', '.join(everything.missed) or 'none'}")
    robots = everything.by["robots"]
    print(f"traps that robots alone find: {robots} of {everything.looked}")
    if costs:
        print(f"robots, CPU s a scene: mean {np.mean(costs):.1f}, most {max(costs):.1f}", flush=True)
    return rejected <= REJECTED_MAX and not everything.missed


# ---------- a picture


def picture(run: Path, out: Path) -> bool:
    """Draw the map of a run with its ways, dashed, and where the Go2 went."""
    from robot_pictures import draw_walks

    navigation = navigation_of(run)
    space = None if navigation is None else navigation.space_of("go2")
    if space is None or not space.tasks:
        print(f"{run}: no way to walk")
        return False
    tasks = choose_tasks(space.tasks, LIMITS.robots_walks, LIMITS.robots_walk_max_m)
    draw_walks(run / "stage.usda", space, tasks, out)
    return True


def main(arguments: Sequence[str]) -> int:
    """Do what the first word says and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("walk", "traps"):
        command = commands.add_parser(name)
        command.add_argument("runs", nargs="+", type=Path)
    command.add_argument("--count", type=int, default=40)
    command.add_argument("--anywhere", action="store_true")
    drawn = commands.add_parser("picture")
    drawn.add_argument("run", type=Path)
    drawn.add_argument("out", type=Path)
    given = parser.parse_args(arguments)
    if given.command == "walk":
        good = walk(given.runs)
    elif given.command == "traps":
        good = traps(given.runs, given.count, given.anywhere)
    else:
        good = picture(given.run, given.out)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

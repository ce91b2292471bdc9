"""Try colliders in PhysX: push, throw and roll things in scenes whose surface is known.

    python tools/collider_physics.py doorway            a box 50 cm wide through a doorway of 70 cm
    python tools/collider_physics.py stairs             heights of steps of 17 cm
    python tools/collider_physics.py balls              200 balls at 5 m/s at walls of 4 to 8 cm and other solids
    python tools/collider_physics.py floor              the floor's evenness, and balls of 3 cm that roll across it
    python tools/collider_physics.py time RUN ...       a step among colliders against one among the exact surface
    python tools/collider_physics.py triangles RUN ...  where triangles go, and how even they are

RUN is a run directory of the generator "procedural", whose Gaussians are made again, or NAME.ply with a NAME.json as
tools/collision_scenes.py writes them. Prints a Markdown table; exit code 0 if every line is good. Colliders are those
of a run (linings, bottoms, kerbs) at budget train, where no budget is named. Limits: 20 000 triangles for every 30 m2
of ground plan, and 1.3 times the time of a step among the exact surface.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))

import collider_accuracy
import trimesh
from physics_trials import engine, scenes, timing, trials, triangles

from lyra_backend.types import CollisionProxy, GaussianCloud

Row = tuple[list[object], bool]

OFFSETS = (0.0, 0.25, 0.43, 0.5)
BUDGETS = ("train", "detail")
MOST_SLOWER, MOST_TRIANGLES, ROOM_M2 = 1.3, 20_000, 30.0
BODY_COUNT = 64


def doorway(_: argparse.Namespace) -> Iterator[Row]:
    """budget | grid offset | box m | passed | at the end x m | turned by degrees"""
    scene = scenes.two_rooms()
    proxies = {"exact": scenes.proxy_of(scene.truth), **_at_offsets(scene.cloud, ("train",))}
    boxes = {(name, width): trials.box_through_doorway(p, width) for name, p in proxies.items() for width in (0.5, 0.8)}
    traces = engine.simulate({f"{name} {width}": trial for (name, width), trial in boxes.items()})
    for name, width in boxes:
        trace = traces[f"{name} {width}"]
        passed = trials.has_passed(trace)
        turned = 2 * np.degrees(np.arcsin(np.abs(trace.orientations_xyzw[0, :3]).max()))
        cells = [*_split(name), width, _word(passed), f"{trace.positions[-1, 0, 0]:.2f}", f"{turned:.0f}"]
        # the wider box must be stopped: else nothing here could fail
        yield cells, passed == (width == 0.5)


def stairs(_: argparse.Namespace) -> Iterator[Row]:
    """budget | grid offset | steps off by mm | uneven by mm"""
    scene = scenes.stairs()
    rest = [engine.ball((0.5, 0.5, 0.3), 0.05, (0.0, 0.0, 0.0))]
    proxies = {"exact": scenes.proxy_of(scene.truth), **_at_offsets(scene.cloud, BUDGETS)}
    traces = engine.simulate({n: engine.Trial(p, rest, 0.1, trials.stair_rays()) for n, p in proxies.items()})
    for name, trace in traces.items():
        steps = trials.step_heights(trace)
        yield [*_split(name), _millimetres(steps.off), _millimetres(steps.uneven)], steps.is_good


def balls(_: argparse.Namespace) -> Iterator[Row]:
    """Gaussians | budget | grid offset | balls | went through | inside at the end"""
    for seen in (True, False):
        scene = scenes.thin_walls(unseen=not seen)
        proxies = {"exact": scenes.proxy_of(scene.truth)} if seen else {}
        proxies |= _at_offsets(scene.cloud, BUDGETS if seen else ("train",))
        traces = engine.simulate({name: trials.throw(scene, proxy, 200) for name, proxy in proxies.items()})
        for name, trace in traces.items():
            found = trials.thrown(scene, trace)
            crossed, inside = int(found.crossed.sum()), int(found.ended_inside.sum())
            where = "on all sides" if seen else "none on a back"
            yield [where, *_split(name), found.count, crossed, inside], not crossed and not inside


def floor(_: argparse.Namespace) -> Iterator[Row]:
    """budget | grid offset | floor peak to peak mm | steps > 2 mm | ball peak to peak mm | ball step mm | rolled m"""
    scene = scenes.room()
    proxies = {"exact": scenes.proxy_of(scene.truth), **_at_offsets(scene.cloud, BUDGETS)}
    traces = engine.simulate({name: trials.rolling(proxy) for name, proxy in proxies.items()})
    for name, trace in traces.items():
        heights = trials.floor_heights(proxies[name])
        steps = sum(int((np.abs(np.diff(heights, axis=axis)) > 2e-3).sum()) for axis in (0, 1))
        moved = trials.rolled(trace)
        peak = float(np.ptp(heights))
        cells = [f"{1e3 * peak:.2f}", steps, f"{1e3 * moved.peak_to_peak.max():.2f}"]
        cells += [f"{1e3 * moved.largest_step.max():.2f}", f"{moved.distance.min():.1f}"]
        yield [*_split(name), *cells], peak < 1e-3 and not steps and moved.is_good(4.0)


def time(given: argparse.Namespace) -> Iterator[Row]:
    """scene | triangles | exact | step ms | exact | times"""
    for source in given.scenes:
        cloud, truth = _read(source)
        proxy, exact = scenes.collide(cloud), scenes.proxy_of(truth)
        with tempfile.TemporaryDirectory(prefix="lyra-trials-") as name:
            bodies = _scattered(proxy, truth)
            stages = [
                engine.write_trial(Path(name) / kind, mesh, bodies, asleep=False)
                for kind, mesh in (("collider", proxy), ("exact", exact))
            ]
            taken = timing.step_ms(stages, repetitions=9)
        own, other = np.median(taken, axis=1)
        # each pair was timed one after the other, so what else the computer did then cancels
        slower = float(np.median(taken[0] / taken[1]))
        cells = [_title(source), len(proxy.welded()[1]), len(truth.faces), f"{own:.3f}", f"{other:.3f}"]
        yield [*cells, f"{slower:.2f}"], slower <= MOST_SLOWER


def count(given: argparse.Namespace) -> Iterator[Row]:
    """scene | plan m2 | all | surface | linings | hidden floor | kerbs | angle 1 % | 5 % | half | < 5 degrees %"""
    for source in given.scenes:
        cloud, truth = _read(source)
        made = scenes.outcome(cloud)
        parts, found = triangles.causes(made), triangles.shapes(*made.value.welded())
        area = _plan_m2(truth)
        numbers = [parts[k] for k in ("whole", "surface", "lining", "hidden", "kerb")]
        angles = [f"{v:.1f}" for v in (found.percent_1, found.percent_5, found.median, 100 * found.below_5)]
        limit = MOST_TRIANGLES * max(1.0, area / ROOM_M2)
        yield [_title(source), f"{area:.0f}", *numbers, *angles], found.count <= limit


def _at_offsets(cloud: GaussianCloud, budgets: tuple[str, ...]) -> dict[str, CollisionProxy]:
    return {f"{b} {o:g}": scenes.collide(cloud, budget=b, grid_offset=o) for b in budgets for o in OFFSETS}


def _split(name: str) -> list[object]:
    budget, _, offset = name.partition(" ")
    return [budget, offset or "-"]


def _word(good: bool) -> str:
    return "yes" if good else "no"


def _millimetres(values: np.ndarray) -> str:
    return " ".join(f"{1e3 * v:+.1f}" if v < 0 else f"{1e3 * v:.1f}" for v in values)


def _title(source: Path) -> str:
    return source.stem if source.is_file() else source.name


def _plan_m2(truth: trimesh.Trimesh) -> float:
    """Return the area of the ground plan [m2]."""
    low, high = truth.bounds
    return float((high - low)[:2].prod())


def _read(source: Path) -> tuple[GaussianCloud, trimesh.Trimesh]:
    """Return a scene's Gaussians, in frame WORLD, and its exact surface."""
    from lyra_backend.io.splats import read_splats
    from lyra_backend.types import Frame, Similarity

    if source.is_dir():
        from lyra_backend.io.run_dir import RunDirectory

        request = RunDirectory.read(source).resolved_request()
        cloud, truth = _generated(request), source / "truth.glb"
    else:
        described = json.loads(source.with_suffix(".json").read_text(encoding="utf-8"))
        cloud = read_splats(source).value.transformed(Similarity(), Frame.WORLD)
        truth = source.with_name(described["gt_mesh"])
    vertices, faces = collider_accuracy.read_mesh(truth)
    return cloud, trimesh.Trimesh(vertices, faces, process=False)


def _generated(request: object) -> GaussianCloud:
    """Return the Gaussians of a run by making them again: the same request gives the same Gaussians."""
    from lyra_backend import refine
    from lyra_backend.plan import make_plan
    from lyra_backend.progress import Progress

    plan = make_plan(request)  # type: ignore[arg-type]
    made = plan.generator.run(request, plan.params["generate"], Progress()).value
    cloud: GaussianCloud = refine.run(made, plan.params["refine"], Progress()).value.cloud
    return cloud


def _scattered(proxy: CollisionProxy, truth: trimesh.Trimesh) -> list[engine.Body]:
    """Return boxes and balls half a metre above the ground, where there is room for them, with a push sideways."""
    from lyra_backend.kernels.mesh_distance import mesh_distance

    rng = np.random.default_rng(11)
    low, high = truth.bounds
    places = rng.uniform((*(low[:2] + 0.3), 0.3), (*(high[:2] - 0.3), 0.7), (4000, 3))
    apart: list[np.ndarray] = []
    meshes = [proxy.welded(), (np.asarray(truth.vertices), np.asarray(truth.faces))]
    fine = np.logical_and.reduce([mesh_distance(*mesh, places, 1.0).distance > 0.2 for mesh in meshes])
    for place in places[fine]:
        if len(apart) < BODY_COUNT and all(np.hypot(*(place - other)[:2]) > 0.3 for other in apart):
            apart.append(place)
    bodies = []
    for n, place in enumerate(apart):
        speed = (*rng.uniform(-1.0, 1.0, 2), 0.0)
        at = (float(place[0]), float(place[1]), float(place[2]))
        boxed = engine.Body(at, (0.2, 0.2, 0.2), velocity=speed, mass_kg=2.0)
        bodies.append(boxed if n % 2 else engine.ball(at, 0.05, speed))
    return bodies


TRIALS: dict[str, Callable[[argparse.Namespace], Iterator[Row]]] = {
    "doorway": doorway,
    "stairs": stairs,
    "balls": balls,
    "floor": floor,
    "time": time,
    "triangles": count,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trial", choices=TRIALS)
    parser.add_argument("scenes", type=Path, nargs="*", help="for time and triangles: run directories, or .ply files")
    given = parser.parse_args()
    if (given.trial in ("time", "triangles")) != bool(given.scenes):
        parser.error(f"{given.trial}: " + ("takes no scenes" if given.scenes else "needs scenes to look at"))
    trial = TRIALS[given.trial]
    columns = [*(trial.__doc__ or "").split(" | "), "good"]
    print(f"| {' | '.join(columns)} |\n{'|---' * len(columns)}|", flush=True)
    good = []
    for cells, well in trial(given):
        print(f"| {' | '.join(map(str, [*cells, _word(well)]))} |", flush=True)
        good.append(well)
    return 0 if good and all(good) else 1


if __name__ == "__main__":
    sys.exit(main())

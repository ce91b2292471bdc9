"""The real PhysX on the CPU, in a process of its own: ``python -m lyra_backend.validate.physics_engine JOB``.

Does: load stages that are ready to simulate, cast rays, step them and write down where the bodies went. Does not:
judge. Engines print, can crash and cannot be unloaded, so nobody imports this module into a process worth keeping.

The job is a JSON file (see :class:`~lyra_backend.validate.engine_process.Job`); the result goes into the job's
folder as ``result.json`` with arrays in ``result.npz``, and ``status.txt`` says how far the work is.
"""

from __future__ import annotations

import gc
import importlib.util
import json
import logging
import os
import sys
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

__all__ = ["main", "run_and_leave"]

Floats = npt.NDArray[np.float64]

#: Bodies that did not move for this many steps are asleep; nothing will wake them.
ASLEEP_STEPS = 12
STATUS_EVERY_STEPS = 40
#: Contacts come and go with every step; this many tell the most that there are at one time.
CONTACTS_EVERY_STEPS = 10


#: How texts begin that tell of the machine, such as threads that other programs kept waiting, and not of the scene:
#: a report is to be the same whatever else was running.
OF_THE_MACHINE = ("carb.tasking",)


class EngineLog(logging.Handler):
    """Counts the engine's warnings and errors about the scene by text."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.seen: Counter[tuple[bool, str]] = Counter()

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()[:300]
        if not text.startswith(OF_THE_MACHINE):
            self.seen[(record.levelno >= logging.ERROR, text)] += 1

    def texts(self, errors: bool) -> list[str]:
        return [f"{text} ({n} times)" if n > 1 else text for (bad, text), n in self.seen.items() if bad is errors]


class Engine:
    """A CPU-only PhysX that simulates one stage after the other."""

    def __init__(self, threads: int) -> None:
        import ovphysx
        import ovstage
        from ovphysx.types import GlobalConfigKey, LogLevel

        self.ovstage = ovstage
        # Both are fixed for the process by its first instance.
        ovphysx.set_global_config(GlobalConfigKey.CPU_ONLY, True)
        ovphysx.set_global_config(GlobalConfigKey.NUM_THREADS, threads)
        self.log = EngineLog()
        logger = logging.getLogger("ovphysx")
        logger.setLevel(logging.WARNING)
        logger.addHandler(self.log)
        logger.propagate = False
        self.physx = ovphysx.PhysX()
        ovphysx.enable_python_logging("ovphysx", min_severity=LogLevel.WARNING)
        # Schemas registered after the process has read its first stage are ignored, with all their attributes.
        ovstage.population.register_usd_schemas([*_schema_folders("physx_usd_schemas"), *_newton_schemas()])
        self.stage: Any = None

    def load(self, usd: str) -> None:
        """Replace the current stage by the file `usd` and cook its colliders."""
        self.unload()
        self.stage = self.ovstage.Stage("lyra_physics_check")
        # The PHYSICS domain alone misses colliders in instances and takes local transforms for world ones.
        domains = self.ovstage.PopulationDomain.ALL
        self.ovstage.population.open_usd(self.stage, usd, ordinal=1, domains=domains)
        self.stage.advance_write_floor(ordinal=1).wait()
        self.physx.wait_task(self.physx.attach_ovstage(self.stage, read_ordinal=1))

    def unload(self) -> None:
        if self.stage is not None:
            self.physx.wait_task(self.physx.detach_ovstage())
            self.stage.destroy()
            self.stage = None

    def static_actor_count(self) -> int:
        from ovphysx.types import SimObjectType

        counts = []
        for kind in (SimObjectType.RIGID_ACTOR, SimObjectType.RIGID_BODY):
            with self.physx.query(kind).wait() as query:
                counts.append(query.metadata.total_prim_count if query.metadata else 0)
        return counts[0] - counts[1]

    def rays(self, points: Floats, ways: Floats, length: float) -> Floats:
        """Return how far (N,) [m] the engine's own rays from `points` along unit `ways` go, nan if without end."""
        from ovphysx.types import SceneQueryMode

        distances = np.full(len(points), np.nan)
        for i, (point, way) in enumerate(zip(points.tolist(), ways.tolist(), strict=True)):
            hits = self.physx.raycast(point, way, length, SceneQueryMode.CLOSEST)
            if hits:
                distances[i] = hits[0]["distance"]
        return distances

    def contacts(self, paths: list[str]) -> Floats:
        """Return how many contact points each of the bodies at `paths` has after the last step; none asleep."""
        from ovphysx.types import SimObjectType

        numbers = {path: i for i, path in enumerate(paths)}
        counts = np.zeros(len(paths))
        with self.physx.read_sync(SimObjectType.CONTACT_SENSOR, ["rawContactSeparation"]) as result:
            for group in result.groups:
                sensors = result.dictionary.get_path_strings(group.prim_list)
                for path, tensor in zip(sensors, group.tensors, strict=True):
                    if path in numbers:
                        counts[numbers[path]] = tensor.shape[0]
        return counts

    def read(self, names: list[str], row_of: dict[str, int]) -> dict[str, Floats]:
        """Return the state (N, K) of the bodies at the paths of `row_of`, nan for those the engine lacks."""
        from ovphysx.types import ObjectScope, SimObjectType

        state: dict[str, Floats] = {}
        with self.physx.read_sync(SimObjectType.RIGID_BODY, names, scope=ObjectScope.ALL) as result:
            for group in result.groups:
                if group.is_array or not group.tensors:
                    continue
                paths = result.dictionary.get_path_strings(group.prim_list)
                rows = [row for row, path in enumerate(paths) if path in row_of]
                numbers = [row_of[paths[row]] for row in rows]
                # The engine keeps its memory alive until every view of it is gone: copy and let go.
                values = np.array(group.tensors[0].numpy(), dtype=np.float64)
                name = result.dictionary.token_to_string(group.attribute)
                state.setdefault(name, np.full((len(row_of), values.shape[1]), np.nan))[numbers] = values[rows]
        widths = {"orientation": 4}
        return {name: state.get(name, np.full((len(row_of), widths.get(name, 3)), np.nan)) for name in names}

    def drive(self, poses: dict[str, list[float]]) -> None:
        """Let the next step move kinematic bodies to poses: position [m] and orientation xyzw by path."""
        from ovphysx.types import SimObjectType

        names = ["kinematicTargetPosition", "kinematicTargetOrientation"]
        words = self.ovstage.PathDictionary(self.stage)
        for path, pose in poses.items():
            prims: list[int] = [words.intern_path(path)]
            values = np.split(np.array(pose, np.float32)[None], [3], axis=1)
            with self.physx.write_sync(SimObjectType.RIGID_BODY, names, prim_paths=prims) as session:
                for group in session.groups:
                    if group.tensors:
                        group.tensors[0].assign(values[group.attribute_index])
                        session.commit_sync(group)

    def simulate(self, run: dict[str, Any], report: Any) -> dict[str, Floats]:
        """Step the stage and return where the run's bodies went, see :class:`Trace`.

        Stops early, with fewer steps, when every test body, or without any the scene's own, has gone to sleep and
        nothing is driven that could wake it.
        """
        count = int(run["bodies"])
        row_of = {f"{run['prefix']}{i}": i for i in range(count)} | {p: count + i for i, p in enumerate(run["others"])}
        first = self.read(["position", "orientation"], row_of)
        frames = [first["position"]]
        watched = slice(0, count or None)
        still, contacts = 0, np.zeros(count)
        for step in range(run["steps"]):
            self.drive(dict(zip(run["driven"], run["targets"][step] if run["targets"] else (), strict=True)))
            self.physx.step_sync(run["dt"])
            frames.append(self.read(["position"], row_of)["position"])
            still = still + 1 if np.array_equal(frames[-1][watched], frames[-2][watched], equal_nan=True) else 0
            if run["contacts"] and step % CONTACTS_EVERY_STEPS == 0:
                contacts = np.maximum(contacts, self.contacts(list(row_of)[:count]))
            if still >= ASLEEP_STEPS and not run["driven"]:
                break
            if step % STATUS_EVERY_STEPS == 0:
                report(step / run["steps"])
        last = self.read(["position", "orientation", "linearVelocity"], row_of)
        return {
            "positions": np.array(frames)[:, :count],
            "contacts": contacts,
            "orientations_xyzw": last["orientation"][:count],
            "velocities": last["linearVelocity"][:count],
            "others_position": np.stack([first["position"][count:], last["position"][count:]]),
            "others_orientation": np.stack([first["orientation"][count:], last["orientation"][count:]]),
            "others_speed": np.linalg.norm(last["linearVelocity"][count:], axis=1),
        }


def _schema_folders(package: str) -> list[str]:
    """Return the folders of an installed package that describe USD schemas."""
    spec = importlib.util.find_spec(package)
    places = spec.submodule_search_locations if spec else None
    found = sorted(str(path.parent) for place in places or () for path in Path(place).rglob("plugInfo.json"))
    if not found:
        raise FileNotFoundError(f"{package}: holds no USD schemas; reinstall it.")
    return found


def _newton_schemas() -> list[str]:
    import ovphysx

    return [str(ovphysx.newton_schema_root())]


def _run(job: dict[str, Any], folder: Path) -> tuple[dict[str, Any], dict[str, Floats]]:
    engine = Engine(int(job["threads"]))
    summary: dict[str, Any] = {"runs": {}}
    arrays: dict[str, Floats] = {}
    for number, run in enumerate(job["runs"]):

        def report(fraction: float, number: int = number, name: str = run["name"]) -> None:
            (folder / "status.txt").write_text(f"{(number + fraction) / len(job['runs']):.3f} {name}", encoding="utf-8")

        report(0.0)
        engine.load(run["usd"])
        summary["runs"][run["name"]] = {"static_actors": engine.static_actor_count()}
        rays = np.array(run["rays"], dtype=np.float64).reshape(-1, 3)
        ways = np.array(run["ray_ways"] or [[0.0, 0.0, -1.0]] * len(rays), dtype=np.float64).reshape(-1, 3)
        arrays[f"{run['name']}/ray_distances"] = engine.rays(rays, ways, run["ray_length"])
        trace = engine.simulate(run, report)
        arrays |= {f"{run['name']}/{key}": value for key, value in trace.items()}
    summary["errors"], summary["warnings"] = engine.log.texts(True), engine.log.texts(False)
    engine.unload()
    return summary, arrays


def main(arguments: list[str]) -> int:
    """Run the job in the JSON file named by the one argument; return the exit code."""
    path = Path(arguments[0])
    job = json.loads(path.read_text(encoding="utf-8"))
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    summary, arrays = _run(job, path.parent)
    np.savez(path.parent / "result.npz", allow_pickle=False, **arrays)
    (path.parent / "result.json").write_text(json.dumps(summary), encoding="utf-8")
    return 0


def run_and_leave(work: Callable[[list[str]], int]) -> NoReturn:
    """Do the work that the command line names, and end the process with its exit code."""
    try:
        code = work(sys.argv[1:])
    except Exception:
        traceback.print_exc()
        code = 1
    gc.collect()
    sys.stdout.flush()
    sys.stderr.flush()
    # The engine's own clean-up at exit can crash after a good run.
    os._exit(code)


if __name__ == "__main__":
    run_and_leave(main)

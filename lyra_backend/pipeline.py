"""The one place that knows the order: generate, refine, picture, collide, author, validate.

Each stage's result is kept under a key made of everything it depends on, so a run that was stopped goes on from its
last finished stage. Files appear at the top of the run directory only when the whole run is through.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import logging
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from . import refine
from .errors import InvalidRequest, LyraError, StageFailed
from .io.run_dir import RunDirectory
from .io.stage_files import (
    TRUTH_FILE,
    load_generation,
    load_outcome,
    load_proxy,
    save_generation,
    save_outcome,
    save_proxy,
)
from .memory import peak_memory_bytes
from .plan import Plan
from .progress import CancelToken, Event, Progress
from .types import Generation, Outcome, RunReport, SceneBundle, Severity, StageReport

__all__ = ["run"]

T = TypeVar("T")
logger = logging.getLogger(__name__)

#: Background of pictures, sRGB in [0, 1]: open scenes end somewhere, and black reads as a fault.
_SKY = (0.74, 0.82, 0.9)
#: Share of the progress bar at which each stage ends, from typical seconds on a CPU.
_SPANS = {"generate": 0.4, "refine": 0.44, "picture": 0.6, "collide": 0.75, "author": 0.82, "validate": 1.0}


@dataclass
class _Run:
    """What travels along one run besides the scene itself."""

    directory: RunDirectory
    plan: Plan
    progress: Progress
    key: str = ""
    begin: float = 0.0
    reports: list[StageReport] = field(default_factory=list)
    timings: list[dict[str, Any]] = field(default_factory=list)
    folders: dict[str, Path] = field(default_factory=dict)


def run(
    plan: Plan,
    directory: RunDirectory,
    listener: Callable[[Event], None] | None = None,
    token: CancelToken | None = None,
) -> RunReport:
    """Run every stage of `plan` and fill `directory`.

    Raises:
        LyraError: bad input, a missing package, or :class:`Cancelled`; finished stages are kept.
        StageFailed: a stage broke; the cause is chained and its traceback is in ``events.jsonl``.
    """

    def tell(event: Event) -> None:
        directory.append_event(asdict(event))
        if listener:
            listener(event)

    state = _Run(directory, plan, Progress(tell, token))
    try:
        generation = _make_scene(state)
        files = _build_stage(state, generation)
        report = _report(state, generation)
        _publish(state, files, report, generation)
    except BaseException as error:
        # What was asked for cannot be done: there is nothing to come back to.
        directory.abandon(keep_finished=not isinstance(error, InvalidRequest))
        raise
    return report


def _make_scene(state: _Run) -> Generation:
    """Generate, refine and picture the Gaussians."""
    plan, request = state.plan, state.directory.resolved_request()
    state.key = _digest(code_version(), state.directory.request.seed, _scene_inputs(state))
    generation = _stage(
        state,
        "generate",
        plan.params["generate"],
        lambda _, progress: plan.generator.run(request, plan.params["generate"], progress),
        save_generation,
        load_generation,
    )
    generation = _stage(
        state,
        "refine",
        plan.params["refine"],
        lambda _, progress: refine.run(generation, plan.params["refine"], progress),
        save_generation,
        load_generation,
    )
    _stage(state, "picture", None, lambda folder, progress: _take_pictures(generation, folder, progress))
    return generation


def _build_stage(state: _Run, generation: Generation) -> tuple[str, ...]:
    """Make colliders, write USD and check it; return the names of the files written."""
    params = state.plan.params
    proxy = _stage(
        state,
        "collide",
        params["collide"],
        lambda _, progress: state.plan.collider.run(generation.cloud, generation.cameras, params["collide"], progress),
        save_proxy,
        load_proxy,
    )
    bundle = SceneBundle(generation.cloud, proxy, state.plan.primitives, generation.provenance)
    author = importlib.import_module("lyra_backend.author")
    files = _stage(
        state,
        "author",
        [params["author"], state.plan.primitives],
        lambda folder, progress: author.run(bundle, folder, params["author"], progress),
        lambda folder, names: _write_json(folder / "files.json", names),
        lambda folder: tuple(json.loads((folder / "files.json").read_text(encoding="utf-8"))),
    )
    validate = importlib.import_module("lyra_backend.validate")
    _stage(
        state,
        "validate",
        params["validate"],
        lambda _, progress: validate.run(state.folders["author"], generation.cloud, params["validate"], progress),
    )
    return files


def _stage(
    state: _Run,
    name: str,
    params: Any,
    work: Callable[[Path, Progress], Outcome[T]],
    save: Callable[[Path, T], None] = lambda folder, value: None,
    load: Callable[[Path], T] = lambda folder: None,  # type: ignore[assignment,return-value]
) -> T:
    """Do one stage, or take it from an earlier attempt; the key covers everything that came before."""
    end = _SPANS[name]
    progress = state.progress.child(state.begin, end, name)
    state.begin = end
    plugin = state.plan.plugins.get(name, "")
    state.key = _digest(state.key, name, plugin, params)
    kept = state.directory.stage_path(f"{name}-{state.key}")
    wall, cpu = time.perf_counter(), time.process_time()
    progress(0.0, f"{name}{' ' + plugin if plugin else ''}{': kept from before' if kept else ''}")
    if kept:
        done, value = load_outcome(kept), load(kept)
    else:
        with _named_errors(state, name), state.directory.new_stage(f"{name}-{state.key}") as folder:
            outcome = work(folder, progress)
            save(folder, outcome.value)
            save_outcome(folder, outcome)
        done, value = Outcome(None, outcome.counts, outcome.findings), outcome.value
    progress(1.0, name)
    state.folders[name] = state.directory.stage_path(f"{name}-{state.key}") or Path()
    state.reports.append(StageReport(name, plugin, done.counts, done.findings))
    state.timings.append(
        {
            "stage": name,
            "reused": kept is not None,
            "wall_s": round(time.perf_counter() - wall, 3),
            "cpu_s": round(time.process_time() - cpu, 3),
            "peak_memory_bytes": peak_memory_bytes(),
        }
    )
    counts = ", ".join(f"{k} {v}" for k, v in done.counts.items())
    logger.info("%s: %s (%.1f s)", name, counts, state.timings[-1]["wall_s"])
    return value


@contextmanager
def _named_errors(state: _Run, stage: str) -> Iterator[None]:
    """Turn an unexpected exception of a stage into StageFailed and keep its traceback."""
    try:
        yield
    except InvalidRequest as error:
        raise InvalidRequest(state.directory.in_users_words(str(error))) from error
    except LyraError:
        raise
    except Exception as error:
        text = "".join(traceback.format_exception(error))
        state.directory.append_event({"stage": stage, "error": text})
        raise StageFailed(stage, error) from error


def _take_pictures(generation: Generation, folder: Path, progress: Progress) -> Outcome[None]:
    """Picture the scene as a whole and from robot heights."""
    from .render.splats import render
    from .render.viewpoints import robot_viewpoints, scene_viewpoint

    cloud, cameras = generation.cloud, generation.cameras
    if not cloud.count:
        return Outcome(None, {"pictures": 0})
    progress(0.05, "choosing viewpoints")
    views = [("preview.png", scene_viewpoint(cloud, cameras))]
    views += [(f"preview_{c.name}.png", c) for c in robot_viewpoints(cloud, cameras=cameras)]
    for i, (name, camera) in enumerate(views):
        progress(0.2 + 0.8 * i / len(views), f"rendering {name}")
        render(cloud, camera, background=_SKY).save_png(folder / name)
    return Outcome(None, {"pictures": len(views)})


def _report(state: _Run, generation: Generation) -> RunReport:
    accepted = not any(f.severity is Severity.ERROR for r in state.reports for f in r.findings)
    # Only a scene that a physics engine held, at a known scale, is worth training in.
    trainable = accepted and generation.scale.is_metric
    return RunReport(
        accepted,
        state.directory.request.force,
        generation.geometry,
        "train" if trainable else "demo",
        tuple(state.reports),
    )


def _publish(state: _Run, files: tuple[str, ...], report: RunReport, generation: Generation) -> None:
    pictures = tuple(sorted(p.name for p in state.folders["picture"].glob("*.png")))
    folders = [(state.folders["author"], files), (state.folders["picture"], pictures)]
    if generation.truth is not None:
        folders.append((state.folders["refine"], (TRUTH_FILE,)))
    state.directory.publish(folders)
    state.directory.write("report.json", json.dumps(report.to_json(), indent=2) + "\n")
    state.directory.write("timings.json", json.dumps({"stages": state.timings}, indent=2) + "\n")
    state.directory.finish()


def _scene_inputs(state: _Run) -> dict[str, Any]:
    """Return the parts of the request that no stage's parameters cover; inputs are named by content."""
    request = state.directory.request
    return {k: getattr(request, k) for k in ("prompt", "image", "depth", "video", "splat", "model")}


@cache
def code_version() -> str:
    """Return a digest of this package's source, so that kept stages never outlive the code that made them."""
    root = Path(__file__).parent
    digest = hashlib.sha256()
    for path in sorted(p for p in root.rglob("*") if p.suffix in (".py", ".toml")):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _digest(*parts: Any) -> str:
    text = json.dumps(parts, sort_keys=True, default=lambda value: asdict(value))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _write_json(path: Path, data: Any) -> None:
    path.write_text(json.dumps(data), encoding="utf-8")

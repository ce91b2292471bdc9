"""The one place that knows the order: generate, refine, picture, light, collide, place, author, validate, report.

Each stage's result is kept under a key made of everything it depends on, so a run that was stopped goes on from its
last finished stage. Files appear at the top of the run directory only when the whole run is through.
"""

from __future__ import annotations

import errno
import hashlib
import importlib
import json
import logging
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from threadpoolctl import threadpool_limits

from . import light, place, refine, report
from .collide.comparison import compare
from .collide.pieces import add_pieces
from .errors import Cancelled, InvalidRequest, LyraError, StageFailed, WriteFailed
from .io import event_log
from .io.cameras import PREVIEWS_FILE, read_cameras, write_cameras
from .io.event_log import Ending
from .io.images import thumbnail_of, write_depth, write_image
from .io.run_dir import RunDirectory
from .io.stage_files import (
    TRUTH_FILE,
    load_generation,
    load_light,
    load_outcome,
    load_place,
    load_proxy,
    save_generation,
    save_light,
    save_outcome,
    save_place,
    save_proxy,
)
from .memory import peak_memory_bytes
from .params import deciding
from .plan import Plan
from .progress import CancelToken, Event, Progress
from .requirements import installed_versions
from .types import (
    Camera,
    CollisionProxy,
    Estimate,
    Generation,
    Outcome,
    RunReport,
    SceneBundle,
    SceneRequest,
    Severity,
    StageReport,
)
from .types.request import INPUT_FIELDS

__all__ = ["TYPICAL_SECONDS", "code_version", "run"]

T = TypeVar("T")
logger = logging.getLogger(__name__)

#: Background of pictures where the scene's light is not known, sRGB in [0, 1]: scenes end somewhere, and black reads
#: as a fault.
_SKY = (0.74, 0.82, 0.9)
#: In a stage's folder: which of its files are results of the run.
_NAMES = "files.json"
#: The picture of the scene as a whole.
_PREVIEW = "preview.png"
#: The same for lists of many scenes.
_THUMBNAIL = "thumbnail.webp"
#: Typical seconds of each stage on a CPU: their shares of the progress bar. A generator may know better.
TYPICAL_SECONDS = {
    "generate": 20.0,
    "refine": 2.0,
    "picture": 5.5,
    "light": 5.0,
    "collide": 6.0,
    "place": 2.0,
    "author": 3.0,
    "validate": 8.5,
    "report": 9.0,
}
#: What goes wrong when a disk is full, broken or taken away, whatever the code that was writing.
_DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS)


@dataclass
class _Run:
    """What travels along one run besides the scene itself."""

    directory: RunDirectory
    plan: Plan
    progress: Progress
    parts: Mapping[str, Progress] = field(default_factory=dict)
    key: str = ""
    reports: list[StageReport] = field(default_factory=list)
    timings: list[dict[str, Any]] = field(default_factory=list)
    folders: dict[str, Path] = field(default_factory=dict)
    error_m: Mapping[str, float] = field(default_factory=dict)


def run(
    plan: Plan,
    directory: RunDirectory,
    listener: Callable[[Event], None] | None = None,
    token: CancelToken | None = None,
) -> RunReport:
    """Run every stage of `plan` and fill `directory`.

    Raises:
        LyraError: bad input, a missing package, a disk that is full, or :class:`Cancelled`; finished stages are kept.
        StageFailed: a stage broke; the cause is chained and its traceback is in ``events.jsonl``.
    """

    def tell(event: Event) -> None:
        event_log.append(directory.root, asdict(event))
        if listener:
            listener(event)

    state = _Run(directory, plan, Progress(tell, token))
    try:
        event_log.begin(directory.root)
        # at once: what a generator needs may take seconds to import
        state.progress(0.0, "starting")
        generation = _make_scene(state)
        files = _build_stage(state, generation)
        found = _report(state, generation)
        _publish(state, files, found, generation)
        event_log.end(directory.root, Ending.ACCEPTED if found.accepted else Ending.REJECTED)
    except BaseException as error:
        _give_up(directory, error)
        if isinstance(error, OSError):
            raise WriteFailed(directory.root, error) from error
        raise
    return found


def _give_up(directory: RunDirectory, error: BaseException) -> None:
    """Say how the attempt ended, and leave nothing behind that is of no use."""
    how = Ending.CANCELLED if isinstance(error, Cancelled | KeyboardInterrupt) else Ending.FAILED
    event_log.end(directory.root, how, str(error))
    directory.abandon()


def _make_scene(state: _Run) -> Generation:
    """Generate, refine and picture the Gaussians."""
    plan, request = state.plan, state.directory.resolved_request()
    depends_on: Callable[[SceneRequest, Any], dict[str, str]] = getattr(plan.generator, "depends_on", lambda *_: {})
    state.key = _digest(
        code_version(), request.seed, _scene_inputs(state), depends_on(request, plan.params["generate"])
    )
    _share_progress(state, request)
    generation = _stage(
        state,
        "generate",
        plan.params["generate"],
        lambda _, progress: _generate(state, request, progress),
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
    one = plan.params["author"].trains  # more are not kept
    _stage(state, "picture", one, lambda folder, progress: _take_pictures(generation, one, folder, progress))
    return generation


def _share_progress(state: _Run, request: SceneRequest) -> None:
    """Give each stage its part of the progress, by the time that the generator expects to take."""
    seconds, params = dict(TYPICAL_SECONDS), state.plan.params["generate"]
    estimate: Callable[..., Iterable[Estimate]] = getattr(state.plan.generator, "estimate", lambda *_: ())
    if not state.directory.stage_folder(_stage_key(state, "generate", params)).is_dir():
        with _named_errors(state, "generate"):
            known = [part.seconds for part in estimate(request, params) if part.seconds is not None]
        if known:
            # at least what is typical: estimates leave out imports and small things
            seconds["generate"] = max(sum(known), seconds["generate"])
            state.progress.expect(sum(seconds.values()))
    state.parts = state.progress.children(seconds)


def _generate(state: _Run, request: SceneRequest, progress: Progress) -> Outcome[Generation]:
    """Run the generator; one that works for hours is given a folder for what outlives a killed run."""
    generator, params = state.plan.generator, state.plan.params["generate"]
    if getattr(generator, "RESUMES", False):
        kept: Outcome[Generation] = generator.run(
            request, params, progress, state.directory.kept_folder(f"generate-{state.key}")
        )
        return kept
    made: Outcome[Generation] = generator.run(request, params, progress)
    return made


def _build_stage(state: _Run, generation: Generation) -> dict[str, tuple[str, ...]]:
    """Find light, colliders and free space, write USD, check and picture it; return the names of results by stage."""
    params, seed = state.plan.params, state.directory.request.seed
    lit = _stage(
        state,
        "light",
        params["light"],
        lambda _, progress: light.run(generation, seed, params["light"], progress),
        save_light,
        load_light,
    )
    proxy = _stage(
        state,
        "collide",
        [params["collide"], params["author"].mjcf],
        lambda _, progress: _collide(state.plan, generation, progress),
        save_proxy,
        load_proxy,
    )
    state.error_m = proxy.error_m
    navigation = _stage(
        state,
        "place",
        params["place"],
        lambda _, progress: place.run(proxy, seed, params["place"], progress),
        save_place,
        load_place,
    )
    bundle = SceneBundle(
        generation.cloud,
        proxy,
        state.plan.primitives,
        generation.provenance,
        lit.light,
        generation.sequence,
        lit.environment,
        seed,
        generation.truth,
        navigation,
    )
    author = importlib.import_module("lyra_backend.author")
    written = _stage(
        state,
        "author",
        [params["author"], state.plan.primitives],
        lambda folder, progress: author.run(bundle, folder, params["author"], progress),
        _save_names,
        _load_names,
    )
    validate = importlib.import_module("lyra_backend.validate")
    _stage(
        state,
        "validate",
        params["validate"],
        lambda _, progress: validate.run(
            state.folders["author"], generation.still, params["validate"], progress, navigation
        ),
    )
    pictured = _stage(
        state,
        "report",
        params["report"],
        lambda folder, progress: report.run(bundle, _previews(state), params["report"], folder, progress),
        _save_names,
        _load_names,
    )
    return {"author": written, "report": pictured}


def _previews(state: _Run) -> tuple[Camera, ...]:
    """Return the cameras of the pictures that were taken."""
    path = state.folders["picture"] / PREVIEWS_FILE
    return read_cameras(path) if path.is_file() else ()


def _collide(plan: Plan, generation: Generation, progress: Progress) -> Outcome[CollisionProxy]:
    """Make colliders of what stands still, compare them with what came with the scene, and carry along what moves."""
    # Of many small products most of the time would go into waking threads, and their number into the last bits.
    with threadpool_limits(1, "blas"):
        made = _still_colliders(plan, generation, progress.child(0.0, 0.8 if generation.sequence else 1.0))
        if plan.params["author"].mjcf:
            pieces = add_pieces(made.value, generation.still, generation.cameras, progress.child(0.8, 1.0))
            made = Outcome(pieces.value, {**made.counts, **pieces.counts}, (*made.findings, *pieces.findings))
    if made.value.parts:
        made = replace(made, value=replace(made.value, parts=(*made.value.parts, *generation.exact_colliders)))
    if generation.sequence is None or not made.value.parts:
        return made
    from .collide.kinematic import carried_bodies

    carried = carried_bodies(generation.sequence, progress.child(0.8, 1.0))
    proxy = replace(made.value, kinematic=carried.value)
    return Outcome(proxy, {**made.counts, **carried.counts}, (*made.findings, *carried.findings))


def _still_colliders(plan: Plan, generation: Generation, progress: Progress) -> Outcome[CollisionProxy]:
    """Run the collider; what came with the scene is handed to one that takes it, and compared with any other's."""
    collider, supplied = plan.collider, generation.supplied_collider
    inputs = (generation.still, generation.cameras, plan.params["collide"])
    if getattr(collider, "TAKES_SUPPLIED", False):
        taken: Outcome[CollisionProxy] = collider.run(*inputs, progress, supplied)
        return taken
    made: Outcome[CollisionProxy] = collider.run(*inputs, progress.child(0.0, 1.0 if supplied is None else 0.95))
    if supplied is None or not made.value.parts:
        return made
    compared = compare(made.value, supplied, generation.cameras)
    return Outcome(made.value, {**made.counts, **compared.counts}, (*made.findings, *compared.findings))


def _stage(
    state: _Run,
    name: str,
    params: Any,
    work: Callable[[Path, Progress], Outcome[T]],
    save: Callable[[Path, T], None] = lambda folder, value: None,
    load: Callable[[Path], T] = lambda folder: None,  # type: ignore[assignment,return-value]
) -> T:
    """Do one stage, or take it from an earlier attempt."""
    plugin, progress = state.plan.plugins.get(name, ""), state.parts[name].child(0.0, 1.0, name)
    key, title = _stage_key(state, name, params), f"{name} {plugin}".rstrip()
    state.key = key.partition("-")[2]
    with _timed(state, name) as timing:
        outcome = _fetch(state, key, title, progress, load)
        timing["reused"] = outcome is not None
        if outcome is None:
            progress(0.0, title)
            with state.directory.new_stage(key) as folder, _named_errors(state, name):
                outcome = work(folder, progress)
                save(folder, outcome.value)
                save_outcome(folder, outcome)
            progress(1.0, name)
    state.folders[name] = state.directory.stage_folder(key)
    state.reports.append(StageReport(name, plugin, outcome.counts, outcome.findings))
    counts = ", ".join(f"{k} {v}" for k, v in outcome.counts.items())
    logger.info("%s: %s (%.1f s)", name, counts, timing["wall_s"])
    return outcome.value


def _stage_key(state: _Run, name: str, params: Any) -> str:
    """Return the key of the stage that comes next; it covers everything that came before."""
    return f"{name}-{_digest(state.key, name, state.plan.plugins.get(name, ''), params)}"


@contextmanager
def _timed(state: _Run, stage: str) -> Iterator[dict[str, Any]]:
    """Give the stage's entry of ``timings.json``, into which the time that the block takes goes at its end."""
    timing: dict[str, Any] = {"stage": stage, "reused": False}
    wall, cpu = time.perf_counter(), time.process_time()
    yield timing
    timing["wall_s"] = round(time.perf_counter() - wall, 3)
    timing["cpu_s"] = round(time.process_time() - cpu, 3)
    timing["peak_memory_bytes"] = peak_memory_bytes()
    state.timings.append(timing)


def _fetch(state: _Run, key: str, title: str, progress: Progress, load: Callable[[Path], T]) -> Outcome[T] | None:
    """Return what an earlier attempt left of a stage; None if there is nothing, or nothing that can be read."""
    folder = state.directory.stage_folder(key)
    if not folder.is_dir():
        return None
    progress(0.0, f"{title}: kept from before")
    try:
        done, value = load_outcome(folder), load(folder)
    except Exception as error:  # whatever a damaged file makes its reader say
        logger.warning("%s: what was kept is damaged (%s) and is made anew", title, error)
        state.directory.drop_stage(key)
        return None
    progress.skip(title)
    return Outcome(value, done.counts, done.findings)


@contextmanager
def _named_errors(state: _Run, stage: str) -> Iterator[None]:
    """Turn what a stage raises into an error for the user; of an unexpected one the traceback is kept."""
    directory = state.directory
    try:
        yield
    except Exception as error:
        if not directory.root.is_dir():
            gone = FileNotFoundError(errno.ENOENT, "the directory was removed meanwhile")
            raise WriteFailed(directory.root, gone) from error
        if isinstance(error, OSError) and error.errno in _DISK_ERRORS:
            raise WriteFailed(directory.root, error) from error
        if isinstance(error, InvalidRequest):
            raise InvalidRequest(directory.in_users_words(str(error))) from error
        if isinstance(error, LyraError):
            raise
        text = "".join(traceback.format_exception(error))
        with suppress(OSError):
            event_log.append(directory.root, {"stage": stage, "error": text})
        raise StageFailed(stage, error) from error


def _take_pictures(generation: Generation, one: bool, folder: Path, progress: Progress) -> Outcome[None]:
    """Picture the scene as a whole and, unless `one` will do, from robot heights."""
    from .render.splats import render
    from .render.viewpoints import robot_viewpoints, scene_viewpoint

    cloud, cameras = generation.cloud, generation.cameras
    for keyframe in generation.keyframes:
        write_image(folder / f"keyframe_{keyframe.camera}.png", keyframe.image)
        write_depth(folder / f"keyframe_{keyframe.camera}_depth.png", keyframe.depth)
    if not cloud.count:
        return Outcome(None, {"pictures": 0})
    progress(0.05, "choosing viewpoints")
    background = _SKY if generation.light is None else generation.light.background
    views = [(_PREVIEW, scene_viewpoint(cloud, cameras))]
    if not one:
        views += [(f"preview_{c.name}.png", c) for c in robot_viewpoints(cloud, cameras=cameras)]
    for i, (name, camera) in enumerate(views):
        progress(0.2 + 0.8 * i / len(views), f"rendering {name}")
        picture = render(cloud, camera, background=background)
        picture.save_png(folder / name)
        if name == _PREVIEW:
            (folder / _THUMBNAIL).write_bytes(thumbnail_of(picture.rgb))
    write_cameras(folder / PREVIEWS_FILE, [replace(camera, name=name) for name, camera in views])
    return Outcome(None, {"pictures": len(views)})


def _report(state: _Run, generation: Generation) -> RunReport:
    accepted = not any(f.severity is Severity.ERROR for r in state.reports for f in r.findings)
    # Only a scene that a physics engine held, at a known scale, and that is what was asked for, is worth training in.
    trainable = accepted and generation.scale.is_metric and generation.as_asked and generation.grade == "train"
    return RunReport(
        accepted,
        state.directory.request.force,
        generation.geometry,
        "train" if trainable else "demo",
        tuple(state.reports),
        {name: round(value, 6) for name, value in state.error_m.items()},
    )


def _publish(state: _Run, files: Mapping[str, tuple[str, ...]], found: RunReport, generation: Generation) -> None:
    trains = state.plan.params["author"].trains
    pictures = tuple(sorted(p.name for p in state.folders["picture"].glob(_PREVIEW if trains else "*.png")))
    pictures += tuple(n for n in (_THUMBNAIL, PREVIEWS_FILE) if (state.folders["picture"] / n).is_file())
    folders = [(state.folders[stage], names) for stage, names in {**files, "picture": pictures}.items()]
    if generation.truth is not None and not trains:
        folders.append((state.folders["refine"], (TRUTH_FILE,)))
    state.directory.publish(folders)
    state.directory.write("report.json", json.dumps(found.to_json(), indent=2) + "\n")
    state.directory.write("timings.json", json.dumps({"stages": state.timings}, indent=2) + "\n")
    with _named_errors(state, "report"):
        shown = report.PageContent(state.directory.request, found, state.timings, generation.provenance)
        report.write_page(state.directory.root, shown, state.folders["report"])
    state.directory.finish(code_version())


def _scene_inputs(state: _Run) -> dict[str, Any]:
    """Return the parts of the request that no stage's parameters cover; inputs are named by content."""
    request = state.directory.request
    return {k: getattr(request, k) for k in ("prompt", *INPUT_FIELDS, "model")}


@cache
def code_version() -> str:
    """Return a digest of this package's source and of the versions of what it computes with.

    Kept stages never outlive the code that made them, and a library's next version may give other bytes.
    """
    root = Path(__file__).parent
    digest = hashlib.sha256(json.dumps(installed_versions()).encode())
    for path in sorted(p for p in root.rglob("*") if p.suffix in (".py", ".toml")):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _digest(*parts: Any) -> str:
    text = json.dumps(parts, sort_keys=True, default=deciding)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _save_names(folder: Path, names: tuple[str, ...]) -> None:
    (folder / _NAMES).write_text(json.dumps(names), encoding="utf-8")


def _load_names(folder: Path) -> tuple[str, ...]:
    return tuple(json.loads((folder / _NAMES).read_text(encoding="utf-8")))

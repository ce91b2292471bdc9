"""The Python face: what the command line does, as functions.

Example::

    import lyra_backend as lyra

    result = lyra.generate_scene({"prompt": "a workshop with two benches", "seed": 3}, "outputs/workshop")
    print(result.report.accepted, result.directory / "stage.usda")
"""

from __future__ import annotations

import importlib
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import params, registry
from .errors import InvalidRequest
from .io.run_dir import EXEMPT_FILES, RunDirectory, file_digest
from .io.splats import READABLE, WRITABLE, read_splats, write_splats
from .plan import make_plan, stage_params
from .progress import CancelToken, Event, Progress
from .types import UP_AXES, CollisionProxy, Finding, Frame, Outcome, RunReport, SceneRequest, Severity, Similarity

__all__ = ["SceneResult", "convert", "generate_scene", "make_collider", "repeat", "validate_scene"]

USD_SUFFIXES = (".usdc", ".usda", ".usdz")
MESH_SUFFIXES = (".obj", ".ply", ".glb", ".usdc")
Listener = Callable[[Event], None]


@dataclass(frozen=True)
class SceneResult:
    """A finished run: its directory, its report, and whether it had been finished before."""

    directory: Path
    report: RunReport
    reused: bool = False


def generate_scene(
    request: SceneRequest | Mapping[str, Any],
    out: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    listener: Listener | None = None,
    token: CancelToken | None = None,
) -> SceneResult:
    """Make a scene and everything around it in the directory `out`.

    A directory that already holds this request is continued, or returned as it is when it is complete.

    Args:
        request: what to make; a mapping is read as JSON data.
        out: the run directory.
        overwrite: replace another run that is there.
        listener: called with every progress event.
        token: set it from another thread to stop.

    Raises:
        InvalidRequest: the request, an input file or `out` cannot be used.
        MissingDependency: a package is needed that is not installed.
        StageFailed: a stage broke.
        Cancelled: `token` was set; finished stages are kept.
    """
    from .pipeline import run

    if not isinstance(request, SceneRequest):
        request = SceneRequest.from_json(request)
    plan = make_plan(request)
    directory = RunDirectory.open(Path(out), request, overwrite=overwrite)
    if directory.complete:
        return SceneResult(directory.root, directory.read_report(), reused=True)
    return SceneResult(directory.root, run(plan, directory, listener, token))


def convert(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    primitive: str = "particle_field",
    up: str | None = None,
    scale: float | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Outcome[Path]:
    """Turn a splat file into another format, or into USD by a primitive.

    Axes and units stay as they are, unless `up` (the axis of the file that points up) turns it to Z up or `scale`
    (metres per unit) makes it metres. Findings say what the target format cannot hold.

    Raises:
        InvalidRequest: a file or format cannot be read or written.
        MissingDependency: the format needs a package that is not installed.
    """
    source, target = Path(source), Path(target)
    _check_target(source, target)
    to_usd = target.suffix.lower() in USD_SUFFIXES
    if not to_usd and not target.name.lower().endswith(WRITABLE):
        known = ", ".join((*WRITABLE, *USD_SUFFIXES))
        raise InvalidRequest(f"{target.name}: cannot write this format; known: {known}.")
    plugin = registry.get("author", primitive) if to_usd else None
    built = params.build(plugin.Params, "author", overrides or {}) if plugin else None
    read = read_splats(source)
    cloud = read.value
    if up is not None or scale is not None:
        cloud = cloud.transformed(_placement(up or "z", 1.0 if scale is None else scale), cloud.frame)
    written = plugin.write(cloud, target, built) if plugin else write_splats(target, cloud)
    return Outcome(target, read.counts, (*read.findings, *written.findings))


def make_collider(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    up: str = "-y",
    scale: float = 1.0,
    collider: str = "surface",
    overrides: Mapping[str, Mapping[str, Any]] | None = None,
    listener: Listener | None = None,
    token: CancelToken | None = None,
) -> Outcome[CollisionProxy]:
    """Write colliders for a splat file, in the splat's own axes and units so that the two overlay.

    Args:
        source: a splat file.
        target: a mesh (.obj, .ply, .glb) or USD with physics (.usdc).
        up: the axis of the file that points up; gravity and headroom depend on it.
        scale: metres per unit of the file; voxel sizes and limits are metres.
        collider: registry name of the collision plugin.
        overrides: parameters by stage: "refine" (cleaning) and "collide".

    Raises:
        InvalidRequest: an argument or a file cannot be used, or nothing solid was found.
    """
    from .refine.clean import clean

    source, target, given = Path(source), Path(target), overrides or {}
    _check_target(source, target)
    if target.suffix.lower() not in MESH_SUFFIXES:
        raise InvalidRequest(f"{target.name}: cannot write this format; known: {', '.join(MESH_SUFFIXES)}.")
    placement = _placement(up, scale)
    plugin = registry.get("collide", collider)
    collide_params = params.build(plugin.Params, "collide", given.get("collide", {}))
    refine_params = params.build(stage_params("refine"), "refine", given.get("refine", {}))
    progress = Progress(listener, token, stage="collide")
    progress(0.0, f"reading {source.name}")
    read = read_splats(source)
    cleaned = clean(read.value.transformed(placement, Frame.WORLD), refine_params)
    outcome: Outcome[CollisionProxy] = plugin.run(cleaned.value, (), collide_params, progress.child(0.2, 0.95))
    findings = (*read.findings, *cleaned.findings, *outcome.findings)
    if not outcome.value.parts:
        reason = next((f.message for f in outcome.findings if f.severity is Severity.ERROR), f"{collider} makes none")
        raise InvalidRequest(f"{source.name}: no colliders were made. {reason}")
    _write_proxy(target, outcome.value.transformed(placement.inverse()))
    return Outcome(outcome.value, {**read.counts, **cleaned.counts, **outcome.counts}, findings)


def validate_scene(
    path: str | os.PathLike[str],
    *,
    overrides: Mapping[str, Any] | None = None,
    listener: Listener | None = None,
    token: CancelToken | None = None,
) -> tuple[Finding, ...]:
    """Check a run directory or any USD stage; nothing is changed.

    Raises:
        InvalidRequest: there is no such file, or a limit is unknown.
    """
    path = Path(path)
    if not path.exists():
        raise InvalidRequest(f"{path}: does not exist. Give a run directory or a USD file.")
    limits = params.build(stage_params("validate"), "validate", overrides or {})
    progress = Progress(listener, token, stage="validate")
    outcome = importlib.import_module("lyra_backend.validate").run(path, None, limits, progress)
    findings: tuple[Finding, ...] = outcome.findings
    return findings


def repeat(
    directory: str | os.PathLike[str], *, listener: Listener | None = None, token: CancelToken | None = None
) -> dict[str, str]:
    """Run the request of a finished run again, elsewhere, and compare.

    Returns:
        {file name: "same" | "differs" | "missing" | "new"} of every file that must be the same.

    Raises:
        InvalidRequest: `directory` is not a finished run.
    """
    root = Path(directory)
    request = RunDirectory.read_request(root)
    first = RunDirectory(root, request, created=False)
    if not first.complete:
        raise InvalidRequest(f"{root}: this run did not finish; run generate again with the same --out to continue it.")
    with tempfile.TemporaryDirectory(prefix="lyra-repeat-") as folder:
        again = generate_scene(first.resolved_request(), Path(folder) / "run", listener=listener, token=token)
        old, new = _contents(root), _contents(again.directory)
    verdicts = {name: "same" if new.get(name) == digest else "differs" for name, digest in old.items()}
    verdicts |= {name: "missing" for name in old if name not in new}
    return verdicts | {name: "new" for name in new if name not in old}


def _contents(root: Path) -> dict[str, str]:
    files = sorted(p for p in root.rglob("*") if p.is_file())
    names = {p.relative_to(root).as_posix(): p for p in files if p.name not in EXEMPT_FILES}
    return {name: file_digest(path) for name, path in names.items()}


def _placement(up: str, scale: float) -> Similarity:
    """Return the map from a file's axes and units to Z up and metres."""
    if up not in UP_AXES:
        raise InvalidRequest(f"up must be one of {', '.join(UP_AXES)}, got {up!r}.")
    return UP_AXES[up].then(Similarity(scale))


def _check_target(source: Path, target: Path) -> None:
    if not source.exists():
        raise InvalidRequest(f"{source}: does not exist. Readable splats: {', '.join(READABLE)}.")
    if target.exists() and source.samefile(target):
        raise InvalidRequest(f"{target}: is the input itself. Choose another name for the output.")
    if target.is_dir():
        raise InvalidRequest(f"{target}: is a directory, a file name is needed.")
    if not target.parent.is_dir():
        raise InvalidRequest(f"{target.parent}: no such directory. Make it first.")


def _write_proxy(target: Path, proxy: CollisionProxy) -> None:
    """Write colliders next to nothing else: a temporary folder, then one move."""
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".lyra-") as folder:
        part = Path(folder) / target.name
        if target.suffix.lower() == ".usdc":
            importlib.import_module("lyra_backend.author.collision").write(proxy, part)
        else:
            import trimesh

            vertices, triangles = proxy.welded()
            trimesh.Trimesh(vertices, triangles, process=False).export(part)
        shutil.move(part, target)

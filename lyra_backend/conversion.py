"""One splat file into another format, into USD, or into colliders, without a run directory."""

from __future__ import annotations

import importlib
import math
import os
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from types import ModuleType
from typing import Any

from threadpoolctl import threadpool_limits

from . import params, registry
from .atomic import replacing
from .errors import InvalidRequest, shown
from .io.meshes import write_obj
from .io.splats import READABLE, WRITABLE, format_of, read_splats, write_splats
from .paths import check_new, given_path
from .plan import Overrides, check_collider, checked_overrides
from .progress import CancelToken, Event, Progress
from .types import UP_AXES, USUAL_UP, CollisionProxy, Finding, Frame, GaussianCloud, Outcome, Severity, Similarity

__all__ = ["MESH_FORMATS", "USD_FORMATS", "convert", "make_collider"]

#: Formats by file name ending, without the dot.
USD_FORMATS = ("usdc", "usda", "usdz")
MESH_FORMATS = ("obj", "ply", "glb", "usdc")
#: Finding about what was turned and scaled.
_MOVED = "convert.moved"
#: What a collider has besides what the splat shows, turned off.
_BARE = {"kerb_height": 0.0, "lining_height": 0.0, "close_bottoms": False, "close_holes": False}


def convert(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    primitive: str | None = None,
    up: str | None = None,
    scale: float | None = None,
    ruler: str | None = None,
    overwrite: bool = False,
    overrides: Overrides | None = None,
) -> Outcome[Path]:
    """Turn a splat file into another format, or into USD by a primitive.

    Args:
        source: a splat file.
        target: a splat file or a USD file; its name says the format.
        primitive: registry name of the way Gaussians are written to USD; None: particle_field.
        up: the axis of the file to turn to Z up; None keeps the axes.
        scale: metres per unit of the file, to multiply by; None keeps the units.
        ruler: a length between two points of the file, instead of `scale`.
        overwrite: replace the target if there is such a file.
        overrides: parameters by stage; USD takes "author", other formats take none.

    Returns:
        The target, and findings: what was moved, and what the target format cannot hold.

    Raises:
        InvalidRequest: a file or format cannot be read or written.
        MissingDependency: the format needs a package that is not installed.
    """
    source, target = _checked_files(source, target, overwrite)
    scale = _measured_scale(scale, ruler)
    kind = format_of(target, (*WRITABLE, *USD_FORMATS))
    to_usd = kind in USD_FORMATS
    _placement(up or "z", 1.0 if scale is None else scale)  # wrong ones are told before anything is read
    if primitive is not None and not to_usd:
        raise InvalidRequest(
            f"--primitive: says how Gaussians are written to USD, and {target.name} is none, got {shown(primitive)}. "
            f"Leave it out, or name a file that ends in {', '.join(USD_FORMATS)}."
        )
    given = checked_overrides(f"converting to .{kind}", overrides, ("author",) if to_usd else ())
    plugin = _file_writer(primitive or "particle_field", target) if to_usd else None
    built = params.build(plugin.Params, "author", given.get("author", {})) if plugin else None
    cloud, read = _read_moved(source, up, scale)
    written = plugin.write(cloud, target, built) if plugin else write_splats(target, cloud)
    # What the file claims and what was done are one matter; the primitive only knows the first half of it.
    was_moved = any(f.code == _MOVED for f in read.findings)
    rest = [f for f in written.findings if not (was_moved and f.code == "author.frame")]
    return Outcome(target, read.counts, (*read.findings, *rest))


def _read_moved(source: Path, up: str | None, scale: float | None) -> tuple[GaussianCloud, Outcome[None]]:
    """Read a splat and turn it as asked for; what was read is not held any longer."""
    read = read_splats(source)
    moved = _moved(read.value, up, scale)
    return moved.value, Outcome(None, read.counts, (*read.findings, *moved.findings))


def make_collider(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    up: str | None = None,
    scale: float | None = None,
    ruler: str | None = None,
    collider: str = "surface",
    overwrite: bool = False,
    overrides: Overrides | None = None,
    listener: Callable[[Event], None] | None = None,
    token: CancelToken | None = None,
) -> Outcome[CollisionProxy]:
    """Write colliders for a splat file, in the splat's own axes and units so that the two overlay.

    What a stage needs but no Gaussian shows (kerbs, linings, the floor below solids) is left out unless `overrides`
    ask for it.

    Args:
        source: a splat file.
        target: a mesh (.obj, .ply, .glb) or USD with physics (.usdc).
        up: the axis of the file that points up; gravity and headroom depend on it. None: -y is assumed, with a finding.
        scale: metres per unit of the file; voxel sizes and limits are metres. None: 1 is assumed, with a finding.
        ruler: a length between two points of the file, instead of `scale`.
        collider: registry name of the collision plugin.
        overwrite: replace the target if there is such a file.
        overrides: parameters by stage: "refine" (cleaning) and "collide".
        listener: called with every progress event.
        token: set it from another thread to stop.

    Raises:
        InvalidRequest: an argument or a file cannot be used, or nothing solid was found.
    """
    from .refine.clean import CleanParams

    source, target = _checked_files(source, target, overwrite)
    scale = _measured_scale(scale, ruler)
    if target.suffix.lower().removeprefix(".") not in MESH_FORMATS:
        raise InvalidRequest(f"{target}: not a format for colliders; known: {', '.join(MESH_FORMATS)}.")
    _placement(up or USUAL_UP, 1.0 if scale is None else scale)  # wrong ones are told before anything is read
    plugin = _collider(collider)
    given = checked_overrides("collide", overrides, ("refine", "collide"))
    collide_params = params.build(plugin.Params, "collide", {**_bare(plugin), **given.get("collide", {})})
    check_collider(plugin, collide_params)
    refine_params = params.build(CleanParams, "refine", given.get("refine", {}))
    progress = Progress(listener, token, stage="collide")
    progress(0.0, f"reading {source.name}")
    cleaned, placement = _clean_cloud(source, up, scale, refine_params, progress.child(0.0, 0.2))
    # as in a run: one thread is faster, and gives the same bytes on every machine
    with threadpool_limits(1, "blas"):
        outcome: Outcome[CollisionProxy] = plugin.run(cleaned.value, (), collide_params, progress.child(0.2, 0.95))
    findings = (*cleaned.findings, *outcome.findings, *_own_axes(target, placement))
    if not outcome.value.parts:
        reason = next((f.message for f in outcome.findings if f.severity is Severity.ERROR), f"{collider} makes none")
        raise InvalidRequest(f"{source.name}: no colliders were made. {reason}")
    _write_proxy(target, outcome.value.transformed(placement.inverse()))
    return Outcome(outcome.value, {**cleaned.counts, **outcome.counts}, findings)


def _collider(name: str) -> ModuleType:
    """Return the plugin of a collider, which must make one out of Gaussians alone."""
    plugin = registry.get("collide", name)
    if getattr(plugin, "MAKES_NONE", False):
        raise InvalidRequest(f"--collider: {name!r} makes no colliders, so there would be no file. Choose another.")
    if getattr(plugin, "TAKES_SUPPLIED", False):
        raise InvalidRequest(
            f"--collider: {name!r} takes triangles that came with a scene, and a splat file has none. Choose another, "
            "or use generate with --collider-glb."
        )
    return plugin


def _assumed(up: str | None, scale: float | None) -> tuple[Finding, ...]:
    """Say what the user did not."""
    missing = [f"which way is up ({USUAL_UP} was assumed; else give --up)"] if up is None else []
    missing += ["how long its unit is (1 m was assumed; else give --scale or --ruler)"] if scale is None else []
    if not missing:
        return ()
    text = (
        f"A splat file does not say {', nor '.join(missing)}. Colliders of a scene that lies on its side or "
        "has another size are useless."
    )
    return (Finding("splat.placement_assumed", Severity.WARNING, text),)


def _own_axes(target: Path, placement: Similarity) -> tuple[Finding, ...]:
    """Say where USD's metadata cannot name the axes and units of the splat."""
    if target.suffix.lower() != ".usdc" or placement == Similarity():
        return ()
    text = (
        f"{target.name} keeps the splat's axes and units, so that the two overlay; its stage says Z up and metres all "
        "the same. Turn and scale both alike, or make a stage with generate --splat."
    )
    return (Finding("collide.own_axes", Severity.INFO, text),)


def _clean_cloud(
    source: Path, up: str | None, scale: float | None, refine_params: Any, progress: Progress
) -> tuple[Outcome[GaussianCloud], Similarity]:
    """Read a splat, turn and clean it, and say how it was turned; what came before is not held any longer."""
    from .refine.clean import clean

    read = read_splats(source, progress, base_colors_only=True)
    # Of all splats only USD files of our own say which way is up.
    up = up or ("z" if read.value.frame is Frame.WORLD else None)
    placement = _placement(up or USUAL_UP, 1.0 if scale is None else scale)
    cleaned = clean(read.value.transformed(placement, Frame.WORLD), refine_params)
    findings = (*read.findings, *cleaned.findings, *_assumed(up, scale))
    return Outcome(cleaned.value, {**read.counts, **cleaned.counts}, findings), placement


def _bare(plugin: ModuleType) -> dict[str, Any]:
    """Return the parameters with which a collider shows what the splat shows, as far as the plugin has them."""
    known = {f.name for f in fields(plugin.Params)}
    return {name: value for name, value in _BARE.items() if name in known}


def _file_writer(primitive: str, target: Path) -> ModuleType:
    """Return the plugin of a primitive, which must be able to write `target`, a file of its own."""
    plugin = registry.get("author", primitive)
    if not hasattr(plugin, "write"):
        raise InvalidRequest(f"primitive {primitive!r} can be written within a scene only, not by convert.")
    if hasattr(plugin, "check_name"):
        plugin.check_name(target)
    return plugin


def _moved(cloud: GaussianCloud, up: str | None, scale: float | None) -> Outcome[GaussianCloud]:
    """Return the cloud turned and scaled as asked for, and a finding about what was done."""
    if up is None and scale is None:
        return Outcome(cloud)
    known = up is not None and scale is not None
    frame = Frame.WORLD if known else cloud.frame
    moved = cloud.transformed(_placement(up or "z", 1.0 if scale is None else scale), frame)
    turned = "The axes are those of the file" if up is None else f"The file's {up} axis was turned to Z up"
    scaled = "its units were kept" if scale is None else f"units were multiplied by {scale:g} to be metres"
    hint = "" if known else f" Add {'--scale' if scale is None else '--up'} if the file is not so already."
    note = Finding(_MOVED, Severity.INFO, f"{turned}; {scaled}. The floor was not looked for.{hint}")
    return Outcome(moved, {}, (note,))


def _placement(up: str, scale: float) -> Similarity:
    """Return the map from a file's axes and units to Z up and metres."""
    if up not in UP_AXES:
        raise InvalidRequest(f"up must be one of {', '.join(UP_AXES)}, got {shown(up)}.")
    if not 0 < scale < math.inf:
        raise InvalidRequest(f"scale must be a positive number of metres per unit, got {scale}.")
    return UP_AXES[up].then(Similarity(scale))


def _measured_scale(scale: float | None, ruler: str | None) -> float | None:
    """Return metres per unit of a file by what is given; None if nothing is.

    Raises:
        InvalidRequest: both are given, or the ruler is not a length between two points.
    """
    from .refine.rulers import PointRuler, parse_ruler

    if ruler is None:
        return scale
    if scale is not None:
        raise InvalidRequest(
            f"--ruler and --scale: both say how long a unit is, got {ruler!r} and {scale:g}. Leave one out."
        )
    measured = parse_ruler("--ruler", ruler)
    if not isinstance(measured, PointRuler):
        raise InvalidRequest(
            f"--ruler: only generate finds labelled things, got {ruler!r}. Give two points and a length, for example "
            '"0,0,0 0,2.1,0 2.03".'
        )
    return measured.metres_per_unit


def _checked_files(source: object, target: object, overwrite: bool) -> tuple[Path, Path]:
    """Return both paths if there is something to read and nothing in the way of what is written."""
    source, target = given_path("the splat file", source), given_path("the output", target)
    if (source / "request.json").is_file():
        raise InvalidRequest(
            f"{source}: is a run directory, a splat file is needed. Give its gaussians.ply, which generate leaves "
            "there with --keep-splat."
        )
    if not source.exists():
        raise InvalidRequest(f"{source}: does not exist. Readable splats: {', '.join(READABLE)} and NuRec usdz.")
    if source.is_dir():
        raise InvalidRequest(f"{source}: is a directory, a splat file is needed.")
    format_of(source)
    if target.exists() and source.samefile(target):
        raise InvalidRequest(f"{target}: is the input itself. Choose another name for the output.")
    if target.is_dir():
        raise InvalidRequest(f"{target}: is a directory, a file name is needed.")
    if not target.parent.is_dir():
        raise InvalidRequest(f"{target.parent}: no such directory. Make it first.")
    check_new(target, overwrite)
    return source, target


def _write_proxy(target: Path, proxy: CollisionProxy) -> None:
    with replacing(target) as part:
        if target.suffix.lower() == ".usdc":
            importlib.import_module("lyra_backend.author.collision").write(proxy, part)
        elif target.suffix.lower() == ".obj":
            write_obj(part, *proxy.welded())
        else:
            import trimesh

            vertices, triangles = proxy.welded()
            trimesh.Trimesh(vertices, triangles, process=False).export(part)

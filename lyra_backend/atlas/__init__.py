"""Many scenes in one stage with one collider mesh, so that a robot trains in all of them at once.

Does: lay scenes out on a grid, join their colliders, find places to start in each, check the result in USD's validators
and in PhysX. Does not: change a scene, take away triangles, or bring in bodies that move.

    DIR/atlas.usda       the asset to reference       DIR/stage.usda      the same with gravity and light
    DIR/collision.usdc   the mesh and its material    DIR/tiles.json      where each scene is; written last
    DIR/report.json provenance.json LICENSES.md
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..atomic import atomic_write, remove_leftovers
from ..errors import InvalidRequest, shown
from ..paths import given_path
from ..progress import CancelToken, Event, Progress
from ..types import RunReport, SceneResult, Severity, StageReport
from .findings import judged
from .layout import Layout, lay_out
from .options import AtlasOptions
from .sources import find_sources
from .tiles import TILES_FILE, provenance_of, relative, tiles_json, worst_errors

if TYPE_CHECKING:
    from ..author.atlas import Look

__all__ = ["AtlasOptions", "make_atlas"]

_REPORT = "report.json"
#: What there is of an atlas before ``tiles.json``.
_FILES = {"atlas.usda", "collision.usdc", "stage.usda", "provenance.json", "LICENSES.md", _REPORT}
_GEOMETRY = ("inferred", "measured", "exact")


def make_atlas(
    scenes: Sequence[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    *,
    options: AtlasOptions | None = None,
    force: bool = False,
    overwrite: bool = False,
    listener: Callable[[Event], None] | None = None,
    token: CancelToken | None = None,
) -> SceneResult:
    """Put scenes side by side into the directory `out`; the same scenes in the same order give the same bytes.

    Args:
        scenes: run directories, or folders of batches, whose accepted scenes are taken; one may come more than once.
        out: a new or empty directory, or with `overwrite` that of another atlas.
        options: how they are put; usual values if left out.
        force: take scenes that were not accepted as well.
        overwrite: replace an atlas that is there.
        listener: called with every progress event.
        token: set it from another thread to stop.

    Raises:
        InvalidRequest: a scene cannot be used, `out` holds something else, or options are out of range.
        Cancelled: `token` was set; `out` holds no whole atlas then.
    """
    options, progress = options or AtlasOptions(), Progress(listener, token, stage="atlas")
    directory = given_path("out", out)
    if isinstance(scenes, str | os.PathLike):
        raise InvalidRequest(f"scenes must be a list of paths, got {shown(scenes)}.")
    _check_room(directory, overwrite)
    sources = find_sources([given_path("scenes", scene) for scene in scenes], force=force)
    parts = progress.children({"reading": 7.0, "writing": 3.0, "checking": 10.0})
    layout = lay_out(sources, options.margin_m, options.spawn_count, options.clearance_m, parts["reading"])
    parts["writing"](0.0, "writing the atlas")
    provenance, looks = provenance_of(sources), _looks(layout, directory)
    _clear(directory)
    _write(directory, layout, looks, provenance)
    made = StageReport("atlas", "grid", layout.counts(), judged(layout, len(looks), options))
    report = _report(layout, (made, _checked(directory, layout, parts["checking"])), force)
    atomic_write(directory / _REPORT, json.dumps(report.to_json(), indent=2, ensure_ascii=False) + "\n")
    atomic_write(directory / TILES_FILE, tiles_json(layout, options.margin_m, directory))
    progress(1.0, f"put {len(sources)} scenes side by side")
    return SceneResult(directory, report)


def _check_room(directory: Path, overwrite: bool) -> None:
    """Refuse an output that is no place for an atlas; nothing is changed."""
    if not directory.exists():
        return
    if not directory.is_dir():
        raise InvalidRequest(f"{directory}: the output must be a directory, but this is a file. Choose another --out.")
    held = {path.name for path in directory.iterdir() if not path.name.startswith(".")}
    if TILES_FILE in held and not overwrite:
        raise InvalidRequest(f"{directory}: already holds an atlas. Choose another --out, or add --overwrite.")
    if TILES_FILE not in held and not held <= _FILES:  # some of these are of an atlas that was stopped
        raise InvalidRequest(f"{directory}: holds files that are not an atlas. Choose a new directory for --out.")


def _clear(directory: Path) -> None:
    """Make the output directory, or take from it what says that there is a whole atlas."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        remove_leftovers(directory)
        (directory / TILES_FILE).unlink(missing_ok=True)
    except OSError as error:
        raise InvalidRequest(f"{directory}: cannot write there ({error.strerror}). Choose another --out.") from error


def _looks(layout: Layout, directory: Path) -> list[Look]:
    """Return the Gaussians that can be shown."""
    from ..author.atlas import Look
    from ..author.labels import prim_names
    from ..author.particle_field import FILE_NAME

    names = prim_names(layout.names)
    looks = []
    for source, (x, y, z) in zip(layout.sources, layout.origins.tolist(), strict=True):
        file = relative(source.directory / FILE_NAME, directory)
        if file is not None and (source.directory / FILE_NAME).is_file():
            looks.append(Look(names[source.name], (x, y, z), file))
    return looks


def _write(directory: Path, layout: Layout, looks: Sequence[Look], provenance: dict[str, Any]) -> None:
    """Write layers, provenance and licences."""
    from ..author.atlas import write_atlas
    from ..author.provenance import write_licenses, write_provenance

    classes = sorted({name for scene in layout.welded for name in scene.classes})
    methods = sorted({scene.method for scene in layout.welded if scene.method})
    errors = worst_errors(scene.error_m for scene in layout.welded)
    origin = {"method": ", ".join(methods), **({"errorMeters": errors} if errors else {})}
    write_atlas(directory, layout.mesh, layout.welded[0].material, classes, origin, looks)
    write_provenance(provenance, directory)
    write_licenses(provenance, directory)


def _checked(directory: Path, layout: Layout, progress: Progress) -> StageReport:
    """Check the written files, and that robots can start where it says."""
    from ..author.stage import STAGE_FILE
    from ..validate import Params
    from ..validate.tile_drop import check_drop
    from ..validate.usd import check_usd, quiet_usd

    limits, stage = Params(), directory / STAGE_FILE
    with quiet_usd():
        usd = check_usd(directory, limits, progress.child(0.0, 0.5))
        drop = check_drop(stage, layout.names, layout.spawns, layout.mesh.boxes, limits, progress.child(0.5, 1.0))
    return StageReport("validate", "", {**usd.counts, **drop.counts}, (*usd.findings, *drop.findings))


def _report(layout: Layout, stages: tuple[StageReport, ...], force: bool) -> RunReport:
    """Return the report: no better than the worst scene."""
    reports = [source.report for source in layout.sources]
    is_sound = all(f.severity is not Severity.ERROR for stage in stages for f in stage.findings)
    accepted = is_sound and all(report.accepted for report in reports)
    grade = "train" if accepted and all(report.grade == "train" for report in reports) else "demo"
    geometry = min((report.geometry for report in reports), key=_GEOMETRY.index)
    return RunReport(accepted, force, geometry, grade, stages, worst_errors(scene.error_m for scene in layout.welded))

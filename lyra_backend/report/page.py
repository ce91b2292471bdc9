"""``report.html``: all of a run in one file that needs no other, and no network."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..atomic import atomic_write
from ..io.images import as_webp
from ..io.run_inputs import INPUTS, NAMES_FILE
from ..types import Finding, RunReport, SceneRequest, Severity
from ..types.units import SHARE
from . import plots
from .command import command_of
from .pictures import COLLIDER_PICTURE, ERROR_PICTURE, HISTOGRAM, MAP, TURNS
from .templating import rendered

__all__ = ["REPORT_PAGE", "PageContent", "write_page"]

REPORT_PAGE = "report.html"
#: What previews show, by the start of their file's name; others are called as their file.
_CAPTIONS = {
    "preview": "The scene",
    "preview_robot_0.3m": "From 0.3 m above the ground",
    "preview_robot_0.6m": "From 0.6 m",
    "preview_robot_1.5m": "From 1.5 m",
    "keyframe_input": "The picture that it was made from",
}
#: Files that people open first, and what they are; those that are there are listed.
_FILES = {
    "stage_isaac6.usda": "open it in Isaac Sim 6 and press Play",
    "stage_isaac5.usda": "the same for Isaac Sim 5",
    "scene.usda": "the scene to reference from your own stage",
    "isaac_lab_cfg.py": "the scene for Isaac Lab",
    "scene.xml": "the scene for MuJoCo",
    "map.yaml": "a map for ROS",
    "turntable.mp4": "the turntable as a video",
    "turntable.gif": "the turntable as an animation",
    "gaussians.ply": "the Gaussians as a splat file",
    "report.json": "this report for programs",
}
_ORDER = (Severity.ERROR, Severity.WARNING, Severity.INFO)
_DIGITS = 3


@dataclass(frozen=True)
class PageContent:
    """What a page says beside its pictures.

    Attributes:
        request: what was asked for, as the run's directory holds it.
        report: what was found.
        timings: entries of ``timings.json``.
        provenance: JSON data: what made the scene.
    """

    request: SceneRequest
    report: RunReport
    timings: Sequence[Mapping[str, Any]]
    provenance: Mapping[str, Any]


@dataclass(frozen=True)
class _Row:
    """A finding as the table shows it."""

    severity: str
    stage: str
    message: str
    code: str
    where: str
    measured: str
    limit: str


def write_page(root: Path, told: PageContent, made: Path) -> None:
    """Write ``report.html`` of a run.

    Args:
        root: the run's directory, in which its pictures and licences lie.
        told: what the page says.
        made: folder that :func:`lyra_backend.report.run` filled.
    """
    report, request, timings = told.report, told.request, told.timings
    text = rendered(
        "report",
        title=_title(request, root),
        report=report,
        verdict=_verdict(report),
        facts=_facts(report),
        previews=[(name, _CAPTIONS.get(path.stem, path.stem), _picture(path)) for name, path in _previews(root)],
        turns=[_data(path.read_bytes(), "webp") for path in sorted((made / TURNS).glob("*.webp"))],
        collider=_picture(root / COLLIDER_PICTURE),
        error=_picture(root / ERROR_PICTURE),
        histogram=_drawing(made / HISTOGRAM),
        error_m=report.error_m,
        map=_drawing(made / MAP),
        rows=_rows(report),
        counts={severity.value: sum(f.severity is severity for f in report.findings) for severity in _ORDER},
        times=_data(plots.times_of(timings), "svg+xml"),
        seconds=sum(float(stage["wall_s"]) for stage in timings),
        command=command_of(request, _names(root)),
        files=[(name, told) for name, told in _FILES.items() if (root / name).is_file() or name == "report.json"],
        made_by=_made_by(told.provenance),
        licences=_licences(root),
    )
    atomic_write(root / REPORT_PAGE, text)


def _title(request: SceneRequest, root: Path) -> str:
    if request.prompt:
        return request.prompt
    given = next((value for value in (request.video, request.image, request.splat) if value), "")
    return _names(root).get(Path(given).name, Path(given).name)


def _verdict(report: RunReport) -> str:
    """Return in a sentence what the scene is good for."""
    errors = sum(f.severity is Severity.ERROR for f in report.findings)
    if errors:
        return f"Not accepted: {errors} {'check' if errors == 1 else 'checks'} found an error."
    if report.grade == "train":
        return "Accepted, and fit to train in."
    return "Accepted as a demo: its scale, its kind or its generator keep it from counting as a scene to train in."


def _facts(report: RunReport) -> list[tuple[str, str]]:
    """Return the figures that people look for first, with what they are."""
    counts = {stage.stage: stage.counts for stage in report.stages}
    found = [
        ("geometry", report.geometry),
        ("Gaussians", _count(counts.get("author", {}).get("gaussians", counts.get("generate", {}).get("gaussians")))),
        ("collider triangles", _count(counts.get("collide", {}).get("triangles"))),
        ("collider error, 95 % within", _length(report.error_m.get("p95"))),
        ("floor", _number(counts.get("place", {}).get("floor_m2"), "m2")),
        ("bodies dropped in PhysX", _count(counts.get("validate", {}).get("dropped_bodies"))),
    ]
    return [(name, value) for name, value in found if value]


def _rows(report: RunReport) -> list[_Row]:
    found = [(finding, stage.stage) for stage in report.stages for finding in stage.findings]
    return [_row(finding, stage) for finding, stage in sorted(found, key=lambda pair: _ORDER.index(pair[0].severity))]


def _row(finding: Finding, stage: str) -> _Row:
    measured, limit = (_number(value, finding.unit) for value in (finding.measured, finding.limit))
    return _Row(finding.severity.value, stage, finding.message, finding.code, finding.where, measured, limit)


def _previews(root: Path) -> Iterable[tuple[str, Path]]:
    known = [root / f"{stem}.png" for stem in _CAPTIONS]
    others = sorted(set(root.glob("preview*.png")) - set(known))
    return [(path.name, path) for path in (*known, *others) if path.is_file()]


def _made_by(provenance: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what of the provenance is one word or number."""
    return [(str(k), str(v)) for k, v in sorted(provenance.items()) if isinstance(v, str | int | float | bool)]


def _licences(root: Path) -> list[list[str]]:
    """Return the rows of the table in LICENSES.md."""
    path = root / "LICENSES.md"
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    return [row for row in rows if not set("".join(row)) <= {"-", " "}]


def _names(root: Path) -> dict[str, str]:
    """Return what the user's files were called, by the names of their copies."""
    path = root / INPUTS / NAMES_FILE
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def _picture(path: Path) -> str:
    """Return a picture as an address that holds it; "" if there is none."""
    import numpy as np
    from PIL import Image

    return _data(as_webp(np.asarray(Image.open(path).convert("RGB"))), "webp") if path.is_file() else ""


def _drawing(path: Path) -> str:
    return _data(path.read_bytes(), "svg+xml") if path.is_file() else ""


def _data(content: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"


def _count(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}"


def _length(value_m: float | None) -> str:
    return "" if value_m is None else f"{1000 * value_m:.3g} mm"


def _number(value: float | None, unit: str) -> str:
    if value is None:
        return ""
    if unit == "m" and abs(value) < 1.0:
        return _length(value)
    if unit == SHARE:
        value, unit = 100.0 * value, "%"
    return f"{value:.{_DIGITS}g} {unit.replace('m2', 'm²')}".rstrip()

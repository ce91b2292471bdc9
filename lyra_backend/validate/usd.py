"""Check USD files: ours, or anybody's.

Does: run every check of USD on a file or on all USD files of a run directory. Does not: change a file, or simulate.

House rules, which go beyond what USD and engines need, are errors in our own scenes and advice for everybody else's:
a default prim, no Plane prims, and what NVIDIA's asset validator asks for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from pxr import Tf, Usd, UsdGeom, UsdUtils

from ..errors import InvalidRequest
from ..progress import Progress
from ..types import Finding, Outcome, Severity
from .bare_text import bare
from .colliders import is_collider
from .placed_robots import open_scene, robots_not_checked
from .usd_colliders import check_collider, check_plane
from .usd_fields import check_field, field_key, is_field
from .usd_layers import check_default_prim, check_metadata, check_package, check_references, files_below
from .usd_rules import check_asset_rules, check_usd_rules
from .usd_variants import variations

__all__ = ["SUFFIXES", "check_usd", "quiet_usd", "usd_files"]

SUFFIXES = (".usda", ".usdc", ".usdz", ".usd")
#: What people open comes first: findings are then named after it, and it is what is simulated.
_MAIN = ("stage.usda", "scene.usda")
#: Lies beside the scenes that this package has written.
_OUR_MARK = "provenance.json"


def usd_files(path: Path) -> tuple[Path, ...]:
    """Return the USD files of a run directory, the one people open first; a file is its own only one.

    Paths are absolute: validators quote them as they are given, and only absolute ones can be told from prims' paths.

    Raises:
        InvalidRequest: `path` is neither a directory with a stage in it nor a USD file.
    """
    if path.is_dir():
        found = [p for p in path.iterdir() if p.suffix.lower() in SUFFIXES and p.is_file()]
        found.sort(key=lambda p: (_MAIN.index(p.name) if p.name in _MAIN else len(_MAIN), p.name))
        if not found or found[0].name not in _MAIN:
            others = f"only {', '.join(p.name for p in found[:3])}" if found else "no USD file at all"
            raise InvalidRequest(
                f"{path}: must hold {' or '.join(_MAIN)} to be checked, it holds {others}; name a run directory or a "
                "USD file."
            )
        return tuple(path.resolve() / p.name for p in found)
    if not path.is_file():
        raise InvalidRequest(f"{path}: does not exist; name a run directory or a USD file.")
    if path.suffix.lower() not in SUFFIXES:
        raise InvalidRequest(f"{path}: must be a directory or a file ending in {', '.join(SUFFIXES)}.")
    return (path.parent.resolve() / path.name,)


def check_usd(path: Path, limits: Any, progress: Progress) -> Outcome[None]:
    """Check the USD file `path`, or every USD file of the run directory `path`.

    Args:
        path: file or run directory.
        limits: the validate stage's `Params`.
        progress: reported for each file and check.

    Raises:
        InvalidRequest: there is nothing to be checked at `path`.
    """
    files = usd_files(path)
    check = _Check(limits, files, is_ours=(files[0].parent / _OUR_MARK).is_file())
    for i, file in enumerate(files):
        check.file(file, progress.child(i / len(files), (i + 1) / len(files)))
    progress(1.0, f"checked {len(files)} USD files")
    return Outcome(None, {"usd_files": len(files), **check.counts}, tuple(check.findings))


class _Check:
    """Findings over several files; what is seen through several of them is reported once."""

    def __init__(self, limits: Any, files: Iterable[Path], is_ours: bool) -> None:
        self.findings: list[Finding] = []
        self.counts = {"particle_fields": 0, "colliders": 0, "collider_triangles": 0}
        self._limits = limits
        self._files = frozenset(file.resolve() for file in files)
        self._brought_in: set[Path] = set()
        self._is_ours = is_ours
        self._seen: set[Any] = set()

    def file(self, file: Path, progress: Progress) -> None:
        """Check one file with all that it refers to."""
        progress(0.0, f"opening {file.name}")
        stage = _open(file)
        if isinstance(stage, Finding):
            self._add([stage])
            return
        root = stage.GetRootLayer()
        self._add(check_package(file, file.name))
        self._add(check_metadata(root, file.name))
        self._add(robots_not_checked(root, file.name))
        self._advise(check_default_prim(root, file.name))
        for layer in sorted(stage.GetUsedLayers(), key=lambda layer: str(layer.realPath)):
            if not layer.anonymous:
                self._add(check_references(layer, file.name if layer == root else layer.GetDisplayName()))
        progress(0.1, f"checking prims of {file.name}")
        self._prims(stage, file.name)
        self._rules(stage, file, progress.child(0.6, 1.0))

    def _rules(self, stage: Usd.Stage, file: Path, progress: Progress) -> None:
        """Run the rules of others, which take seconds, once on everything.

        What another file brings in, in whatever variant, is checked there; a root upon another has the same prims.
        """
        below = {(file.parent / layer).resolve() for layer in stage.GetRootLayer().subLayerPaths}
        is_known = file.resolve() in self._brought_in or not below.isdisjoint(self._files)
        stages = [stage] if is_known else list(variations(stage))
        for i, variation in enumerate(stages):
            progress(i / len(stages), f"running validators on {file.name}")
            self._add(_in_order(check_usd_rules(variation, file.name)), file.parent)
            if not is_known:
                self._advise(_in_order(check_asset_rules(variation, file.name)), file.parent)
        self._brought_in |= files_below(file)

    def _add(self, findings: Iterable[Finding], *folders: Path) -> None:
        """Keep findings that say something new, without the names of folders."""
        for finding in findings:
            message = bare(finding.message, *folders)
            file, _, prim = finding.where.partition(":")
            said = (finding.code, message.removeprefix(f"{finding.where}: "), prim or file)
            if said not in self._seen:
                self._seen.add(said)
                self.findings.append(replace(finding, message=message))

    def _advise(self, findings: Iterable[Finding], *folders: Path) -> None:
        """Keep findings of house rules."""
        self._add((f if self._is_ours else _as_advice(f) for f in findings), *folders)

    def _prims(self, stage: Usd.Stage, name: str) -> None:
        for prim in Usd.PrimRange.Stage(stage, Usd.TraverseInstanceProxies()):
            where = f"{name}:{prim.GetPath()}"
            if is_field(prim):
                self._field(prim, where)
            elif is_collider(prim) and prim.IsA(UsdGeom.Gprim):
                self._collider(prim, where)
            self._advise(check_plane(prim, where))

    def _field(self, prim: Usd.Prim, where: str) -> None:
        key = field_key(prim)
        if key not in self._seen:
            self._seen.add(key)
            self.counts["particle_fields"] += 1
            self._add(check_field(prim, where, self._limits.quaternion_norm_error_max))

    def _collider(self, prim: Usd.Prim, where: str) -> None:
        # The first spec may be a restyling of one file only; the last one is the collider itself.
        key = tuple(f"{spec.layer.realPath}{spec.path}" for spec in prim.GetPrimStack()[-1:])
        if key not in self._seen:
            self._seen.add(key)
            findings, triangles = check_collider(prim, where, self._limits)
            self.counts["colliders"] += 1
            self.counts["collider_triangles"] += triangles
            self._add(findings)


def _open(file: Path) -> Usd.Stage | Finding:
    """Open a stage, or say why that cannot be done."""
    try:
        return open_scene(file)
    except Tf.ErrorException as error:
        reason = bare(str(error.args[0].commentary), file.parent) if error.args else "no reason given"
        message = f"{file.name}: USD cannot open it: {reason}"
        return Finding("usd.unreadable", Severity.ERROR, message, where=file.name)


def _in_order(findings: Iterable[Finding]) -> list[Finding]:
    """Sort the findings of rules that run side by side and end in any order."""
    return sorted(findings, key=lambda f: (f.code, f.where, f.message))


def _as_advice(finding: Finding) -> Finding:
    if finding.severity is not Severity.ERROR:
        return finding
    message = f"{finding.message} (A house rule of Lyra SceneGen, advice for other stages.)"
    return replace(finding, severity=Severity.WARNING, message=message)


@contextmanager
def quiet_usd() -> Iterator[None]:
    """Keep USD from printing what becomes findings."""
    delegate = UsdUtils.CoalescingDiagnosticDelegate()
    try:
        yield
    finally:
        delegate.TakeUncoalescedDiagnostics()

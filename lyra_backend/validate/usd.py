"""Check USD files: ours, or anybody's.

Does: run every check of USD on a file or on all USD files of a directory. Does not: change a file, or simulate.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from pxr import Tf, Usd

from ..errors import InvalidRequest
from ..progress import Progress
from ..types import Finding, Outcome, Severity
from .usd_colliders import ColliderLimits, check_collider, check_planes, is_collider
from .usd_fields import check_field, field_key, is_field
from .usd_layers import check_layer
from .usd_rules import check_asset_rules, check_usd_rules

__all__ = ["SUFFIXES", "check_usd", "usd_files"]

SUFFIXES = (".usda", ".usdc", ".usdz", ".usd")
#: What people open comes first: findings are then named after it.
_FIRST = ("stage.usda", "scene.usda")
_COLLISION_SET = "collision"


def usd_files(path: Path) -> tuple[Path, ...]:
    """Return the USD files of a directory, those people open first; a file is its own only one.

    Raises:
        InvalidRequest: `path` is neither a directory nor a USD file.
    """
    if path.is_dir():
        found = [p for p in path.iterdir() if p.suffix.lower() in SUFFIXES and p.is_file()]
        return tuple(sorted(found, key=lambda p: (_FIRST.index(p.name) if p.name in _FIRST else len(_FIRST), p.name)))
    if not path.is_file() or path.suffix.lower() not in SUFFIXES:
        raise InvalidRequest(f"{path}: must be a directory or a file ending in {', '.join(SUFFIXES)}.")
    return (path,)


def check_usd(path: Path, limits: Any, progress: Progress) -> Outcome[None]:
    """Check the USD file `path`, or every USD file of the directory `path`.

    Args:
        path: file or run directory.
        limits: the validate stage's `Params`.
        progress: reported for each file and check.

    Raises:
        InvalidRequest: `path` is neither a directory nor a USD file.
    """
    files = usd_files(path)
    check = _Check(limits)
    if not files:
        check.add([Finding("usd.none", Severity.ERROR, f"{path.name}: holds no USD file.", where=path.name)])
    for i, file in enumerate(files):
        check.file(file, i == 0, progress.child(i / len(files), (i + 1) / len(files)))
    progress(1.0, f"checked {len(files)} USD files")
    return Outcome(None, {"usd_files": len(files), **check.counts}, tuple(check.findings))


class _Check:
    """Findings over several files; what is seen through several of them is reported once."""

    def __init__(self, limits: Any) -> None:
        self.findings: list[Finding] = []
        self.counts = {"particle_fields": 0, "colliders": 0, "collider_triangles": 0}
        self._limits = limits
        self._colliders = ColliderLimits(
            limits.degenerate_triangle_share_max, limits.collider_triangles_max, limits.static_friction_min
        )
        self._seen: set[Any] = set()

    def file(self, file: Path, is_main: bool, progress: Progress) -> None:
        """Check one file; only the main one has to have colliders."""
        progress(0.0, f"opening {file.name}")
        stage = _open(file)
        if isinstance(stage, Finding):
            self.add([stage])
            return
        self.add(check_layer(stage.GetRootLayer(), file.name))
        progress(0.1, f"checking prims of {file.name}")
        self._prims(stage, file.name, is_main)
        progress(0.6, f"running validators on {file.name}")
        self.add(_relative(check_usd_rules(stage, file.name), file.parent))
        progress(0.7, f"running the asset validator on {file.name}")
        self.add(_relative(check_asset_rules(file, file.name), file.parent))

    def add(self, findings: Iterator[Finding] | list[Finding]) -> None:
        """Keep findings that say something new."""
        for finding in findings:
            file, _, prim = finding.where.partition(":")
            said = (finding.code, finding.message.removeprefix(f"{finding.where}: "), prim or file)
            if said not in self._seen:
                self._seen.add(said)
                self.findings.append(finding)

    def _prims(self, stage: Usd.Stage, name: str, is_main: bool) -> None:
        colliders = 0
        for prim in Usd.PrimRange.Stage(stage, Usd.TraverseInstanceProxies()):
            where = f"{name}:{prim.GetPath()}"
            if is_field(prim):
                self._field(prim, where)
            elif is_collider(prim):
                colliders += 1
                self._collider(prim, where)
        self.add(check_planes(stage, name))
        if is_main and not colliders:
            self.add([_no_colliders(stage, name)])

    def _field(self, prim: Usd.Prim, where: str) -> None:
        key = field_key(prim)
        if key not in self._seen:
            self._seen.add(key)
            self.counts["particle_fields"] += 1
            self.add(check_field(prim, where, self._limits.quaternion_norm_error_max))

    def _collider(self, prim: Usd.Prim, where: str) -> None:
        # The first spec may be a restyling of one file only; the last one is the collider itself.
        key = tuple(f"{spec.layer.realPath}{spec.path}" for spec in prim.GetPrimStack()[-1:])
        if key not in self._seen:
            self._seen.add(key)
            findings, triangles = check_collider(prim, where, self._colliders)
            self.counts["colliders"] += 1
            self.counts["collider_triangles"] += triangles
            self.add(findings)


def _open(file: Path) -> Usd.Stage | Finding:
    """Open a stage, or say why that cannot be done."""
    try:
        return Usd.Stage.Open(str(file))
    except Tf.ErrorException as error:
        reason = str(error).strip().splitlines()[-1].replace(str(file.parent), "").strip()
        return Finding(
            "usd.unreadable", Severity.ERROR, f"{file.name}: USD cannot open it: {reason[:300]}", where=file.name
        )


def _no_colliders(stage: Usd.Stage, name: str) -> Finding:
    """Say that nothing collides: an error where a scene announces colliders, else a warning."""
    root = stage.GetDefaultPrim()
    selected = root.GetVariantSets().GetVariantSelection(_COLLISION_SET) if root else ""
    announced = bool(selected) and selected != "none"
    message = f"{name}: holds no colliders, robots fall through it."
    severity = Severity.ERROR if announced else Severity.WARNING
    return Finding("usd.no_colliders", severity, message, 0, 1, name)


def _relative(findings: Iterator[Finding], directory: Path) -> Iterator[Finding]:
    """Take the directory out of messages: what is found must not depend on where the files lie."""
    for finding in findings:
        message = finding.message
        for form in (str(directory.resolve()), directory.resolve().as_posix(), str(directory)):
            message = message.replace(form + "/", "").replace(form + "\\", "")
        yield replace(finding, message=message)

"""What a run found out about its scene. Times are not in here: reports are the same for the same request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Generic, TypeVar

from .units import unit_of

__all__ = ["Finding", "Outcome", "RunReport", "Severity", "StageReport"]

T = TypeVar("T")
Number = int | float


class Severity(StrEnum):
    """`ERROR` keeps a scene from being accepted."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True)
class Finding:
    """A measured statement about the scene.

    Attributes:
        code: stable dotted name, "<subject>.<what>", for example "scale.unknown".
        severity: what it means for acceptance.
        message: one sentence for a person, with units.
        measured: the value found, None if it is not a number.
        limit: the bound it was held against, None if there is none.
        where: prim path, file name or position, "" if it is the scene as a whole.
        unit: what `measured` and `limit` are in, both in the same; "" if there are none. Filled in by the code for the
            findings of this package, see ``units``.
    """

    code: str
    severity: Severity
    message: str
    measured: float | None = None
    limit: float | None = None
    where: str = ""
    unit: str = ""

    def __post_init__(self) -> None:
        if not self.unit and (self.measured is not None or self.limit is not None):
            object.__setattr__(self, "unit", unit_of(self.code))

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Finding:
        """Build a finding from plain JSON data."""
        return Finding(**{**data, "severity": Severity(data["severity"])})


@dataclass(frozen=True)
class Outcome(Generic[T]):
    """What every stage returns: its `value`, `counts` of what went in and out, and its findings."""

    value: T
    counts: Mapping[str, Number] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class StageReport:
    """One stage of a run: plugin name, counts and findings."""

    stage: str
    plugin: str
    counts: Mapping[str, Number]
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class RunReport:
    """The whole run.

    Attributes:
        accepted: every stage finished and no finding is an error.
        forced: the user asked to keep the scene regardless; never changes `accepted`.
        geometry: "exact", "measured" or "inferred": where the shape comes from.
        grade: "train" or "demo": what the scene is good for. To train in, it must be accepted, of known scale, and of
            the kind that was asked for: a scene whose kind had to be guessed is a demo, however sound it is, and so is
            one of a generator or a model that makes nothing else.
        stages: reports in pipeline order.
        error_m: how far the colliders are measured to be off [m], by name; see `CollisionProxy.error_m`.
    """

    accepted: bool
    forced: bool
    geometry: str
    grade: str
    stages: tuple[StageReport, ...]
    error_m: Mapping[str, float] = field(default_factory=dict)

    @property
    def findings(self) -> tuple[Finding, ...]:
        return tuple(f for s in self.stages for f in s.findings)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON data; keys keep their order."""
        return asdict(self)

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> RunReport:
        """Build a report from what :meth:`to_json` gave."""
        stages = tuple(
            StageReport(s["stage"], s["plugin"], s["counts"], tuple(Finding.from_json(f) for f in s["findings"]))
            for s in data["stages"]
        )
        return RunReport(
            data["accepted"], data["forced"], data["geometry"], data["grade"], stages, data.get("error_m", {})
        )

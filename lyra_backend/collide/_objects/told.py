"""What the report says about objects."""

from __future__ import annotations

from collections.abc import Container

from ...types import CollisionPart, Finding, Primitive, Severity
from .hulls import Hull
from .solve import Solved

__all__ = ["object_counts", "object_findings"]

_POOR_M = 0.05  # error of an object that is worth a warning


def object_counts(
    usable: list[tuple[int, Solved]], parts: list[CollisionPart], moving: Container[int]
) -> dict[str, int | float]:
    primitives = [s for _, s in usable if isinstance(s.shapes[0], Primitive)]
    counts: dict[str, int | float] = {
        "objects": len(usable),
        "objects_primitive": len(primitives),
        "objects_moving": sum(i in moving for i, _ in usable),
        "object_shapes": len(parts),
    }
    if usable:
        counts["object_error_p95_max_m"] = round(max(s.error_m for _, s in usable), 4)
    return counts


def object_findings(
    names: list[str], usable: list[tuple[int, Solved]], moving: Container[int], dynamic: bool
) -> list[Finding]:
    found = []
    poor = [(s.error_m, name) for name, (_, s) in zip(names, usable, strict=True) if s.error_m > _POOR_M]
    if poor:
        worst, name = max(poor)
        text = (
            f"The simple shapes of {len(poor)} of {len(names)} objects are more than {100 * _POOR_M:.0f} cm off their "
            f"surface (95 % quantile), worst {name} by {100 * worst:.1f} cm; collide.objects=coacd cuts more "
            "closely. The mesh of the whole (variant single) is not made of them."
        )
        found.append(Finding("collide.object_error", Severity.WARNING, text, worst, _POOR_M, where=name))
    thick = [
        (max(h.thickened for h in s.shapes if isinstance(h, Hull)), name)
        for name, (_, s) in zip(names, usable, strict=True)
        if isinstance(s.shapes[0], Hull)
    ]
    thick = [entry for entry in thick if entry[0] > 0]
    if thick:
        most, name = max(thick)
        text = (
            f"{len(thick)} objects have pieces too thin for engines (size over 100 times the radius inside); they were "
            f"made thicker by at most {1000 * most:.0f} mm."
        )
        found.append(Finding("collide.hull_thickened", Severity.INFO, text, most, 0.0, where=name))
    still = [name for name, (i, _) in zip(names, usable, strict=True) if i not in moving]
    if dynamic and still:
        text = (
            f"{len(still)} of {len(names)} objects stay fixed, because they overlap something, hang, lie in uneven "
            f"ground or would fall over: {', '.join(still[:8])}{' and others' if len(still) > 8 else ''}."
        )
        found.append(Finding("collide.object_fixed", Severity.INFO, text, float(len(still)), 0.0))
    return found

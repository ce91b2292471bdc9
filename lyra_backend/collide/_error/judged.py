"""What a person is told of the figures: each held against its limit."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ...types import Finding, Severity
from .figures import Figures

__all__ = ["FEW_PLACES", "LIMITS", "judged", "unmeasured"]

Floats = npt.NDArray[np.floating]

FEW_PLACES = 50  # fewer are too few to say anything

#: Limits of findings: shares; for `leak` places; for `floor_rough` [m].
LIMITS = {
    "rays_missing": 0.01,
    "holes": 0.01,
    "phantom": 0.01,
    "thin_walls": 0.01,
    "leak": 0.0,
    "floor_missing": 0.01,
    "floor_steps": 0.01,
    "floor_rough": 0.010,
}


def judged(figures: Figures, max_error_p95: float) -> list[Finding]:
    """Return the error against the largest [m] that is no warning, and what is beyond its limit."""
    state, rays, floor = figures.state, figures.rays, figures.floor
    passed, places = figures.crossings
    warnings = [
        _beyond(
            "rays_missing",
            rays.missing,
            f"{_percent(rays.missing)} of the rays that end on a surface find no collider there; bodies go through it.",
            state.holes,
        ),
        _beyond(
            "holes",
            state.missing,
            f"{_percent(state.missing)} of the surface, in {_number(state.holes, 'piece')}, has no collider within "
            "10 cm.",
            state.holes,
        ),
        _beyond(
            "phantom",
            rays.phantom,
            f"{_percent(rays.phantom)} of the rays hit collider where the Gaussians show nothing.",
            rays.phantoms,
        ),
        _beyond(
            "thin_walls",
            len(passed) / max(places, 1),
            f"{len(passed)} of {places} rays through thin walls met no collider from the front: bodies pass there.",
            passed,
        ),
        _leak(figures),
        _beyond(
            "floor_missing",
            floor.missing,
            f"{_percent(floor.missing)} of the floor that can be stood over has no collider beneath; feet step into "
            "nothing there.",
            floor.holes,
        ),
        _beyond(
            "floor_steps",
            floor.steps,
            f"{_percent(floor.steps)} of neighbouring places on the floor's plane, a voxel apart, differ by more than "
            "2 cm in height; small wheels stop there.",
        ),
        _beyond(
            "floor_rough",
            floor.p95_m,
            f"The floor's plane is uneven by {_millimetres(floor.p95_m)} (95 %); small wheels feel that.",
        ),
    ]
    return [_error(figures, max_error_p95), *(finding for finding in warnings if finding is not None)]


def unmeasured(places: int, alone: int = 0) -> Finding:
    """Too few places show a surface: `places` were found, and `alone` more on pieces that are alone in space."""
    besides = f"; {alone} more are far from the collider, on small pieces alone in space" if alone else ""
    text = (
        f"The error of the collider could not be measured: the Gaussians show a surface at {places} places only, "
        f"{FEW_PLACES} are needed{besides}."
    )
    return Finding("collide.unmeasured", Severity.WARNING, text, float(places), float(FEW_PLACES))


def _error(figures: Figures, limit: float) -> Finding:
    state = figures.state
    text = (
        f"95 % of the surface that can be reached is within {_millimetres(state.p95)} of the collider (wanted: "
        f"{_millimetres(limit)}), half of it within {_millimetres(state.median)}, as far as the Gaussians tell."
    )
    if figures.surface.is_hazy:
        spread = _millimetres(float(np.median(figures.surface.spread)))
        text += f" They scatter by {spread} around the surface, so where it lies is uncertain."
    severity = Severity.WARNING if state.p95 > limit else Severity.INFO
    return Finding("collide.error_p95", severity, text, round(state.p95, 6), limit)


def _leak(figures: Figures) -> Finding | None:
    floor = figures.floor
    walls, open_m2 = figures.walls_open
    ways = [
        f"{len(holes)} in {what}, where at least {area.sum():.2f} m2 are open"
        for what, holes, area in (("walls and ceiling", walls, open_m2), ("the floor", floor.holes, floor.hole_m2))
        if len(holes)
    ]
    places, areas = np.concatenate([walls, floor.holes]), np.concatenate([open_m2, floor.hole_m2])
    text = f"A ball 6 cm wide gets in or out at {_number(places, 'place')}: {'; '.join(ways)}."
    return _beyond("leak", float(len(places)), text, places[np.argsort(-areas, kind="stable")])


def _beyond(what: str, value: float, text: str, where: Floats | None = None) -> Finding | None:
    """Return a warning with the first of the places (N, 3) [m], None within the limit."""
    if value <= LIMITS[what]:
        return None
    position = ", ".join(f"{x:.2f}" for x in where[0]) + " m" if where is not None and len(where) else ""
    return Finding(f"collide.{what}", Severity.WARNING, text, round(float(value), 6), LIMITS[what], position)


def _number(things: Floats, what: str) -> str:
    return f"{len(things)} {what}{'' if len(things) == 1 else 's'}"


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"


def _millimetres(length: float) -> str:
    """A length [m] to a tenth of a millimetre, of more than a centimetre to one."""
    return f"{1000 * length:.1f} mm" if length < 0.01 else f"{1000 * length:.0f} mm"

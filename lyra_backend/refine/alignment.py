"""From a generator's coordinates to the WORLD frame: vertical, floor and scale, each with its uncertainty.

The generator's z axis is only roughly up; of a file that does not say which axis is, all six are tried. Lengths are
relative to the scene until its scale is known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ..types import UP_AXES, Finding, Frame, Generation, Outcome, Scale, Severity, Similarity
from .cues import FusedLength
from .floor import Floor, find_floor, ground_height, levelling_rotation
from .gravity import CLEAN_PEAK, Gravity, GravityParams, find_gravity, gravity_findings
from .rulers import ClassRuler, PointRuler, ruler_findings, things_findings
from .scale import ScaleParams, Upright, find_scale, ruler_of, scale_findings
from .upright import find_up_axis, up_findings

__all__ = ["AlignmentParams", "Level", "aligned", "levelled"]

Floats = npt.NDArray[np.float64]
Numbers = Mapping[str, int | float]

#: Turning by less than this is not worth touching every Gaussian [deg], and scaling by less.
_MIN_TURN_DEG, _MIN_SCALING = 0.02, 1e-6
#: What a scene that calls itself WORLD may be off.
_WORLD_HEIGHT_M, _WORLD_TILT_DEG = 0.05, 1.0


@dataclass(frozen=True)
class AlignmentParams(ScaleParams, GravityParams):
    """What is known of vertical, floor and scale, and how surely they must be known."""


@dataclass(frozen=True)
class Level:
    """How a scene is turned upright: its floor, the vertical, the rotation (3, 3), the floor's height once turned."""

    floor: Floor
    gravity: Gravity
    turn: Floats
    height: float

    def scene(self, generation: Generation) -> Upright:
        """Return the scene for its heights to be measured."""
        height = self.height if self.floor.is_plane else None
        return Upright(generation.cloud, generation.cameras, self.turn, height, self.floor.peak < CLEAN_PEAK)


def aligned(
    generation: Generation, params: AlignmentParams, align: bool
) -> Outcome[tuple[Generation, Similarity | None]]:
    """Return the scene, its scale known, and what takes it to the WORLD frame; None if it is there.

    Args:
        generation: clean, at least one Gaussian.
        params: what is known, and how surely it must be.
        align: find the vertical and the floor; else z is up and 0 the ground.

    Raises:
        InvalidRequest: a ruler or camera height cannot be used with this scene.
    """
    if generation.cloud.frame is Frame.WORLD:
        return _in_world(generation, params)
    per_source = generation.units_per_source_unit
    ruler = ruler_of(params, per_source)
    findings: list[Finding] = []
    if align and generation.up_assumed:
        generation, findings = _turned_upright(generation, params)
    level = levelled(generation, params, align, _metre(generation.scale, ruler))
    scene = level.scene(generation)
    fused = find_scale(scene, generation.scale, params, ruler)
    scale = _factor(fused)
    similarity = Similarity.build(scale, level.turn, (0.0, 0.0, -scale * level.height if align else 0.0))
    if align:
        findings += [*_floor_findings(level), *gravity_findings(level.gravity, params.max_gravity_uncertainty)]
    findings += scale_findings(fused, params.max_scale_uncertainty, per_source)
    findings += _ruler_findings(scene, ruler, fused, params, similarity)
    known = replace(generation, scale=_known(generation.scale, fused))
    counts = _counts(level.gravity if align else None, fused, per_source)
    return Outcome((known, similarity), counts, tuple(findings))


def levelled(generation: Generation, params: AlignmentParams, align: bool, metre: float | None) -> Level:
    """Return how a scene whose z axis points roughly up is turned upright, and where its floor is then.

    Args:
        generation: at least one Gaussian.
        params: what counts as a floor.
        align: look for the vertical; else it is the z axis.
        metre: how many units a metre is; None: not known.
    """
    floor = find_floor(generation.cloud, generation.cameras, params, metre)
    if align:
        limit = max(params.max_tilt, params.max_camera_tilt) if generation.cameras else params.max_tilt
        keep = generation.from_source is None  # what was made here has its floor where it was made
        gravity = find_gravity(generation.cloud, generation.cameras, floor, limit, keep_floor=keep)
    else:
        gravity = Gravity(np.array([0.0, 0.0, 1.0]), 0.0, ("the given axis",), ())
    turn = levelling_rotation(gravity.up) if gravity.tilt_deg > _MIN_TURN_DEG else np.eye(3)
    return Level(floor, gravity, turn, _height(generation, floor, gravity, turn, params))


def _in_world(generation: Generation, params: AlignmentParams) -> Outcome[tuple[Generation, Similarity | None]]:
    """Check a scene that is in the WORLD frame; it is scaled if a user measured it and it is not exact."""
    exact = generation.scale.uncertainty_percent == 0.0
    measured = params.ruler is not None or params.camera_height is not None
    # A surface that is known exactly needs no second opinion: a street may well slope to its gutter.
    floor = None if generation.geometry == "exact" else find_floor(generation.cloud, generation.cameras, params)
    findings = [] if floor is None else _check_world(floor)
    if not measured:
        fused = FusedLength(1.0, generation.scale.uncertainty_percent or 0.0, ("the generator's scale",), ())
        fused_or_none = fused if generation.scale.is_metric else None
        findings += scale_findings(fused_or_none, params.max_scale_uncertainty, generation.units_per_source_unit)
        return Outcome((generation, None), {}, tuple(findings))
    scene = Upright(generation.cloud, generation.cameras, np.eye(3), 0.0)
    ruler = ruler_of(params, generation.units_per_source_unit)
    found = find_scale(scene, generation.scale, params, ruler)
    factor = 1.0 if exact else _factor(found)
    findings += scale_findings(found, params.max_scale_uncertainty, generation.units_per_source_unit)
    findings += _ruler_findings(scene, ruler, found, params, Similarity(factor))
    known = replace(generation, scale=generation.scale if exact else _known(generation.scale, found))
    similarity = None if factor == 1.0 else Similarity(factor)
    return Outcome((known, similarity), _counts(None, found, generation.units_per_source_unit), tuple(findings))


def _ruler_findings(
    scene: Upright,
    ruler: PointRuler | ClassRuler | None,
    fused: FusedLength | None,
    params: AlignmentParams,
    similarity: Similarity,
) -> list[Finding]:
    """Return what is to be said of a user's ruler."""
    if fused is None or ruler is None:
        return []
    if isinstance(ruler, PointRuler):
        return ruler_findings(ruler, fused.percent, params.ruler_uncertainty, params.ruler_end_uncertainty)
    height = scene.heights_of(ruler.class_name)
    if height is None:
        return []
    return things_findings(ruler, height.things, similarity.scale, np.asarray(similarity.translation))


def _turned_upright(generation: Generation, params: AlignmentParams) -> tuple[Generation, list[Finding]]:
    """Return the scene with the axis up that is most probably, if that is sure enough to overrule what was assumed."""
    found = find_up_axis(generation.cloud, generation.cameras, params.max_tilt)
    axis = _axis_of_file(found.axis, generation)
    if found.axis != "z" and found.is_sure:
        generation = generation.transformed(UP_AXES[found.axis], Frame.GENERATOR)
    return generation, up_findings(found, axis)


def _axis_of_file(axis: str, generation: Generation) -> str:
    """Return the name that an axis of the cloud has in the file that it was read from, as --up takes it."""
    if generation.from_source is None:
        return axis
    # the rows of the rotations are the file's axes that become x, y and z
    up = np.asarray(UP_AXES[axis].rotation)[2] @ np.asarray(generation.from_source)[:3, :3]
    return max(UP_AXES, key=lambda name: float(np.asarray(UP_AXES[name].rotation)[2] @ up))


def _metre(scale: Scale, ruler: object) -> float | None:
    """Return how many units a metre is; None as long as that is not known."""
    if isinstance(ruler, PointRuler):
        return 1 / ruler.metres_per_unit
    return 1.0 if scale.is_metric else None


def _height(generation: Generation, floor: Floor, gravity: Gravity, turn: Floats, params: AlignmentParams) -> float:
    """Return the height of the floor once the scene is turned."""
    if floor.is_plane:
        if np.array_equal(gravity.up, floor.normal):
            return floor.height
        # the plane's height is a median, its middle a mean
        return float(turn[2] @ floor.middle) + floor.height - float(floor.normal @ floor.middle)
    if np.array_equal(turn, np.eye(3)):
        return floor.height
    return ground_height(generation.cloud, turn, params.max_tilt)


def _factor(fused: FusedLength | None) -> float:
    return 1.0 if fused is None or abs(fused.scale - 1.0) < _MIN_SCALING else fused.scale


def _known(before: Scale, fused: FusedLength | None) -> Scale:
    """Return how well metres are known now; what the generator said stays word for word if nothing else was used."""
    if fused is None or (fused.used == ("the generator's scale",) and not fused.conflicts):
        return before
    return Scale(round(fused.percent, 4))


def _counts(gravity: Gravity | None, fused: FusedLength | None, per_source: float) -> dict[str, int | float]:
    """Return the similarity and its uncertainties as numbers of the report; units are those of the file."""
    counts: dict[str, int | float] = {}
    if gravity is not None:
        counts |= {"tilt_deg": round(gravity.tilt_deg, 4), "tilt_uncertainty_deg": round(gravity.uncertainty_deg, 4)}
    if fused is not None:
        metres = round(_factor(fused) * per_source, 9)
        counts |= {"metres_per_unit": metres, "scale_uncertainty_percent": round(fused.percent, 4)}
    return counts


def _floor_findings(level: Level) -> list[Finding]:
    is_plane, tilt = level.floor.is_plane, level.gravity.tilt_deg
    found = [_plane(level.floor, level.height) if is_plane else _no_plane(level.height)]
    if tilt > _MIN_TURN_DEG:
        what = "floor" if is_plane else "scene"
        message = f"The {what} was tilted by {tilt:.2f} degrees and is level now."
        found.append(Finding("refine.floor_tilt", Severity.INFO, message, tilt))
    return found


def _plane(floor: Floor, height: float) -> Finding:
    message = f"The floor was found at z = {height:+z.3f} m and covers {floor.share:.0%} of the ground plan."
    return Finding("refine.floor_height", Severity.INFO, message, height)


def _no_plane(height: float) -> Finding:
    message = (
        f"No floor plane was found; z = 0 is a low height of the ground ({height:+z.3f} m before). On open "
        "terrain this is right; indoors, check which way is up (generate.up) and refine.max_tilt."
    )
    return Finding("refine.no_floor_plane", Severity.WARNING, message, height)


def _check_world(floor: Floor) -> list[Finding]:
    found = []
    if floor.is_plane and abs(floor.height) > _WORLD_HEIGHT_M:
        message = (
            f"The largest floor lies at z = {floor.height:+z.3f} m instead of 0, where the scene says its ground is. "
            "It was not moved."
        )
        found.append(Finding("refine.floor_height", Severity.WARNING, message, floor.height, _WORLD_HEIGHT_M))
    if floor.is_plane and floor.tilt_deg > _WORLD_TILT_DEG:
        message = f"The largest floor is tilted by {floor.tilt_deg:.2f} degrees."
        found.append(Finding("refine.floor_tilt", Severity.WARNING, message, floor.tilt_deg, _WORLD_TILT_DEG))
    return found

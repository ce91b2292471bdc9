"""Refinement: from what a generator made to a clean scene in the WORLD frame.

Does: leave out Gaussians that are no part of the scene (`clean`), find the floor, level it and put it at z = 0
(`floor`), move cloud, cameras and exact surface together.
Does not: guess the scale, which way is up, or fill holes. Scenes that are in the WORLD frame already are cleaned and
checked, never moved.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..params import param
from ..progress import Progress
from ..types import Finding, Frame, GaussianCloud, GaussianSequence, Generation, Outcome, Severity, Similarity
from .clean import CleanParams, clean
from .floor import Floor, FloorParams, find_floor

__all__ = ["Params", "run"]

#: Turning by less than this is not worth touching every Gaussian [deg].
_MIN_TURN_DEG = 0.02
#: What a scene that calls itself WORLD may be off.
_WORLD_HEIGHT_M, _WORLD_TILT_DEG = 0.05, 1.0


@dataclass(frozen=True)
class Params(FloorParams, CleanParams):
    """What is left out and what counts as a floor."""

    align: bool = param(True, "find the floor, level it and put it at z = 0")


def run(generation: Generation, params: Params, progress: Progress) -> Outcome[Generation]:
    """Clean a generated scene and bring it into the WORLD frame: Z up, floor at z = 0."""
    progress(0.0, f"cleaning {generation.cloud.count:,} Gaussians")
    cleaned = clean(generation.cloud, params)
    generation = replace(generation, cloud=cleaned.value, sequence=_cleaned_sequence(generation, cleaned.value, params))
    counts, findings = dict(cleaned.counts), list(cleaned.findings)
    if not generation.cloud.count:
        return Outcome(generation, counts, tuple(findings))
    progress(0.4, "looking for the floor")
    if generation.cloud.frame is Frame.WORLD:
        # A surface that is known exactly needs no second opinion: a street may well slope to its gutter.
        if generation.geometry != "exact":
            findings += _check_world(find_floor(generation.cloud, generation.cameras, params))
    elif not params.align:
        generation = generation.transformed(Similarity(), Frame.WORLD)
    else:
        floor = find_floor(generation.cloud, generation.cameras, params)
        progress(0.6, "putting the floor at z = 0")
        generation = generation.transformed(_levelling(floor), Frame.WORLD)
        findings += _floor_findings(floor)
    progress(1.0, f"{generation.cloud.count:,} Gaussians")
    return Outcome(generation, counts, tuple(findings))


def _cleaned_sequence(generation: Generation, first: GaussianCloud, params: Params) -> GaussianSequence | None:
    """Return the scene at all times as clean as it is at the first; floor and cameras are those of the first."""
    sequence = generation.sequence
    if sequence is None:
        return None
    later = (clean(cloud, params).value for cloud in sequence.clouds[1:])
    # what is cleaned away differs from time to time
    return replace(sequence, clouds=(first, *later), stable_identity=False)


def _levelling(floor: Floor) -> Similarity:
    rotation = floor.rotation if floor.tilt_deg > _MIN_TURN_DEG else None
    return Similarity.build(rotation=rotation, translation=(0.0, 0.0, -floor.height))


def _floor_findings(floor: Floor) -> list[Finding]:
    if not floor.is_plane:
        message = (
            f"No floor plane was found; z = 0 is a low height of the ground ({floor.height:+.3f} m before). On open "
            "terrain this is right; indoors, check which way is up (generate.up) and refine.max_tilt."
        )
        return [Finding("refine.no_floor_plane", Severity.WARNING, message, floor.height)]
    message = f"The floor was found at z = {floor.height:+.3f} m and covers {floor.share:.0%} of the ground plan."
    found = [Finding("refine.floor_height", Severity.INFO, message, floor.height)]
    if floor.tilt_deg > _MIN_TURN_DEG:
        message = f"The floor was tilted by {floor.tilt_deg:.2f} degrees and is level now."
        found.append(Finding("refine.floor_tilt", Severity.INFO, message, floor.tilt_deg))
    return found


def _check_world(floor: Floor) -> list[Finding]:
    found = []
    if floor.is_plane and abs(floor.height) > _WORLD_HEIGHT_M:
        message = (
            f"The largest floor lies at z = {floor.height:+.3f} m instead of 0, where the scene says its ground is. It "
            "was not moved."
        )
        found.append(Finding("refine.floor_height", Severity.WARNING, message, floor.height, _WORLD_HEIGHT_M))
    if floor.is_plane and floor.tilt_deg > _WORLD_TILT_DEG:
        message = f"The largest floor is tilted by {floor.tilt_deg:.2f} degrees."
        found.append(Finding("refine.floor_tilt", Severity.WARNING, message, floor.tilt_deg, _WORLD_TILT_DEG))
    return found

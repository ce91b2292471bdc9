"""Refinement: from what a generator made to a clean scene in the WORLD frame.

Does: leave out Gaussians that are no part of the scene (`clean`), find the floor, level it and put it at z = 0
(`floor`), move cloud, cameras and exact surface together, split off what does not move of a scene that does
(`background`).
Does not: guess the scale, which way is up, or fill holes. Scenes that are in the WORLD frame already are cleaned and
checked, never moved.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..params import param
from ..progress import Progress
from ..types import Finding, Frame, Generation, Outcome, Severity, Similarity
from .background import BackgroundParams, split_background
from .clean import CleanParams, clean, kept
from .floor import Floor, FloorParams, find_floor

__all__ = ["Params", "run"]

#: Turning by less than this is not worth touching every Gaussian [deg].
_MIN_TURN_DEG = 0.02
#: What a scene that calls itself WORLD may be off.
_WORLD_HEIGHT_M, _WORLD_TILT_DEG = 0.05, 1.0


@dataclass(frozen=True)
class Params(BackgroundParams, FloorParams, CleanParams):
    """What is left out, what counts as a floor and what as standing still."""

    align: bool = param(True, "find the floor, level it and put it at z = 0")


def run(generation: Generation, params: Params, progress: Progress) -> Outcome[Generation]:
    """Clean a generated scene and bring it into the WORLD frame: Z up, floor at z = 0."""
    progress(0.0, f"cleaning {generation.cloud.count:,} Gaussians")
    cleaned = _cleaned(generation, params)
    generation = cleaned.value
    counts, findings = dict(cleaned.counts), list(cleaned.findings)
    if not generation.cloud.count:
        return Outcome(generation, counts, tuple(findings))
    progress(0.2, "looking for the floor")
    levelling = None
    if generation.cloud.frame is Frame.WORLD:
        # A surface that is known exactly needs no second opinion: a street may well slope to its gutter.
        if generation.geometry != "exact":
            findings += _check_world(find_floor(generation.cloud, generation.cameras, params))
    elif not params.align:
        levelling = Similarity()
    else:
        floor = find_floor(generation.cloud, generation.cameras, params)
        levelling = _levelling(floor)
        findings += _floor_findings(floor)
    if generation.sequence is not None:
        progress(0.5, "telling what moves")
        split = split_background(generation.sequence, params, levelling)
        first = generation.cloud if split.value is None else split.value.at(0)
        generation = replace(generation, cloud=first, sequence=split.value)
        counts |= split.counts
        findings += split.findings
    if levelling is not None:
        progress(0.8, "putting the floor at z = 0")
        generation = generation.transformed(levelling, Frame.WORLD)
    progress(1.0, f"{generation.cloud.count:,} Gaussians")
    return Outcome(generation, counts, tuple(findings))


def _cleaned(generation: Generation, params: Params) -> Outcome[Generation]:
    """Return the scene clean at every time; floor and cameras are those of the first.

    Gaussians that are followed through time stay at all times if they are worth keeping at one.
    """
    cleaned, sequence = clean(generation.cloud, params), generation.sequence
    counts = dict(cleaned.counts)
    if sequence is None:
        return Outcome(replace(generation, cloud=cleaned.value), counts, cleaned.findings)
    if sequence.stable_identity:
        keep = np.logical_or.reduce([kept(cloud, params) for cloud in sequence.clouds])
        some = keep.any() and not keep.all()
        clouds = tuple(cloud.select(keep) for cloud in sequence.clouds) if some else sequence.clouds
        counts["after_cleaning"] = clouds[0].count
    else:
        clouds = (cleaned.value, *(clean(cloud, params).value for cloud in sequence.clouds[1:]))
    sequence = replace(sequence, clouds=clouds)
    return Outcome(replace(generation, cloud=clouds[0], sequence=sequence), counts, cleaned.findings)


def _levelling(floor: Floor) -> Similarity:
    rotation = floor.rotation if floor.tilt_deg > _MIN_TURN_DEG else None
    return Similarity.build(rotation=rotation, translation=(0.0, 0.0, -floor.height))


def _floor_findings(floor: Floor) -> list[Finding]:
    if not floor.is_plane:
        message = (
            f"No floor plane was found; z = 0 is a low height of the ground ({floor.height:+z.3f} m before). On open "
            "terrain this is right; indoors, check which way is up (generate.up) and refine.max_tilt."
        )
        return [Finding("refine.no_floor_plane", Severity.WARNING, message, floor.height)]
    message = f"The floor was found at z = {floor.height:+z.3f} m and covers {floor.share:.0%} of the ground plan."
    found = [Finding("refine.floor_height", Severity.INFO, message, floor.height)]
    if floor.tilt_deg > _MIN_TURN_DEG:
        message = f"The floor was tilted by {floor.tilt_deg:.2f} degrees and is level now."
        found.append(Finding("refine.floor_tilt", Severity.INFO, message, floor.tilt_deg))
    return found


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

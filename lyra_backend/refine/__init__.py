"""Refinement: from what a generator made to a clean scene in the WORLD frame.

Does: leave out Gaussians that are no part of the scene (`clean`), find the vertical (`gravity`, `upright`), the floor
(`floor`) and the length of a metre (`scale`), each with its uncertainty, and move cloud, cameras and exact surface
there together; split off what does not move of a scene that does (`background`).
Does not: fill holes. Scenes that are in the WORLD frame already are cleaned and checked; they are never turned, and
scaled only where a user measured them and they are not exact.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..params import param
from ..progress import Progress
from ..types import Frame, Generation, Outcome, Similarity
from .alignment import AlignmentParams, aligned
from .background import BackgroundParams, split_background
from .clean import CleanParams, clean, kept
from .scale import check_measures

__all__ = ["Params", "check_measures", "run"]


@dataclass(frozen=True)
class Params(BackgroundParams, AlignmentParams, CleanParams):
    """What is left out, how the scene is levelled and scaled, and what counts as standing still."""

    align: bool = param(True, "find the vertical and the floor, level the scene and put the floor at z = 0")


def run(generation: Generation, params: Params, progress: Progress) -> Outcome[Generation]:
    """Clean a generated scene and bring it into the WORLD frame: Z up, floor at z = 0, metres as far as they are known.

    Raises:
        InvalidRequest: a ruler or camera height of `params` cannot be used with this scene.
    """
    progress(0.0, f"cleaning {generation.cloud.count:,} Gaussians")
    cleaned = _cleaned(generation, params)
    generation = cleaned.value
    counts, findings = dict(cleaned.counts), list(cleaned.findings)
    if not generation.cloud.count:
        return Outcome(generation, counts, tuple(findings))
    progress(0.2, "looking for the vertical, the floor and the scale")
    placing = aligned(generation, params, params.align)
    generation, similarity = placing.value
    counts |= placing.counts
    findings += placing.findings
    if similarity is not None and similarity.scale != 1.0:
        # what stands still is told in metres
        generation, similarity = _moved(generation, similarity), None
    if generation.sequence is not None:
        progress(0.5, "telling what moves")
        split = split_background(generation.sequence, params, similarity)
        first = generation.cloud if split.value is None else split.value.at(0)
        generation = replace(generation, cloud=first, sequence=split.value)
        counts |= split.counts
        findings += split.findings
    if similarity is not None:
        progress(0.8, "putting the floor at z = 0")
        generation = _moved(generation, similarity)
    progress(1.0, f"{generation.cloud.count:,} Gaussians")
    return Outcome(_recorded(generation), counts, tuple(findings))


def _moved(generation: Generation, similarity: Similarity) -> Generation:
    return generation.transformed(similarity, Frame.WORLD)


def _recorded(generation: Generation) -> Generation:
    """Return the scene with the way from its file's coordinates to the world in its provenance."""
    if generation.from_source is None:
        return generation
    rows = [[round(float(value), 9) for value in row] for row in generation.from_source]
    return replace(generation, provenance={**generation.provenance, "file_to_world": rows})


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

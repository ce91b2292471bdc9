"""A scene that moves as particle fields: one for what stands still, one with samples over time for the rest.

Does: write one layer with the prim /Gaussians, an Xform, and below it the fields Still and Moving; Still is divided by
class and place as scenes that stand still are, with their levels of detail; Moving is one field. Gaussians that are
followed through time are interpolated between samples, as far as they change at all. Others must not be: what has the
same number at two times is not the same thing. USD interpolates arrays of equal length and holds the earlier one
otherwise, so neighbouring samples are made to differ in length. Defaults, for readers that know no time, are those of
the first sample. Every sample is on disk before the next is made. Does not: move, filter or repair Gaussians.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pxr import Sdf, Vt

from ..progress import Progress
from ..types import Finding, GaussianCloud, GaussianSequence, Outcome, Severity
from . import particle_field
from .labels import UNKNOWN_CLASS, classes_in
from .layers import define, flush, write_layer
from .particle_parts import author_cloud
from .time_codes import TimeCodes

__all__ = ["MOVING_NAME", "STILL_NAME", "write_sequence"]

STILL_NAME = "Still"
MOVING_NAME = "Moving"
#: How far an interpolated number may lie from the exact one, relative: two roundings of halves, some of floats.
_ROUNDING = {True: 2.0**-10, False: 2.0**-22}


def write_sequence(
    sequence: GaussianSequence, path: Path, params: particle_field.Params, progress: Progress
) -> Outcome[None]:
    """Write a sequence in the WORLD frame to `path` with the default prim /Gaussians.

    Raises:
        InvalidRequest: positions do not fit into half precision.
    """
    times = TimeCodes.of(sequence.times_s)
    background = sequence.background
    findings = [*_half_findings(sequence, path, params), *_held(sequence), *_without_levels(sequence, params)]
    told: list[Outcome[None]] = []

    def fill(layer: Sdf.Layer) -> None:
        root = define(layer, particle_field.PRIM_NAME, "Xform")
        if background is not None:
            told.append(author_cloud(root, STILL_NAME, background, params, progress.child(0.0, 0.5)))
        prim = particle_field.author_field(root, MOVING_NAME, next(_samples(sequence)), params, _only_class(sequence))
        _author_samples(prim, sequence, times, params.half, progress.child(0.5, 1.0))

    write_layer(path, particle_field.PRIM_NAME, fill, render_settings=particle_field.RENDER_SETTINGS, times=times)
    most = max(cloud.count for cloud in sequence.clouds)
    counts = {"still": background.count if background else 0, "moving": most, "times": len(times.codes)}
    said = [finding for outcome in told for finding in outcome.findings]
    return Outcome(None, {**counts, "bytes": path.stat().st_size}, (*findings, *said))


def _author_samples(
    prim: Sdf.PrimSpec, sequence: GaussianSequence, times: TimeCodes, half: bool, progress: Progress
) -> None:
    """Author what changes at every time, and the box around it."""
    layer, changing = prim.layer, _changing(sequence, half)
    earlier: npt.NDArray[np.float32] | None = None
    for number, (code, cloud) in enumerate(zip(times.codes, _samples(sequence), strict=True)):
        progress(number / len(times.codes), f"writing {cloud.count} Gaussians at time {number + 1}")
        for name, values in particle_field.arrays_of(cloud, half):
            if name in changing:
                attribute, _, value = particle_field.array_value(name, values)
                layer.SetTimeSample(prim.path.AppendProperty(attribute), code, value)
                del value
        box = particle_field.extent_of(cloud, half)
        box = _interpolated(box, half) if sequence.stable_identity else box
        held = earlier is not None and not sequence.stable_identity
        shown = _around(earlier, box) if held else box
        layer.SetTimeSample(prim.path.AppendProperty("extent"), code, Vt.Vec3fArray.FromNumpy(shown))
        earlier = box
        flush(layer)
    progress(1.0, f"wrote {len(times.codes)} times")


def _only_class(sequence: GaussianSequence) -> str:
    """Return the class of everything that moves, at all times; unknown if there are several."""
    classes = {kind for cloud in sequence.clouds if cloud.count for kind in classes_in(cloud)}
    return classes.pop() if len(classes) == 1 else UNKNOWN_CLASS


def _samples(sequence: GaussianSequence) -> Iterator[GaussianCloud]:
    """Yield the clouds so that USD does between two of them what is right for the sequence."""
    earlier: GaussianCloud | None = None
    for cloud in sequence.clouds:
        if earlier is not None and sequence.stable_identity:
            cloud = replace(cloud, quats_wxyz=_continued(earlier.quats_wxyz, cloud.quats_wxyz))
        elif earlier is not None and earlier.count == cloud.count:
            cloud = _longer(cloud)
        yield cloud
        earlier = cloud


def _continued(earlier: npt.NDArray[np.float32], quats: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the same orientations (N, 4) with the signs that lie nearer to the earlier ones: the short way round."""
    far = np.einsum("nk,nk->n", earlier, quats) < 0
    return np.where(far[:, None], -quats, quats)


def _longer(cloud: GaussianCloud) -> GaussianCloud:
    """Return the cloud with one Gaussian more that nobody sees."""
    if not cloud.count:
        return cloud
    unseen = replace(cloud.select(np.array([0])), opacities=np.zeros(1, np.float32))
    return GaussianCloud.concatenate([cloud, unseen])


def _changing(sequence: GaussianSequence, half: bool) -> set[str]:
    """Return the arrays that need samples: all, or of Gaussians that are followed those that are not always equal."""
    first = dict(particle_field.arrays_of(sequence.clouds[0], half))
    if not sequence.stable_identity:
        return set(first)
    changing: set[str] = set()
    for cloud in sequence.clouds[1:]:
        arrays: Iterator[tuple[str, npt.NDArray[Any]]] = particle_field.arrays_of(cloud, half)
        changing |= {
            name for name, values in arrays if name not in changing and not np.array_equal(values, first[name])
        }
    return changing


def _around(one: npt.NDArray[np.float32] | None, two: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the box (2, 3) around two: boxes are interpolated, and what is held must stay within."""
    if one is None:
        return two
    return np.stack([np.minimum(one[0], two[0]), np.maximum(one[1], two[1])])


def _interpolated(box: npt.NDArray[np.float32], half: bool) -> npt.NDArray[np.float32]:
    """Return the box (2, 3) grown by what USD may be off between samples: it rounds products and sums."""
    reach = np.float32(_ROUNDING[half]) * np.abs(box).max(axis=0)
    return box + np.stack([-reach, reach])


def _half_findings(sequence: GaussianSequence, path: Path, params: particle_field.Params) -> tuple[Finding, ...]:
    """Say what half precision costs where it costs most."""
    if not params.half:
        return ()
    clouds = (*sequence.clouds, *(() if sequence.background is None else (sequence.background,)))
    found = [f for cloud in clouds for f in particle_field.half_findings(cloud, path)]
    return tuple(sorted(found, key=lambda f: f.measured or 0.0)[-1:])


def _held(sequence: GaussianSequence) -> tuple[Finding, ...]:
    if sequence.stable_identity:
        return ()
    message = (
        f"The moving Gaussians are others at each of {len(sequence.clouds)} times, so nothing is interpolated: each "
        "time is shown until the next."
    )
    return (Finding("sequence.held", Severity.INFO, message, len(sequence.clouds)),)


def _without_levels(sequence: GaussianSequence, params: particle_field.Params) -> tuple[Finding, ...]:
    if not params.levels or sequence.background is not None:
        return ()
    message = "Levels of detail (author.levels) are of what stands still, and here everything moves: there are none."
    return (Finding("sequence.no_levels", Severity.WARNING, message),)

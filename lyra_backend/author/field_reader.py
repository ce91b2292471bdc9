"""ParticleField3DGaussianSplat read back: our own files, 3DGRUT's lightfield exports, and others of the schema.

Does: join all fields of a stage, each where the stage has it. Prims are known by type name, so USD builds without the
schema read the same. Does not: trust a stage's up axis and units, which exporters write whatever their data has.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pxr import Tf, Usd, UsdGeom

from ..detail.levels import DETAIL_SET, FULL
from ..errors import InvalidRequest
from ..io.stored_gaussians import StoredGaussians, log_scales, logits
from ..progress import Progress
from ..types import Finding, Frame, GaussianCloud, Outcome, Severity, Similarity
from ..types.rotations import xyzw_to_wxyz
from .labels import UNKNOWN_CLASS, labels_of
from .usdz import check_whole

__all__ = ["holds", "is_world", "open_stage", "prims_of", "read"]

_TYPE_PREFIX = "ParticleField"
_COEFFICIENTS = "radiance:sphericalHarmonicsCoefficients"
_DEGREE = "radiance:sphericalHarmonicsDegree"
_MOST_DEGREE = 3
#: Moving fields are read at their first time; what does not move has one value for all times.
_FIRST_TIME = Usd.TimeCode.EarliestTime()
#: Zero sizes, as exporters of 2D Gaussians write them, have no logarithm; the reader then limits this one.
_NO_SIZE = np.float32(1e-30)
#: How far a transform may be from a similarity.
_RIGID = 1e-4

Floats = npt.NDArray[np.float32]


def holds(prim: Usd.Prim) -> bool:
    """Return whether a prim is a particle field, whatever its schema's version."""
    return str(prim.GetTypeName()).startswith(_TYPE_PREFIX)


def open_stage(path: Path) -> Usd.Stage:
    """Open a stage.

    Raises:
        InvalidRequest: USD cannot, or it is a package that is not whole.
    """
    if path.suffix.lower() == ".usdz":
        check_whole(path)
    try:
        return Usd.Stage.Open(str(path))
    except Tf.ErrorException as error:
        reason = str(error.args[0].commentary) if error.args else "no reason given"
        raise InvalidRequest(f"{path}: USD cannot open it: {' '.join(reason.split())}. Export it again.") from error


def prims_of(stage: Usd.Stage) -> Iterator[Usd.Prim]:
    """Yield every prim there is to see, those of instances too."""
    yield from Usd.PrimRange.Stage(stage, Usd.TraverseInstanceProxies())


def is_world(prim: Usd.Prim) -> bool:
    """Return whether a prim says that its Gaussians were of the WORLD frame, and its stage is Z up and in metres.

    A stage of other axes or units that refers to it has turned or scaled it, or should have.
    """
    stage = prim.GetStage()
    is_ours = prim.GetCustomDataByKey("lyra:frame") == Frame.WORLD.value
    return is_ours and UsdGeom.GetStageUpAxis(stage) == "Z" and UsdGeom.GetStageMetersPerUnit(stage) == 1.0


def read(path: Path, progress: Progress | None = None, *, base_colors_only: bool = False) -> Outcome[GaussianCloud]:
    """Read the Gaussians of all particle fields of a stage, where the stage has them.

    The frame is WORLD if every field says so, as those of this package do, and the stage is Z up and in metres. Labels
    of fields become classes.

    Args:
        path: a USD file.
        progress: told how far it is.
        base_colors_only: leave view-dependent colours out.

    Raises:
        InvalidRequest: USD cannot open the file, it has no field, or one is not whole, is mirrored or is sheared.
    """
    progress = progress or Progress()
    progress(0.0, f"opening {path.name}")
    stage = open_stage(path)
    prims = [prim for prim in prims_of(stage) if holds(prim)]
    if not prims:
        raise InvalidRequest(f"{path}: holds no ParticleField. Check the file.")
    fields = [_read_field(prim, f"{path}: {prim.GetPath()}", base_colors_only) for prim in prims]
    cache = UsdGeom.XformCache(_FIRST_TIME)
    frame = Frame.WORLD if all(is_world(prim) for prim in prims) else Frame.GENERATOR
    clouds = [
        field.value.transformed(_placement(cache.GetLocalToWorldTransform(prim), f"{path}: {prim.GetPath()}"), frame)
        for field, prim in zip(fields, prims, strict=True)
    ]
    progress(1.0, f"read {len(prims)} fields")
    cloud = GaussianCloud.concatenate(_with_classes(_of_one_degree(clouds), prims))
    counts = {name: sum(int(f.counts[name]) for f in fields) for name in fields[0].counts}
    said = [finding for field in fields for finding in field.findings]
    return Outcome(cloud, counts, (*said, *_about(stage, prims, frame)))


def _read_field(prim: Usd.Prim, subject: str, base_colors_only: bool) -> Outcome[GaussianCloud]:
    """Read one field in its own coordinates."""
    positions = _values(prim, "positions", subject)
    count = len(positions)
    if not count:
        raise InvalidRequest(f"{subject} holds no Gaussians. Export it again.")
    scales, quats, opacities = (
        _of_length(count, _values(prim, name, subject), name, subject)
        for name in ("scales", "orientations", "opacities")
    )
    sh = _coefficients(prim, count, subject)[:, : 1 if base_colors_only else None]
    stored = StoredGaussians(count, sh.shape[1] - 1)
    with np.errstate(invalid="ignore", divide="ignore"):  # what is out of range becomes NaN, and is dropped
        stored.add(
            positions=positions,
            dc=sh[:, 0],
            higher=sh[:, 1:],
            logit_opacities=logits(opacities),
            log_scales=log_scales(np.where(scales == 0, _NO_SIZE, scales)),
            quats_wxyz=xyzw_to_wxyz(quats),
        )
    return stored.finish(subject)


def _coefficients(prim: Usd.Prim, count: int, subject: str) -> Floats:
    """Return SH coefficients (count, K, 3)."""
    values = _values(prim, _COEFFICIENTS, subject)
    authored = prim.GetAttribute(_DEGREE)
    degree = authored.Get(_FIRST_TIME) if authored else _MOST_DEGREE
    if degree not in range(_MOST_DEGREE + 1):
        raise InvalidRequest(f"{subject}: its SH degree must be 0 to {_MOST_DEGREE}, got {degree}. Export fewer.")
    per_gaussian = (degree + 1) ** 2
    return _of_length(count * per_gaussian, values, _COEFFICIENTS, subject).reshape(count, per_gaussian, 3)


def _of_length(count: int, values: Floats, name: str, subject: str) -> Floats:
    if len(values) != count:
        raise InvalidRequest(f"{subject}: {name} must hold {count:,} values, got {len(values):,}. Export it again.")
    return values


def _values(prim: Usd.Prim, name: str, subject: str) -> Floats:
    """Return an array as floats, whichever precision it is stored in."""
    for attribute in (prim.GetAttribute(name), prim.GetAttribute(name + "h")):
        value = attribute.Get(_FIRST_TIME) if attribute else None
        if value is not None:
            return np.asarray(value, dtype=np.float32)
    raise InvalidRequest(f"{subject} ({prim.GetTypeName()}) has no {name}; only 3D Gaussians can be read.")


def _placement(local_to_world: Any, subject: str) -> Similarity:
    """Return a prim's transform, which USD applies to row vectors."""
    matrix = np.array(local_to_world, np.float64)
    turn = matrix[:3, :3].T
    size = float(np.cbrt(np.linalg.det(turn)))
    if not size > 0 or np.abs(turn @ turn.T / size**2 - np.eye(3)).max() > _RIGID:
        raise InvalidRequest(
            f"{subject}: its transform must turn, move and scale evenly; Gaussians cannot be mirrored or sheared. "
            "Bake the transform where the file comes from."
        )
    return Similarity.build(size, _nearest_rotation(turn), matrix[3, :3])


def _nearest_rotation(turn: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    left, _, right = np.linalg.svd(turn)
    return np.asarray(left @ right)


def _of_one_degree(clouds: list[GaussianCloud]) -> list[GaussianCloud]:
    """Return the clouds with zeros for the SH bands that others have more of."""
    most = max(cloud.sh.shape[1] for cloud in clouds)
    return [_padded(cloud, most) for cloud in clouds]


def _padded(cloud: GaussianCloud, coefficients: int) -> GaussianCloud:
    missing = coefficients - cloud.sh.shape[1]
    if not missing:
        return cloud
    sh = np.pad(cloud.sh, ((0, 0), (0, missing), (0, 0)))
    return GaussianCloud(cloud.positions, cloud.scales, cloud.quats_wxyz, cloud.opacities, sh, cloud.frame)


def _with_classes(clouds: list[GaussianCloud], prims: list[Usd.Prim]) -> list[GaussianCloud]:
    """Return the clouds with the classes that their fields are labelled with, if any is; of several the first."""
    kinds = [next(iter(labels_of(prim)), UNKNOWN_CLASS) for prim in prims]
    known = sorted(set(kinds) - {UNKNOWN_CLASS})
    if not known:
        return clouds
    names = (UNKNOWN_CLASS, *known)
    return [
        replace(cloud, class_ids=np.full(cloud.count, names.index(kind), np.uint16), class_names=names)
        for cloud, kind in zip(clouds, kinds, strict=True)
    ]


def _about(stage: Usd.Stage, prims: list[Usd.Prim], frame: Frame) -> list[Finding]:
    """Return what a reader has to know besides the Gaussians."""
    found = []
    if any(prim.GetAttribute(n).GetNumTimeSamples() > 1 for prim in prims for n in ("positions", "positionsh")):
        message = "The Gaussians of this stage move; they were read as they are at its first time."
        found.append(Finding("splat.first_time", Severity.WARNING, message))
    levels = sorted({level for prim in prims for level in _levels(prim)} - {FULL})
    if levels:
        message = (
            f"The stage shows a level of detail, {' and '.join(levels)}, and that was read; select {FULL} in the "
            f"variant set {DETAIL_SET} for all Gaussians."
        )
        found.append(Finding("splat.detail", Severity.WARNING, message))
    if frame is not Frame.WORLD:
        up, unit = UsdGeom.GetStageUpAxis(stage), UsdGeom.GetStageMetersPerUnit(stage)
        message = (
            f"The stage says {up} up and {unit:g} m per unit. Exporters say so whatever their data has, so it was not "
            "relied on: coordinates are those of the file."
        )
        found.append(Finding("splat.usd_axes", Severity.INFO, message))
    return found


def _levels(prim: Usd.Prim) -> Iterator[str]:
    """Yield the levels of detail that are selected on a prim and above it."""
    while prim and not prim.IsPseudoRoot():
        if prim.GetVariantSets().HasVariantSet(DETAIL_SET):
            yield str(prim.GetVariantSet(DETAIL_SET).GetVariantSelection())
        prim = prim.GetParent()

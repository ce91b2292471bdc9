"""Gaussians read back from a USD file, so that a stage can be checked without the run that made it.

Does: read the particle fields that stand still. Does not: repair one that breaks the rules.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pxr import Tf, Usd, UsdGeom

from ..errors import InvalidRequest
from ..types import Frame, GaussianCloud
from ..types.rotations import normalise_quats, xyzw_to_wxyz
from .placed_robots import open_scene
from .usd_fields import COEFFICIENTS, DEGREE, is_field

__all__ = ["read_cloud"]


def read_cloud(file: Path) -> GaussianCloud | None:
    """Return the ParticleFields of `file` that lie where the stage is, in one cloud; None if none can be used.

    Fields that a transform moves are left out, and so are broken ones: :mod:`usd_fields` says what is wrong. Of fields
    of several SH degrees those of the first one's count. Only if everything moves over time, what does is read, as it
    is at first.
    """
    try:
        stage = open_scene(file)
    except Tf.ErrorException:
        return None
    cache = UsdGeom.XformCache()
    fields = [
        prim
        for prim in Usd.PrimRange.Stage(stage, Usd.TraverseInstanceProxies())
        if is_field(prim) and np.array_equal(cache.GetLocalToWorldTransform(prim), np.eye(4))
    ]
    still = [prim for prim in fields if not _moves(prim)]
    clouds = [cloud for prim in still or fields if (cloud := _cloud(prim)) is not None]
    alike = [cloud for cloud in clouds if (cloud.sh_degree, cloud.frame) == (clouds[0].sh_degree, clouds[0].frame)]
    return GaussianCloud.concatenate(alike) if alike else None


def _moves(prim: Usd.Prim) -> bool:
    """Say whether the Gaussians of a field have samples over time."""
    attributes = (
        prim.GetAttribute(name + end) for name in ("positions", "orientations", "scales") for end in ("", "h")
    )
    return any(attribute and attribute.GetNumTimeSamples() > 1 for attribute in attributes)


def _cloud(prim: Usd.Prim) -> GaussianCloud | None:
    positions, scales, orientations, opacities, coefficients = (
        _values(prim, name) for name in ("positions", "scales", "orientations", "opacities", COEFFICIENTS)
    )
    if positions is None or scales is None or orientations is None or opacities is None or coefficients is None:
        return None
    degree = int(prim.GetAttribute(DEGREE).Get() or 0)
    frame = Frame.GENERATOR if prim.GetCustomDataByKey("lyra:frame") == Frame.GENERATOR.value else Frame.WORLD
    try:
        sh = coefficients.reshape(len(positions), (degree + 1) ** 2, 3)
        quats = normalise_quats(xyzw_to_wxyz(orientations))
        return GaussianCloud(positions, scales, quats, opacities, sh, frame)
    except (InvalidRequest, ValueError):
        return None


def _values(prim: Usd.Prim, name: str) -> npt.NDArray[Any] | None:
    """Return an array as floats, whichever precision it is stored in; of one that changes over time the first."""
    for attribute in (prim.GetAttribute(name), prim.GetAttribute(name + "h")):
        value = attribute.Get(Usd.TimeCode.EarliestTime()) if attribute else None
        if value is not None:
            return np.asarray(value, dtype=np.float32)
    return None

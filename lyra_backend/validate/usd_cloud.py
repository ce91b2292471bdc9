"""Gaussians read back from a USD file, so that a stage can be checked without the run that made it.

Does: read the first particle field. Does not: repair one that breaks the rules.
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
from .usd_fields import COEFFICIENTS, DEGREE, is_field

__all__ = ["read_cloud"]


def read_cloud(file: Path) -> GaussianCloud | None:
    """Return the first ParticleField of `file` that lies where the stage is; None if there is none that can be used.

    Fields that a transform moves are left out, and so are broken ones: :mod:`usd_fields` says what is wrong.
    """
    try:
        stage = Usd.Stage.Open(str(file))
    except Tf.ErrorException:
        return None
    cache = UsdGeom.XformCache()
    for prim in Usd.PrimRange.Stage(stage, Usd.TraverseInstanceProxies()):
        if is_field(prim) and np.array_equal(cache.GetLocalToWorldTransform(prim), np.eye(4)):
            return _cloud(prim)
    return None


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

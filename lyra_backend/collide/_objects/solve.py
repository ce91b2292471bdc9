"""The simplest shapes that fit each object: a primitive, one hull, or several."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...types import Primitive
from .fit import Thing, fit_primitives
from .hulls import Hull
from .pieces import convex_pieces
from .shapes import hulls_error, primitive_mesh, single_hulls

__all__ = ["METHODS", "Solved", "as_hull", "solve"]

Surface = tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]

#: Ways to describe objects that are no box, cylinder or sphere: none looks for no objects at all.
METHODS = ("none", "primitives", "coacd")

_FITS_M, _FITS_SHARE = 0.015, 0.05  # error of a fit: this, or a share of the size
_BODY_M, _HULL_M = 0.03, 0.05  # but no more than this for a primitive and for a single hull


@dataclass(frozen=True)
class Solved:
    """Shape of one object: primitives or hulls, and the 95 % quantile of their distance to its surface [m]."""

    shapes: tuple[Primitive | Hull, ...]
    error_m: float


def solve(things: list[Thing], lids: list[Surface | None], method: str) -> list[Solved]:
    """Return the simplest shape of each object that fits."""
    if not things:
        return []
    best = [Solved((fit.primitive,), fit.error_m) for fit in fit_primitives(things)]
    rest = [i for i, s in enumerate(best) if s.error_m > _limit(things[i], _BODY_M)]
    for pieces_of in (single_hulls, _cutter(method)):
        hulls = [pieces_of(things[i], lids[i]) for i in rest]
        errors = hulls_error([things[i] for i in rest], hulls)
        for i, group, error in zip(rest, hulls, errors, strict=True):
            # a primitive that is no worse than the pieces is the better shape all the same
            if group and error < best[i].error_m:
                best[i] = Solved(tuple(group), error)
        rest = [i for i in rest if best[i].error_m > _limit(things[i], _HULL_M)]
    return best


def _cutter(method: str) -> Callable[[Thing, Surface | None], list[Hull]]:
    if method != "coacd":
        return convex_pieces
    from .coacd_pieces import coacd_pieces

    return coacd_pieces


def _limit(thing: Thing, most: float) -> float:
    size = np.ptp(thing.vertices[thing.faces].reshape(-1, 3), axis=0).astype(np.float64)
    return float(np.clip(_FITS_SHARE * size.prod() ** (1 / 3), _FITS_M, most))


def as_hull(shape: Primitive | Hull) -> Hull:
    """Return a hull that stands for a shape."""
    if isinstance(shape, Hull):
        return shape
    return Hull(*primitive_mesh(shape), shape.volume_m3)

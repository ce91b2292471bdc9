"""Which objects can be let go: they stand on something level, touch nothing else and do not fall over."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from .._mesh.triangles import compact
from .apart import interlocked, trimmed
from .cut import is_level
from .fit import Thing
from .hulls import Hull
from .plates import EVEN_M
from .solve import Solved, as_hull
from .standing import HANGS_M, ground_below, planted, rests_safely
from .support import carried

__all__ = ["movable", "separated"]

Floats = npt.NDArray[np.floating]
Surface = tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]

Numbered = list[tuple[int, Solved]]


def movable(
    structure: Surface, fixed: Floats, things: list[Thing], usable: Numbered
) -> tuple[dict[int, float], Numbered]:
    """Choose what moves, and put it on its ground.

    Args:
        structure: everything without objects, closed where they stood.
        fixed: points (N, 3) of what never moves.
        things: surface of every thing.
        usable: number and shapes of those that have shapes.

    Returns:
        For those that move their number and the height of their ground [m], and all shapes anew.
    """
    groups = [[as_hull(s) for s in solved.shapes] for _, solved in usable]
    levels = ground_below(structure, groups, [_surface(things[i]) for i, _ in usable])
    candidates = []
    placed = list(usable)
    for k, ((i, solved), level) in enumerate(zip(usable, levels, strict=True)):
        base = min(float(h.vertices[:, 2].min()) for h in groups[k])
        if base - level > HANGS_M or not is_level(things[i]):
            continue
        placed[k] = (i, replace(solved, shapes=planted(solved.shapes, level)))
        groups[k] = [as_hull(s) for s in placed[k][1].shapes]
        if rests_safely(groups[k]):
            candidates.append(k)
    stuck, steady = interlocked(groups, fixed), carried(groups, structure, EVEN_M)
    moving = _freed([k for k in candidates if steady[k] and not stuck[k]], groups, things, usable)
    return {usable[k][0]: levels[k] for k in moving}, [
        placed[k] if k in moving else usable[k] for k in range(len(usable))
    ]


def _surface(thing: Thing) -> Surface:
    vertices, triangles = compact(thing.vertices, thing.triangles)
    return vertices.astype(np.float32), triangles.astype(np.int32)


def _freed(moving: list[int], groups: list[list[Hull]], things: list[Thing], usable: Numbered) -> list[int]:
    """Leave out what others hold fast that stay where they are."""
    while True:
        staying = [things[i] for k, (i, _) in enumerate(usable) if k not in moving]
        points = np.concatenate([np.zeros((0, 3)), *(t.vertices[np.unique(t.faces)] for t in staying)])
        stuck = interlocked([groups[k] for k in moving], points)
        if not any(stuck):
            return moving
        moving = [k for k, held in zip(moving, stuck, strict=True) if not held]


def separated(usable: Numbered) -> Numbered:
    """Cut objects back where they overlap larger ones; only those that have to lose their simple shape."""
    groups = [[as_hull(s) for s in solved.shapes] for _, solved in usable]
    result = []
    for (i, solved), before, after in zip(usable, groups, trimmed(groups), strict=True):
        changed = any(a is not b for a, b in zip(before, after, strict=True))
        result.append((i, replace(solved, shapes=tuple(after)) if changed else solved))
    return result

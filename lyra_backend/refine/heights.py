"""Heights in a scene, in its own units: of cameras above the ground, of labelled things, of the ceiling.

All take points that are turned upright, z along the vertical, with the floor at a given height.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .footing import Footing, UprightCloud, footing_below, plane_below

__all__ = ["Height", "Thing", "camera_height", "ceiling_height", "thing_height"]

Floats = npt.NDArray[np.float64]

#: Ground below a camera is looked for this far aside, relative to the height; farther if there is too little.
_ASIDE = (0.2, 0.35, 0.7, 1.2)
_MIN_GROUND = 12
#: Ground that differs by less than this part of the height from the floor's plane is floor or pavement, no table.
_SAME_GROUND = 0.25
#: Relative standard deviations of heights above even ground below, and above a plane through rough ground.
_LOCAL_SIGMA, _ROUGH_SIGMA = 0.012, 0.12
_MOST_CAMERAS = 32
#: Of the heights of a thing's Gaussians, this part at either end may be strays.
_TAIL = 0.002
#: Gaussians that cover a surface evenly lie about this many standard deviations apart, halved.
_HALF_STEP = 0.75
_MIN_THING = 24
_MOST_THING = 20_000
#: Gaussians of one thing lie within this many typical distances of each other.
_REACH = 6.0
_PLAN_CELLS = 24
#: A ceiling covers this part of the ground plan at the least, and is this part of the scene's width high.
_CEILING_SHARE, _CEILING_LOW, _LAYER = 0.4, 0.1, 0.01


@dataclass(frozen=True)
class Thing:
    """A labelled thing: how high it is, its middle (3,), both turned upright in units of the scene; `whole` counts.

    Others of its class are much higher than one that is not `whole`, so that it was cut short or is something else.
    """

    units: float
    middle: Floats
    whole: bool


@dataclass(frozen=True)
class Height:
    """A height in units of the scene, its relative standard deviation, and how many things it was measured on.

    `things` are all of a class, also those that do not count; empty for other heights.
    """

    units: float
    sigma: float
    count: int
    things: tuple[Thing, ...] = ()


def camera_height(
    scene: UprightCloud, lenses: Floats, ground: Floats, floor: float | None, is_rough: bool = False
) -> Height | None:
    """Return the median height of cameras above the ground that they stand on; None if there is none.

    Args:
        scene: turned upright.
        lenses: optical centres (C, 3), turned upright.
        ground: centres of Gaussians that face up or down (N, 3), turned upright; for where nothing is right below.
        floor: height of the floor; None if there is no plane.
        is_rough: that floor is rather the mean of rough ground.
    """
    lenses = lenses[:: -(-len(lenses) // _MOST_CAMERAS)] if len(lenses) else lenses
    found = [_above(scene, lens, ground, floor, is_rough) for lens in lenses]
    heights, sigmas = np.array([pair for pair in found if pair is not None]).reshape(-1, 2).T
    if not len(heights):
        return None
    middle = float(np.median(heights))
    # one number stands for all of them: a path that goes up and down says less
    spread = float(1.4826 * np.median(np.abs(heights - middle))) / middle / np.sqrt(len(heights))
    return Height(middle, float(np.hypot(np.median(sigmas), spread)), len(heights))


def _above(
    scene: UprightCloud, lens: Floats, ground: Floats, floor: float | None, is_rough: bool
) -> tuple[float, float] | None:
    """Return (height, relative standard deviation) of one camera above what is below it.

    What it stands on is nearer the truth than a plane through all of the ground; but over a table the floor counts.
    """
    plane = None if floor is None or lens[2] <= floor else float(lens[2]) - floor
    around = next((drop for drop in (_around(lens, ground, aside) for aside in _ASIDE) if drop is not None), None)
    about = plane if plane is not None else None if around is None else around.drop
    local = footing_below(scene, lens, about) or around
    if local is not None and (plane is None or is_rough or abs(local.drop - plane) < _SAME_GROUND * plane):
        return local.drop, float(np.hypot(_LOCAL_SIGMA, local.unevenness / local.drop))
    if plane is None:
        return None
    return plane, _ROUGH_SIGMA if is_rough else _LOCAL_SIGMA


def _around(lens: Floats, ground: Floats, aside: float) -> Footing | None:
    """Return the ground below a camera by what is in a cone below it, however few points that are."""
    offsets = lens - ground
    below = (offsets[:, 2] > 0) & (np.linalg.norm(offsets[:, :2], axis=1) < aside * offsets[:, 2])
    if below.sum() < _MIN_GROUND:
        return None
    drops, places = offsets[below, 2], -offsets[below, :2]
    # what lies under the ground, or stands on it, is not the ground
    middle = float(np.median(drops))
    near = np.abs(drops - middle) < 0.25 * middle
    if near.sum() < _MIN_GROUND:
        return None
    return plane_below(places[near], drops[near])


def thing_height(points: Floats, sigmas: Floats) -> Height | None:
    """Return how high things of one class are; None if there are too few Gaussians.

    Things are told apart by gaps between them. Of several the median counts, of those that are not cut short.

    Args:
        points: centres of their Gaussians (N, 3).
        sigmas: standard deviations of those along the vertical (N,).
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import cKDTree

    if len(points) < _MIN_THING:
        return None
    step = -(-len(points) // _MOST_THING)
    points, sigmas = points[::step], sigmas[::step]
    tree = cKDTree(points)
    spacing = float(np.median(tree.query(points, 2)[0][:, 1]))
    pairs = tree.query_pairs(_REACH * max(spacing, 1e-12), output_type="ndarray")
    links = coo_matrix((np.ones(len(pairs)), pairs.T), shape=(len(points), len(points)))
    count, labels = connected_components(links, directed=False)
    members = [labels == k for k in range(count)] if count < 2000 else []
    members = [one for one in members if one.sum() >= _MIN_THING]
    if not members:
        return None
    heights = np.array([_extent(points[one, 2], sigmas[one]) for one in members])
    is_whole = heights > 0.8 * heights.max()
    whole = heights[is_whole]
    middle = float(np.median(whole))
    # users measured one of them, which may be the one that differs
    spread = float(np.sqrt(np.mean((whole - middle) ** 2))) / middle
    found = [
        Thing(float(h), 0.5 * (points[one].min(axis=0) + points[one].max(axis=0)), bool(w))
        for h, one, w in zip(heights, members, is_whole, strict=True)
    ]
    return Height(middle, float(np.hypot(0.015, spread)), len(whole), tuple(found))


def _extent(heights: Floats, sigmas: Floats) -> float:
    """Return from where to where a thing reaches: its last Gaussians end half a step beyond their centres."""
    lows, highs = np.sort(heights - _HALF_STEP * sigmas), np.sort(heights + _HALF_STEP * sigmas)
    skip = int(_TAIL * len(heights))
    return float(highs[-1 - skip] - lows[skip])


def ceiling_height(points: Floats, level: npt.NDArray[np.bool_], floor: float) -> Height | None:
    """Return how far the ceiling lies above the floor; None under the open sky.

    Args:
        points: centres of Gaussians (N, 3).
        level: which of them face up or down, shape (N,).
        floor: height of the floor.
    """
    if not level.any():
        return None
    low, high = np.quantile(points[:, :2], (0.01, 0.99), axis=0)
    width = max(float((high - low).max()), 1e-9)
    cells = np.clip((points[:, :2] - low) / width * _PLAN_CELLS, 0, _PLAN_CELLS - 1).astype(np.intp)
    numbers = cells @ np.array([_PLAN_CELLS, 1])
    plan = len(np.unique(numbers[level]))
    above = level & (points[:, 2] > floor + _CEILING_LOW * width)
    layers = np.floor((points[above, 2] - floor) / (_LAYER * width)).astype(np.intp)
    covers = np.bincount(np.unique(np.stack([layers, numbers[above]], axis=1), axis=0)[:, 0])
    # a ceiling may fall on the border of two layers
    covers = covers + np.append(covers[1:], 0)
    roofs = np.flatnonzero(covers > _CEILING_SHARE * plan)
    if not len(roofs):
        return None
    # the highest layer that covers much, and of its neighbours the fullest
    top = int(roofs[-1])
    chosen = above.copy()
    chosen[above] = np.abs(layers - top) <= 1
    return Height(float(np.median(points[chosen, 2])) - floor, 0.01, 1)

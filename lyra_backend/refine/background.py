"""What does not move of a scene that does: split off, so that it is stored once and stands still for colliders.

With stable identity each Gaussian is followed through time. Without, as where every time is decoded on its own, there
is nothing to follow: then places are compared, and what lies where the scene is always the same is background.
Clouds are gone through one at a time, and equal clouds give equal splits.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ..params import param
from ..types import Finding, GaussianCloud, GaussianSequence, Outcome, Severity, Similarity
from ..types.rotations import matrix_from_quat

__all__ = ["BackgroundParams", "split_background"]

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

#: A Gaussian may stray this many times its tolerance for a moment: no jitter of normal distribution does.
_MOMENT = 3.0
#: Tolerance that stands for none.
_EXACT = 1e-9
#: Cells are numbered by three coordinates of this many bits.
_CELL_BITS = 20
_AT_ONCE = 1 << 17
#: Gaussians nearer to the ground than this are of it [cells].
_ON_GROUND = 0.25
#: Numbers that make up a Gaussian's centre, opacity, shape and colour.
_TRAITS = (3, 1, 6, 3)
_CORNERS = np.indices((2, 2, 2)).reshape(3, 8).T


@dataclass(frozen=True)
class BackgroundParams:
    """What counts as standing still in a scene that moves."""

    still_distance: float = param(
        0.01, "Followed Gaussians stand still if their centre strays less than this", unit="m", min=0.0
    )
    still_change: float = param(
        0.1, "and their colour, opacity and relative size change less than this.", min=0.0, max=1.0
    )
    still_voxel: float = param(
        0.1, "Size of the cells that are compared where Gaussians cannot be followed", unit="m", min=0.005
    )
    still_difference: float = param(
        0.25, "and how far colour and cover of a cell that stands still may differ over time.", min=0.0, max=1.0
    )


@dataclass(frozen=True)
class _Told:
    """Which Gaussians (N,) of one time change, and which are of a surface that is there at all times even so.

    `unseen` are those of the latter that lie where none was seen to be of one at the times before.
    """

    changes: Mask
    lasts: Mask
    unseen: Mask


def split_background(
    sequence: GaussianSequence, params: BackgroundParams, levelling: Similarity | None = None
) -> Outcome[GaussianSequence | None]:
    """Return the sequence with its background apart, as the first time shows it; None if nothing moves.

    The background is None if everything moves.

    Args:
        sequence: of any frame.
        params: what counts as standing still.
        levelling: what takes the sequence to where the ground is z = 0; None if it is there.
    """
    clouds, ground = sequence.clouds, levelling or Similarity()
    told = _followed(clouds, params) if sequence.stable_identity else _compared(clouds, params, ground)
    apart, solid, lasting = [], [], []
    background = None
    for number, (cloud, found) in enumerate(zip(clouds, told, strict=True)):
        apart.append(cloud.select(found.changes))
        solid.append(~found.lasts[found.changes])
        lasting += [cloud.select(found.unseen)] if found.unseen.any() else []
        if number == 0 and not found.changes.all():
            background = cloud.select(~found.changes)
    most = max(cloud.count for cloud in apart)
    still = 0 if background is None else background.count
    counts = {"background": still, "moving": most, "times": len(clouds)}
    if not most:
        return Outcome(None, counts, (_still(sequence),))
    split = replace(
        sequence,
        clouds=tuple(apart),
        background=background,
        lasting=GaussianCloud.concatenate(lasting) if lasting else None,
        solid=tuple(solid),
    )
    return Outcome(split, counts, (_said(still, most),))


def _followed(clouds: tuple[GaussianCloud, ...], params: BackgroundParams) -> Iterator[_Told]:
    """Yield for each time what changes: the same Gaussians at all; a surface lasts if only its colour changes.

    A Gaussian changes if the standard deviation over time of its centre, opacity, shape or colour exceeds the
    tolerance, or any deviation several times of it.
    """
    count = clouds[0].count
    mean = [np.zeros((count, width), np.float32) for width in _TRAITS]
    for cloud in clouds:
        for total, values in zip(mean, _traits(cloud, clouds[0], params), strict=True):
            total += values / np.float32(len(clouds))
    variance, most = np.zeros((len(mean), count)), np.zeros((len(mean), count))
    for cloud in clouds:
        for k, values in enumerate(_traits(cloud, clouds[0], params)):
            squares = ((values - mean[k]) ** 2).sum(axis=1)
            variance[k] += squares / len(clouds)
            most[k] = np.maximum(most[k], squares)
    strays: Mask = (variance > 1.0) | (most > _MOMENT**2)
    changes: Mask = np.any(strays, axis=0)
    lasts: Mask = strays[-1] & ~np.any(strays[:-1], axis=0)
    yield _Told(changes, lasts, lasts)
    for _ in clouds[1:]:
        yield _Told(changes, lasts, np.zeros(count, bool))


def _traits(cloud: GaussianCloud, first: GaussianCloud, params: BackgroundParams) -> Iterator[Floats]:
    """Yield centre, opacity, shape and colour, of widths `_TRAITS`, each in units of what may change of it."""
    yield (cloud.positions - first.positions) / np.float32(max(params.still_distance, _EXACT))
    change = np.float32(max(params.still_change, _EXACT))
    opacities = cloud.opacities[:, None]
    yield opacities / change
    # covariances say what orientations and scales say together; they grow with the square of the size
    yield _covariances(cloud) / (2 * change * (first.scales**2).sum(axis=1, keepdims=True))
    yield cloud.base_colors * opacities / change


def _covariances(cloud: GaussianCloud) -> npt.NDArray[np.float32]:
    """Return the upper triangles of the covariances [m2], shape (N, 6), their lower halves counted in."""
    out = np.empty((cloud.count, 6), np.float32)
    rows, columns = np.triu_indices(3)
    twice = np.where(rows == columns, 1.0, np.sqrt(2.0)).astype(np.float32)
    for start in range(0, cloud.count, _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        axes = matrix_from_quat(cloud.quats_wxyz[part]) * cloud.scales[part, None]
        out[part] = np.einsum("nik,njk->nij", axes, axes)[:, rows, columns] * twice
    return out


@dataclass(frozen=True)
class _Cells:
    """Cells by ascending number (C,), and what is known of each over time.

    `changed`: its look is not always the same; `cover`: the least of all times; `mostly`: it holds something at more
    than half of them.
    """

    numbers: Ints
    changed: Mask
    cover: Floats
    mostly: Mask


def _compared(clouds: tuple[GaussianCloud, ...], params: BackgroundParams, ground: Similarity) -> Iterator[_Told]:
    """Yield for each time which Gaussians touch a cell whose colour or cover is not always the same.

    They are of a surface that lasts where a cell always holds something, and no more than that; and on the ground
    where a cell mostly holds something, for what stands on the ground hides it.
    """
    cells, covers = _over_time(clouds, params)
    missing = cells.changed.copy()
    for cloud, (own, cover) in zip(clouds, covers, strict=True):
        more = _spread(cover, own, cells.numbers)[:, 0] > cells.cover + params.still_difference
        full: Mask = more | (cells.cover < params.still_difference)
        low = np.abs(ground.apply(cloud.positions)[:, 2]) <= _ON_GROUND * params.still_voxel
        yield _told_of(cloud, params.still_voxel, cells, full, low, missing)


def _over_time(clouds: tuple[GaussianCloud, ...], params: BackgroundParams) -> tuple[_Cells, list[tuple[Ints, Floats]]]:
    """Return all cells, and for each time the numbers and the covers (c, 1) of those that are touched then."""
    keys: Ints = np.zeros(0, np.int64)
    low: Floats = np.zeros((0, 4))
    high: Floats = np.zeros((0, 4))
    often: Floats = np.zeros((0, 1))
    covers: list[tuple[Ints, Floats]] = []
    for number, cloud in enumerate(clouds):
        own, values = _seen(cloud, params.still_voxel)
        covers.append((own, values[:, 3:]))
        every = np.union1d(keys, own)
        low, high, often, values = (
            _spread(rows, of, every) for rows, of in ((low, keys), (high, keys), (often, keys), (values, own))
        )
        low, high = (values, values) if number == 0 else (np.minimum(low, values), np.maximum(high, values))
        often += values[:, 3:] >= params.still_difference
        keys = every
    changed: Mask = np.any(high - low > params.still_difference, axis=1)
    return _Cells(keys, changed, low[:, 3], 2 * often[:, 0] > len(clouds)), covers


def _told_of(cloud: GaussianCloud, voxel: float, cells: _Cells, full: Mask, low: Mask, missing: Mask) -> _Told:
    """Return what one time says of its Gaussians; cells where a lasting surface is seen are no longer `missing`.

    Args:
        cloud: the Gaussians.
        voxel: size of the cells [m].
        cells: all of them.
        full: which hold more now than what lasts, shape (C,).
        low: which Gaussians lie on the ground, shape (N,).
        missing: which have not shown a lasting surface so far, shape (C,); updated.
    """
    changes, lasts, home = np.zeros(cloud.count, bool), np.zeros(cloud.count, bool), np.zeros(cloud.count, np.int64)
    for part, touched, shares in _touched(cloud, voxel):
        index = np.searchsorted(cells.numbers, touched)
        changes[part] = cells.changed[index].any(axis=1)
        lasts[part] = (full[index] * shares).sum(axis=1) < 0.5
        home[part] = np.take_along_axis(index, shares.argmax(axis=1)[:, None], axis=1)[:, 0]
    lasts = changes & (lasts | (low & cells.mostly[home]))
    unseen = lasts & missing[home]
    missing[home[unseen]] = False
    return _Told(changes, lasts, unseen)


def _seen(cloud: GaussianCloud, voxel: float) -> tuple[Ints, Floats]:
    """Return the numbers of the cells that a cloud touches, ascending, and what they look like.

    A look (C, 4) is colour times cover, and cover: the share of light that the Gaussians of a cell hold up.
    """
    middle, large = cloud.wide_scales
    layers = cloud.opacities * np.minimum(2 * np.pi * middle * large / voxel**2, 1.0)
    numbers, sums = np.zeros(0, np.int64), np.zeros((0, 4))
    for part, cells, shares in _touched(cloud, voxel):
        weight = (layers[part, None] * shares).ravel()
        colors = np.repeat(cloud.base_colors[part], 8, axis=0)
        own, index = np.unique(cells.ravel(), return_inverse=True)
        added = [np.bincount(index, weight * c, len(own)) for c in (*colors.T, np.ones(len(weight)))]
        every = np.union1d(numbers, own)
        sums = _spread(sums, numbers, every) + _spread(np.stack(added, axis=1), own, every)
        numbers = every
    cover = -np.expm1(-sums[:, 3:])
    return numbers, np.concatenate([sums[:, :3] / np.maximum(sums[:, 3:], 1e-12) * cover, cover], axis=1)


def _touched(cloud: GaussianCloud, voxel: float) -> Iterator[tuple[slice, Ints, Floats]]:
    """Yield, some at a time, the cells whose middles surround each centre, and its trilinear shares, shapes (n, 8)."""
    half = 1 << (_CELL_BITS - 1)
    for start in range(0, cloud.count, _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        at = cloud.positions[part].astype(np.float64) / voxel
        base = np.floor(at)
        along = (at - base)[:, None]
        shares = np.where(_CORNERS, along, 1 - along).prod(axis=2)
        # what lies beyond the numbered cells shares the outermost ones
        index = np.clip(base[:, None] + _CORNERS, -half, half - 1).astype(np.int64) + half
        yield part, (index[..., 0] << 2 * _CELL_BITS) | (index[..., 1] << _CELL_BITS) | index[..., 2], shares


def _spread(values: Floats, own: Ints, every: Ints) -> Floats:
    """Return rows (N, K) of the cells `own` as rows of the cells `every`, zero where there were none."""
    out = np.zeros((len(every), values.shape[1]))
    out[np.searchsorted(every, own)] = values
    return out


def _said(still: int, moving: int) -> Finding:
    share = moving / (still + moving)
    if not still:
        message = (
            "Nothing in this scene stays the same, so all of it is stored for every time and the colliders are those "
            "of the first. If its Gaussians only jitter, raise refine.still_distance or refine.still_difference."
        )
        return Finding("sequence.no_background", Severity.WARNING, message, share)
    message = f"{still:,} Gaussians stay the same at all times and are stored once; up to {moving:,} move."
    return Finding("sequence.background", Severity.INFO, message, share)


def _still(sequence: GaussianSequence) -> Finding:
    message = (
        f"Nothing moves between {sequence.times_s[0]:g} and {sequence.times_s[-1]:g} s, so this becomes a scene "
        "without times. If something small should move, lower refine.still_distance or refine.still_voxel."
    )
    return Finding("sequence.still", Severity.WARNING, message, len(sequence.clouds))

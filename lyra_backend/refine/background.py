"""What does not move of a scene that does: split off, so that it is stored once and stands still for colliders.

With stable identity each Gaussian is followed through time. Without, as where every time is decoded on its own, there
is nothing to follow: then places are compared, and what lies where the scene is always the same is background.
Clouds are gone through one at a time, and equal clouds give equal splits.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ..params import param
from ..types import Finding, GaussianCloud, GaussianSequence, Outcome, Severity
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


def split_background(sequence: GaussianSequence, params: BackgroundParams) -> Outcome[GaussianSequence | None]:
    """Return the sequence with its background apart, as the first time shows it; None if nothing moves.

    The background is None if everything moves.
    """
    clouds = sequence.clouds
    if sequence.stable_identity:
        moving = _strays(clouds, params)
        masks: Iterable[Mask] = (moving for _ in clouds)
    else:
        masks = _elsewhere(clouds, params)
    apart, background = [], None
    for number, (cloud, moves) in enumerate(zip(clouds, masks, strict=True)):
        apart.append(cloud.select(moves))
        if number == 0 and not moves.all():
            background = cloud.select(~moves)
    most = max(cloud.count for cloud in apart)
    still = 0 if background is None else background.count
    counts = {"background": still, "moving": most, "times": len(clouds)}
    if not most:
        return Outcome(None, counts, (_still(sequence),))
    return Outcome(replace(sequence, clouds=tuple(apart), background=background), counts, (_told(still, most),))


def _strays(clouds: tuple[GaussianCloud, ...], params: BackgroundParams) -> Mask:
    """Return which Gaussians (N,) vary over time in centre, shape or colour.

    They do if the standard deviation over time exceeds the tolerance, or any deviation several times of it.
    """
    count = clouds[0].count
    mean = [np.zeros((count, width), np.float32) for width in (3, 4, 6)]
    for cloud in clouds:
        for total, values in zip(mean, _traits(cloud, clouds[0], params), strict=True):
            total += values / np.float32(len(clouds))
    variance, most = np.zeros((3, count)), np.zeros((3, count))
    for cloud in clouds:
        for k, values in enumerate(_traits(cloud, clouds[0], params)):
            squares = ((values - mean[k]) ** 2).sum(axis=1)
            variance[k] += squares / len(clouds)
            most[k] = np.maximum(most[k], squares)
    return np.asarray(((variance > 1.0) | (most > _MOMENT**2)).any(axis=0))


def _traits(cloud: GaussianCloud, first: GaussianCloud, params: BackgroundParams) -> Iterator[Floats]:
    """Yield centre (N, 3), colour with opacity (N, 4) and shape (N, 6), each in units of what may change of it."""
    yield (cloud.positions - first.positions) / np.float32(max(params.still_distance, _EXACT))
    change = np.float32(max(params.still_change, _EXACT))
    opacities = cloud.opacities[:, None]
    yield np.concatenate([cloud.base_colors * opacities, opacities], axis=1) / change
    # covariances say what orientations and scales say together; they grow with the square of the size
    yield _covariances(cloud) / (2 * change * (first.scales**2).sum(axis=1, keepdims=True))


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


def _elsewhere(clouds: tuple[GaussianCloud, ...], params: BackgroundParams) -> Iterator[Mask]:
    """Yield for each cloud which of its Gaussians (N,) touch a cell whose colour or cover is not always the same."""
    keys: Ints = np.zeros(0, np.int64)
    low: Floats = np.zeros((0, 4))
    high: Floats = np.zeros((0, 4))
    for number, cloud in enumerate(clouds):
        own, values = _seen(cloud, params.still_voxel)
        every = np.union1d(keys, own)
        low, high, values = _spread(low, keys, every), _spread(high, keys, every), _spread(values, own, every)
        low, high = (values, values) if number == 0 else (np.minimum(low, values), np.maximum(high, values))
        keys = every
    changed: Mask = np.any(high - low > params.still_difference, axis=1)
    for cloud in clouds:
        moves = np.zeros(cloud.count, bool)
        for part, cells, _ in _touched(cloud, params.still_voxel):
            moves[part] = changed[np.searchsorted(keys, cells)].any(axis=1)
        yield moves


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


def _told(still: int, moving: int) -> Finding:
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

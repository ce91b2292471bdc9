"""Where to look from: cameras in free space, the best picture first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...types.camera import Camera, Intrinsics, look_at
from .draft import Draft, Placed

__all__ = ["cameras_for"]

Floats = npt.NDArray[np.float64]

WIDTH_PX, HEIGHT_PX, FOV_DEG = 960, 540, 75.0
#: Distance of cameras to everything around them [m].
CLEARANCE_M = 0.5
#: Free view wanted right before a camera [m].
NEAR_M = 1.7
#: Free view wanted in the middle of the picture [m].
MIDDLE_M = 2.8
#: Objects above this height end a line of sight [m].
_EYE_BLOCK_M = 1.35
_STEP_M = 0.14
_DIRECTIONS = 48
_FARTHEST_M = 18.0


@dataclass(frozen=True, eq=False)
class _Views:
    """Candidate positions (N, 2) [m], free sight (N, D) at eye height and near the floor in D directions [m]."""

    points: Floats
    sight: Floats
    ground: Floats


def cameras_for(draft: Draft, shows: tuple[str, ...] = ()) -> tuple[Camera, ...]:
    """Return an establishing view, on what the prompt names and then on kinds in `shows`, and four to eight others."""
    points = _standing_places(draft)
    views = _Views(points, *_reaches(draft, points, (_EYE_BLOCK_M, 0.25)))
    scores = _scores(draft, views, shows)
    first = np.unravel_index(int(scores.argmax()), scores.shape)
    chosen = [(int(first[0]), int(first[1]))]
    count = int(np.clip(draft.floor.free.sum() * draft.floor.cell**2 / 6, 4, 8))
    for _ in range(count):
        distance = np.min([np.hypot(*(points - points[k]).T) for k, _ in chosen], axis=0)
        k = int(distance.argmax())
        chosen.append((k, int(scores[k].argmax())))
    names = ["establishing", *(f"view_{n}" for n in range(1, count + 1))]
    return tuple(_camera(draft, views, k, d, name) for (k, d), name in zip(chosen, names, strict=True))


def _standing_places(draft: Draft) -> Floats:
    """Return up to 220 positions in the main region, spread evenly [m]."""
    floor = draft.floor
    main, _ = floor.main_region()
    room = floor.clearance()
    for least in (CLEARANCE_M, 0.42, 0.3, 0.0):
        rows, columns = np.nonzero(main & (room >= least))
        if len(rows) >= 12:
            break
    if not len(rows):
        return np.zeros((1, 2))
    keep = np.linspace(0, len(rows) - 1, min(len(rows), 1500)).astype(int)
    points = floor.low + (np.column_stack([columns[keep], rows[keep]]) + 0.5) * floor.cell
    order = draft.rng.permutation(len(points))[:220]
    edges = [
        int((points @ way).argmax()) for way in ((1, 1), (1, -1), (-1, 1), (-1, -1), (1, 0), (-1, 0), (0, 1), (0, -1))
    ]
    return np.asarray(points[np.unique(np.concatenate([order, edges]))], float)


def _ways() -> Floats:
    angle = np.arange(_DIRECTIONS) * 2 * np.pi / _DIRECTIONS
    return np.column_stack([np.cos(angle), np.sin(angle)])


def _reaches(draft: Draft, points: Floats, heights: tuple[float, ...]) -> list[Floats]:
    """Return how far one sees above obstacles of each of `heights` [m], every one of shape (N, D)."""
    floor = draft.floor
    steps = (np.arange(1, int(_FARTHEST_M / _STEP_M)) * _STEP_M).astype(np.float32)
    start = ((points - floor.low) / floor.cell).astype(np.float32)[:, :, None, None]
    ways = (_ways() / floor.cell).astype(np.float32)
    rows, columns = ((start[:, k] + ways[None, :, k, None] * steps).astype(np.int32) + 1 for k in (1, 0))
    found = []
    for height in heights:
        closed = np.pad((floor.heights > height) & floor.blocked | ~floor.inside, 1, constant_values=True)
        hit = closed[np.clip(rows, 0, closed.shape[0] - 1), np.clip(columns, 0, closed.shape[1] - 1)]
        found.append(np.where(hit.any(-1), hit.argmax(-1), len(steps)) * _STEP_M)
    return found


def _scores(draft: Draft, views: _Views, shows: tuple[str, ...]) -> Floats:
    """Return how good a picture each position and direction gives, shape (N, D)."""
    half = round(FOV_DEG / 2 / 360 * _DIRECTIONS)
    turns = range(-half, half + 1)
    spread = np.mean([np.minimum(np.roll(views.sight, -t, 1), 9) for t in turns], axis=0)
    nearest = np.min([np.roll(views.ground, -t, 1) for t in turns], axis=0)
    middle = np.min([np.roll(views.ground, -t, 1) for t in range(-half // 2, half // 2 + 1)], axis=0)
    score = np.minimum(views.sight, 14.0) + 2.4 * spread
    score += 11.0 * np.minimum(nearest - NEAR_M, 0.0) + 3.0 * np.minimum(middle - MIDDLE_M, 0.0)
    named = {m.kind for m in draft.wishes.objects}
    groups: dict[str, list[Floats]] = {kind: [] for kind in (*sorted(named), *shows)}
    for placed in draft.placed:
        seen = _seen(views, placed)
        groups.get(placed.kind.name, []).append(seen)
        score = score + 0.45 * min(1.0, placed.thing.height) * seen
    for kind, every in groups.items():
        if every:  # that a kind shows at all counts, and how many of it do
            weight = 1.0 if kind in named else 0.5
            many = np.sum(every, axis=0) / min(len(every), 4)
            score = score + weight * (4.0 * np.max(every, axis=0) + 6.0 * many)
    return score


def _seen(views: _Views, placed: Placed) -> Floats:
    """Return how well an object shows in each view, shape (N, D)."""
    away = np.array([placed.x, placed.y]) - views.points
    radius = max(placed.thing.footprint) / 2
    distance = np.hypot(*away.T)
    turn = np.arctan2(away[:, 1], away[:, 0])
    towards = (turn[:, None] - np.arange(_DIRECTIONS)[None, :] * 2 * np.pi / _DIRECTIONS + np.pi) % (2 * np.pi) - np.pi
    open_to = np.take_along_axis(
        views.sight, (np.round(turn / (2 * np.pi) * _DIRECTIONS).astype(int) % _DIRECTIONS)[:, None], 1
    )
    visible = (open_to[:, 0] > distance - radius - 0.4) & (distance > 1.5)
    size = np.clip(4.5 / np.maximum(distance, 1.5), 0.25, 1.3)
    return np.clip(1.25 - np.abs(towards) / np.radians(30), 0.0, 1.0) * (visible * size)[:, None]


def _camera(draft: Draft, views: _Views, k: int, d: int, name: str) -> Camera:
    x, y = views.points[k]
    way = _ways()[d]
    eye_height = 1.55 if name == "establishing" else float(draft.rng.uniform(1.3, 1.65))
    eye = np.array([x, y, draft.ground(float(x), float(y)) + eye_height])
    reach = float(np.clip(views.sight[k, d] * 0.6, 2.5, 6.0))
    ahead = draft.ground(float(x + way[0] * reach), float(y + way[1] * reach))
    target = np.array([x + way[0] * reach, y + way[1] * reach, ahead + max(eye_height - 0.17 * reach, 0.5)])
    return Camera(Intrinsics.from_fov(WIDTH_PX, HEIGHT_PX, FOV_DEG), look_at(eye, target), name)

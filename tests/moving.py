"""Small scenes that move: a room in which a box is carried past, with Gaussians that are followed or that are not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from lyra_backend.io.ply import write_ply
from lyra_backend.types import Frame, GaussianCloud, GaussianSequence, Similarity

from .collide.clouds import box, join, room

#: The box at the first time, and how it is carried.
LOW, HIGH = (0.5, 1.0, 0.3), (0.9, 1.4, 0.7)
SPEED_M_S = 0.6
FPS = 10.0
RED = (1.0, -1.0, -1.0)


def carried(time_s: float, turn_deg: float = 0.0) -> GaussianCloud:
    """Return the box alone, red, at a time: carried along x, and turned about its middle."""
    thing = painted(box(LOW, HIGH, bottom=True), RED)
    angle = np.radians(turn_deg)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    middle = (np.array(LOW) + HIGH) / 2
    shift = middle - turn @ middle + (SPEED_M_S * time_s, 0, 0)
    return thing.transformed(Similarity.build(1.0, turn, shift), Frame.WORLD)


def painted(cloud: GaussianCloud, dc: tuple[float, float, float]) -> GaussianCloud:
    return replace(cloud, sh=np.broadcast_to(np.float32(dc), (cloud.count, 1, 3)).copy())


def followed(times: int = 4, turn_deg: float = 0.0) -> GaussianSequence:
    """Return a room with a box that is carried past, Gaussian i always the same thing, the room's first."""
    walls = painted(room(), (0.2, 0.2, 0.2))
    clouds = tuple(join(walls, carried(k / FPS, turn_deg * k)) for k in range(times))
    return GaussianSequence(clouds, tuple(k / FPS for k in range(times)), stable_identity=True)


def unfollowed(times: int = 3) -> GaussianSequence:
    """Return the same with other Gaussians at each time, in another order, never as many by chance."""
    whole = followed(times)
    clouds = tuple(resampled(cloud, seed) for seed, cloud in enumerate(whole.clouds))
    return GaussianSequence(clouds, whole.times_s)


def over_ground(times: int = 9, *, stable: bool) -> GaussianSequence:
    """Return a room on whose floor a box goes 0.2 m a time along x, with its shadow; what it hides is not seen.

    Gaussians that are followed are all there at all times, hidden or not.
    """
    thing = painted(box((0.3, 1.0, 0.0), (0.7, 1.4, 0.5)), RED)
    clouds = []
    for k in range(times):
        walls = painted(room(), (0.2, 0.2, 0.2))
        beside = np.abs(walls.positions - np.float32([0.5 + 0.2 * k, 1.2, 0.0]))
        sh = walls.sh.copy()
        sh[(beside < (0.3, 0.5, 0.02)).all(axis=1)] -= 1.0
        hidden = (beside < (0.18, 0.18, 0.02)).all(axis=1) & (not stable)
        carried_on = replace(thing, positions=thing.positions + np.float32([0.2 * k, 0, 0]))
        whole = join(replace(walls, sh=sh).select(~hidden), carried_on)
        clouds.append(whole if stable else resampled(whole, k % 3))
    return GaussianSequence(tuple(clouds), tuple(k / FPS for k in range(times)), stable)


def resampled(cloud: GaussianCloud, seed: int) -> GaussianCloud:
    """Return a cloud that looks alike: each Gaussian moved along its disc, most of them kept, shuffled."""
    rng = np.random.default_rng(seed)
    some = rng.permutation(cloud.count)[: int(cloud.count * (0.95 - 0.01 * seed))]
    shifted = cloud.select(some)
    noise = rng.normal(0, 0.004, (shifted.count, 3)).astype(np.float32)
    return replace(shifted, positions=shifted.positions + noise)


def write_folder(folder: Path, sequence: GaussianSequence, name: str = "frame_{:04d}.ply") -> Path:
    """Write a numbered splat file for each time into the new `folder`."""
    folder.mkdir()
    for number in range(len(sequence.clouds)):
        write_ply(folder / name.format(number), sequence.at(number))
    return folder

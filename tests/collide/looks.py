"""Rooms with openings, and what cameras see in mirrors and through windows. The wall in question is x = 0, front x > 0.

What is seen is clipped as light clips it: only what lies on a straight line from some eye through the opening. That
things hide one another is left out.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lyra_backend.types import Frame, Similarity
from lyra_backend.types.rotations import normalise_quats

from .clouds import box, join, sheet

SIZE = (4.0, 3.0, 2.4)
#: y0, y1, z0, z1 of openings [m].
ON_THE_WALL, TALL, DOOR, HATCH = (0.9, 2.0, 0.8, 1.9), (1.0, 1.9, 0.0, 1.9), (1.0, 1.9, 0.0, 2.0), (0.8, 2.2, 0.9, 1.8)
_EYES = np.stack(np.meshgrid((0.6, 1.5, 2.5, 3.5), (0.4, 1.0, 1.6, 2.2, 2.6), (0.6, 1.2, 1.8), indexing="ij"), -1)
EYES = _EYES.reshape(-1, 3)


def shell(size=SIZE, opening=None, thickness=0.0):
    """A closed room from x = 0 on; an opening in its wall x = 0, with reveals as deep as the wall is thick."""
    x, y, z = np.diag(np.asarray(size, float))
    zero = np.zeros(3)
    sides = [(zero, x, y), (z, x, y), (zero, x, z), (y, x, z), (x, y, z)]
    wall = sheet(zero, y, z, seed=14)
    if opening is not None:
        wall = wall.select(~through(wall.positions, opening))
    return join(*(sheet(*side, seed=10 + n) for n, side in enumerate(sides)), wall, *reveals(opening, thickness))


def reveals(opening, thickness):
    if opening is None or not thickness:
        return []
    y0, y1, z0, z1 = opening
    back, up, along = (-thickness, 0, 0), (0, 0, z1 - z0), (0, y1 - y0, 0)
    sides = [((0, y0, z0), back, up), ((0, y1, z0), back, up), ((0, y0, z1), back, along), ((0, y0, z0), back, along)]
    return [sheet(*side, seed=30 + n) for n, side in enumerate(sides)]


def furniture():
    """A cupboard, a table block and a column, so that the room is no mere box."""
    return join(
        box((1.6, 0.4, 0.0), (2.2, 0.9, 1.1)),
        box((2.6, 1.9, 0.0), (3.3, 2.6, 0.7)),
        box((3.0, 0.8, 0.0), (3.3, 1.1, 1.9)),
    )


def through(points, opening):
    y0, y1, z0, z1 = opening
    return (points[:, 1] > y0) & (points[:, 1] < y1) & (points[:, 2] > z0) & (points[:, 2] < z1)


def turned_over(scene, plane=0.0):
    """The scene mirrored in the plane x = `plane`."""
    points, quats = np.array(scene.positions), np.array(scene.quats_wxyz)
    points[:, 0] = 2 * plane - points[:, 0]
    # a mirror in x keeps rotations about x and turns those about y and z round
    quats[:, 2:] *= -1
    return replace(scene, positions=points, quats_wxyz=normalise_quats(quats))


def moved(scene, x, y=0.0, z=0.0):
    return scene.transformed(Similarity(translation=(x, y, z)), Frame.WORLD)


def seen_through(scene, opening, plane=0.0):
    """What of a scene beyond the wall x = `plane` is on a line from an eye through the opening."""
    seen = np.zeros(scene.count, bool)
    for eye in EYES:
        share = (eye[0] - plane) / np.maximum(eye[0] - scene.positions[:, 0], 1e-9)
        at = eye + share[:, None] * (scene.positions - eye)
        seen |= through(at, opening) & (scene.positions[:, 0] < plane)
    return scene.select(seen)


def painted(scene, seed, pattern=True):
    """The scene with blotches of colour that depend on the place."""
    rng = np.random.default_rng([seed, 3])
    waves, phase = rng.normal(0, 1.5, (3, 3)), rng.uniform(0, 6.3, 3)
    shade = np.sin(scene.positions @ waves + phase) if pattern else np.zeros((scene.count, 3))
    return replace(scene, sh=(0.6 * shade[:, None, :]).astype(np.float32))


def spun(scene, degrees):
    turn = np.radians(degrees)
    rotation = [[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]]
    return scene.transformed(Similarity.build(rotation=np.array(rotation)), Frame.WORLD)


def with_mirror(opening, contents=None):
    room = join(shell(opening=opening), furniture() if contents is None else contents)
    return join(room, seen_through(turned_over(room), opening))


def outdoors(size=8.0):
    """A lawn half a metre below the floor, a fence and a shed, all at x < 0."""
    lawn = sheet((-size, -4.0, -0.5), (size - 0.3, 0, 0), (0, 11.0, 0), seed=41)
    fence = sheet((-size, -4.0, -0.5), (0, 11.0, 0), (0, 0, 1.8), seed=42)
    return join(lawn, fence, moved(box((0, 0, 0), (1.2, 1.5, 2.0)), -5.0, 0.5, -0.5))


def window_with_view(opening=HATCH, thickness=0.0):
    return join(shell(opening=opening, thickness=thickness), furniture(), seen_through(outdoors(), opening))


def two_rooms(opening, other=None, thickness=0.1, contents=None):
    """Two scanned rooms with an opening in the wall between; the other one is the first turned over, or `other`."""
    first = join(shell(opening=opening), furniture() if contents is None else contents)
    other = turned_over(first) if other is None else other
    return join(first, moved(other, -thickness), *reveals(opening, thickness))


def two_windows():
    """A room with two windows side by side in one wall, through which one garden is seen."""
    left, right = (0.3, 1.2, 0.9, 1.8), (1.8, 2.7, 0.9, 1.8)
    room = shell(opening=left)
    room = room.select(~((np.abs(room.positions[:, 0]) < 0.05) & through(room.positions, right)))
    garden = outdoors()
    return join(room, furniture(), seen_through(garden, left), seen_through(garden, right))


def roughened(scene, noise, dropped, seed=0):
    """The scene with its Gaussians scattered by `noise` [m] and a share of them left out."""
    rng = np.random.default_rng([seed, 4])
    scene = scene.select(rng.random(scene.count) > dropped)
    points = scene.positions + rng.normal(0, noise, (scene.count, 3))
    return replace(scene, positions=points.astype(np.float32))

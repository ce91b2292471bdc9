"""Rooms of boxes, against rays followed in NumPy with double precision."""

from __future__ import annotations

import numpy as np
import pytest

from lyra_backend.kernels.room_views import PATTERNS, RoomArrays, render_room

SIZE, LENS = (40, 28), (32.0, 32.0, 20.0, 14.0)


def room_of(patterns: np.ndarray, boxes: int, seed: int = 0) -> RoomArrays:
    rng = np.random.default_rng(seed)
    count = 6 + boxes
    return RoomArrays(
        low=np.array([-2.0, -1.7, 0.0]),
        high=np.array([2.1, 2.3, 2.5]),
        centres=np.column_stack(
            [rng.uniform(-1.5, 1.5, boxes), rng.uniform(0.6, 2, boxes), rng.uniform(0, 1.5, boxes)]
        ),
        half_sizes=rng.uniform(0.1, 0.4, (boxes, 3)),
        yaws=rng.uniform(0, 6, boxes),
        patterns=patterns,
        colours=rng.uniform(0.05, 0.9, (count, 2, 3)),
        sizes=np.where(patterns == PATTERNS.index("panel"), 0.1, rng.uniform(0.25, 0.5, count)),
        seeds=rng.integers(1 << 30, size=count),
        glows=rng.uniform(0, 0.3, count),
        lamp=np.array([0.3, -0.4, 2.2]),
        lamp_light=np.array([0.9, 0.8, 0.7]),
        ambient=np.array([0.3, 0.32, 0.35]),
        falloff=0.12,
    )


def poses() -> np.ndarray:
    """Return two poses that look along +y of the room, the second one turned and moved."""
    found = np.tile(np.eye(4), (2, 1, 1))
    for pose, yaw, x in zip(found, (0.0, 0.35), (0.0, 0.5), strict=True):
        forward = np.array([np.sin(yaw), np.cos(yaw), -0.15])
        forward /= np.linalg.norm(forward)
        right = np.array([np.cos(yaw), -np.sin(yaw), 0.0])
        pose[:3] = np.stack([right, np.cross(forward, right), forward, [x, -1.2, 1.4]], axis=1)
    return found


class Oracle:
    """One ray at a time."""

    def __init__(self, room: RoomArrays) -> None:
        self.room = room
        centre, half = (room.low + room.high) / 2, (room.high - room.low) / 2
        self.centres = np.concatenate([centre[None], room.centres])
        self.halves = np.concatenate([half[None], room.half_sizes])
        self.turns = [np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]]) for c, s in zip(*self._trig(), strict=True)]

    def _trig(self) -> tuple[np.ndarray, np.ndarray]:
        yaws = np.concatenate([[0.0], self.room.yaws])
        return np.cos(yaws), np.sin(yaws)

    def _slabs(self, k: int, origin: np.ndarray, ray: np.ndarray) -> tuple[float, int, float, int]:
        o, d = self.turns[k] @ (origin - self.centres[k]), self.turns[k] @ ray
        with np.errstate(divide="ignore"):
            ends = np.sort(np.stack([(-self.halves[k] - o) / d, (self.halves[k] - o) / d]), axis=0)
        return ends[0].max(), int(ends[0].argmax()), ends[1].min(), int(ends[1].argmin())

    def hit(self, origin: np.ndarray, ray: np.ndarray) -> tuple[float, int, int]:
        _, _, t, axis = self._slabs(0, origin, ray)
        best = (t, axis, 0)
        for k in range(1, len(self.centres)):
            enter, axis, leave, _ = self._slabs(k, origin, ray)
            if 0 < enter <= leave and enter < best[0]:
                best = (enter, axis, k)
        return best

    def share(self, pattern: str, u: float, v: float, wide: float, high: float, size: float, seed: int) -> float:
        i, j = int(np.floor(u / size)), int(np.floor(v / size))
        return {
            "plain": lambda: v / high,
            "stripes": lambda: i % 2,
            "bands": lambda: j % 2,
            "checker": lambda: (i + j) % 2,
            "wainscot": lambda: v < size,
            "panel": lambda: min(u, wide - u, v, high - v) < size,
            "noise": lambda: noise(u / size, v / size, seed),
        }[pattern]()

    def light(self, origin: np.ndarray, ray: np.ndarray) -> np.ndarray:
        room = self.room
        t, axis, k = self.hit(origin, ray)
        point = origin + t * ray
        local, half = self.turns[k] @ (point - self.centres[k]), self.halves[k]
        side = np.sign(local[axis])
        surface = 5 + k if k else 2 * axis + int(side > 0)
        normal = self.turns[k].T @ (np.eye(3)[axis] * side * (1 if k else -1))
        a, b = [c for c in range(3) if c != axis]
        at, extent = local + half, 2 * half
        name = PATTERNS[room.patterns[surface]]
        share = self.share(name, at[a], at[b], extent[a], extent[b], room.sizes[surface], room.seeds[surface])
        albedo = (1 - share) * room.colours[surface, 0] + share * room.colours[surface, 1]
        start = point + 1e-4 * normal
        way = room.lamp - start
        facing = max(way @ normal / np.linalg.norm(way), 0.0)
        others = (self._slabs(j, start, way) for j in range(1, len(self.centres)))
        lit = not any(0 < enter <= leave and enter < 1 for enter, _, leave, _ in others)
        received = facing * lit / (1 + room.falloff * way @ way)
        return albedo * (room.ambient * (1 + 0.15 * normal[2]) + room.lamp_light * received + room.glows[surface])


def noise(u: float, v: float, seed: int) -> float:
    def value(x: int, y: int) -> float:
        wrap = 1 << 32
        h = (x * 0x1E3779B1 + y * 0x45EBCA77 + seed * 0x42B2AE3D) % wrap
        h = (h ^ (h >> 15)) * 0x27D4EB2F % wrap
        h = (h ^ (h >> 13)) * 0x165667B1 % wrap
        return ((h ^ (h >> 16)) & 0xFFFF) / 65535

    i, j = int(np.floor(u)), int(np.floor(v))
    a, b = ((x - n) ** 2 * (3 - 2 * (x - n)) for x, n in ((u, i), (v, j)))
    rows = [(1 - a) * value(i, y) + a * value(i + 1, y) for y in (j, j + 1)]
    return (1 - b) * rows[0] + b * rows[1]


def followed(room: RoomArrays, pose: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    oracle, (width, height) = Oracle(room), SIZE
    linear, depth = np.zeros((height, width, 3)), np.zeros((height, width))

    def ray(x: float, y: float) -> np.ndarray:
        return pose[:3, :3] @ [(x - LENS[2]) / LENS[0], (y - LENS[3]) / LENS[1], 1.0]

    for row in range(height):
        for column in range(width):
            corners = [(column + x, row + y) for y in (0.25, 0.75) for x in (0.25, 0.75)]
            linear[row, column] = np.mean([oracle.light(pose[:3, 3], ray(*c)) for c in corners], axis=0)
            depth[row, column] = oracle.hit(pose[:3, 3], ray(column + 0.5, row + 0.5))[0]
    linear = np.clip(linear, 0, 1)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055), depth


def test_pictures_and_depth_are_those_of_rays_followed_one_by_one() -> None:
    patterns = np.arange(6 + 7) % len(PATTERNS)
    for k, pose in enumerate(poses()):
        room = room_of(np.roll(patterns, 3 * k), 7, seed=k)
        rgb, z = render_room(room, pose[None], LENS, SIZE)
        wanted, depth = followed(room, pose)
        assert (np.abs(z[0] - depth) < 1e-4).mean() > 0.999  # a ray may just graze an edge
        # Single precision may put a sample on the other side of an edge.
        assert (np.abs(rgb[0] / 255 - wanted).max(axis=-1) < 1 / 255).mean() > 0.99


def test_what_a_camera_sees_does_not_depend_on_the_others() -> None:
    room = room_of(np.full(10, PATTERNS.index("noise")), 4)
    together = render_room(room, poses(), LENS, (96, 64))
    alone = render_room(room, poses()[1:], LENS, (96, 64))
    assert (together[0][1] == alone[0][0]).all()
    assert (together[1][1] == alone[1][0]).all()


def test_an_empty_room_has_the_depth_of_its_walls() -> None:
    pose = poses()[0]
    pose[:3, :3] = [[1, 0, 0], [0, 0, 1], [0, -1, 0]]
    z = render_room(room_of(np.zeros(6, int), 0), pose[None], LENS, SIZE)[1][0]
    assert z[14, 20] == pytest.approx(3.5, abs=1e-5)
    assert z[27, 20] == pytest.approx(1.4 * 32 / 13.5, abs=1e-4)


def test_arrays_must_belong_together() -> None:
    room = room_of(np.zeros(8, int), 2)
    with pytest.raises(ValueError, match="poses"):
        render_room(room, poses()[:0], LENS, SIZE)
    with pytest.raises(ValueError, match="room of 2 boxes"):
        render_room(room._replace(yaws=np.zeros(3)), poses(), LENS, SIZE)

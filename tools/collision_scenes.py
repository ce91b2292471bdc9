"""Make varied Gaussian scenes whose exact surface is known, to try colliders on what they were not built with.

    python tools/collision_scenes.py OUT --count 48 --seed 100      48 scenes; needs trimesh and scipy

Every scene NNN is four files: `NNN.ply` (Gaussians, Z up, metres), `NNN.json` (its solids as primitives, the way the
Gaussians look, centres of holes and floaters), `NNN_gt.ply` (the exposed true surface) and `NNN_gt.npz` (which
Gaussians float). Scene k of seed s is the same whatever --count is.

Kinds, in turn: room, rooms (with doorways), terrain, room, street (curbs, stairs), optimised (a room as an optimiser
leaves it: fuzzy walls that lie behind the surface, Gaussians behind it, haze, few Gaussians).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import trimesh

Floats = npt.NDArray[np.float64]
Solid = dict[str, Any]

KINDS = ("room", "rooms", "terrain", "room", "street", "optimised")
_CELL_M = 0.10
_HOLE_RADIUS_M = 0.025
_MARGIN_M = 0.30  # between furniture, so that a robot's arm reaches between


@dataclass(frozen=True)
class Look:
    """How the Gaussians stand for the surface; lengths [m].

    Attributes:
        count: Gaussians on the surface.
        normal_noise_deg, offset_noise: spread of normals and of centres along the normal.
        bias: how far behind the surface centres lie on the mean.
        thickness: standard deviation of a Gaussian along the normal.
        opacity, opacity_spread: mean and spread of opacities.
        floater_share: Gaussians that float, relative to `count`.
        flat_floaters: floaters are as flat and as opaque as the surface.
        behind_share, haze_share: Gaussians behind the surface, and large faint ones in free space.
        hole_share: area without Gaussians in holes of 2.5 cm radius.
        bald_patches: number of patches of floor, 0.15 to 0.4 m in radius, with hardly any Gaussians.
    """

    count: int
    normal_noise_deg: float
    offset_noise: float
    bias: float
    thickness: float
    opacity: float
    opacity_spread: float
    floater_share: float
    flat_floaters: bool
    behind_share: float
    haze_share: float
    hole_share: float
    bald_patches: int


def look(rng: np.random.Generator, optimised: bool) -> Look:
    """Draw how a scene looks."""
    if optimised:
        return Look(
            count=int(rng.integers(40_000, 100_000)),
            normal_noise_deg=float(rng.uniform(8, 20)),
            offset_noise=float(rng.uniform(0.02, 0.05)),
            bias=float(rng.uniform(0.01, 0.03)),
            thickness=float(rng.uniform(0.004, 0.012)),
            opacity=float(rng.uniform(0.4, 0.75)),
            opacity_spread=0.3,
            floater_share=float(rng.uniform(0.0, 0.02)),
            flat_floaters=bool(rng.random() < 0.3),
            behind_share=0.2,
            haze_share=float(rng.uniform(0.01, 0.05)),
            hole_share=0.0,
            bald_patches=int(rng.integers(0, 3)),
        )
    faint = rng.random() < 0.25
    return Look(
        count=int(rng.integers(150_000, 400_000)),
        normal_noise_deg=float(rng.uniform(1, 12)),
        offset_noise=float(rng.uniform(0.001, 0.012)),
        bias=0.0,
        thickness=float(rng.uniform(0.0015, 0.005)),
        opacity=float(rng.uniform(0.3, 0.7) if faint else rng.uniform(0.75, 0.95)),
        opacity_spread=float(rng.uniform(0.03, 0.2)),
        floater_share=float(rng.choice([0.0, 0.005, 0.02, 0.03])),
        flat_floaters=bool(rng.random() < 0.4),
        behind_share=0.0,
        haze_share=float(rng.choice([0.0, 0.01])),
        hole_share=float(rng.choice([0.0, 0.005, 0.01])),
        bald_patches=int(rng.choice([0, 0, 1, 2])),
    )


# ---------- solids


def box(name: str, low: npt.ArrayLike, high: npt.ArrayLike) -> Solid:
    return {
        "id": name,
        "type": "box",
        "min": np.round(np.asarray(low, float), 4).tolist(),
        "max": np.round(np.asarray(high, float), 4).tolist(),
    }


class Room:
    """A room that is being furnished: `solids` so far, and the boxes in plan that are taken."""

    def __init__(self, rng: np.random.Generator, several: bool) -> None:
        self.rng = rng
        small = rng.random() < 0.3 and not several
        self.size = rng.uniform([2.6, 2.4, 2.2], [3.8, 3.4, 2.6]) if small else rng.uniform([4, 3.5, 2.4], [8, 7, 3.4])
        if several:
            self.size[:2] = rng.uniform([6.0, 4.5], [9.0, 7.0])
        self.size = np.round(self.size, 3)
        self.origin = np.round(np.array([*rng.uniform(-3, 3, 2), 0.0]), 3)
        roofed = bool(rng.random() < 0.6)
        shell = {"id": "shell", "type": "room", "size": self.size.tolist(), "origin": self.origin.tolist()}
        self.solids: list[Solid] = [{**shell, "ceiling": roofed}]
        self.taken: list[tuple[Floats, Floats]] = []
        self.doorway = (0.0, 0.0)

    def partition(self, axis: int, share: float, start: float = 0.0) -> None:
        """Stand a wall across `axis` at `share` of the room with a doorway in it; `start` [m] where it begins."""
        rng, other, length = self.rng, 1 - axis, float(self.size[1 - axis])
        at, thick = share * float(self.size[axis]), float(rng.uniform(0.04, 0.20))
        width, top = float(rng.uniform(0.7, 1.2)), float(rng.uniform(1.95, 2.15))
        low = float(rng.uniform(start + 0.3, length - width - 0.3))
        height = float(self.size[2])

        def piece(name: str, a: float, b: float, z0: float, z1: float) -> None:
            lo, hi = np.zeros(3), np.zeros(3)
            lo[[axis, other, 2]], hi[[axis, other, 2]] = [at, a, z0], [at + thick, b, z1]
            self.solids.append(box(name, lo + self.origin, hi + self.origin))
            self.taken.append((lo[:2], hi[:2]))

        tag = f"wall{len(self.solids)}"
        piece(tag + "_a", start, low, 0.0, height)
        piece(tag + "_b", low + width, length, 0.0, height)
        if top < height - 0.1:
            piece(tag + "_lintel", low, low + width, top, height)
        keep_lo, keep_hi = np.zeros(2), np.zeros(2)
        keep_lo[[axis, other]], keep_hi[[axis, other]] = [at - 0.8, low - 0.1], [at + thick + 0.8, low + width + 0.1]
        self.taken.append((keep_lo, keep_hi))
        self.doorway = (low, low + width)

    def place(self, size: npt.ArrayLike, against_wall: bool) -> Floats | None:
        """Return the lower corner (2,) of a free rectangle of `size` [m] in the room; None if there is none."""
        size = np.asarray(size, float)
        room = self.size[:2] - size
        if (room < 2 * _MARGIN_M).any():
            return None
        for _ in range(60):
            corner = self.rng.uniform(_MARGIN_M, room - _MARGIN_M)
            if against_wall:
                side = int(self.rng.integers(2))
                corner[side] = self.rng.choice([0.0, room[side]])
            if all(((corner - _MARGIN_M >= hi) | (corner + size + _MARGIN_M <= lo)).any() for lo, hi in self.taken):
                self.taken.append((corner, corner + size))
                return corner
        return None

    def add(self, name: str, corner: Floats, boxes: Sequence[tuple[npt.ArrayLike, npt.ArrayLike]]) -> None:
        """Add boxes given by corners relative to `corner` (2,) on the floor."""
        at = self.origin + [corner[0], corner[1], 0.0]
        count = len(self.solids)
        for n, (lo, hi) in enumerate(boxes):
            self.solids.append(box(f"{name}{count}_{n}", at + lo, at + hi))

    def furnish(self, count: int) -> None:
        makers = (self.table, self.shelf, self.crate, self.stair, self.ball, self.drum, self.curb)
        for n in self.rng.integers(0, len(makers), count):
            makers[int(n)]()

    def table(self) -> None:
        rng = self.rng
        (w, d), h, leg = rng.uniform([0.7, 0.6], [1.6, 0.9]), rng.uniform(0.45, 0.78), rng.uniform(0.03, 0.06)
        top = rng.uniform(0.02, 0.05)
        corner = self.place((w, d), False)
        if corner is None:
            return
        inset = 0.03
        legs = [
            ([x, y, 0.0], [x + leg, y + leg, h - top])
            for x in (inset, w - inset - leg)
            for y in (inset, d - inset - leg)
        ]
        self.add("table", corner, [([0, 0, h - top], [w, d, h]), *legs])

    def shelf(self) -> None:
        rng = self.rng
        w, d, board, gap = (
            rng.uniform(0.7, 1.4),
            rng.uniform(0.25, 0.4),
            rng.uniform(0.02, 0.03),
            rng.uniform(0.25, 0.4),
        )
        levels = int(rng.integers(3, 6))
        levels = min(levels, int((self.size[2] - 0.3) / (gap + board)))
        along_x = bool(rng.random() < 0.5)
        corner = self.place((w, d) if along_x else (d, w), True)
        if corner is None:
            return
        height = levels * (gap + board)
        boxes = [([0, 0, k * (gap + board)], [w, d, k * (gap + board) + board]) for k in range(1, levels)]
        boxes += [([0, 0, height], [w, d, height + board])]
        boxes = [([a[0] + board, a[1], a[2]], [b[0] - board, b[1], b[2]]) for a, b in boxes]
        boxes += [([0, 0, 0], [board, d, height + board]), ([w - board, 0, 0], [w, d, height + board])]
        if not along_x:
            boxes = [([a[1], a[0], a[2]], [b[1], b[0], b[2]]) for a, b in boxes]
        self.add("shelf", corner, boxes)

    def crate(self) -> None:
        size = self.rng.uniform([0.25, 0.25, 0.2], [0.9, 0.9, 1.1])
        corner = self.place(size[:2], bool(self.rng.random() < 0.4))
        if corner is not None:
            self.add("crate", corner, [([0, 0, 0], size)])

    def stair(self) -> None:
        rng = self.rng
        steps, rise, tread, width = int(rng.integers(2, 6)), rng.uniform(0.12, 0.18), rng.uniform(0.26, 0.32), 0.9
        corner = self.place((width, steps * tread), bool(rng.random() < 0.5))
        if corner is not None:
            boxes = [([0, k * tread, 0], [width, (k + 1) * tread, (k + 1) * rise]) for k in range(steps)]
            self.add("stair", corner, boxes)

    def curb(self) -> None:
        size = self.rng.uniform([0.8, 0.12, 0.05], [2.0, 0.4, 0.20])
        corner = self.place(size[:2], False)
        if corner is not None:
            self.add("curb", corner, [([0, 0, 0], size)])

    def ball(self) -> None:
        r = float(self.rng.uniform(0.12, 0.4))
        corner = self.place((2 * r, 2 * r), False)
        if corner is not None:
            centre = np.round(self.origin + [corner[0] + r, corner[1] + r, r], 4).tolist()
            self.solids.append({"id": f"ball{len(self.solids)}", "type": "sphere", "center": centre, "radius": r})

    def drum(self) -> None:
        r, h = float(self.rng.uniform(0.08, 0.35)), float(self.rng.uniform(0.4, 1.6))
        corner = self.place((2 * r, 2 * r), False)
        if corner is not None:
            centre = np.round(self.origin[:2] + corner + r, 4).tolist()
            drum = {"type": "cylinder", "center": centre, "radius": r, "zmin": 0.0, "zmax": h}
            self.solids.append({"id": f"drum{len(self.solids)}", **drum})


def indoor(rng: np.random.Generator, several: bool) -> list[Solid]:
    """Return the solids of one room, or of several with doorways between."""
    room = Room(rng, several)
    if several:
        axis = int(rng.integers(2)) if room.size[1] > 5.5 else 0
        room.partition(axis, float(rng.uniform(0.35, 0.65)))
        if rng.random() < 0.5:
            wall = room.solids[1]
            end = np.array(wall["max"])[axis] - room.origin[axis]
            # across the far side of the first wall; its own doorway may lie anywhere along it
            if not _blocks_doorway(room, axis, share := float(rng.uniform(0.3, 0.7))):
                room.partition(1 - axis, share, float(end))
    room.furnish(int(rng.integers(4, 11)))
    return room.solids


def _blocks_doorway(room: Room, axis: int, share: float) -> bool:
    """Whether a wall across the other axis at `share` would end in the first wall's doorway."""
    at = share * float(room.size[1 - axis])
    return room.doorway[0] - 0.5 < at < room.doorway[1] + 0.5


def outdoor(rng: np.random.Generator, street: bool) -> list[Solid]:
    """Return rough ground with pillars and boulders, or a nearly level street with curbs, stairs and posts."""
    side = round(float(rng.uniform(8, 12) if street else rng.uniform(10, 18)), 2)
    low = np.round(rng.uniform(-side, 0, 2), 2)
    rough = float(rng.choice([0.2, 0.5, 1.0, 1.5]))
    waves = [(0.35, 0.5), (0.15, 0.9), (0.05, 2.0), (0.02, 4.0)]
    terms: list[list[Any]] = []
    for height, rate in waves:
        turn, phase = rng.uniform(0, 2 * np.pi, 2)
        amplitude = (0.02 if street else rough) * height
        terms.append([amplitude, rate * np.cos(turn), rate * np.sin(turn), phase, str(rng.choice(["sin", "cos"]))])
    ground: Solid = {"id": "ground", "type": "heightfield", "min": low.tolist(), "max": (low + side).tolist()}
    solids = [{**ground, "terms": terms}]
    taken: list[Floats] = []

    def spot(reach: float) -> Floats | None:
        for _ in range(60):
            at = rng.uniform(low + reach + 0.5, low + side - reach - 0.5)
            if all(np.linalg.norm(at - other[:2]) > reach + other[2] + 0.4 for other in taken):
                taken.append(np.array([*at, reach]))
                return at
        return None

    for n in range(int(rng.integers(4, 10))):
        height, radius = float(rng.uniform(0.4, 2.5)), float(rng.uniform(0.08, 0.5))
        if (at := spot(radius)) is None:
            continue
        foot = float(hills(terms, *at))
        if rng.random() < 0.6:
            post = {"type": "cylinder", "center": np.round(at, 3).tolist(), "radius": radius}
            solids.append({"id": f"post{n}", **post, "zmin": foot - 2.0, "zmax": foot + height})
        else:
            low_corner, high_corner = [*(at - radius), foot - 2.0], [*(at + radius), foot + 0.5 * height]
            solids.append(box(f"crate{n}", low_corner, high_corner))
    for n in range(int(rng.integers(2, 5)) if street else 0):
        length, width, rise = rng.uniform([1.5, 0.3, 0.05], [3.0, 1.2, 0.20])
        if (at := spot(length / 2)) is not None:
            foot, half = float(hills(terms, *at)), np.array([length, width]) / 2
            solids.append(box(f"curb{n}", [*(at - half), foot - 1.0], [*(at + half), foot + rise]))
    if street and (at := spot(1.0)) is not None:
        foot, rise = float(hills(terms, *at)), float(rng.uniform(0.12, 0.18))
        for k in range(4):
            start = at + [-0.5, -0.6 + 0.3 * k]
            solids.append(box(f"stair{k}", [*start, foot - 1.0], [*(start + [1.0, 0.3]), foot + (k + 1) * rise]))
    return solids


def hills(terms: list[list[Any]], x: Any, y: Any) -> Floats:
    """Return heights [m] of a sum of waves (amplitude, rates along x and y, phase, "sin" or "cos")."""
    return np.sum([a * getattr(np, wave)(kx * x + ky * y + phase) for a, kx, ky, phase, wave in terms], axis=0)


# ---------- exposed surface


def inside(solid: Solid, points: Floats) -> npt.NDArray[np.bool_]:
    """Return which points (N, 3) lie in a solid; the shell of a room holds what is outside of it."""
    kind = solid["type"]
    if kind == "box":
        return np.asarray(((points > solid["min"]) & (points < solid["max"])).all(axis=1))
    if kind == "sphere":
        return np.asarray(np.linalg.norm(points - solid["center"], axis=1) < solid["radius"])
    if kind == "cylinder":
        near = np.linalg.norm(points[:, :2] - solid["center"], axis=1) < solid["radius"]
        return np.asarray(near & (points[:, 2] > solid["zmin"]) & (points[:, 2] < solid["zmax"]))
    if kind == "heightfield":
        return np.asarray(points[:, 2] < hills(solid["terms"], points[:, 0], points[:, 1]))
    low, high = np.array(solid["origin"]), np.array(solid["origin"]) + solid["size"]
    out = (points < low) | (points > high)
    if not solid["ceiling"]:
        out[:, 2] = points[:, 2] < low[2]
    return np.asarray(out.any(axis=1))


def surface(solids: list[Solid]) -> trimesh.Trimesh:
    """Return the exposed surface of the union of solids, turned towards free space; exact for boxes."""
    parts = []
    for solid in solids:
        mesh = _outline(solid, solids)
        centres, normals = mesh.triangles_center, mesh.face_normals
        keep = np.ones(len(centres), bool)
        for other in solids:
            if other is not solid:
                keep &= ~inside(other, centres + 1e-3 * normals)
        mesh.update_faces(keep)
        parts.append(mesh)
    joined = _together(parts)
    joined.remove_unreferenced_vertices()
    return joined


def _outline(solid: Solid, solids: list[Solid]) -> trimesh.Trimesh:
    kind = solid["type"]
    if kind == "box":
        return _faces_of_box(np.array(solid["min"]), np.array(solid["max"]), solids)
    if kind == "room":
        low = np.array(solid["origin"])
        mesh = _faces_of_box(low, low + solid["size"], solids)
        if not solid["ceiling"]:
            mesh.update_faces(mesh.face_normals[:, 2] < 0.5)
        mesh.invert()
        return mesh
    if kind == "sphere":
        mesh = trimesh.creation.icosphere(4, solid["radius"])
        mesh.apply_translation(solid["center"])
        return mesh
    if kind == "cylinder":
        height = solid["zmax"] - solid["zmin"]
        mesh = trimesh.creation.cylinder(solid["radius"], height, sections=72)
        mesh.apply_translation([*solid["center"], solid["zmin"] + height / 2])
        return mesh.subdivide_to_size(0.08, max_iter=12)
    steps = int((solid["max"][0] - solid["min"][0]) / 0.06) + 1
    x, y = (np.linspace(solid["min"][k], solid["max"][k], steps) for k in (0, 1))
    grid_x, grid_y = np.meshgrid(x, y, indexing="ij")
    return _grid_mesh(np.stack([grid_x, grid_y, hills(solid["terms"], grid_x, grid_y)], axis=-1))


def _faces_of_box(low: Floats, high: Floats, solids: list[Solid]) -> trimesh.Trimesh:
    """Return a box whose faces are cut where other boxes' edges meet them, so that what they cover can be left out."""
    corners = [np.array(s[k]) for s in solids if s["type"] == "box" for k in ("min", "max")]
    cuts = []
    for axis in range(3):
        steps = max(2, int((high[axis] - low[axis]) / _CELL_M) + 1)
        others = [c[axis] for c in corners if low[axis] < c[axis] < high[axis]]
        cuts.append(np.unique(np.round([*np.linspace(low[axis], high[axis], steps), *others], 5)))
    parts = []
    for axis in range(3):
        u, v = np.meshgrid(cuts[(axis + 1) % 3], cuts[(axis + 2) % 3], indexing="ij")
        for value, outwards in ((low[axis], False), (high[axis], True)):
            points = np.empty((*u.shape, 3))
            points[..., axis], points[..., (axis + 1) % 3], points[..., (axis + 2) % 3] = value, u, v
            mesh = _grid_mesh(points)
            if not outwards:
                mesh.invert()
            parts.append(mesh)
    return _together(parts)


def _together(parts: list[trimesh.Trimesh]) -> trimesh.Trimesh:
    joined = trimesh.util.concatenate(parts)
    assert isinstance(joined, trimesh.Trimesh)
    return joined


def _grid_mesh(points: Floats) -> trimesh.Trimesh:
    """Return the two triangles of every cell of a grid of points (A, B, 3)."""
    index = np.arange(points.shape[0] * points.shape[1]).reshape(points.shape[:2])
    a, b, c, d = (part.ravel() for part in (index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]))
    triangles = np.concatenate([np.stack([a, b, c], axis=1), np.stack([a, c, d], axis=1)])
    return trimesh.Trimesh(points.reshape(-1, 3), triangles, process=False)


# ---------- Gaussians


@dataclass
class Splats:
    """Gaussians: centres and standard deviations [m], wxyz quaternions, opacities, and which of them float."""

    positions: Floats
    scales: Floats
    quats: Floats
    opacities: Floats
    floating: npt.NDArray[np.bool_]


def _turns(normals: Floats, rng: np.random.Generator) -> Floats:
    """Return wxyz quaternions that turn z to the normals, spun at random."""
    from scipy.spatial.transform import Rotation

    aside = np.where(np.abs(normals[:, :1]) < 0.9, [[1.0, 0.0, 0.0]], [[0.0, 1.0, 0.0]])
    first = np.cross(aside, normals)
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    spin = rng.uniform(0, 2 * np.pi, (len(normals), 1))
    u = np.cos(spin) * first + np.sin(spin) * np.cross(normals, first)
    quats = Rotation.from_matrix(np.stack([u, np.cross(normals, u), normals], axis=2)).as_quat()
    return np.asarray(quats[:, [3, 0, 1, 2]])


def _tilted(normals: Floats, degrees: float, rng: np.random.Generator) -> Floats:
    tilted = normals + rng.normal(0, np.tan(np.radians(degrees)), normals.shape)
    return np.asarray(tilted / np.linalg.norm(tilted, axis=1, keepdims=True))


def on_surface(mesh: trimesh.Trimesh, look: Look, bald: Floats, rng: np.random.Generator) -> tuple[Splats, Floats]:
    """Return Gaussians on the surface and the centres of its holes; `bald`: x, y, z, radius of bare patches (P, 4)."""
    from scipy.spatial import cKDTree

    seeds = rng.integers(0, 2**31, 2)
    points, face = trimesh.sample.sample_surface(mesh, look.count, seed=int(seeds[0]))
    points, normals = np.asarray(points), np.asarray(mesh.face_normals[face])
    count = int(look.hole_share * mesh.area / (np.pi * _HOLE_RADIUS_M**2))
    holes = np.asarray(trimesh.sample.sample_surface(mesh, count, seed=int(seeds[1]))[0]) if count else np.zeros((0, 3))
    keep = np.ones(len(points), bool)
    if count:
        keep = cKDTree(holes).query(points, distance_upper_bound=_HOLE_RADIUS_M)[0] > _HOLE_RADIUS_M
    for x, y, z, radius in bald:
        keep &= (np.linalg.norm(points - [x, y, z], axis=1) > radius) | (rng.random(len(points)) < 0.03)
    points, normals = points[keep], normals[keep]
    spacing = np.sqrt(mesh.area / look.count)
    facing = _tilted(normals, look.normal_noise_deg, rng)
    offset = rng.normal(-look.bias, look.offset_noise, len(points))
    behind = rng.random(len(points)) < look.behind_share
    offset[behind] -= rng.exponential(0.08, int(behind.sum()))
    across = spacing * rng.lognormal(np.log(0.9), 0.35, (len(points), 2))
    along = look.thickness * rng.lognormal(0.0, 0.35, (len(points), 1))
    opacities = np.clip(rng.normal(look.opacity, look.opacity_spread, len(points)), 0.03, 0.995)
    scales, floating = np.concatenate([across, along], axis=1), np.zeros(len(points), bool)
    return Splats(points + offset[:, None] * normals, scales, _turns(facing, rng), opacities, floating), holes


def floaters(look: Look, low: Floats, high: Floats, spacing: float, rng: np.random.Generator) -> tuple[Splats, Floats]:
    """Return scattered and clustered Gaussians in the box `low`..`high`, haze, and the centres of the clusters."""
    loose, hazy = int(look.floater_share * look.count), int(look.haze_share * look.count)
    blobs = max(4, loose // 300) if loose else 0
    centres = rng.uniform(low + 0.3, high - 0.3, (blobs, 3))
    clustered = loose // 2 if blobs else 0
    scattered = rng.uniform(low - [0.4, 0.4, 0.1], high + 0.4, (loose - clustered, 3))
    blob = centres[rng.integers(0, max(blobs, 1), clustered)] if blobs else np.zeros((0, 3))
    points = np.concatenate([scattered, blob + rng.normal(0, 0.06, blob.shape), rng.uniform(low, high, (hazy, 3))])
    if look.flat_floaters:
        across = spacing * rng.lognormal(np.log(0.9), 0.35, (loose, 2))
        scales = np.concatenate([across, look.thickness * np.ones((loose, 1))], axis=1)
        opacities = np.clip(rng.normal(look.opacity, look.opacity_spread, loose), 0.03, 0.995)
    else:
        scales = rng.lognormal(np.log(0.012), 0.6, (loose, 3)).clip(0.002, 0.06)
        opacities = np.where(rng.random(loose) < 0.7, rng.uniform(0.02, 0.15, loose), rng.uniform(0.15, 0.6, loose))
    scales = np.concatenate([scales, rng.uniform(0.05, 0.2, (hazy, 3))])
    opacities = np.concatenate([opacities, rng.uniform(0.005, 0.06, hazy)])
    quats = rng.normal(size=(len(points), 4))
    quats /= np.linalg.norm(quats, axis=1, keepdims=True)
    return Splats(points, scales, quats, opacities, np.ones(len(points), bool)), centres


def write_ply(path: Path, splats: Splats, rng: np.random.Generator) -> None:
    """Write a 3DGS PLY without normals; colours are noise around grey."""
    names = ["x", "y", "z", "f_dc_0", "f_dc_1", "f_dc_2", "opacity"]
    names += [f"scale_{k}" for k in range(3)] + [f"rot_{k}" for k in range(4)]
    logit = np.log(splats.opacities / (1 - splats.opacities))[:, None]
    colour = rng.normal(0, 0.3, (len(splats.positions), 3))
    rows = np.concatenate([splats.positions, colour, logit, np.log(splats.scales), splats.quats], axis=1)
    header = ["ply", "format binary_little_endian 1.0", f"element vertex {len(rows)}"]
    header += [f"property float {name}" for name in names] + ["end_header\n"]
    path.write_bytes("\n".join(header).encode() + rows.astype("<f4").tobytes())


def make(directory: Path, name: str, kind: str, rng: np.random.Generator) -> dict[str, Any]:
    """Write one scene and return its description."""
    solids = outdoor(rng, kind == "street") if kind in ("terrain", "street") else None
    several = kind == "rooms" or (kind == "optimised" and rng.random() < 0.3)
    solids = solids or indoor(rng, several)
    looks, mesh = look(rng, kind == "optimised"), surface(solids)
    low, high = (np.array(b, float) for b in mesh.bounds)
    if solids[0]["type"] == "heightfield":
        high[2] += 1.0
    bald = _bald_patches(solids, looks.bald_patches, rng)
    surfels, holes = on_surface(mesh, looks, bald, rng)
    spacing = float(np.sqrt(mesh.area / looks.count))
    loose, blobs = floaters(looks, low, high, spacing, rng)
    parts = [np.concatenate(pair) for pair in zip(vars(surfels).values(), vars(loose).values(), strict=True)]
    order = rng.permutation(len(parts[0]))
    splats = Splats(*(part[order] for part in parts))
    write_ply(directory / f"{name}.ply", splats, rng)
    mesh.export(directory / f"{name}_gt.ply")
    np.savez_compressed(directory / f"{name}_gt.npz", is_floater=splats.floating)
    scene = {
        "name": name,
        "kind": kind,
        "up": "z",
        "units": "m",
        "primitives": solids,
        "gt_mesh": f"{name}_gt.ply",
        "gt_area_m2": float(mesh.area),
        "gaussians": len(splats.positions),
        "spacing_m": spacing,
        "look": asdict(looks),
        "hole_centers": np.round(holes, 4).tolist(),
        "floater_blob_centers": np.round(blobs, 4).tolist(),
        "bald_patches": np.round(bald, 3).tolist(),
    }
    (directory / f"{name}.json").write_text(json.dumps(scene, indent=1), encoding="utf-8")
    return scene


def _bald_patches(solids: list[Solid], count: int, rng: np.random.Generator) -> Floats:
    """Return x, y, z, radius [m] of patches of the floor (count, 4)."""
    base = solids[0]
    low = np.array(base["origin"][:2] if base["type"] == "room" else base["min"])
    high = low + base["size"][:2] if base["type"] == "room" else np.array(base["max"])
    patches = []
    for _ in range(count):
        at, radius = rng.uniform(low + 0.5, high - 0.5), rng.uniform(0.15, 0.4)
        patches.append([*at, 0.0 if base["type"] == "room" else float(hills(base["terms"], *at)), radius])
    return np.array(patches).reshape(-1, 4)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("out", type=Path)
    parser.add_argument("--count", type=int, default=48)
    parser.add_argument("--seed", type=int, default=100)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for index in range(options.count):
        rng = np.random.default_rng([options.seed, index])
        kind = KINDS[index % len(KINDS)]
        name = f"{options.seed}_{index:03d}_{kind}"
        scene = make(options.out, name, kind, rng)
        print(f"{name}: {scene['gaussians']} Gaussians, {scene['gt_area_m2']:.0f} m2, {scene['spacing_m']:.4f} m apart")


if __name__ == "__main__":
    main()

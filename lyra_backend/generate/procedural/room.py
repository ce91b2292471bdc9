"""Closed indoor shells: floor, walls with doors and windows, ceiling, side rooms behind openings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from .draft import Draft
from .elements import Material
from .palette import STEEL, Rgb, blend, material
from .placement import Floor, Rect, Wall
from .shapes import Mesh, box, join, quad

__all__ = ["Opening", "Shell", "build_shell", "room_outline"]

Point = tuple[float, float]

#: Frames of walls that must not narrow the room stand out this far [m].
_FLUSH = 0.004
#: How far panes and door leaves lie behind the wall [m].
_REVEAL = {"window": 0.14, "door": 0.08, "passage": 0.16}


@dataclass(frozen=True)
class Opening:
    """A hole in a wall.

    Attributes:
        kind: "door" (closed leaf), "window" (closed pane) or "passage" (way into a side room).
        u, width: middle along the wall, and width [m].
        low, high: heights [m].
    """

    kind: str
    u: float
    width: float
    low: float
    high: float


@dataclass
class Shell:
    """Materials and plan of a room.

    Attributes:
        outline: corners of a rectilinear plan, counter-clockwise [m].
        height: of the ceiling [m].
        floor, wall, ceiling, trim: materials; `accents` replaces the wall's by wall number.
        openings: by wall number (wall k runs from corner k to k + 1).
        door, frame: materials of leaves and frames.
        skirting_m: height of the skirting board, 0 for none.
        flush: whether frames and sills stand out by no more than `_FLUSH`.
        name: prefix of element names.
    """

    outline: Sequence[Point]
    height: float
    floor: Material
    wall: Material
    ceiling: Material
    trim: Material
    door: Material
    frame: Material
    openings: dict[int, list[Opening]] = field(default_factory=dict)
    accents: dict[int, Material] = field(default_factory=dict)
    skirting_m: float = 0.08
    flush: bool = False
    name: str = "room"
    pane: Rgb = (0.72, 0.83, 0.92)


def room_outline(width: float, length: float, notch: Rect | None = None) -> list[Point]:
    """Return a rectangle of width (x) by length (y) around the origin; `notch` takes a corner (by its sign) away."""
    a, b = width / 2, length / 2
    if notch is None:
        return [(-a, -b), (a, -b), (a, b), (-a, b)]
    w, d = notch.w, notch.d
    corner = (notch.x > 0, notch.y > 0)
    return {
        (True, True): [(-a, -b), (a, -b), (a, b - d), (a - w, b - d), (a - w, b), (-a, b)],
        (False, True): [(-a, -b), (a, -b), (a, b), (-a + w, b), (-a + w, b - d), (-a, b - d)],
        (True, False): [(-a, -b), (a - w, -b), (a - w, -b + d), (a, -b + d), (a, b), (-a, b)],
        (False, False): [(-a + w, -b), (a, -b), (a, b), (-a, b), (-a, -b + d), (-a + w, -b + d)],
    }[corner]


def cells_of(outline: Sequence[Point]) -> list[tuple[float, float, float, float]]:
    """Cut a rectilinear plan into rectangles (x0, y0, x1, y1)."""
    xs, ys = sorted({round(p[0], 6) for p in outline}), sorted({round(p[1], 6) for p in outline})
    found = []
    for y0, y1 in pairwise(ys):
        start = None
        for x0, x1 in [*pairwise(xs), (xs[-1], xs[-1])]:
            within = x1 > x0 and _contains(outline, (x0 + x1) / 2, (y0 + y1) / 2)
            if within and start is None:
                start = x0
            if not within and start is not None:
                found.append((start, y0, x0, y1))
                start = None
    return found


def _contains(outline: Sequence[Point], x: float, y: float) -> bool:
    crossings = 0
    for (x0, y0), (x1, y1) in zip(outline, [*outline[1:], outline[0]], strict=True):
        if (y0 > y) != (y1 > y) and x < x0 + (y - y0) / (y1 - y0) * (x1 - x0):
            crossings += 1
    return crossings % 2 == 1


def build_shell(draft: Draft, shell: Shell, *, main: bool = True) -> list[Wall]:
    """Add a room's elements to the draft; the main room also defines the floor raster and the walls to furnish."""
    cells = cells_of(shell.outline)
    floor = [quad((a, b, 0), (c, b, 0), (c, d, 0), (a, d, 0)) for a, b, c, d in cells]
    draft.sheet(f"{shell.name}.floor", "floor", shell.floor, join(floor))
    h = shell.height
    top = [quad((a, d, h), (c, d, h), (c, b, h), (a, b, h)) for a, b, c, d in cells]
    draft.sheet(f"{shell.name}.ceiling", "ceiling", shell.ceiling, join(top))
    ends = [*shell.outline[1:], shell.outline[0]]
    walls = [Wall(start, end, h, []) for start, end in zip(shell.outline, ends, strict=True)]
    if main:
        _lay_floor(draft, shell.outline, cells)
        draft.walls = walls
    for k, wall in enumerate(walls):
        _build_wall(draft, shell, wall, k)
    return walls


def _lay_floor(draft: Draft, outline: Sequence[Point], cells: list[tuple[float, float, float, float]]) -> None:
    points = np.array(outline)
    low, high = points.min(0) - 2.6, points.max(0) + 2.6
    draft.floor = Floor((float(low[0]), float(low[1])), (float(high[0]), float(high[1])), 0.05)
    for a, b, c, d in cells:
        draft.floor.add_floor(Rect((a + c) / 2, (b + d) / 2, c - a + 1e-6, d - b + 1e-6))


def _build_wall(draft: Draft, shell: Shell, wall: Wall, k: int) -> None:
    """Add one wall with its openings, frames and skirting."""
    openings = shell.openings.get(k, [])
    looks = shell.accents.get(k, shell.wall)
    name = f"{shell.name}.wall_{k + 1}"
    draft.sheet(name, "wall", looks, join(_pierced(wall, openings)))
    for n, opening in enumerate(openings):
        margin = 0.12 if opening.kind == "window" else 0.1
        low, high = (opening.low - 0.02, opening.high + 0.1)
        wall.taken.append((opening.u - opening.width / 2 - margin, opening.u + opening.width / 2 + margin, low, high))
        if opening.kind != "window":
            x, y = wall.at(opening.u, 0.5)
            draft.floor.keep_doorway(Rect(x, y, opening.width, 1.0, wall.yaw))
        _fill(draft, shell, wall, opening, f"{opening.kind}_{k + 1}_{n + 1}", looks)
    if shell.skirting_m > 0:
        _skirting(draft, shell, wall, openings, name)


def _pierced(wall: Wall, openings: Sequence[Opening]) -> list[Mesh]:
    """Return the rectangles of a wall around its openings."""
    us = sorted({0.0, wall.length, *(o.u - o.width / 2 for o in openings), *(o.u + o.width / 2 for o in openings)})
    zs = sorted({0.0, wall.height, *(o.low for o in openings), *(o.high for o in openings)})
    found = []
    for u0, u1 in pairwise(us):
        for z0, z1 in pairwise(zs):
            u, z = (u0 + u1) / 2, (z0 + z1) / 2
            if not any(abs(u - o.u) < o.width / 2 and o.low < z < o.high for o in openings):
                found.append(_panel(wall, u0, u1, z0, z1, 0.0))
    return found


def _panel(wall: Wall, u0: float, u1: float, z0: float, z1: float, off: float) -> Mesh:
    """Return a rectangle parallel to a wall that faces the room, `off` inside it (negative = behind it)."""
    (ax, ay), (bx, by) = wall.at(u0, off), wall.at(u1, off)
    # Seen from the room, with the wall running left to right reversed, this order is counter-clockwise.
    return quad((bx, by, z0), (ax, ay, z0), (ax, ay, z1), (bx, by, z1))


def _reveals(wall: Wall, o: Opening, depth: float, *, sill: bool) -> list[Mesh]:
    """Return the inner faces of an opening: jambs, lintel and, for windows, the sill."""
    u0, u1 = o.u - o.width / 2, o.u + o.width / 2

    def at(u: float, off: float, z: float) -> tuple[float, float, float]:
        return (*wall.at(u, off), z)

    found = [
        quad(at(u0, -depth, o.low), at(u0, 0, o.low), at(u0, 0, o.high), at(u0, -depth, o.high)),
        quad(at(u1, 0, o.low), at(u1, -depth, o.low), at(u1, -depth, o.high), at(u1, 0, o.high)),
        quad(at(u0, 0, o.high), at(u1, 0, o.high), at(u1, -depth, o.high), at(u0, -depth, o.high)),
    ]
    if sill:
        found.append(quad(at(u1, 0, o.low), at(u0, 0, o.low), at(u0, -depth, o.low), at(u1, -depth, o.low)))
    return [_facing(mesh, wall, o) for mesh in found]


def _facing(mesh: Mesh, wall: Wall, o: Opening) -> Mesh:
    """Turn a reveal's face towards the middle of its opening."""
    centre = np.array([*wall.at(o.u), (o.low + o.high) / 2])
    a, b, c = mesh.vertices[mesh.triangles[0]]
    inward = np.dot(np.cross(b - a, c - a), centre - mesh.vertices.mean(0)) > 0
    return mesh if inward else Mesh(mesh.vertices, mesh.triangles[:, ::-1])


def _fill(draft: Draft, shell: Shell, wall: Wall, o: Opening, name: str, looks: Material) -> None:
    """Close an opening with a leaf or a pane, or lead it into a side room's wall."""
    depth = _REVEAL[o.kind]
    full = f"{shell.name}.{name}"
    class_name = "window" if o.kind == "window" else "door"
    reveal = shell.frame if o.kind != "passage" else looks
    draft.sheet(f"{full}.reveal", "wall", reveal, join(_reveals(wall, o, depth, sill=o.low > 0.01)))
    u0, u1 = o.u - o.width / 2, o.u + o.width / 2
    if o.low <= 0.01:
        (ax, ay), (bx, by) = wall.at(u0, 0), wall.at(u1, 0)
        (cx, cy), (dx, dy) = wall.at(u1, -depth), wall.at(u0, -depth)
        sill = quad((ax, ay, 0), (dx, dy, 0), (cx, cy, 0), (bx, by, 0))
        sill = sill if _upward(sill) else Mesh(sill.vertices, sill.triangles[:, ::-1])
        draft.sheet(f"{full}.threshold", "floor", shell.floor, sill)
    if o.kind == "passage":
        draft.floor.add_floor(Rect(*wall.at(o.u, -depth / 2), o.width, depth + 0.02, wall.yaw))
        x, y = wall.at(o.u, -0.5)
        draft.floor.keep(Rect(x, y, o.width, 1.0, wall.yaw))
    else:
        closing = material("glass", shell.pane, tile_m=o.width) if o.kind == "window" else shell.door
        draft.sheet(
            f"{full}.{'pane' if o.kind == 'window' else 'leaf'}",
            class_name,
            closing,
            _panel(wall, u0, u1, o.low, o.high, -depth),
        )
        _furnish_opening(draft, shell, wall, o, full)
    _frame(draft, shell, wall, o, full)


def _upward(mesh: Mesh) -> bool:
    a, b, c = mesh.vertices[mesh.triangles[0]]
    return bool(np.cross(b - a, c - a)[2] > 0)


def bar(wall: Wall, u0: float, u1: float, z0: float, z1: float, off0: float, off1: float) -> Mesh:
    """Return a box along a wall between two offsets into the room [m]."""
    x, y = wall.at((u0 + u1) / 2, (off0 + off1) / 2)
    return box(u1 - u0, off1 - off0, z1 - z0).turned(float(np.degrees(wall.yaw))).moved(x, y, z0)


def _furnish_opening(draft: Draft, shell: Shell, wall: Wall, o: Opening, name: str) -> None:
    """Add bars and a sill to a window, panels and a handle to a door."""
    u0, u1, back = o.u - o.width / 2, o.u + o.width / 2, -_REVEAL[o.kind]
    if o.kind == "window":
        t = 0.05
        bars = [bar(wall, u0, u1, z, z + t, back, back + 0.05) for z in (o.low, o.high - t)]
        bars += [bar(wall, u, u + t, o.low, o.high, back, back + 0.05) for u in (u0, u1 - t)]
        count = max(1, round(o.width / 0.9))
        bars += [
            bar(
                wall,
                u0 + o.width * k / count - t / 2,
                u0 + o.width * k / count + t / 2,
                o.low,
                o.high,
                back,
                back + 0.045,
            )
            for k in range(1, count)
        ]
        draft.solid(f"{name}.bars", "window", shell.frame, join(bars))
        sill = bar(wall, u0 - 0.06, u1 + 0.06, o.low - 0.04, o.low, 0.0, _FLUSH if shell.flush else 0.1)
        draft.solid(f"{name}.sill", "window", shell.frame, sill)
        return
    inset = material(shell.door.pattern, blend(shell.door.color, (0, 0, 0), 0.14), tile_m=shell.door.tile_m)
    fields = [
        bar(wall, u0 + 0.14, u1 - 0.14, z0, z1, back, back + 0.012) for z0, z1 in ((0.2, 0.9), (1.05, o.high - 0.16))
    ]
    if o.width > 1.6:
        fields = [
            bar(wall, u0 + 0.03, u1 - 0.03, z, z + 0.05, back, back + 0.02) for z in np.arange(0.3, o.high - 0.1, 0.36)
        ]
    draft.solid(f"{name}.panels", "door", inset, join(fields))
    if o.width <= 1.6:
        lever = bar(wall, u1 - 0.17, u1 - 0.06, 1.02, 1.05, back + 0.03, back + 0.055)
        rose = bar(wall, u1 - 0.1, u1 - 0.06, 0.96, 1.12, back, back + 0.03)
        draft.solid(f"{name}.handle", "door", material("metal_brushed", STEEL), join([lever, rose]))


def _frame(draft: Draft, shell: Shell, wall: Wall, o: Opening, name: str) -> None:
    """Add an architrave around a door or passage."""
    if o.kind == "window":
        return
    t, u0, u1 = 0.07, o.u - o.width / 2, o.u + o.width / 2
    out = _FLUSH if shell.flush else 0.025
    bars = [bar(wall, u, u + t, 0.0, o.high + t, 0.0, out) for u in (u0 - t, u1)]
    bars.append(bar(wall, u0, u1, o.high, o.high + t, 0.0, out))
    draft.solid(f"{name}.frame", "door", shell.frame, join(bars))


def _skirting(draft: Draft, shell: Shell, wall: Wall, openings: Sequence[Opening], name: str) -> None:
    """Add skirting boards between the doors."""
    edges = [(o.u - o.width / 2 - 0.07, o.u + o.width / 2 + 0.07) for o in openings if o.low <= 0.01]
    start, pieces = 0.0, []
    for low, high in [*sorted(edges), (wall.length, wall.length)]:
        if low - start > 0.05:
            pieces.append(bar(wall, start, low, 0.0, shell.skirting_m, 0.0, 0.015))
        start = high
    if pieces:
        draft.solid(f"{name}_skirting", "wall", shell.trim, join(pieces))


def side_room(draft: Draft, shell: Shell, wall: Wall, o: Opening, depth: float, extra: float) -> None:
    """Build a small closed room behind a passage: `extra` wider than it on each side, `depth` deep [m]."""
    reveal, half = _REVEAL["passage"], o.width / 2 + extra
    corners = [wall.at(o.u - half, -reveal - depth), wall.at(o.u + half, -reveal - depth)]
    corners += [wall.at(o.u + half, -reveal), wall.at(o.u - half, -reveal)]
    height = min(shell.height, max(o.high + 0.25, 2.45))
    inner = Shell(
        corners, height, shell.floor, shell.wall, shell.ceiling, shell.trim, shell.door, shell.frame,
        skirting_m=shell.skirting_m, name=f"{shell.name}_side",
    )  # fmt: skip
    cells = cells_of(corners)
    inner.openings = {2: [Opening("hole", half, o.width, o.low, o.high)]}
    floor = [quad((a, b, 0), (c, b, 0), (c, d, 0), (a, d, 0)) for a, b, c, d in cells]
    draft.sheet(f"{inner.name}.floor", "floor", inner.floor, join(floor))
    top = [quad((a, d, height), (c, d, height), (c, b, height), (a, b, height)) for a, b, c, d in cells]
    draft.sheet(f"{inner.name}.ceiling", "ceiling", inner.ceiling, join(top))
    for k, (start, end) in enumerate(zip(corners, [*corners[1:], corners[0]], strict=True)):
        piece = Wall(start, end, height, [])
        holes = inner.openings.get(k, [])
        draft.sheet(f"{inner.name}.wall_{k + 1}", "wall", inner.wall, join(_pierced(piece, holes)))
    for a, b, c, d in cells:
        draft.floor.add_floor(Rect((a + c) / 2, (b + d) / 2, c - a + 1e-6, d - b + 1e-6))
    x, y = wall.at(o.u, -reveal - depth / 2)
    draft.lamp(x, y, height - 0.35, 0.3 if draft.wishes.light == "night" else 1.2)

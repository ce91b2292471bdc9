"""Taking away the surface that nobody can see or touch: buried in solids, under floors, behind walls."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .patches import Faces, unit_normals

__all__ = ["Cover", "uncovered_quads", "uncovered_triangles"]

Floats = npt.NDArray[np.floating]
Integers = npt.NDArray[np.integer]
Mask = npt.NDArray[np.bool_]

#: A face is covered where the space this far in front of it is taken [m]; the second gap finds thin sheets on it.
GAPS = (0.002, 0.0005)
THIN = 0.006
#: Pieces that are covered in part are split down to this side [m].
LEAST_SIDE = 0.08
#: Cuts closer to a border than this are not worth a sliver [m].
LEAST_SLICE = 0.004
MOST_CUTS = 64
MOST_HALVINGS = 12


@dataclass(frozen=True, eq=False)
class Cover:
    """What can hide surface.

    Attributes:
        vertices, triangles, starts: closed solids as :func:`lyra_backend.kernels.enclosure.inside_solids` takes them.
        sheet_vertices, sheet_triangles: open sheets that face free space.
        boxes: corners of boxes around the solids, and after those around flat pieces of sheet, shape (B, 8, 3).
    """

    vertices: Floats
    triangles: npt.NDArray[np.integer]
    starts: npt.NDArray[np.integer]
    sheet_vertices: Floats
    sheet_triangles: npt.NDArray[np.integer]
    boxes: Floats

    def hides(self, points: Floats, normals: Floats, gaps: Integers) -> Mask:
        """Return which surface points (N, 3) with outward `normals` have no free space in front of them.

        Solids are asked at the first `gaps` (N,) of the distances `GAPS`, sheets always.
        """
        from ...kernels.enclosure import behind_sheets, inside_solids

        hidden = behind_sheets(self.sheet_vertices, self.sheet_triangles, points + GAPS[0] * normals)
        for i, gap in enumerate(GAPS):
            ask = np.flatnonzero((gaps > i) & ~hidden)
            ahead = points[ask] + gap * normals[ask]
            hidden[ask] = inside_solids(self.vertices, self.triangles, self.starts, ahead)
        return hidden

    def gaps_near(self, pairs: npt.NDArray[np.integer], count: int) -> Integers:
        """Return at how many gaps each of `count` faces must be asked: pairs (P, 2) are a face and a box near it."""
        sides = np.ptp(self.boxes, axis=1).min(axis=1, initial=1e9)
        gaps = np.zeros(count, np.int64)
        np.maximum.at(gaps, pairs[:, 0], np.where(sides[pairs[:, 1]] < THIN, 2, 1))
        return gaps


def uncovered_quads(quads: Faces, own_box: npt.NDArray[np.integer], cover: Cover) -> Faces:
    """Return the rectangles, or the parts of them, that have free space in front.

    Args:
        quads: rectangles.
        own_box: the box in `cover.boxes` that each rectangle belongs to, -1 for none, shape (N,).
        cover: what may hide them.
    """
    pieces, gaps = _cut_along_boxes(quads, own_box, cover)
    kept = []
    for level in range(MOST_HALVINGS):
        hidden, seen = _judge(pieces, gaps, cover)
        sides = _sides(pieces.corners)
        mixed = (hidden > 0) & (seen > 0) & (sides.max(axis=1, initial=0) > LEAST_SIDE) & (level < MOST_HALVINGS - 1)
        kept.append(pieces.select((seen > 0) & ~mixed))
        if not mixed.any():
            break
        axis = sides[mixed].argmax(axis=1)
        pieces = _split(pieces.select(mixed), axis, np.full(len(axis), 0.5))
        gaps = np.concatenate([gaps[mixed]] * 2)
    return Faces.concatenate(kept)


def uncovered_triangles(triangles: Faces, own_box: npt.NDArray[np.integer], cover: Cover) -> Faces:
    """Return the triangles, or the parts of them, that have free space in front; as :func:`uncovered_quads`."""
    gaps = cover.gaps_near(_near_boxes(triangles.corners, own_box, cover.boxes), len(triangles))
    pieces, kept = triangles, []
    for level in range(MOST_HALVINGS):
        hidden, seen = _judge(pieces, gaps, cover)
        longest = np.linalg.norm(pieces.corners - np.roll(pieces.corners, -1, axis=1), axis=2).max(axis=1, initial=0)
        mixed = (hidden > 0) & (seen > 0) & (longest > 1.5 * LEAST_SIDE) & (level < MOST_HALVINGS - 1)
        kept.append(pieces.select((seen > 0) & ~mixed))
        if not mixed.any():
            break
        pieces = bisected(pieces.select(mixed))
        gaps = np.concatenate([gaps[mixed]] * 2)
    return Faces.concatenate(kept)


def bisected(triangles: Faces) -> Faces:
    """Return both halves of every triangle, cut through the middle of its longest side."""
    corners, uvs = triangles.corners, triangles.uvs
    longest = np.linalg.norm(corners - np.roll(corners, -1, axis=1), axis=2).argmax(axis=1)
    order = (longest[:, None] + np.arange(3)) % 3
    corners = np.take_along_axis(corners, order[..., None], axis=1)
    uvs = np.take_along_axis(uvs, order[..., None], axis=1)
    halves = []
    for values in (corners, uvs):
        a, b, c = values[:, 0], values[:, 1], values[:, 2]
        middle = (a + b) / 2
        halves.append(np.concatenate([np.stack([a, middle, c], axis=1), np.stack([middle, b, c], axis=1)]))
    return Faces(halves[0], halves[1], np.concatenate([triangles.owners] * 2))


def _near_boxes(corners: Floats, own_box: npt.NDArray[np.integer], boxes: Floats) -> npt.NDArray[np.int32]:
    """Return pairs (P, 2) of a face and a box that touches it and is not its own."""
    from ...kernels.enclosure import box_overlaps

    gap = 1.25 * GAPS[0]
    pairs = box_overlaps(corners.min(axis=1) - gap, corners.max(axis=1) + gap, boxes.min(axis=1), boxes.max(axis=1))
    return pairs[own_box[pairs[:, 0]] != pairs[:, 1]]


def _sides(corners: Floats) -> Floats:
    """Return the lengths (N, 2) [m] of a rectangle's sides."""
    return np.linalg.norm(corners[:, [1, 3]] - corners[:, :1], axis=2)


def _split(quads: Faces, axis: npt.NDArray[np.integer], share: Floats) -> Faces:
    """Cut quads in two at `share` of their first (axis 0) or second side; all first parts come first."""
    parts = []
    for values in (quads.corners, quads.uvs):
        a, b, c, d = values[:, 0], values[:, 1], values[:, 2], values[:, 3]
        s = share[:, None].astype(values.dtype)
        along = axis[:, None] == 0
        near = np.where(along, a + s * (b - a), a + s * (d - a))
        far = np.where(along, d + s * (c - d), b + s * (c - b))
        low = [a, np.where(along, near, b), far, np.where(along, d, near)]
        high = [near, np.where(along, b, far), c, np.where(along, far, d)]
        parts.append(np.concatenate([np.stack(low, axis=1), np.stack(high, axis=1)]))
    return Faces(parts[0], parts[1], np.concatenate([quads.owners] * 2))


def _cut_along_boxes(quads: Faces, own_box: npt.NDArray[np.integer], cover: Cover) -> tuple[Faces, Integers]:
    """Cut rectangles along the boxes that touch them; returns the pieces and at how many gaps to ask each."""
    pairs = _near_boxes(quads.corners, own_box, cover.boxes)
    pieces, done, near = quads, [], []
    for _ in range(MOST_CUTS):
        pairs, spans = _touching_spans(pieces.corners, pairs, cover.boxes)
        gaps = cover.gaps_near(pairs, len(pieces))
        which, axis, share = _best_cuts(pieces.corners, pairs, spans)
        finished = np.ones(len(pieces), bool)
        finished[which] = False
        done.append(pieces.select(finished))
        near.append(gaps[finished])
        if not len(which):
            return Faces.concatenate(done), np.concatenate(near)
        child = np.full(len(pieces), -1)
        child[which] = np.arange(len(which))
        pieces = _split(pieces.select(which), axis, share)
        inherited = pairs[child[pairs[:, 0]] >= 0]
        first = np.stack([child[inherited[:, 0]], inherited[:, 1]], axis=1)
        pairs = np.concatenate([first, first + np.array([len(which), 0])])
    return Faces.concatenate([*done, pieces]), np.concatenate([*near, np.full(len(pieces), len(GAPS))])


def _touching_spans(corners: Floats, pairs: npt.NDArray, boxes: Floats) -> tuple[npt.NDArray, Floats]:
    """Return the pairs whose box really touches the rectangle and the spans (P, 2, 2) it takes on the two sides [m]."""
    cell = corners[pairs[:, 0]]
    sides = _sides(cell)
    axes = (cell[:, [1, 3]] - cell[:, :1]) / sides[..., None]
    frame = np.concatenate([axes, np.cross(axes[:, 0], axes[:, 1])[:, None]], axis=1)
    local = np.einsum("pbk,pak->pba", boxes[pairs[:, 1]] - cell[:, :1], frame)
    low, high = local.min(axis=1), local.max(axis=1)
    gap = 1.25 * GAPS[0]
    touches = (low[:, :2] < sides - 1e-6).all(axis=1) & (high[:, :2] > 1e-6).all(axis=1)
    touches &= (low[:, 2] < gap) & (high[:, 2] > -gap)
    return pairs[touches], np.stack([low[:, :2], high[:, :2]], axis=2)[touches]


def _best_cuts(corners: Floats, pairs: npt.NDArray, spans: Floats) -> tuple[npt.NDArray, npt.NDArray, Floats]:
    """Choose for each rectangle the cut nearest to its middle; returns (rectangles, axis, share of the side)."""
    sides = _sides(corners[pairs[:, 0]])[..., None]
    fits = (spans > LEAST_SLICE) & (spans < sides - LEAST_SLICE)
    pair, axis, _ = np.nonzero(fits)
    share = (spans / sides)[fits]
    cell = pairs[pair, 0]
    order = np.lexsort((share, axis, np.abs(share - 0.5), cell))
    which, first = np.unique(cell[order], return_index=True)
    return which, axis[order][first], share[order][first]


def _judge(faces: Faces, gaps: Integers, cover: Cover) -> tuple[npt.NDArray, npt.NDArray]:
    """Return how many of the probes on each face are hidden and how many have free space in front."""
    weights, first, face = _probes(faces.corners)
    points = np.einsum("pc,pck->pk", weights, faces.corners[face])
    normals = unit_normals(faces.corners)[face]
    hidden = np.add.reduceat(cover.hides(points, normals, gaps[face]).astype(int), first) if len(first) else first
    return hidden, np.bincount(face, minlength=len(faces)) - hidden


def _probes(corners: Floats) -> tuple[Floats, npt.NDArray, npt.NDArray]:
    """Spread probes over faces, about one per 5 cm, none nearer than 2 mm to a border.

    Returns:
        Corner weights (P, 3 or 4), the first probe of each face (N,), and the face of each probe (P,).
    """
    if corners.shape[1] == 3:
        return _triangle_probes(corners)
    sides = _sides(corners)
    number = np.clip(np.ceil(sides / 0.05).astype(int) + 1, 2, 7)
    count = number.prod(axis=1)
    first = np.cumsum(count) - count
    face = np.repeat(np.arange(len(corners)), count)
    rank = np.arange(count.sum()) - first[face]
    index = np.stack([rank % number[face, 0], rank // number[face, 0]], axis=1)
    inset = np.minimum(0.002, 0.2 * sides)[face]
    x, y = ((inset + index / (number[face] - 1) * (sides[face] - 2 * inset)) / sides[face]).T
    return np.stack([(1 - x) * (1 - y), x * (1 - y), x * y, (1 - x) * y], axis=1), first, face


def _triangle_probes(corners: Floats) -> tuple[Floats, npt.NDArray, npt.NDArray]:
    """As :func:`_probes`: near the corners and the middle, and near the sides of triangles longer than 10 cm."""
    near_corner, near_side = np.array([0.94, 0.03, 0.03]), np.array([0.04, 0.48, 0.48])
    rolled = [np.roll(w, i) for w in (near_corner, near_side) for i in range(3)]
    shape = np.stack([np.full(3, 1 / 3), *rolled])
    longest = np.linalg.norm(corners - np.roll(corners, -1, axis=1), axis=2).max(axis=1, initial=0)
    count = np.where(longest > 0.1, 7, 4)
    first = np.cumsum(count) - count
    face = np.repeat(np.arange(len(corners)), count)
    return shape[np.arange(count.sum()) - first[face]], first, face

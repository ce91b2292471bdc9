"""Fewer triangles by collapsing edges where the surface is flat, many at a time, and never further away than allowed.

Which edges go first and where their ends meet is told by quadrics (:mod:`.quadrics`); how far the surface may move, by
the vertices of the surface as it came (:mod:`.followers`).
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import warp as wp

from .edge_collapse import NO_OFFER, UNKNOWN, collapse, offer, renamed
from .followers import Source, first_followers
from .quadrics import incidence, kinds, quadrics

__all__ = ["decimate"]

_STALE = 0.8  # share of the triangles below which vertices without any are left out
_ROUNDING = 1e-7  # of the largest coordinate: nothing is nearer than that to anything
_EASY = 0.02  # share of the triangles that a round must take for more like it
_EASY_FLAT = 0.002  # the same where nothing is given up
_ROUNDS = 60  # most rounds that give something up: slow progress is made at the cost of rough surfaces
_FREE = 1 / 16  # share of the tolerance that is as good as nothing: the target does not count
_SHARES = (1 / 4, 1.0)  # of the tolerance, tried one after the other until the target is reached


def decimate(
    vertices: npt.NDArray[np.floating],
    triangles: npt.NDArray[np.integer],
    target: int,
    tolerance: float,
    longest_edge: float,
    *,
    device: str | None = None,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]:
    """Collapse edges until `target` triangles are left or nothing may go any more; what is as good as flat goes anyway.

    Args:
        vertices: corners (V, 3).
        triangles: indices (F, 3); open edges stay where they are, edges of more than two triangles stay as they are.
        target: number of triangles that is few enough. Edges whose quadrics (root of the mean square) say at most a
            16th of the tolerance collapse all the same.
        tolerance: in the vertices' unit. Every vertex that came is at most this far from the surface that is returned,
            and every vertex that is returned at most this far from the surface that came. Less is tried first.
        longest_edge: no edge grows longer than this.

    Returns:
        vertices (V', 3) and triangles (F', 3), wound as before.
    """
    where = wp.get_device(device) if device else wp.get_preferred_device()
    faces = np.array(triangles, np.int32, order="C")  # renamed in place
    points = np.ascontiguousarray(vertices, np.float64)
    if not len(faces):
        return points.astype(np.float32), faces
    bound = tolerance + _ROUNDING * float(np.abs(points[faces]).max())
    surface = _Surface.of(points, faces, bound, where)
    surface.simplify(1, (_FREE * tolerance) ** 2, longest_edge**2, _EASY_FLAT)
    rounds = _ROUNDS
    for share in _SHARES:
        rounds -= surface.simplify(target, (share * tolerance) ** 2, longest_edge**2, _EASY, rounds)
    used, index = np.unique(surface.faces, return_inverse=True)
    return surface.corners.numpy()[used].astype(np.float32), index.reshape(-1, 3).astype(np.int32)


@dataclass
class _Surface:
    """A surface on its way: by vertex, by triangle, and what it was made from.

    Attributes:
        corners, quadrics, kinds: by vertex.
        faces, state, head: corners of triangles (F, 3), states of their sides (F, 3), their first followers (F,).
        source, after: the surface as it came, and which of its vertices comes after each in a list of followers.
        bound: distance it must keep to the source.
    """

    corners: wp.array
    quadrics: wp.array
    kinds: wp.array
    faces: npt.NDArray[np.int32]
    state: npt.NDArray[np.uint8]
    head: npt.NDArray[np.int32]
    source: Source
    after: wp.array
    bound: float

    @staticmethod
    def of(points: npt.NDArray[np.float64], faces: npt.NDArray[np.int32], bound: float, where: wp.Device) -> "_Surface":
        ring = incidence(faces, len(points))
        kind, rims = kinds(faces, *ring, where)
        source = Source()
        source.vertices = wp.array(points, dtype=wp.vec3d, device=where)
        # faces are renamed in place
        source.triangles, source.first, source.around = (wp.array(a, dtype=int, device=where) for a in (faces, *ring))
        head, after = first_followers(faces, len(points))
        return _Surface(
            wp.array(points, dtype=wp.vec3d, device=where),
            wp.array(quadrics(points, faces, rims, *ring), dtype=wp.float64, device=where, copy=False),
            kind,
            faces,
            np.zeros(faces.shape, np.uint8),
            head,
            source,
            wp.array(after, dtype=int, device=where),
            bound,
        )

    def simplify(self, target: int, tolerance: float, longest: float, easy: float, rounds: float = math.inf) -> int:
        """Collapse until `target` triangles are left or a round takes less than the share `easy`.

        `tolerance` (of the quadrics) and `longest` are squares.

        Returns:
            How many rounds that took, at most `rounds`.
        """
        self.state[:] = UNKNOWN
        held, done, goes_on = len(self.faces), 0, True
        while goes_on and done < rounds and len(self.faces) > target:
            before = len(self.faces)
            self.round(tolerance, longest)
            done, goes_on = done + 1, before - len(self.faces) > easy * before
            if len(self.faces) < _STALE * held:
                self.leave_out_gone()
                held = len(self.faces)
        return done

    def round(self, tolerance: float, longest: float) -> None:
        """Collapse one set of edges that do not touch; `tolerance` (of the quadrics) and `longest` are squares."""
        where, count = self.corners.device, len(self.corners)
        ring = [wp.array(a, dtype=int, device=where, copy=False) for a in (self.faces, *incidence(self.faces, count))]
        best = wp.full(count, NO_OFFER, dtype=wp.int64, device=where)
        becomes = wp.array(np.arange(count, dtype=np.int32), dtype=int, device=where)
        states = wp.array(self.state, dtype=wp.uint8, device=where)
        head = wp.array(self.head, dtype=int, device=where)
        inputs = [self.corners, self.quadrics, self.kinds, *ring, wp.float64(tolerance), wp.float64(longest)]
        wp.launch(offer, dim=len(self.faces), inputs=inputs, outputs=[states, best], device=where)
        inputs = [*ring, best, wp.float64(longest), self.source, wp.float64(self.bound**2)]
        outputs = [self.corners, self.quadrics, self.kinds, becomes, states, head, self.after]
        wp.launch(collapse, dim=count, inputs=inputs, outputs=outputs, device=where)
        stays = wp.empty(len(self.faces), dtype=wp.bool, device=where)
        wp.launch(renamed, dim=len(self.faces), inputs=[becomes], outputs=[ring[0], stays], device=where)
        left = np.flatnonzero(stays.numpy())
        self.faces, self.state, self.head = (a.numpy().take(left, axis=0) for a in (ring[0], states, head))

    def leave_out_gone(self) -> None:
        """Leave out vertices that no triangle names any more; the others keep their order."""
        used = np.zeros(len(self.corners), bool)
        used[self.faces] = True
        index = np.flatnonzero(used)
        self.corners, self.quadrics, self.kinds = (
            wp.array(a.numpy().take(index, axis=0), dtype=a.dtype, device=a.device)
            for a in (self.corners, self.quadrics, self.kinds)
        )
        self.faces = (np.cumsum(used, dtype=np.int32) - 1)[self.faces]

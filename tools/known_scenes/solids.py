"""Solids, and the exposed surface of their union: the truth of a scene.

A solid is a dictionary with "id" and "type": "box" (min, max), "sphere" (center, radius), "cylinder" (upright: center,
radius, zmin, zmax), "heightfield" (min, max, terms of `hills`) or "room" (origin, size, ceiling: what is outside of it
is solid). Lengths [m], Z up.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import trimesh

__all__ = ["Floats", "Solid", "box", "hills", "inside", "surface"]

Floats = npt.NDArray[np.float64]
Solid = dict[str, Any]

_CELL_M = 0.10


def box(name: str, low: npt.ArrayLike, high: npt.ArrayLike) -> Solid:
    """Return a box from its lower and upper corner (3,)."""
    return {
        "id": name,
        "type": "box",
        "min": np.round(np.asarray(low, float), 4).tolist(),
        "max": np.round(np.asarray(high, float), 4).tolist(),
    }


def hills(terms: list[list[Any]], x: Any, y: Any) -> Floats:
    """Return heights [m] of a sum of waves (amplitude, rates along x and y, phase, "sin" or "cos")."""
    return np.sum([a * getattr(np, wave)(kx * x + ky * y + phase) for a, kx, ky, phase, wave in terms], axis=0)


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
        faces = np.asarray(mesh.faces)
        if not solid["ceiling"]:
            faces = faces[mesh.face_normals[:, 2] < 0.5]
        # made anew: a mesh that has lost faces keeps the normals it had before it was turned
        return trimesh.Trimesh(mesh.vertices, faces[:, ::-1], process=False)
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

"""Traps for robots: colliders of good scenes, spoiled on a way that was planned without knowing of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import trimesh
from pxr import Gf, Sdf, Usd, UsdGeom, UsdPhysics, Vt

__all__ = ["TRAPS", "Mesh", "Spot", "spot_on", "write_trapped"]

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

#: Triangles are divided to sides of this before some of them are taken away or moved [m].
FINE_M = 0.06
#: A spot keeps this much of a way free before and behind it [m].
FREE_M = 0.8


@dataclass(frozen=True)
class Mesh:
    """Triangles of a collider: vertices (V, 3) [m] and triangles (F, 3)."""

    vertices: Floats
    triangles: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Spot:
    """A point (3,) on a way [m] and the unit vector (2,) along which the way passes."""

    point: Floats
    along: Floats

    def local(self, points: Floats) -> Floats:
        """Return points (N, 3) as seen here: along the way, to its left, upwards [m]."""
        flat = points[:, :2] - self.point[:2]
        left = np.array([-self.along[1], self.along[0]])
        return np.column_stack([flat @ self.along, flat @ left, points[:, 2] - self.point[2]])

    def world(self, points: Floats) -> Floats:
        """Return the inverse of :meth:`local`."""
        left = np.array([-self.along[1], self.along[0]])
        flat = points[:, :1] * self.along + points[:, 1:2] * left
        return np.column_stack([flat, points[:, 2]]) + self.point


def spot_on(path: Floats, rng: np.random.Generator) -> Spot:
    """Return a random spot of a way (K, 3), neither at its start nor at its goal."""
    steps = np.diff(path, axis=0)
    lengths = np.linalg.norm(steps[:, :2], axis=1)
    total = float(lengths.sum())
    margin = min(FREE_M, 0.4 * total)
    at = float(rng.uniform(margin, total - margin))
    part = int(np.searchsorted(np.cumsum(lengths), at).clip(0, len(steps) - 1))
    share = (at - lengths[:part].sum()) / max(lengths[part], 1e-9)
    return Spot(path[part] + share * steps[part], steps[part, :2] / max(lengths[part], 1e-9))


def _divided(mesh: Mesh, spot: Spot, along: float, across: float) -> tuple[Mesh, Mask]:
    """Return the mesh with small triangles around a spot, and which of them are its floor within a rectangle there."""
    corners = spot.local(mesh.vertices)[mesh.triangles]
    low, high = corners.min(axis=1), corners.max(axis=1)
    reach = np.array([along, across, 0.15]) / [2, 2, 1] + [0.1, 0.1, 0.0]
    near = ((low <= reach) & (high >= -reach)).all(axis=1)
    vertices, triangles = trimesh.remesh.subdivide_to_size(mesh.vertices, mesh.triangles[near], FINE_M, max_iter=20)
    offset = len(mesh.vertices)
    fine = Mesh(
        np.concatenate([mesh.vertices, vertices]),
        np.concatenate([mesh.triangles[~near], triangles + offset]),
    )
    return fine, _floor(fine, spot, along, across)


def _floor(mesh: Mesh, spot: Spot, along: float, across: float) -> Mask:
    corners = mesh.vertices[mesh.triangles]
    middle = spot.local(corners.mean(axis=1))
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    up = normal[:, 2] > 0.7 * np.linalg.norm(normal, axis=1)
    return up & (np.abs(middle) <= [along / 2, across / 2, 0.12]).all(axis=1)


def _with(mesh: Mesh, *solids: trimesh.Trimesh, spot: Spot) -> Mesh:
    """Return the mesh with solids added that stand in the spot's frame."""
    vertices, triangles = [mesh.vertices], [mesh.triangles]
    for solid in solids:
        triangles.append(np.asarray(solid.faces) + sum(len(part) for part in vertices))
        vertices.append(spot.world(np.asarray(solid.vertices)))
    return Mesh(np.concatenate(vertices), np.concatenate(triangles))


def _box(size: tuple[float, float, float], middle: tuple[float, float, float]) -> trimesh.Trimesh:
    return trimesh.creation.box(size, trimesh.transformations.translation_matrix(middle))


def hole(mesh: Mesh, spot: Spot) -> Mesh:
    """The floor is missing, 0.6 m along the way and 1 m across."""
    fine, floor = _divided(mesh, spot, 0.6, 1.0)
    return Mesh(fine.vertices, fine.triangles[~floor])


def sunk(mesh: Mesh, spot: Spot) -> Mesh:
    """The floor lies 0.3 m lower, 0.8 m along the way and 1 m across."""
    fine, floor = _divided(mesh, spot, 0.8, 1.0)
    vertices = fine.vertices.copy()
    vertices[np.unique(fine.triangles[floor]), 2] -= 0.3
    return Mesh(vertices, fine.triangles)


def inverted(mesh: Mesh, spot: Spot) -> Mesh:
    """The floor is wound the wrong way, 0.7 m along the way and 1 m across."""
    fine, floor = _divided(mesh, spot, 0.7, 1.0)
    triangles = fine.triangles.copy()
    triangles[floor] = triangles[floor, ::-1]
    return Mesh(fine.vertices, triangles)


def wall(mesh: Mesh, spot: Spot) -> Mesh:
    """A wall that nobody sees, 2 m wide and 1 m high."""
    return _with(mesh, _box((0.04, 2.0, 1.0), (0.0, 0.0, 0.5)), spot=spot)


def lintel(mesh: Mesh, spot: Spot) -> Mesh:
    """A beam 0.25 m over the floor, lower than a Go2's back."""
    return _with(mesh, _box((0.1, 2.0, 0.1), (0.0, 0.0, 0.3)), spot=spot)


def step(mesh: Mesh, spot: Spot) -> Mesh:
    """A step of 0.28 m, up and down again."""
    return _with(mesh, _box((0.5, 2.0, 0.56), (0.0, 0.0, 0.0)), spot=spot)


def ramp(mesh: Mesh, spot: Spot) -> Mesh:
    """Floor that tilts by 45 degrees, up to 0.4 m."""
    profile = np.array([[-0.3, 0.0], [0.3, 0.0], [0.3, 0.4], [0.1, 0.4]])
    points = np.array([[x, y, z] for y in (-1.0, 1.0) for x, z in profile])
    return _with(mesh, trimesh.convex.convex_hull(points), spot=spot)


def spikes(mesh: Mesh, spot: Spot) -> Mesh:
    """Cones 0.35 m high in a row across the way, as strays of a capture stand."""
    cones = []
    for y in np.linspace(-0.8, 0.8, 9):
        cone = trimesh.creation.cone(0.06, 0.35, sections=8)
        cone.apply_translation([0.0, y, 0.0])
        cones.append(cone)
    return _with(mesh, *cones, spot=spot)


def floater(mesh: Mesh, spot: Spot) -> Mesh:
    """A lump 0.5 m across that hangs over the way at a Go2's height."""
    lump = trimesh.creation.icosphere(2, 0.25)
    lump.apply_translation([0.0, 0.0, 0.35])
    return _with(mesh, lump, spot=spot)


def narrow(mesh: Mesh, spot: Spot) -> Mesh:
    """Two walls that nobody sees leave 0.2 m between them, less than a Go2 is wide."""
    walls = [_box((0.3, 0.9, 0.8), (0.0, side * 0.55, 0.4)) for side in (-1.0, 1.0)]
    return _with(mesh, *walls, spot=spot)


#: Name -> what it makes of a mesh; each says in its text what it does.
TRAPS: Mapping[str, Callable[[Mesh, Spot], Mesh]] = {
    trap.__name__: trap for trap in (hole, sunk, inverted, wall, lintel, step, ramp, spikes, floater, narrow)
}


def write_trapped(stage_file: Path, trap: str, spot: Spot, out: Path) -> None:
    """Write a stage that sublayers another, whose one collider mesh has a trap.

    Raises:
        ValueError: the stage has not exactly one mesh that collides.
    """
    layer = Sdf.Layer.CreateNew(str(out))
    layer.subLayerPaths.append(stage_file.resolve().as_posix())
    stage = Usd.Stage.Open(layer)
    UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.z)
    UsdGeom.SetStageMetersPerUnit(stage, 1.0)
    UsdPhysics.SetStageKilogramsPerUnit(stage, 1.0)
    stage.SetDefaultPrim(stage.GetPrimAtPath("/World"))
    meshes = [UsdGeom.Mesh(p) for p in stage.Traverse() if p.IsA(UsdGeom.Mesh) and p.HasAPI(UsdPhysics.CollisionAPI)]
    if len(meshes) != 1:
        raise ValueError(f"{stage_file}: must have one mesh that collides, has {len(meshes)}")
    _spoil(meshes[0], trap, spot)
    layer.Save()


def _spoil(prim: UsdGeom.Mesh, trap: str, spot: Spot) -> None:
    points = np.array(prim.GetPointsAttr().Get(), np.float64)
    indices = np.array(prim.GetFaceVertexIndicesAttr().Get(), np.int64).reshape(-1, 3)
    mesh = TRAPS[trap](Mesh(points, indices), spot)
    used, triangles = np.unique(mesh.triangles, return_inverse=True)
    vertices = mesh.vertices[used].astype(np.float32)
    prim.GetPointsAttr().Set(Vt.Vec3fArray.FromNumpy(vertices))
    prim.GetFaceVertexIndicesAttr().Set(Vt.IntArray.FromNumpy(triangles.ravel().astype(np.int32)))
    prim.GetFaceVertexCountsAttr().Set(Vt.IntArray.FromNumpy(np.full(len(mesh.triangles), 3, np.int32)))
    prim.GetExtentAttr().Set([Gf.Vec3f(*vertices.min(axis=0).tolist()), Gf.Vec3f(*vertices.max(axis=0).tolist())])
    prim.GetNormalsAttr().Block()

"""Small stages with known virtues and faults, built triangle by triangle."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pxr import Gf, Sdf, Usd, UsdGeom, UsdPhysics, Vt

Mesh = tuple[np.ndarray, np.ndarray]

WIDTH, DEPTH, HEIGHT = 5.0, 4.0, 2.6


def new_stage(path: Path) -> Usd.Stage:
    stage = Usd.Stage.CreateNew(str(path))
    UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.z)
    UsdGeom.SetStageMetersPerUnit(stage, 1.0)
    stage.SetDefaultPrim(UsdGeom.Xform.Define(stage, "/World").GetPrim())
    UsdPhysics.Scene.Define(stage, "/World/PhysicsScene")
    return stage


def collide(prim: Usd.Prim, approximation: str = "none") -> None:
    UsdPhysics.CollisionAPI.Apply(prim)
    if prim.IsA(UsdGeom.Mesh):
        UsdPhysics.MeshCollisionAPI.Apply(prim).CreateApproximationAttr(approximation)


def add_mesh(stage: Usd.Stage, path: str, mesh: Mesh, approximation: str = "none") -> UsdGeom.Mesh:
    points, triangles = mesh
    prim = UsdGeom.Mesh.Define(stage, path)
    prim.CreatePointsAttr(Vt.Vec3fArray.FromNumpy(np.ascontiguousarray(points, np.float32)))
    prim.CreateFaceVertexIndicesAttr(Vt.IntArray.FromNumpy(np.ascontiguousarray(triangles.ravel(), np.int32)))
    prim.CreateFaceVertexCountsAttr(Vt.IntArray.FromNumpy(np.full(len(triangles), 3, np.int32)))
    prim.CreateSubdivisionSchemeAttr("none")
    collide(prim.GetPrim(), approximation)
    return prim


def quad(corner: tuple, along: tuple, across: tuple) -> Mesh:
    """A rectangle whose front looks towards along x across."""
    p, a, b = (np.array(v, dtype=float) for v in (corner, along, across))
    return np.array([p, p + a, p + a + b, p + b]), np.array([[0, 1, 2], [0, 2, 3]])


def box(low: tuple, high: tuple) -> Mesh:
    x0, y0, z0 = low
    dx, dy, dz = np.subtract(high, low)
    x1, y1, z1 = high
    return merge(
        quad((x0, y0, z1), (dx, 0, 0), (0, dy, 0)),
        quad((x0, y0, z0), (0, dy, 0), (dx, 0, 0)),
        quad((x0, y0, z0), (dx, 0, 0), (0, 0, dz)),
        quad((x1, y1, z0), (-dx, 0, 0), (0, 0, dz)),
        quad((x1, y0, z0), (0, dy, 0), (0, 0, dz)),
        quad((x0, y1, z0), (0, -dy, 0), (0, 0, dz)),
    )


def merge(*meshes: Mesh) -> Mesh:
    starts = np.cumsum([0, *(len(m[0]) for m in meshes[:-1])])
    return np.concatenate([m[0] for m in meshes]), np.concatenate(
        [m[1] + s for m, s in zip(meshes, starts, strict=True)]
    )


def flipped(mesh: Mesh) -> Mesh:
    return mesh[0], mesh[1][:, ::-1]


def grid(xs: np.ndarray, ys: np.ndarray, height=lambda x, y: 0.0 * x, keep=lambda x, y: x == x) -> Mesh:
    """A height field facing up, without the cells whose centre `keep` denies."""
    x, y = np.meshgrid(xs, ys, indexing="ij")
    index = np.arange(x.size).reshape(x.shape)
    corners = np.stack([index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]], axis=-1)
    kept = corners[keep((x[1:, 1:] + x[:-1, :-1]) / 2, (y[1:, 1:] + y[:-1, :-1]) / 2)]
    points = np.stack([x, y, height(x, y)], axis=-1).reshape(-1, 3)
    return points, np.concatenate([kept[:, [0, 1, 2]], kept[:, [0, 2, 3]]])


def floor(hole: float = 0.0) -> Mesh:
    """The floor of the room, with a square hole of the given side in the middle."""
    cuts = {"x": (WIDTH / 2 - hole / 2, WIDTH / 2 + hole / 2), "y": (DEPTH / 2 - hole / 2, DEPTH / 2 + hole / 2)}
    xs = np.unique([*np.linspace(0, WIDTH, 11), *cuts["x"]])
    ys = np.unique([*np.linspace(0, DEPTH, 9), *cuts["y"]])
    return grid(xs, ys, keep=lambda x, y: np.maximum(abs(x - WIDTH / 2), abs(y - DEPTH / 2)) > hole / 2)


def walls() -> list[Mesh]:
    """Four single sheets that look into the room."""
    up = (0, 0, HEIGHT)
    return [
        quad((0, 0, 0), (0, DEPTH, 0), up),
        quad((WIDTH, DEPTH, 0), (0, -DEPTH, 0), up),
        quad((WIDTH, 0, 0), (-WIDTH, 0, 0), up),
        quad((0, DEPTH, 0), (WIDTH, 0, 0), up),
    ]


def table() -> Mesh:
    legs = [box((x, y, 0), (x + 0.06, y + 0.06, 0.7)) for x in (1.0, 1.94) for y in (0.8, 1.34)]
    return merge(box((0.95, 0.75, 0.7), (2.05, 1.45, 0.74)), *legs)


def stairs() -> Mesh:
    return merge(*(box((3.2 + 0.3 * i, 2.8, 0), (3.5 + 0.3 * i, 3.8, 0.17 * (i + 1))) for i in range(5)))


def cabinet() -> Mesh:
    return box((4.2, 0.3, 0), (4.9, 1.3, 1.9))


def room(
    path: Path, floor_mesh: Mesh | None = None, wall_meshes: list[Mesh] | None = None, approximation: str = "none"
) -> Path:
    """A furnished room in one mesh; the defaults are without fault."""
    parts = [floor_mesh or floor(), *(wall_meshes or walls()), table(), stairs(), cabinet()]
    stage = new_stage(path)
    add_mesh(stage, "/World/Room", merge(*parts), approximation)
    stage.Save()
    return path


def terrain(path: Path, size: float = 30.0, steps: int = 121) -> Path:
    """Open hills with slopes up to about 20 degrees."""
    xs = np.linspace(-size / 2, size / 2, steps)
    stage = new_stage(path)
    add_mesh(
        stage, "/World/Terrain", grid(xs, xs, lambda x, y: np.sin(0.5 * x) * 0.5 + 0.4 * np.cos(0.4 * y + 0.3 * x))
    )
    stage.Save()
    return path


def shapes(path: Path) -> Path:
    """Ground and things without one ordinary mesh: basic shapes, instances, mirrored and left-handed meshes."""
    stage = new_stage(path)
    ground = UsdGeom.Cube.Define(stage, "/World/Ground")
    ground.AddTranslateOp().Set(Gf.Vec3d(0, 0, -0.5))
    ground.AddScaleOp().Set(Gf.Vec3f(4, 4, 0.5))
    collide(ground.GetPrim())
    for number, kind in enumerate((UsdGeom.Sphere, UsdGeom.Cylinder, UsdGeom.Capsule)):
        shape = kind.Define(stage, f"/World/Shape{number}")
        shape.AddTranslateOp().Set(Gf.Vec3d(2 * number - 2, 2.0, 0.3))
        shape.CreateRadiusAttr(0.4)
        if kind is not UsdGeom.Sphere:
            shape.CreateHeightAttr(0.8)
            shape.CreateAxisAttr("Y")
        collide(shape.GetPrim())
    prototype = stage.DefinePrim("/Crate")
    mesh = add_mesh(stage, "/Crate/Mesh", box((-0.3, -0.3, 0), (0.3, 0.3, 0.6)))
    mesh.CreateOrientationAttr("leftHanded")
    mesh.GetFaceVertexIndicesAttr().Set(
        Vt.IntArray.FromNumpy(box((0, 0, 0), (1, 1, 1))[1][:, ::-1].ravel().astype(np.int32))
    )
    prototype.SetSpecifier(Sdf.SpecifierClass)
    for number, scale in enumerate(((1, 1, 1), (-1, 1, 1))):
        crate = stage.DefinePrim(f"/World/Crate{number}", "Xform")
        crate.GetReferences().AddInternalReference("/Crate")
        crate.SetInstanceable(True)
        UsdGeom.Xformable(crate).AddTranslateOp().Set(Gf.Vec3d(2 * number - 1, -2, 0))
        UsdGeom.Xformable(crate).AddScaleOp().Set(Gf.Vec3f(*scale))
    stage.Save()
    return path

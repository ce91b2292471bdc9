"""The welded collider of a written scene, read back as it is.

Does: read the Mesh /World/Collision/Environment of ``collision.usdc`` with its material, its classes and what was
measured of it, and refuse what cannot be moved beside others. Does not: read other shapes; bodies are counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pxr import Usd, UsdGeom, UsdPhysics, UsdShade

from ..errors import InvalidRequest
from .collision import COLLISION_ROOT, ENVIRONMENT_NAME, FILE_NAME, ROOT_NAME
from .field_reader import open_stage
from .labels import labels_of
from .materials import PhysicsMaterial

__all__ = ["ENVIRONMENT_PATH", "WeldedScene", "read_welded"]

ENVIRONMENT_PATH = f"/{ROOT_NAME}/{COLLISION_ROOT}/{ENVIRONMENT_NAME}"


@dataclass(frozen=True)
class WeldedScene:
    """What does not move of a scene, as one mesh.

    Attributes:
        points: vertices, frame WORLD [m], shape (V, 3).
        triangles: corners, wound towards free space, shape (F, 3).
        material: friction and bounce.
        classes: labels of the mesh.
        method: how the collider was made, "" if the file does not say.
        error_m: how far it was measured to be off [m], by name.
        body_count: bodies that move, which are not in the mesh.
    """

    points: npt.NDArray[np.float32]
    triangles: npt.NDArray[np.int32]
    material: PhysicsMaterial
    classes: tuple[str, ...]
    method: str
    error_m: Mapping[str, float]
    body_count: int

    @property
    def box(self) -> npt.NDArray[np.float64]:
        """Lower and upper corner [m], shape (2, 3)."""
        return np.stack([self.points.min(axis=0), self.points.max(axis=0)]).astype(np.float64)


def read_welded(directory: Path) -> WeldedScene:
    """Read the collider of the scene in a run directory.

    Raises:
        InvalidRequest: there is none, it is not Z up in metres, or it is not one mesh of triangles where it stands.
    """
    path = directory / FILE_NAME
    if not path.is_file():
        raise InvalidRequest(
            f"{directory}: has no {FILE_NAME}, so it has no collider; generate it with --collider surface."
        )
    stage = open_stage(path)
    axis, unit = UsdGeom.GetStageUpAxis(stage), UsdGeom.GetStageMetersPerUnit(stage)
    if axis != UsdGeom.Tokens.z or unit != 1.0:
        raise InvalidRequest(
            f"{path}: must have Z up and metres, got {axis} up and units of {unit:g} m; turn and scale it."
        )
    prim = stage.GetPrimAtPath(ENVIRONMENT_PATH)
    if not prim or not prim.IsA(UsdGeom.Mesh):
        raise InvalidRequest(
            f"{path}: has no welded mesh {ENVIRONMENT_PATH}, which ray casters and atlases need; generate the scene "
            "with --collider surface."
        )
    if not np.array_equal(np.array(UsdGeom.XformCache().GetLocalToWorldTransform(prim)), np.eye(4)):
        raise InvalidRequest(
            f"{path}: {ENVIRONMENT_PATH} must not be moved, turned or scaled; bake it into its points."
        )
    points, triangles = _triangles(UsdGeom.Mesh(prim), path)
    origin = prim.GetCustomDataByKey("lyra") or {}
    errors = {str(name): float(value) for name, value in sorted(origin.get("errorMeters", {}).items())}
    bodies = sum(p.HasAPI(UsdPhysics.RigidBodyAPI) for p in stage.Traverse())
    return WeldedScene(
        points, triangles, _material(prim), labels_of(prim), str(origin.get("method", "")), errors, bodies
    )


def _triangles(mesh: UsdGeom.Mesh, path: Path) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]:
    """Return points (V, 3) and triangles (F, 3) of a mesh."""
    points = np.array(mesh.GetPointsAttr().Get() or (), np.float32).reshape(-1, 3)
    corners = np.array(mesh.GetFaceVertexIndicesAttr().Get() or (), np.int32)
    counts = np.array(mesh.GetFaceVertexCountsAttr().Get() or (), np.int32)
    whole = len(corners) == 3 * len(counts) and len(corners) > 0 and (counts == 3).all()
    if not whole or not np.isfinite(points).all() or corners.min() < 0 or corners.max() >= len(points):
        raise InvalidRequest(
            f"{path}: {ENVIRONMENT_PATH} must be triangles of finite points that are there; generate the scene again."
        )
    if mesh.GetOrientationAttr().Get() != UsdGeom.Tokens.rightHanded:
        raise InvalidRequest(f"{path}: {ENVIRONMENT_PATH} must be rightHanded; turn its triangles round.")
    return points, corners.reshape(-1, 3)


def _material(prim: Usd.Prim) -> PhysicsMaterial:
    """Return the material that is bound for physics, the usual one where there is none."""
    material, _ = UsdShade.MaterialBindingAPI(prim).ComputeBoundMaterial("physics")
    if not material:
        return PhysicsMaterial()
    physics = UsdPhysics.MaterialAPI(material.GetPrim())
    values = (
        physics.GetStaticFrictionAttr().Get(),
        physics.GetDynamicFrictionAttr().Get(),
        physics.GetRestitutionAttr().Get(),
    )
    return PhysicsMaterial(*(round(float(value or 0.0), 6) for value in values))

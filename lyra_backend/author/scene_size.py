"""How much a scene holds, read back from its files: Gaussians of every variant, colliders of the selected one.

Does: count. Does not: judge, or say what a count costs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from pxr import Ar, Sdf, Usd, UsdGeom, UsdPhysics

from ..errors import InvalidRequest
from ..types import SceneSize
from ..types.scene_size import NUREC_GAUSSIAN_BYTES
from . import nurec, particle_field
from .field_reader import open_stage, prims_of
from .stage import APPEARANCE_SET, SCENE_FILE

__all__ = ["read_scene_size"]


def read_scene_size(path: Path) -> SceneSize:
    """Return what a run directory's scene or any USD file holds; nothing is changed.

    Raises:
        InvalidRequest: there is no such scene, or USD cannot open it.
    """
    file = path / SCENE_FILE if path.is_dir() else path
    if not file.is_file():
        raise InvalidRequest(f"{path}: must be a run directory with {SCENE_FILE} or a USD file, but there is none.")
    stage = open_stage(file)
    size = _colliders(stage)
    for selected in _appearances(stage):
        size = replace(size, appearance=size.appearance or selected)
        fields = [prim for prim in prims_of(stage) if particle_field.holds(prim)]
        volumes = [prim for prim in prims_of(stage) if nurec.holds(prim)]
        size = replace(
            size,
            field_count=max(size.field_count, sum(map(_field_count, fields))),
            sh_degree=max(size.sh_degree, *map(_sh_degree, fields), 0),
            nurec_count=max(size.nurec_count, sum(map(_volume_count, volumes))),
        )
    return size


def _appearances(stage: Usd.Stage) -> Iterator[str]:
    """Select one appearance after the other, that which is selected first, and yield its name; "" if there are none."""
    world = stage.GetDefaultPrim()
    names = world.GetVariantSet(APPEARANCE_SET).GetVariantNames() if world else []
    if not names:
        yield ""
        return
    variants = world.GetVariantSet(APPEARANCE_SET)
    selected = variants.GetVariantSelection()
    with Usd.EditContext(stage, stage.GetSessionLayer()):
        for name in sorted(names, key=lambda name: (name != selected, name)):
            variants.SetVariantSelection(name)
            yield name


def _colliders(stage: Usd.Stage) -> SceneSize:
    shapes = [prim for prim in prims_of(stage) if prim.HasAPI(UsdPhysics.CollisionAPI)]
    meshes = [UsdGeom.Mesh(prim) for prim in shapes if prim.IsA(UsdGeom.Mesh)]
    return SceneSize(
        shape_count=len(shapes),
        vertex_count=sum(len(mesh.GetPointsAttr().Get() or ()) for mesh in meshes),
        # A polygon of k corners is k - 2 triangles.
        triangle_count=sum(
            len(mesh.GetFaceVertexIndicesAttr().Get() or ()) - 2 * len(mesh.GetFaceVertexCountsAttr().Get() or ())
            for mesh in meshes
        ),
    )


def _field_count(prim: Usd.Prim) -> int:
    positions = prim.GetAttribute("positions")
    if not positions or not positions.HasAuthoredValue():
        positions = prim.GetAttribute("positionsh")
    if not positions:
        return 0
    times = positions.GetTimeSamples() or [Usd.TimeCode.Default()]
    return max(len(positions.Get(time) or ()) for time in times)


def _sh_degree(prim: Usd.Prim) -> int:
    degree = prim.GetAttribute("radiance:sphericalHarmonicsDegree")
    # The schema's fallback, which USD builds without the schema do not know.
    return int(degree.Get()) if degree and degree.HasAuthoredValue() else 3


def _volume_count(prim: Usd.Prim) -> int:
    count = prim.GetCustomDataByKey("lyra:gaussianCount")
    if count is not None:
        return int(count)
    asset = next((a.Get() for child in prim.GetChildren() if (a := child.GetAttribute("filePath"))), None)
    if not isinstance(asset, Sdf.AssetPath) or not asset.resolvedPath:
        return 0
    return int(Ar.GetResolver().OpenAsset(Ar.ResolvedPath(asset.resolvedPath)).GetSize()) // NUREC_GAUSSIAN_BYTES

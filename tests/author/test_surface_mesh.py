"""The exact surface as a mesh that lights light: same triangles, same texture places, classes, standard shaders."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pxr import Ar, Usd, UsdGeom, UsdShade, UsdValidation

from lyra_backend import author
from lyra_backend.author import Params
from lyra_backend.author.particle_field import Params as FieldParams
from lyra_backend.author.surface_mesh import write_surface
from lyra_backend.errors import InvalidRequest
from lyra_backend.progress import Progress
from lyra_backend.types import SceneBundle, TexturedMesh, TexturedPart
from lyra_backend.validate import Params as Limits
from lyra_backend.validate.usd import check_usd

from .fields import cloud_of, room_proxy


def _part(name: str, height: float, classes: list[int]) -> TexturedPart:
    """A square of two triangles, its texture four pixels of one colour each."""
    corners = np.array([[0, 0, height], [2, 0, height], [2, 2, height], [0, 2, height]], np.float32)
    texture = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [9, 9, 9]]], np.uint8)
    triangles = np.array([[0, 1, 2], [0, 2, 3]])
    return TexturedPart(name, corners, triangles, corners[:, :2] / 2 + 0.25, texture, np.array(classes, np.uint16))


SURFACE = TexturedMesh((_part("wood_0", 0.0, [1, 2]), _part("2 tiles", 1.0, [0, 0])), ("unknown", "floor", "table"))


def _bundle() -> SceneBundle:
    return SceneBundle(cloud_of(20), room_proxy(), {"particle_field": FieldParams()}, truth=SURFACE)


def test_triangles_places_and_classes_are_those_of_the_surface(tmp_path: Path) -> None:
    stage = Usd.Stage.Open(str(tmp_path / write_surface(SURFACE, tmp_path)))
    meshes = {p.GetName(): UsdGeom.Mesh(p) for p in stage.Traverse() if p.IsA(UsdGeom.Mesh)}
    assert list(meshes) == ["wood_0_floor", "wood_0_table", "__tiles_unknown"]
    half = meshes["wood_0_table"]
    corners = np.array(half.GetPointsAttr().Get())[np.array(half.GetFaceVertexIndicesAttr().Get())]
    np.testing.assert_array_equal(corners, [[0, 0, 0], [2, 2, 0], [0, 2, 0]])
    places = UsdGeom.PrimvarsAPI(half).GetPrimvar("st")
    assert places.GetInterpolation() == "vertex"
    np.testing.assert_allclose(np.array(places.ComputeFlattened()), [[0.25, 0.25], [1.25, 1.25], [0.25, 1.25]])
    np.testing.assert_array_equal(half.GetNormalsAttr().Get(), [[0, 0, 1]])
    labels = {n: m.GetPrim().GetAttribute("semantics:labels:class").Get() for n, m in meshes.items()}
    assert [list(v) if v else None for v in labels.values()] == [["floor"], ["table"], None]


def test_materials_are_preview_surfaces_with_the_texture(tmp_path: Path) -> None:
    stage = Usd.Stage.Open(str(tmp_path / write_surface(SURFACE, tmp_path)))
    material, _ = UsdShade.MaterialBindingAPI(stage.GetPrimAtPath("/Surface/wood_0_floor")).ComputeBoundMaterial()
    shader, _, _ = material.ComputeSurfaceSource()
    assert shader.GetIdAttr().Get() == "UsdPreviewSurface"
    source = shader.GetInput("diffuseColor").GetConnectedSources()[0][0]
    texture = UsdShade.Shader(source.source.GetPrim())
    assert texture.GetInput("sourceColorSpace").Get() == "sRGB"
    assert texture.GetInput("wrapS").Get() == texture.GetInput("wrapT").Get() == "repeat"
    path = texture.GetInput("file").Get().resolvedPath
    with Ar.GetResolver().OpenAsset(Ar.ResolvedPath(path)) as opened:
        picture = Image.open(io.BytesIO(bytes(opened.GetBuffer())))
    np.testing.assert_array_equal(np.asarray(picture.convert("RGB")), SURFACE.parts[0].texture)


def test_the_scene_shows_it_on_request_and_packs_it(tmp_path: Path) -> None:
    author.run(_bundle(), tmp_path, Params(appearance="mesh", package="usdz"), Progress())
    for name in ("scene.usda", "stage.usda", "scene.usdz"):
        stage = Usd.Stage.Open(str(tmp_path / name))
        assert stage.GetDefaultPrim().GetVariantSet("appearance").GetVariantSelection() == "mesh"
        assert stage.GetPrimAtPath("/World/Visual/Surface/wood_0_floor").IsA(UsdGeom.Mesh)
        assert not stage.GetPrimAtPath("/World/Visual/Gaussians")
        shader = UsdShade.Shader(stage.GetPrimAtPath("/World/Visual/Surface/Materials/wood_0/Texture"))
        assert shader.GetInput("file").Get().resolvedPath.endswith("[mesh_wood_0.png]")
        with Usd.EditContext(stage, stage.GetSessionLayer()):
            stage.GetDefaultPrim().GetVariantSet("appearance").SetVariantSelection("none")
        assert not [layer.identifier for layer in stage.GetUsedLayers() if "mesh" in layer.identifier]


def test_without_an_exact_surface_there_is_no_such_variant(tmp_path: Path) -> None:
    bundle = SceneBundle(cloud_of(20), room_proxy(), {"particle_field": FieldParams()})
    with pytest.raises(InvalidRequest, match="'mesh' is not part of this scene"):
        author.run(bundle, tmp_path, Params(appearance="mesh"), Progress())
    assert "mesh.usdz" not in author.run(_bundle(), tmp_path, Params(keep="train"), Progress()).value


def test_validators_find_no_fault_and_bytes_repeat(tmp_path: Path) -> None:
    context = UsdValidation.ValidationContext(UsdValidation.ValidationRegistry().GetOrLoadAllValidators())
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        author.run(_bundle(), tmp_path / folder, Params(appearance="mesh", package="usdz"), Progress())
    for name in ("mesh.usdz", "scene.usda", "scene.usdz"):
        path = tmp_path / "a" / name
        assert path.read_bytes() == (tmp_path / "b" / name).read_bytes()
        assert [e.GetMessage() for e in context.Validate(Usd.Stage.Open(str(path)))] == []
        assert [f.message for f in check_usd(path, Limits(), Progress()).findings if f.severity != "info"] == []

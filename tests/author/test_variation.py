"""What a variation says over a scene: pictures of its surroundings, tints of its exact surface, its own lights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pxr import Sdf, Usd, UsdLux

from lyra_backend import author
from lyra_backend.author import Params, particle_field
from lyra_backend.author.light import StageLight, varied
from lyra_backend.author.variation import Look, Variation, read_frictions, write_variation
from lyra_backend.errors import InvalidRequest
from lyra_backend.progress import Progress
from lyra_backend.types import Environment, SceneBundle
from lyra_backend.validate.settling import check_layers

from .fields import cloud_of, room_proxy
from .test_stage_light import NIGHT
from .test_surface_mesh import SURFACE

AROUND = Environment(np.full((8, 16, 3), 0.5, np.float32), np.ones((8, 16)), np.zeros(3))
LOOK = Look((1.1, 1.0, 0.9), 0.95, (0.8, 0.7, 0.6))


ROOTS = ("stage.usda", "stage_isaac6.usda")


def _varied(
    tmp_path: Path, variation: Variation, params: Params | None = None, roots: tuple[str, ...] = ROOTS, **more: Any
) -> Path:
    run, folder = tmp_path / "run", tmp_path / "run/variations/000"
    folder.mkdir(parents=True)
    fields = {"primitives": {"particle_field": particle_field.Params()}, "light": NIGHT, "environment": AROUND}
    bundle = SceneBundle(cloud_of(30), room_proxy(), **(fields | more))
    author.run(bundle, run, params or Params(), Progress())
    written = write_variation(run, folder, variation)
    assert written == ("scene.usda", *roots)
    assert list(check_layers(folder)) == []
    return folder


def test_dome_shows_the_picture_of_the_run(tmp_path: Path) -> None:
    light = varied(StageLight.of(NIGHT, AROUND), 1, 0)["random_1"]
    folder = _varied(tmp_path, Variation(light))
    stage = Usd.Stage.Open(str(folder / "stage.usda"))
    asset = UsdLux.DomeLight(stage.GetPrimAtPath("/World/Lights/Sky")).GetTextureFileAttr().Get()
    assert asset.path == "../../environment.hdr"
    assert Path(asset.resolvedPath) == (tmp_path / "run/environment.hdr").resolve()
    temperature = UsdLux.LightAPI(stage.GetPrimAtPath("/World/Lights/Sky")).GetColorTemperatureAttr().Get()
    assert temperature == pytest.approx(light.temperature_k, rel=1e-5)


def test_light_of_a_variation_takes_the_place_of_variants(tmp_path: Path) -> None:
    light = varied(StageLight.of(NIGHT, AROUND), 1, 0)["random_1"]
    folder = _varied(tmp_path, Variation(light), Params(light_variants=3))
    stage = Usd.Stage.Open(str(folder / "stage.usda"))
    world = stage.GetPrimAtPath("/World")
    assert "light" not in world.GetVariantSets().GetNames()
    assert {p.GetName() for p in world.GetChild("Lights").GetChildren()} == {"Sky", "Sun", "Lamp_1"}


def test_without_another_light_the_stage_keeps_its_own(tmp_path: Path) -> None:
    folder = _varied(tmp_path, Variation(), Params(light_variants=3))
    stage, base = (Usd.Stage.Open(str(f / "stage.usda")) for f in (folder, tmp_path / "run"))
    for name in ("Sky", "Sun", "Lamp_1"):
        ours, own = (UsdLux.LightAPI(s.GetPrimAtPath(f"/World/Lights/{name}")) for s in (stage, base))
        assert ours.GetIntensityAttr().Get() == own.GetIntensityAttr().Get()
    skies = [stage.GetPrimAtPath("/World/Lights/Sky")]
    assert Path(skies[0].GetAttribute("inputs:texture:file").Get().resolvedPath).name == "environment.hdr"


def test_exact_surface_is_tinted_where_it_is_shown(tmp_path: Path) -> None:
    folder = _varied(tmp_path, Variation(look=LOOK), truth=SURFACE)
    stage = Usd.Stage.Open(str(folder / "scene.usda"))
    assert not stage.GetPrimAtPath("/World/Visual/Surface")
    assert stage.GetPrimAtPath("/World/Visual/Gaussians")
    appearance = stage.GetPrimAtPath("/World").GetVariantSet("appearance")
    assert set(appearance.GetVariantNames()) == {"particleField", "mesh", "proxy", "none"}
    appearance.SetVariantSelection("mesh")
    textures = [p for p in stage.Traverse() if p.GetName() == "Texture"]
    assert len(textures) == 2
    for prim in textures:
        assert tuple(prim.GetAttribute("inputs:scale").Get()) == pytest.approx((0.8, 0.7, 0.6, 1.0))
        assert prim.GetAttribute("inputs:file").Get() is not None


def test_pictures_are_changed_by_settings_of_root_layers_alone(tmp_path: Path) -> None:
    folder = _varied(tmp_path, Variation(look=LOOK))
    for name in ("stage.usda", "stage_isaac6.usda"):
        settings = Sdf.Layer.FindOrOpen(str(folder / name)).customLayerData["renderSettings"]
        assert tuple(settings["rtx:post:colorcorr:gain"]) == pytest.approx(LOOK.gain)
        assert settings["rtx:post:histogram:enabled"] is False
    scene = Sdf.Layer.FindOrOpen(str(folder / "scene.usda")).customLayerData["renderSettings"]
    assert not [name for name in scene if "colorcorr" in name]


def test_what_people_added_to_the_stage_is_found_from_there(tmp_path: Path) -> None:
    """A prop beside the run, and one behind a URL, in a stage that was edited after the run."""
    folder = _varied(tmp_path, Variation())
    run = tmp_path / "run"
    prop = Usd.Stage.CreateNew(str(run / "prop.usda"))
    prop.SetDefaultPrim(prop.DefinePrim("/Prop/Inside").GetParent())
    prop.Save()
    layer = Sdf.Layer.FindOrOpen(str(run / "stage.usda"))
    for name, asset in (("Prop", "./prop.usda"), ("Far", "https://example.com/far.usd")):
        spec = Sdf.PrimSpec(layer.GetPrimAtPath("/World"), name, Sdf.SpecifierDef, "Xform")
        spec.referenceList.prependedItems.append(Sdf.Reference(asset))
    layer.Save()
    write_variation(run, folder, Variation())
    written = Sdf.Layer.FindOrOpen(str(folder / "stage.usda"))
    assert set(written.GetCompositionAssetDependencies()) == {
        "./scene.usda",
        "../../prop.usda",
        "https://example.com/far.usd",
    }
    assert Usd.Stage.Open(str(folder / "stage.usda")).GetPrimAtPath("/World/Prop/Inside")


def test_scenes_to_train_in_have_looks_too(tmp_path: Path) -> None:
    folder = _varied(tmp_path, Variation(look=LOOK), Params(keep="train"), roots=("stage.usda",))
    settings = Sdf.Layer.FindOrOpen(str(folder / "stage.usda")).customLayerData["renderSettings"]
    assert tuple(settings["rtx:post:colorcorr:gain"]) == pytest.approx(LOOK.gain)


def test_frictions_are_read_by_material(tmp_path: Path) -> None:
    folder = _varied(tmp_path, Variation(frictions={"Environment": (0.5, 0.4)}), Params(static_friction=0.9))
    assert read_frictions(tmp_path / "run")["Environment"] == pytest.approx((0.9, 1.0))
    stage = Usd.Stage.Open(str(folder / "scene.usda"))
    material = stage.GetPrimAtPath("/World/PhysicsMaterials/Environment")
    assert material.GetAttribute("physics:staticFriction").Get() == pytest.approx(0.5)
    assert material.GetAttribute("physics:restitution").Get() == 0.0
    assert read_frictions(tmp_path) == {}


def test_a_run_that_lost_its_scene_is_refused(tmp_path: Path) -> None:
    (tmp_path / "variations/000").mkdir(parents=True)
    with pytest.raises(InvalidRequest, match=r"scene.usda: must be a USD layer of a finished run"):
        write_variation(tmp_path, tmp_path / "variations/000", Variation())

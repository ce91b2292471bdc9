"""The lights of stage.usda are those of the scene."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pxr import Usd, UsdGeom, UsdLux

from lyra_backend import author
from lyra_backend.author import particle_field
from lyra_backend.progress import Progress
from lyra_backend.types import Bulb, Environment, SceneBundle, SceneLight
from lyra_backend.validate.limits import Params as Limits
from lyra_backend.validate.usd import check_usd

from .fields import cloud_of, room_proxy

NIGHT = SceneLight(
    (0.04, 0.04, 0.08), (0.1, 0.1, 0.2), (0.05, 0.1, 0.2), (0.0, 0.6, 0.8), (Bulb((1, 2, 3), (4.0, 2.0, 1.0)),)
)


KEPT: list[Usd.Stage] = []


def write(folder: Path, light: SceneLight | None, around: Environment | None = None, variants: int = 0, seed: int = 0):
    primitives = {"particle_field": particle_field.Params()}
    bundle = SceneBundle(cloud_of(30), room_proxy(), primitives, light=light, environment=around, seed=seed)
    return author.run(bundle, folder, author.Params(light_variants=variants), Progress()).value


def lights_of(folder: Path, light: SceneLight | None) -> dict[str, Usd.Prim]:
    write(folder, light)
    stage = Usd.Stage.Open(str(folder / "stage.usda"))
    KEPT.append(stage)  # a prim does not keep its stage alive
    return {p.GetName(): p for p in stage.GetPrimAtPath("/World/Lights").GetChildren()}


def radiance(prim: Usd.Prim) -> np.ndarray:
    lamp = UsdLux.LightAPI(prim)
    return np.array(lamp.GetColorAttr().Get()) * lamp.GetIntensityAttr().Get()


def test_sun_sky_and_lamps_have_the_scene_s_colours_and_places(tmp_path: Path) -> None:
    lights = lights_of(tmp_path, NIGHT)
    assert set(lights) == {"Sky", "Sun", "Lamp_1"}
    to_sun = UsdGeom.Xformable(lights["Sun"]).GetLocalTransformation().TransformDir((0, 0, 1))
    assert tuple(to_sun) == pytest.approx(NIGHT.sun_direction, abs=1e-6)
    assert radiance(lights["Sky"]) / radiance(lights["Sky"])[0] == pytest.approx([1, 1, 2], rel=1e-5)
    assert radiance(lights["Sun"])[2] / radiance(lights["Sky"])[2] == pytest.approx(1.0, rel=1e-5)
    lamp = UsdLux.SphereLight(lights["Lamp_1"])
    assert tuple(UsdGeom.Xformable(lamp).GetLocalTransformation().ExtractTranslation()) == pytest.approx((1, 2, 3))
    # A ball of radiance L and radius r sends L r^2 from a white surface at 1 m that faces it.
    shown = radiance(lights["Lamp_1"]) * lamp.GetRadiusAttr().Get() ** 2
    assert shown / radiance(lights["Sky"])[0] == pytest.approx([40, 20, 10], rel=1e-4)


def test_a_room_has_no_sun_and_not_too_many_lamps(tmp_path: Path) -> None:
    bulbs = tuple(Bulb((float(k), 0, 2), (1, 1, 1)) for k in range(50))
    lights = lights_of(tmp_path, SceneLight((0.5, 0.5, 0.5), (0.3, 0.3, 0.3), bulbs=bulbs))
    assert "Sun" not in lights
    assert len([n for n in lights if n.startswith("Lamp")]) == 32


def test_unknown_light_is_daylight(tmp_path: Path) -> None:
    lights = lights_of(tmp_path, None)
    assert set(lights) == {"Sky", "Sun"}
    assert radiance(lights["Sun"]).min() > 2 * radiance(lights["Sky"]).max() > 1000


def surroundings() -> Environment:
    ways = Environment.directions(16)
    return Environment(np.clip(ways, 0, 1) + 0.1, np.ones((16, 32)), np.zeros(3))


def variants_of(stage: Usd.Stage) -> Usd.VariantSet:
    return stage.GetPrimAtPath("/World").GetVariantSet("light")


def test_the_dome_shows_the_surroundings_the_right_way_round(tmp_path: Path) -> None:
    files = write(tmp_path, NIGHT, surroundings())
    assert "environment.hdr" in files
    stage = Usd.Stage.Open(str(tmp_path / "stage.usda"))
    dome = UsdLux.DomeLight(stage.GetPrimAtPath("/World/Lights/Sky"))
    assert dome.GetTextureFileAttr().Get().path == "./environment.hdr"
    assert Path(dome.GetTextureFileAttr().Get().resolvedPath).samefile(tmp_path / "environment.hdr")
    assert dome.GetTextureFormatAttr().Get() == "latlong"
    assert radiance(dome.GetPrim()) == pytest.approx([350, 350, 350])
    # UsdLux: the pole of the picture is +Y, its middle +Z, and a quarter from its left edge lies +X.
    turn = UsdGeom.Xformable(dome).GetLocalTransformation()
    ways = Environment.directions(16)
    for local, pixel in (((0, 0, 1), (8, 16)), ((1, 0, 0), (8, 8)), ((-1, 0, 0), (8, 24)), ((0, 1, 0), (0, 0))):
        assert np.dot(tuple(turn.TransformDir(local)), ways[pixel]) > 0.98


def test_surroundings_without_known_light_are_not_shown(tmp_path: Path) -> None:
    # Without its sun and lamps a scene's surroundings alone would be too dark.
    files = write(tmp_path, None, surroundings())
    assert "environment.hdr" not in files
    assert not (tmp_path / "environment.hdr").exists()


def test_variants_differ_within_bounds_and_the_scene_s_own_light_is_selected(tmp_path: Path) -> None:
    write(tmp_path, NIGHT, surroundings(), variants=5)
    stage = Usd.Stage.Open(str(tmp_path / "stage.usda"))
    choices = variants_of(stage)
    assert choices.GetVariantSelection() == "scene"
    assert choices.GetVariantNames() == [*(f"random_{k + 1}" for k in range(5)), "scene"]
    usual = radiance(stage.GetPrimAtPath("/World/Lights/Sun"))
    seen = set()
    for k in range(5):
        choices.SetVariantSelection(f"random_{k + 1}")
        sun = UsdLux.DistantLight(stage.GetPrimAtPath("/World/Lights/Sun"))
        way = UsdGeom.Xformable(sun).GetLocalTransformation().TransformDir((0, 0, 1))
        height = np.degrees(np.arcsin(way[2]))
        assert abs(height - np.degrees(np.arcsin(0.8))) <= 15.01
        assert abs(np.degrees(np.arctan2(way[1], way[0])) - 90) <= 40.01
        assert (radiance(sun.GetPrim()) / usual >= 0.5).all()
        assert (radiance(sun.GetPrim()) / usual <= 2.0).all()
        light = UsdLux.LightAPI(sun)
        assert light.GetEnableColorTemperatureAttr().Get()
        assert 4500 < light.GetColorTemperatureAttr().Get() < 11000
        lamp = UsdGeom.Xformable(stage.GetPrimAtPath("/World/Lights/Lamp_1"))
        assert np.abs(np.subtract(lamp.GetLocalTransformation().ExtractTranslation(), (1, 2, 3))).max() <= 0.25
        seen.add(tuple(np.round(way, 4)))
    assert len(seen) == 5


def test_variants_depend_on_the_seed_alone(tmp_path: Path) -> None:
    for name, count, seed in (("a", 2, 1), ("b", 2, 1), ("c", 3, 1), ("d", 2, 2)):
        (tmp_path / name).mkdir()
        write(tmp_path / name, NIGHT, surroundings(), count, seed)
    stages = {name: (tmp_path / name / "stage.usda").read_text() for name in "abcd"}
    assert stages["a"] == stages["b"] != stages["d"]
    pictures = [(tmp_path / name / "environment.hdr").read_bytes() for name in "ab"]
    assert pictures[0] == pictures[1]
    # More variants leave the first ones as they are.
    for name in ("random_1", "random_2"):
        parts = [stages[k].split(f'"{name}" {{')[1].split('"random_')[0].split('"scene"')[0] for k in "ac"]
        assert parts[0].strip() == parts[1].strip()


def test_exposure_is_fixed_and_tone_mapping_linear_in_the_root_layer(tmp_path: Path) -> None:
    write(tmp_path, NIGHT)
    stage = Usd.Stage.Open(str(tmp_path / "stage.usda"))
    settings = stage.GetRootLayer().customLayerData["renderSettings"]
    assert settings["rtx:post:tonemap:op"] == 2
    assert settings["rtx:post:histogram:enabled"] is False


def test_stages_with_a_dome_and_variants_are_valid(tmp_path: Path) -> None:
    write(tmp_path, NIGHT, surroundings(), variants=2)
    assert check_usd(tmp_path, Limits(), Progress()).findings == ()

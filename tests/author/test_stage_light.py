"""The lights of stage.usda are those of the scene."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pxr import Usd, UsdGeom, UsdLux

from lyra_backend import author
from lyra_backend.author import particle_field
from lyra_backend.progress import Progress
from lyra_backend.types import Bulb, SceneBundle, SceneLight

from .fields import cloud_of, room_proxy

NIGHT = SceneLight(
    (0.04, 0.04, 0.08), (0.1, 0.1, 0.2), (0.05, 0.1, 0.2), (0.0, 0.6, 0.8), (Bulb((1, 2, 3), (4.0, 2.0, 1.0)),)
)


KEPT: list[Usd.Stage] = []


def lights_of(folder: Path, light: SceneLight | None) -> dict[str, Usd.Prim]:
    bundle = SceneBundle(cloud_of(30), room_proxy(), {"particle_field": particle_field.Params()}, light=light)
    author.run(bundle, folder, author.Params(), Progress())
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

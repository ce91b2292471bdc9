"""The light that estimates are held against: energy that is neither made nor lost."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lyra_backend.generate.procedural.elements import Lighting
from lyra_backend.generate.procedural.patches import unit_normals
from lyra_backend.generate.procedural.sample import gaussians_from
from lyra_backend.generate.procedural.surface import surface_from
from lyra_backend.progress import Progress
from tests.generate.procedural.scenes import LAMPLIGHT, room, sheet
from tools.radiosity import Radiosity

#: A sky that is alike above and below, and a sun.
DAY = Lighting((0.0, -0.6, 0.8), (6.0, 5.5, 4.5), (0.5, 0.6, 0.8), ground_bounce=1.0)


def test_in_a_closed_room_as_much_light_comes_back_as_walls_do_not_swallow() -> None:
    lamps_alone = replace(LAMPLIGHT, ambient=(0.0, 0.0, 0.0))
    solved = Radiosity.of(surface_from(room(), 0, Progress()), lamps_alone)
    scene, corners = solved.scene, solved.scene.corners
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    direct = scene.lamplight(corners.mean(axis=1), unit_normals(corners), solved.lighting, 4)
    swallowed = ((1 - scene.albedo) * solved.light * area[:, None]).sum(axis=0)
    # Five bounces leave out what is left after them.
    assert swallowed == pytest.approx((direct * area[:, None]).sum(axis=0), rel=0.12)


def test_on_open_ground_there_is_sun_and_sky_and_above_it_what_the_ground_sends() -> None:
    ground = sheet("ground", [(-9, -9, 0), (9, -9, 0), (9, 9, 0), (-9, 9, 0)])
    mesh = surface_from([ground], 0, Progress())
    solved = Radiosity.of(mesh, DAY)
    open_ = np.asarray(DAY.ambient) + 0.8 * np.asarray(DAY.sun) / np.pi
    assert solved.light == pytest.approx(np.tile(open_, (len(solved.light), 1)), rel=1e-3)
    up, down = solved.ball(np.array([0.0, 0.0, 0.3]), np.array([[0.0, 0.0, 1.0], [0.0, 0.0, -1.0]]))
    assert up == pytest.approx(open_, rel=1e-3)
    assert down == pytest.approx(solved.scene.albedo[0] * open_, rel=0.03)


def test_pictures_show_paint_times_light_times_exposure() -> None:
    mesh = surface_from([sheet("ground", [(-2, -2, 0), (2, -2, 0), (2, 2, 0), (-2, 2, 0)])], 0, Progress())
    unlit, _ = gaussians_from(mesh, DAY, 500, 0, False, Progress())
    shown, exposure = Radiosity.of(mesh, DAY).show(unlit)
    brighter = Radiosity.of(mesh, Lighting(DAY.sun_direction, (12.0, 11.0, 9.0), (1.0, 1.2, 1.6), 1.0))
    again, half = brighter.show(unlit)
    assert half == pytest.approx(exposure / 2, rel=1e-3)
    assert again.base_colors == pytest.approx(shown.base_colors, abs=1e-3)
    assert shown.positions is unlit.positions

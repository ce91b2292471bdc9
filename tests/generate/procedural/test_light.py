import numpy as np
import pytest

from lyra_backend.generate.procedural.elements import Lamp, Lighting
from lyra_backend.generate.procedural.light import developed, exposure_for
from lyra_backend.generate.procedural.lightmap import CornerMeans, Grids
from lyra_backend.generate.procedural.sample import ball_light, gaussians_from
from lyra_backend.generate.procedural.surface import surface_from
from lyra_backend.progress import Progress

from .scenes import DAYLIGHT, LAMPLIGHT, PAINT, box, room, sheet

GROUND = sheet("ground", [(-4, -4, 0), (4, -4, 0), (4, 4, 0), (-4, 4, 0)])


def cloud(elements, lighting, count=20_000):
    return gaussians_from(surface_from(elements, 0, Progress()), lighting, count, 0, True, Progress())[0]


def brightness(cloud, inside):
    return float(cloud.base_colors[inside].mean())


def test_sun_shadow_lies_away_from_the_sun():
    made = cloud([GROUND, box("post", (1.0, 1.0, 1.5), (0, 0, 0), material=PAINT)], DAYLIGHT)
    x, y, z = made.positions.T
    ground = (z < 0.01) & (np.abs(x) < 0.4)
    # The sun stands over -y, 53 degrees high: the shadow reaches 1.1 m beyond the post's far side.
    shadow, lit = ground & (y > 0.7) & (y < 1.4), ground & (y < -0.9) & (y > -1.6)
    assert brightness(made, shadow) < 0.75 * brightness(made, lit)
    assert brightness(made, ground & (y > 2.0) & (y < 2.6)) > 0.9 * brightness(made, lit)


def test_corners_are_darker_than_open_walls_and_nothing_is_black():
    made = cloud(room(), Lighting((0, 0, 1), (0, 0, 0), (0.5, 0.5, 0.5), 0.8))
    x, y, z = made.positions.T
    wall = (x < 0.01) & (z > 0.8) & (z < 1.7)
    assert brightness(made, wall & (y < 0.12)) < 0.93 * brightness(made, wall & (np.abs(y - 1.5) < 0.5))
    assert made.base_colors.min() > 0.05


def test_lamp_lights_the_table_and_not_the_floor_below():
    table = box("table", (1.4, 1.0, 0.04), (2, 1.5, 0.7), material=PAINT)
    bare = [sheet("floor", [(0, 0, 0), (4, 0, 0), (4, 3, 0), (0, 3, 0)])]
    made = cloud([*bare, table], LAMPLIGHT)
    x, y, z = made.positions.T
    middle = (np.abs(x - 2) < 0.3) & (np.abs(y - 1.5) < 0.2)
    assert brightness(made, middle & (z < 0.01)) < 0.8 * brightness(made, middle & (z > 0.735))


def test_colour_bleeds_from_a_bright_neighbour():
    red = sheet("red", [(0, 0, 0), (0, 2, 0), (0, 2, 2), (0, 0, 2)], material=type(PAINT)("plain", (0.9, 0.1, 0.1)))
    floor = sheet("floor", [(0, 0, 0), (4, 0, 0), (4, 2, 0), (0, 2, 0)])
    made = cloud([red, floor], Lighting((0.6, 0, 0.8), (2, 2, 2), (0.3, 0.3, 0.3)))
    x, z = made.positions[:, 0], made.positions[:, 2]
    near, far = (made.base_colors[(z < 0.01) & m].mean(axis=0) for m in ((x > 0.05) & (x < 0.3), x > 3.0))
    assert near[0] / near[1] > 1.04 * far[0] / far[1]


def test_many_lamps_are_baked_too():
    lamps = tuple(Lamp((x, y, 2.3), (0.05, 0.05, 0.05)) for x in np.linspace(0.3, 3.7, 40) for y in (0.5, 1.5, 2.5))
    few = cloud(room(), Lighting((0, 0, 1), (0, 0, 0), (0.05, 0.05, 0.05), 1.0, lamps), 60_000)
    assert 0.25 < brightness(few, few.positions[:, 2] < 0.01) < 0.9


def test_film_keeps_dark_values_and_never_burns_out():
    light = np.linspace(0, 20, 400)[:, None] * np.ones(3)
    seen = developed(light, np.ones((400, 3)), 1.0)[:, 0]
    assert (np.diff(seen) >= 0).all()
    assert seen.max() <= 1.0
    assert developed(np.full((1, 3), 0.2), np.ones((1, 3)), 1.0)[0, 0] == pytest.approx(0.4845, abs=1e-3)


def test_exposure_follows_the_light_and_a_little_the_paint():
    grey = np.full((10, 3), 0.28)
    assert exposure_for(0.1 * np.ones((10, 3)), grey) == pytest.approx(10 * exposure_for(np.ones((10, 3)), grey))
    assert 1 < exposure_for(np.ones((10, 3)), 0.3 * grey) / exposure_for(np.ones((10, 3)), grey) < 1.3


def test_grids_interpolate_linear_fields_exactly_between_their_outer_nodes():
    sides = np.array([[3.0, 0.4], [0.03, 1.0], [0.5, 0.5]])
    grids = Grids.build(sides, 5000)
    quad, place = grids.nodes()
    assert len(quad) == grids.node_count <= 5000
    field = place * sides[quad] @ np.array([2.0, 3.0])
    rng = np.random.default_rng(0)
    where, target = rng.uniform(0.2, 0.8, (500, 2)), rng.choice([0, 2], 500)
    nodes, weights = grids.corners_of(target, where)
    found = (field[nodes] * weights).sum(axis=1)
    # The grid is warped: a straight field bends a little between two nodes.
    assert found == pytest.approx(where * sides[target] @ np.array([2.0, 3.0]), abs=0.03)


def test_corner_means_join_smooth_neighbours_and_part_sharp_ones():
    flat = [[(0, 0, 0), (1, 0, 0), (0, 1, 0)], [(1, 0, 0), (1, 1, 0), (0, 1, 0)]]
    upright = [[(0, 0, 0), (0, 0, 1), (1, 0, 0)]]
    corners = np.array([*flat, *upright], float)
    values = np.repeat([[[1.0]], [[3.0]], [[9.0]]], 3, axis=1)
    means = CornerMeans(corners).of(values)[..., 0]
    assert means.tolist() == [[1, 2, 2], [2, 3, 2], [9, 9, 9]]


def test_a_ball_in_the_air_is_lit_as_surfaces_are():
    mesh, up = surface_from([GROUND], 0, Progress()), np.array([[0.0, 0.0, 1.0], [0.0, -0.6, 0.8], [0.0, 0.6, -0.8]])
    light = ball_light(mesh, DAYLIGHT, np.array([0.0, 0.0, 1.0]), up)
    sky, sun = np.array(DAYLIGHT.ambient), np.array(DAYLIGHT.sun) / np.pi
    assert light[0] == pytest.approx(sky + 0.8 * sun, rel=0.03)
    # Turned to the sun it has a fifth more of it, and a little less of the sky.
    assert (light[1] - light[0] < 0.2 * sun).all()
    assert (light[1] > light[0]).all()
    # What faces the ground, away from the sun, has what the ground sends back, and no sun.
    assert (light[2] < 0.7 * light[0]).all()

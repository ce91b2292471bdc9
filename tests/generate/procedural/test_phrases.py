"""Phrases people use, and the objects and rooms they get."""

from __future__ import annotations

import numpy as np
import pytest

from lyra_backend.generate import procedural
from lyra_backend.generate.procedural.compose import compose, draft_scene
from lyra_backend.generate.procedural.palette import COLORS
from lyra_backend.generate.procedural.prompt import Wishes, parse


def read(prompt: str) -> Wishes:
    return parse(prompt, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("a warehouse with twenty four cardboard boxes", {"cardboard_box": (24, 24)}),
        ("a warehouse with twenty-four boxes", {"cardboard_box": (24, 24)}),
        ("a warehouse with one hundred crates", {"crate": (100, 100)}),
        ("a warehouse with a hundred crates", {"crate": (100, 100)}),
        ("a warehouse with a dozen drums", {"barrel": (12, 12)}),
        ("a warehouse with three dozen totes", {"tote": (36, 36)}),
        ("a living room with a couple of armchairs", {"armchair": (2, 2)}),
        ("a bedroom with a pair of nightstands", {"nightstand": (2, 2)}),
        ("an office with several plants", {"plant": (4, 6)}),
        ("an office with a few chairs", {"chair": (3, 4)}),
        ("a workshop with a handful of cones", {"traffic_cone": (4, 5)}),
        ("a workshop with lots of tool boxes", {"toolbox": (6, 9)}),
        ("a street with no cars", {"car": (0, 0)}),
        ("a room without a television", {"television": (0, 0)}),
        ("a warehouse with a stack of planks", {"planks": (1, 1)}),
        ("a warehouse with a pile of lumber", {"planks": (1, 1)}),
        ("a workshop with wooden planks and a lathe", {"planks": None, "lathe": (1, 1)}),
        ("a stack of 5 crates in a warehouse", {"crate": (5, 5)}),
        ("a row of six lockers", {"locker": (6, 6)}),
        ("six lockers in a row", {"locker": (6, 6)}),
        ("an office with 6 desks in two rows and a printer", {"desk": (6, 6), "printer": (1, 1)}),
        ("two rows of racks in a warehouse", {"rack": None}),
        ("a street with hedges", {"hedge": None}),
        ("a street with three bushes", {"bush": (3, 3)}),
        ("a street with two lamps", {"street_lamp": (2, 2)}),
        ("a bathroom with a sink and a mirror", {"washbasin": (1, 1), "mirror": (1, 1)}),
        ("a kitchen with a round table", {"round_table": (1, 1)}),
        ("a kitchen with a round wooden dining table and six chairs", {"round_table": (1, 1), "chair": (6, 6)}),
        ("a meeting room with a table for ten people", {"meeting_table": (1, 1), "chair": (10, 10)}),
        ("a boardroom", {"meeting_table": (1, 1), "office_chair": (8, 8)}),
        ("a server room", {"server_rack": (4, 6)}),
        ("a dining room with eight chairs", {"table": (1, 1), "chair": (8, 8)}),
        ("a dining room with a round table and a piano", {"round_table": (1, 1), "piano": (1, 1), "chair": (4, 6)}),
        ("a garage with a workbench", {"car": (1, 1), "workbench": (1, 1)}),
        ("a garage with two red cars", {"car": (2, 2)}),
        ("a classroom", {"desk": (6, 8), "chair": (6, 8), "whiteboard": (1, 1)}),
        ("a forest with seventy trees", {"tree": (70, 70)}),
        ("a park with a bench and a bin", {"bench": (1, 1), "street_bin": (1, 1)}),
        ("a warehouse with shelves", {"rack": None}),
        ("a sofa facing a TV in a lounge", {"sofa": (1, 1), "television": (1, 1)}),
        ("a corridor with chairs for five people", {"chair": None}),
    ],
)
def test_objects_of_phrases(prompt: str, expected: dict[str, tuple[int, int] | None]) -> None:
    wishes = read(prompt)
    for kind, bounds in expected.items():
        counts = [m.count for m in wishes.wanted(kind)]
        assert counts, f"{kind} is not in {[m.kind for m in wishes.objects]}"
        if bounds is None:
            assert None in counts
        else:
            assert counts[0] is not None
            assert bounds[0] <= counts[0] <= bounds[1]
    assert {m.kind for m in wishes.objects} == set(expected)
    assert not wishes.unknown_words


@pytest.mark.parametrize(
    ("prompt", "part", "dimension", "value"),
    [
        ("an office with ceilings 3 m high", "ceiling", "height", 3.0),
        ("a kitchen with 2.8 m ceiling height", "ceiling", "height", 2.8),
        ("a room with a ceiling height of 4 m", "ceiling", "height", 4.0),
        ("a 5 by 7 m living room with a glass coffee table, 3 m high", "room", "height", 3.0),
        ("a corridor with a width of 1.5 metres", "room", "width", 1.5),
        ("a corridor 1.5 m wide", "room", "width", 1.5),
        ("a warehouse aisle 2.5 m wide", "aisle", "width", 2.5),
    ],
)
def test_measures_reach_what_they_measure(prompt: str, part: str, dimension: str, value: float) -> None:
    found = read(prompt).size(part, dimension)
    assert found is not None
    assert (found.value, found.metric) == (value, True)


@pytest.mark.parametrize(("prompt", "word"), [("a stack of tiles", "tiles"), ("a pile of wood and a sofa", "wood")])
def test_heaps_of_material_are_reported_as_unknown(prompt: str, word: str) -> None:
    assert word in read(f"a living room with {prompt}").unknown_words


def test_ceilings_have_the_height_asked_for() -> None:
    assert compose("an office with ceilings 3.4 m high", 0).description["size_m"][2] == pytest.approx(3.4)  # type: ignore[index]
    assert compose("a small bedroom, 2.5 m high", 0).description["size_m"][2] == pytest.approx(2.5)  # type: ignore[index]


def test_a_white_bathroom_with_blue_tiles_has_blue_tiles() -> None:
    walls = {e.name: e.material for e in compose("a white bathroom, blue tiles", 0).elements if e.class_name == "wall"}
    assert walls["room.wall_1"].pattern == "tiles"
    assert walls["room.wall_1"].color == COLORS["blue"]


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("width", [1.6, 2.5, 3.2])
def test_aisles_are_as_wide_as_the_prompt_says(width: float, seed: int) -> None:
    made, _ = draft_scene(f"a warehouse aisle {width} m wide", seed, 0.3)
    racks = [e for e in made.elements if e.name.startswith("rack_")]
    points = [e.vertices @ e.pose[:3, :3].T + e.pose[:3, 3] for e in racks]
    across = int(np.argmin(made.size[:2]))
    low, high = (np.concatenate([p[:, across] for p in points if (p[:, across].mean() > 0) == side]) for side in (0, 1))
    assert high.min() - low.max() == pytest.approx(width, abs=0.01)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_corridors_are_as_wide_as_the_prompt_says(seed: int) -> None:
    made, _ = draft_scene("a corridor 2 m wide with no doors and no windows", seed, 0.3)
    wall = max(made.walls, key=lambda w: w.length)
    others = [w for w in made.walls if float(w.inward @ wall.inward) < -0.9]
    gaps = [float((np.array(w.start) - wall.start) @ wall.inward) for w in others]
    assert min(gaps) == pytest.approx(2.0, abs=1e-6)
    assert not any("skirting" in e.name for e in made.elements)


@pytest.mark.parametrize("prompt", ["asdf qwer", "a submarine interior", "the moon"])
def test_unknown_kinds_of_scenes_are_said_plainly(prompt: str) -> None:
    composition = compose(prompt, 0)
    finding = procedural._findings(composition)[0]
    assert finding.code == "prompt.family_assumed"
    assert composition.family.replace("_", " ") in finding.message
    assert "warehouse" in finding.message
    assert "terrain" in finding.message
    assert not any(f.code == "prompt.family_assumed" for f in procedural._findings(compose("a small kitchen", 0)))


def test_more_than_any_scene_holds_is_reported() -> None:
    missing = compose("a warehouse with one hundred crates", 0).description["not_placed"]
    assert missing[0]["kind"] == "crate"  # type: ignore[index]
    assert missing[0]["wanted"] == 100  # type: ignore[index]


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_seats_of_meeting_tables_face_the_table(seed: int) -> None:
    made, _ = draft_scene("a meeting room with a long table for ten people and a TV", seed, 0.3)
    (table,) = [p for p in made.placed if p.kind.name == "meeting_table"]
    chairs = [p for p in made.placed if p.kind.name == "chair"]
    assert len(chairs) == 10
    c, s = np.cos(table.yaw), np.sin(table.yaw)
    for chair in chairs:
        dx, dy = chair.x - table.x, chair.y - table.y
        u, v = c * dx + s * dy, c * dy - s * dx
        assert abs(u) < table.thing.footprint[0] / 2 + 0.4
        assert abs(v) < table.thing.footprint[1] / 2 + 0.4
        front = np.array([-np.sin(chair.yaw), np.cos(chair.yaw)])
        ahead = np.array([chair.x, chair.y]) + front * 0.5
        inside = (ahead - [table.x, table.y]) @ np.array([[c, -s], [s, c]])
        assert (np.abs(inside) < np.array(table.thing.footprint) / 2).all()


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_televisions_stand_at_a_wall_that_the_sofa_faces(seed: int) -> None:
    made, _ = draft_scene("a living room with a sofa facing a TV", seed, 0.3)
    (screen,) = [p for p in made.placed if p.kind.name == "television"]
    (sofa,) = [p for p in made.placed if p.kind.name == "sofa"]
    distance = min(abs(float((np.array([screen.x, screen.y]) - w.start) @ w.inward)) for w in made.walls)
    assert distance < 0.45
    front = np.array([-np.sin(screen.yaw), np.cos(screen.yaw)])
    assert front @ np.array([-np.sin(sofa.yaw), np.cos(sofa.yaw)]) < -0.7


def test_things_by_the_window_stand_under_one() -> None:
    for seed in range(3):
        made, _ = draft_scene("a bedroom with a bed and a desk by the window", seed, 0.3)
        (desk,) = [p for p in made.placed if p.kind.name == "desk"]
        spots = [wall.at(u, 0.4) for kind, wall, u, _ in made.openings if kind == "window"]
        assert min(np.hypot(desk.x - x, desk.y - y) for x, y in spots) < 0.8


def test_night_is_dark_with_warm_pools_of_light() -> None:
    for prompt in ("a bedroom with a floor lamp", "a street with street lamps"):
        day, night = (compose(f"{prompt}{when}", 0).lighting for when in ("", " at night"))
        assert night.key < 0.5 * day.key
        assert max(night.ambient) < 0.2 * max(day.ambient)
        assert night.lamps
        red, _, blue = np.mean([lamp.intensity for lamp in night.lamps], axis=0)
        assert red > 1.2 * blue

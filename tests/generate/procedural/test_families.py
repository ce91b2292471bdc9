"""Composed scenes: closed, standing on the floor, drivable, as asked for, and different for every seed."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from lyra_backend.errors import InvalidRequest
from lyra_backend.generate import procedural
from lyra_backend.generate.procedural.compose import compose, draft_scene
from lyra_backend.generate.procedural.draft import Draft
from lyra_backend.generate.procedural.elements import Composition, Element
from lyra_backend.generate.procedural.families import FAMILIES
from lyra_backend.generate.procedural.objects import catalogue
from lyra_backend.generate.procedural.palette import COLORS, Tones
from lyra_backend.generate.procedural.placement import DriveSpace
from lyra_backend.generate.procedural.things import Look
from lyra_backend.params import build
from lyra_backend.progress import Progress
from lyra_backend.types import SceneRequest

PROMPTS = tomllib.loads((Path(__file__).parents[2] / "data" / "prompts.toml").read_text(encoding="utf-8"))["prompts"]
OUTDOORS = ("street", "terrain")
PATTERNS = frozenset(
    """plain paint wood_planks wood_grain concrete tiles brick fabric carpet metal_brushed metal_painted cardboard
    asphalt grass soil rock leaves bark plaster marble book_spines windows_facade hazard_stripes paper_picture screen
    glass""".split()
)
family_names = pytest.mark.parametrize("family", sorted(FAMILIES))


@cache
def scene(family: str, seed: int = 0, difficulty: float = 0.3) -> Composition:
    return compose(PROMPTS.get(family, f"a {family}"), seed, difficulty, family)


@cache
def draft(family: str, seed: int, difficulty: float = 0.3) -> tuple[Draft, DriveSpace]:
    return draft_scene(f"a {family.replace('_', ' ')}", seed, difficulty, family)


def world(element: Element) -> npt.NDArray[np.float64]:
    return element.vertices @ element.pose[:3, :3].T + element.pose[:3, 3]


def surface_area(composition: Composition) -> float:
    total = 0.0
    for e in composition.elements:
        a, b, c = (world(e)[e.triangles[:, k]] for k in range(3))
        total += float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum()) / 2
    return total


def is_closed(element: Element) -> bool:
    """Every edge belongs to two triangles that run along it in opposite directions."""
    corners = element.triangles.astype(np.int64)
    edges = np.concatenate([corners[:, [0, 1]], corners[:, [1, 2]], corners[:, [2, 0]]])
    forth = {tuple(e) for e in edges.tolist()}
    return len(forth) == len(edges) and all((b, a) in forth for a, b in forth)


def volume(element: Element) -> float:
    a, b, c = (element.vertices[element.triangles[:, k]] for k in range(3))
    return float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6)


# -- the catalogue ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", sorted(catalogue()))
def test_objects_are_closed_solids_that_stand_on_the_floor(kind: str) -> None:
    for seed in range(3):
        rng = np.random.default_rng(seed)
        thing = catalogue()[kind].build(Look(rng, Tones.drawn(rng)))
        for part in thing.parts:
            element = Element(part.name, kind, part.material, part.mesh.vertices, part.mesh.triangles, np.eye(4))
            assert is_closed(element), part.name
            assert volume(element) > 0, part.name
            assert part.material.pattern in PATTERNS
        low = np.concatenate([p.mesh.vertices for p in thing.parts])[:, 2].min()
        assert -0.15 <= low <= 0.006
        for top in thing.tops:
            assert 0 < top.z <= thing.height + 1e-6


# -- scenes -----------------------------------------------------------------------------------------------------------


@family_names
@pytest.mark.parametrize("difficulty", [0.0, 1.0])
def test_robots_can_drive(family: str, difficulty: float) -> None:
    for seed in range(3):
        _, drive = draft(family, seed, difficulty)
        assert drive.area_m2 >= 6.0
        assert drive.share >= 0.6


@family_names
def test_scenes_are_well_formed(family: str) -> None:
    composition = scene(family)
    names = [e.name for e in composition.elements]
    assert len(set(names)) == len(names)
    triangles = sum(len(e.triangles) for e in composition.elements)
    assert 1_000 <= triangles <= 60_000
    assert 80 <= surface_area(composition) <= 1_600  # with hidden faces, which the surface maker removes
    for element in composition.elements:
        assert np.isfinite(element.vertices).all()
        assert element.material.pattern in PATTERNS
        assert element.class_name == element.class_name.lower()
        if element.solid:
            assert is_closed(element), element.name
    assert not composition.unknown_words
    assert not composition.description["not_placed"]


@family_names
def test_rooms_are_closed_and_high_enough(family: str) -> None:
    composition = scene(family)
    if family in OUTDOORS:
        assert all(e.class_name != "ceiling" for e in composition.elements)
        return
    ceiling = next(e for e in composition.elements if e.name == "room.ceiling")
    assert world(ceiling)[:, 2].min() >= 2.4
    rays = _escaping_rays(composition)
    assert rays == 0


def _escaping_rays(composition: Composition) -> int:
    """Count rays from the cameras that leave the scene or meet a sheet from behind."""
    corners = np.concatenate([world(e)[e.triangles] for e in composition.elements if not e.solid])
    rng = np.random.default_rng(0)
    ways = rng.normal(size=(400, 3))
    eyes = np.array([c.position for c in composition.cameras], float)
    starts = eyes[rng.integers(len(eyes), size=len(ways))]
    a, ab, ac = corners[:, 0], corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    lost = 0
    for start, way in zip(starts, ways, strict=True):
        across = np.cross(way, ac)  # Moeller and Trumbore, "Fast, minimum storage ray-triangle intersection", 1997
        facing = np.einsum("ij,ij->i", ab, across)
        facing = np.where(np.abs(facing) < 1e-12, np.nan, facing)
        u = np.einsum("ij,ij->i", start - a, across) / facing
        side = np.cross(start - a, ab)
        v, t = side @ way / facing, np.einsum("ij,ij->i", ac, side) / facing
        hit = (u >= -1e-9) & (v >= -1e-9) & (u + v <= 1 + 1e-9) & (t > 1e-6)
        first = np.where(hit, t, np.inf).argmin()
        lost += bool(not hit.any() or facing[first] < 0)
    return lost


@family_names
def test_objects_neither_overlap_nor_float(family: str) -> None:
    made, _ = draft(family, 1)
    standing = [p for p in made.placed if p.kind.place in ("floor", "wall", "corner") and p.z < 0.5]
    for placed in standing:
        ground = [made.ground(float(x), float(y)) for x, y in placed.rect.corners()]
        assert placed.z <= max(ground) + 1e-6
    seated = {"chair", "stool", "office_chair"}
    others = [p for p in standing if p.kind.name not in seated]
    for k, a in enumerate(others):
        for b in others[k + 1 :]:
            assert not _overlap(a.rect.grown(-0.05), b.rect.grown(-0.05)), (a.name, b.name)


def _overlap(a: object, b: object) -> bool:
    from .test_placement import overlap_exactly

    return overlap_exactly(a, b)  # type: ignore[arg-type]


@family_names
def test_cameras_stand_in_free_space(family: str) -> None:
    composition, (made, _) = scene(family), draft_scene(PROMPTS.get(family, f"a {family}"), 0, 0.3, family)
    assert composition.cameras[0].name == "establishing"
    assert 5 <= len(composition.cameras) <= 9
    first = composition.cameras[0]
    assert (first.intrinsics.width, first.intrinsics.height) == (960, 540)
    room = made.floor.clearance()
    for camera in composition.cameras:
        x, y, z = (float(v) for v in camera.position)
        column, row = np.floor((np.array([x, y]) - made.floor.low) / made.floor.cell).astype(int)
        assert room[row, column] >= 0.39
        assert 1.2 <= z - made.ground(x, y) <= 1.75


@family_names
def test_same_seed_same_scene_and_other_seed_other_scene(family: str) -> None:
    prompt = PROMPTS.get(family, f"a {family}")
    a, b, c = scene(family), compose(prompt, 0, 0.3, family), compose(prompt, 6, 0.3, family)
    assert [e.name for e in a.elements] == [e.name for e in b.elements]
    assert all(np.array_equal(world(p), world(q)) for p, q in zip(a.elements, b.elements, strict=True))
    assert a.lighting == b.lighting
    assert a.description == b.description
    assert a.description["size_m"] != c.description["size_m"]


@family_names
def test_free_space_differs_between_seeds(family: str) -> None:
    grids = np.array([_free_grid(draft(family, seed)[0]).ravel() for seed in range(20)], float)
    both = grids @ grids.T
    area = grids.sum(1)
    iou = both / (area[:, None] + area[None, :] - both)
    assert iou[np.triu_indices(len(grids), 1)].mean() < 0.6


def _free_grid(made: Draft, cell: float = 0.1) -> npt.NDArray[np.bool_]:
    """Rasterise free floor in the room's own frame, its middle in the middle."""
    floor, out = made.floor, np.zeros((280, 280), bool)
    rows, columns = np.nonzero(floor.inside)
    middle = floor.low + (np.array([columns.min() + columns.max(), rows.min() + rows.max()]) / 2 + 0.5) * floor.cell
    rows, columns = np.nonzero(floor.free)
    points = floor.low + (np.column_stack([columns, rows]) + 0.5) * floor.cell - middle
    index = np.floor(points / cell).astype(int) + 140
    out[index[:, 1], index[:, 0]] = True
    return out


# -- wishes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prompt", "kind", "count"),
    [
        ("a narrow warehouse aisle with six pallets and a red barrel", "pallet", 6),
        ("a warehouse with a dozen crates", "crate", 12),
        ("a small office with eight desks", "desk", 8),
        ("a living room with four armchairs and a piano", "armchair", 4),
        ("a street with three cars", "car", 3),
        ("a meadow with nine trees", "tree", 9),
        ("a kitchen without a fridge", "fridge", 0),
        ("a corridor with five lockers", "locker", 5),
        ("a workshop with three barrels in the corner", "barrel", 3),
    ],
)
def test_counts_are_met(prompt: str, kind: str, count: int) -> None:
    for seed in range(2):
        objects = compose(prompt, seed).description["objects"]
        assert isinstance(objects, dict)
        assert objects.get(kind, {"count": 0})["count"] == count


@family_names
def test_an_empty_scene_of_every_family(family: str) -> None:
    assert compose(f"a small empty {family.replace('_', ' ')}", 0).elements


def test_colors_reach_the_objects() -> None:
    composition = compose("a warehouse with a red barrel and two blue crates and no racks", 3)
    shells = {e.name: e.material.color for e in composition.elements}
    assert shells["barrel_1.shell"] == COLORS["red"]
    assert [shells[f"crate_{k}.boards"] for k in (1, 2)] == [COLORS["blue"]] * 2
    assert not any(name.startswith("rack") for name in shells)


def test_room_wishes_are_met() -> None:
    composition = compose("a 4 by 6 m living room, 3 m high, with a tiled floor, green walls and three windows", 2)
    size = composition.description["size_m"]
    assert isinstance(size, list)
    assert sorted(size[:2]) == pytest.approx([4.0, 6.0])
    assert size[2] == pytest.approx(3.0)
    by_name = {e.name: e for e in composition.elements}
    assert by_name["room.floor"].material.pattern == "tiles"
    assert by_name["room.wall_1"].material.color == COLORS["green"]
    assert sum(name.endswith(".pane") for name in by_name) == 3


def test_small_things_stand_on_what_carries_them() -> None:
    made, _ = draft_scene("an office with a desk and a red cup on the desk", 4, 0.0)
    cup = next(p for p in made.placed if p.kind.name == "cup")
    desk = next(p for p in made.placed if p.kind.name == "desk")
    assert cup.z == pytest.approx(desk.thing.tops[0].z)
    assert np.hypot(cup.x - desk.x, cup.y - desk.y) < 1.0


def test_stacks_and_rows() -> None:
    made, _ = draft_scene("a warehouse with a stack of three crates and a row of four barrels", 1, 0.0)
    crates = sorted((p for p in made.placed if p.kind.name == "crate"), key=lambda p: p.z)[-3:]
    assert crates[1].z == pytest.approx(crates[0].z + crates[0].thing.height)
    barrels = np.array([(p.x, p.y) for p in made.placed if p.kind.name == "barrel"][:4])
    assert np.linalg.svd(barrels - barrels.mean(0))[1][1] < 0.15


def test_difficulty_makes_it_harder() -> None:
    easy, hard = (np.mean([len(draft("workshop", s, d)[0].placed) for s in range(4)]) for d in (0.0, 1.0))
    assert hard > easy + 3
    slopes = [
        np.ptp([draft("terrain", s, d)[0].ground(x, y) for x in range(-4, 5) for y in range(-4, 5)])
        for d in (0.0, 1.0)
        for s in (0, 1)
    ]
    assert sum(slopes[2:]) > 1.5 * sum(slopes[:2])


# -- the plugin -------------------------------------------------------------------------------------------------------


def test_plugin_makes_a_scene_with_findings() -> None:
    request = SceneRequest(prompt="a tiny office with a desk and an elephant", seed=1)
    params = build(procedural.Params, "generate", {"gaussian_count": 20_000, "bake_light": False})
    outcome = procedural.run(request, params, Progress())
    generation = outcome.value
    assert generation.geometry == "exact"
    assert generation.scale.uncertainty_percent == 0.0
    assert generation.cloud.frame == "world"
    assert generation.truth is not None
    assert generation.provenance["family"] == "office"
    assert "desk" in generation.cloud.class_names
    (finding,) = outcome.findings
    assert finding.code == "prompt.not_understood"
    assert "elephant" in finding.message


def test_plugin_reports_what_found_no_room() -> None:
    composition = compose("a 3 by 4 m bedroom with ten cars", 0)
    (finding,) = procedural._findings(composition)
    assert finding.code == "prompt.not_placed"
    assert finding.where == "car"
    assert finding.limit == 10


def test_plugin_needs_a_prompt() -> None:
    with pytest.raises(InvalidRequest, match="prompt"):
        procedural.run(SceneRequest(image="room.png"), procedural.Params(), Progress())


def test_families_can_be_chosen_by_name() -> None:
    assert set(procedural._FAMILIES) == {"auto", *FAMILIES}
    assert compose("a sofa", 0, family="workshop").family == "workshop"

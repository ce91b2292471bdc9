"""What prompts are understood to ask for."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pytest

from lyra_backend.generate.procedural.compose import compose
from lyra_backend.generate.procedural.object_words import HOMES, OBJECT_WORDS
from lyra_backend.generate.procedural.objects import catalogue
from lyra_backend.generate.procedural.palette import COLORS
from lyra_backend.generate.procedural.prompt import Mention, Wishes, parse
from lyra_backend.generate.procedural.vocabulary import FAMILY_WORDS

PROMPTS = tomllib.loads((Path(__file__).parents[2] / "data" / "prompts.toml").read_text(encoding="utf-8"))["prompts"]


def read(prompt: str) -> Wishes:
    return parse(prompt, np.random.default_rng(0))


def one(prompt: str, kind: str) -> Mention:
    (found,) = read(prompt).wanted(kind)
    return found


@pytest.mark.parametrize(
    ("prompt", "family"),
    [
        ("a narrow warehouse aisle", "warehouse"),
        ("the lounge of a small flat", "living_room"),
        ("an office corridor with doors", "corridor"),
        ("a corridor in an office", "corridor"),
        ("an alley at night", "street"),
        ("a mountain trail", "terrain"),
        ("a garage with tyres", "workshop"),
        ("a conference room", "office"),
        # no family named: the objects decide
        ("two pallets, a forklift and a barrel", "warehouse"),
        ("a stove and a fridge", "kitchen"),
        ("a bed next to a wardrobe", "bedroom"),
        ("three boulders under pine trees", "terrain"),
        # nothing known at all
        ("xyzzy", "living_room"),
    ],
)
def test_family(prompt: str, family: str) -> None:
    assert read(prompt).family == family


def test_colors_and_counts_bind_to_their_own_object() -> None:
    wishes = read("a red barrel and two blue crates")
    (barrel,), (crate,) = wishes.wanted("barrel"), wishes.wanted("crate")
    assert (barrel.count, barrel.colors) == (1, (COLORS["red"],))
    assert (crate.count, crate.colors) == (2, (COLORS["blue"],))


@pytest.mark.parametrize(
    ("words", "least", "most"),
    [("six", 6, 6), ("a dozen", 12, 12), ("half a dozen", 6, 6), ("a few", 3, 4), ("17", 17, 17), ("a pair of", 2, 2)],
)
def test_counts(words: str, least: int, most: int) -> None:
    count = one(f"a warehouse with {words} crates", "crate").count
    assert count is not None
    assert least <= count <= most


def test_open_plural_has_no_count_and_zero_is_a_count() -> None:
    assert one("crates in a hall", "crate").count is None
    assert one("a living room without a sofa", "sofa").count == 0
    assert read("a living room with no windows").parts["window"].count == 0


def test_materials_and_parts_of_the_room() -> None:
    wishes = read("a living room with a wooden floor, brick walls painted dark green, and a glass table")
    assert wishes.parts["floor"].pattern == "wood_grain"
    assert wishes.parts["wall"].pattern == "brick"
    green, dark = np.array(COLORS["green"]), np.array(wishes.parts["wall"].colors[0])
    assert (dark < green).all()
    assert wishes.wanted("table")[0].pattern == "glass"


def test_words_after_a_noun_describe_it() -> None:
    assert one("a table made of oak", "table").pattern == "wood_grain"
    assert one("two crates in red and a barrel", "crate").colors == (COLORS["red"],)
    assert one("two crates in red and a barrel", "barrel").colors == ()


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("a corridor 2 m wide and 12 m long with lockers", {"width": 2.0, "length": 12.0}),
        ("a 5 by 8 m office", {"width": 5.0, "length": 8.0}),
        ("a 6x4 metre kitchen", {"width": 4.0, "length": 6.0}),
        ("a 30 m² workshop", {"area": 30.0}),
        ("a 350 cm wide corridor", {"width": 3.5}),
        ("a two-metre-wide corridor", {"width": 2.0}),
    ],
)
def test_measures(prompt: str, expected: dict[str, float]) -> None:
    found = {s.dimension: s.value for s in read(prompt).parts["room"].sizes if s.metric}
    assert found == pytest.approx(expected)


def test_size_adjectives_belong_to_the_head_of_a_compound() -> None:
    wishes = read("a long narrow warehouse aisle with a tall rack")
    assert wishes.size("aisle", "width") is not None
    assert wishes.size("aisle", "length") is not None
    assert wishes.wanted("rack")[0].sizes[0].dimension == "height"


def test_relations_and_references() -> None:
    wishes = read("a coffee table with books on the table and a lamp next to the table")
    assert len(wishes.wanted("coffee_table")) == 1
    assert not wishes.wanted("table")
    assert wishes.wanted("books")[0].on == "coffee_table"
    assert wishes.wanted("floor_lamp")[0].near == "coffee_table"


def test_unknown_words_are_reported_without_stop_words() -> None:
    wishes = read("a warehouse with a purple elephant and the crates")
    assert wishes.unknown_words == ("elephant",)
    assert wishes.wanted("crate")[0].colors == ()


def test_words_that_a_family_cannot_use_are_reported() -> None:
    assert "zebra crossing" in compose("a bedroom with a zebra crossing", 0).unknown_words
    assert "hilly" in compose("a hilly kitchen", 0).unknown_words


@pytest.mark.parametrize("family", sorted(PROMPTS))
def test_demonstration_prompts_are_understood_entirely(family: str) -> None:
    wishes = read(PROMPTS[family])
    assert (wishes.family, wishes.unknown_words) == (family, ())


def test_every_kind_has_words_and_a_home_is_a_family() -> None:
    assert set(OBJECT_WORDS) == set(catalogue())
    assert set(HOMES) == set(FAMILY_WORDS)
    for kinds in HOMES.values():
        assert set(kinds.split()) <= set(catalogue())


def test_every_word_for_an_object_finds_it() -> None:
    for kind, phrases in OBJECT_WORDS.items():
        for phrase in phrases.split(","):
            wishes = read(f"there is a {phrase.strip()}")
            found = {m.kind for m in wishes.objects}
            assert kind in found, f"{phrase!r} was read as {found or dict(wishes.parts)}"


@pytest.mark.parametrize(
    "prompt", ["...", "12", "2 m", "red", "with and of", "a " * 900, "日本語 の 部屋", "a b c " * 300]
)
def test_odd_prompts_still_give_a_family(prompt: str) -> None:
    assert read(prompt).family in FAMILY_WORDS

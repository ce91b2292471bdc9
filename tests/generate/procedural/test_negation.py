"""What prompts rule out, and numbers and words that must not be taken for what they are not."""

from __future__ import annotations

import numpy as np
import pytest

from lyra_backend.generate.procedural.compose import compose, draft_scene
from lyra_backend.generate.procedural.prompt import Wishes, parse


def read(prompt: str) -> Wishes:
    return parse(prompt, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("prompt", "none"),
    [
        ("a warehouse, no pallets", {"pallet"}),
        ("a kitchen without any chairs or stools", {"chair", "stool"}),
        ("a living room without a sofa or a TV", {"sofa", "television"}),
        ("a street without any cars, trees or lamps", {"car", "tree", "street_lamp"}),
        ("a kitchen with neither a table nor chairs", {"table", "chair"}),
        ("a warehouse with crates but not barrels", {"barrel"}),
        ("a warehouse free of pallets", {"pallet"}),
        ("a car-free street", {"car"}),
        ("a workshop lacking a drill press", {"drill_press"}),
        ("a living room that doesn't have a sofa", {"sofa"}),
        ("there aren't any chairs in the kitchen", {"chair"}),
        ("not a single chair in the kitchen", {"chair"}),
        ("a kitchen with no chairs and tables", {"chair", "table"}),
        ("no barrels, two crates and no pallets in a warehouse", {"barrel", "pallet"}),
    ],
)
def test_what_is_ruled_out_has_a_count_of_zero(prompt: str, none: set[str]) -> None:
    wishes = read(prompt)
    for kind in none:
        assert [m.count for m in wishes.wanted(kind)] == [0], kind
    assert not wishes.unknown_words


@pytest.mark.parametrize(
    ("prompt", "kind", "count"),
    [
        ("a living room with no chairs and a table", "table", 1),
        ("a living room with no chairs but two tables", "table", 2),
        ("a warehouse without pallets, three barrels", "barrel", 3),
        ("an office with not only a desk", "desk", 1),
        ("an office with no more than three desks", "desk", 3),
        ("a windowless office with a desk", "desk", 1),
    ],
)
def test_a_negation_ends_where_something_is_wanted(prompt: str, kind: str, count: int) -> None:
    assert [m.count for m in read(prompt).wanted(kind)] == [count]


def test_parts_and_moods_can_be_ruled_out() -> None:
    assert read("a room that has no windows or doors").parts["door"].count == 0
    assert read("a windowless office").parts["window"].count == 0
    assert read("a street, not at night").light == ""
    assert read("a workshop without furniture").mood == "empty"
    assert read("a street with no people").unknown_words == ()
    assert read("a street with no elephants").unknown_words == ("elephants",)


def test_nobody_sits_where_no_chairs_are_wanted() -> None:
    wishes = read("a living room with no chairs and a table for six people")
    assert {m.kind: m.count for m in wishes.objects if m.kind in ("chair", "office_chair")} == {
        "chair": 0,
        "office_chair": 0,
    }
    assert "people" in wishes.unknown_words
    for prompt in ("an office with no chairs", "a dining room without chairs", "a classroom with no chairs"):
        for seed in range(2):
            made, _ = draft_scene(prompt, seed, 0.3)
            assert not {"chair", "office_chair", "armchair"} & {p.kind.name for p in made.placed}, prompt


def test_what_is_ruled_out_speaks_for_no_family() -> None:
    assert read("no pallets, a bed and no barrels").family == "bedroom"
    assert read("a warehouse, not an office").family == "warehouse"


@pytest.mark.parametrize("word", ["bus stop", "bike rack", "car wash", "table tennis"])
def test_a_compound_is_not_its_first_half(word: str) -> None:
    wishes = read(f"a street with a {word}")
    assert not wishes.objects
    assert wishes.unknown_words == (word,)


@pytest.mark.parametrize(
    ("text", "word"), [("-3 pallets", "-3"), ("minus three pallets", "-3"), ("2.5 pallets", "2.5")]
)
def test_impossible_numbers_are_reported_and_count_nothing(text: str, word: str) -> None:
    wishes = read(f"a warehouse with {text}")
    assert wishes.unknown_words == (word,)
    assert wishes.wanted("pallet")[0].count is None


def test_dashes_that_join_are_no_signs() -> None:
    assert read("a warehouse: - 3 pallets - 2 barrels").wanted("pallet")[0].count == 3
    assert [m.count for m in read("a 3-seater sofa in a lounge").wanted("sofa")] == [1]
    counts = {
        parse("3-5 pallets in a warehouse", np.random.default_rng(s)).wanted("pallet")[0].count for s in range(20)
    }
    assert counts == {3, 4, 5}
    assert {parse("three to five desks", np.random.default_rng(s)).wanted("desk")[0].count for s in range(20)} == {
        3,
        4,
        5,
    }
    assert [s.value for s in read("a 3-5 m wide corridor").parts["room"].sizes] == [5.0]


def test_a_family_is_guessed_only_if_no_word_speaks_for_one() -> None:
    assert read("xyzzy").guessed
    assert not read("a stove and a fridge").guessed
    assert not read("a small office").guessed
    assert not compose("xyzzy", 0, family="street").guessed

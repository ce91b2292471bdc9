"""Rulers are read, and nonsense is told from them."""

from __future__ import annotations

import numpy as np
import pytest

from lyra_backend.errors import InvalidRequest
from lyra_backend.refine.heights import Thing
from lyra_backend.refine.rulers import (
    WANTED_PERCENT,
    ClassRuler,
    PointRuler,
    parse_ruler,
    ruler_findings,
    shortest_ruler,
    things_findings,
)
from lyra_backend.types import Severity


def read(text: str) -> PointRuler | ClassRuler:
    return parse_ruler("refine.ruler", text)


def test_two_points_and_a_length() -> None:
    ruler = read("0,0,0 0,-3,4 2.5")
    assert ruler == PointRuler((0.0, 0.0, 0.0), (0.0, -3.0, 4.0), 2.5)
    assert (ruler.units, ruler.metres_per_unit) == (5.0, 0.5)


@pytest.mark.parametrize(
    ("text", "name"), [("door 2.03", "door"), ("coffee table 0.45m", "coffee table"), ("'door' 2", "door")]
)
def test_a_class_and_a_height(text: str, name: str) -> None:
    ruler = read(text)
    assert isinstance(ruler, ClassRuler)
    assert ruler.class_name == name


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "must name what was measured"),
        ("2.03", "must name what was measured"),
        ("door tall", "must end with a length"),
        ("door 0", "the length must be from"),
        ("door -2", "the length must be from"),
        ("door nan", "the length must be from"),
        ("door inf", "the length must be from"),
        ("door 1e9", "the length must be from"),
        ("0,0,0 0,0,0 2", "must be apart"),
        ("0,0,0 1,0,0 0", "the length must be from"),
        ("0,0 1,0,0 2", "points must read"),
        ("0,0,0 a,0,0 2", "points must read"),
        ("0,0,0 1,0,inf 2", "finite coordinates"),
        ("0,0,0 2", "two points and a length, or a class"),
        ("0,0,0 1,1,1 2,2,2 3", "two points and a length, or a class"),
    ],
)
def test_nonsense_is_told(text: str, told: str) -> None:
    with pytest.raises(InvalidRequest, match=rf"refine\.ruler.*{told}.*got"):
        read(text)


def hands(length_m: float, count: int = 40_000) -> np.ndarray:
    """Return errors of the scale [%] by hands that pick ends 1 cm beside and read to 0.5 % (standard deviations)."""
    rng = np.random.default_rng(7)
    ends = rng.normal(0, 0.01, (2, count, 3)) + np.array([[[0.0, 0, 0]], [[length_m, 0, 0]]])
    read = length_m * (1 + rng.normal(0, 0.005, count))
    return np.asarray(100 * np.abs(np.log(read / np.linalg.norm(ends[1] - ends[0], axis=1))))


def between(length_m: float) -> PointRuler:
    return PointRuler((0.0, 0.0, 0.0), (length_m, 0.0, 0.0), length_m)


@pytest.mark.parametrize("length", [0.5, 1.0, 2.0, 4.0])
def test_what_is_stated_of_a_ruler_holds_the_truth_19_times_of_20(length: float) -> None:
    stated = between(length).percent(1.0, 0.02)
    assert np.mean(hands(length) < stated) == pytest.approx(0.955, abs=0.01)


def test_the_shortest_ruler_for_two_percent() -> None:
    shortest = shortest_ruler(1.0, 0.02)
    assert shortest == pytest.approx(1.633, abs=0.001)
    assert between(shortest).percent(1.0, 0.02) == pytest.approx(WANTED_PERCENT)
    assert np.mean(hands(shortest) < WANTED_PERCENT) == pytest.approx(0.955, abs=0.01)
    assert np.mean(hands(2.0) < WANTED_PERCENT) > 0.97
    assert shortest_ruler(2.0, 0.02) is None


def test_a_short_ruler_is_told_with_the_length_that_is_needed() -> None:
    (finding,) = ruler_findings(between(0.8), 3.7, 1.0, 0.02)
    assert (finding.code, finding.severity, finding.unit) == ("scale.short_ruler", Severity.WARNING, "m")
    assert (finding.measured, finding.limit) == (0.8, pytest.approx(1.633, abs=0.001))
    assert all(told in finding.message for told in ("0.8 m long", "+-3.7 %", "1.7 m or more", "2 cm beside"))


@pytest.mark.parametrize(
    ("length", "percent", "reading"),
    [(2.0, 1.7, 1.0), (0.8, 1.5, 1.0), (0.8, 4.0, 2.5)],
    ids=["long enough", "the scale is known by something else", "no ruler read so badly would do"],
)
def test_a_ruler_that_is_not_what_is_wrong_is_not_blamed(length: float, percent: float, reading: float) -> None:
    assert ruler_findings(between(length), percent, reading, 0.02) == []


def thing(units: float, x: float, whole: bool = True) -> Thing:
    return Thing(units, np.array([x, 0.0, 0.5 * units]), whole)


def test_things_of_a_class_that_differ_are_listed_with_their_places() -> None:
    doors = [thing(4.34, 2.0), thing(4.24, -6.0), thing(2.0, 0.0, whole=False)]
    (finding,) = things_findings(ClassRuler("door", 2.17), doors, 0.5, np.array([1.0, 0.0, 0.0]))
    assert (finding.code, finding.severity, finding.unit) == ("scale.ruler_things", Severity.WARNING, "%")
    assert finding.measured == pytest.approx(100 * (4.34 / 4.24 - 1), abs=1e-3)
    assert "2.120 m at (-2.00, 0.00, 1.06), 2.170 m at (2.00, 0.00, 1.08)" in finding.message
    assert "1 much lower did not count" in finding.message
    assert "--ruler" in finding.message


def test_one_thing_of_a_class_is_named_and_many_are_counted() -> None:
    (one,) = things_findings(ClassRuler("door", 2.0), [thing(2.0, 0.0)], 1.0, np.zeros(3))
    assert (one.severity, one.measured) == (Severity.INFO, 0.0)
    assert "the one thing labelled 'door'" in one.message
    (many,) = things_findings(ClassRuler("door", 2.0), [thing(2.0, float(x)) for x in range(9)], 1.0, np.zeros(3))
    assert many.message.count(" m at (") == 6
    assert "3 more" in many.message

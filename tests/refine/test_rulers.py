"""Rulers are read, and nonsense is told from them."""

from __future__ import annotations

import pytest

from lyra_backend.errors import InvalidRequest
from lyra_backend.refine.rulers import ClassRuler, PointRuler, parse_ruler


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

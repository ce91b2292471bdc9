"""Forms made from the schemas of generators."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

import pytest

from .kit import Kit


@pytest.fixture
def forms(kit: Kit) -> ModuleType:
    return importlib.import_module("omni.lyra.scenegen.forms")


def test_every_generator_has_a_form_that_changes_nothing(forms: ModuleType, catalog: dict[str, Any]) -> None:
    for name, plugin in catalog["generate"]["generators"].items():
        form = forms.Form.of(plugin["parameters"])
        assert set(form.fields) == set(plugin["parameters"]), name
        for field in form.fields.values():
            assert field.tooltip.strip()
            form.enter(field.name, form.text(field.name))
        assert form.errors() == []
        assert form.values() == {}, name


@pytest.mark.parametrize(
    ("schema", "text", "value"),
    [
        ({"type": "integer", "default": 5}, " 7 ", 7),
        ({"type": "integer", "default": 5}, "", 5),
        ({"type": "number", "default": None}, "0.25", 0.25),
        ({"type": "number", "default": None}, " ", None),
        ({"type": "boolean", "default": True}, "false", False),
        ({"type": "string", "default": "a", "enum": ["a", "b"]}, "b", "b"),
        ({"type": "string", "default": None}, "0,0,0", "0,0,0"),
    ],
)
def test_what_is_typed_is_read(forms: ModuleType, schema: dict[str, Any], text: str, value: object) -> None:
    form = forms.Form.of({"x": schema})
    assert form.enter("x", text) == ""
    assert form.values() == ({} if value == schema["default"] else {"x": value})


@pytest.mark.parametrize(
    ("schema", "text", "said"),
    [
        ({"type": "integer", "default": 5}, "1.5", "x: must be a whole number, got '1.5'."),
        ({"type": "number", "default": 5.0}, "wide", "x: must be a number, got 'wide'."),
        ({"type": "number", "default": 5.0, "minimum": 1, "unit": "m"}, "0.5", "x [m]: must be at least 1, got 0.5."),
        ({"type": "number", "default": 5.0, "maximum": 9}, "nan", "x: must be at most 9, got nan."),
        ({"type": "string", "default": "a", "enum": ["a", "b"]}, "c", "x: must be one of a, b."),
    ],
)
def test_what_cannot_be_used_is_said(forms: ModuleType, schema: dict[str, Any], text: str, said: str) -> None:
    form = forms.Form.of({"x": schema})
    assert form.enter("x", text) == said
    assert form.errors() == [said]
    with pytest.raises(ValueError, match="must be"):
        form.values()


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "boolean", "default": True}, ()),
        ({"type": "boolean"}, ("", "true", "false")),
        ({"type": "string", "default": "a", "enum": ["a", "b"]}, ("a", "b")),
        ({"type": "string", "enum": ["a", "b"]}, ("", "a", "b")),
        ({"type": "integer"}, ()),
    ],
)
def test_what_may_be_left_to_the_generator_is_no_tick(
    forms: ModuleType, schema: dict[str, Any], words: tuple[str, ...]
) -> None:
    form = forms.Form.of({"x": schema})
    assert form.fields["x"].words == words
    assert form.text("x") in (words or ("true", ""))


def test_a_tick_that_is_left_to_the_generator_can_be_set_and_left_again(forms: ModuleType) -> None:
    form = forms.Form.of({"x": {"type": "boolean", "default": None}})
    assert form.text("x") == ""
    form.enter("x", "false")
    assert form.values() == {"x": False}
    form.enter("x", "")
    assert form.values() == {}

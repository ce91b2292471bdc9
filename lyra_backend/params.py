"""Parameters of plugins and stages: frozen dataclasses whose fields explain themselves.

A field's metadata (unit, min, max, choices, help) is written once and feeds command-line overrides, forms, schemas,
manifests and presets.
"""

from __future__ import annotations

import json
import math
import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, field, fields
from typing import Any, TypeVar

from .errors import InvalidRequest, nearest, shown

__all__ = ["build", "deciding", "describe", "param", "undecisive"]

P = TypeVar("P")


def param(
    default: Any,
    help: str,
    *,
    unit: str = "",
    min: float | None = None,
    max: float | None = None,
    choices: tuple[str, ...] = (),
    decides: bool = True,
) -> Any:
    """Declare a field of a `Params` dataclass.

    Args:
        default: its value if nothing else is said.
        help: what it is, in words.
        unit: of its value; "" for none.
        min, max: bounds of its value, inclusive; None for none.
        choices: the only values, if there are any.
        decides: it decides what comes out. False is for what says where or by which means it is computed: a run that
            was stopped goes on with another value of it.
    """
    rules = {"unit": unit, "min": min, "max": max, "choices": choices, "decides": decides}
    return field(default=default, metadata={"help": help, **rules})


def build(params_type: type[P], stage: str, overrides: Mapping[str, Any]) -> P:
    """Return `params_type` with `overrides`; text is converted to each field's type.

    Raises:
        InvalidRequest: an unknown field, or a value of the wrong type or out of range.
    """
    known = {f.name: f for f in fields(params_type)}  # type: ignore[arg-type]
    hints = typing.get_type_hints(params_type)
    values: dict[str, Any] = {}
    for name, value in overrides.items():
        if name not in known:
            raise InvalidRequest(f"{stage}.{name} is not a parameter; {nearest(name, known)}")
        values[name] = _checked(f"{stage}.{name}", value, hints[name], known[name].metadata)
    return params_type(**values)


def deciding(params: Any) -> dict[str, Any]:
    """Return the values of the fields of a `Params` that decide what comes out, by name."""
    ignored = undecisive(type(params))
    return {f.name: getattr(params, f.name) for f in fields(params) if f.name not in ignored}


def undecisive(params_type: type) -> frozenset[str]:
    """Return the names of the fields that change nothing of what comes out."""
    return frozenset(f.name for f in fields(params_type) if not f.metadata.get("decides", True))


def describe(params_type: type) -> dict[str, Any]:
    """Return a JSON schema (draft 2020-12) of the parameters, in order of declaration."""
    hints = typing.get_type_hints(params_type)
    properties: dict[str, Any] = {}
    for f in fields(params_type):
        meta = f.metadata
        entry: dict[str, Any] = {"type": _json_type(_plain(hints[f.name])[0]), "description": meta["help"]}
        if f.default is not MISSING:
            entry["default"] = f.default
        entry |= {out: meta[key] for out, key in (("minimum", "min"), ("maximum", "max")) if meta[key] is not None}
        entry |= {out: meta[key] for out, key in (("enum", "choices"), ("unit", "unit")) if meta[key]}
        properties[f.name] = entry
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _plain(hint: Any) -> tuple[type, bool]:
    """Return (type, may be None) of `T` or `T | None`."""
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        inner = [a for a in typing.get_args(hint) if a is not type(None)]
        return inner[0], True
    return hint, False


def _json_type(kind: type) -> str:
    return {bool: "boolean", int: "integer", float: "number", str: "string"}[kind]


def _checked(subject: str, value: Any, hint: Any, meta: Mapping[str, Any]) -> Any:
    kind, optional = _plain(hint)
    if optional and (value is None or value == "none"):
        return None
    value = _converted(subject, value, kind)
    low, high = meta["min"], meta["max"]
    if (low is not None and value < low) or (high is not None and value > high):
        unit = f" {meta['unit']}" if meta["unit"] else ""
        raise InvalidRequest(f"{subject} must be {_span(low, high)}{unit}, got {shown(value)}.")
    if kind is float and not math.isfinite(value):
        raise InvalidRequest(f"{subject} must be a number, neither infinite nor NaN, got {value}.")
    if kind is int and not -(2**63) <= value < 2**63:
        raise InvalidRequest(f"{subject} must be a whole number of at most 64 bits, got {shown(value)}.")
    if meta["choices"] and value not in meta["choices"]:
        listed = nearest(str(value), meta["choices"])
        raise InvalidRequest(f"{subject} must be one of its choices, got {shown(value)}; {listed}")
    return value


def _span(low: float | None, high: float | None) -> str:
    if high is None:
        return f"at least {low}"
    return f"at most {high}" if low is None else f"from {low} to {high}"


def _converted(subject: str, value: Any, kind: type) -> Any:
    """Return `value` as a `kind`; text may stand for a value of any kind and the other way round, 1e6 is an integer."""
    given = value
    if isinstance(value, str) and kind is not str:
        value = _read(value)
    if isinstance(value, bool | int | float) and kind is str:
        value = _as_text(value)
    if kind is int and isinstance(value, float) and value.is_integer():
        value = int(value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = _as_float(value)
    if isinstance(value, kind) and not (kind is not bool and isinstance(value, bool)):
        return value
    wanted = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}[kind]
    raise InvalidRequest(f"{subject} must be {wanted}, got {shown(given)}.")


def _read(text: str) -> bool | int | float | str:
    """Return the truth value or number that a text stands for, or the text itself."""
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _as_text(value: bool | int | float) -> bool | int | float | str:
    """Return what users type for a truth value or number; the value itself if that has no text."""
    try:
        return json.dumps(value)
    except ValueError:  # whole numbers of thousands of digits
        return value


def _as_float(number: int) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf

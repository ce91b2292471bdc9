"""The limits that decide whether a scene is accepted, read from ``limits.toml`` into one frozen `Params`.

Does: turn every entry of the file into a field, so that ``--set validate.<name>=<value>`` works. Does not: measure.
"""

from __future__ import annotations

import tomllib
from dataclasses import make_dataclass
from pathlib import Path
from typing import Any

from ..params import param

__all__ = ["LIMITS_FILE", "Params", "make_params_type"]

LIMITS_FILE = Path(__file__).with_name("limits.toml")
_KEYS = {"value", "unit", "help", "min", "max", "choices"}


def make_params_type(path: Path) -> type:
    """Return a frozen dataclass with one field for each entry of the TOML file at `path`.

    Raises:
        ValueError: an entry lacks its value or help, or holds a key nobody reads.
    """
    entries = tomllib.loads(path.read_text(encoding="utf-8"))
    columns = [(name, type(entry.get("value")), _field(name, entry)) for name, entry in entries.items()]
    namespace = {"__doc__": "Limits by name; their units and meaning are in the fields' metadata."}
    made = make_dataclass("Params", columns, frozen=True, namespace=namespace)
    made.__module__ = __name__
    return made


def _field(name: str, entry: dict[str, Any]) -> Any:
    if not {"value", "help"} <= entry.keys() <= _KEYS:
        raise ValueError(f"{LIMITS_FILE.name}: {name} must have value and help and only {sorted(_KEYS)}.")
    unit, choices = entry.get("unit", ""), tuple(entry.get("choices", ()))
    return param(entry["value"], entry["help"], unit=unit, min=entry.get("min"), max=entry.get("max"), choices=choices)


#: Limits of the validate stage. Its fields are known only to ``limits.toml``, hence `Any`.
Params: Any = make_params_type(LIMITS_FILE)

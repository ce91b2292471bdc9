"""What things weigh and how they slide, by class."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

__all__ = ["Substance", "substance_of"]

_TABLE = Path(__file__).with_name("materials.toml")


@dataclass(frozen=True)
class Substance:
    """Mass of a thing per outer volume [kg/m3], and its coefficient of friction."""

    density_kg_m3: float
    friction: float


@cache
def substance_of(class_name: str) -> Substance:
    """Return what things of a class are made of; classes without an entry count as "unknown"."""
    table = tomllib.loads(_TABLE.read_text(encoding="utf-8"))
    entry = table["classes"].get(class_name, table["classes"]["unknown"])
    material = table["materials"][entry["material"]]
    return Substance(material["density_kg_m3"] * entry["fill"], material["friction"])

"""What things weigh and how they slide, by class."""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

__all__ = ["Substance", "substance_of"]

_TABLE = Path(__file__).with_name("materials.toml")


@dataclass(frozen=True)
class Substance:
    """What things of a class are made of.

    Attributes:
        density_kg_m3: mass of a thing per outer volume.
        friction: its coefficient.
        mass_kg: least and greatest mass of one thing.
        least_m: longest side below which a thing is none of the class.
    """

    density_kg_m3: float
    friction: float
    mass_kg: tuple[float, float]
    least_m: float

    def mass_of(self, volume_m3: float) -> float:
        """Return the mass of a thing of an outer volume [kg]."""
        return min(max(volume_m3 * self.density_kg_m3, self.mass_kg[0]), self.mass_kg[1])


@cache
def substance_of(class_name: str) -> Substance:
    """Return what things of a class are made of; classes without an entry count as "unknown"."""
    table = tomllib.loads(_TABLE.read_text(encoding="utf-8"))
    entry = table["classes"].get(class_name, table["classes"]["unknown"])
    material = table["materials"][entry["material"]]
    low, high = entry.get("mass_kg", (0.05, math.inf))
    return Substance(
        material["density_kg_m3"] * entry["fill"], material["friction"], (low, high), entry.get("least_m", 0.0)
    )

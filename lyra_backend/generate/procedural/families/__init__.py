"""Scene families: each furnishes a draft and lights it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..draft import Draft
from ..elements import Lighting
from ..indoors import indoor_light
from . import bathroom, bedroom, corridor, kitchen, living_room, office, street, terrain, warehouse, workshop

__all__ = ["FAMILIES", "Family"]


@dataclass(frozen=True)
class Family:
    """A kind of scene: `build` furnishes a draft, `light` returns its light."""

    build: Callable[[Draft], None]
    light: Callable[[Draft], Lighting]


#: Every family by name.
FAMILIES: dict[str, Family] = {
    "warehouse": Family(warehouse.build, indoor_light),
    "living_room": Family(living_room.build, indoor_light),
    "bedroom": Family(bedroom.build, indoor_light),
    "bathroom": Family(bathroom.build, indoor_light),
    "kitchen": Family(kitchen.build, indoor_light),
    "office": Family(office.build, indoor_light),
    "corridor": Family(corridor.build, indoor_light),
    "workshop": Family(workshop.build, indoor_light),
    "street": Family(street.build, street.light),
    "terrain": Family(terrain.build, terrain.light),
}

"""Scene families: each furnishes a draft and lights it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..draft import Draft
from ..elements import Lighting
from ..lamps import indoor_light
from . import bathroom, bedroom, corridor, kitchen, living_room, office, street, terrain, warehouse, workshop

__all__ = ["FAMILIES", "Family"]


@dataclass(frozen=True)
class Family:
    """A kind of scene: `build` furnishes a draft, `light` returns its light, `shows` what makes it known."""

    build: Callable[[Draft], None]
    light: Callable[[Draft], Lighting]
    shows: tuple[str, ...]


#: Every family by name.
FAMILIES: dict[str, Family] = {
    "warehouse": Family(warehouse.build, indoor_light, ("rack", "pallet")),
    "living_room": Family(living_room.build, indoor_light, ("sofa", "bookshelf")),
    "bedroom": Family(bedroom.build, indoor_light, ("bed", "wardrobe")),
    "bathroom": Family(bathroom.build, indoor_light, ("bathtub", "shower", "toilet", "washbasin")),
    "kitchen": Family(kitchen.build, indoor_light, ("counter", "stove", "sink")),
    "office": Family(office.build, indoor_light, ("desk",)),
    "corridor": Family(corridor.build, indoor_light, ()),
    "workshop": Family(workshop.build, indoor_light, ("workbench", "tool_cabinet")),
    "street": Family(street.build, street.light, ("car", "street_lamp")),
    "terrain": Family(terrain.build, terrain.light, ("tree", "conifer", "rock")),
}

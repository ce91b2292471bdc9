"""The catalogue: every kind of object by name, how it stands, and who builds it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from ..things import Look, Thing

__all__ = ["Kind", "catalogue"]


@dataclass(frozen=True)
class Kind:
    """A kind of object.

    Attributes:
        name: catalogue name, also the key of its words in the vocabulary.
        build: makes one.
        place: "floor", "wall" (back to a wall), "corner", "top" (on a table or shelf), "hung" (on a wall) or
            "under" (flat; others may stand on it).
        class_name: semantic class.
        hang_m: height of the lower edge of hung objects [m].
    """

    name: str
    build: Callable[[Look], Thing]
    place: str
    class_name: str
    hang_m: float = 1.4


@cache
def catalogue() -> dict[str, Kind]:
    """Return every kind by name."""
    from . import (
        electronics,
        kitchen,
        living,
        outdoor,
        plants,
        racking,
        seating,
        storage,
        structure,
        tables,
        vehicles,
        workplace,
        workshop,
    )

    floor = {
        "pallet": storage.pallet,
        "crate": storage.crate,
        "cardboard_box": storage.cardboard_box,
        "tote": storage.tote,
        "barrel": storage.barrel,
        "sack": storage.sack,
        "planks": storage.planks,
        "pallet_jack": storage.pallet_jack,
        "forklift": storage.forklift,
        "ladder": storage.ladder,
        "chair": seating.chair,
        "office_chair": seating.office_chair,
        "stool": seating.stool,
        "table": tables.table,
        "round_table": tables.round_table,
        "coffee_table": tables.coffee_table,
        "island": kitchen.island,
        "meeting_table": workplace.meeting_table,
        "partition": workplace.partition,
        "saw_table": workshop.saw_table,
        "robot_arm": workshop.robot_arm,
        "tires": workshop.tires,
        "toolbox": workshop.toolbox,
        "pillar": structure.pillar,
        "platform": structure.platform,
        "ramp": structure.ramp,
        "rubble": structure.rubble,
        "basket": living.basket,
        "toy_ball": living.toy_ball,
        "car": vehicles.car,
        "truck": vehicles.truck,
        "bicycle": vehicles.bicycle,
        "street_lamp": outdoor.street_lamp,
        "traffic_cone": outdoor.traffic_cone,
        "barrier": outdoor.barrier,
        "bollard": outdoor.bollard,
        "hydrant": outdoor.hydrant,
        "mailbox": outdoor.mailbox,
        "street_bin": outdoor.street_bin,
        "sign": outdoor.sign,
        "fence": outdoor.fence,
        "planter": outdoor.planter,
        "tree": plants.tree,
        "conifer": plants.conifer,
        "bush": plants.bush,
        "rock": plants.rock,
        "log": plants.log,
        "stump": plants.stump,
        "tent": outdoor.tent,
    }
    wall = {
        "rack": racking.rack,
        "locker": storage.locker,
        "cabinet": storage.cabinet,
        "sofa": seating.sofa,
        "armchair": seating.armchair,
        "bench": seating.bench,
        "bed": seating.bed,
        "desk": tables.desk,
        "nightstand": tables.nightstand,
        "sideboard": tables.sideboard,
        "wardrobe": tables.wardrobe,
        "bookshelf": living.bookshelf,
        "fireplace": living.fireplace,
        "piano": living.piano,
        "counter": kitchen.counter,
        "sink": kitchen.sink,
        "stove": kitchen.stove,
        "fridge": kitchen.fridge,
        "washing_machine": kitchen.washing_machine,
        "toilet": kitchen.toilet,
        "washbasin": kitchen.washbasin,
        "bathtub": kitchen.bathtub,
        "shower": kitchen.shower,
        "printer": electronics.printer,
        "server_rack": electronics.server_rack,
        "vending_machine": electronics.vending_machine,
        "filing_cabinet": workplace.filing_cabinet,
        "shelf": workshop.shelf_unit,
        "workbench": workshop.workbench,
        "tool_cabinet": workshop.tool_cabinet,
        "drill_press": workshop.drill_press,
        "lathe": workshop.lathe_machine,
        "welder": workshop.welding_set,
        "stairs": structure.stairs,
        "hedge": plants.hedge,
    }
    corner = {
        "plant": living.plant,
        "floor_lamp": living.floor_lamp,
        "bin": storage.bin_,
        "gas_cylinder": storage.gas_cylinder,
        "water_cooler": workplace.water_cooler,
    }
    top = {
        "books": living.books,
        "bottle": living.bottle,
        "bowl": living.bowl,
        "cup": living.cup,
        "vase": living.vase,
        "table_lamp": living.table_lamp,
        "monitor": electronics.monitor,
        "laptop": electronics.laptop,
        "keyboard": electronics.keyboard,
        "computer": electronics.computer,
        "television": electronics.television,
        "microwave": kitchen.microwave,
        "fan": electronics.table_fan,
    }
    hung = {
        "picture": (living.picture, 1.35),
        "mirror": (living.mirror, 0.85),
        "clock": (living.wall_clock, 1.75),
        "whiteboard": (workplace.whiteboard, 0.95),
        "pegboard": (workshop.pegboard, 1.15),
        "poster": (workplace.blueprint, 1.05),
        "wall_cabinet": (kitchen.wall_unit, 1.4),
        "extinguisher": (workplace.extinguisher, 0.6),
    }
    kinds = [
        Kind(n, b, p, n)
        for p, group in (("floor", floor), ("wall", wall), ("corner", corner), ("top", top))
        for n, b in group.items()
    ]
    kinds += [Kind(n, b, "hung", n, z) for n, (b, z) in hung.items()]
    kinds.append(Kind("rug", living.rug, "under", "rug"))
    renamed = {
        "round_table": "table",
        "coffee_table": "table",
        "street_bin": "bin",
        "conifer": "tree",
        "toy_ball": "ball",
        "saw_table": "machine",
    }
    renamed |= {"truck": "van", "extinguisher": "fire_extinguisher", "office_chair": "chair", "meeting_table": "table"}
    return {k.name: Kind(k.name, k.build, k.place, renamed.get(k.name, k.name), k.hang_m) for k in kinds}

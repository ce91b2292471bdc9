"""The words for objects, and which scenes they belong to.

Words are listed in the singular; the parser finds plurals by itself. Several words separated by a blank are one phrase.
"""

from __future__ import annotations

__all__ = ["ALL_SORTS", "HOMES", "IMPLIED", "LOCAL", "OBJECT_WORDS", "TALL"]

#: Catalogue name -> words for it, separated by commas.
OBJECT_WORDS: dict[str, str] = {
    "pallet": "pallet, palette, euro pallet, skid, wooden pallet",
    "crate": "crate, wooden crate, packing case, chest",
    "cardboard_box": "cardboard box, box, carton, parcel, package, packet, moving box, cardboard",
    "tote": "tote, plastic box, container, storage bin, tub",
    "barrel": "barrel, drum, oil drum, oil barrel, keg, cask",
    "planks": "plank, stack of planks, pile of planks, lumber, stack of lumber, pile of lumber, wooden plank, "
    "stack of boards, pile of boards",
    "sack": "sack, bag, sandbag",
    "pallet_jack": "pallet jack, pallet truck, hand truck, hand pallet truck",
    "forklift": "forklift, fork lift, forklift truck, fork lift truck, lift truck",
    "ladder": "ladder, step ladder, stepladder",
    "chair": "chair, dining chair, wooden chair, seat",
    "office_chair": "office chair, desk chair, swivel chair, task chair",
    "stool": "stool, bar stool, barstool",
    "armchair": "armchair, easy chair, recliner, lounge chair",
    "sofa": "sofa, couch, settee, loveseat",
    "bench": "bench, park bench",
    "bed": "bed, double bed, single bed, queen bed, king bed, king size bed, queen size bed, twin bed",
    "table": "table, dining table, kitchen table",
    "round_table": "round table, bistro table, round dining table, circular table",
    "coffee_table": "coffee table, low table, tea table, side table",
    "desk": "desk, writing desk, workstation, office desk, computer desk, work station",
    "meeting_table": "meeting table, conference table, boardroom table",
    "nightstand": "nightstand, night stand, bedside table, bedside cabinet",
    "sideboard": "sideboard, tv stand, media console, credenza, dresser, drawer, chest of drawers",
    "wardrobe": "wardrobe, closet, armoire",
    "bookshelf": "bookshelf, book shelf, bookcase, bookshelves",
    "shelf": "shelf, shelving, shelving unit, shelf unit, metal shelf, storage shelf",
    "rack": "rack, pallet rack, racking, storage rack, pallet racking, warehouse shelf, warehouse rack",
    "locker": "locker",
    "cabinet": "cabinet, cupboard, storage cabinet, metal cabinet",
    "floor_lamp": "floor lamp, standing lamp, lamp",
    "table_lamp": "table lamp, desk lamp, bedside lamp",
    "plant": "plant, houseplant, house plant, pot plant, potted plant, flower pot, fern, palm, indoor plant",
    "rug": "rug, carpet, mat, doormat",
    "television": "television, tv, television set, flat screen, tv set",
    "picture": "picture, painting, artwork, photo, photograph, framed picture, frame, canvas",
    "poster": "poster, blueprint, map, calendar, notice",
    "mirror": "mirror, wall mirror",
    "clock": "clock, wall clock",
    "fireplace": "fireplace, hearth, chimney",
    "piano": "piano, upright piano",
    "books": "book, pile of books, stack of books, magazine",
    "bottle": "bottle",
    "bowl": "bowl, fruit bowl, bowl of fruit, fruit, apple",
    "cup": "cup, mug, coffee cup",
    "vase": "vase, flower, flower vase, bouquet",
    "basket": "basket, laundry basket",
    "toy_ball": "ball, toy ball, football, basketball",
    "counter": "counter, kitchen counter, countertop, worktop, kitchen unit, kitchenette",
    "sink": "sink, kitchen sink",
    "stove": "stove, cooker, oven, hob, range, cooktop",
    "fridge": "fridge, refrigerator, freezer, fridge freezer, icebox",
    "island": "island, kitchen island",
    "microwave": "microwave, microwave oven",
    "washing_machine": "washing machine, washer, dishwasher, dryer",
    "wall_cabinet": "wall cabinet, wall cupboard, hanging cupboard",
    "toilet": "toilet, wc, lavatory",
    "washbasin": "washbasin, wash basin, basin, bathroom sink, vanity",
    "bathtub": "bathtub, bath tub, tub bath",
    "shower": "shower, shower cabin",
    "monitor": "monitor, screen, computer screen, display",
    "laptop": "laptop, notebook, notebook computer",
    "keyboard": "keyboard, computer mouse",
    "computer": "computer, pc, desktop computer",
    "printer": "printer, copier, photocopier, copy machine",
    "fan": "fan, table fan, desk fan",
    "server_rack": "server rack, server, server cabinet, computer rack",
    "vending_machine": "vending machine, drinks machine, snack machine",
    "whiteboard": "whiteboard, white board, blackboard, chalkboard, notice board, bulletin board, board",
    "filing_cabinet": "filing cabinet, file cabinet, drawer cabinet",
    "partition": "partition, office screen, cubicle, room divider, divider",
    "water_cooler": "water cooler, water dispenser",
    "workbench": "workbench, work bench, work table, worktable, vice, vise",
    "tool_cabinet": "tool cabinet, tool trolley, roller cabinet, tool chest, tool cart, trolley, cart",
    "toolbox": "toolbox, tool box, tool case",
    "pegboard": "pegboard, peg board, tool board, tool wall, tool, hand tool, hammer, wrench, spanner, screwdriver",
    "drill_press": "drill press, pillar drill, drilling machine, drill",
    "lathe": "lathe, milling machine, machine, cnc machine",
    "saw_table": "table saw, saw, circular saw, bandsaw, band saw",
    "welder": "welder, welding machine, welding set, compressor, generator",
    "robot_arm": "robot arm, robotic arm, industrial robot, robot, manipulator",
    "tires": "tire, tyre, stack of tires, stack of tyres",
    "gas_cylinder": "gas cylinder, gas bottle, gas tank, oxygen tank",
    "extinguisher": "extinguisher, fire extinguisher",
    "bin": "bin, trash can, trash bin, garbage can, waste bin, wastebasket, dustbin, rubbish bin, trash, "
    "wastepaper basket",
    "street_bin": "litter bin, street bin, public bin",
    "traffic_cone": "traffic cone, cone, road cone, safety cone, pylon",
    "barrier": "barrier, road barrier, roadblock, barricade, construction barrier",
    "bollard": "bollard",
    "car": "car, parked car, automobile, vehicle, sedan, hatchback, taxi",
    "truck": "truck, van, lorry, delivery van, delivery truck, minibus, bus",
    "bicycle": "bicycle, bike, cycle",
    "street_lamp": "street lamp, streetlamp, street light, streetlight, lamp post, lamppost, lantern",
    "hydrant": "hydrant, fire hydrant",
    "mailbox": "mailbox, post box, postbox, letter box, letterbox",
    "sign": "sign, traffic sign, road sign, stop sign, street sign",
    "fence": "fence, wooden fence, railing",
    "planter": "planter, flower bed, flower box, plant box",
    "tree": "tree, oak, maple, birch, broadleaf tree, deciduous tree",
    "conifer": "conifer, fir, fir tree, pine, pine tree, spruce, evergreen, christmas tree",
    "bush": "bush, shrub",
    "hedge": "hedge, hedgerow, box hedge",
    "rock": "rock, boulder, stone",
    "log": "log, fallen log, fallen tree, trunk, tree trunk, fallen trunk",
    "stump": "stump, tree stump",
    "tent": "tent, camping tent",
    "stairs": "stairs, stair, staircase, steps, stairway, flight of stairs, flight of steps",
    "ramp": "ramp, wheelchair ramp, loading ramp, incline",
    "platform": "platform, step, podium, stage, dais, ledge",
    "pillar": "pillar, column, post",
    "rubble": "rubble, debris, pile of rubble, heap of rubble, brick pile, pile of bricks, ruin",
}

#: Objects that speak for a family when the prompt names none.
HOMES: dict[str, str] = {
    "warehouse": "pallet crate cardboard_box tote barrel sack pallet_jack forklift rack",
    "living_room": "sofa armchair coffee_table bookshelf floor_lamp television rug fireplace piano sideboard picture",
    "bedroom": "bed nightstand wardrobe",
    "bathroom": "toilet washbasin bathtub shower",
    "kitchen": "counter sink stove fridge island microwave wall_cabinet bowl washing_machine",
    "office": "desk office_chair monitor whiteboard printer filing_cabinet partition laptop water_cooler meeting_table "
    "server_rack computer keyboard",
    "corridor": "locker vending_machine extinguisher",
    "workshop": "workbench tool_cabinet toolbox pegboard drill_press lathe saw_table welder robot_arm tires "
    "gas_cylinder shelf",
    "street": "car truck bicycle street_lamp hydrant mailbox traffic_cone barrier bollard sign street_bin planter",
    "terrain": "tree conifer bush rock log stump tent",
}

#: Family -> kind that a word usually means -> kind that it means there.
LOCAL: dict[str, dict[str, str]] = {
    "street": {"floor_lamp": "street_lamp", "bin": "street_bin", "plant": "planter"},
    "terrain": {"floor_lamp": "street_lamp", "bin": "street_bin", "plant": "bush"},
    "bathroom": {"sink": "washbasin"},
    "warehouse": {"shelf": "rack"},
    "workshop": {"bench": "workbench"},
}

#: Word for a place -> what makes it one, with least and most number, unless the prompt says how many.
IMPLIED: dict[str, dict[str, tuple[int, int]]] = {
    "meeting room": {"meeting_table": (1, 1), "office_chair": (6, 8)},
    "conference room": {"meeting_table": (1, 1), "office_chair": (6, 8)},
    "boardroom": {"meeting_table": (1, 1), "office_chair": (8, 8)},
    "classroom": {"desk": (6, 8), "chair": (6, 8), "whiteboard": (1, 1)},
    "server room": {"server_rack": (4, 6)},
    "dining room": {"table": (1, 1), "chair": (4, 6)},
    "garage": {"car": (1, 1)},
}

#: Word -> kinds that are meant by it too when the prompt wants none: "no chairs" are no office chairs either.
ALL_SORTS: dict[str, str] = {
    "chair": "office_chair armchair",
    "seat": "office_chair armchair stool sofa bench",
    "table": "round_table coffee_table meeting_table",
    "vehicle": "truck bicycle",
    "tree": "conifer",
    "lamp": "floor_lamp table_lamp street_lamp",
    "shelf": "bookshelf rack",
    "shelving": "bookshelf rack",
    "plant": "planter",
    "box": "tote crate",
}

#: Kinds that may be over two metres high.
TALL = frozenset(
    "rack shelf bookshelf wardrobe locker cabinet server_rack pillar ladder street_lamp sign tree conifer rock "
    "robot_arm stairs truck forklift fence hedge tent vending_machine fireplace".split()
)

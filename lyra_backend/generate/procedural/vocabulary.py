"""The words prompts are made of, objects left out: families, colours, materials, numbers, sizes.

Words are listed in the singular; the parser finds plurals by itself. Several words separated by a blank are one phrase.
"""

from __future__ import annotations

__all__ = [
    "AMOUNTS",
    "ARRANGEMENTS",
    "BOUNDS",
    "COLOR_WORDS",
    "DIMENSIONS",
    "FAMILY_WORDS",
    "GROUNDS",
    "IRREGULAR",
    "LIGHTS",
    "MATERIAL_WORDS",
    "MEASURES",
    "MOODS",
    "OTHER_THINGS",
    "ROOM_PARTS",
    "SHAPED",
    "SHAPES",
    "SIZES",
    "STOP_WORDS",
    "STYLES",
    "UNITS",
    "WEATHERS",
]

#: Family -> words for it. A family named first in the prompt decides.
FAMILY_WORDS: dict[str, str] = {
    "warehouse": "warehouse, depot, storehouse, storeroom, stockroom, storage room, storage hall, logistics center, "
    "logistics centre, distribution center, distribution centre, fulfillment center, fulfilment centre, storage, "
    "loading bay, loading dock, logistics hall",
    "living_room": "living room, lounge, sitting room, apartment, flat, family room, parlour, parlor, drawing room, "
    "living space, house, home, dining room, livingroom, den",
    "bedroom": "bedroom, bed room, dormitory, hotel room, guest room, children's room, kids room, nursery",
    "bathroom": "bathroom, bath room, washroom, restroom, bath, shower room",
    "kitchen": "kitchen, cookhouse, galley, canteen kitchen",
    "office": "office, open plan office, workspace, meeting room, conference room, study, home office, classroom, "
    "boardroom, coworking space, bureau, lab, laboratory, computer room, server room",
    "corridor": "corridor, hallway, passage, passageway, hall way, hall, tunnel",
    "workshop": "workshop, garage, factory, machine shop, work shop, maker space, makerspace, repair shop, shed, "
    "plant hall, factory floor, production hall, assembly hall",
    "street": "street, road, alley, city, town, avenue, sidewalk, pavement, crosswalk, suburb, lane, urban street, "
    "neighbourhood, neighborhood, parking lot, car park, crossing, intersection, village",
    "terrain": "terrain, forest, woods, wood land, woodland, park, meadow, field, desert, hill, hillside, mountain, "
    "mountainside, valley, nature, landscape, outdoors, outdoor, trail, path, clearing, canyon, beach, garden, "
    "wilderness, natural terrain, countryside, quarry, glade, moor, dune, slope, grassland, camp site, campsite",
}

COLOR_WORDS: dict[str, str] = {
    "red": "red, crimson, scarlet, cherry",
    "blue": "blue, azure, cobalt",
    "green": "green, emerald",
    "yellow": "yellow, mustard",
    "orange": "orange",
    "purple": "purple",
    "violet": "violet, lilac, lavender",
    "pink": "pink, rose",
    "brown": "brown, chestnut, chocolate",
    "black": "black",
    "white": "white, whitewashed",
    "grey": "grey, gray",
    "beige": "beige, sand colored, sand coloured",
    "cream": "cream, ivory, off white",
    "turquoise": "turquoise, aqua",
    "teal": "teal, petrol",
    "cyan": "cyan",
    "navy": "navy, navy blue, dark blue",
    "gold": "gold, golden",
    "silver": "silver",
    "tan": "tan, ochre",
    "olive": "olive, khaki",
    "maroon": "maroon, burgundy, wine red",
    "lime": "lime",
    "magenta": "magenta",
    "charcoal": "charcoal, anthracite",
}

#: Texture pattern -> words. Floors turn "wood_grain" into planks.
MATERIAL_WORDS: dict[str, str] = {
    "wood_grain": "wood, wooden, timber, oak, pine, walnut, birch, maple, beech, plywood, bamboo",
    "wood_planks": "parquet, plank, planked, laminate, floorboard, hardwood",
    "metal_brushed": "steel, stainless, stainless steel, aluminium, aluminum, chrome, brushed metal",
    "metal_painted": "metal, metallic, iron, sheet metal, cast iron",
    "concrete": "concrete, cement",
    "tiles": "tile, tiled, ceramic, terracotta",
    "brick": "brick",
    "carpet": "carpeted, carpet",
    "fabric": "fabric, cloth, velvet, linen, cotton, upholstered, wool",
    "marble": "marble, granite",
    "rock": "stone, rock",
    "cardboard": "cardboard",
    "plaster": "plaster, plastered, stucco",
    "glass": "glass",
    "asphalt": "asphalt, tarmac",
    "plain": "plastic, leather, vinyl, linoleum, rubber, epoxy",
    "grass": "grass, grassy, lawn",
    "soil": "soil, dirt, earth, mud, muddy, sand, gravel",
}

#: Counts; a pair is drawn from its range.
AMOUNTS: dict[str, tuple[int, int]] = {
    "no": (0, 0), "without": (0, 0), "zero": (0, 0), "a": (1, 1), "an": (1, 1), "one": (1, 1), "single": (1, 1),
    "two": (2, 2), "three": (3, 3), "four": (4, 4), "five": (5, 5), "six": (6, 6), "seven": (7, 7), "eight": (8, 8),
    "nine": (9, 9), "ten": (10, 10), "eleven": (11, 11), "twelve": (12, 12), "thirteen": (13, 13),
    "fourteen": (14, 14), "fifteen": (15, 15), "sixteen": (16, 16), "seventeen": (17, 17), "eighteen": (18, 18),
    "nineteen": (19, 19), "twenty": (20, 20), "thirty": (30, 30), "forty": (40, 40), "fifty": (50, 50),
    "sixty": (60, 60), "seventy": (70, 70), "eighty": (80, 80), "ninety": (90, 90),
    "dozen": (12, 12), "a dozen": (12, 12), "two dozen": (24, 24), "half a dozen": (6, 6), "couple": (2, 2),
    "a couple": (2, 2), "pair": (2, 2), "a pair": (2, 2), "a few": (3, 4), "few": (3, 4), "several": (4, 6),
    "some": (2, 4), "many": (6, 9), "a lot": (6, 9), "lots": (6, 9), "plenty": (6, 9), "numerous": (6, 9),
    "various": (3, 5), "multiple": (3, 5), "another": (1, 1), "both": (2, 2), "a bunch": (4, 6), "a handful": (4, 5),
    "dozens": (24, 30), "hundreds": (40, 60), "three dozen": (36, 36),
}  # fmt: skip

#: Size word -> (dimension, factor).
SIZES: dict[str, tuple[str, float]] = {
    "narrow": ("width", 0.7), "slim": ("width", 0.8), "thin": ("width", 0.75), "tight": ("width", 0.7),
    "wide": ("width", 1.35), "broad": ("width", 1.35), "long": ("length", 1.5), "elongated": ("length", 1.5),
    "short": ("length", 0.7), "deep": ("length", 1.3), "tall": ("height", 1.35), "high": ("height", 1.35),
    "low": ("height", 0.8), "large": ("all", 1.3), "big": ("all", 1.3), "huge": ("all", 1.6),
    "enormous": ("all", 1.7), "giant": ("all", 1.7), "massive": ("all", 1.6), "spacious": ("all", 1.3),
    "small": ("all", 0.75), "tiny": ("all", 0.6), "little": ("all", 0.75), "compact": ("all", 0.8),
    "mini": ("all", 0.6), "cramped": ("all", 0.75), "vast": ("all", 1.6), "oversized": ("all", 1.4),
}  # fmt: skip

#: Length unit -> metres.
UNITS: dict[str, float] = {
    "m": 1.0, "meter": 1.0, "metre": 1.0, "cm": 0.01, "centimeter": 0.01, "centimetre": 0.01, "mm": 0.001,
    "ft": 0.3048, "foot": 0.3048, "feet": 0.3048, "inch": 0.0254, "inches": 0.0254,
}  # fmt: skip

#: Word after a length -> dimension.
DIMENSIONS: dict[str, str] = {
    "wide": "width", "width": "width", "broad": "width", "long": "length", "length": "length", "deep": "length",
    "depth": "length", "tall": "height", "high": "height", "height": "height", "across": "width",
}  # fmt: skip

#: Nouns for dimensions: "a width of 2 m".
MEASURES = frozenset(("width", "length", "depth", "height"))

#: Shape words, and the kinds that they make of others.
SHAPES = frozenset(("round", "circular"))
SHAPED: dict[tuple[str, str], str] = {(shape, "table"): "round_table" for shape in sorted(SHAPES)}

#: Light -> words.
LIGHTS: dict[str, str] = {
    "bright": "bright, sunny, sunlit, daylight, well lit, brightly lit, sunlight, sunshine, airy, noon, midday, "
    "light filled",
    "dim": "dim, gloomy, dark, dimly lit, shadowy, poorly lit",
    "night": "night, nighttime, night time, midnight",
    "evening": "evening, sunset, dusk, golden hour, dawn, sunrise, morning",
    "overcast": "overcast, cloudy, grey sky",
    "warm": "warm, warmly lit",
    "cold": "cold, neon, fluorescent",
}

#: Weather -> words; unless the prompt names a light, the sky is overcast.
WEATHERS: dict[str, str] = {
    "rain": "rainy, rain, raining, wet, drizzle, drizzly, rain soaked, damp, puddle",
    "fog": "foggy, fog, misty, mist, hazy, haze",
}

#: Clutter -> words.
MOODS: dict[str, str] = {
    "cluttered": "cluttered, messy, chaotic, crowded, packed, busy, untidy, full, disorganized, abandoned, stuffed",
    "tidy": "tidy, clean, neat, organized, organised, orderly, minimalist, uncluttered, minimal, "
    "no clutter, without clutter, clutter free",
    "empty": "empty, bare, unfurnished, vacant, no furniture, without furniture, without any furniture",
}

#: Style -> words; styles choose floors, walls and tones.
STYLES: dict[str, str] = {
    "modern": "modern, contemporary, sleek, new, scandinavian",
    "rustic": "rustic, old, traditional, vintage, antique, classic, farmhouse, country",
    "industrial": "industrial, loft, urban, raw",
    "cosy": "cosy, cozy, comfortable, homely, inviting",
    "clinical": "hospital, clinic, clinical, school, university, sterile, medical",
    "luxury": "luxury, luxurious, elegant, hotel, posh, fancy",
}

#: Ground of outdoor scenes -> words.
GROUNDS: dict[str, str] = {
    "hilly": "hilly, rolling, bumpy, uneven, undulating, rough, sloped, sloping, steep, mountainous",
    "flat": "flat, level, even, plain",
    "rocky": "rocky, stony, craggy, alpine, quarry, mountain, canyon",
    "desert": "desert, sandy, dune, beach, arid, dry",
    "forest": "forest, wooded, woods, woodland, wood land, jungle",
    "snow": "snow, snowy, winter, wintry, icy",
    "meadow": "meadow, grassland, field, park, garden, glade, green space",
    "autumn": "autumn, autumnal, fall",
    "muddy": "muddy, trail",
}

#: How several objects stand -> words.
ARRANGEMENTS: dict[str, str] = {
    "row": "row, line, in a row, lined up, queue, rows of, row of, line of",
    "stack": "stack, stacked, piled, pile, heap, stack of, pile of, heap of, tower of",
    "wall": "along the wall, along the walls, against the wall, against a wall, by the wall, at the wall, "
    "along one wall",
    "corner": "in the corner, in a corner, in one corner, in the corners",
    "middle": "in the middle, in the center, in the centre, center, centre, middle, in its middle",
    "scattered": "scattered, strewn, spread, randomly placed, lying around",
}

#: Parts of a room that can be counted, coloured and made of something.
ROOM_PARTS: dict[str, str] = {
    "floor": "floor, flooring, ground",
    "wall": "wall",
    "ceiling": "ceiling, roof",
    "door": "door, doorway, entrance, exit, gate",
    "window": "window, skylight",
    "aisle": "aisle, gangway, walkway",
    "room": "room, space, area, place, environment, scene, interior, setting",
    "light": "ceiling lamp, ceiling light, light, lighting, pendant lamp, pendant, chandelier",
    "curtain": "curtain, drape, blind",
    "building": "building, facade, shop, storefront",
    "marking": "floor marking, marking, zebra crossing, pedestrian crossing, crosswalk",
    "junction": "junction, t junction, branch, l shaped, t shaped, bend, corner",
    "niche": "niche, alcove, recess",
}

IRREGULAR: dict[str, str] = {
    "shelves": "shelf", "bookshelves": "bookshelf", "benches": "bench", "boxes": "box", "bushes": "bush",
    "leaves": "leaf", "sofas": "sofa", "buses": "bus", "lorries": "lorry", "couches": "couch", "knives": "knife",
    "workbenches": "workbench", "vases": "vase", "houses": "house", "trees": "tree", "children": "child",
    "mattresses": "mattress", "switches": "switch", "torches": "torch", "people": "person", "vices": "vice",
}  # fmt: skip

#: Phrases before numbers that leave the number as it is.
BOUNDS = frozenset(
    (
        "no more than", "not more than", "no fewer than", "no less than", "not less than", "at least", "at most",
        "up to",
    )
)  # fmt: skip

#: Things of which no part is meant: a bus stop is no bus. They are not known here, and are reported.
OTHER_THINGS = (
    "bus stop, bus shelter, bus station, bus lane, bus depot, train station, gas station, petrol station, fire "
    "station, police station, fire truck, fire engine, fire escape, car wash, car port, car door, car seat, bike "
    "rack, bicycle rack, bike lane, bicycle lane, cycle lane, bike path, tree house, rock band, rock garden, book "
    "end, table tennis, table tennis table, pool table, billiard table, table cloth, tablecloth, bed sheet, bed "
    "side, door mat, door bell, window shopping, sofa cushion, chair lift, ski lift, truck stop, ball pit, cup "
    "holder, stair lift, drum kit, drum set, tool belt, sign post, stage light, stage lights, street art, street "
    "food, oven glove, road works, roadworks, floor plan, wall clock radio, water tank, water tower, cable drum"
)

STOP_WORDS = frozenset(
    """the a an of and or with in on at by to from for its it is are has have having there this that these those which
    where while as into onto over under near next beside besides behind between along against around across through
    inside outside front back side left right top bottom containing contains filled made out up down also plus very
    quite rather really fairly extra more most other each every all any own be being been standing stands stand lying
    lies placed placing sits sitting set put located surrounded featuring including includes include furnished equipped
    painted colored coloured covered decorated please generate create make build show me i want need we you robot's
    facing opposite s style styled kind type like looking look one's piece pieces shaped amid among amongst above below
    towards toward about but not only just some exactly roughly approximately plus off them their they some neatly
    arranged array group cluster set realistic detailed photorealistic high-quality quality 3d simulation scene
    environment typical ordinary common simple normal standard regular image view picture-like nice beautiful
    lovely pretty good""".split()
)

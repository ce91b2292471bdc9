"""Scenes to find free space in: of plain boxes, and the exact surfaces of the procedural families."""

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from lyra_backend import params, registry
from lyra_backend.progress import Progress
from lyra_backend.types import CollisionPart, CollisionProxy, SceneRequest

from .truth import box, whole

Array = npt.NDArray[Any]
Thing = tuple[tuple[float, float, float], tuple[float, float, float]]

FAMILIES = {
    "warehouse": "a warehouse aisle with pallets",
    "living_room": "a living room with a sofa and a table",
    "kitchen": "a kitchen with a red table",
    "office": "an office with two desks",
    "corridor": "a corridor with doors",
    "workshop": "a workshop with two workbenches and a tool cabinet",
    "street": "a street with parked cars and houses",
    "terrain": "a forest path",
    "bathroom": "a bathroom with a tub",
    "bedroom": "a bedroom with a bed and a wardrobe",
}


def proxy_of(corners: npt.ArrayLike) -> CollisionProxy:
    """A collider of triangles (F, 3, 3)."""
    vertices = np.asarray(corners, np.float32).reshape(-1, 3)
    triangles = np.arange(len(vertices), dtype=np.int32).reshape(-1, 3)
    return CollisionProxy((CollisionPart("environment", vertices, triangles),), "test", {})


def room(x: float = 6.0, y: float = 4.0, z: float = 2.5, *things: Thing) -> Array:
    """A closed room with a corner at the origin and boxes (low, high) in it."""
    return np.concatenate([box((0, 0, 0), (x, y, z), inwards=True), *(box(*thing) for thing in things)])


def floor(x0: float, y0: float, x1: float, y1: float, z: float = 0.0) -> Array:
    """A rectangle that faces up."""
    a, b, c, d = (x0, y0, z), (x1, y0, z), (x1, y1, z), (x0, y1, z)
    return np.array([[a, b, c], [a, c, d]], float)


@cache
def exact(family: str) -> Array:
    """The exact surface of a scene of a family as triangles (F, 3, 3); no Gaussians to speak of are made."""
    generator = registry.get("generate", "procedural")
    chosen = params.build(generator.Params, "generate", {"gaussian_count": 20_000, "bake_light": False})
    made = generator.run(SceneRequest(prompt=FAMILIES[family], seed=1), chosen, Progress())
    return whole(made.value.truth)

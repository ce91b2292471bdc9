"""Many scenes side by side: one collider mesh for all, and the Gaussians of each where they belong.

Does: place scenes on a grid, weld their colliders into one Mesh with an identity transform, which is the first and
only Mesh, and write ``collision.usdc``, ``atlas.usda`` to be referenced, and ``stage.usda`` to be opened. Does not:
take away triangles, or bring in anything that moves.

The grid is that by which Isaac Lab spreads its environments (``TerrainImporter._compute_env_origins_grid``): with as
many environments as tiles, and the grid's pitch as ``env_spacing``, environment k starts at the origin of tile k.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pxr import Gf, Sdf, Vt

from ..types import Approximation
from .appearance import variant_name
from .collision import COLLISION_ROOT, ENVIRONMENT_NAME, FILE_NAME, MATERIALS_NAME, ROOT_NAME, make_collider
from .layers import attribute, define, write_layer
from .materials import Materials, PhysicsMaterial, bind
from .meshes import author_mesh, weld
from .particle_field import PRIM_NAME, RENDER_SETTINGS
from .stage import APPEARANCE_SET, NO_VARIANT, VISUAL_NAME, write_stage
from .welded import WeldedScene

__all__ = ["ATLAS_FILE", "FIELD_VARIANT", "AtlasMesh", "Look", "grid_origins", "grid_pitch", "place", "write_atlas"]

ATLAS_FILE = "atlas.usda"
FIELD_VARIANT = variant_name("particle_field")

_Types = Sdf.ValueTypeNames
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class AtlasMesh:
    """The colliders of all tiles.

    Attributes:
        points: vertices [m], shape (V, 3).
        triangles: corners, shape (F, 3), those of a tile one after the other.
        ranges: first triangle of each tile and the one after its last, shape (N, 2).
        boxes: lower and upper corner of each tile's collider [m], shape (N, 2, 3).
        rounding_m: how far numbers of 32 bits moved a vertex at most, further out than in its scene [m].
    """

    points: npt.NDArray[np.float32]
    triangles: npt.NDArray[np.int32]
    ranges: npt.NDArray[np.int64]
    boxes: Floats
    rounding_m: float


@dataclass(frozen=True)
class Look:
    """Gaussians of one tile: the name of its prim, its origin [m] and the file, relative to the atlas."""

    prim_name: str
    origin: tuple[float, float, float]
    file: str


def grid_pitch(boxes: Sequence[Floats], margin_m: float) -> float:
    """Return the distance of neighbouring origins [m], whole decimetres, so that colliders keep `margin_m` apart.

    Args:
        boxes: lower and upper corner of each scene about its own origin [m], shape (2, 3) each.
        margin_m: least distance between colliders of neighbours [m].
    """
    lower, upper = np.min([box[0] for box in boxes], axis=0), np.max([box[1] for box in boxes], axis=0)
    return math.ceil(round(10 * (float((upper - lower)[:2].max()) + margin_m), 6)) / 10


def grid_origins(count: int, pitch_m: float) -> Floats:
    """Return where the scenes' own origins go [m], shape (count, 3), around the middle; see the module's text."""
    rows = math.ceil(count / int(math.sqrt(count)))
    columns = math.ceil(count / rows)
    row, column = np.divmod(np.arange(count), columns)
    x, y = -(row - (rows - 1) / 2) * pitch_m, (column - (columns - 1) / 2) * pitch_m
    return np.stack([x, y, np.zeros(count)], axis=1) + 0.0  # no negative zeros


def place(scenes: Sequence[WeldedScene], origins: Floats) -> AtlasMesh:
    """Move each scene to its origin, shape (N, 3) [m], and join them; vertices that coincide there are merged."""
    parts, faces, ranges, boxes, rounding = [], [], [], [], 0.0
    vertices = first = 0
    for scene, origin in zip(scenes, origins, strict=True):
        exact = scene.points.astype(np.float64) + origin
        moved = exact.astype(np.float32)
        rounding = max(rounding, float(np.abs(moved - exact).max()))
        points, triangles = weld(moved, scene.triangles)
        parts.append(points)
        faces.append(triangles + np.int32(vertices))
        ranges.append((first, first + len(triangles)))
        boxes.append((points.min(axis=0), points.max(axis=0)))
        vertices, first = vertices + len(points), first + len(triangles)
    return AtlasMesh(
        np.concatenate(parts), np.concatenate(faces), np.array(ranges), np.array(boxes, np.float64), rounding
    )


def write_atlas(
    directory: Path,
    mesh: AtlasMesh,
    material: PhysicsMaterial,
    classes: Sequence[str],
    origin: dict[str, Any],
    looks: Sequence[Look],
) -> tuple[str, ...]:
    """Write the three layers into `directory`; return their names.

    Args:
        directory: an existing folder.
        mesh: what everything collides with.
        material: of the mesh as a whole; several on one mesh would keep PhysX on the CPU.
        classes: labels of the mesh.
        origin: how the colliders were made and how far they are off, for the mesh's custom data.
        looks: Gaussians to show in the variant "particleField"; without any there is no such variant.
    """

    def fill_colliders(layer: Sdf.Layer) -> None:
        world = define(layer, ROOT_NAME, "Xform")
        prim = author_mesh(define(world, COLLISION_ROOT, "Scope"), ENVIRONMENT_NAME, mesh.points, mesh.triangles)
        prim.SetInfo("customData", {"lyra": origin})
        make_collider(prim, classes, Approximation.MESH)
        bind(prim, Materials(define(world, MATERIALS_NAME, "Scope")).of((), material, own=False))

    write_layer(directory / FILE_NAME, ROOT_NAME, fill_colliders)
    settings = RENDER_SETTINGS if looks else {}
    write_layer(directory / ATLAS_FILE, ROOT_NAME, lambda layer: _fill(layer, looks), render_settings=settings)
    return (ATLAS_FILE, FILE_NAME, *write_stage(directory, settings, scene=ATLAS_FILE))


def _fill(layer: Sdf.Layer, looks: Sequence[Look]) -> None:
    world = define(layer, ROOT_NAME, "Xform")
    world.kind = "assembly"
    world.referenceList.prependedItems.append(Sdf.Reference(f"./{FILE_NAME}"))
    define(world, VISUAL_NAME, "Scope")
    world.variantSetNameList.prependedItems.append(APPEARANCE_SET)
    world.variantSelections[APPEARANCE_SET] = NO_VARIANT
    variants = Sdf.VariantSetSpec(world, APPEARANCE_SET)
    Sdf.VariantSpec(variants, NO_VARIANT)
    if looks:
        shown = Sdf.VariantSpec(variants, FIELD_VARIANT).primSpec
        visual = Sdf.PrimSpec(shown, VISUAL_NAME, Sdf.SpecifierOver)
        for look in looks:
            _show(visual, look)


def _show(visual: Sdf.PrimSpec, look: Look) -> None:
    """Refer to the Gaussians of a tile, where the tile is."""
    tile = define(visual, look.prim_name, "Xform")
    attribute(tile, "xformOp:translate", _Types.Double3, Gf.Vec3d(*look.origin))
    attribute(tile, "xformOpOrder", _Types.TokenArray, Vt.TokenArray(["xformOp:translate"]), uniform=True)
    gaussians = define(tile, PRIM_NAME, "")
    gaussians.referenceList.prependedItems.append(Sdf.Reference(look.file))

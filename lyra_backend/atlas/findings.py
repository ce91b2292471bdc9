"""What is not as it should be of an atlas, in words and numbers; nothing where all is well."""

from __future__ import annotations

from collections.abc import Sequence

from ..types import Finding, Severity
from .layout import Layout
from .options import AtlasOptions

__all__ = ["judged"]

#: Numbers of 32 bits that lie so far out that they are coarser than this [m] are told of.
_ROUNDING_M = 0.0005

Found = tuple[Finding, ...]


def judged(layout: Layout, shown: int, options: AtlasOptions) -> Found:
    """Return what is to be said of a layout of whose scenes `shown` have Gaussians to show."""
    first = layout.welded[0].material
    rows = list(zip(layout.names, layout.welded, layout.spawns, strict=True))
    return (
        *_triangles(len(layout.mesh.triangles), options.max_triangles),
        *_rounding(layout.mesh.rounding_m),
        *_other_materials([name for name, scene, _ in rows if scene.material != first]),
        *_bodies_left_out(sum(scene.body_count for scene in layout.welded)),
        *_no_spawn([name for name, _, points in rows if not len(points)], options.clearance_m),
        *_no_gaussians(len(rows) - shown, len(rows)),
    )


def _triangles(count: int, most: int) -> Found:
    """Tell of more triangles in all than are wanted."""
    if count <= most:
        return ()
    message = (
        f"The mesh has {count:,} triangles, more than {most:,}: engines cook it for long. Take fewer scenes, or "
        "generate them with fewer triangles (collide.max_triangles)."
    )
    return (Finding("atlas.triangles", Severity.WARNING, message, count, most),)


def _rounding(moved_m: float) -> Found:
    """Tell of vertices that moved because they lie far out."""
    if moved_m <= _ROUNDING_M:
        return ()
    message = f"Vertices moved by up to {1000 * moved_m:.2g} mm: tiles lie too far out for numbers of 32 bits."
    return (Finding("atlas.rounding", Severity.WARNING, message, moved_m, _ROUNDING_M),)


def _other_materials(names: Sequence[str]) -> Found:
    """Tell of scenes, by name, whose material is not that of the first."""
    if not names:
        return ()
    message = (
        f"{len(names)} scenes have another friction or bounce than the first, such as {names[0]}: one mesh has one "
        "material, which is that of the first. Make an atlas for each material where it matters."
    )
    return (Finding("atlas.materials", Severity.WARNING, message, len(names), 0),)


def _bodies_left_out(count: int) -> Found:
    """Tell of bodies that move."""
    if not count:
        return ()
    message = f"{count} bodies that move are left out: an atlas is one mesh, and environments would share them."
    return (Finding("atlas.bodies_left_out", Severity.WARNING, message, count, 0),)


def _no_spawn(names: Sequence[str], radius_m: float) -> Found:
    """Tell of scenes, by name, in which there is no place to start."""
    message = f"There is no free place to start, {radius_m:g} m in radius and 1 m high; try a smaller --clearance."
    return tuple(Finding("atlas.no_spawn", Severity.ERROR, message, 0, 1, name) for name in names)


def _no_gaussians(count: int, total: int) -> Found:
    """Tell of scenes that show nothing, where others do."""
    if not 0 < count < total:
        return ()
    message = f"{count} of {total} scenes have no particle fields that can be reached, and show nothing."
    return (Finding("atlas.no_gaussians", Severity.INFO, message, count, 0),)

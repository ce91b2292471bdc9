"""What is said about a collider: findings in words that a person understands."""

from __future__ import annotations

from ..types import Finding, Severity
from ._scan.bounds import Fit
from ._scan.hollows import Hollow
from ._scan.lattice import Grid
from ._scan.views import View

__all__ = [
    "coarsened",
    "floor_over_cameras",
    "hazy",
    "kerb_built",
    "no_floor",
    "no_surface",
    "over_limit",
    "size",
    "straightened",
    "too_coarse",
    "too_small",
    "unseen_side",
    "view",
    "walls_in_the_air",
]


def no_surface(why: str, measured: float, limit: float) -> Finding:
    """Nothing to collide with was found."""
    return Finding("collide.no_surface", Severity.ERROR, why, measured, limit)


def too_small(extent_m: float, least_m: float) -> Finding:
    """The scene is no larger than a few voxels."""
    text = (
        f"The scene is {extent_m:.2g} m across; nothing in less than {least_m:.2g} m can be told apart, so no collider "
        "was made. Is the unit of the splat really what was said? Give metres per unit with --scale, or use smaller "
        "voxels (collide.voxel_size)."
    )
    return Finding("collide.too_small", Severity.ERROR, text, float(extent_m), float(least_m))


def too_coarse(grid: Grid, wanted_m: float, limit_m: float) -> Finding:
    """Voxels had to grow beyond what robots are large."""
    x, y, z = (n * grid.voxel_size for n in grid.shape)
    text = (
        f"The scene spans {x:.0f} x {y:.0f} x {z:.0f} m, for which voxels would have to be {grid.voxel_size:.3g} m "
        f"instead of {wanted_m:g} m. Beyond {limit_m:g} m no collider is made: it would have no steps, doors or "
        "furniture. Is the scale right (--scale)? Else cut the scene, or allow for more with --memory-limit."
    )
    return Finding("collide.too_coarse", Severity.ERROR, text, grid.voxel_size, limit_m)


def no_floor(ground_m2: float, standing_m2: float, least_m2: float) -> Finding:
    """There is surface, but none to stand on."""
    text = (
        f"No floor was found: {ground_m2:.2f} m2 of surface are reached from above, {standing_m2:.2f} m2 of it are "
        f"less steep than 39 degrees, wide enough for a foot, thin, and have headroom; {least_m2:g} m2 are "
        "needed (collide.min_floor). No collider was made. Check which way is up (of a splat: --up), the scale "
        "(--scale), and whether the scene shows a floor."
    )
    return Finding("collide.no_floor", Severity.ERROR, text, round(standing_m2, 3), least_m2)


def walls_in_the_air(hanging_m2: float, walls_m2: float, limit: float) -> Finding:
    """What was taken for the floor is a roof, a ceiling or the top of an object."""
    share = hanging_m2 / walls_m2
    text = (
        f"No floor was found: {100 * share:.0f} % of {walls_m2:.1f} m2 of walls end in the air below what looks like a "
        "floor, so that is a roof, a ceiling or the top of an object, seen from the wrong side. No collider was made. "
        "Check which way is up (of a splat: --up), scan the ground as well, or allow it with collide.max_hanging=1."
    )
    return Finding("collide.inside_out", Severity.ERROR, text, round(share, 4), limit)


def lone_plane(relief_m: float, limit_m: float) -> Finding:
    """One plane and nothing else."""
    text = (
        "No floor was found: there is a single plane (all surface is within "
        f"{1000 * relief_m:.0f} mm of it), nothing stands on it and no camera was above it, so it may be a floor, "
        "a ceiling or a wall that lies. No collider was made. If it is ground, say so with collide.lone_plane=true."
    )
    return Finding("collide.lone_plane", Severity.ERROR, text, round(relief_m, 4), limit_m)


def floor_over_cameras(buried: int, cameras: int) -> Finding:
    """The cameras say that what was taken for the floor is above their heads."""
    text = (
        f"No floor was found: {buried} of {cameras} cameras are below what looks like one, so that is a ceiling, and "
        "the Gaussians show nothing under it. No collider was made. Check which way is up (of a splat: --up)."
    )
    return Finding("collide.inside_out", Severity.ERROR, text, round(buried / cameras, 4), 0.5)


def coarsened(fit: Fit, wanted_m: float, automatic: bool) -> Finding:
    """The scene is too large for the wanted voxels."""
    grid = fit.grid
    x, y, z = (n * grid.voxel_size for n in grid.shape)
    limit = f"{fit.limit_gb:.3g} GB" + (", half of what is installed but at most 8" if automatic else "")
    text = (
        f"The scene spans {x:.0f} x {y:.0f} x {z:.0f} m. Voxels of {wanted_m:g} m as asked for would take about "
        f"{fit.wanted_gb:.2g} GB of memory; the limit is {limit}. They were coarsened to "
        f"{grid.voxel_size:.3g} m (about {fit.used_gb:.2g} GB): gaps up to that width are closed. --memory-limit "
        "allows for more; or collide parts of the scene."
    )
    return Finding("collide.coarsened", Severity.WARNING, text, round(grid.voxel_size, 4), wanted_m)


def over_limit(fit: Fit) -> list[Finding]:
    """Return what is to be said about a memory limit below what any run takes."""
    if fit.used_gb <= fit.limit_gb:
        return []
    text = (
        f"The memory limit of {fit.limit_gb:.3g} GB could not be kept: this run takes about {fit.used_gb:.2g} GB, as "
        "the program with its libraries and the Gaussians leave no room below the limit for the smallest lattice."
    )
    return [Finding("collide.memory", Severity.WARNING, text, round(fit.used_gb, 3), round(fit.limit_gb, 3))]


def view(seen: View, grid: Grid) -> Finding:
    """A mirror or a window."""
    hole = seen.opening
    width, height = (hole.box[1] - hole.box[0]) * grid.voxel_size
    where = ", ".join(f"{value:.2f}" for value in grid.to_world(hole.places(0.0).mean(axis=0))) + " m"
    size = f"{width:.1f} x {height:.1f} m, {max(0.0, hole.sill_m):.1f} m above the floor"
    area = round(float(len(hole.cells) * grid.voxel_size**2), 3)
    if seen.mirror and not seen.closed:
        text = (
            f"Behind a doorway ({size}) lies the room once more, turned over: a mirror, or a room just as deep that "
            "was only seen through the door. It was left open; if it is a mirror, robots can drive into it."
        )
    elif seen.mirror:
        text = (
            f"A mirror ({size}): {100 * seen.repeated:.0f} % of what is seen in it is in the room before it. The "
            f"{seen.beyond_m2:.1f} m2 of surface in it were left out and it was closed; collide.close_mirrors=false "
            "keeps them."
        )
    else:
        beyond = f"the {seen.beyond_m2:.1f} m2 of surface beyond were only seen through it" if seen.beyond_m2 else ""
        text = (
            f"A window or a hole in a wall ({size}): {beyond or 'nothing is known of what is beyond'}. It was closed "
            "by a pane, and what lies beyond is no free space; collide.close_windows=false opens it."
        )
    return Finding(f"collide.{'mirror' if seen.mirror else 'window'}", Severity.WARNING, text, area, 0.0, where)


def unseen_side(hollow: Hollow) -> Finding:
    """A side of a solid that no Gaussians show."""
    text = (
        f"No Gaussians show one side ({hollow.area_m2:.2f} m2) of a solid whose inside ({hollow.volume_m3:.2f} m3) "
        "would count as free space. It was closed; collide.close_unseen=false opens it."
    )
    where = ", ".join(f"{value:.2f}" for value in hollow.centre) + " m"
    return Finding("collide.unseen_side", Severity.INFO, text, round(hollow.area_m2, 3), 0.0, where)


def hazy(share: float, limit: float) -> Finding:
    """The cloud is hazy and nothing could be done about it."""
    text = (
        f"{100 * share:.0f} % of the surface is thicker than two voxels: its Gaussians scatter around it, and the "
        "collider is as rough as they are. No planes were seen to straighten it; clean the splat first."
    )
    return Finding("collide.hazy", Severity.WARNING, text, round(share, 4), limit)


def straightened(share: float, limit: float, planes: int, spread_m: float, closed_m2: float) -> Finding:
    """The cloud was hazy and was moved onto planes."""
    text = (
        f"{100 * share:.0f} % of the surface is thicker than two voxels: its Gaussians scatter around it. Those near "
        f"{planes} planes were moved onto them (what is seen scatters by {100 * spread_m:.1f} cm), and {closed_m2:.1f} "
        "m2 without Gaussians, which no view looks through, were closed. What is not flat stays as rough as the splat."
    )
    return Finding("collide.straightened", Severity.WARNING, text, round(share, 4), limit)


def kerb_built(length_m: float, height_m: float) -> Finding:
    """A wall was built that the splat does not show."""
    text = (
        f"An invisible wall {height_m:g} m high was built along {length_m:.1f} m where open ground ends, so "
        "that nothing rolls off the world; collide.kerb_height=0 leaves it out."
    )
    return Finding("collide.kerb", Severity.INFO, text, round(float(length_m), 2))


def size(triangles: int, limit: int) -> list[Finding]:
    """Return what is to be said about the number of triangles."""
    if triangles <= limit:
        return []
    text = (
        f"The collider has {triangles} triangles; above {limit} engines load and step slowly. The "
        "surface is noisy or large: use larger voxels or a larger tolerance."
    )
    return [Finding("collide.triangles", Severity.WARNING, text, float(triangles), float(limit))]

"""What is said about a collider: findings in words that a person understands."""

from __future__ import annotations

from ..types import Finding, Severity
from ._scan.bounds import Fit

__all__ = ["coarsened", "hazy", "kerb_built", "no_surface", "size", "straightened"]


def no_surface(why: str) -> Finding:
    """Nothing to collide with was found."""
    return Finding("collide.no_surface", Severity.ERROR, why, 0.0, 1.0)


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
    if fit.used_gb > fit.limit_gb:
        text += " The Gaussians alone leave no room below the limit, so it could not be kept."
    return Finding("collide.coarsened", Severity.WARNING, text, round(grid.voxel_size, 4), wanted_m)


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

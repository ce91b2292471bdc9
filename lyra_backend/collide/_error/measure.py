"""How far the collider is from the surface its Gaussians show, and where it is open or stands in the way.

Nothing here knows the truth: the surface comes from the Gaussians (`fitted`) and from what is seen of them
(`views`), and what they do not tell is part of the stated error.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...types import Finding, GaussianCloud
from .._scan.free_space import FreeSpace
from .._scan.lattice import Grid
from .figures import Figures
from .fitted import FittedSurface, fit_gaussians, fit_haze
from .floor import measure_floor
from .gauge import gauge
from .judged import FEW_PLACES, judged, unmeasured
from .leaks import find_leaks
from .on_purpose import OnPurpose
from .rays import thin_wall_crossings, view_figures
from .room import look_into
from .views import Seen, eye_points, look_around

__all__ = ["Measurement", "measure_collider"]

Number = int | float
Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.integer]

_VIEWS = 8
_EYES_AROUND = 6  # of the eyes, those that look all ways where Gaussians are haze
_EXPLAINED = 0.5  # share of what is seen that must be near the flat Gaussians' surface


@dataclass(frozen=True)
class Measurement:
    """What was measured.

    Attributes:
        error_m: lengths [m]. `median`, `p95`: estimates of how far half, and 95 %, of the true surface that can be
            reached is from the collider. `signed_median`, `ray_p95`: the collider against the depth at which the
            Gaussians turn opaque, seen from robot height; signed along its normal, > 0 where it stands before them.
            `floor_peak_to_peak`, `floor_p95`: heights over the floor's plane, left out if there is none. Empty if
            nothing could be measured.
        figures: what is no length, by unit ("share", "count", "m2", "1/m2") and name, see `Figures.by_unit`.
        counts: the same for the report, with the unit in the name.
        findings: what is worth telling.
    """

    error_m: dict[str, float]
    figures: dict[str, dict[str, Number]]
    counts: dict[str, Number]
    findings: tuple[Finding, ...]


def measure_collider(
    cloud: GaussianCloud,
    free: FreeSpace,
    grid: Grid,
    vertices: Floats,
    triangles: Ints,
    max_error_p95: float,
    on_purpose: OnPurpose | None = None,
) -> Measurement:
    """Measure a mesh, wound towards free space, against the Gaussians it was made of.

    Args:
        cloud: the Gaussians as they came, before anything moved them, frame WORLD.
        free: what can be reached.
        grid: the lattice of `free`.
        vertices, triangles: the mesh [m], (V, 3) and (F, 3).
        max_error_p95: largest error [m] that is no warning.
        on_purpose: what stands where no Gaussians are and is no phantom.
    """
    from ...kernels.mesh_distance import MeshTree

    eyes = eye_points(free, grid, _VIEWS)
    seen = look_around(cloud, eyes, all_ways=False)
    surface = _surface(cloud, free, grid, eyes, seen)
    if len(surface.points) < FEW_PLACES or not len(triangles):
        return Measurement({}, {}, {}, (unmeasured(len(surface.points)),))
    mesh = MeshTree(vertices, triangles)
    state = gauge(surface, mesh)
    if not np.isfinite(state.p95):
        return Measurement({}, {}, {}, (unmeasured(int((~state.stray).sum()), int(state.stray.sum())),))
    low, high = surface.points.min(axis=0) - 0.5, surface.points.max(axis=0) + 0.5
    room = look_into(free, grid, mesh)
    found = Figures(
        surface,
        state,
        view_figures(seen, surface, state.stray, mesh, on_purpose),
        thin_wall_crossings(surface, state.stray, free, grid, mesh),
        find_leaks(eyes, low, high, mesh, free, grid, room, on_purpose),
        measure_floor(surface, free, grid, mesh, room),
    )
    return Measurement(found.lengths, found.by_unit, found.counts, tuple(judged(found, max_error_p95)))


def _surface(cloud: GaussianCloud, free: FreeSpace, grid: Grid, eyes: Floats, seen: Seen) -> FittedSurface:
    """Fit to flat Gaussians; to what is seen as well where they are haze or too few."""
    surface = fit_gaussians(cloud, free, grid)
    if surface.explains(seen.points[seen.with_normal]) >= _EXPLAINED and not surface.is_hazy:
        return surface
    around = look_around(cloud, eyes[:_EYES_AROUND], all_ways=True)
    width = float(np.median(cloud.wide_scales[0]))
    return fit_haze(cloud, around, free, grid, surface.width if surface.is_hazy else width)

"""What the numbers of findings are measured in: the measured value and its limit always in the same unit.

Codes are those of this package's own findings; findings of other packages' plugins name their unit themselves.
"""

from __future__ import annotations

__all__ = ["SHARE", "unit_of"]

#: A fraction from 0 to 1.
SHARE = "share"

#: Unit -> codes.
_CODES = {
    "m": "atlas.rounding author.half_precision collide.coarsened collide.convex_error collide.error_p95 "
    "collide.floor_rough "
    "collide.hull_thickened collide.kerb collide.lone_plane collide.moving collide.object_error "
    "collide.supplied_distance collide.supplied_floor collide.too_coarse collide.too_small depth.median depth.p95 "
    "field.extent_small gaussians.extent lyra.depth_unit physics.body_drift physics.penetration robots.penetration "
    "robots.short_ways robots.stance refine.floor_height "
    "refine.no_floor_plane rgbd.depth_unit usd.meters_per_unit author.nurec_precision "
    "place.coarse scale.short_ruler",
    "m2": "collide.mirror collide.no_floor collide.overhangs collide.rolling_ground collide.unseen_side collide.window "
    "physics.floor_area "
    "place.no_space place.storeys",
    "m/s": "physics.body_speed",
    "GB": "collide.memory",
    "dB": "author.level_error",
    "MB": "author.train_size",
    "kg": "usd.kilograms_per_unit",
    "%": "scale.disagreement scale.ruler_things scale.uncertain scale.uncertainty",
    "deg": "gravity.disagreement gravity.uncertain gravity.uncertainty lyra.lens_assumed refine.floor_tilt "
    "robots.stance_tilt",
    "Hz": "lyra.video_jerky",
    "s": "lyra.video_cut lyra.video_slow",
    SHARE: "collide.floor_missing collide.floor_steps collide.hazy collide.holes collide.inside_out collide.phantom "
    "collide.rays_missing collide.straightened collide.supplied_far collide.supplied_missing "
    "collide.supplied_winding collide.thin_walls collider.degenerate collider.uncovered "
    "gaussians.below_floor gaussians.faint gaussians.fog gaussians.huge gaussians.needles "
    "light.brightness_assumed light.estimated light.no_key lyra.camera_shakes lyra.cropped lyra.depth_holes "
    "physics.back_faces physics.crossed physics.fallen physics.floating "
    "physics.floor_holes physics.held physics.jitter physics.outside physics.solid physics.surface_moved "
    "physics.tunnelled physics.wall_back_faces robots.not_reached refine.dropped_share "
    "rgbd.beyond_max_depth rgbd.little_depth "
    "gravity.up_axis sequence.background sequence.no_background",
    "ratio": "collider.friction field.orientation_norm gaussians.outliers",
    "count": "atlas.ball_left atlas.bodies_left_out atlas.materials atlas.no_gaussians atlas.no_spawn "
    "atlas.triangles collide.clipped collide.leak collide.moving_left_out collide.no_surface collide.object_fixed "
    "collide.pieces collide.supplied_uncompared collide.triangles collide.unmeasured collider.indices "
    "collider.not_finite collider.size collider.topology field.length field.not_finite field.opacity_range "
    "field.scale_not_positive field.sh_length gaussians.count light.unknown physics.carried_missed "
    "physics.engine_errors physics.missing_colliders physics.no_space physics.over_edge robots.crossed "
    "robots.engine_errors robots.fell prompt.not_placed "
    "prompt.not_understood refine.empty sequence.held sequence.still splat.clamped_scales splat.flat "
    "splat.non_finite "
    "splat.zero_quaternions author.divided author.robots_left_out place.few_starts place.no_start place.no_tasks "
    "vary.few_places vary.moving vary.unstable vary.ways_blocked",
    "stumbles/10 m": "robots.stumbled",
    "SH degree": "field.sh_degree splat.reduced",
}
_UNITS = {code: unit for unit, codes in _CODES.items() for code in codes.split()}


def unit_of(code: str) -> str:
    """Return the unit of the numbers of findings with this code, "" if it is not known."""
    return _UNITS.get(code, "")

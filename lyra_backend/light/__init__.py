"""Light: what surrounds a robot in a scene, and the sun and lamps that its Gaussians were seen under.

Does: estimate sky, sun and lamps from how surfaces are shaded (`sources`, `shading`), picture the surroundings of a
place as linear radiance (`environment`).
Does not: change the Gaussians, whose light is baked in, or author lights. A generator that knows its light is believed.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ..params import param
from ..progress import Progress
from ..render import standing_places
from ..types import Bulb, Finding, GaussianCloud, Generation, LightEstimate, Outcome, SceneLight, Severity
from .environment import look_around
from .sources import LUMINANCE, SKY_SHARE_MIN, Source, find_sources
from .surfels import occluders, visible_surfels

__all__ = ["Params", "run"]

_log = logging.getLogger(__name__)

Floats = npt.NDArray[Any]
Triple = tuple[float, float, float]

#: The stream of random numbers this stage takes from the seed.
_STREAM = 8_101
#: With fewer surface points in sight nothing can be said about light.
_SURFELS_MIN = 200
#: Ground that is farther from z = 0 is not the floor [m].
_FLOOR_M = 2.0
#: With more of the light from a sky and a sun that are not in sight, their brightness is that of usual exposure.
_UNSEEN_MAX = 0.5
#: Gaussians darker than this reflect no light that could be told from noise, sRGB.
_BLACK = 0.02


@dataclass(frozen=True)
class Params:
    """From where the surroundings are seen, and how light is looked for."""

    estimate: bool = param(True, "look for sun, sky and lamps where the generator does not know them")
    height: float = param(0.6, "height over the floor from which the surroundings are seen", unit="m", min=0.05, max=10)
    resolution: int = param(64, "height of the picture of the surroundings", unit="px", min=16, max=1024)
    surfels: int = param(2500, "surface points whose shading is looked at", min=500, max=20_000)
    min_gain: float = param(
        0.08, "sun and lamps that explain less than this share of the shading are not believed", min=0.0, max=1.0
    )


def run(generation: Generation, seed: int, params: Params, progress: Progress) -> Outcome[LightEstimate]:
    """Estimate what lights a scene in the WORLD frame; a scene that is empty or black has a finding instead."""
    cloud = generation.cloud
    if not cloud.count or float(cloud.base_colors.max()) < _BLACK:
        return Outcome(LightEstimate(generation.light), {}, (_nothing_to_see(cloud),))
    progress(0.0, "looking for a place to stand")
    eyes = _eyes(generation, params.height)
    found: Outcome[SceneLight | None] = Outcome(generation.light)
    if found.value is None and params.estimate:
        found = _estimated(cloud, eyes, seed, params, progress.child(0.1, 0.8))
    light = found.value
    progress(0.8, "looking around")
    environment = look_around(cloud, eyes[0], params.resolution, None if light is None else np.asarray(light.sky))
    counts = {**found.counts, "surroundings_seen": round(float(environment.seen.mean()), 3)}
    progress(1.0, "light is known" if light else "light is not known")
    return Outcome(LightEstimate(light, environment), counts, found.findings)


def _eyes(generation: Generation, height: float) -> Floats:
    """Return places in free space (E, 3) [m], the robot's first: above the floor, which is at z = 0, or at cameras."""
    cameras = generation.cameras
    places = standing_places(generation.cloud, height, cameras)
    floor = places[: len(places) - len(cameras)]
    # A sky of Gaussians has free floor too, but nobody stands there.
    near = floor[np.abs(floor[:, 2] - height) < _FLOOR_M]
    chosen = np.concatenate([near, places[len(floor) :]])
    return (chosen if len(chosen) else places).astype(np.float32)


def _estimated(
    cloud: GaussianCloud, eyes: Floats, seed: int, params: Params, progress: Progress
) -> Outcome[SceneLight | None]:
    progress(0.0, "looking for lit surfaces")
    blockers = occluders(cloud)
    if blockers is None:
        return Outcome(None, {"surfels": 0}, (_too_little(0),))
    surfels = visible_surfels(cloud, blockers, eyes, params.surfels, np.random.default_rng([seed, _STREAM]))
    if len(surfels) < _SURFELS_MIN:
        return Outcome(None, {"surfels": len(surfels)}, (_too_little(len(surfels)),))
    progress(0.2, f"looking for what lights {len(surfels)} of them")
    sources = find_sources(surfels, blockers, eyes)
    _log.info("light: %d surfels -> %d sources, gain %.3f", len(surfels), len(sources.found), sources.gain)
    believed = sources.gain >= params.min_gain
    open_sky = sources.sky_share > SKY_SHARE_MIN
    # Gaps in a closed room are no sky: what is seen around them fills them.
    sky = sources.sky if open_sky else surfels.radiance.mean(axis=0)
    pairs = list(zip(sources.found, sources.strength, strict=True)) if believed else []
    light = _scene_light(sky, pairs)
    counts = {"surfels": len(surfels), "suns": int(any(light.sun)), "lamps": len(light.bulbs)}
    findings = [_found(light, sources.gain) if pairs else _no_key(sources.gain, params.min_gain)]
    if open_sky and sources.unseen_share > _UNSEEN_MAX:
        findings.append(_brightness_assumed(sources.unseen_share))
    return Outcome(light, counts, tuple(findings))


def _scene_light(sky: Floats, pairs: Iterable[tuple[Source, Floats]]) -> SceneLight:
    """Return the light as a noun: the sun, if there is one, and lamps, the strongest first."""
    ordered = sorted(pairs, key=lambda pair: -float(pair[1] @ LUMINANCE))
    bulbs = tuple(Bulb(_triple(s.position), _triple(v)) for s, v in ordered if s.position is not None)
    light = SceneLight(_triple(_encoded(sky)), _triple(sky), bulbs=bulbs)
    for source, strength in ordered:
        if source.direction is not None:
            direction = _triple(source.direction)
            return replace(light, sun=_triple(strength), sun_direction=direction, sun_angle_deg=float(source.angle_deg))
    return light


def _encoded(linear: Floats) -> Floats:
    """Return sRGB of linear RGB, clipped to what a picture can show (IEC 61966-2-1)."""
    clipped = np.clip(linear, 0.0, 1.0)
    return np.where(clipped <= 0.0031308, 12.92 * clipped, 1.055 * clipped ** (1 / 2.4) - 0.055)


def _triple(values: Floats) -> Triple:
    x, y, z = (round(float(v), 6) for v in values)
    return x, y, z


def _found(light: SceneLight, gain: float) -> Finding:
    x, y, z = light.sun_direction
    parts = []
    if any(light.sun):
        height, turn = np.degrees(np.arcsin(np.clip(z, -1, 1))), np.degrees(np.arctan2(y, x))
        parts.append(f"a sun {height:.0f} degrees high, {turn:.0f} degrees from +X towards +Y")
    if light.bulbs:
        parts.append(f"{len(light.bulbs)} lamps")
    message = f"The scene seems to be lit by {' and '.join(parts)}; this explains {gain:.0%} of its shading."
    return Finding("light.estimated", Severity.INFO, message, gain)


def _no_key(gain: float, limit: float) -> Finding:
    message = (
        f"No sun or lamp explains more than {gain:.1%} of the shading, so the stage is lit by the surroundings alone: "
        "the scene has even light, or shows too few shadows to tell."
    )
    return Finding("light.no_key", Severity.WARNING, message, gain, limit)


def _brightness_assumed(share: float) -> Finding:
    message = (
        f"{share:.0%} of the light on surfaces comes from sky and sun that the Gaussians do not show, so how bright "
        "these are follows from usual exposure and paint, often wrong by a fifth and at times by a third. Where robots "
        "look too bright or too dark, change inputs:exposure of the stage's lights."
    )
    return Finding("light.brightness_assumed", Severity.INFO, message, share, _UNSEEN_MAX)


def _too_little(count: int) -> Finding:
    message = (
        f"Only {count} points of flat, opaque, neither black nor burnt-out surface are in sight, too few to estimate "
        "the light from; sun and lamps stay unknown and the stage gets ordinary daylight."
    )
    return Finding("light.unknown", Severity.WARNING, message, count, _SURFELS_MIN)


def _nothing_to_see(cloud: GaussianCloud) -> Finding:
    what = "shows nothing but black" if cloud.count else "has no Gaussians"
    message = f"The scene {what}, so nothing can be said about its light; the stage gets ordinary daylight."
    return Finding("light.unknown", Severity.WARNING, message, 0, _SURFELS_MIN)

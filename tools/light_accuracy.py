"""Hold estimated light against light that is known: scenes of the procedural generator, forgotten light and all.

    python tools/light_accuracy.py                              all families, seed 0
    python tools/light_accuracy.py street terrain --seeds 3     some of them, several suns and layouts
    python tools/light_accuracy.py street --sky                 with the sky in sight, as a sphere of Gaussians
    python tools/light_accuracy.py street --first-seed 20       layouts nobody has looked at
    python tools/light_accuracy.py street --word evening        under the light that a word of the prompt stands for
    python tools/light_accuracy.py --physical                   lit by radiosity instead of as the generator does it

Physical light is the one to judge physics by: the generator's rays end after a few metres (`tools/radiosity.py`).

For each scene: the angle between the estimated and the true sun, and between the directions most light comes from (the
sum of a ball's normals, weighted by their light; what counts indoors, where many lamps hang); and a grey ball where the
robot stands, lit by the estimate and by the truth: the error of its mean colour, relative to the true one, of its
brightness and of its hue alone, with brightness made equal. Prints a Markdown table, medians and worst values.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

sys.path.insert(0, str(Path(__file__).resolve().parent))

from radiosity import Radiosity

from lyra_backend import light
from lyra_backend.generate.procedural.compose import compose
from lyra_backend.generate.procedural.elements import Composition, Lighting
from lyra_backend.generate.procedural.sample import ball_light, gaussians_from
from lyra_backend.generate.procedural.surface import surface_from
from lyra_backend.light.environment import irradiance
from lyra_backend.light.sources import LUMINANCE, Source
from lyra_backend.light.surfels import occluders
from lyra_backend.progress import Progress
from lyra_backend.types import Frame, GaussianCloud, Generation, LightEstimate
from lyra_backend.types.rotations import SH_C0, quat_from_matrix

Floats = npt.NDArray[np.floating]

FAMILIES = (
    "street",
    "terrain",
    "living_room",
    "bedroom",
    "kitchen",
    "bathroom",
    "office",
    "corridor",
    "warehouse",
    "workshop",
)
KEY_GOAL_DEG, BALL_GOAL = 20.0, 0.10
GAUSSIANS = 150_000
SKY_RADIUS_M, SKY_GAUSSIANS = 40.0, 4_000


@dataclass(frozen=True)
class Row:
    """Errors of one scene: of the sun or None, of the direction of most light [deg], of the ball's colour, brightness
    (signed: -0.2 is a fifth too dark) and hue."""

    scene: str
    sun_deg: float | None
    light_deg: float
    ball: float
    brightness: float
    hue: float


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("families", nargs="*", metavar="FAMILY", help=", ".join(FAMILIES))
    parser.add_argument("--seeds", type=int, default=1, help="layouts and suns of each family")
    parser.add_argument("--first-seed", type=int, default=0, help="the first of the seeds")
    parser.add_argument("--word", default="", help="a word for the light, such as evening or overcast")
    parser.add_argument("--physical", action="store_true", help="light the scenes by radiosity")
    parser.add_argument("--sky", action="store_true", help="show the sky as Gaussians")
    options = parser.parse_args()
    unknown = set(options.families) - set(FAMILIES)
    if unknown:
        parser.error(f"unknown families {', '.join(sorted(unknown))}; known: {', '.join(FAMILIES)}")
    rows = []
    print("| scene | sun [deg] | most light [deg] | grey ball | its brightness | its hue |\n|---|---|---|---|---|---|")
    for family in options.families or FAMILIES:
        for seed in range(options.first_seed, options.first_seed + options.seeds):
            rows.append(measure(family, seed, options.sky, options.physical, options.word))
            print(_line(rows[-1]), flush=True)
    print(_summary(rows))
    return 0


def measure(family: str, seed: int, with_sky: bool, physical: bool = False, word: str = "") -> Row:
    """Make a scene, estimate its light from the Gaussians alone, and compare."""
    made = compose(f"a {family.replace('_', ' ')} {word}".strip(), seed, 0.3, family)
    scene = _Known.of(made, seed, physical)
    cloud = replace(scene.cloud, frame=Frame.WORLD, class_ids=None, class_names=("unknown",))
    if with_sky:
        cloud = GaussianCloud.concatenate([cloud, _sky(scene.exposure * np.asarray(made.lighting.ambient))])
    found = light.run(Generation(cloud, made.cameras), seed, light.Params(), Progress()).value
    if found.environment is None:
        raise SystemExit(f"{family} {seed}: nothing around the robot; the scene is empty")
    place, normals = found.environment.place.astype(np.float64), _sphere(300)
    true = scene.exposure * scene.ball(place, normals)
    shown = _lit(found, cloud, normals)
    means = shown.mean(axis=0), true.mean(axis=0)
    hue = means[0] * (means[1].sum() / means[0].sum())
    return Row(
        " ".join(f"{family} {seed} {word}".split()),
        _sun_error(found, made.lighting),
        _angle_deg(*((normals * (v @ LUMINANCE)[:, None]).sum(axis=0) for v in (shown, true))),
        _relative(means[0], means[1]),
        float(means[0] @ LUMINANCE / (means[1] @ LUMINANCE) - 1.0),
        _relative(hue, means[1]),
    )


@dataclass(frozen=True, eq=False)
class _Known:
    """A scene of known light: how it looks, its exposure, and the light on a ball at a place by its normals."""

    cloud: GaussianCloud
    exposure: float
    ball: Callable[[Floats, Floats], Floats]

    @staticmethod
    def of(made: Composition, seed: int, physical: bool) -> _Known:
        mesh = surface_from(made.elements, seed, Progress())
        cloud, exposure = gaussians_from(mesh, made.lighting, GAUSSIANS, seed, not physical, Progress())
        if not physical:
            return _Known(cloud, exposure, lambda place, normals: ball_light(mesh, made.lighting, place, normals))
        solved = Radiosity.of(mesh, made.lighting)
        return _Known(*solved.show(cloud), solved.ball)


def _lit(found: LightEstimate, cloud: GaussianCloud, normals: Floats) -> Floats:
    """Return the light (N, 3) on a white ball at the place of the surroundings, with the shadows of the scene."""
    blockers = occluders(cloud)
    assert found.environment is not None
    out = irradiance(found.environment, normals)
    if found.light is None or blockers is None:
        return out
    lamps = [(Source(position=np.array(b.position)), b.color) for b in found.light.bulbs]
    if any(found.light.sun):
        sun = Source(direction=np.array(found.light.sun_direction), angle_deg=found.light.sun_angle_deg)
        lamps.append((sun, found.light.sun))
    points = np.repeat(found.environment.place[None], len(normals), axis=0)
    for lamp, color in lamps:
        out = out + lamp.transport(points, normals, blockers)[:, None] * np.asarray(color)
    return out


def _sun_error(found: LightEstimate, lighting: Lighting) -> float | None:
    """Return the angle between the suns [deg]; None without a sun, 180 where one is that was not found."""
    if not any(lighting.sun):
        return None
    if found.light is None or not any(found.light.sun):
        return 180.0
    return _angle_deg(np.array(found.light.sun_direction), np.array(lighting.sun_direction))


def _sky(color: Floats) -> GaussianCloud:
    """Return the upper half of a sphere of Gaussians of linear `color` (3,), as far as pictures can show it."""
    i = np.arange(SKY_GAUSSIANS) + 0.5
    z, turn = -0.02 + 1.02 * i / SKY_GAUSSIANS, np.pi * (1 + 5**0.5) * i
    ways = np.stack([np.sqrt(1 - z * z) * np.cos(turn), np.sqrt(1 - z * z) * np.sin(turn), z], axis=1)
    aside = np.cross(ways, (0.0, 0.6, 0.8))
    aside /= np.linalg.norm(aside, axis=1, keepdims=True)
    frames = np.stack([aside, np.cross(ways, aside), ways], axis=2)
    size = 0.75 * SKY_RADIUS_M * np.sqrt(2 * np.pi / SKY_GAUSSIANS)
    srgb = 1.055 * np.clip(color, 0.0, 1.0) ** (1 / 2.4) - 0.055
    return GaussianCloud(
        (SKY_RADIUS_M * ways).astype(np.float32),
        np.tile(np.array([size, size, 0.05], np.float32), (SKY_GAUSSIANS, 1)),
        quat_from_matrix(frames).astype(np.float32),
        np.full(SKY_GAUSSIANS, 0.95, np.float32),
        np.tile(((srgb - 0.5) / SH_C0).astype(np.float32), (SKY_GAUSSIANS, 1, 1)),
        Frame.WORLD,
    )


def _sphere(count: int) -> Floats:
    i = np.arange(count) + 0.5
    z, turn = 1 - 2 * i / count, np.pi * (1 + 5**0.5) * i
    return np.stack([np.sqrt(1 - z * z) * np.cos(turn), np.sqrt(1 - z * z) * np.sin(turn), z], axis=1)


def _angle_deg(a: Floats, b: Floats) -> float:
    return float(np.degrees(np.arccos(np.clip(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)), -1, 1))))


def _relative(value: Floats, truth: Floats) -> float:
    return float(np.linalg.norm(value - truth) / np.linalg.norm(truth))


def _line(row: Row) -> str:
    sun = "-" if row.sun_deg is None else f"{row.sun_deg:.1f}"
    return f"| {row.scene} | {sun} | {row.light_deg:.1f} | {row.ball:.1%} | {row.brightness:+.1%} | {row.hue:.1%} |"


def _summary(rows: list[Row]) -> str:
    """Return medians, worst values and how many scenes reach the goals."""
    columns = {
        "sun [deg]": ([r.sun_deg for r in rows if r.sun_deg is not None], KEY_GOAL_DEG),
        "most light [deg]": ([r.light_deg for r in rows], KEY_GOAL_DEG),
        "grey ball": ([r.ball for r in rows], BALL_GOAL),
        "its brightness": ([abs(r.brightness) for r in rows], BALL_GOAL),
        "its hue": ([r.hue for r in rows], BALL_GOAL),
    }
    lines = [""]
    for name, (values, goal) in columns.items():
        if values:
            good = sum(value <= goal for value in values)
            middle, worst = np.median(values), max(values)
            lines.append(f"{name}: median {middle:.3g}, worst {worst:.3g}, {good} of {len(values)} within {goal:g}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())

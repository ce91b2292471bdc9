"""Drop the same bodies on a scene's USD in PhysX and on its scene.xml in MuJoCo, and compare where they come to rest.

    python tools/mjcf_drop.py outputs/office [--collision convex] [--seconds 3]

Bodies are those of the physics check: balls of 5 cm and boxes of 20 cm, at free places above the floor, put 2 cm over
what is below them, so that none rolls far. None is put inside of furniture, where pieces may be solid or have no floor.
A body that ends more than 3 cm beside where the other engine left it has slid or rolled off something, and its height
says nothing; how many did is told.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import mujoco
import numpy as np
import numpy.typing as npt
from pxr import Sdf, Usd, UsdGeom

from lyra_backend.progress import Progress
from lyra_backend.validate.colliders import read_colliders
from lyra_backend.validate.engine_process import Job, Run, run_engine
from lyra_backend.validate.physics_stage import BODY_PREFIX, write_stage
from lyra_backend.validate.probe_bodies import BOX_HALF_SIDE, SPHERE_RADIUS, Bodies, choose_drops
from lyra_backend.validate.reachable_points import reachable_samples
from lyra_backend.validate.survey import random_stream, survey_colliders
from lyra_backend.validate.triangle_index import TriangleIndex

Floats = npt.NDArray[np.float64]

ABOVE_M = 0.02
BESIDE_M = 0.03
#: Bodies chosen for each that is wanted: some are left out.
SPARE = 6
STEPS_PER_S = 240
TIMEOUT_S = 300.0


@dataclass(frozen=True)
class Comparison:
    """Heights at rest [m] of the bodies that both engines left at the same place, and how many others there are."""

    physx: Floats
    mujoco: Floats
    bodies: int

    @property
    def apart(self) -> Floats:
        return np.abs(self.physx - self.mujoco)

    def to_json(self) -> dict[str, float]:
        apart = self.apart if len(self.apart) else np.array([np.inf])
        return {
            "bodies": self.bodies,
            "same_place": len(self.physx),
            "median_mm": round(1000 * float(np.median(apart)), 3),
            "p95_mm": round(1000 * float(np.quantile(apart, 0.95)), 3),
            "max_mm": round(1000 * float(apart.max()), 3),
            "within_1_cm": round(float((apart < 0.01).mean()), 4),
        }


def selected(run: Path, collision: str, out: Path) -> Path:
    """Write a layer over the run's stage that selects a variant of its colliders; return its path."""
    layer = Sdf.Layer.CreateNew(str(out))
    layer.subLayerPaths.append((run / "stage.usda").resolve().as_posix())
    stage = Usd.Stage.Open(layer)
    UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.z)
    UsdGeom.SetStageMetersPerUnit(stage, 1.0)
    stage.SetDefaultPrim(stage.OverridePrim("/World"))
    stage.GetPrimAtPath("/World").GetVariantSet("collision").SetVariantSelection(collision)
    layer.Save()
    return out


def boxes_are_free(positions: Floats, index: TriangleIndex) -> npt.NDArray[np.bool_]:
    """Say which boxes (N,) around `positions` (N, 3) [m] begin clear of all triangles, by 18 balls that fill them.

    What begins inside of something is pushed out of it, by each engine in its own way.
    """
    steps = np.linspace(-BOX_HALF_SIDE, BOX_HALF_SIDE, 4)
    middles = (steps[1:] + steps[:-1]) / 2
    ball = np.sqrt(3) / 2 * (steps[1] - steps[0])
    levels = np.array([ball, 2 * BOX_HALF_SIDE - ball / np.sqrt(3)]) - BOX_HALF_SIDE
    within = np.stack(np.meshgrid(middles, middles, levels), axis=-1).reshape(-1, 3)
    free = index.are_free((positions[:, None] + within).reshape(-1, 3), float(ball))
    return np.asarray(free.reshape(len(positions), -1).all(axis=1))


def chosen_bodies(file: Path, count: int) -> tuple[Bodies, tuple[str, ...]]:
    """Return bodies close above what is below them in the stage `file`, and the paths of its physics scenes."""
    colliders = read_colliders(Usd.Stage.Open(str(file)))
    survey = survey_colliders(colliders, Progress())
    if survey is None:
        raise SystemExit(f"{file.name}: has no floor to drop anything on.")
    bodies = choose_drops(survey.samples, survey.index, colliders.moving, SPARE * count, random_stream(2))
    columns = survey.samples.columns
    positions = bodies.positions.copy()
    near = np.linalg.norm(survey.samples.points[None] - positions[:, None, :2], axis=2).argmin(axis=1)
    half = np.where(bodies.box, BOX_HALF_SIDE, SPHERE_RADIUS)
    positions[:, 2] = columns.height[near] + half + ABOVE_M
    free = columns.found[near] & survey.index.are_free(positions, 0.7 * ABOVE_M + SPHERE_RADIUS)
    free &= ~bodies.box | boxes_are_free(positions, survey.index)
    free &= reachable_samples(survey)[near]
    free &= np.cumsum(free) <= count
    kept = replace(bodies, positions=positions[free], velocities=bodies.velocities[free], box=bodies.box[free])
    return kept, colliders.scenes


def in_physx(file: Path, scenes: tuple[str, ...], bodies: Bodies, seconds: float, folder: Path) -> Floats:
    """Return where the bodies are after so many seconds (N, 3) [m]."""
    usd = folder / "drop.usda"
    write_stage(file, scenes, bodies, usd)
    steps = round(seconds * STEPS_PER_S)
    run = Run("drop", str(usd), BODY_PREFIX, len(bodies.positions), steps, 1.0 / STEPS_PER_S)
    return run_engine(Job((run,)), folder, TIMEOUT_S, Progress()).traces["drop"].positions[-1]


def in_mujoco(model_file: Path, bodies: Bodies, seconds: float) -> Floats:
    """Return the same in MuJoCo."""
    spec = mujoco.MjSpec.from_file(str(model_file))
    spec.option.timestep = 0.5 / STEPS_PER_S
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    for i, (position, box) in enumerate(zip(bodies.positions, bodies.box, strict=True)):
        body = spec.worldbody.add_body(name=f"body_{i}", pos=position)
        body.add_freejoint()
        kind = mujoco.mjtGeom.mjGEOM_BOX if box else mujoco.mjtGeom.mjGEOM_SPHERE
        size = [BOX_HALF_SIDE] * 3 if box else [SPHERE_RADIUS, 0.0, 0.0]
        body.add_geom(
            type=kind, size=size, mass=2.0 if box else 0.5, condim=3 if box else 6, friction=[0.85, 0.005, 0.002]
        )
    model = spec.compile()
    data = mujoco.MjData(model)
    for _ in range(round(2 * seconds * STEPS_PER_S)):
        mujoco.mj_step(model, data)
    return np.array([data.body(f"body_{i}").xpos for i in range(len(bodies.positions))])


def compare(run: Path, collision: str, count: int, seconds: float) -> Comparison:
    """Drop bodies in both engines."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = selected(run, collision, folder / "selected.usda")
        bodies, scenes = chosen_bodies(file, count)
        one = in_physx(file, scenes, bodies, seconds, folder)
    other = in_mujoco(run / "scene.xml", bodies, seconds)
    same = np.linalg.norm(one[:, :2] - other[:, :2], axis=1) < BESIDE_M
    return Comparison(one[same, 2], other[same, 2], len(one))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+", help="directories of runs with --mjcf")
    parser.add_argument("--collision", default="single", help="variant of the colliders for PhysX")
    parser.add_argument("--bodies", type=int, default=48)
    parser.add_argument("--seconds", type=float, default=2.0)
    options = parser.parse_args()
    for run in options.runs:
        found = compare(run, options.collision, options.bodies, options.seconds)
        print(json.dumps({"scene": run.name, "collision": options.collision, **found.to_json()}))


if __name__ == "__main__":
    main()

"""PhysX with the colliders of a scene and boxes of one size in it, for `place_trials.py`."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lyra_backend.types import CollisionProxy

Floats = npt.NDArray[np.float64]

BODIES = "/Trial/Bodies/body_"
#: The step that Isaac Sim takes by default [s].
DT_S = 1 / 60


def write_stage(folder: Path, proxy: CollisionProxy, centres: Floats, quats: Floats, sides: Floats) -> Path:
    """Write colliders and boxes that fall; the boxes do not meet each other."""
    from physics_trials.engine import trial_stage
    from pxr import Gf, Usd, UsdGeom, UsdPhysics

    stage = trial_stage(folder, proxy)
    for number, (centre, quat) in enumerate(zip(centres, quats, strict=True)):
        box = UsdGeom.Cube.Define(stage, f"{BODIES}{number}")
        box.CreateSizeAttr(1.0)
        box.AddTranslateOp().Set(Gf.Vec3d(*centre))
        box.AddOrientOp().Set(Gf.Quatf(float(quat[3]), *(float(v) for v in quat[:3])))
        box.AddScaleOp().Set(Gf.Vec3f(*(float(v) for v in sides)))
        UsdPhysics.CollisionAPI.Apply(box.GetPrim())
        UsdPhysics.RigidBodyAPI.Apply(box.GetPrim())
        UsdPhysics.MassAPI.Apply(box.GetPrim()).CreateMassAttr(20.0)
    group = UsdPhysics.CollisionGroup.Define(stage, "/Trial/Group")
    group.CreateFilteredGroupsRel().SetTargets([group.GetPath()])
    Usd.CollectionAPI(group.GetPrim(), "colliders").CreateIncludesRel().SetTargets(["/Trial/Bodies"])
    stage.Save()
    return Path(stage.GetRootLayer().realPath)


class Physics:
    """The engine, in this process: nothing else here is worth keeping."""

    def __init__(self) -> None:
        from lyra_backend.validate.physics_engine import Engine

        self.engine = Engine(0)
        self.folder = tempfile.TemporaryDirectory(prefix="lyra-place-", ignore_cleanup_errors=True)
        self.loaded = 0

    def load(self, proxy: CollisionProxy, centres: Floats, quats: Floats, sides: Floats) -> None:
        self.loaded += 1
        self.engine.load(str(write_stage(Path(self.folder.name) / str(self.loaded), proxy, centres, quats, sides)))

    def overlapping(self, centres: Floats, quats: Floats, sides: Floats) -> int:
        """Return how many boxes overlap a collider."""
        from ovphysx.types import SceneQueryGeometryType, SceneQueryMode

        hit = [
            self.engine.physx.overlap(
                SceneQueryGeometryType.BOX,
                SceneQueryMode.ANY,
                half_extent=(sides / 2).tolist(),
                position=centre.tolist(),
                rotation=quat.tolist(),
            )
            for centre, quat in zip(centres, quats, strict=True)
        ]
        return sum(bool(one) for one in hit)

    def state(self, count: int) -> dict[str, Floats]:
        rows = {f"{BODIES}{number}": number for number in range(count)}
        return self.engine.read(["position", "orientation", "linearVelocity"], rows)

    def put(self, centres: Floats, quats: Floats) -> None:
        """Put the first bodies to places (N, 3) [m], turned by xyzw (N, 4) and at rest, as a reset does."""
        still = np.zeros((len(centres), 3))
        self._write({"position": centres, "orientation": quats, "linearVelocity": still, "angularVelocity": still})

    def push(self, velocities: Floats) -> None:
        """Give the first bodies new velocities (N, 3) [m/s]."""
        self._write({"linearVelocity": velocities})

    def _write(self, values: dict[str, Floats]) -> None:
        """Write attributes (N, K) of the first bodies."""
        from ovphysx.types import SimObjectType

        words = self.engine.ovstage.PathDictionary(self.engine.stage)
        count = len(next(iter(values.values())))
        prims: list[int] = [words.intern_path(f"{BODIES}{number}") for number in range(count)]
        row_of = {f"{BODIES}{number}": number for number in range(count)}
        with self.engine.physx.write_sync(SimObjectType.RIGID_BODY, [*values], prim_paths=prims) as session:
            for group in session.groups:
                if group.tensors:
                    rows = [row_of[path] for path in words.get_path_strings(group.prim_list)]
                    name = [*values][group.attribute_index]
                    group.tensors[0].assign(values[name][rows].astype(np.float32))
                    session.commit_sync(group)

    def step(self) -> None:
        self.engine.physx.step_sync(DT_S)

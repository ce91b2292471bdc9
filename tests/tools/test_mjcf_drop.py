"""A scene gives the same drop test in PhysX on its USD and in MuJoCo on its scene.xml."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lyra_backend import author
from lyra_backend.progress import Progress
from lyra_backend.types import Approximation, CollisionPart, CollisionProxy, GaussianCloud, Role, SceneBundle
from tools import mjcf_drop

from ..validate import physics_rooms as rooms

#: A room, a cabinet and a step, as boxes that reach behind the surface that is seen: low and high corner.
BOXES = {
    "floor": ((0, 0, -0.2), (5, 4, 0)),
    "cabinet": ((0.2, 0.2, -0.1), (1.2, 1.0, 0.9)),
    "step": ((3.0, 0.5, -0.1), (4.8, 3.5, 0.15)),
    "west": ((-0.2, 0, 0), (0, 4, 2.6)),
    "east": ((5, 0, 0), (5.2, 4, 2.6)),
    "south": ((0, -0.2, 0), (5, 0, 2.6)),
    "north": ((0, 4, 0), (5, 4.2, 2.6)),
}


@pytest.fixture
def run(tmp_path: Path, random_cloud: GaussianCloud) -> Path:
    """The room as a surface and as convex pieces."""
    surface = CollisionPart("environment", *rooms.merge(*(rooms.box(*b) for b in BOXES.values())))
    hull = {"role": Role.PIECE, "approximation": Approximation.CONVEX_HULL}
    pieces = [CollisionPart(name, *rooms.box(*b), **hull) for name, b in BOXES.items()]  # type: ignore[arg-type]
    bundle = SceneBundle(random_cloud, CollisionProxy((surface, *pieces), "surface", {}))
    names = author.run(bundle, tmp_path, author.Params(mjcf=True), Progress()).value
    assert "scene.xml" in names
    return tmp_path


@pytest.mark.parametrize("collision", ["single", "convex"])
def test_bodies_come_to_rest_at_the_same_heights(run: Path, collision: str) -> None:
    found = mjcf_drop.compare(run, collision, 30, 1.0)
    assert found.bodies >= 20
    assert len(found.physx) >= 0.8 * found.bodies
    assert (found.apart < 0.01).all()
    assert np.median(found.apart) < 1e-3
    assert found.physx.max() > 0.15  # some of them on what stands there

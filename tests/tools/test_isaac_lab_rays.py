"""What Isaac Lab's ray casters would look up on our stages agrees with PhysX."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pxr import Usd, UsdGeom

from lyra_backend import author
from lyra_backend.progress import Progress
from lyra_backend.types import CollisionPart, CollisionProxy, GaussianCloud, Role, SceneBundle
from tools import isaac_lab_rays as rays

from ..validate import physics_rooms as rooms

ROOM = rooms.merge(rooms.floor(), *rooms.walls(), rooms.cabinet())


@pytest.fixture
def stage(tmp_path: Path, random_cloud: GaussianCloud) -> Path:
    """A room as the environment and once more as the structure, with the surface as its look."""
    part = CollisionPart("environment", *ROOM)
    structure = CollisionPart("structure", *ROOM, role=Role.STRUCTURE)
    bundle = SceneBundle(random_cloud, CollisionProxy((part, structure), "surface", {}))
    author.run(bundle, tmp_path, author.Params(), Progress())
    return tmp_path / "stage.usda"


def test_both_look_ups_agree_with_physx(stage: Path) -> None:
    found = rays.compare(stage, 2000)
    assert found["rays"] == 2000
    assert found["first"] >= 0.999
    assert found["merged"] >= 0.999
    assert found["hits"] > 0.6  # the room is open at the top


def test_what_is_inactive_is_not_looked_up(stage: Path) -> None:
    opened = Usd.Stage.Open(str(stage))
    first = rays.first_mesh(opened, "/World/Collision")
    assert [str(p.GetPath()) for p in first] == ["/World/Collision/Environment"]
    assert [p.GetName() for p in rays.all_meshes(opened, "/World/Collision")] == ["Environment"]
    opened.GetPrimAtPath("/World").GetVariantSet("collision").SetVariantSelection("parts")
    assert [p.GetName() for p in rays.first_mesh(opened, "/World/Collision")] == ["Structure"]


def test_planes_and_rays_that_end_elsewhere_are_told() -> None:
    stage = Usd.Stage.CreateInMemory()
    UsdGeom.Plane.Define(stage, "/World/Collision/Plane")
    with pytest.raises(SystemExit, match="the Plane /World/Collision/Plane"):
        rays.first_mesh(stage, "/World/Collision")
    one, other = np.array([1.0, 2.0, np.inf, np.inf]), np.array([1.005, 2.1, np.inf, 3.0])
    assert rays.agree(one, other).tolist() == [True, False, True, False]
    assert not rays.agree(one, other, 1e-3)[0]


def test_a_back_in_front_of_a_front_is_a_fold_and_not_an_error() -> None:
    square = np.array([[[0, 0, 0], [0, 1, 1], [0, 1, 0]], [[0, 0, 0], [0, 0, 1], [0, 1, 1]]], np.float64)
    corners = np.concatenate([square, square[:, ::-1] - [0.02, 0, 0]])  # a front at x = 0, a back before it
    starts, ways = np.tile([-2.0, 0.3, 0.6], (3, 1)), np.tile([1.0, 0.0, 0.0], (3, 1))
    warp = rays.cast(corners, starts, ways)
    np.testing.assert_allclose(warp, 1.98, atol=1e-6)
    assert rays.exact_hits(corners, starts[0], ways[0]) == pytest.approx((1.98, 2.0))
    assert rays.exact_hits(corners, starts[0], -ways[0]) == (np.inf, np.inf)
    engine = np.array([2.0, 1.98, 2.5])
    assert rays.count_differences(corners, starts, ways, warp, engine) == {"folds": 1, "wrong": 1}

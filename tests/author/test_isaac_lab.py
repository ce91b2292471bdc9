"""What a run leaves for Isaac Lab builds under both of its versions, and its functions do what they say."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from pxr import Sdf

from lyra_backend.author import isaac_lab

from .isaac_lab_modules import VERSIONS, install

#: An L: the square from 0 to 4 without its upper right quarter, with a hole around (1, 1).
BOUNDS = {
    "polygons": [
        [[0, 0], [4, 0], [4, 2], [2, 2], [2, 4], [0, 4]],
        [[0.8, 0.8], [0.8, 1.2], [1.2, 1.2], [1.2, 0.8]],
    ],
    "floor_m": 0.0,
    "ceiling_m": 2.5,
}
POINTS = [[0.5, 0.5, 0.0, 0.0, 0.3, 0], [3.0, 1.0, 0.1, np.pi / 2, 0.4, 0], [1.0, 3.0, 0.2, -np.pi / 2, 0.5, 1]]
SPAWN = {"robots": {"go2": {"robot": {"root_height_m": 0.3, "clearance_m": 0.02}, "free_m2": 9.0, "points": POINTS}}}


def _layer(path: Path, sets: dict[str, tuple[str, ...]]) -> None:
    layer = Sdf.Layer.CreateNew(str(path))
    world = Sdf.CreatePrimInLayer(layer, "/World")
    layer.defaultPrim = "World"
    for name, variants in sets.items():
        spec = Sdf.VariantSetSpec(world, name)
        for variant in variants:
            Sdf.VariantSpec(spec, variant)
    layer.Save()


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run's files as far as Isaac Lab's needs them."""
    _layer(tmp_path / "scene.usda", {"appearance": ("none", "particleField"), "collision": ("single",)})
    _layer(tmp_path / "stage.usda", {"light": ("scene", "random_1")})
    assert isaac_lab.write_isaac_lab(tmp_path) == ("isaac_lab_cfg.py", "isaac_lab.json")
    (tmp_path / "bounds.json").write_text(json.dumps(BOUNDS))
    (tmp_path / "spawn_points.json").write_text(json.dumps(SPAWN))
    return tmp_path


def load(run: Path, monkeypatch: pytest.MonkeyPatch, version: str) -> Any:
    install(monkeypatch, version)
    monkeypatch.syspath_prepend(str(run))
    monkeypatch.delitem(sys.modules, "isaac_lab_cfg", raising=False)
    cfg = importlib.import_module("isaac_lab_cfg")
    monkeypatch.delitem(sys.modules, "isaac_lab_cfg")
    return cfg


def test_what_differs_between_scenes_is_in_the_data_alone(run: Path) -> None:
    source = Path(isaac_lab.__file__).parent / "_training" / "isaac_lab_cfg.py"
    assert (run / "isaac_lab_cfg.py").read_bytes() == source.read_bytes()
    assert json.loads((run / "isaac_lab.json").read_text()) == {
        "collision": "Collision",
        "variants": {
            "appearance": ["none", "particleField"],
            "collision": ["single"],
            "light": ["random_1", "scene"],
        },
    }


@pytest.mark.parametrize("version", VERSIONS)
def test_configurations_build(run: Path, monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    cfg = load(run, monkeypatch, version)
    robot = "{ENV_REGEX_NS}/Robot/base"
    shared, own = cfg.SharedSceneCfg(num_envs=256), cfg.GeneratedSceneCfg(num_envs=4, env_spacing=cfg.spacing_m())
    assert shared.terrain.usd_path == str(run.resolve() / "scene.usda")
    assert own.scene.prim_path == "{ENV_REGEX_NS}/Scene"
    assert own.scene.collision_group == 0
    assert own.env_spacing == 6.0  # 4 m of floor and 2 m between
    depth, picture = cfg.depth_camera(robot), cfg.splat_camera(f"{robot}/camera")
    assert depth.mesh_prim_paths == ["/World/ground/terrain/Collision"]
    lens = depth.pattern_cfg
    fov = 2 * np.degrees(np.arctan(lens.horizontal_aperture / 2 / lens.focal_length))
    assert fov == pytest.approx(87.0)
    assert (picture.width, picture.height) == (lens.width, lens.height)
    assert picture.spawn.horizontal_aperture / picture.spawn.focal_length == pytest.approx(
        lens.horizontal_aperture / lens.focal_length
    )
    assert vars(picture.offset) == vars(depth.offset)
    (target,) = cfg.lidar(robot, shared=False).mesh_prim_paths
    assert target.prim_expr == "{ENV_REGEX_NS}/Scene/Collision"
    assert target.merge_prim_meshes
    assert not target.track_mesh_transforms
    assert cfg.height_scan(robot, above_m=0.4).offset.pos == (0.0, 0.0, 0.4)


@pytest.mark.parametrize("version", VERSIONS)
def test_quaternions_are_in_the_order_of_the_version(run: Path, monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    cfg = load(run, monkeypatch, version)
    half = float(np.sqrt(0.5))
    expected = [half, 0, 0, half] if version.startswith("2.") else [0, 0, half, half]
    poses = cfg.spawn_poses(cfg.spawn_points())
    assert poses[1, :3].tolist() == pytest.approx([3.0, 1.0, 0.42])
    assert poses[1, 3:].tolist() == pytest.approx(expected, abs=1e-6)
    assert cfg.quaternion(1.0, 0.0, 0.0, 0.0) == cfg.AssetBaseCfg.InitialStateCfg().rot


def test_variants_that_are_not_there_are_refused_and_lights_are_those_of_the_stage(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cfg = load(run, monkeypatch, VERSIONS[0])
    assert Path(cfg.own_scene({"appearance": "none"}).spawn.usd_path).name == "scene.usda"
    assert Path(cfg.own_scene({"light": "random_1"}).spawn.usd_path).name == "stage.usda"
    with pytest.raises(ValueError, match="appearance=mesh is not in this scene"):
        cfg.own_scene({"appearance": "mesh"})
    with pytest.raises(ValueError, match="robot 'h1' has no spawn points in this scene, only go2 have"):
        cfg.spawn_points("h1")


class _Asset:
    """Keeps what is written to it, by the names of either version."""

    def __init__(self, names: tuple[str, str]) -> None:
        self.device, self.written = "cpu", {}
        for name in names:
            setattr(self, name, lambda *values, n=name, **named: self.written.update({n: (*values, *named.values())}))


class _Scene(dict):
    """Assets by name, origins, and whether there is a terrain."""

    def __init__(self, asset: _Asset, origins: Any, terrain: object | None) -> None:
        super().__init__(robot=asset)
        self.env_origins, self.terrain, self.num_envs = origins, terrain, len(origins)


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("version", VERSIONS)
def test_resets_draw_from_the_spawn_points(
    run: Path, monkeypatch: pytest.MonkeyPatch, version: str, shared: bool
) -> None:
    cfg = load(run, monkeypatch, version)
    suffix = "" if version.startswith("2.") else "_index"
    asset = _Asset((f"write_root_pose_to_sim{suffix}", f"write_root_velocity_to_sim{suffix}"))
    origins = torch.arange(600.0).reshape(200, 3)
    env = SimpleNamespace(scene=_Scene(asset, origins, object() if shared else None))
    torch.manual_seed(0)
    chosen = torch.arange(50, 200)
    cfg.reset_to_spawn_points(env, chosen)
    poses, ids = asset.written[f"write_root_pose_to_sim{suffix}"]
    places = poses[:, :3] - (0 if shared else origins[chosen])
    assert ids.tolist() == chosen.tolist()
    known = {tuple(np.round([x, y, z + 0.32], 3)) for x, y, z, *_ in POINTS}
    assert {tuple(np.round(p, 3)) for p in places.double().tolist()} == known  # all of them come up
    assert (asset.written[f"write_root_velocity_to_sim{suffix}"][0] == 0).all()


def test_environments_start_at_the_spawn_points_in_turn(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cfg = load(run, monkeypatch, VERSIONS[0])
    origins = cfg.env_origins(5)
    np.testing.assert_allclose(origins.numpy(), np.array(POINTS)[[0, 1, 2, 0, 1], :3], atol=1e-6)


def test_leaving_the_floor_or_its_hole_or_rising_above_the_ceiling_ends_an_episode(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cfg = load(run, monkeypatch, VERSIONS[1])
    inside = [[0.5, 0.5, 0.3], [3.0, 1.0, 0.3], [1.0, 3.9, 2.4]]
    outside = [[3.0, 3.0, 0.3], [1.0, 1.0, 0.3], [-0.1, 1.0, 0.3], [0.5, 0.5, 2.6], [0.5, 0.5, -0.6]]
    position = torch.tensor(inside + outside)
    robot = SimpleNamespace(data=SimpleNamespace(root_pos_w=SimpleNamespace(torch=position)))
    scene = _Scene(robot, torch.zeros(8, 3), object())  # type: ignore[arg-type]
    assert cfg.left_bounds(SimpleNamespace(scene=scene)).tolist() == [False] * 3 + [True] * 5


def test_buffers_hold_twice_the_contacts_that_were_measured(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cfg = load(run, monkeypatch, VERSIONS[0])
    assert cfg.contacts_per_body() == 32
    (run / "report.json").write_text(json.dumps({"stages": [{"counts": {"contacts_per_body": 40}}]}))
    cfg = load(run, monkeypatch, VERSIONS[1])
    few, many = cfg.physx_buffers(16, bodies_per_env=10), cfg.physx_buffers(16384, bodies_per_env=10)
    assert few.gpu_max_rigid_contact_count == 2**23  # Isaac Lab's own
    assert many.gpu_max_rigid_contact_count == many.gpu_max_rigid_patch_count == 2 * 16384 * 10 * 40
    assert cfg.physx_buffers(1, gpu_collision_stack_size=2**27).gpu_collision_stack_size == 2**27


def test_a_run_without_spawn_points_says_so(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (run / "spawn_points.json").unlink()
    cfg = load(run, monkeypatch, VERSIONS[0])
    with pytest.raises(FileNotFoundError, match=r"spawn_points\.json must lie beside isaac_lab_cfg\.py"):
        cfg.env_origins(4)

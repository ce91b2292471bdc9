"""This scene for NVIDIA Isaac Lab, 2.x and 3.x; the same file for every scene, all that differs lies beside it.

    SharedSceneCfg      many robots in one copy of the scene, which do not see each other (a terrain)
    GeneratedSceneCfg   a copy of the scene for every environment, with movable things of its own
    depth_camera, lidar, height_scan, splat_camera   sensors; the first three read the collider, the last the picture
    reset_to_spawn_points, left_bounds               an event and a termination for manager-based environments
    physx_buffers       PhysX on the GPU with buffers that hold so many robots

Import it after the app is started, as everything of Isaac Lab. Poses are those of spawn_points.json, bounds those of
bounds.json; both are made by the stage "place". Quaternions are written in the order of the Isaac Lab that is there.
"""

from __future__ import annotations

import json
import math
from functools import lru_cache
from pathlib import Path
from typing import Any

import isaaclab.envs  # noqa: F401 - 2.3 cannot import isaaclab.managers before it
import isaaclab.sim as sim_utils
import torch
from isaaclab.assets import AssetBaseCfg
from isaaclab.managers import SceneEntityCfg
from isaaclab.scene import InteractiveSceneCfg
from isaaclab.sensors import (
    CameraCfg,
    MultiMeshRayCasterCameraCfg,
    MultiMeshRayCasterCfg,
    RayCasterCameraCfg,
    RayCasterCfg,
    patterns,
)
from isaaclab.terrains import TerrainImporterCfg
from isaaclab.utils import configclass

try:  # 3.x
    from isaaclab_physx.physics import PhysxCfg
except ImportError:  # 2.x
    from isaaclab.sim import PhysxCfg

HERE = Path(__file__).resolve().parent
#: Where the one copy of a shared scene stands, and each environment's own.
GROUND, OWN = "/World/ground", "{ENV_REGEX_NS}/Scene"
#: 3.x writes quaternions as x, y, z, w and 2.x as w, x, y, z; Isaac Lab's own identity tells.
XYZW = tuple(AssetBaseCfg.InitialStateCfg().rot) == (0.0, 0.0, 0.0, 1.0)
#: A lens of 87 degrees, as depth cameras of robots have.
FOV_DEG = 87.0
_FOCAL = 24.0
_ROBOT = SceneEntityCfg("robot")


@lru_cache
def _data(name: str) -> dict[str, Any]:
    path = HERE / name
    if not path.is_file():
        raise FileNotFoundError(f"{name} must lie beside {Path(__file__).name}; generate the scene with a collider.")
    return json.loads(path.read_text(encoding="utf-8"))


def quaternion(w: float, x: float, y: float, z: float) -> tuple[float, float, float, float]:
    """Return a quaternion in the order of this Isaac Lab."""
    return (x, y, z, w) if XYZW else (w, x, y, z)


def scene_file(variants: dict[str, str] | None = None) -> str:
    """Return the file to reference: with lights where one of them is chosen, without them otherwise.

    Raises:
        ValueError: the scene has no such set, or no such variant of it.
    """
    known = _data("isaac_lab.json")["variants"]
    for name, choice in (variants or {}).items():
        if choice not in known.get(name, ()):
            raise ValueError(f"variant {name}={choice} is not in this scene, which has {known}.")
    return str(HERE / ("stage.usda" if "light" in (variants or {}) else "scene.usda"))


# ---- Scenes ---------------------------------------------------------------------------------------------------------


def _import_terrain(cfg: SceneTerrainCfg) -> Any:
    from isaaclab.terrains import TerrainImporter

    class SceneTerrain(TerrainImporter):
        """A terrain with variants, whose environments start at spawn points."""

        def import_usd(self, name: str, usd_path: str) -> None:
            path = f"{self.cfg.prim_path}/{name}"
            self.terrain_prim_paths.append(path)
            spawn = sim_utils.UsdFileCfg(usd_path=scene_file(self.cfg.variants), variants=self.cfg.variants)
            spawn.func(path, spawn)

        def configure_env_origins(self, origins: Any = None) -> None:
            self.terrain_origins = None
            self.env_origins = env_origins(self.cfg.num_envs, self.cfg.robot, self.device)

    return SceneTerrain(cfg)


@configclass
class SceneTerrainCfg(TerrainImporterCfg):
    """The scene as a terrain: one copy, in which environment i starts at the i-th spawn point of `robot`.

    `variants` selects by set, e.g. {"appearance": "none"}; an empty `robot` is the first in spawn_points.json.
    """

    class_type: Any = _import_terrain
    prim_path: str = GROUND
    terrain_type: str = "usd"
    usd_path: str = scene_file()
    env_spacing: float = 0.0
    variants: dict[str, str] | None = None
    robot: str = ""


@configclass
class SharedSceneCfg(InteractiveSceneCfg):
    """Many robots in one copy of the scene. Movable things in it are there once, for all of them."""

    num_envs: int = 64
    env_spacing: float = 0.0
    terrain: SceneTerrainCfg = SceneTerrainCfg()


def own_scene(variants: dict[str, str] | None = None) -> AssetBaseCfg:
    """Return the scene as an asset that every environment has a copy of, which only its own robot meets."""
    spawn = sim_utils.UsdFileCfg(usd_path=scene_file(variants), variants=variants)
    return AssetBaseCfg(prim_path=OWN, spawn=spawn, collision_group=0)


def spacing_m() -> float:
    """Return how far copies of the scene must be apart not to touch [m]."""
    points = [p for polygon in _data("bounds.json")["polygons"] for p in polygon]
    return 2.0 + max(max(axis) - min(axis) for axis in zip(*points, strict=True))


@configclass
class GeneratedSceneCfg(InteractiveSceneCfg):
    """A copy of the scene for every environment; space them by :func:`spacing_m`."""

    num_envs: int = 16
    env_spacing: float = 50.0
    scene: AssetBaseCfg = own_scene()


# ---- Sensors: rays meet the collider, so what they say is what the robot bumps into ----------------------------------


def _targets(shared: bool, merged: bool) -> tuple[bool, list[Any]]:
    """Return whether the caster that merges meshes is needed, and what it is to look at."""
    root = f"{GROUND}/terrain" if shared else OWN
    path = f"{root}/{_data('isaac_lab.json')['collision']}"
    if shared and not merged:
        return False, [path]
    target = MultiMeshRayCasterCfg.RaycastTargetCfg
    return True, [target(prim_expr=path, is_shared=True, merge_prim_meshes=True, track_mesh_transforms=False)]


def _caster(prim_path: str, shared: bool, merged: bool, **settings: Any) -> RayCasterCfg:
    many, targets = _targets(shared, merged)
    kind = MultiMeshRayCasterCfg if many else RayCasterCfg
    return kind(prim_path=prim_path, mesh_prim_paths=targets, **settings)


def _aperture(fov_deg: float) -> float:
    return 2.0 * _FOCAL * math.tan(math.radians(fov_deg) / 2.0)


def depth_camera(
    prim_path: str,
    width: int = 128,
    height: int = 80,
    fov_deg: float = FOV_DEG,
    pos: tuple[float, float, float] = (0.3, 0.0, 0.1),
    shared: bool = True,
    merged: bool = False,
    **settings: Any,
) -> RayCasterCameraCfg:
    """Return a depth camera that looks along x of `prim_path`, with the lens of :func:`splat_camera`.

    `shared`: for SharedSceneCfg, not GeneratedSceneCfg. `merged`: also what can be moved, where it stood at the start,
    and needed with collision variants other than "single"; without it the environment's one mesh is all there is.
    """
    many, targets = _targets(shared, merged)
    kind = MultiMeshRayCasterCameraCfg if many else RayCasterCameraCfg
    pattern = patterns.PinholeCameraPatternCfg(
        focal_length=_FOCAL, horizontal_aperture=_aperture(fov_deg), width=width, height=height
    )
    offset = kind.OffsetCfg(pos=pos, rot=quaternion(1.0, 0.0, 0.0, 0.0), convention="world")
    return kind(prim_path=prim_path, mesh_prim_paths=targets, offset=offset, pattern_cfg=pattern, **settings)


def splat_camera(
    prim_path: str,
    width: int = 128,
    height: int = 80,
    fov_deg: float = FOV_DEG,
    pos: tuple[float, float, float] = (0.3, 0.0, 0.1),
    **settings: Any,
) -> CameraCfg:
    """Return a colour camera for the picture of the Gaussians; `prim_path` is a new prim below the robot's link."""
    lens = sim_utils.PinholeCameraCfg(focal_length=_FOCAL, horizontal_aperture=_aperture(fov_deg))
    offset = CameraCfg.OffsetCfg(pos=pos, rot=quaternion(1.0, 0.0, 0.0, 0.0), convention="world")
    picture = {"data_types": ["rgb"], "width": width, "height": height}
    return CameraCfg(prim_path=prim_path, spawn=lens, offset=offset, **{**picture, **settings})


def lidar(
    prim_path: str,
    channels: int = 16,
    vertical_deg: tuple[float, float] = (-15.0, 15.0),
    horizontal_res_deg: float = 1.0,
    pos: tuple[float, float, float] = (0.0, 0.0, 0.3),
    shared: bool = True,
    merged: bool = False,
    **settings: Any,
) -> RayCasterCfg:
    """Return a spinning lidar; `shared` and `merged` as for :func:`depth_camera`."""
    pattern = patterns.LidarPatternCfg(
        channels=channels,
        vertical_fov_range=vertical_deg,
        horizontal_fov_range=(-180.0, 180.0),
        horizontal_res=horizontal_res_deg,
    )
    given = {"ray_alignment": "base", "max_distance": 100.0, "offset": RayCasterCfg.OffsetCfg(pos=pos)}
    return _caster(prim_path, shared, merged, pattern_cfg=pattern, **{**given, **settings})


def height_scan(
    prim_path: str,
    size_m: tuple[float, float] = (1.6, 1.0),
    resolution_m: float = 0.1,
    above_m: float = 0.5,
    shared: bool = True,
    merged: bool = False,
    **settings: Any,
) -> RayCasterCfg:
    """Return a scan of the ground around a robot, from `above_m` over it: rays from 20 m, as outdoors, end on roofs."""
    pattern = patterns.GridPatternCfg(resolution=resolution_m, size=size_m)
    given = {"ray_alignment": "yaw", "offset": RayCasterCfg.OffsetCfg(pos=(0.0, 0.0, above_m))}
    return _caster(prim_path, shared, merged, pattern_cfg=pattern, **{**given, **settings})


# ---- Where robots start and must stay -------------------------------------------------------------------------------


def _of_robot(name: str = "") -> dict[str, Any]:
    robots = _data("spawn_points.json")["robots"]
    if not robots:
        raise ValueError("no robot has spawn points in this scene: generate it with place.robots or --robot.")
    name = name or next(iter(robots))
    if name not in robots:
        raise ValueError(f"robot {name!r} has no spawn points in this scene, only {', '.join(robots)} have.")
    return robots[name]


@lru_cache
def spawn_points(robot: str = "", device: str = "cpu") -> torch.Tensor:
    """Return x, y, z of the ground [m], yaw [rad], clearance [m] and region of every spawn point, shape (P, 6).

    Raises:
        ValueError: the robot is unknown here, or nothing is free for it.
    """
    rows = torch.tensor(_of_robot(robot)["points"], dtype=torch.float32, device=device).reshape(-1, 6)
    if not len(rows):
        raise ValueError(f"robot {robot or 'of spawn_points.json'} has no free place in this scene.")
    return rows


def env_origins(num_envs: int, robot: str = "", device: str = "cpu") -> torch.Tensor:
    """Return ground points for so many environments, in the order of the spawn points and again from the first."""
    points = spawn_points(robot, str(device))
    return points[torch.arange(num_envs, device=points.device) % len(points), :3].clone()


def spawn_poses(rows: torch.Tensor, robot: str = "") -> torch.Tensor:
    """Return root poses (N, 7) at spawn points (N, 6): positions [m] and quaternions in this Isaac Lab's order."""
    body = _of_robot(robot)["robot"]
    position = rows[:, :3].clone()
    position[:, 2] += body["root_height_m"] + body["clearance_m"]
    half, zero = rows[:, 3:4] / 2.0, torch.zeros_like(rows[:, 3:4])
    turn = [zero, zero, half.sin(), half.cos()] if XYZW else [half.cos(), zero, zero, half.sin()]
    return torch.cat([position, *turn], dim=1)


def _shift(env: Any, env_ids: torch.Tensor) -> torch.Tensor:
    """Return where the origin of each environment's copy of the scene is [m]."""
    shift = env.scene.env_origins[env_ids]
    return shift if env.scene.terrain is None else torch.zeros_like(shift)


def reset_to_spawn_points(env: Any, env_ids: torch.Tensor, robot: str = "", asset_cfg: SceneEntityCfg = _ROBOT) -> None:
    """Event: put robots at rest on spawn points drawn at random, by the generator that Isaac Lab seeds."""
    asset = env.scene[asset_cfg.name]
    env_ids = torch.arange(env.scene.num_envs, device=asset.device)[env_ids]
    points = spawn_points(robot, str(asset.device))
    poses = spawn_poses(points[torch.randint(len(points), (len(env_ids),), device=points.device)], robot)
    poses[:, :3] += _shift(env, env_ids)
    rest = torch.zeros(len(env_ids), 6, device=poses.device)
    if hasattr(asset, "write_root_pose_to_sim_index"):  # 3.x
        asset.write_root_pose_to_sim_index(root_pose=poses, env_ids=env_ids)
        asset.write_root_velocity_to_sim_index(root_velocity=rest, env_ids=env_ids)
    else:
        asset.write_root_pose_to_sim(poses, env_ids=env_ids)
        asset.write_root_velocity_to_sim(rest, env_ids=env_ids)


@lru_cache
def _edges(device: str) -> torch.Tensor:
    """Return the sides of all polygons of the bounds, shape (E, 4) [m]."""
    sides = [
        [*a, *b]
        for polygon in _data("bounds.json")["polygons"]
        for a, b in zip(polygon, [*polygon[1:], polygon[0]], strict=True)
    ]
    return torch.tensor(sides, dtype=torch.float32, device=device).reshape(-1, 4)


def within_bounds(positions: torch.Tensor, depth_m: float = 0.5) -> torch.Tensor:
    """Return which positions (N, 3) [m] are over the floor that bounds.json tells and between its floor and ceiling.

    By the even-odd rule, so that holes are outside; `depth_m` is how far below the lowest floor is still inside.
    """
    x, y, z = positions.unbind(dim=1)
    x1, y1, x2, y2 = _edges(str(positions.device)).unbind(dim=1)
    crosses = (y1 > y[:, None]) != (y2 > y[:, None])
    at = x1 + (y[:, None] - y1) * (x2 - x1) / torch.where(y2 == y1, torch.ones_like(y1), y2 - y1)
    inside = (crosses & (x[:, None] < at)).sum(dim=1) % 2 == 1
    bounds = _data("bounds.json")
    return inside & (z > bounds["floor_m"] - depth_m) & (z < bounds["ceiling_m"])


def left_bounds(env: Any, depth_m: float = 0.5, asset_cfg: SceneEntityCfg = _ROBOT) -> torch.Tensor:
    """Termination: the robot's root is not over the scene's floor any more."""
    position = env.scene[asset_cfg.name].data.root_pos_w
    position = getattr(position, "torch", position)  # 3.x wraps its arrays
    everyone = torch.arange(len(position), device=position.device)
    return ~within_bounds(position - _shift(env, everyone), depth_m)


# ---- PhysX on the GPU -----------------------------------------------------------------------------------------------


def contacts_per_body() -> int:
    """Return how many contact points one box had at most on this collider, as validate measured; 32 if it did not."""
    report = _data("report.json") if (HERE / "report.json").is_file() else {"stages": []}
    counts = {key: n for stage in report["stages"] for key, n in stage["counts"].items()}
    return int(counts.get("contacts_per_body") or 32)


def physx_buffers(num_envs: int, bodies_per_env: int = 17, **settings: Any) -> PhysxCfg:
    """Return PhysX's settings with room for twice the contacts of `num_envs` robots of so many colliding bodies.

    Never less than Isaac Lab's own sizes. A patch holds at least one contact, so as many patches do.
    """
    base = PhysxCfg()
    contacts = 2 * num_envs * bodies_per_env * contacts_per_body()
    sizes = {
        "gpu_max_rigid_contact_count": contacts,
        "gpu_max_rigid_patch_count": contacts,
        "gpu_found_lost_pairs_capacity": contacts,
        "gpu_total_aggregate_pairs_capacity": contacts,
    }
    return PhysxCfg(**{**{name: max(getattr(base, name), n) for name, n in sizes.items()}, **settings})

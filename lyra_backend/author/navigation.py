"""Where robots can start, as prims, and the invisible wall along the bounds of the floor.

Does: author /World/SpawnPoints/<robot>/spawn_0 and so on, an Xform each where the robot's root belongs, for the first
few places; all are in ``spawn_points.json``. The wall is /World/Bounds/Wall, a Mesh of its own in the variant "wall" of
the set "bounds", which is "none" until somebody chooses: ray casters that read the first Mesh still find the
environment. Does not: add robots.
"""

from __future__ import annotations

from pxr import Gf, Sdf, Vt

from ..types import Approximation, Navigation, RobotSpace
from ..types.rotations import quat_about_z
from .collision import COLLISION_ROOT, MATERIALS_NAME, make_collider
from .layers import add_variant, add_variant_set, attribute, define
from .materials import SCENE_NAME
from .meshes import author_mesh

__all__ = ["BOUNDS_SET", "SPAWN_NAME", "add_wall_variants", "author_spawn_points"]

SPAWN_NAME = "SpawnPoints"
BOUNDS_SET = "bounds"
_BOUNDS_NAME, _WALL_NAME = "Bounds", "Wall"
_WALL_VARIANT, _NO_VARIANT = "wall", "none"
_BEFORE = ("Visual", COLLISION_ROOT, MATERIALS_NAME, SPAWN_NAME)
#: Places of each robot that are prims; a stage with thousands of them opens slowly.
_PRIMS = 8

_Types = Sdf.ValueTypeNames


def author_spawn_points(world: Sdf.PrimSpec, navigation: Navigation) -> None:
    """Author the first places to start of each robot that has any."""
    spaces = [space for space in navigation.spaces if space.spawn_points.count]
    if not spaces:
        return
    scope = define(world, SPAWN_NAME, "Scope")
    for space in spaces:
        below = define(scope, space.robot.name, "Scope")
        for number in range(min(_PRIMS, space.spawn_points.count)):
            _author_place(below, space, number)


def add_wall_variants(world: Sdf.PrimSpec, navigation: Navigation) -> None:
    """Let the scene select the wall, if there is one."""
    wall = navigation.wall
    if wall is None:
        return
    # weaker variants come first among the children, and the first Mesh must stay the environment
    world.nameChildrenOrder = [*_BEFORE, _BOUNDS_NAME]
    variants = add_variant_set(world, BOUNDS_SET, _NO_VARIANT)
    add_variant(variants, _NO_VARIANT)
    scope = define(add_variant(variants, _WALL_VARIANT), _BOUNDS_NAME, "Scope")
    mesh = author_mesh(scope, _WALL_NAME, wall.vertices, wall.triangles)
    make_collider(mesh, (), Approximation.MESH)
    binding = Sdf.RelationshipSpec(mesh, "material:binding:physics", custom=False)
    binding.targetPathList.explicitItems = [world.path.AppendPath(f"{MATERIALS_NAME}/{SCENE_NAME}")]


def _author_place(parent: Sdf.PrimSpec, space: RobotSpace, number: int) -> None:
    """Author where the root of a robot belongs, turned to its heading."""
    points, robot = space.spawn_points, space.robot
    x, y, z = (float(v) for v in points.positions[number])
    prim = define(parent, f"spawn_{number}", "Xform")
    root = Gf.Vec3d(x, y, z + robot.root_height_m + robot.clearance_m)
    attribute(prim, "xformOp:translate", _Types.Double3, root)
    # USD turns quaternions into angles by their arc cosine, which needs double precision for small ones.
    turn = quat_about_z(float(points.yaws_rad[number]))
    attribute(prim, "xformOp:orient", _Types.Quatd, Gf.Quatd(*turn.round(9).tolist()))
    order = Vt.TokenArray(["xformOp:translate", "xformOp:orient"])
    attribute(prim, "xformOpOrder", _Types.TokenArray, order, uniform=True)

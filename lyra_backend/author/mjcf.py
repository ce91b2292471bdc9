"""The scene for MuJoCo: ``scene.xml`` with convex pieces, a height field or both, to be included or loaded as it is.

Does: write what does not move as geoms of the world, each movable thing as a free body with its mass, and what is
carried along a path as a mocap body at its first pose. Does not: write triangles as they are, for MuJoCo takes every
mesh for its convex hull, or anything to look at beside the colliders.

https://mujoco.readthedocs.io/en/stable/XMLreference.html
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import numpy.typing as npt

from ..errors import InvalidRequest
from ..types import Approximation, CollisionPart, CollisionProxy, KinematicBody, Primitive, Role, Shape
from .bodies import origin_of
from .ground_grid import GroundGrid, ground_grid
from .materials import PhysicsMaterial

__all__ = ["GROUND_FILE", "MJCF_FILE", "write_mjcf"]

MJCF_FILE = "scene.xml"
GROUND_FILE = "scene_ground.hfield"
#: In front of every name, for robots that include the scene have names of their own.
_PREFIX = "scene_"
#: Torsional and rolling friction [m]: a contact patch of some millimetres; without the second a ball never stops.
_TORSIONAL, _ROLLING = 0.005, 0.002
_DIGITS = 6
_GEOMS = {Shape.BOX: "box", Shape.CYLINDER: "cylinder", Shape.SPHERE: "sphere"}


def write_mjcf(proxy: CollisionProxy, material: PhysicsMaterial, directory: Path) -> tuple[str, ...]:
    """Write ``scene.xml``, and the heights of a height field beside it, into `directory`; return their names.

    Raises:
        InvalidRequest: the colliders are neither a height field nor have convex pieces.
    """
    model = ElementTree.Element("mujoco", model="scene")
    ElementTree.SubElement(model, "compiler", angle="radian")
    assets = ElementTree.SubElement(model, "asset")
    world = ElementTree.SubElement(model, "worldbody")
    files = [MJCF_FILE]
    standing = _standing(proxy)
    # a piece that is no hull is ground
    ground = [p for p in standing if p.approximation is Approximation.MESH]
    if ground:
        _add_ground(assets, world, ground_grid(ground), material, directory / GROUND_FILE)
        files.append(GROUND_FILE)
    for part in standing:
        if part not in ground:
            _add_shape(assets, world, part, np.zeros(3), material)
    for name in dict.fromkeys(p.body for p in proxy.parts if p.dynamic):
        _add_free(assets, world, [p for p in proxy.parts if p.body == name], material)
    for body in proxy.kinematic:
        _add_carried(assets, world, body, material)
    ElementTree.indent(model, " ")
    text = ElementTree.tostring(model, encoding="unicode") + "\n"
    (directory / MJCF_FILE).write_text(text, encoding="utf-8", newline="\n")
    return tuple(files)


def _standing(proxy: CollisionProxy) -> tuple[CollisionPart, ...]:
    """Return the convex parts and the ground that stand for all that does not move."""
    parts = proxy.with_role(Role.ENVIRONMENT if proxy.method == "heightfield" else Role.PIECE)
    if not parts:
        raise InvalidRequest(
            f"MJCF: needs convex pieces or a height field, got the collider {proxy.method!r} without pieces. Use "
            "--collider convex or heightfield, or let the run add pieces by --mjcf."
        )
    return parts


def _add_ground(
    assets: ElementTree.Element, world: ElementTree.Element, grid: GroundGrid, material: PhysicsMaterial, file: Path
) -> None:
    """Add a height field; its file is MuJoCo's own format: rows, columns, then heights as 32-bit floats."""
    rows, columns = grid.heights.shape
    with file.open("wb") as out:
        out.write(np.array([rows, columns], "<i4").tobytes())
        out.write(grid.heights.astype("<f4").tobytes())
    low, high = float(grid.heights.min()), float(grid.heights.max())
    half = [(columns - 1) * grid.step_m / 2, (rows - 1) * grid.step_m / 2]
    name = f"{_PREFIX}ground"
    # MuJoCo scales heights to 0..1 itself and wants a height and a base that are not zero.
    size = _numbers([*half, max(high - low, 1e-3), 1.0])
    ElementTree.SubElement(assets, "hfield", name=name, file=file.name, size=size)
    middle = _numbers([grid.corner[0] + half[0], grid.corner[1] + half[1], low])
    geom = {"name": name, "type": "hfield", "hfield": name, "pos": middle}
    ElementTree.SubElement(world, "geom", geom | _surface(material, None, turning=False))


def _add_free(
    assets: ElementTree.Element, world: ElementTree.Element, parts: Sequence[CollisionPart], material: PhysicsMaterial
) -> None:
    origin = origin_of(parts)
    body = ElementTree.SubElement(world, "body", name=_PREFIX + parts[0].body, pos=_numbers(origin))
    ElementTree.SubElement(body, "freejoint", name=f"{_PREFIX}{parts[0].body}_free")
    for part in parts:
        _add_shape(assets, body, part, origin, material)


def _add_carried(
    assets: ElementTree.Element, world: ElementTree.Element, carried: KinematicBody, material: PhysicsMaterial
) -> None:
    origin = carried.positions[0].astype(np.float64)
    name = _PREFIX + carried.part.body
    body = ElementTree.SubElement(world, "body", name=name, mocap="true", pos=_numbers(origin))
    _add_shape(assets, body, carried.part, origin, material)


def _add_shape(
    assets: ElementTree.Element,
    parent: ElementTree.Element,
    part: CollisionPart,
    origin: npt.NDArray[np.float64],
    material: PhysicsMaterial,
) -> None:
    """Add a geom below a body whose origin lies at `origin` [m] and which is not turned."""
    own = {"name": _PREFIX + part.name}
    if part.dynamic and part.mass_kg:
        own["mass"] = _numbers([part.mass_kg])
    turning = part.primitive is not None and part.primitive.shape is not Shape.BOX
    own |= _surface(material, part.friction, turning=turning and part.dynamic)
    if part.primitive is not None:
        ElementTree.SubElement(parent, "geom", own | _primitive(part.primitive, origin))
        return
    vertices = _numbers((part.vertices.astype(np.float64) - origin).ravel())
    # Thin pieces have too little volume for MuJoCo; what does not move needs none.
    inertia = "convex" if part.dynamic else "shell"
    ElementTree.SubElement(assets, "mesh", name=own["name"], vertex=vertices, inertia=inertia)
    ElementTree.SubElement(parent, "geom", own | {"type": "mesh", "mesh": own["name"]})


def _primitive(body: Primitive, origin: npt.NDArray[np.float64]) -> dict[str, str]:
    """Return what makes a geom a box, a cylinder or a sphere: half sides, radius and half height, or radius."""
    half = body.size.astype(np.float64) / 2
    size = {Shape.BOX: half, Shape.CYLINDER: half[[0, 2]], Shape.SPHERE: half[:1]}[body.shape]
    return {
        "type": _GEOMS[body.shape],
        "size": _numbers(size),
        "pos": _numbers(body.center.astype(np.float64) - origin),
        "quat": _numbers(body.quat_wxyz),
    }


def _surface(material: PhysicsMaterial, friction: float | None, *, turning: bool) -> dict[str, str]:
    """Return a geom's friction; round bodies that move have rolling friction as well.

    MuJoCo knows one sliding coefficient: the dynamic one, which holds what slides.
    """
    sliding = material.dynamic_friction if friction is None else friction
    return {"friction": _numbers([sliding, _TORSIONAL, _ROLLING]), "condim": "6" if turning else "3"}


def _numbers(values: Iterable[float] | npt.NDArray[np.floating]) -> str:
    return " ".join(f"{round(float(v), _DIGITS) + 0.0:.10g}" for v in values)

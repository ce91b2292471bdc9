"""Small scenes to push, throw and roll things in, as solids, and the colliders of the Gaussians on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import trimesh
from known_scenes.solids import Floats, Solid, box, surface
from known_scenes.splats import Look, Splats, floaters, on_surface

from lyra_backend.collide import surface as collider
from lyra_backend.progress import Progress
from lyra_backend.types import Approximation, CollisionPart, CollisionProxy, Frame, GaussianCloud, Outcome
from lyra_backend.types.rotations import normalise_quats

__all__ = [
    "DOORWAY",
    "RISE_M",
    "TREAD_M",
    "Scene",
    "collide",
    "outcome",
    "proxy_of",
    "room",
    "stairs",
    "thin_walls",
    "two_rooms",
]

#: Gaussians per square metre of surface: 2 cm apart.
DENSITY_M2 = 2500
#: Doorway of `two_rooms`: from, to and height of its opening along y [m].
DOORWAY = (1.13, 1.83, 1.97)
#: Steps of `stairs` [m].
RISE_M, TREAD_M = 0.17, 0.28


@dataclass(frozen=True)
class Scene:
    """Solids, and Gaussians on their exposed surface.

    Attributes:
        solids: see known_scenes.solids; the first is the room.
        truth: the surface, turned to free space.
        cloud: the Gaussians, frame WORLD.
    """

    solids: list[Solid]
    truth: trimesh.Trimesh
    cloud: GaussianCloud


def two_rooms() -> Scene:
    """Two rooms of 2.4 x 3 x 2.4 m, with a wall of 10 cm and a doorway of 70 cm between."""
    low, high, top = DOORWAY
    wall = [((2.43, 0.0, 0.0), (2.53, low, 2.4)), ((2.43, high, 0.0), (2.53, 3.0, 2.4))]
    return _scene((4.93, 3.0, 2.4), [*wall, ((2.43, low, top), (2.53, high, 2.4))])


def stairs() -> Scene:
    """A room with four steps, 1.2 m wide and open on one side."""
    steps = [((1.31, 1.4 + k * TREAD_M, 0.0), (2.51, 2.52, (k + 1) * RISE_M)) for k in range(4)]
    return _scene((3.0, 3.2, 2.4), steps)


def thin_walls(unseen: bool = False) -> Scene:
    """A room with walls of 4, 6 and 8 cm that can be gone around, a table, and a cupboard near a wall.

    Args:
        unseen: no Gaussians are on the cupboard's back, 35 cm from the wall, and below the table's top.
    """
    walls = [((0.9 + 1.1 * k, 0.8, 0.0), (0.9 + 1.1 * k + t, 2.4, 1.5)) for k, t in enumerate((0.04, 0.06, 0.08))]
    top = ((4.0, 0.6, 0.62), (5.0, 1.2, 0.66))
    legs = [((x, y, 0.0), (x + 0.06, y + 0.06, 0.62)) for x in (4.02, 4.92) for y in (0.62, 1.12)]
    cupboard = ((4.1, 2.45, 0.0), (5.0, 2.85, 1.3))
    scene = _scene((5.6, 3.2, 2.4), [*walls, top, *legs, cupboard])
    if not unseen:
        return scene
    hidden = [_near(scene.cloud, (4.0, 0.6, 0.62), (5.0, 1.2, 0.62)), _near(scene.cloud, (4.1, 2.85, 0.0), cupboard[1])]
    return replace(scene, cloud=scene.cloud.select(~np.any(hidden, axis=0)))


def _near(cloud: GaussianCloud, low: tuple[float, ...], high: tuple[float, ...]) -> npt.NDArray[np.bool_]:
    """Which Gaussians lie within 1.2 cm of a box."""
    places = cloud.positions
    return np.asarray(((places > np.array(low) - 0.012) & (places < np.array(high) + 0.012)).all(axis=1))


def room(floater_share: float = 0.01) -> Scene:
    """A room of 30 m2 with a crate, a table and little else, to roll across."""
    crate, top = ((4.6, 3.9, 0.0), (5.2, 4.5, 0.6)), ((0.6, 3.6, 0.7), (1.8, 4.4, 0.74))
    legs = [((x, y, 0.0), (x + 0.06, y + 0.06, 0.7)) for x in (0.62, 1.72) for y in (3.62, 4.32)]
    return _scene((6.0, 5.0, 2.6), [crate, top, *legs], floater_share)


def _scene(
    size: Floats | tuple[float, ...], boxes: Sequence[tuple[tuple[float, ...], ...]], loose: float = 0.01
) -> Scene:
    shell = {"id": "shell", "type": "room", "size": list(size), "origin": [0.0, 0.0, 0.0], "ceiling": True}
    solids = [shell, *(box(f"box{n}", low, high) for n, (low, high) in enumerate(boxes))]
    truth = surface(solids)
    rng = np.random.default_rng([7, len(solids)])
    look = _look(int(DENSITY_M2 * truth.area), loose)
    on, _ = on_surface(truth, look, np.zeros((0, 4)), rng)
    spacing = float(np.sqrt(truth.area / look.count))
    off, _ = floaters(look, np.array([0.0, 0.0, 0.0]), np.array(size, float), spacing, rng)
    return Scene(solids, truth, _cloud(on, off))


def _look(count: int, floater_share: float) -> Look:
    """Gaussians as a good splat has them: 3 mm and 3 degrees of noise, and holes of 5 cm over 1 % of the area."""
    return Look(
        count=count,
        normal_noise_deg=3.0,
        offset_noise=0.003,
        bias=0.0,
        thickness=0.003,
        opacity=0.9,
        opacity_spread=0.08,
        floater_share=floater_share,
        flat_floaters=False,
        behind_share=0.0,
        haze_share=0.0,
        hole_share=0.01,
        bald_patches=0,
    )


def _cloud(*parts: Splats) -> GaussianCloud:
    def joined(name: str) -> Floats:
        return np.concatenate([getattr(p, name) for p in parts])

    count = sum(len(p.positions) for p in parts)
    return GaussianCloud(
        joined("positions").astype(np.float32),
        joined("scales").astype(np.float32),
        normalise_quats(joined("quats").astype(np.float32)),
        joined("opacities").astype(np.float32),
        np.zeros((count, 1, 3), np.float32),
        Frame.WORLD,
    )


def collide(cloud: GaussianCloud, **params: float | str | bool) -> CollisionProxy:
    """Return the collider of :func:`outcome`."""
    return outcome(cloud, **params).value


def outcome(cloud: GaussianCloud, **params: float | str | bool) -> Outcome[CollisionProxy]:
    """Make the collider that a run makes of a cloud, with linings, bottoms and kerbs.

    Args:
        cloud: Gaussians in frame WORLD.
        params: parameters of the collider "surface"; objects are not looked for unless asked for.
    """
    chosen = collider.Params(**{"objects": "none", **params})  # type: ignore[arg-type]
    return collider.run(cloud, (), chosen, Progress())


def proxy_of(mesh: trimesh.Trimesh) -> CollisionProxy:
    """Return a mesh as a collider."""
    vertices, triangles = np.asarray(mesh.vertices, np.float32), np.asarray(mesh.faces, np.int32)
    part = CollisionPart("environment", vertices, triangles, approximation=Approximation.MESH)
    return CollisionProxy((part,), "truth", {})

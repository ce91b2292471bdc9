"""The light of a procedural scene as physics has it: rays without end, and light that bounces until it is gone.

The generator lights its scenes by rays that end after a few metres and take the rest to be open sky, with one bounce.
That looks well and is quick, but it is not what the surfaces around a place send to it, so that estimates that know
physics are held against a scene that does not. Here the same surfaces, paints, sun, sky and lamps are lit by radiosity
(Goral, Torrance, Greenberg & Battaile, "Modeling the Interaction of Light Between Diffuse Surfaces", 1984).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from lyra_backend.generate.procedural.cover import bisected
from lyra_backend.generate.procedural.elements import Lighting
from lyra_backend.generate.procedural.light import LIFT, SUN_RAYS, _Scene, developed, exposure_for
from lyra_backend.generate.procedural.patches import Faces, unit_normals
from lyra_backend.generate.procedural.sample import _Surface
from lyra_backend.kernels.occlusion import ambient_light
from lyra_backend.light.surfels import linear
from lyra_backend.types import GaussianCloud, TexturedMesh
from lyra_backend.types.rotations import SH_C0, matrix_from_quat

__all__ = ["Radiosity"]

Floats = npt.NDArray[np.floating]

#: Triangles of one radiance are no longer than this [m].
_TRIANGLE_M = 0.8
#: The fifth bounce of light between surfaces of reflectance 0.5 is 3 % of the first.
_BOUNCES = 5
_BOUNCE_RAYS, _SURFACE_RAYS, _BALL_RAYS = 48, 64, 1024
_LAMP_RAYS = 2
_FAR_M = 1e3
#: Points that are gathered for at once.
_CHUNK = 50_000


@dataclass(frozen=True, eq=False)
class Radiosity:
    """A scene of small triangles whose `light` (F, 3), irradiance over pi, is known."""

    scene: _Scene
    lighting: Lighting
    light: Floats

    @staticmethod
    def of(mesh: TexturedMesh, lighting: Lighting) -> Radiosity:
        """Let the light of sun, sky and lamps bounce between the triangles of `mesh`."""
        scene = _small(mesh)
        normals = unit_normals(scene.corners)
        middle = scene.corners.mean(axis=1) + LIFT * normals
        weights = np.array([[0.6, 0.2, 0.2], [0.2, 0.6, 0.2], [0.2, 0.2, 0.6]])
        points = np.einsum("wc,fck->fwk", weights, scene.corners).reshape(-1, 3)
        facing = np.repeat(normals, 3, axis=0)
        direct = scene.sunlight(points, facing, lighting, 1) + scene.lamplight(points, facing, lighting, 1)
        solved = Radiosity(scene, lighting, direct.reshape(-1, 3, 3).mean(axis=1))
        first = solved.light
        for _ in range(_BOUNCES):
            solved = replace(solved, light=first + solved._indirect(middle, normals, _BOUNCE_RAYS))
        return solved

    def show(self, unlit: GaussianCloud) -> tuple[GaussianCloud, float]:
        """Return a cloud of plain paint as it looks in this light, and the exposure as of the generator."""
        normals = matrix_from_quat(unlit.quats_wxyz)[:, :, 2]
        light = self.at(unlit.positions + LIFT * normals, normals)
        paint = linear(np.clip(unlit.base_colors, 0.0, 1.0))
        exposure = self.lighting.key * exposure_for(light, paint)
        shown = (developed(light, paint, exposure) - 0.5) / SH_C0
        return replace(unlit, sh=shown[:, None].astype(np.float32)), exposure

    def at(self, points: Floats, normals: Floats, ray_count: int = _SURFACE_RAYS) -> Floats:
        """Return the light (N, 3) on white surfaces at points (N, 3) [m] with unit normals (N, 3)."""
        direct = self.scene.sunlight(points, normals, self.lighting, SUN_RAYS)
        direct = direct + self.scene.lamplight(points, normals, self.lighting, _LAMP_RAYS)
        return np.asarray(direct + self._indirect(points, normals, ray_count))

    def ball(self, place: Floats, normals: Floats) -> Floats:
        """Return the light (N, 3) on a white ball at `place` (3,) [m] by its unit `normals` (N, 3)."""
        return self.at(np.repeat(np.asarray(place)[None], len(normals), axis=0), normals, _BALL_RAYS)

    def _indirect(self, points: Floats, normals: Floats, ray_count: int) -> Floats:
        """Return the light of sky and surfaces."""
        sky = np.asarray(self.lighting.ambient)
        sent = (self.scene.albedo * self.light).astype(np.float32)
        parts = [
            ambient_light(
                *self.scene.mesh,
                sent,
                points[at : at + _CHUNK],
                normals[at : at + _CHUNK],
                sky,
                sky * self.lighting.ground_bounce,
                ray_count=ray_count,
                reach=_FAR_M,
            )[0]
            for at in range(0, len(points), _CHUNK)
        ]
        return np.concatenate(parts)


def _small(mesh: TexturedMesh) -> _Scene:
    surface = _Surface.of(mesh)
    quads = surface.quads
    halves = [Faces(quads.corners[:, k], quads.uvs[:, k], quads.owners) for k in ([0, 1, 3], [2, 3, 1])]
    faces, done = Faces.concatenate([*halves, surface.triangles]), []
    while len(faces):
        sides = np.linalg.norm(faces.corners - np.roll(faces.corners, -1, axis=1), axis=2)
        long = sides.max(axis=1) > _TRIANGLE_M
        done.append(faces.select(~long))
        faces = bisected(faces.select(long))
    small = Faces.concatenate(done)
    return _Scene(small.corners, surface.mean_colors(small), 0)

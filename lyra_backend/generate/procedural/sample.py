"""From a textured surface to a cloud of flat Gaussians that covers it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...errors import InvalidRequest
from ...progress import Progress
from ...types import GaussianCloud, TexturedMesh
from ...types.rotations import SH_C0, quat_from_matrix
from .cover import bisected
from .elements import Lighting
from .light import bake, developed, exposure_for, light_in_air
from .mipmap import Mipmap, from_linear
from .patches import Faces, join_quads, unit_normals
from .silhouette import Outline
from .spread import Samples, mean_sides, spread
from .weather import veiled

__all__ = ["ball_light", "gaussians_from"]

Floats = npt.NDArray[np.floating]
Integers = npt.NDArray[np.integer]

OPACITY = 0.95
#: Standard deviation along the normal [m].
THICKNESS = 0.0015
#: Triangles longer than this are cut before light is computed on them [m].
LONGEST_TRIANGLE = 0.4


def gaussians_from(
    mesh: TexturedMesh,
    lighting: Lighting,
    gaussian_count: int,
    seed: int,
    bake_light: bool,
    progress: Progress,
) -> tuple[GaussianCloud, float]:
    """Cover a surface with flat Gaussians.

    Quads get rows and columns along their sides, other triangles are halved; every piece has one Gaussian whose
    local z axis is the surface normal. Detailed textures and narrow faces get more. At borders in free space the
    Gaussians are narrower, so that silhouettes stay crisp.

    Args:
        mesh: the surface, wound towards free space.
        lighting: light of the scene.
        gaussian_count: number of Gaussians.
        seed: breaks ties between equal pieces.
        bake_light: False leaves the plain texture colours, which is much quicker.
        progress: told about the steps.

    Returns:
        The Gaussians, and the exposure: what linear light was multiplied by to be shown, 0 if none was baked.

    Raises:
        InvalidRequest: no surface, or not a positive number of Gaussians.
    """
    if gaussian_count < 1 or not any(len(p.triangles) for p in mesh.parts):
        raise InvalidRequest(f"Gaussians need a surface and a positive count, got {gaussian_count}.")
    progress(0.0, "laying out Gaussians")
    surface = _Surface.of(mesh)
    rng = np.random.default_rng([seed, 7_101])
    quads, triangles = surface.quads, surface.triangles
    fineness = surface.fineness(quads, gaussian_count), surface.fineness(triangles, gaussian_count)
    outline = Outline.of(quads, triangles)
    samples = spread(quads, triangles, fineness, outline.edges(quads), gaussian_count, rng)
    progress(0.3, "colouring Gaussians")
    paint = np.concatenate([surface.colors(f, s) for f, s in zip((quads, triangles), samples, strict=True)])
    places = [_places(f, s) for f, s in zip((quads, triangles), samples, strict=True)]
    exposure = 0.0
    if bake_light:
        albedo = (surface.mean_colors(quads), surface.mean_colors(triangles))
        light = np.concatenate(bake(quads, triangles, albedo, samples, lighting, progress.child(0.4, 0.9)))
        exposure = lighting.key * exposure_for(light, paint)
        shown = veiled(developed(light, paint, exposure), np.concatenate(places), lighting)
    else:
        shown = from_linear(paint)
    progress(0.95, "gathering Gaussians")
    trimmed, places[1] = outline.trimmed(samples[1], places[1])
    return surface.cloud((samples[0], trimmed), np.concatenate(places), shown), exposure


def ball_light(mesh: TexturedMesh, lighting: Lighting, place: Floats, normals: Floats) -> Floats:
    """Return the linear light (N, 3) on a white ball at `place` (3,) [m] in the scene, by its unit `normals` (N, 3).

    Times the exposure it is what pictures show; estimates of light are held against it.
    """
    surface = _Surface.of(mesh)
    faces = surface.quads, surface.triangles
    return light_in_air(
        *faces, (surface.mean_colors(faces[0]), surface.mean_colors(faces[1])), place, normals, lighting
    )


@dataclass(frozen=True, eq=False)
class _Surface:
    """A mesh as quads and triangles, whose owners are rows of `part` (F,) and `class_ids` (F,)."""

    quads: Faces
    triangles: Faces
    part: Integers
    class_ids: npt.NDArray[np.uint16]
    mipmaps: tuple[Mipmap, ...]
    class_names: tuple[str, ...]

    @staticmethod
    def of(mesh: TexturedMesh) -> _Surface:
        corners = np.concatenate([p.vertices[p.triangles] for p in mesh.parts]).astype(np.float64)
        uvs = np.concatenate([p.uvs[p.triangles] for p in mesh.parts]).astype(np.float64)
        part = np.repeat(np.arange(len(mesh.parts)), [len(p.triangles) for p in mesh.parts])
        class_ids = np.concatenate([p.class_ids for p in mesh.parts])
        pairs = join_quads(corners, part * (len(mesh.class_names) + 1) + class_ids)
        owners = pairs[:, 0, 0]
        quads = Faces(corners[pairs[..., 0], pairs[..., 1]], uvs[pairs[..., 0], pairs[..., 1]], owners)
        alone = np.ones(len(corners), bool)
        alone[pairs[..., 0].ravel()] = False
        alone &= np.linalg.norm(unit_normals(corners), axis=1) > 0.5
        loose = np.flatnonzero(alone)
        triangles = _shortened(Faces(corners[loose], uvs[loose], loose))
        mipmaps = tuple(Mipmap(p.texture) for p in mesh.parts)
        return _Surface(quads, triangles, part, class_ids, mipmaps, mesh.class_names)

    def fineness(self, faces: Faces, count: int) -> Floats:
        """Return how many Gaussians per length each face deserves, over the mean: detail and narrowness want more."""
        sides = mean_sides(faces.corners) if faces.corners.shape[1] == 4 else _triangle_sides(faces.corners)
        area = mean_sides(self.quads.corners).prod(axis=1).sum() + _triangle_sides(self.triangles.corners).prod(1).sum()
        spacing = (area / count) ** 0.5
        scale = self._texture_scale(faces)
        contrast = np.array([[m.contrast(spacing / s) for m in self.mipmaps] for s in (0.5, 1.0, 2.0)])
        detail = np.interp(np.log2(scale), [-1, 0, 1], [0, 1, 2]).round().astype(int)
        wanted = np.clip(0.7 + 8.0 * contrast[detail, self.part[faces.owners]], 0.7, 1.6)
        narrow = np.clip((sides.min(axis=1, initial=np.inf) / (8 * spacing)), 0.02, 1.0) ** -0.35
        ceiling = np.where(unit_normals(faces.corners)[:, 2] < -0.9, 0.8, 1.0)
        return wanted * narrow * ceiling

    def _texture_scale(self, faces: Faces) -> Floats:
        """Return the width of one texture on each face [m], shape (N,)."""
        a, b = (faces.corners[:, i] - faces.corners[:, 0] for i in (1, -1))
        ta, tb = (faces.uvs[:, i] - faces.uvs[:, 0] for i in (1, -1))
        world = np.linalg.norm(np.cross(a, b), axis=1)
        texture = np.abs(ta[:, 0] * tb[:, 1] - ta[:, 1] * tb[:, 0])
        return np.sqrt(world / np.maximum(texture, 1e-9))

    def colors(self, faces: Faces, samples: Samples) -> Floats:
        """Return linear colours (N, 3) of the samples, averaged over their footprints."""
        uvs = np.einsum("nc,nck->nk", samples.weights, faces.uvs[samples.face])
        size = 1.3 * samples.sigmas.min(axis=1) / self._texture_scale(faces)[samples.face]
        part = self.part[faces.owners][samples.face]
        out = np.empty((len(uvs), 3), np.float32)
        for i, mipmap in enumerate(self.mipmaps):
            mine = np.flatnonzero(part == i)
            out[mine] = mipmap.sharpened(uvs[mine], size[mine])
        return out

    def mean_colors(self, faces: Faces) -> Floats:
        """Return the mean linear colour (N, 3) of the texture on each face."""
        return np.stack([m.mean for m in self.mipmaps])[self.part[faces.owners]]

    def cloud(self, samples: tuple[Samples, Samples], positions: Floats, colors: Floats) -> GaussianCloud:
        """Return Gaussians at `positions` (N, 3) [m] with sRGB `colors` (N, 3), in the frame of the mesh."""
        pairs = zip((self.quads, self.triangles), samples, strict=True)
        tangents, normals = (np.concatenate([getattr(s, n) for s in samples]) for n in ("tangents", "normals"))
        sigmas = np.concatenate([s.sigmas for s in samples])
        owners = np.concatenate([f.owners[s.face] for f, s in pairs])
        frames = np.stack([tangents, np.cross(normals, tangents), normals], axis=2)
        thickness = np.minimum(THICKNESS, sigmas.min(axis=1, keepdims=True))
        return GaussianCloud(
            positions=positions.astype(np.float32),
            scales=np.concatenate([sigmas, thickness], axis=1).astype(np.float32),
            quats_wxyz=quat_from_matrix(frames).astype(np.float32),
            opacities=np.full(len(positions), OPACITY, np.float32),
            sh=((colors - 0.5) / SH_C0)[:, None].astype(np.float32),
            class_ids=self.class_ids[owners],
            class_names=self.class_names,
        )


def _places(faces: Faces, samples: Samples) -> Floats:
    """Return where samples lie (N, 3) [m]."""
    return np.einsum("nc,nck->nk", samples.weights, faces.corners[samples.face])


def _triangle_sides(corners: Floats) -> Floats:
    """Return the sides (N, 2) [m] of a rectangle with the area and the longest side of each triangle."""
    longest = np.linalg.norm(corners - np.roll(corners, -1, axis=1), axis=2).max(axis=1, initial=1e-9)
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1) / 2
    return np.stack([longest, area / longest], axis=1)


def _shortened(triangles: Faces) -> Faces:
    """Halve triangles until none is longer than `LONGEST_TRIANGLE`."""
    done = []
    while len(triangles):
        sides = np.linalg.norm(triangles.corners - np.roll(triangles.corners, -1, axis=1), axis=2)
        long = sides.max(axis=1) > LONGEST_TRIANGLE
        done.append(triangles.select(~long))
        triangles = bisected(triangles.select(long))
    return Faces.concatenate([*done, triangles])

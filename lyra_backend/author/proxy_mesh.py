"""What stands in for the Gaussians where sensors need surfaces: meshes with the classes and colours of the Gaussians.

Does: write ``proxy.usdc`` with the default prim /Proxy and below it one labelled Mesh for each class of what does not
move, and find the colours of what does. One Mesh for each class, because Isaac Sim's annotations take labels of a part
of a mesh (GeomSubset) only if a setting asks for it, those of a whole one always. Faces are divided finely enough to
bound classes and to carry colours; no surface moves. Faces that no Gaussian covers, such as kerbs and linings, which
are for collisions only, are left out. Does not: make anything collide.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pxr import Sdf, Vt

from ..progress import Progress
from ..types import CollisionProxy
from ..types.mesh import concatenate_meshes, triangle_normals_and_areas
from .labels import UNKNOWN_CLASS, author_labels, prim_names
from .layers import apply_schemas, attribute, define, write_layer
from .meshes import Points, Triangles, author_mesh, split_long_edges, used_points, weld
from .surface_samples import SurfaceSamples

__all__ = ["FILE_NAME", "PRIM_NAME", "author_colors", "colors_of", "write"]

FILE_NAME = "proxy.usdc"
PRIM_NAME = "Proxy"

#: Edges are as short as this [m], or in large scenes as long as it takes to stay below so many triangles, which an
#: area A has about 10 A / edge^2 of at most.
_EDGE_M = 0.1
_MOST_TRIANGLES = 400_000

_Types = Sdf.ValueTypeNames
Names = npt.NDArray[np.object_]


def write(
    proxy: CollisionProxy, samples: SurfaceSamples, path: Path, progress: Progress | None = None
) -> dict[str, int]:
    """Write what does not move of `proxy` to `path`; return counts, none and no file if everything moves.

    Args:
        proxy: the colliders, frame WORLD.
        samples: the Gaussians that say what surfaces look like.
        path: the file to write.
        progress: told how far it is.

    Raises:
        InvalidRequest: `path` cannot be written.
    """
    progress = progress or Progress()
    found = _surface(proxy)
    if found is None:
        return {}
    points, triangles, named = found
    progress(0.1, f"sampling colours and classes of {len(triangles)} triangles")
    kinds, is_covered = samples.classes(points[triangles].mean(axis=1))
    kinds = np.where(kinds == UNKNOWN_CLASS, named, kinds)
    shown = is_covered if is_covered.any() else np.ones_like(is_covered)
    triangles, kinds = triangles[shown], kinds[shown]
    progress(0.8, "writing the proxy mesh")
    names = prim_names(sorted(set(kinds)))

    def fill(layer: Sdf.Layer) -> None:
        root = define(layer, PRIM_NAME, "Xform")
        for kind, name in names.items():
            used, corners = used_points(triangles[kinds == kind], len(points))
            # colliders were divided one by one, so where two of one class touch, their points coincide
            own, faces = weld(points[used], corners)
            mesh = author_mesh(root, name, own, faces)
            author_colors(mesh, samples.colors(own))
            if schemas := author_labels(mesh, [kind]):
                apply_schemas(mesh, *schemas)

    write_layer(path, PRIM_NAME, fill)
    return {"proxy_meshes": len(names), "proxy_triangles": len(triangles)}


def colors_of(shapes: Mapping[str, tuple[Points, bool]], samples: SurfaceSamples) -> dict[str, Points]:
    """Return linear colours by path: for each vertex of a mesh (V, 3), or one for a shape that is none (1, 3).

    Args:
        shapes: by path, points of the surface (V, 3) [m], frame WORLD, and whether they are the vertices of a mesh.
        samples: the Gaussians that say what surfaces look like.
    """
    found = {path: (samples.colors(points), is_mesh) for path, (points, is_mesh) in shapes.items()}
    return {
        path: colors if is_mesh else colors.mean(axis=0, keepdims=True) for path, (colors, is_mesh) in found.items()
    }


def author_colors(prim: Sdf.PrimSpec, colors: Points) -> None:
    """Author linear colours for each vertex (V, 3), each stored once, or a single one (1, 3) for the whole."""
    values, indices = np.unique(np.asarray(colors, np.float32), axis=0, return_inverse=True)
    spec = attribute(prim, "primvars:displayColor", _Types.Color3fArray, Vt.Vec3fArray.FromNumpy(values))
    spec.SetInfo("interpolation", "constant" if len(colors) == 1 else "vertex")
    if len(values) < len(colors):
        numbers = Vt.IntArray.FromNumpy(indices.reshape(-1).astype(np.int32))
        attribute(prim, "primvars:displayColor:indices", _Types.IntArray, numbers)


def _surface(proxy: CollisionProxy) -> tuple[Points, Triangles, Names] | None:
    """Return what does not move as one fine mesh, and the class that colliders give each triangle; None if nothing."""
    parts = [part for part in proxy.whole() if not part.dynamic]
    if not parts:
        return None
    pieces = []
    for part in parts:  # one by one, so that each piece knows whose it is
        points, triangles = weld(part.vertices, part.triangles)
        pieces.append((points, triangles, part.semantic_class))
    points, triangles = concatenate_meshes([(p, t) for p, t, _ in pieces])
    named = np.repeat(np.array([kind for *_, kind in pieces], dtype=object), [len(t) for _, t, _ in pieces])
    area = float(triangle_normals_and_areas(points[triangles])[1].sum())
    longest = max(_EDGE_M, (10 * area / _MOST_TRIANGLES) ** 0.5)
    points, triangles, source = split_long_edges(points, triangles.astype(np.int32), longest)
    return points, triangles, named[source]

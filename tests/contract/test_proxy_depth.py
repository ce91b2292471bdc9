"""What a robot's sensors get from the proxy is what its camera sees of the Gaussians: depth, class and colour."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from pxr import Usd, UsdGeom

from lyra_backend import author
from lyra_backend.author.particle_field import Params as FieldParams
from lyra_backend.collide import surface
from lyra_backend.kernels.mesh_distance import MeshTree
from lyra_backend.progress import Progress
from lyra_backend.render.splats import render
from lyra_backend.types import Camera, GaussianCloud, Intrinsics, SceneBundle, look_at

from ..render.scenes import box

#: One class for each channel of a picture.
NAMES = ("unknown", "wall", "cupboard", "crate")


def furnished() -> GaussianCloud:
    """A room of 6 x 5 x 2.8 m with two things in it, each of a class and a grey of its own."""
    solids = [((0, 0, 0), (6, 5, 2.8)), ((4.5, 0.5, 0.0), (5.5, 1.3, 1.8)), ((2.0, 3.0, 0.0), (2.8, 3.8, 0.7))]
    clouds = [
        replace(part, class_ids=np.full(part.count, kind, np.uint16), class_names=NAMES)
        for kind, solid in enumerate(solids, 1)
        for part in [box(*solid, shade=0.25 * kind)]
    ]
    return GaussianCloud.concatenate(clouds)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> tuple[GaussianCloud, Usd.Stage]:
    folder = tmp_path_factory.mktemp("scene")
    cloud = furnished()
    collider = surface.run(cloud, (), surface.Params(), Progress()).value
    bundle = SceneBundle(cloud, collider, {"particle_field": FieldParams()})
    author.run(bundle, folder, author.Params(appearance="proxy"), Progress())
    return cloud, Usd.Stage.Open(str(folder / "stage.usda"))


def visible(stage: Usd.Stage) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Vertices, triangles, colours by vertex and class by triangle of everything that is rendered."""
    all_points, all_triangles, all_colors, all_kinds, start = [], [], [], [], 0
    for prim in stage.Traverse():
        mesh = UsdGeom.Mesh(prim)
        if not mesh or mesh.ComputePurpose() not in ("default", "render"):
            continue
        points = np.array(mesh.GetPointsAttr().Get())
        triangles = np.array(mesh.GetFaceVertexIndicesAttr().Get()).reshape(-1, 3)
        all_points.append(points)
        all_triangles.append(triangles + start)
        all_colors.append(np.array(UsdGeom.PrimvarsAPI(prim).GetPrimvar("displayColor").ComputeFlattened()))
        all_kinds.append(np.full(len(triangles), NAMES.index(prim.GetAttribute("semantics:labels:class").Get()[0])))
        start += len(points)
    return tuple(np.concatenate(a) for a in (all_points, all_triangles, all_colors, all_kinds))  # type: ignore[return-value]


@pytest.mark.parametrize("target", [(5.5, 1.0, 0.8), (2.4, 3.4, 0.3)])
def test_depth_class_and_colour_are_those_of_the_gaussians(
    scene: tuple[GaussianCloud, Usd.Stage], target: tuple[float, float, float]
) -> None:
    cloud, stage = scene
    camera = Camera(Intrinsics.from_fov(160, 120, 75.0), look_at((1.0, 1.0, 0.6), target))
    points, triangles, colors, kinds = visible(stage)
    lens, turn = camera.intrinsics, camera.cam_to_world[:3, :3].astype(np.float64)
    x, y = np.meshgrid((np.arange(160) + 0.5 - lens.cx) / lens.fx, (np.arange(120) + 0.5 - lens.cy) / lens.fy)
    rays = np.stack([x, y, np.ones_like(x)], axis=-1).reshape(-1, 3)
    lengths = np.linalg.norm(rays, axis=1)
    hits = MeshTree(points, triangles).rays(np.tile(camera.position, (len(rays), 1)), rays / lengths[:, None] @ turn.T)
    seen = render(cloud, camera)
    depth, expected = (hits.distance / lengths).reshape(120, 160), seen.depth_m
    assert np.isfinite(expected).mean() > 0.99
    assert np.isfinite(depth)[np.isfinite(expected)].mean() > 0.999
    error = np.abs(depth - expected)[np.isfinite(expected) & np.isfinite(depth)]
    assert np.median(error) < 0.01
    assert np.quantile(error, 0.95) < 0.05
    marks = (np.eye(4)[cloud.class_ids][:, 1:] - 0.5) / 0.28209479
    painted = render(replace(cloud, sh=marks[:, None].astype(np.float32)), camera).rgb.astype(int)
    clear = (painted.max(axis=2) > 180) & (hits.triangle.reshape(120, 160) >= 0)
    found = kinds[hits.triangle].reshape(120, 160)
    assert set(found[clear]) >= {1, 2} or set(found[clear]) >= {1, 3}
    assert (found == painted.argmax(axis=2) + 1)[clear].mean() > 0.97
    greys = colors[triangles[hits.triangle]].mean(axis=(1, 2)).reshape(120, 160)
    srgb = np.where(greys <= 0.0031308, 12.92 * greys, 1.055 * greys ** (1 / 2.4) - 0.055)
    assert np.median(np.abs(srgb - seen.rgb[..., 0] / 255)[clear]) < 0.02

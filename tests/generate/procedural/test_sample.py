import numpy as np
import pytest

from lyra_backend.errors import InvalidRequest
from lyra_backend.generate.procedural.elements import Material
from lyra_backend.generate.procedural.sample import gaussians_from
from lyra_backend.generate.procedural.surface import surface_from
from lyra_backend.progress import Progress
from lyra_backend.types import GaussianCloud
from lyra_backend.types.rotations import matrix_from_quat

from .scenes import LAMPLIGHT, PAINT, ball, box, room, sheet

COUNT = 60_000


@pytest.fixture(scope="module")
def mesh():
    things = [ball("ball", 0.25, (1, 1, 0.25)), box("crate", (0.8, 0.5, 0.4), (2.5, 2.0, 0), 25)]
    return surface_from([*room(), *things], 0, Progress())


@pytest.fixture(scope="module")
def cloud(mesh):
    return gaussians_from(mesh, LAMPLIGHT, COUNT, 0, False, Progress())[0]


def surface_points(mesh, count, seed=0):
    """Random points (count, 3) on the mesh and their normals."""
    rng = np.random.default_rng(seed)
    vertices, triangles = mesh.welded()
    corners = vertices[triangles].astype(float)
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    size = np.linalg.norm(cross, axis=1)
    face = rng.choice(len(size), count, p=size / size.sum())
    u, v = np.sort(rng.random((2, count)), axis=0)
    weights = np.stack([u, v - u, 1 - v], axis=1)
    return np.einsum("nc,nck->nk", weights, corners[face]), cross[face] / size[face][:, None]


def opacity_towards(cloud: GaussianCloud, points, normals, neighbours=24):
    """Opacity (N,) that straight views onto surface points meet within 4 cm: the product over the flat Gaussians."""
    from scipy.spatial import cKDTree

    _, near = cKDTree(cloud.positions).query(points, k=neighbours)
    axes = matrix_from_quat(cloud.quats_wxyz)[near]
    offset = points[:, None] - cloud.positions[near]
    # Slide along the view to where it is closest to each Gaussian's plane.
    facing = np.einsum("nkc,nc->nk", axes[..., 2], normals)
    depth = -np.einsum("nkc,nkc->nk", offset, axes[..., 2]) / np.where(np.abs(facing) > 0.3, facing, np.inf)
    local = np.einsum("nkc,nkca->nka", offset + depth[..., None] * normals[:, None], axes)
    kernel = np.exp(-0.5 * ((local[..., :2] / cloud.scales[near][..., :2]) ** 2).sum(axis=2))
    kernel[(np.abs(depth) > 0.04) | (np.abs(facing) < 0.3)] = 0
    return 1 - np.prod(1 - cloud.opacities[near] * kernel, axis=1)


def test_count_classes_and_shapes(cloud, mesh):
    assert cloud.count == COUNT
    assert cloud.sh_degree == 0
    assert cloud.class_names == mesh.class_names
    assert set(np.unique(cloud.class_ids)) == set(range(1, len(mesh.class_names)))
    assert 0.0005 < cloud.scales[:, 2].min() <= cloud.scales[:, 2].max() <= 0.003
    assert 0.9 <= cloud.opacities.min() <= cloud.opacities.max() <= 0.97


def test_views_of_any_surface_point_meet_enough_opacity(cloud, mesh):
    points, normals = surface_points(mesh, 4000)
    opacity = opacity_towards(cloud, points, normals)
    # Only the outermost millimetres of faces, where two meet, have less.
    assert np.quantile(opacity, 0.04) > 0.95
    assert opacity.min() > 0.65


def test_gaussians_lie_on_the_surface_and_look_into_free_space(cloud, mesh):
    from scipy.spatial import cKDTree

    points, normals = surface_points(mesh, 200_000, seed=1)
    distance, nearest = cKDTree(points).query(cloud.positions)
    outward = matrix_from_quat(cloud.quats_wxyz)[:, :, 2]
    clear = distance < 0.02
    assert clear.mean() > 0.97
    facing = np.einsum("nk,nk->n", outward, normals[nearest])
    assert (facing[clear] > 0.3).mean() > 0.985
    inside = (cloud.positions > -1e-4).all(axis=1) & (cloud.positions < np.array([4, 3, 2.5]) + 1e-4).all(axis=1)
    assert inside.all()


def test_silhouettes_are_crisp():
    board = sheet("board", [(0, 0, 1), (1, 0, 1), (1, 0.6, 1), (0, 0.6, 1)])
    made = gaussians_from(surface_from([board], 0, Progress()), LAMPLIGHT, 3000, 0, False, Progress())[0]
    spacing = (0.6 / 3000) ** 0.5
    up = np.tile([0.0, 0, 1], (200, 1))
    y = np.linspace(0.05, 0.55, 200)
    outside = opacity_towards(made, np.stack([np.full(200, 1 + 0.5 * spacing), y, np.ones(200)], axis=1), up)
    inside = opacity_towards(made, np.stack([np.full(200, 1 - 0.5 * spacing), y, np.ones(200)], axis=1), up)
    assert outside.max() < 0.4
    assert inside.min() > 0.9


def test_discs_and_cones_have_no_spikes():
    """Gaussians of triangles end where the surface ends."""
    from lyra_backend.generate.procedural.elements import Element
    from lyra_backend.generate.procedural.shapes import lathe

    made = []
    for name, profile in (("cone", [(0.14, 0), (0.03, 0.65)]), ("sleeve", [(0.12, 0.2), (0.10, 0.31)])):
        body = lathe(profile, 20)
        made.append(Element(name, name, PAINT, body.vertices, body.triangles, np.eye(4)))
    cloud = gaussians_from(surface_from(made, 0, Progress()), LAMPLIGHT, 2500, 0, False, Progress())[0]
    mine = cloud.class_ids == cloud.class_names.index("sleeve")
    frames = matrix_from_quat(cloud.quats_wxyz[mine])
    level = frames[:, 2, 2] > 0.9  # the rims of the sleeve, most of them inside the cone
    assert level.sum() > 10
    for axis in range(2):
        for way in (-1.5, 1.5):
            tips = cloud.positions[mine] + way * cloud.scales[mine][:, axis, None] * frames[:, :, axis]
            assert np.hypot(tips[level, 0], tips[level, 1]).max() < 0.128


def test_small_things_and_detail_get_more(cloud, mesh):
    plain = sheet("plain", [(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0)])
    checked = sheet("checked", [(2, 0, 0), (3, 0, 0), (3, 1, 0), (2, 1, 0)], Material("hazard_stripes", (1, 1, 0)))
    stick = box("stick", (0.02, 0.02, 0.5), (1.5, 0.5, 0))
    scene = surface_from([plain, checked, stick], 0, Progress())
    made = gaussians_from(scene, LAMPLIGHT, 5000, 0, False, Progress())[0]
    count = dict(zip(made.class_names, np.bincount(made.class_ids, minlength=4), strict=True))
    assert count["checked"] > 1.5 * count["plain"]
    assert count["stick"] / (4 * 0.02 * 0.5) > 3 * count["plain"]


def test_unlit_colours_are_those_of_the_texture():
    tile = sheet("tile", [(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0)], Material("plain", (0.8, 0.4, 0.2)))
    made = gaussians_from(surface_from([tile], 0, Progress()), LAMPLIGHT, 500, 0, False, Progress())[0]
    assert made.base_colors == pytest.approx(np.tile([0.8, 0.4, 0.2], (500, 1)), abs=0.005)


@pytest.mark.parametrize(
    "thing", [ball("ball", 0.3, (0, 0, 1)), sheet("s", [(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0)])]
)
def test_a_single_thing_is_a_scene(thing):
    made = gaussians_from(surface_from([thing], 0, Progress()), LAMPLIGHT, 3000, 0, True, Progress())[0]
    assert made.count == 3000
    assert 0.1 < made.base_colors.mean() < 1


@pytest.mark.parametrize("count", [1, 7, 150, 2_000])
def test_any_count_is_met(mesh, count):
    assert gaussians_from(mesh, LAMPLIGHT, count, 0, False, Progress())[0].count == count


def test_equal_requests_give_equal_clouds(mesh):
    one, two = (gaussians_from(mesh, LAMPLIGHT, 8000, 3, True, Progress())[0] for _ in range(2))
    for name in ("positions", "scales", "quats_wxyz", "opacities", "sh", "class_ids"):
        assert (getattr(one, name) == getattr(two, name)).all()


def test_no_gaussians_or_no_surface_are_refused(mesh):
    with pytest.raises(InvalidRequest, match="positive count"):
        gaussians_from(mesh, LAMPLIGHT, 0, 0, False, Progress())[0]
    with pytest.raises(InvalidRequest, match="surface"):
        gaussians_from(type(mesh)(()), LAMPLIGHT, 10, 0, False, Progress())[0]

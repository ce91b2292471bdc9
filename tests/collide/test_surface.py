"""Colliders of small clouds whose true surface is known."""

from __future__ import annotations

import numpy as np
import pytest

from lyra_backend.collide import surface
from lyra_backend.errors import Cancelled, InvalidRequest
from lyra_backend.kernels.mesh_distance import mesh_distance, mesh_rays
from lyra_backend.progress import CancelToken, Progress
from lyra_backend.types import Frame, Role, Severity, Similarity

from .clouds import box, camera, cloud, floaters, join, room, sheet

#: Only what bounds free space, nothing that completes it.
BARE = {"lining_height": 0.0, "kerb_height": 0.0, "close_bottoms": False}


def collide(scene, cameras=(), **params):
    return surface.run(scene, cameras, surface.Params(**params), Progress())


def mesh(outcome):
    (part,) = outcome.value.with_role(Role.ENVIRONMENT)
    return part.vertices, part.triangles


def edge_uses(triangles):
    edges = np.sort(triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    return np.unique(edges, axis=0, return_counts=True)[1]


def volume(vertices, triangles):
    a, b, c = (vertices[triangles[:, k]].astype(float) for k in range(3))
    return float((np.cross(a, b) * c).sum() / 6)


def down(outcome, x, y, z):
    """Height of the first thing below a point and whether its front is up; None if there is nothing."""
    hit = mesh_rays(*mesh(outcome), np.array([[x, y, z]]), np.array([[0.0, 0.0, -1.0]]))
    return (z - float(hit.distance[0]), bool(hit.front[0])) if hit.triangle[0] >= 0 else None


def codes(outcome):
    return {f.code: f for f in outcome.findings}


@pytest.fixture(scope="module")
def furnished():
    scene = join(room(), box((1.0, 1.0, 0.0), (1.5, 1.6, 0.5)), floaters((0.2, 0.2, 0.8), (2.8, 0.8, 1.8)))
    return scene, collide(scene, **BARE)


def test_a_closed_room_gives_a_closed_surface_wound_inwards(furnished):
    _, outcome = furnished
    vertices, triangles = mesh(outcome)
    assert (edge_uses(triangles) == 2).all()
    # outward-facing surfaces enclose positive volume: inside out, the room less the box
    assert volume(vertices, triangles) == pytest.approx(-(3.0 * 2.5 * 2.0 - 0.5 * 0.6 * 0.5), rel=0.01)


def test_surfaces_lie_within_millimetres(furnished):
    _, outcome = furnished
    rng = np.random.default_rng(1)
    for x, y in rng.uniform((0.1, 0.1), (0.9, 2.4), (40, 2)):
        height, front = down(outcome, x, y, 0.5)
        assert front
        assert abs(height) < 0.003
    height, front = down(outcome, 1.25, 1.3, 0.9)
    assert front
    assert height == pytest.approx(0.5, abs=0.003)
    assert outcome.value.error_m["p95"] < 0.01


def test_floaters_are_dropped(furnished):
    scene, outcome = furnished
    blob = np.array([[1.5, 0.5, 1.3]])
    assert mesh_distance(*mesh(outcome), blob).distance[0] > 0.4
    clean = collide(join(room(), box((1.0, 1.0, 0.0), (1.5, 1.6, 0.5))), **BARE)
    probes = np.random.default_rng(2).uniform((0.1, 0.1, 0.1), (2.9, 2.4, 1.9), (2000, 3))
    with_, without = (mesh_distance(*mesh(o), probes).distance for o in (outcome, clean))
    assert np.abs(with_ - without).max() < 0.03
    assert outcome.counts["gaussians"] == scene.count
    assert outcome.counts["components_dropped"] > clean.counts["components_dropped"]


@pytest.mark.parametrize("offset", [0.0, 0.25, 0.77])
def test_the_phase_of_the_lattice_does_not_matter(offset):
    moved = {"grid_offset": offset}
    outcome = collide(join(room(), box((1.0, 1.0, 0.0), (1.5, 1.6, 0.5))), **BARE, **moved)
    vertices, triangles = mesh(outcome)
    assert (edge_uses(triangles) % 2 == 0).all()
    assert volume(vertices, triangles) == pytest.approx(-14.85, rel=0.01)
    assert abs(down(outcome, 0.6, 0.6, 0.5)[0]) < 0.003


def test_a_thin_wall_keeps_both_sides():
    wall = join(sheet((1.5, 0.0, 0.0), (0, 1.5, 0), (0, 0, 1.2)), sheet((1.54, 0.0, 0.0), (0, 1.5, 0), (0, 0, 1.2)))
    outcome = collide(join(room(), wall), **BARE)
    starts = np.array([[1.0, 0.7, 0.6], [2.0, 0.7, 0.6]])
    hits = mesh_rays(*mesh(outcome), starts, np.array([[1.0, 0, 0], [-1.0, 0, 0]]))
    assert hits.front.all()
    assert hits.distance == pytest.approx((0.5, 0.46), abs=0.01)


def test_a_single_sheet_reached_from_both_sides_has_two_fronts():
    outcome = collide(join(room(), sheet((1.513, 0.0, 0.0), (0, 1.5, 0), (0, 0, 1.2))), **BARE)
    starts = np.array([[1.0, 0.7, 0.6], [2.0, 0.7, 0.6]])
    hits = mesh_rays(*mesh(outcome), starts, np.array([[1.0, 0, 0], [-1.0, 0, 0]]))
    assert hits.front.all()
    assert hits.distance == pytest.approx((0.513, 0.487), abs=0.006)
    assert (edge_uses(mesh(outcome)[1]) % 2 == 0).all()


def test_gaps_stay_open_and_pin_holes_close():
    left, right = sheet((1.5, 0.0, 0.0), (0, 1.0, 0), (0, 0, 2.0)), sheet((1.5, 1.12, 0.0), (0, 1.38, 0), (0, 0, 2.0))
    hole = np.linalg.norm(left.positions - (1.5, 0.5, 1.0), axis=1) > 0.025
    outcome = collide(join(room(), left.select(hole), right), (), **BARE)
    starts = np.array([[1.0, 1.06, 1.0], [1.0, 0.5, 1.0]])
    hits = mesh_rays(*mesh(outcome), starts, np.tile([1.0, 0.0, 0.0], (2, 1)))
    assert hits.distance == pytest.approx((2.0, 0.5), abs=0.01)


@pytest.mark.parametrize(("offset", "turn"), [(0.25, (0.7071, 0.7071, 0, 0)), (0.43, (0.7071, 0, 0.7071, 0))])
def test_one_gaussian_across_a_floor_leaves_no_bump(offset, turn):
    across = cloud([[1.355, 1.385, 0.0045]], [[0.02, 0.02, 0.002]], [turn], [0.99])
    part = collide(join(room(), across), grid_offset=offset, **BARE).value.parts[0]
    near = part.vertices[np.linalg.norm(part.vertices - (1.355, 1.385, 0.0), axis=1) < 0.3]
    assert len(near)
    assert np.ptp(near[:, 2]) < 0.001


def test_open_ground_has_no_underside_and_a_kerb_at_its_end():
    x, y = np.meshgrid(np.arange(0, 4, 0.02), np.arange(0, 3, 0.02), indexing="ij")
    z = 0.15 * np.sin(2 * x) + 0.1 * np.cos(3 * y)
    slope = np.stack([-0.3 * np.cos(2 * x), 0.3 * np.sin(3 * y), np.ones_like(x)], axis=-1).reshape(-1, 3)
    slope /= np.linalg.norm(slope, axis=1, keepdims=True)
    half = slope + (0, 0, 1)  # the quaternion that turns z onto the normal
    half /= np.linalg.norm(half, axis=1, keepdims=True)
    quats = np.stack([half[:, 2], -half[:, 1], half[:, 0], 0 * half[:, 0]], axis=1)
    points = np.stack([x, y, z], axis=-1).reshape(-1, 3)
    ground = cloud(points, np.tile([0.02, 0.02, 0.002], (len(points), 1)), quats, np.full(len(points), 0.95))
    bare, fenced = collide(ground, **BARE), collide(ground, kerb_height=0.3)
    vertices, triangles = mesh(bare)
    normals = np.cross(*(vertices[triangles[:, k]] - vertices[triangles[:, 0]] for k in (1, 2)))
    assert (normals[:, 2] > 0).all()
    error = vertices[:, 2] - 0.15 * np.sin(2 * vertices[:, 0]) - 0.1 * np.cos(3 * vertices[:, 1])
    assert np.quantile(np.abs(error), 0.95) < 0.006
    assert bare.counts["kerb_m"] == 0
    assert fenced.counts["kerb_m"] == pytest.approx(14.0, rel=0.15)
    # just above the ground, a step from each end, the kerb is met from its front
    for x, y, way in ((3.7, 1.5, (1, 0, 0)), (0.3, 1.5, (-1, 0, 0)), (2.0, 2.7, (0, 1, 0)), (2.0, 0.3, (0, -1, 0))):
        end = np.array([[x, y, 0.15 * np.sin(2 * x) + 0.1 * np.cos(3 * y) + 0.12]])
        hits = mesh_rays(*mesh(fenced), end, np.array([way], float))
        assert hits.front[0]
        assert hits.distance[0] == pytest.approx(0.3, abs=0.08)


def test_the_kerb_stands_where_the_floor_ends_also_under_a_roof_that_goes_on():
    floor, roof = sheet((0, 0, 0), (2.0, 0, 0), (0, 2.0, 0)), sheet((-0.5, 0, 1.5), (1.5, 0, 0), (0, 2.0, 0))
    fenced = collide(join(floor, roof))
    assert fenced.counts["kerb_m"] == pytest.approx(8.0, rel=0.1)
    hits = mesh_rays(*mesh(fenced), np.array([[0.3, 1.0, 0.1]]), np.array([[-1.0, 0, 0]]))
    assert hits.front[0]
    assert hits.distance[0] == pytest.approx(0.3, abs=0.06)


def test_without_cameras_free_space_is_above_the_floor_and_with_them_it_is_theirs():
    two = join(room(), room((2.0, 2.0, 2.0)).transformed(Similarity(translation=(5.0, 0.0, 0.0)), Frame.WORLD))
    both = collide(two, **BARE)
    assert down(both, 0.5, 0.5, 1.0) is not None
    assert down(both, 5.5, 0.5, 1.0) is not None
    one = collide(two, (camera((6.0, 1.0, 1.0), (7.0, 1.0, 1.0)),), **BARE)
    assert down(one, 0.5, 0.5, 1.0) is None
    assert down(one, 5.5, 0.5, 1.0) == (pytest.approx(0.0, abs=0.003), True)


def test_solids_are_lined_and_stand_on_the_floor():
    scene = join(room(), box((1.0, 1.0, 0.0), (1.7, 1.7, 1.2)))
    bare, whole = collide(scene, **BARE), collide(scene)
    assert down(bare, 1.35, 1.35, 0.8) is None
    height, front = down(whole, 1.35, 1.35, 0.8)
    assert front
    assert height == pytest.approx(0.0, abs=0.004)
    hits = mesh_rays(*mesh(whole), np.full((2, 3), (1.35, 1.35, 0.6)), np.array([[1.0, 0, 0], [0, -1.0, 0]]))
    assert hits.front.all()
    assert hits.distance == pytest.approx(0.35, abs=0.02)
    # from outside nothing has changed
    outside = mesh_rays(*mesh(whole), np.array([[0.5, 1.35, 0.6]]), np.array([[1.0, 0, 0]]))
    assert outside.front.all()
    assert outside.distance == pytest.approx(0.5, abs=0.005)
    assert whole.counts["closed_m2"] == pytest.approx(0.49, abs=0.2)


def test_one_stray_gaussian_does_not_blow_the_lattice_up():
    stray = cloud([[4000.0, -9000.0, 300.0]], [[0.02] * 3], [[1, 0, 0, 0]], [0.9])
    sky = cloud([[1.0, 1.0, 1.0]], [[80.0, 80.0, 80.0]], [[1, 0, 0, 0]], [0.9])
    outcome = collide(join(room(), stray, sky), **BARE)
    found = codes(outcome)["collide.clipped"]
    assert (found.severity, found.measured) == (Severity.INFO, 2.0)
    assert abs(down(outcome, 0.5, 0.5, 1.0)[0]) < 0.003


def test_nothing_to_stand_on_is_an_error_and_no_collider():
    for scene in (sheet((0, 0, 0), (0, 2.0, 0), (0, 0, 2.0)), room().select(np.zeros(0, int))):
        outcome = collide(scene)
        assert outcome.value.parts == ()
        assert outcome.value.method == "surface"
        assert outcome.findings[-1].severity is Severity.ERROR


def test_the_same_cloud_gives_the_same_bytes():
    scene = join(room((1.5, 1.5, 1.5)), floaters((0.2, 0.2, 0.2), (1.3, 1.3, 1.3)))
    one, two = collide(scene), collide(scene)
    for a, b in zip(mesh(one), mesh(two), strict=True):
        assert a.tobytes() == b.tobytes()
    assert one.counts == two.counts
    assert one.value.error_m == two.value.error_m


def test_the_part_is_the_environment(furnished):
    (part,) = furnished[1].value.with_role(Role.ENVIRONMENT)
    assert (part.name, part.semantic_class, part.approximation) == ("environment", "environment", "none")
    assert len(part.triangles) == furnished[1].counts["triangles"] <= 20_000


def test_an_imprecise_collider_is_a_finding():
    outcome = collide(room(), max_error_p95=1e-6, **BARE)
    found = codes(outcome)["collide.error_p95"]
    assert found.severity is Severity.WARNING
    assert found.measured == outcome.value.error_m["p95"] > found.limit == 1e-6


def test_a_flat_floor_has_few_triangles():
    outcome = collide(join(room((4.0, 3.0, 2.0)), box((1.0, 1.0, 0.0), (1.5, 1.6, 0.5))), **BARE)
    vertices, triangles = mesh(outcome)
    corners = vertices[triangles].astype(float)
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    floor = (np.abs(corners[..., 2]) < 0.01).all(axis=1) & (normal[:, 2] > 0.9 * np.linalg.norm(normal, axis=1))
    assert normal[floor, 2].sum() / 2 == pytest.approx(12.0 - 0.3, rel=0.01)
    assert floor.sum() <= 150
    assert len(triangles) <= 1000


def test_too_many_triangles_are_a_finding():
    outcome = collide(room(), max_triangles=100, target_triangles=0, **BARE)
    found = codes(outcome)["collide.triangles"]
    assert found.severity is Severity.WARNING
    assert found.measured == len(mesh(outcome)[1]) > found.limit == 100


def test_a_cloud_of_another_frame_is_refused():
    unscaled = room().transformed(Similarity(), Frame.GENERATOR)
    with pytest.raises(InvalidRequest, match="frame"):
        collide(unscaled)


def test_a_stop_is_noticed():
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        surface.run(room(), (), surface.Params(), Progress(token=token))


@pytest.mark.parametrize(
    ("shown", "lining", "hidden", "decides"),
    [
        (14_000, 6_000, 400, True),  # a kitchen
        (17_000, 200, 500, False),  # within
        (130_000, 30_000, 1_000, False),  # terrain, that no lining brings within
    ],
)
def test_linings_give_way_where_that_is_enough(shown: int, lining: int, hidden: int, decides: bool) -> None:
    assert surface._lining_decides(shown, lining, hidden, 18_000 if shown < 100_000 else 80_000) == decides

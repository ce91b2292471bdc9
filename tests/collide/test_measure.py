"""The stated error against known errors, on a room whose lattice, Gaussians and meshes are made by hand."""

from types import SimpleNamespace

import numpy as np
import pytest

from lyra_backend.collide import heightfield, surface
from lyra_backend.collide._error.measure import measure_collider
from lyra_backend.collide._error.on_purpose import OnPurpose
from lyra_backend.collide._scan.lattice import Grid, Points
from lyra_backend.progress import Progress
from lyra_backend.types import Severity

from .clouds import cloud, join, room, sheet

SIZE = np.array([3.0, 2.5, 2.0])
NOISE = 0.008
LIMIT = 0.03


def lattice(is_free):
    """A lattice of 5 cm around the room; `is_free` takes points (N, 3) [m]."""
    grid = Grid(np.array([-0.5, -0.5, -0.5]), 0.05, (80, 72, 64))
    blocks = np.stack(np.meshgrid(*(np.arange(n // 8) for n in grid.shape), indexing="ij"), axis=-1).reshape(-1, 3)
    inner = np.stack(np.meshgrid(*(np.arange(8),) * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    points = (blocks[:, None] * 8 + inner) * 0.05 - 0.5
    directory = np.arange(len(blocks), dtype=np.int32).reshape([n // 8 for n in grid.shape])
    dense = is_free(points.reshape(-1, 3)).reshape(-1, 512)
    plan = np.stack(np.meshgrid(*(np.arange(n) * 0.05 - 0.5 for n in grid.shape[:2]), indexing="ij"), axis=-1)
    inside = ((plan > 0) & (plan < SIZE[:2])).all(axis=-1)
    ground = np.where(inside, 10, 2**30)
    return SimpleNamespace(
        reached=Points(directory, dense, np.zeros(directory.shape, bool)), ground=ground, inside=inside
    ), grid


def in_room(points):
    return ((points > 0.03) & (points < SIZE - 0.03)).all(axis=1)


def wall(corner, u, v, keep=lambda centres: np.full(len(centres), True)):
    """A parallelogram of triangles 5 cm wide, whose normal is u x v."""
    corner, u, v = (np.asarray(a, float) for a in (corner, u, v))
    a, b = (round(np.linalg.norm(side) / 0.05) for side in (u, v))
    s, t = np.meshgrid(np.linspace(0, 1, a + 1), np.linspace(0, 1, b + 1), indexing="ij")
    points = corner + s.reshape(-1, 1) * u + t.reshape(-1, 1) * v
    n = np.arange((a + 1) * (b + 1)).reshape(a + 1, b + 1)
    p, q, r, o = n[:-1, :-1].ravel(), n[1:, :-1].ravel(), n[1:, 1:].ravel(), n[:-1, 1:].ravel()
    triangles = np.concatenate([np.stack([p, q, r], axis=1), np.stack([p, r, o], axis=1)])
    return points, triangles[keep(points[triangles].mean(axis=1))]


def room_mesh(grown=0.0, keep=lambda centres: np.full(len(centres), True), floor=None):
    """The six sides, wound inwards, `grown` [m] outwards."""
    x, y, z = np.diag(SIZE)
    low = np.zeros(3)
    sides = [(low, x, y), (z, y, x), (low, z, x), (y, x, z), (low, y, z), (x, z, y)]
    meshes = [wall(*side, keep=keep) for side in sides]
    vertices, triangles = together(*meshes)
    middle = SIZE / 2
    vertices = middle + (vertices - middle) * (SIZE + 2 * grown) / SIZE
    if floor is not None:
        ground = np.abs(vertices[:, 2]) < 1e-6
        vertices[ground, 2] += floor(vertices[ground])
    return vertices, triangles


def together(*meshes):
    starts = np.cumsum([0] + [len(v) for v, _ in meshes])
    return np.concatenate([v for v, _ in meshes]), np.concatenate(
        [t + s for (_, t), s in zip(meshes, starts[:-1], strict=True)]
    )


def noisy(clean, noise=NOISE, seed=0):
    """Scatter Gaussians along every axis; only what is across their surface matters."""
    moved = clean.positions + np.random.default_rng(seed).normal(0, noise, clean.positions.shape)
    return cloud(moved, clean.scales, clean.quats_wxyz, clean.opacities)


def measured(gaussians, mesh, is_free=in_room, limit=LIMIT, on_purpose=None):
    free, grid = lattice(is_free)
    vertices, triangles = mesh
    return measure_collider(gaussians, free, grid, vertices.astype(np.float32), triangles, limit, on_purpose)


def finding(result, code):
    return next((f for f in result.findings if f.code == f"collide.{code}"), None)


@pytest.fixture(scope="module")
def splats():
    return noisy(room(tuple(SIZE)))


def test_a_perfect_collider_is_not_blamed_for_the_gaussians_noise(splats):
    result = measured(splats, room_mesh())
    assert result.error_m["p95"] < 0.003  # the Gaussians scatter by 8 mm: 95 % of them within 16 mm
    assert result.error_m["median"] < 0.001
    assert -0.010 < result.error_m["signed_median"] < 0.0  # rays end on the foremost Gaussians
    assert [f.code for f in result.findings] == ["collide.error_p95"]
    assert result.findings[0].severity is Severity.INFO
    assert result.counts["leaks"] == result.counts["rays_phantom_share"] == 0
    assert result.counts["measured_m2"] == pytest.approx(37.0, rel=0.1)


@pytest.mark.parametrize("off", [0.01, 0.04])
def test_an_offset_is_stated_as_it_is(splats, off):
    result = measured(splats, room_mesh(off))
    assert result.error_m["median"] == pytest.approx(off, abs=0.002)
    assert result.error_m["p95"] == pytest.approx(off, abs=0.003)
    assert result.error_m["signed_median"] == pytest.approx(-off - 0.006, abs=0.004)
    warned = finding(result, "error_p95").severity is Severity.WARNING
    assert warned == (off > LIMIT)


def test_a_hole_is_found_with_its_place(splats):
    hole = np.array([0.0, 1.2, 1.0])
    result = measured(splats, room_mesh(keep=lambda c: np.linalg.norm(c - hole, axis=1) > 0.4))
    share = 0.3**2 * np.pi / 37.0  # farther than 10 cm from the rim
    assert result.counts["surface_missing_share"] == pytest.approx(share, rel=0.35)
    assert result.counts["holes_per_m2"] == pytest.approx(1 / 37.0, rel=0.15)
    assert result.counts["leaks"] >= 1
    where = np.array([float(v) for v in finding(result, "leak").where.removesuffix(" m").split(",")])
    assert np.linalg.norm(where - hole) < 0.6


def test_a_pinhole_lets_nothing_out(splats):
    hole = np.array([0.0, 1.2, 1.0])
    result = measured(splats, room_mesh(keep=lambda c: np.linalg.norm(c - hole, axis=1) > 0.03))
    assert result.counts["leaks"] == 0


def test_floaters_are_not_surface_that_is_missing(splats):
    rng = np.random.default_rng(4)
    centre = np.array([1.5, 1.2, 1.0])
    count = 400
    points, quats = centre + rng.normal(0, 0.05, (count, 3)), rng.normal(size=(count, 4))
    blob = cloud(points, np.tile([0.02, 0.02, 0.003], (count, 1)), quats, np.full(count, 0.9))
    alone, with_blob = (measured(c, room_mesh()) for c in (splats, join(splats, blob)))
    assert with_blob.error_m["p95"] == pytest.approx(alone.error_m["p95"], abs=0.001)
    assert with_blob.counts["surface_missing_share"] == 0


def test_a_phantom_wall_is_found(splats):
    phantom = wall([1.2, 0.6, 0.2], [0.0, 1.2, 0.0], [0.0, 0.0, 1.4])
    result = measured(splats, together(room_mesh(), phantom))
    found = finding(result, "phantom")
    assert found is not None
    assert found.measured > 0.02
    assert float(found.where.split(",")[0]) == pytest.approx(1.2, abs=0.02)


@pytest.fixture(scope="module")
def roofless(splats):
    return splats.select(splats.positions[:, 2] < SIZE[2] - 0.1), room_mesh(keep=lambda c: c[:, 2] < SIZE[2] - 0.01)


PLATE = wall([0.5, 0.5, 1.7], [0.0, 1.5, 0.0], [2.0, 0.0, 0.0])  # faces down


def test_a_phantom_before_the_sky_is_found(roofless):
    gaussians, mesh = roofless
    clear = measured(gaussians, mesh)
    assert clear.counts["rays_clear"] > 3000
    assert clear.counts["rays_phantom_share"] < 0.001
    found = finding(measured(gaussians, together(mesh, PLATE)), "phantom")
    assert found.measured > 0.05
    assert float(found.where.split(",")[2].removesuffix(" m")) == pytest.approx(1.7, abs=0.02)


def test_what_stands_before_the_sky_on_purpose_is_no_phantom(roofless):
    gaussians, mesh = roofless
    empty = np.zeros((0, 3), np.int32)
    put_in = np.concatenate([gaussians.positions, sheet([0.5, 0.5, 1.7], [2.0, 0, 0], [0, 1.5, 0]).positions])
    nothing = OnPurpose(PLATE[0], empty, gaussians.positions, gaussians.positions)
    built = OnPurpose(*PLATE, gaussians.positions, gaussians.positions)
    pane = OnPurpose(PLATE[0], empty, put_in, gaussians.positions)
    shares = [
        measured(gaussians, together(mesh, PLATE), on_purpose=known).counts["rays_phantom_share"]
        for known in (nothing, built, pane)
    ]
    assert shares[0] > 0.05
    assert max(shares[1:]) < 0.001


@pytest.mark.parametrize("collider", [surface, heightfield])
def test_a_kerb_is_no_phantom(collider):
    ground = sheet((0, 0, 0), (4, 0, 0), (0, 4, 0))
    outcome = collider.run(ground, (), collider.Params(lone_plane=True), Progress())
    assert outcome.counts["kerb_m"] > 10
    assert outcome.counts["rays_clear"] > 1000
    assert outcome.counts["rays_phantom_share"] == 0


def test_a_thin_wall_needs_both_sides(splats):
    inner = ([1.5, 0.5, 0.02], [0.0, 1.5, 0.0], [0.0, 0.0, 1.5])
    back = ([1.55, 0.5, 0.02], [0.0, 0.0, 1.5], [0.0, 1.5, 0.0])

    def is_free(points):
        in_wall = (points[:, 0] > 1.49) & (points[:, 0] < 1.56) & (points[:, 1] > 0.5) & (points[:, 1] < 2.0)
        return in_room(points) & ~(in_wall & (points[:, 2] < 1.52))

    both = noisy(join(sheet(*inner, seed=1), sheet(*back, seed=2)), 0.004, 1)
    gaussians = join(splats, both)
    front, behind = wall(inner[0], inner[2], inner[1]), wall(back[0], back[2], back[1])
    whole = measured(gaussians, together(room_mesh(), front, behind), is_free)
    half = measured(gaussians, together(room_mesh(), front), is_free)
    assert whole.counts["thin_wall_places"] > 300
    assert whole.counts["thin_wall_crossings"] <= 0.01 * whole.counts["thin_wall_places"]
    assert half.counts["thin_wall_crossings"] > 0.3 * half.counts["thin_wall_places"]
    assert finding(half, "thin_walls") is not None


def test_a_sheet_with_free_space_on_both_sides_is_one_sheet(splats):
    """Split into the Gaussians before and behind it, it would be off by most of their scatter."""

    def is_free(points):
        near = (np.abs(points) < 0.03) | (np.abs(points - SIZE) < 0.03)
        return in_room(points) | ((points[:, 2] > 0.03) & ~near.any(axis=1))

    result = measured(splats, room_mesh(), is_free)
    assert result.error_m["p95"] < 0.003
    assert result.counts["surface_spread_m"] == pytest.approx(NOISE, rel=0.15)
    assert result.counts["measured_m2"] == pytest.approx(37.0, rel=0.1)


def test_noise_is_taken_off_where_the_collider_is_off_in_places(splats):
    """One wall of six is 12 mm off, 14 % of the surface: p95 is its error, the median that of the rest."""
    vertices, triangles = room_mesh()
    vertices = vertices.copy()
    vertices[np.abs(vertices[:, 0]) < 1e-6, 0] -= 0.012
    result = measured(splats, (vertices, triangles))
    assert result.error_m["p95"] == pytest.approx(0.012, abs=0.0015)
    assert result.error_m["median"] < 0.0015


def test_the_floor_is_felt(splats):
    even = measured(splats, room_mesh())
    wavy = measured(splats, room_mesh(floor=lambda p: 0.02 * np.sin(20 * p[:, 0])))
    assert even.error_m["floor_peak_to_peak"] < 0.001
    assert wavy.error_m["floor_peak_to_peak"] == pytest.approx(0.04, abs=0.008)
    assert finding(wavy, "floor_rough") is not None
    assert even.counts["floor_planar_m2"] > 4.0


def test_a_hole_in_the_floor_has_an_area(splats):
    result = measured(splats, room_mesh(keep=lambda c: (np.abs(c - [1.2, 1.2, 0.0]) > [0.25, 0.25, 0.1]).any(axis=1)))
    assert result.counts["floor_holes"] == 1
    assert result.counts["leaks"] == 0  # what falls through the floor is told once
    assert result.figures["m2"]["floor_holes"] == pytest.approx(0.22, abs=0.05)
    missing = finding(result, "floor_missing")
    assert missing.measured == pytest.approx(0.25 / 6.9, rel=0.25)
    assert np.linalg.norm(np.array([float(v) for v in missing.where[:-2].split(",")]) - [1.2, 1.2, 0.0]) < 0.15
    assert "1 in the floor" in finding(result, "leak").message


def test_the_inside_of_a_closed_box_is_no_floor(splats):
    """Free space gets in on the lattice; the collider's sides are whole, and nothing can fall in there."""
    low, size = np.array([1.0, 0.8, 0.0]), np.array([0.9, 0.7, 0.6])

    def is_free(points):
        off = (np.abs(points - low - size / 2) - size / 2).max(axis=1)
        return in_room(points) & (np.abs(off) > 0.03)

    x, y, z = np.diag(size)
    sides = [(low, z, y), (low + x, y, z), (low, x, z), (low + y, z, x), (low + z, x, y)]
    outside = together(*(wall(*side) for side in sides))
    bare = room_mesh(keep=lambda c: (np.abs(c - low - size / 2) > size / 2).any(axis=1))
    result = measured(splats, together(bare, outside), is_free)
    assert result.counts["floor_missing_share"] == 0
    assert result.counts["floor_holes"] == 0
    open_box = measured(splats, bare, is_free)
    assert open_box.counts["floor_missing_share"] > 0.05


def test_steps_in_the_floor_are_told(splats):
    result = measured(splats, room_mesh(floor=lambda p: np.where(np.rint(p[:, 0] / 0.05) % 4 < 2, 0.0, 0.025)))
    steps = finding(result, "floor_steps")
    assert steps.severity is Severity.WARNING
    assert steps.measured == result.figures["share"]["floor_steps"] > 0.1
    assert finding(measured(splats, room_mesh()), "floor_steps") is None


def test_haze_is_doubt():
    hazy = noisy(room(tuple(SIZE)), 0.035)
    result = measured(hazy, room_mesh())
    assert 0.008 < result.error_m["p95"] < 0.05
    assert "scatter" in finding(result, "error_p95").message


def test_balls_without_a_normal_are_measured_by_what_is_seen():
    flat = room(tuple(SIZE))
    balls = cloud(flat.positions, np.full((flat.count, 3), 0.015), flat.quats_wxyz, flat.opacities)
    result = measured(balls, room_mesh(-0.01))
    assert result.error_m["p95"] < 0.04


def test_too_little_surface_is_said_and_not_measured():
    few = room(tuple(SIZE)).select(np.arange(12))
    result = measured(few, room_mesh())
    assert result.error_m == {}
    assert [f.code for f in result.findings] == ["collide.unmeasured"]


def test_surface_on_floaters_only_is_said_and_not_measured():
    """Every piece is small, alone and far from the collider: there is nothing to hold it against."""
    corners = [(0.3 + 0.8 * i, 0.3 + 0.8 * j, 0.8) for i in range(3) for j in range(3)]
    patches = join(*(sheet(corner, (0.2, 0, 0), (0, 0.2, 0), seed=n) for n, corner in enumerate(corners)))
    result = measured(patches, wall((0, 0, -0.4), (3.0, 0, 0), (0, 2.5, 0)))
    assert result.error_m == result.counts == {}
    (found,) = result.findings
    assert found.code == "collide.unmeasured"
    assert found.severity is Severity.WARNING
    assert found.measured == 0
    assert "alone in space" in found.message


def test_figures_have_units_and_the_report_the_same_numbers(splats):
    result = measured(splats, room_mesh())
    assert set(result.figures) == {"share", "count", "m2", "1/m2", "m"}
    assert result.counts["floor_missing_share"] == result.figures["share"]["floor_missing"]
    assert result.counts["open_m2"] == result.figures["m2"]["open"]
    assert result.counts["holes_per_m2"] == result.figures["1/m2"]["holes"]
    assert result.counts["leaks"] == result.figures["count"]["leaks"]
    assert all(isinstance(value, int) for value in result.figures["count"].values())
    assert len(result.counts) == sum(len(part) for part in result.figures.values())


def test_small_lengths_are_told_in_millimetres(splats):
    text = finding(measured(splats, room_mesh()), "error_p95").message
    assert "wanted: 30 mm" in text
    assert " cm" not in text


def test_the_same_input_gives_the_same_figures(splats):
    assert measured(splats, room_mesh()).error_m == measured(splats, room_mesh()).error_m

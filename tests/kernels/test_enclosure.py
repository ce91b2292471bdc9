"""Points in boxes and balls, behind walls and floors, against formulas."""

import numpy as np
import pytest

from lyra_backend.kernels.enclosure import behind_sheets, box_overlaps, inside_solids

CUBE = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], float) - 0.5
CUBE_SIDES = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
CUBE_FACES = np.array([t for a, b, c, d in CUBE_SIDES for t in ((a, b, c), (a, c, d))])


def boxes(rng, count):
    low = rng.uniform(-1, 1, (count, 3))
    size = rng.uniform(0.1, 0.8, (count, 3))
    vertices = np.concatenate([CUBE * s + c + s / 2 for c, s in zip(low, size, strict=True)])
    faces = np.concatenate([CUBE_FACES + 8 * i for i in range(count)])
    return low, low + size, vertices, faces, np.arange(count + 1) * 12


def test_points_in_overlapping_boxes():
    rng = np.random.default_rng(0)
    low, high, vertices, faces, starts = boxes(rng, 40)
    points = rng.uniform(-1.2, 2, (3000, 3))
    expected = ((points[:, None] > low) & (points[:, None] < high)).all(axis=2).any(axis=1)
    assert (inside_solids(vertices, faces, starts, points) == expected).all()
    assert 0.1 < expected.mean() < 0.9


def ball(radius, centre):
    """A closed ball of 24 x 12 faces."""
    turn, rise = np.meshgrid(np.arange(24) * np.pi / 12, np.linspace(-np.pi / 2, np.pi / 2, 13)[1:-1])
    ring = np.stack([np.cos(turn) * np.cos(rise), np.sin(turn) * np.cos(rise), np.sin(rise)], axis=-1).reshape(-1, 3)
    faces = []
    for i in range(24):
        j = (i + 1) % 24
        faces += [[264, j, i], [265, 240 + i, 240 + j]]
        for k in range(10):
            a, b, c, d = 24 * k + i, 24 * k + j, 24 * k + 24 + j, 24 * k + 24 + i
            faces += [[a, b, c], [a, c, d]]
    return radius * np.concatenate([ring, [[0, 0, -1], [0, 0, 1]]]) + centre, np.array(faces)


def test_points_in_overlapping_balls_and_a_box():
    rng = np.random.default_rng(2)
    centres, radii = rng.uniform(-1, 1, (6, 3)), rng.uniform(0.3, 0.9, 6)
    meshes = [ball(r, c) for r, c in zip(radii, centres, strict=True)] + [(CUBE, CUBE_FACES)]
    offsets = np.cumsum([0, *(len(v) for v, _ in meshes)])
    faces = np.concatenate([f + o for (_, f), o in zip(meshes, offsets, strict=False)])
    starts = np.cumsum([0, *(len(f) for _, f in meshes)])
    points = rng.uniform(-2, 2, (4000, 3))
    distance = np.linalg.norm(points[:, None] - centres, axis=2) / radii
    box = (np.abs(points) < 0.5).all(axis=1)
    # Faces of the balls lie up to 2 % inside of the true spheres.
    clear = ((distance < 0.975) | (distance > 1.0)).all(axis=1)
    expected = box | (distance < 0.98).any(axis=1)
    found = inside_solids(np.concatenate([v for v, _ in meshes]), faces, starts, points)
    assert (found == expected)[clear].all()
    assert 0.03 < expected[clear].mean() < 0.9


def test_half_a_millimetre_from_touching_faces():
    stacked = np.concatenate([CUBE, CUBE + np.array([0, 0, 1])])
    faces = np.concatenate([CUBE_FACES, CUBE_FACES + 8])
    points = np.array([[0.2, 0.1, 0.4995], [0.2, 0.1, 0.5005], [0.2, 0.1, 1.5005], [0.5005, 0.1, 0.5]])
    assert inside_solids(stacked, faces, [0, 12, 24], points).tolist() == [True, True, False, False]


def test_open_surfaces_enclose_nothing():
    faces = CUBE_FACES[:6]
    assert not inside_solids(CUBE, faces, [0, 6], np.array([[0.3, 0.3, 0.3]])).any()
    assert not inside_solids(CUBE, faces, [0], np.zeros((2, 3))).any()


def test_behind_the_sheets_of_a_room():
    room = 4 * CUBE
    inward = CUBE_FACES[:, ::-1]
    points = np.array([[0, 0, 0], [1.9, -1.9, 1.9], [0, 0, -2.002], [2.3, 0, 0], [0, 0, 2.002]])
    assert behind_sheets(room, inward, points).tolist() == [False, False, True, True, True]


def test_box_overlaps_lists_every_pair_once():
    rng = np.random.default_rng(1)
    low, size = rng.uniform(0, 5, (2, 80, 3)), rng.uniform(0.2, 1.5, (2, 80, 3))
    high = low + size
    touch = (low[0][:, None] <= high[1][None]).all(axis=2) & (low[1][None] <= high[0][:, None]).all(axis=2)
    assert box_overlaps(low[0], high[0], low[1], high[1]).tolist() == np.argwhere(touch).tolist()
    assert box_overlaps(low[0], high[0], low[1, :0], high[1, :0]).shape == (0, 2)


def test_gaps_in_starts_are_refused():
    with pytest.raises(ValueError, match="starts"):
        inside_solids(CUBE, CUBE_FACES, [0, 6], np.zeros((1, 3)))

"""Which side of a Gaussian is free, against a plain loop."""

import numpy as np
import pytest

from lyra_backend.kernels.facing import PROBES, facing
from lyra_backend.types.rotations import matrix_from_quat, normalise_quats, wxyz_to_xyzw


@pytest.fixture
def lattice():
    """2 x 2 x 2 blocks; two of them, at opposite corners, carry points, the others are free or not as a whole."""
    rng = np.random.default_rng(2)
    directory = np.full((2, 2, 2), -1, np.int32)
    directory[0, 0, 0], directory[1, 1, 1] = 0, 1
    return directory, rng.random((2, 512)) < 0.5, rng.random((2, 2, 2)) < 0.5


def is_free(point, directory, dense, sparse):
    at = np.floor(np.abs(point) + 0.5).astype(int) * np.sign(point).astype(int)
    if (at < 0).any() or (at >= 16).any():
        return 0
    slot = directory[tuple(at // 8)]
    i, j, k = at % 8
    return int(dense[slot, i * 64 + j * 8 + k]) if slot >= 0 else int(sparse[tuple(at // 8)])


def test_normals_point_to_the_freer_side(lattice):
    rng = np.random.default_rng(3)
    positions = rng.uniform(-1.0, 17.0, (300, 3)).astype(np.float32)
    scales = rng.uniform(0.1, 1.0, (300, 3)).astype(np.float32)
    quats = normalise_quats(rng.normal(size=(300, 4)))
    found = facing(positions, scales, wxyz_to_xyzw(quats), *lattice)
    axes = np.take_along_axis(matrix_from_quat(quats), scales.argmin(axis=1)[:, None, None], axis=2)[..., 0]
    same = 0
    for k in range(300):
        more = sum(
            is_free(positions[k] + d * axes[k], *lattice) - is_free(positions[k] - d * axes[k], *lattice)
            for d in PROBES
        )
        same += found.lead[k] == abs(more)
        assert abs(found.normal[k] @ axes[k]) == pytest.approx(1.0, abs=1e-5)
        if more:
            assert found.normal[k] @ axes[k] == pytest.approx(np.sign(more), abs=1e-5) or found.lead[k] != abs(more)
    assert same >= 297  # probes within rounding of the middle between two points may differ


def test_a_wall_faces_the_room():
    directory, dense = np.zeros((1, 1, 1), np.int32), np.zeros((1, 8, 8, 8), bool)
    dense[0, 5:] = True  # free from x = 4.5
    ways = facing(
        np.array([[3.9, 4.0, 4.0]]),
        np.array([[0.01, 1.0, 1.0]]),
        np.array([[0.0, 0.0, 0.0, 1.0]]),
        directory,
        dense.reshape(1, 512),
        np.zeros((1, 1, 1)),
    )
    assert ways.normal[0] == pytest.approx([1.0, 0.0, 0.0])
    assert ways.lead[0] == 3  # all probes but the nearest


def test_scales_of_other_gaussians_are_refused(lattice):
    with pytest.raises(ValueError, match="must be of 2 Gaussians"):
        facing(np.zeros((2, 3)), np.zeros((3, 3)), np.zeros((2, 4)), *lattice)

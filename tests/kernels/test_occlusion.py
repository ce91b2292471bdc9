"""Rays against every triangle in plain NumPy say the same as the kernels."""

import numpy as np
import pytest

from lyra_backend.kernels.occlusion import ambient_light, cosine_hemisphere, lamp_light, unblocked


def nearest_hits(corners, starts, directions):
    """Distances (N,) along the rays to the first triangle, inf for none, its index, and whether its front was met."""
    a, b, c = (corners[:, i] for i in range(3))
    e, f = b - a, c - a
    p = np.cross(directions[:, None], f[None])
    det = np.einsum("nfk,fk->nf", p, e)
    with np.errstate(divide="ignore", invalid="ignore"):
        s = starts[:, None] - a[None]
        u = np.einsum("nfk,nfk->nf", s, p) / det
        q = np.cross(s, np.broadcast_to(e[None], s.shape))
        v = np.einsum("nk,nfk->nf", directions, q) / det
        t = np.einsum("fk,nfk->nf", f, q) / det
    hit = (np.abs(det) > 1e-12) & (u >= 0) & (v >= 0) & (u + v <= 1) & (t > 0)
    t = np.where(hit, t, np.inf)
    first = t.argmin(axis=1)
    rows = np.arange(len(starts))
    return t[rows, first], first, det[rows, first] > 0


@pytest.fixture
def litter():
    rng = np.random.default_rng(4)
    corners = rng.uniform(-1, 1, (60, 1, 3)) + rng.uniform(-0.3, 0.3, (60, 3, 3))
    return corners, corners.reshape(-1, 3), np.arange(180).reshape(-1, 3)


def test_segments_agree_with_brute_force(litter):
    corners, vertices, triangles = litter
    rng = np.random.default_rng(5)
    starts, ends = rng.uniform(-1.5, 1.5, (2, 400, 3))
    length = np.linalg.norm(ends - starts, axis=1)
    distance, _, _ = nearest_hits(corners, starts, (ends - starts) / length[:, None])
    clear = np.abs(distance - length) > 1e-4
    free = unblocked(vertices, triangles, starts, ends)
    assert (free == (distance > length))[clear].all()
    assert 0.2 < free.mean() < 0.95


def test_ambient_light_agrees_with_brute_force(litter):
    corners, vertices, triangles = litter
    rng = np.random.default_rng(6)
    radiance = rng.uniform(0, 1, (60, 3))
    points = rng.uniform(-1, 1, (12, 3))
    normals = rng.normal(size=(12, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    sky, ground, reach = np.array([0.9, 1.0, 1.2]), np.array([0.2, 0.1, 0.05]), 0.8
    light, buried = ambient_light(
        vertices, triangles, radiance, points, normals, sky, ground, ray_count=4000, reach=reach
    )
    for i in range(len(points)):
        # The oracle spreads its rays by another rule: rejection in the sphere on top of the surface.
        ways = rng.normal(size=(8000, 3))
        ways = ways / np.linalg.norm(ways, axis=1, keepdims=True) + normals[i]
        ways /= np.linalg.norm(ways, axis=1, keepdims=True)
        distance, face, front = nearest_hits(corners, np.repeat(points[i : i + 1], 8000, axis=0), ways)
        t = np.clip(0.5 + ways[:, 2:], 0, 1)
        around = ground + (sky - ground) * (t * t * (3 - 2 * t))
        near = 1 - (np.minimum(distance, reach) / reach) ** 2
        bounced = np.where(front[:, None], radiance[face], 0)
        expected = (around * (1 - near[:, None]) + bounced * near[:, None]).mean(axis=0)
        assert light[i] == pytest.approx(expected, abs=0.03)
        assert buried[i] == pytest.approx(((distance < reach) & ~front).mean(), abs=0.03)


def test_hemisphere_is_cosine_weighted():
    ways = cosine_hemisphere(5000)
    assert np.linalg.norm(ways, axis=1) == pytest.approx(1, abs=1e-9)
    assert ways[:, 2].mean() == pytest.approx(2 / 3, abs=2e-3)
    assert ways[:, :2].mean(axis=0) == pytest.approx(0, abs=5e-3)


def test_lamp_falls_off_and_casts_a_shadow():
    shade = np.array([[-1.0, -1, 1], [1, -1, 1], [0, 2, 1]])
    points = np.array([[0.0, 0, 0], [5, 0, 0], [0, 0, 1.5]])
    up = np.tile([0.0, 0, 1], (3, 1))
    lamp, intensity = np.array([[0.0, 0, 3]]), np.array([[2.0, 1, 0.5]])
    light = lamp_light(shade, [[0, 1, 2]], points, up, lamp, intensity, radius=0.0, sample_count=1)
    assert light[0] == pytest.approx(0)
    square = 5**2 + 3**2
    assert light[1] == pytest.approx(intensity[0] * (3 / square**0.5) / square, rel=1e-5)
    assert light[2] == pytest.approx(intensity[0] / 1.5**2, rel=1e-5)
    behind = lamp_light(shade, [[0, 1, 2]], points, -up, lamp, intensity)
    assert behind == pytest.approx(0)


def test_housing_lets_light_out():
    case = np.array([[-1.0, -1, 2.9], [1, -1, 2.9], [0, 2, 2.9]])
    point, up, lamp = np.zeros((1, 3)), np.array([[0.0, 0, 1]]), np.array([[0.0, 0, 3]])
    args = (case, [[0, 1, 2]], point, up, lamp, np.ones((1, 3)))
    assert lamp_light(*args, radius=0.0, sample_count=1).max() == 0
    assert lamp_light(*args, radius=0.0, sample_count=1, housing=0.2)[0, 0] == pytest.approx(1 / 9, rel=1e-5)


def test_wrong_shapes_are_refused(litter):
    _, vertices, _ = litter
    with pytest.raises(ValueError, match="triangles must index"):
        unblocked(vertices, [[0, 1, 999]], np.zeros((1, 3)), np.ones((1, 3)))
    with pytest.raises(ValueError, match="shape"):
        unblocked(vertices, [[0, 1, 2]], np.zeros((1, 2)), np.ones((1, 3)))

"""Rays, Plücker maps and time against those of the published program, bit for bit where it rounds to bfloat16."""

from __future__ import annotations

import pytest
import torch

from lyra_backend.models.rays import (
    gaussian_rays,
    plucker_map,
    relative_to_first,
    time_embedding,
    time_pictures,
)

from .fixtures import tensors

#: The published program multiplies matrices in float32, here sums go from left to right: two units in the last place.
FLOAT32 = 2e-7
PRECISIONS = [("f32", torch.float32, FLOAT32), ("bf16", torch.bfloat16, 0.0)]
HEIGHT, WIDTH = 704, 1280


@pytest.fixture(scope="module")
def published():
    return tensors("camera_fixtures")


@pytest.fixture(scope="module")
def camera(published):
    matrix = published["intrinsics_px"]
    return published["0_left.c2w"][60:61], torch.stack([matrix[0, 0], matrix[1, 1], matrix[0, 2], matrix[1, 2]])


def error(found, expected):
    assert found.shape == expected.shape
    return (found.float() - expected).abs().max().item()


@pytest.mark.parametrize(("name", "dtype", "tolerance"), PRECISIONS)
def test_plucker_map_is_the_published_one(name, dtype, tolerance, published, camera):
    found = plucker_map(*camera, HEIGHT, WIDTH, dtype)[0]
    assert found.dtype == dtype
    assert error(found[:, ::16, ::16], published[f"plucker_{name}.sub16"]) <= tolerance
    assert error(found[:, 351], published[f"plucker_{name}.row351"]) <= tolerance


@pytest.mark.parametrize(("name", "dtype", "tolerance"), PRECISIONS)
def test_gaussian_rays_are_the_published_ones(name, dtype, tolerance, published, camera):
    found = gaussian_rays(*camera, HEIGHT, WIDTH, 8, dtype)
    assert error(found.origins[0], published[f"rays_o_{name}"]) == 0
    assert error(found.directions[0], published[f"rays_d_{name}"]) <= tolerance


@pytest.mark.parametrize("kind", ["static", "dynamic"])
def test_rays_of_whole_videos_are_the_published_ones(kind):
    given = tensors(f"{kind}/inputs")
    camera = given["c2w"][0], given["intrinsics_fxfycxcy"][0]
    height, width = given["plucker_pixels"].shape[-2:]
    assert error(plucker_map(*camera, height, width, torch.float32), given["plucker_pixels"][0]) <= FLOAT32
    rays = gaussian_rays(*camera, height, width)
    assert error(rays.origins, given["rays_os"][0]) == 0
    assert error(rays.directions, given["rays_ds"][0]) <= FLOAT32


def test_rays_go_through_what_their_pixels_show():
    """A point on a ray projects to the middle of the ray's pixel, or of its block of pixels."""
    given = tensors("static/inputs")
    poses, lenses = given["c2w"][0], given["intrinsics_fxfycxcy"][0]
    for factor in (1, 8):
        rays = gaussian_rays(poses, lenses, 32, 48, factor)
        points = rays.origins + 2.5 * rays.directions
        flat = torch.cat([points.flatten(2), torch.ones(len(poses), 1, points[0, 0].numel())], dim=1)
        x, y, z = (torch.linalg.inv(poses) @ flat)[:, :3].unbind(1)
        fx, fy, cx, cy = lenses[:, :, None].unbind(1)
        u, v = fx * x / z + cx, fy * y / z + cy
        rows, columns = torch.meshgrid(torch.arange(32 // factor), torch.arange(48 // factor), indexing="ij")
        assert error(u, ((columns + 0.5) * factor).flatten().expand_as(u)) < 1e-3
        assert error(v, ((rows + 0.5) * factor).flatten().expand_as(v)) < 1e-3


def test_poses_are_told_from_the_first_view():
    poses = tensors("static/inputs")["c2w"][0]
    moved = torch.linalg.inv(poses[7].double()) @ poses.double()
    assert error(relative_to_first(moved.float().reshape(2, 9, 4, 4)).reshape(18, 4, 4), poses) <= 3e-7
    assert torch.equal(relative_to_first(poses), poses)  # the decoder's first view begins at the identity


def test_time_is_the_published_one(published):
    assert torch.equal(time_embedding(121), published["time_embedding_121"])
    assert torch.equal(time_embedding(121, [60]), published["time_embedding_121"][60:61])


def test_time_pictures_have_one_colour_each():
    pictures = time_pictures(time_embedding(5), 2, 3)
    assert pictures.shape == (5, 3, 2, 3)
    assert torch.equal(pictures.amin((2, 3)), pictures.amax((2, 3)))
    assert torch.equal(pictures[0, :, 0, 0], torch.tensor([-1.0, 1.0, -1.0]))
    assert torch.equal(pictures[:, 0, 1, 2], torch.linspace(-1, 1, 5))


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: plucker_map(torch.eye(4), torch.ones(4), 4, 4),
        lambda: plucker_map(torch.eye(4)[None], torch.ones(2, 4), 4, 4),
        lambda: gaussian_rays(torch.eye(4)[None], torch.ones(4), 12, 16),
        lambda: time_embedding(1),
        lambda: time_embedding(121, [121]),
    ],
)
def test_wrong_shapes_are_refused(wrong):
    with pytest.raises(ValueError, match=r"rays|time_embedding"):
        wrong()

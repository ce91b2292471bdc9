"""A room is looked into from above without its ceiling; what has no ceiling is looked at as it is."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from lyra_backend.errors import InvalidRequest
from lyra_backend.render.cut_away import cut_away
from lyra_backend.types import Frame, GaussianCloud


def cloud_at(points: npt.NDArray[np.floating]) -> GaussianCloud:
    count = len(points)
    return GaussianCloud(
        points.astype(np.float32),
        np.full((count, 3), 0.05, np.float32),
        np.tile(np.float32([1, 0, 0, 0]), (count, 1)),
        np.full(count, 0.9, np.float32),
        np.zeros((count, 1, 3), np.float32),
        Frame.WORLD,
    )


def sheet(z_m: float, half_m: float = 2.0) -> npt.NDArray[np.floating]:
    x, y = np.meshgrid(*[np.arange(-half_m, half_m + 0.01, 0.1)] * 2)
    return np.column_stack([x.ravel(), y.ravel(), np.full(x.size, z_m)])


def test_the_ceiling_goes_and_the_floor_stays() -> None:
    cut = cut_away(cloud_at(np.concatenate([sheet(0.0), sheet(2.5)])))
    assert 1.2 <= cut.top_m < 2.5
    assert np.unique(cut.cloud.positions[:, 2]).tolist() == [0.0]


def test_what_covers_half_of_the_floor_is_no_ceiling() -> None:
    shelf = sheet(2.5)
    cut = cut_away(cloud_at(np.concatenate([sheet(0.0), shelf[shelf[:, 0] < 0]])))
    assert cut.top_m == np.inf
    assert cut.cloud.positions[:, 2].max() == 2.5


def test_what_is_far_from_the_floor_is_left_out() -> None:
    far = np.array([[40.0, 0.0, 1.0]])
    outline = [np.array([[-2, -2], [2, -2], [2, 2], [-2, 2]], np.float32)]
    cut = cut_away(cloud_at(np.concatenate([sheet(0.0), np.repeat(far, 400, axis=0)])), outline)
    assert cut.cloud.positions[:, 0].max() <= 3.0


def test_every_camera_sees_all_of_it() -> None:
    cut = cut_away(cloud_at(np.concatenate([sheet(0.0, 3.0), [[0.0, 0.0, 4.0]] * 50])))
    corners = np.stack(np.meshgrid(*np.stack([cut.low, cut.high]).T, indexing="ij"), axis=-1).reshape(-1, 3)
    cameras = cut.turntable(7, 320, 180)
    assert len({camera.name for camera in cameras}) == 7
    for camera in cameras:
        own = (corners - camera.position) @ camera.cam_to_world[:3, :3]
        assert (own[:, 2] > 0).all()
        pixels = own[:, :2] / own[:, 2:] * camera.intrinsics.fx + (160, 90)
        assert (pixels > 0).all()
        assert (pixels < (320, 180)).all()


def test_a_cloud_without_gaussians_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="needs a cloud with Gaussians"):
        cut_away(cloud_at(np.empty((0, 3))))

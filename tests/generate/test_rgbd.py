"""Images with depth as Gaussians: synthetic surfaces, and a real photograph with measured depth."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from lyra_backend.errors import Cancelled, InvalidRequest
from lyra_backend.generate.rgbd import Params, lift, run
from lyra_backend.progress import CancelToken, Progress
from lyra_backend.types import Camera, Frame, GaussianCloud, Generation, Intrinsics, Outcome, SceneRequest, Severity
from lyra_backend.types.rotations import matrix_from_quat

LENS = Intrinsics(64, 48, 60.0, 62.0, 31.0, 25.0)
GIVEN = "60,62,31,25"


def rays() -> npt.NDArray[np.float64]:
    """Directions with z = 1 through the pixel centres of LENS, shape (48, 64, 3)."""
    v, u = np.mgrid[0:48, 0:64] + 0.5
    return np.stack([(u - LENS.cx) / LENS.fx, (v - LENS.cy) / LENS.fy, np.ones_like(u)], axis=-1)


def plane_depth(normal: tuple[float, float, float], offset: float) -> npt.NDArray[np.float32]:
    """Depth [m] of the plane normal . p = offset."""
    return (offset / (rays() @ np.array(normal))).astype(np.float32)


def picture(seed: int = 0) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (48, 64, 3), np.uint8)


def files(folder: Path, depth: npt.NDArray[np.float32], image: npt.NDArray[np.uint8] | None = None) -> SceneRequest:
    Image.fromarray(picture() if image is None else image).save(folder / "image.png")
    np.save(folder / "depth.npy", depth)
    return SceneRequest(image=str(folder / "image.png"), depth=str(folder / "depth.npy"))


def test_gaussians_lie_on_their_pixels_and_planes() -> None:
    normal = np.array([0.3, -0.5, 0.81])
    normal /= np.linalg.norm(normal)
    depth = plane_depth(tuple(normal), 2.0)
    image = picture()
    cloud, counts = lift(image, depth, LENS, Params(), Progress())
    assert counts["gaussians"] == cloud.count == 48 * 64
    np.testing.assert_allclose(cloud.positions.reshape(48, 64, 3), rays() * depth[..., None], rtol=1e-5)
    axes = matrix_from_quat(cloud.quats_wxyz)
    # The thin axis is the plane's normal, everywhere and without bias at the border of the image.
    assert np.abs(np.abs(axes[:, :, 2] @ normal) - 1).max() < 1e-5
    assert np.abs(axes[:, :, :2].transpose(0, 2, 1) @ normal).max() < 1e-3
    np.testing.assert_allclose(cloud.base_colors.reshape(48, 64, 3), image / 255.0, atol=1e-6)


def test_sizes_follow_the_pixel_footprint_and_the_slant() -> None:
    depth = plane_depth((0.0, 0.6, 0.8), 1.6)
    cloud, _ = lift(picture(), depth, LENS, Params(footprint=0.5, max_stretch=3.0), Progress())
    views = rays().reshape(-1, 3) / np.linalg.norm(rays().reshape(-1, 3), axis=1, keepdims=True)
    cosines = np.abs(views @ np.array([0.0, 0.6, 0.8]))
    across = 0.5 * depth.reshape(-1) / np.sqrt(LENS.fx * LENS.fy)
    np.testing.assert_allclose(cloud.scales[:, 1], across, rtol=1e-4)
    np.testing.assert_allclose(cloud.scales[:, 0], across * np.minimum(1 / cosines, 3.0), rtol=1e-3)
    assert (cloud.scales[:, 2] < 0.2 * cloud.scales[:, 1]).all()
    # The long axis runs along the slant: it has no part along the level direction of the plane, which is x at x = 0.
    middle = np.abs(rays().reshape(-1, 3)[:, 0]) < 0.01
    assert np.abs(matrix_from_quat(cloud.quats_wxyz)[middle][:, 0, 0]).max() < 0.05


def test_nothing_bridges_an_edge() -> None:
    depth = np.full((48, 64), 3.0, np.float32)
    depth[:, 32:] = 1.0
    depth[:, 31], depth[:, 32] = 2.3, 1.6  # mixed pixels, as sensors and upscaling make them
    cloud, counts = lift(picture(), depth, LENS, Params(), Progress())
    assert counts["dropped_at_edges"] == 2 * 48
    assert sorted(set(np.round(cloud.positions[:, 2], 5).tolist())) == [1.0, 3.0]
    assert np.abs(np.abs(matrix_from_quat(cloud.quats_wxyz)[:, 2, 2]) - 1).max() < 1e-6


def test_thin_things_in_front_of_a_wall_stay() -> None:
    depth = np.full((48, 64), 3.0, np.float32)
    depth[:, 20] = 1.0
    _, counts = lift(picture(), depth, LENS, Params(), Progress())
    assert counts["dropped_at_edges"] == 0


def noisy(depth: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Depth with the noise of a stereo camera: even in inverse depth, 1 cm at 2 m."""
    inverse = 1 / depth + np.random.default_rng(3).normal(0, 0.0025, depth.shape)
    return (1 / inverse).astype(np.float32)


def errors(cloud: GaussianCloud, depth: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Errors of the Gaussians' depth [m], shape (48, 64), NaN where there is none."""
    x, y, z = cloud.positions.astype(np.float64).T
    found = np.full(depth.shape, np.nan)
    rows, columns = (np.floor(f * a / z + c).astype(int) for f, a, c in ((LENS.fy, y, LENS.cy), (LENS.fx, x, LENS.cx)))
    found[rows, columns] = z
    return np.abs(found - depth)


def test_noise_of_flat_surfaces_is_evened_out() -> None:
    depth = plane_depth((0.1, 0.6, 0.8), 1.6)
    even, plain = (lift(picture(), noisy(depth), LENS, Params(even_out=on), Progress())[0] for on in (True, False))
    assert np.nanmedian(errors(even, depth)) < 0.25 * np.nanmedian(errors(plain, depth))
    assert np.nanmax(errors(plain, noisy(depth))) < 1e-6
    normal = np.array([0.1, 0.6, 0.8]) / np.linalg.norm([0.1, 0.6, 0.8])
    assert np.median(np.abs(matrix_from_quat(even.quats_wxyz)[:, :, 2] @ normal)) > 0.99


@pytest.mark.parametrize("noise", [True, False])
def test_evening_out_keeps_steps_and_corners(noise: bool) -> None:
    """A floor that meets a wall, and a 10 cm box before the wall: neither becomes round by more than the noise."""
    depth = np.minimum(plane_depth((0.0, 1.0, 0.0), 0.5).clip(0.1), 2.0)
    depth[rays()[..., 1] <= 0] = 2.0
    depth[4:14, 20:30] = 1.9
    given = noisy(depth) if noise else depth
    cloud, _ = lift(picture(), given, LENS, Params(), Progress())
    error = errors(cloud, depth)
    assert np.nanquantile(error, 0.95) < (0.016 if noise else 1e-3)
    assert np.nanmedian(error[4:14, 20:30]) < (0.01 if noise else 1e-3)


def test_holes_and_far_pixels_are_left_out() -> None:
    depth = np.full((48, 64), 2.0, np.float32)
    depth[10:20, 10:30] = 0.0
    depth[40:, :] = 30.0
    cloud, counts = lift(picture(), depth, LENS, Params(max_depth=20.0), Progress())
    assert counts["pixels_with_depth"] == 48 * 64 - 200
    assert counts["dropped_far"] == 8 * 64
    assert cloud.count == counts["gaussians"] == 48 * 64 - 200 - 8 * 64
    x, y = (LENS.fx * cloud.positions[:, 0] / 2 + LENS.cx), (LENS.fy * cloud.positions[:, 1] / 2 + LENS.cy)
    assert not ((x > 10) & (x < 30) & (y > 10) & (y < 20)).any()


def test_every_second_pixel_is_twice_as_large() -> None:
    depth = plane_depth((0.0, 0.0, 1.0), 2.0)
    whole, _ = lift(picture(), depth, LENS, Params(), Progress())
    half, _ = lift(picture(), depth, LENS, Params(pixel_step=2), Progress())
    assert half.count == whole.count // 4
    assert half.scales[0, 1] == pytest.approx(2 * whole.scales[0, 1])


def test_single_points_of_depth_become_frontal_discs() -> None:
    depth = np.zeros((48, 64), np.float32)
    depth[::6, ::6] = 2.0
    cloud, _ = lift(picture(), depth, LENS, Params(), Progress())
    assert cloud.count == 8 * 11
    assert np.isfinite(cloud.quats_wxyz).all()


def test_the_scene_stands_upright_with_its_camera(tmp_path: Path) -> None:
    request = files(tmp_path, plane_depth((0.0, 0.6, 0.8), 1.6))
    outcome = run(request, Params(intrinsics=GIVEN), Progress())
    generation = outcome.value
    assert generation.cloud.frame is Frame.GENERATOR
    assert generation.geometry == "measured"
    assert generation.scale.uncertainty_percent == 3.0
    (camera,) = generation.cameras
    assert camera.intrinsics == LENS
    # Looking along +y, image-down is -z.
    np.testing.assert_allclose(camera.cam_to_world[:3, :3], [[1, 0, 0], [0, 0, 1], [0, -1, 0]], atol=1e-6)
    seen = (generation.cloud.positions - camera.position) @ camera.cam_to_world[:3, :3]
    np.testing.assert_allclose(seen.reshape(48, 64, 3)[..., 2], plane_depth((0.0, 0.6, 0.8), 1.6), rtol=1e-5)
    assert not outcome.findings
    assert set(generation.provenance) == {"generator", "image_sha256", "depth_sha256", "licence"}


def test_equal_requests_give_equal_gaussians(tmp_path: Path) -> None:
    request = files(tmp_path, plane_depth((0.1, 0.6, 0.8), 1.6))
    one, two = (run(request, Params(intrinsics=GIVEN), Progress()).value.cloud for _ in range(2))
    for name in ("positions", "scales", "quats_wxyz", "opacities", "sh"):
        assert np.array_equal(getattr(one, name), getattr(two, name))


def test_requests_that_cannot_work(tmp_path: Path) -> None:
    depth = plane_depth((0.0, 0.0, 1.0), 2.0)
    request = files(tmp_path, depth)
    params = Params(intrinsics=GIVEN)
    with pytest.raises(InvalidRequest, match="--intrinsics"):
        run(request, Params(), Progress())
    with pytest.raises(InvalidRequest, match="--depth"):
        run(SceneRequest(image=request.image), params, Progress())
    with pytest.raises(InvalidRequest, match="--image"):
        run(SceneRequest(prompt="a room", depth=request.depth), params, Progress())
    np.save(tmp_path / "depth.npy", depth[:, :40])
    with pytest.raises(InvalidRequest, match="got 40 x 48 and 64 x 48"):
        run(request, params, Progress())
    np.save(tmp_path / "depth.npy", depth.T)
    with pytest.raises(InvalidRequest, match=r"got 48 x 64 and 64 x 48 .* lying on its side"):
        run(request, params, Progress())
    np.save(tmp_path / "depth.npy", np.zeros_like(depth))
    with pytest.raises(InvalidRequest, match="holds no depth"):
        run(request, params, Progress())
    np.save(tmp_path / "depth.npy", depth + 100)
    with pytest.raises(InvalidRequest, match="no pixel is usable: 3,072 have depth, 0 within 20 m"):
        run(request, params, Progress())
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        run(files(tmp_path, depth), params, Progress(token=token))


def test_doubtful_depth_is_reported(tmp_path: Path) -> None:
    depth = plane_depth((0.0, 0.0, 1.0), 2.0)
    millimetres = run(files(tmp_path, depth * 1000), Params(intrinsics=GIVEN, max_depth=1e5), Progress())
    assert [(f.code, f.severity) for f in millimetres.findings] == [("rgbd.depth_unit", Severity.ERROR)]
    sparse = np.where(np.arange(48)[:, None] < 10, depth, 0).astype(np.float32)
    assert [f.code for f in run(files(tmp_path, sparse), Params(intrinsics=GIVEN), Progress()).findings] == [
        "rgbd.little_depth"
    ]
    far = np.where(np.arange(48)[:, None] < 10, depth, 50).astype(np.float32)
    assert [f.code for f in run(files(tmp_path, far), Params(intrinsics=GIVEN), Progress()).findings] == [
        "rgbd.beyond_max_depth"
    ]


# A motorcycle in a garage, from the Middlebury 2014 stereo benchmark as shipped by scikit-image. Depth comes from
# matching the two photographs; the benchmark's own disparity only judges the result.

FOCAL, CX_LEFT, CY, DOFFS, BASELINE = 994.978, 311.193, 254.877, 31.086, 0.193001


@dataclass(frozen=True)
class Motorcycle:
    left: npt.NDArray[np.uint8]
    right: npt.NDArray[np.uint8]
    true_depth: npt.NDArray[np.float64]  # NaN where unknown
    depth: npt.NDArray[np.float32]
    outcome: Outcome[Generation]

    @property
    def cloud(self) -> GaussianCloud:
        return self.outcome.value.cloud


def _stereo_tool():  # type: ignore[no-untyped-def]
    path = Path(__file__).parents[2] / "tools" / "stereo_depth.py"
    spec = importlib.util.spec_from_file_location("stereo_depth", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["stereo_depth"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def motorcycle(tmp_path_factory: pytest.TempPathFactory) -> Motorcycle:
    skimage = pytest.importorskip("skimage")
    pytest.importorskip("cv2")
    data, folder = Path(skimage.__file__).parent / "data", tmp_path_factory.mktemp("motorcycle")
    left, right = data / "motorcycle_left.png", data / "motorcycle_right.png"
    out = folder / "depth.npy"
    arguments = [str(left), str(right), str(out), "--focal", str(FOCAL), "--baseline", str(BASELINE)]
    assert _stereo_tool().main([*arguments, "--doffs", str(DOFFS), "--max-disparity", "80"]) == 0
    request = SceneRequest(image=str(left), depth=str(out))
    intrinsics = f"{FOCAL},{FOCAL},{CX_LEFT + 0.5},{CY + 0.5}"
    outcome = run(request, Params(intrinsics=intrinsics), Progress())
    disparity = np.load(data / "motorcycle_disp.npz")["arr_0"].astype(np.float64)
    disparity[~np.isfinite(disparity)] = np.nan
    images = (np.asarray(Image.open(p).convert("RGB")) for p in (left, right))
    return Motorcycle(*images, FOCAL * BASELINE / (disparity + DOFFS), np.load(out), outcome)


def test_real_depth_is_right(motorcycle: Motorcycle) -> None:
    camera = motorcycle.outcome.value.cameras[0]
    seen = (motorcycle.cloud.positions - camera.position) @ camera.cam_to_world[:3, :3]
    lens = camera.intrinsics
    u = np.floor(lens.fx * seen[:, 0] / seen[:, 2] + lens.cx).astype(int)
    v = np.floor(lens.fy * seen[:, 1] / seen[:, 2] + lens.cy).astype(int)
    truth = motorcycle.true_depth[v, u]
    known = np.isfinite(truth)
    error = np.abs(seen[known, 2] - truth[known]) / truth[known]
    assert np.median(error) < 0.005
    assert (error > 0.05).mean() < 0.05
    assert known.sum() > 0.8 * np.isfinite(motorcycle.true_depth).sum()


def test_the_other_camera_sees_its_photograph(motorcycle: Motorcycle) -> None:
    from lyra_backend.render import render

    left = motorcycle.outcome.value.cameras[0]
    lens = Intrinsics(741, 500, FOCAL, FOCAL, CX_LEFT + DOFFS + 0.5, CY + 0.5)
    pose = np.array(left.cam_to_world)
    pose[:3, 3] += BASELINE * pose[:3, 0]
    picture = render(motorcycle.cloud, Camera(lens, pose), device="cpu")
    covered = picture.alpha > 0.5
    assert covered.mean() > 0.85
    error = (picture.rgb[covered].astype(np.float64) - motorcycle.right[covered]) ** 2
    assert 10 * np.log10(255**2 / error.mean()) >= 23.0


def test_the_garage_floor_is_found_beneath_the_camera(motorcycle: Motorcycle) -> None:
    from lyra_backend import refine

    refined = refine.run(motorcycle.outcome.value, refine.Params(), Progress()).value
    # The true floor: a plane through the benchmark's own depth of the bare concrete left of and before the wheel.
    lens = motorcycle.outcome.value.cameras[0].intrinsics
    v, u = np.mgrid[420:495, 10:150]
    depth = motorcycle.true_depth[420:495, 10:150]
    known = np.isfinite(depth)
    points = np.stack([(u + 0.5 - lens.cx) / lens.fx, (v + 0.5 - lens.cy) / lens.fy, np.ones(u.shape)], axis=-1)
    points = (points * depth[..., None])[known]
    pose = refined.cameras[0].cam_to_world.astype(np.float64)
    heights = (points @ pose[:3, :3].T + pose[:3, 3])[:, 2]
    assert np.abs(np.median(heights)) < 0.02
    assert np.percentile(np.abs(heights), 95) < 0.05
    assert 0.8 < pose[2, 3] < 1.4

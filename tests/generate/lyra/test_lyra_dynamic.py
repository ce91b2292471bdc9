"""The generator `lyra_dynamic` as a whole, on a model with random weights: videos in, a scene at several times out."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from lyra_backend import api
from lyra_backend.errors import InvalidRequest
from lyra_backend.generate import lyra_dynamic
from lyra_backend.generate._lyra import start
from lyra_backend.generate._lyra.depth import Depth
from lyra_backend.io.ply import read_ply
from lyra_backend.io.run_dir import RunDirectory
from lyra_backend.models import depth_cache
from lyra_backend.progress import Progress
from lyra_backend.types import Frame, Outcome, SceneRequest

from .conftest import write_video

QUICK = lyra_dynamic.Params(steps=2, guidance=0.0, fov=60.0)


def request(video, model, **more) -> SceneRequest:
    return SceneRequest(video=str(video), model=str(model), generator="lyra_dynamic", **more)


def run(asked: SceneRequest, scratch, params: lyra_dynamic.Params = QUICK) -> Outcome:
    return lyra_dynamic.run(asked, params, Progress(), scratch)


def positions(outcome: Outcome) -> list[np.ndarray]:
    return [cloud.positions for cloud in outcome.value.sequence.clouds]


@pytest.fixture(scope="module")
def moved(still_video, moving_model, tmp_path_factory) -> Outcome:
    return run(request(still_video, moving_model), tmp_path_factory.mktemp("kept"))


def test_a_video_becomes_gaussians_at_three_times(moved) -> None:
    scene = moved.value
    first, middle, last = scene.sequence.clouds
    assert np.array_equal(first.positions, scene.cloud.positions)
    assert first.count == middle.count == last.count == int(6 * 17 * 8 * 12 * (1 - 0.2))
    assert not np.array_equal(first.positions, middle.positions)
    assert not np.array_equal(middle.positions, last.positions)
    assert {cloud.frame for cloud in scene.sequence.clouds} == {Frame.GENERATOR}
    assert not scene.sequence.stable_identity
    assert moved.counts == {"gaussians": first.count, "videos": 6, "times": 3}


def test_times_are_those_of_the_video(moved) -> None:
    """17 frames at 24 to the second, of which the first, the ninth and the last are decoded."""
    assert moved.value.sequence.times_s == pytest.approx((0, 8 / 24, 16 / 24))


def test_all_times_are_turned_upright_alike(moved) -> None:
    """Random weights put all Gaussians of a path before its cameras, which look along y once the scene is upright."""
    assert np.allclose(moved.value.cameras[0].cam_to_world[:3, 1], (0, 0, -1), atol=1e-6)
    for cloud in moved.value.sequence.clouds:
        middle = np.median(cloud.positions, axis=0)
        assert middle[1] > 4 * abs(middle[0])
        assert middle[1] > 4 * abs(middle[2])


def test_same_seed_same_bytes(moved, still_video, moving_model, tmp_path) -> None:
    same = run(request(still_video, moving_model), tmp_path / "a")
    other = run(request(still_video, moving_model, seed=1), tmp_path / "b")
    for one, two in zip(positions(moved), positions(same), strict=True):
        assert np.array_equal(one, two)
    assert not np.array_equal(positions(moved)[0], positions(other)[0])


def test_provenance_names_the_video(moved, still_video) -> None:
    import hashlib

    known = moved.value.provenance
    assert known["generator"] == "lyra_dynamic"
    video = {"name": "input video", "licence": "unknown"}
    assert known["sources"][-1] == video | {"sha256": hashlib.sha256(still_video.read_bytes()).hexdigest()}
    assert str(still_video.parent) not in json.dumps(dict(known))


def test_a_prompt_beside_a_video_is_told_to_the_video_model(moved, still_video, moving_model, tmp_path) -> None:
    told = run(request(still_video, moving_model, prompt="a kitchen"), tmp_path)
    assert not np.array_equal(positions(moved)[0], positions(told)[0])


def test_one_time_alone(still_video, moving_model, moved, tmp_path) -> None:
    params = lyra_dynamic.Params(steps=2, guidance=0.0, fov=60.0, times="0.5")
    found = run(request(still_video, moving_model), tmp_path, params)
    assert found.value.sequence.times_s == pytest.approx((8 / 24,))
    assert np.array_equal(positions(found)[0], positions(moved)[1])


# -- what is read of the video ----------------------------------------------------------------------------------------


@pytest.fixture
def shown(monkeypatch) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Pictures, depths and skies of the frames, as the first path is about to show them; the work ends there."""
    found = []

    class Enough(Exception):
        pass

    def record(caches, poses, *_, **__):
        list(caches)
        raise Enough

    monkeypatch.setattr(
        depth_cache,
        "DepthCache",
        lambda image, z, matrix, pose, sky, *_: found.append((image, z, sky)) or found[-1],
    )
    monkeypatch.setattr(depth_cache, "render_video", record)
    monkeypatch.setattr(lyra_dynamic, "imagine_scene", lambda *given, **_: given[4](np.eye(4)[None], print))
    found.append(Enough)  # type: ignore[arg-type]
    return found


def frames_shown(shown: list, asked: SceneRequest, scratch, params: lyra_dynamic.Params = QUICK) -> list:
    with pytest.raises(shown.pop()):
        run(asked, scratch, params)
    return shown


def red_box(image: np.ndarray) -> float:
    """Return the middle column of the red box in a picture in [-1, 1], as a share of its width."""
    red = (image[..., 0] > 0.5) & (image[..., 1] < -0.5) & (image[..., 2] < -0.5)
    return float(np.nonzero(red)[1].mean() + 0.5) / image.shape[1]


def test_frame_by_frame_the_video_is_shown(shown, still_video, moving_model, tmp_path) -> None:
    frames = frames_shown(shown, request(still_video, moving_model), tmp_path)
    assert len(frames) == 17
    for i in (0, 5, 16):
        assert red_box(frames[i][0]) == pytest.approx((20 + i) / 144, abs=0.01)


def test_it_begins_where_it_is_told_to(shown, still_video, moving_model, tmp_path) -> None:
    params = lyra_dynamic.Params(steps=2, guidance=0.0, fov=60.0, start_s=0.5)
    frames = frames_shown(shown, request(still_video, moving_model), tmp_path, params)
    assert red_box(frames[0][0]) == pytest.approx((20 + 12) / 144, abs=0.01)


class Judge:
    """A network for depth that judges every picture by another scale, and sees sky in the upper rows."""

    def __init__(self, *_: object) -> None:
        self.calls = 0

    def __call__(self, image: np.ndarray, fov_deg: float | None = None) -> Depth:
        height, width = image.shape[:2]
        z = np.repeat(np.linspace(2, 6, width, dtype=np.float32)[None], height, axis=0)
        sky = np.zeros((height, width), bool)
        sky[: height // 4] = True
        z = np.where(sky, 0, z * np.float32(1 + 0.3 * (self.calls % 2)))
        self.calls += 1
        return Depth(z, sky, False, None, "judge")


@pytest.mark.parametrize("scale", [None, 0.1, 10.0])
def test_depth_of_all_frames_is_in_one_unit(shown, still_video, moving_model, tmp_path, monkeypatch, scale) -> None:
    monkeypatch.setattr(start, "load_estimator", Judge)
    params = lyra_dynamic.Params(steps=2, guidance=0.0, fov=60.0, scale=scale)
    frames = frames_shown(shown, request(still_video, moving_model), tmp_path, params)
    # the median depth is 1
    wanted = np.repeat(np.linspace(0.5, 1.5, 96)[None], 48, axis=0)
    for _, z, sky in frames:
        np.testing.assert_allclose(z[16:], wanted, rtol=2e-3)
        assert sky[:16].all()
        assert not sky[16:].any()


def codes(outcome: Outcome) -> dict[str, tuple[float, float]]:
    return {finding.code: (finding.measured, finding.limit) for finding in outcome.findings}


def test_a_longer_video_is_cut_and_that_is_said(moved) -> None:
    """40 frames, of which 17 are used: from the first to the last of these two thirds of a second pass."""
    assert codes(moved) == {"lyra.video_cut": (1.667, 0.667)}


def test_of_a_long_video_only_what_is_needed_is_read(moving_model, tmp_path, monkeypatch) -> None:
    video = write_video(tmp_path / "long.mp4", 0, count=300, fps=60.0)
    read = []
    usual = cv2.cvtColor
    monkeypatch.setattr(cv2, "cvtColor", lambda *given: read.append(given[1]) or usual(*given))
    outcome = run(request(video, moving_model), tmp_path / "run")
    assert read.count(cv2.COLOR_BGR2RGB) == 17
    assert codes(outcome)["lyra.video_cut"] == (5.0, pytest.approx(40 / 60, abs=0.001))


def test_a_shorter_video_is_shown_slower_and_that_is_said(moving_model, tmp_path) -> None:
    video = write_video(tmp_path / "short.mp4", 0, count=9)
    outcome = run(request(video, moving_model), tmp_path / "run")
    assert codes(outcome) == {"lyra.video_slow": (0.333, 0.708)}
    assert outcome.value.sequence.times_s == pytest.approx((0, 4 / 24, 8 / 24))


# -- what users hand in -----------------------------------------------------------------------------------------------


def refused(asked: SceneRequest, scratch, says: str, params: lyra_dynamic.Params = QUICK) -> None:
    """See that a request is refused alike before anything is loaded, and by the run itself."""
    with pytest.raises(InvalidRequest, match=says) as planned:
        lyra_dynamic.estimate(asked, params)
    with pytest.raises(InvalidRequest) as met:
        run(asked, scratch, params)
    assert str(met.value) == str(planned.value)


def test_a_camera_that_moves_is_refused(panned_video, moving_model, tmp_path) -> None:
    says = r"video: its camera must stand still, .* moves by \d+\.\d% of the picture\. Film from a tripod"
    refused(request(panned_video, moving_model), tmp_path, says)


def test_a_camera_that_moves_is_taken_if_users_say_it_does_not(shown, panned_video, moving_model, tmp_path) -> None:
    params = lyra_dynamic.Params(steps=2, guidance=0.0, fov=60.0, still_camera=False)
    assert len(frames_shown(shown, request(panned_video, moving_model), tmp_path, params)) == 17


def test_a_cut_is_refused(moving_model, tmp_path) -> None:
    video = write_video(tmp_path / "cut.mp4", 0, cut=8)
    refused(request(video, moving_model), tmp_path, "one shot from where its camera stands|its camera must stand still")


def test_a_camera_that_shakes_is_warned_of(moving_model, tmp_path) -> None:
    video = write_video(tmp_path / "shaken.mp4", 0, shake_px=1)
    (depth, *_) = lyra_dynamic.estimate(request(video, moving_model), QUICK)
    assert "lyra.camera_shakes" in {finding.code for finding in depth.findings}


def test_a_wall_without_texture_says_that_nothing_can_be_said(shown, moving_model, tmp_path) -> None:
    video = write_video(tmp_path / "plain.mp4", 0, blobs=0)
    found = lyra_dynamic._prepare(request(video, moving_model), QUICK, lambda *_: None).findings
    assert "lyra.camera_unknown" in {finding.code for finding in found}


def test_few_frames_a_second_are_warned_of(moving_model, tmp_path) -> None:
    video = write_video(tmp_path / "slow.mp4", 0, fps=5.0)
    found = codes(run(request(video, moving_model), tmp_path / "run"))
    assert found["lyra.video_jerky"] == (5.0, pytest.approx(0.8 * 24, abs=0.01))


def test_the_depth_of_frames_is_not_estimated_again(still_video, moving_model, tmp_path, monkeypatch) -> None:
    one = run(request(still_video, moving_model), tmp_path)
    monkeypatch.setattr(start, "load_estimator", None)
    same = run(request(still_video, moving_model), tmp_path)
    assert all(np.array_equal(a, b) for a, b in zip(positions(one), positions(same), strict=True))


def test_a_video_of_one_frame_is_refused(moving_model, tmp_path) -> None:
    video = write_video(tmp_path / "one.mp4", 0, count=1)
    refused(request(video, moving_model), tmp_path, r"one\.mp4: must have 3 frames or more, got 1\. .* use --image")


def test_a_text_file_is_refused(moving_model, tmp_path) -> None:
    (tmp_path / "text.mp4").write_text("no video at all")
    refused(request(tmp_path / "text.mp4", moving_model), tmp_path, r"text\.mp4: not a video that can be read")


def test_a_folder_is_refused(moving_model, tmp_path) -> None:
    refused(request(tmp_path, moving_model), tmp_path, "a video was expected, but this is a folder")


def test_a_video_that_is_not_there_is_refused(moving_model, tmp_path) -> None:
    refused(request(tmp_path / "a.mp4", moving_model), tmp_path, r"a\.mp4: a video was expected, but no such file")


def test_a_truncated_video_is_refused(still_video, moving_model, tmp_path) -> None:
    data = still_video.read_bytes()
    (tmp_path / "cut.mp4").write_bytes(data[: len(data) // 2])
    refused(request(tmp_path / "cut.mp4", moving_model), tmp_path, r"cut\.mp4: not a video that can be read")


@pytest.mark.parametrize(
    ("times", "says"),
    [
        ("", "must be shares from 0 to 1"),
        ("now", "must be shares from 0 to 1"),
        ("0,,1", "must be shares from 0 to 1"),
        ("0,1.5", "must be shares from 0 to 1"),
        ("-0.1,1", "must be shares from 0 to 1"),
        ("0,7,1", "must be shares from 0 to 1"),
        ("nan", "must be shares from 0 to 1"),
        ("0,nan,1", "must be shares from 0 to 1"),
        ("0,inf", "must be shares from 0 to 1"),
        ("1,0", "must ascend and differ by a frame of 17"),
        ("0.5,0.5", "must ascend and differ by a frame of 17"),
        ("0.5,0.51", "must ascend and differ by a frame of 17"),
    ],
)
def test_times_that_cannot_be(still_video, moving_model, tmp_path, times: str, says: str) -> None:
    refused(request(still_video, moving_model), tmp_path, f"generate.times {says}", lyra_dynamic.Params(times=times))


def test_times_are_rounded_to_frames() -> None:
    assert lyra_dynamic.Params().target_frames(121) == (0, 60, 120)
    assert lyra_dynamic.Params(times=" 0.1, 0.3 ,0.99").target_frames(17) == (2, 5, 16)


def test_a_decoder_of_still_scenes_is_refused(still_video, still_model, tmp_path) -> None:
    refused(request(still_video, still_model), tmp_path, "still scenes: use --generator lyra, or name another model")


def test_no_video_is_refused(moving_model, tmp_path) -> None:
    asked = SceneRequest(prompt="a kitchen", model=str(moving_model), generator="lyra_dynamic")
    refused(asked, tmp_path, r"lyra_dynamic needs a video, got none. Try: --video clip.mp4")


def test_what_it_will_take_is_said_before(still_video, moving_model) -> None:
    three, five = (
        lyra_dynamic.estimate(request(still_video, moving_model), lyra_dynamic.Params(times=times))
        for times in ("0,0.5,1", "0,0.25,0.5,0.75,1")
    )
    assert [part.part for part in three] == [
        "depth of every frame",
        "reading the prompt",
        "loading networks",
        "6 videos of 17 frames",
        "decoding Gaussians at 3 times",
    ]
    assert five[:-1] == three[:-1]
    assert five[-1].seconds == pytest.approx(5 / 3 * three[-1].seconds)


def test_a_network_for_depth_that_was_not_fetched_is_told_before(
    still_video, moving_model, tmp_path, monkeypatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    shutil.copytree(moving_model, tmp_path / "model", ignore=shutil.ignore_patterns("depth"))
    with pytest.raises(InvalidRequest, match="weights fetch depth_indoor"):
        lyra_dynamic.estimate(request(still_video, tmp_path / "model"), QUICK)


# -- a whole run ------------------------------------------------------------------------------------------------------


def test_a_video_becomes_a_stage_the_same_each_time(still_video, moving_model, tmp_path) -> None:
    # what random weights make is hundreds of blobs, for which a coarse collider does
    params = {"generate": {"steps": 1, "guidance": 0, "fov": 60}, "collide": {"voxel_size": 0.25}}
    params["author"] = {"keep_splat": True}
    asked = request(still_video, moving_model, params=params)
    first, again = (api.generate_scene(asked, tmp_path / name) for name in ("a", "b"))
    found = {finding.code: finding for finding in first.report.findings}
    assert found["sequence.held"].measured == 3
    assert "lyra.video_cut" in found

    listed = json.loads((first.directory / "sequence.json").read_text(encoding="utf-8"))
    assert listed["stable_identity"] is False
    assert [entry["file"] for entry in listed["times"]] == ["gaussians.ply", "gaussians_t001.ply", "gaussians_t002.ply"]
    assert [entry["time_s"] for entry in listed["times"]] == pytest.approx([0, 8 / 24, 16 / 24], abs=1e-6)
    clouds = [read_ply(first.directory / entry["file"]).value for entry in listed["times"]]
    assert all(cloud.count for cloud in clouds)
    # what stands still comes first and is the same
    assert not np.array_equal(clouds[0].positions[-100:], clouds[2].positions[-100:])

    one, two = (RunDirectory.read(result.directory).results() for result in (first, again))
    assert one.keys() == two.keys() >= {"sequence.json", "gaussians_t001.ply", "stage.usda", "provenance.json"}
    assert [name for name in one if one[name].read_bytes() != two[name].read_bytes()] == []


def test_messages_name_the_users_file(moving_model, tmp_path) -> None:
    """A run works on a copy of the video; what is wrong is said of the user's own file."""
    video = Path(tmp_path / "holiday.mp4")
    video.write_bytes(b"no video")
    with pytest.raises(InvalidRequest, match=r"holiday\.mp4: not a video that can be read"):
        api.generate_scene(request(video, moving_model), tmp_path / "run")
    assert not (tmp_path / "run").exists()

"""Frames of videos: which are read, when they are, and what is refused."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from lyra_backend.errors import Cancelled, InvalidRequest, MissingDependency
from lyra_backend.io.video import Clip, read_clip

#: Every frame says its number in binary: eight stripes of this many columns.
STRIPE = 16
COUNT, RATE = 100, 60.0


def numbered(number: int) -> np.ndarray:
    stripes = [255 if number >> bit & 1 else 0 for bit in range(8)]
    return np.repeat(np.repeat(np.uint8(stripes), STRIPE)[None, :, None], 64, axis=0).repeat(3, axis=2)


def numbers(clip: Clip) -> list[int]:
    return [
        sum(int(frame[16:48, bit * STRIPE + 4 : (bit + 1) * STRIPE - 4].mean() > 127) << bit for bit in range(8))
        for frame in clip.frames
    ]


def write(path: Path, frames, rate: float = RATE, codec: str = "mp4v") -> Path:
    height, width = frames[0].shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*codec), rate, (width, height))
    for frame in frames:
        writer.write(np.ascontiguousarray(frame[..., ::-1]))
    writer.release()
    return path


@pytest.fixture(scope="module")
def video(tmp_path_factory) -> Path:
    return write(tmp_path_factory.mktemp("video") / "a.mp4", [numbered(i) for i in range(COUNT)])


@pytest.mark.parametrize("start_s", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("fps", [24.0, 36.0, 48.0])
def test_frames_are_those_nearest_in_time(video, fps: float, start_s: float) -> None:
    clip = read_clip(video, 9, fps, 2, start_s)
    wanted = [start_s + i / fps for i in range(9)]
    assert max(abs(number / RATE - time) for number, time in zip(numbers(clip), wanted, strict=True)) <= 0.51 / RATE
    assert clip.span_s == pytest.approx(8 / fps, abs=0.51 / RATE)
    assert clip.length_s == pytest.approx(COUNT / RATE)


def test_at_the_same_rate_no_frame_is_left_out(video) -> None:
    assert numbers(read_clip(video, 17, RATE, 2, 10 / RATE)) == list(range(10, 27))


def test_what_is_left_of_a_video_is_spread_over_all_frames(video) -> None:
    """20 frames are left where 33 are wanted; the first and the last are among them."""
    clip = read_clip(video, 33, RATE, 2, 80 / RATE)
    found = numbers(clip)
    assert (found[0], found[-1], len(found)) == (80, 99, 33)
    assert found == sorted(found)
    assert set(found) == set(range(80, 100))
    assert clip.span_s == pytest.approx(19 / RATE)


@pytest.mark.parametrize(("name", "codec"), [("a.avi", "MJPG"), ("a.mov", "mp4v"), ("a.mkv", "mp4v")])
def test_other_containers(tmp_path, name: str, codec: str) -> None:
    path = write(tmp_path / name, [numbered(i) for i in range(40)], codec=codec)
    assert numbers(read_clip(path, 5, 30.0, 2, 0.25)) == [15, 17, 19, 21, 23]


def test_colours_are_red_green_and_blue(tmp_path) -> None:
    colour = np.uint8([220, 120, 30])
    path = write(tmp_path / "a.mp4", [np.broadcast_to(colour, (64, 96, 3))] * 4)
    clip = read_clip(path, 3, RATE, 2)
    assert clip.frames.shape == (3, 64, 96, 3)
    assert clip.frames.dtype == np.uint8
    np.testing.assert_allclose(clip.frames.reshape(-1, 3).mean(axis=0), colour, atol=6)


def test_only_what_is_needed_is_decoded(video, monkeypatch) -> None:
    reads = []
    usual = cv2.VideoCapture

    class Counted:
        def __init__(self, *given: Any) -> None:
            self._capture = usual(*given)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._capture, name)

        def read(self) -> Any:
            reads.append(1)
            return self._capture.read()

    monkeypatch.setattr(cv2, "VideoCapture", Counted)
    assert numbers(read_clip(video, 5, 30.0, 2, 0.5)) == [30, 32, 34, 36, 38]
    assert len(reads) == 9


def test_progress_is_told_and_can_stop_it(video) -> None:
    told: list[tuple[float, str]] = []
    read_clip(video, 5, 30.0, 2, progress=lambda done, text: told.append((done, text)))
    shares = [done for done, _ in told]
    assert shares == sorted(shares)
    assert told[-1] == (1.0, "reading frame 5 of 5")

    def stop(done: float, text: str) -> None:
        told.append((done, text))
        raise Cancelled("enough")

    told.clear()
    with pytest.raises(Cancelled):
        read_clip(video, 5, 30.0, 2, progress=stop)
    assert len(told) == 1


# -- what cannot be read ----------------------------------------------------------------------------------------------


def refused(path: Path, says: str, least: int = 3, start_s: float = 0.0) -> None:
    with pytest.raises(InvalidRequest, match=says) as told:
        read_clip(path, 17, 24.0, least, start_s)
    assert str(path) in str(told.value)


def test_too_short(tmp_path) -> None:
    path = write(tmp_path / "a.mp4", [numbered(i) for i in range(5)])
    refused(path, r"must have 6 frames or more, got 5\. Give a longer video; for a single picture use --image", 6)
    assert len(read_clip(path, 17, 24.0, 5).frames) == 17


@pytest.mark.parametrize(("start_s", "left"), [(1.6, 4), (60.0, 0)])
def test_too_little_after_the_start(video, start_s: float, left: int) -> None:
    refused(video, rf"must have 5 frames or more after {start_s:g} s, got {left}\.", 5, start_s)


def test_no_such_file_and_folders(tmp_path) -> None:
    refused(tmp_path / "a.mp4", "a video was expected, but no such file")
    refused(tmp_path, "a video was expected, but this is a folder")


@pytest.mark.parametrize("content", [b"", b"no video at all", b"\0\0\0\x18ftypmp42" + bytes(200)])
def test_what_is_no_video(tmp_path, content: bytes) -> None:
    (tmp_path / "a.mp4").write_bytes(content)
    refused(tmp_path / "a.mp4", "not a video that can be read. Save it as MP4 with H.264")


def test_a_picture_is_no_video(tmp_path) -> None:
    Image.new("RGB", (96, 64)).save(tmp_path / "a.png")
    refused(tmp_path / "a.png", "for a single picture use --image|not a video")


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "mp4v"), ("a.avi", "MJPG"), ("a.mkv", "mp4v")])
@pytest.mark.parametrize("share", [0.05, 0.2])
def test_what_is_cut_short_is_refused(tmp_path, name: str, codec: str, share: float) -> None:
    path = write(tmp_path / name, [numbered(i) for i in range(60)], codec=codec)
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    refused(path, r"the video is damaged at frame \d+ of \d+\. Export it again|not a video that can be read")


def test_opencv_is_not_installed(video, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(MissingDependency, match=r"opencv-python-headless: .* pip install 'lyra-backend\[lyra\]'"):
        read_clip(video, 17, 24.0, 3)

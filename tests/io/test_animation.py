"""Animations are what was put in, of the same bytes each time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from lyra_backend.errors import InvalidRequest, MissingDependency
from lyra_backend.io.animation import write_gif, write_mp4


def frames(count: int = 6, height: int = 90, width: int = 121) -> list[npt.NDArray[np.uint8]]:
    """A bright square that moves to the right over grey."""
    found = np.full((count, height, width, 3), 60, np.uint8)
    for k, frame in enumerate(found):
        frame[30:60, 10 + 12 * k : 40 + 12 * k] = (250, 120, 30)
    return list(found)


def test_a_gif_shows_every_frame_for_as_long_as_was_asked(tmp_path: Path) -> None:
    write_gif(tmp_path / "a.gif", frames(), 4.0)
    with Image.open(tmp_path / "a.gif") as image:
        assert (image.n_frames, image.info["duration"], image.info["loop"]) == (6, 250, 0)
        image.seek(5)
        shown = np.asarray(image.convert("RGB")).astype(int)
    assert np.abs(shown - frames()[5]).max() < 12


def test_a_video_shows_every_frame(tmp_path: Path) -> None:
    write_mp4(tmp_path / "a.mp4", frames(), 4.0)
    video = cv2.VideoCapture(str(tmp_path / "a.mp4"))
    assert (video.get(cv2.CAP_PROP_FPS), video.get(cv2.CAP_PROP_FRAME_COUNT)) == (4.0, 6)
    shown = [video.read()[1][..., ::-1].astype(int) for _ in range(6)]
    assert shown[0].shape == (90, 120, 3)
    for got, wanted in zip(shown, frames(), strict=True):
        assert np.abs(got - wanted[:, :120]).mean() < 6


def test_the_same_frames_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_gif(tmp_path / f"{name}.gif", frames(), 4.0)
        write_mp4(tmp_path / f"{name}.mp4", frames(), 4.0)
    for kind in ("gif", "mp4"):
        assert (tmp_path / f"a.{kind}").read_bytes() == (tmp_path / f"b.{kind}").read_bytes()


@pytest.mark.parametrize("write", [write_gif, write_mp4])
def test_no_frames_are_refused(tmp_path: Path, write: object) -> None:
    with pytest.raises(InvalidRequest, match="needs frames"):
        write(tmp_path / "a", [], 4.0)  # type: ignore[operator]


def test_without_the_package_it_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(MissingDependency, match=r"lyra-backend\[video\]"):
        write_mp4(tmp_path / "a.mp4", frames(), 4.0)


def test_importing_it_loads_neither_package() -> None:
    code = "import sys, lyra_backend.io.animation; print({'PIL', 'imageio_ffmpeg', 'numpy'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "{'numpy'}"

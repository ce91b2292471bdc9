"""Depth from two pictures of a textured wall with a box before it."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))

import stereo_depth

CAMERA = ["--focal", "500", "--baseline", "0.1"]


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """The wall is at disparity 10 (5 m), the box in the middle at 25 (2 m)."""
    texture = np.random.default_rng(0).integers(0, 256, (160, 260, 3), np.uint8)
    left, right = texture[:, 20:220].copy(), texture[:, 30:230].copy()
    right[50:110, 75:125] = left[50:110, 100:150]
    paths = tmp_path / "left.png", tmp_path / "right.png"
    for picture, path in zip((left, right), paths, strict=True):
        Image.fromarray(picture).save(path)
    return paths


def test_depth_of_a_wall_and_a_box(pair: tuple[Path, Path], tmp_path: Path) -> None:
    pytest.importorskip("cv2")
    out = tmp_path / "depth.npy"
    assert stereo_depth.main([*map(str, pair), str(out), *CAMERA, "--max-disparity", "48"]) == 0
    depth = np.load(out)
    assert depth.dtype == np.float32
    wall, box = depth[10:40, 30:180], depth[60:100, 110:140]
    assert np.median(wall[wall > 0]) == pytest.approx(5.0, rel=0.01)
    assert np.median(box[box > 0]) == pytest.approx(2.0, rel=0.01)
    assert (depth > 0).mean() > 0.6


def test_what_cannot_be_used_is_said(
    pair: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("cv2")
    grey = tmp_path / "grey.png"
    Image.new("RGB", (200, 160), (90, 90, 90)).save(grey)
    left, out = str(pair[0]), str(tmp_path / "depth.npy")
    Image.new("RGB", (20, 16)).save(tmp_path / "small.png")
    for arguments, code, message in (
        ([left, str(grey), out], 1, "match nowhere"),
        ([left, str(tmp_path / "small.png"), out], 2, "one size"),
        ([left, str(tmp_path / "absent.png"), out], 2, "no such file"),
        ([left, str(pair[1]), str(tmp_path / "no" / "depth.npy")], 1, "cannot be written"),
    ):
        assert stereo_depth.main([*arguments, *CAMERA]) == code
        assert message in capsys.readouterr().err
    for bad in (["--focal", "-5", "--baseline", "0.1"], ["--focal", "nan", "--baseline", "0.1"]):
        with pytest.raises(SystemExit):
            stereo_depth.main([left, str(pair[1]), out, *bad])
        assert "must be a positive number" in capsys.readouterr().err

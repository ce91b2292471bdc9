"""Metric depth of a rectified stereo pair, as `.npy` for the generator rgbd.

    python tools/stereo_depth.py LEFT RIGHT --focal 995 --baseline 0.193 --doffs 31.1 depth.npy

Semi-global matching of OpenCV (Hirschmueller 2008) in both directions; a pixel keeps its depth only where both agree.
The depth belongs to the LEFT picture: depth = focal * baseline / (disparity + doffs), 0 where there is none.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
Depth = npt.NDArray[np.float32]

_STEPS_PER_PIXEL = 16  # of OpenCV's fixed-point disparities
_BLOCK = 3
#: Largest difference between the two directions [px], and between neighbours of one patch [px].
_AGREEMENT_PX = 1.0
_SPECKLE_PX = 1
#: Patches smaller than this are mismatches more often than not [px].
_SPECKLE_AREA = 400


def stereo_depth(
    left: Image, right: Image, *, focal: float, baseline: float, doffs: float = 0.0, max_disparity: int = 128
) -> Depth:
    """Return the depth [m] of the left picture, shape (H, W), 0 where matching failed.

    Args:
        left, right: rectified pictures, shape (H, W, 3).
        focal: focal length [px].
        baseline: distance of the cameras [m].
        doffs: difference of the principal points, right minus left [px].
        max_disparity: largest disparity that is searched [px].
    """
    disparity = _agreed_disparity(left, right, -(-max_disparity // 16) * 16)
    found = np.isfinite(disparity) & (disparity + doffs > 0)
    depth = np.zeros(disparity.shape, np.float32)
    depth[found] = focal * baseline / (disparity[found] + doffs)
    return depth


def _agreed_disparity(left: Image, right: Image, search: int) -> Depth:
    """Return left disparities [px] that matching from the right confirms, NaN elsewhere."""
    import cv2

    # A margin as wide as the search lets matches near the left border be looked for, too.
    pad = ((0, 0), (search, search), (0, 0))
    wide_left, wide_right = (np.ascontiguousarray(np.pad(i, pad, mode="edge")) for i in (left, right))
    matcher = _matcher(search)
    from_left = matcher.compute(wide_left, wide_right)
    mirrored = matcher.compute(wide_right[:, ::-1].copy(), wide_left[:, ::-1].copy())
    from_right = mirrored[:, ::-1].astype(np.float32) / _STEPS_PER_PIXEL
    cv2.filterSpeckles(from_left, -_STEPS_PER_PIXEL, _SPECKLE_AREA, _SPECKLE_PX * _STEPS_PER_PIXEL)
    disparity = from_left.astype(np.float32) / _STEPS_PER_PIXEL
    columns = np.arange(disparity.shape[1])[None, :]
    partner = np.clip(np.rint(columns - disparity).astype(np.int64), 0, disparity.shape[1] - 1)
    back = np.take_along_axis(from_right, partner, axis=1)
    agreed = (disparity >= 0) & (back >= 0) & (np.abs(back - disparity) <= _AGREEMENT_PX)
    return np.where(agreed, disparity, np.nan)[:, search:-search].astype(np.float32)


def _matcher(search: int) -> Any:
    import cv2

    area = 3 * _BLOCK * _BLOCK
    create: Any = getattr(cv2, "StereoSGBM_create")  # noqa: B009 - missing from the type stubs
    return create(
        minDisparity=0,
        numDisparities=search,
        blockSize=_BLOCK,
        P1=8 * area,
        P2=32 * area,
        uniquenessRatio=5,
        preFilterCap=31,
        mode=cv2.STEREO_SGBM_MODE_HH,
    )


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"must be a positive number, got {text}")
    return value


def _search(text: str) -> int:
    value = int(text)
    if not 1 <= value <= 4096:
        raise argparse.ArgumentTypeError(f"must be from 1 to 4096 px, got {text}")
    return value


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("left", type=Path)
    parser.add_argument("right", type=Path)
    parser.add_argument("out", type=Path, help="depth [m] as .npy")
    parser.add_argument("--focal", type=_positive, required=True, help="focal length [px]")
    parser.add_argument("--baseline", type=_positive, required=True, help="distance of the cameras [m]")
    parser.add_argument("--doffs", type=float, default=0.0, help="principal point of the right minus the left [px]")
    parser.add_argument("--max-disparity", type=_search, default=128, help="largest disparity searched [px]")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Read two pictures, write their depth; return the exit code."""
    given = _parser().parse_args(arguments)

    if importlib.util.find_spec("cv2") is None:
        print("stereo matching needs OpenCV. Run: pip install opencv-python-headless", file=sys.stderr)
        return 1
    from lyra_backend.errors import LyraError
    from lyra_backend.io.images import read_image

    try:
        left, right = read_image(given.left), read_image(given.right)
    except LyraError as error:
        print(error, file=sys.stderr)
        return 2
    if left.shape != right.shape:
        print(f"both pictures must have one size, got {left.shape[1::-1]} and {right.shape[1::-1]}", file=sys.stderr)
        return 2
    depth = stereo_depth(
        left,
        right,
        focal=given.focal,
        baseline=given.baseline,
        doffs=given.doffs,
        max_disparity=given.max_disparity,
    )
    found = depth > 0
    if not found.any():
        print("the pictures match nowhere; are they a rectified pair, left first?", file=sys.stderr)
        return 1
    try:
        np.save(given.out, depth)
    except OSError as error:
        print(f"{given.out}: cannot be written ({error.strerror})", file=sys.stderr)
        return 1
    print(f"{given.out}: depth for {found.mean():.1%} of the pixels, median {np.median(depth[found]):.3f} m")
    return 0


if __name__ == "__main__":
    sys.exit(main())

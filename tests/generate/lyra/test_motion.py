"""Whether the camera of a video stands."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from lyra_backend.generate._lyra.motion import background_motion, still_pixels

#: Frames, height and width of the videos.
SHAPE = (13, 120, 200)
DIAGONAL = float(np.hypot(*SHAPE[1:]))


def blobs(height: int, width: int, seed: int = 0) -> np.ndarray:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    return cv2.normalize(cv2.GaussianBlur(pixels, (0, 0), 2), None, 0, 255, cv2.NORM_MINMAX)


def panned(across: float, down: float = 0.0) -> np.ndarray:
    """Return a video of a large picture that moves by so much from frame to frame [px]."""
    count, height, width = SHAPE
    whole = blobs(height + 100, width + 300)
    moves = [np.float32([[1, 0, -across * i - 50], [0, 1, -down * i - 50]]) for i in range(count)]
    return np.stack([cv2.warpAffine(whole, move, (width, height)) for move in moves])


@pytest.mark.parametrize(("across", "down"), [(0.4, 0.0), (1.0, 0.0), (0.0, -0.7), (1.2, 0.5), (-0.8, 0.8)])
def test_how_far_a_pan_goes(across: float, down: float) -> None:
    far = (SHAPE[0] - 1) * np.hypot(across, down)
    assert background_motion(panned(across, down)).shift == pytest.approx(far / DIAGONAL, rel=0.03)


@pytest.mark.parametrize("across", [5.0, 12.0, 20.0])
def test_a_pan_too_fast_to_be_followed_is_no_camera_that_stands(across: float) -> None:
    assert background_motion(panned(across)).shift > 0.03


def test_a_pan_that_comes_back_has_moved() -> None:
    there = panned(1.0)
    assert background_motion(np.concatenate([there[::2], there[::-2]])).shift == pytest.approx(12 / DIAGONAL, rel=0.2)


def test_a_camera_that_stands() -> None:
    noise = np.random.default_rng(1).normal(0, 3, (*SHAPE, 3))
    frames = np.clip(blobs(*SHAPE[1:]) + noise, 0, 255).astype(np.uint8)
    assert background_motion(frames).shift < 0.001
    assert background_motion(frames).lost < 0.05


def test_a_large_thing_that_moves_is_not_the_camera() -> None:
    """It covers a fifth of the picture, crosses as much again, and has corners of its own."""
    frames = np.repeat(blobs(*SHAPE[1:])[None], SHAPE[0], axis=0)
    thing = blobs(SHAPE[1], 40, seed=1)
    for i, frame in enumerate(frames):
        frame[:, 30 + 3 * i : 70 + 3 * i] = thing
    assert background_motion(frames).shift < 0.002
    assert background_motion(frames).lost < 0.5


def test_a_cut_loses_what_was_there() -> None:
    frames = np.repeat(blobs(*SHAPE[1:])[None], SHAPE[0], axis=0)
    frames[8:] = blobs(*SHAPE[1:], seed=5)
    assert background_motion(frames).lost > 0.85


@pytest.mark.parametrize("dots", [0, 4])
def test_without_texture_nothing_can_be_said(dots: int) -> None:
    frames = np.full((*SHAPE, 3), 120, np.uint8)
    for i, frame in enumerate(frames):
        for k in range(dots):
            frame[20 * k + 20 : 20 * k + 24, 40 + 3 * i : 44 + 3 * i] = 255
    assert background_motion(frames) == (0.0, 0.0, False)


def test_still_pixels_are_those_whose_colour_stays() -> None:
    first = blobs(*SHAPE[1:])
    later = first.copy()
    later[30:60, 40:90, 1] = np.where(first[30:60, 40:90, 1] < 128, 255, 0)
    noise = np.random.default_rng(2).integers(-6, 7, later.shape)
    later = np.clip(later + noise, 0, 255).astype(np.uint8)
    moved = np.zeros(SHAPE[1:], bool)
    moved[30:60, 40:90] = True
    assert np.array_equal(still_pixels(later, first), ~moved)


def test_darker_counts_as_much_as_brighter() -> None:
    dark, bright = np.full((4, 5, 3), 10, np.uint8), np.full((4, 5, 3), 250, np.uint8)
    assert not still_pixels(dark, bright).any()
    assert not still_pixels(bright, dark).any()

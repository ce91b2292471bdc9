"""A whole Lyra model with random weights, a photo with depth, and videos."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from diffusers import CosmosTransformer3DModel
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "tools"))

from make_tiny_lyra import make_tiny_lyra

from ...models.conftest import one_thread

__all__ = ["one_thread"]

#: Size of the photo: twice that of the model's pictures, and of another shape.
WIDTH, HEIGHT = 200, 128


@pytest.fixture(autouse=True)
def kept_embeddings(tmp_path_factory, monkeypatch) -> Path:
    """Where embeddings of prompts are kept, in place of the user's cache."""
    folder = tmp_path_factory.getbasetemp() / "text_embeddings"
    monkeypatch.setattr("lyra_backend.weights.store.embeddings_folder", lambda: folder)
    return folder


@pytest.fixture(autouse=True, scope="package")
def one_by_one() -> Iterator[None]:
    """Videos are made one after the other, as those of the published size are, however small they are here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lyra_backend.models.lyra._BATCH_BYTES", 0.0)
        yield


@pytest.fixture(scope="session")
def still_model(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "still"
    make_tiny_lyra(folder)
    return folder


@pytest.fixture(scope="session")
def moving_model(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "moving"
    make_tiny_lyra(folder, moves=True)
    return folder


@pytest.fixture(scope="session")
def photo(tmp_path_factory) -> Path:
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("inputs") / "photo.png"
    coarse = rng.integers(0, 256, (HEIGHT // 8, WIDTH // 8, 3), np.uint8)
    Image.fromarray(coarse).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC).save(path)
    return path


@pytest.fixture(scope="session")
def depth(photo) -> Path:
    """A floor 1.4 m below the camera up to a wall 4 m away."""
    path = photo.with_name("depth.npy")
    slope = (np.arange(HEIGHT) + 0.5 - HEIGHT / 2) / 160
    rows = np.where(slope > 0.35, 1.4 / np.maximum(slope, 0.35), 4.0)
    np.save(path, np.repeat(rows[:, None], WIDTH, axis=1).astype(np.float32))
    return path


def write_video(
    path: Path,
    pan_px: int,
    count: int = 40,
    fps: float = 24.0,
    cut: int | None = None,
    blobs: float = 1.0,
    shake_px: int = 0,
) -> Path:
    """Write a red box that crosses a picture of random blobs, which moves by `pan_px` a frame.

    From frame `cut` on the picture is another one; `blobs` is how strong they are; every other frame is `shake_px` off.
    """
    backs = [
        np.uint8(128 + blobs * (cv2.GaussianBlur(rng.integers(0, 256, (96, 144, 3), np.uint8), (0, 0), 2) - 128.0))
        for rng in (np.random.default_rng(1), np.random.default_rng(2))
    ]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), fps, (144, 96))
    for i in range(count):
        frame = np.roll(backs[cut is not None and i >= cut], pan_px * i + shake_px * (i % 2), axis=1)
        frame[40:60, 10 + i : 30 + i] = (20, 20, 220)
        writer.write(frame)
    writer.release()
    return path


@pytest.fixture(scope="session")
def still_video(tmp_path_factory) -> Path:
    return write_video(tmp_path_factory.mktemp("videos") / "still.mp4", 0)


@pytest.fixture(scope="session")
def panned_video(tmp_path_factory) -> Path:
    return write_video(tmp_path_factory.mktemp("videos") / "panned.mp4", 2)


@pytest.fixture
def evaluations(monkeypatch) -> list[int]:
    """One entry for every time the video model is asked."""
    calls: list[int] = []
    usual = CosmosTransformer3DModel.forward

    def counted(self, *arguments, **named):
        calls.append(1)
        return usual(self, *arguments, **named)

    monkeypatch.setattr(CosmosTransformer3DModel, "forward", counted)
    return calls

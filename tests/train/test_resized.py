"""Scenes at the size of a stage: what is cut is what was there, what is smaller is encoded again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from lyra_backend.errors import InvalidRequest
from lyra_backend.models.gaussian_decoder import GaussianDecoder
from lyra_backend.models.latent_space import LatentSpace
from lyra_backend.models.lyra import ray_latents
from lyra_backend.models.trajectories import DECODER_ORDER, camera_path
from lyra_backend.train.recipe import Optimiser, Recipe, Stage
from lyra_backend.train.resized import VideoSize, check_size, resized, size_of
from lyra_backend.train.student import StudentObjective
from lyra_backend.train.taught import Taught
from lyra_backend.train.tokenizer_stage import as_video, new_tokenizer

FRAMES, HEIGHT, WIDTH = 17, 32, 64
NETWORK = {
    "encoder_block_out_channels": [8, 8, 8, 8],
    "decode_block_out_channels": [8, 8, 8, 8],
    "num_layers": 1,
    "attention_resolutions": [],
}


@pytest.fixture(scope="module")
def space() -> LatentSpace:
    return LatentSpace(new_tokenizer(NETWORK, 0).eval())


@pytest.fixture(scope="module")
def taught(space: LatentSpace) -> Taught:
    """A scene of three videos whose latents are those of its pictures."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 255, (3, FRAMES, HEIGHT // 8, WIDTH // 8, 3))
    frames = coarse.repeat(8, axis=2).repeat(8, axis=3).astype(np.uint8)
    poses = np.stack([camera_path(kind, 0.2, FRAMES, 2.0) for kind in DECODER_ORDER[:3]]).astype(np.float32)
    lens = np.array([51.2, 51.2, 32, 16], np.float32)
    rays = [ray_latents(space, torch.from_numpy(p), torch.from_numpy(lens), HEIGHT, WIDTH) for p in poses]
    return Taught(
        "scene",
        1,
        encoded(space, frames),
        torch.cat(rays).half().numpy(),
        frames,
        poses,
        lens,
        cache_depth=rng.uniform(1, 3, (3, FRAMES, HEIGHT, WIDTH)).astype(np.float16),
    )


def encoded(space: LatentSpace, frames: np.ndarray) -> np.ndarray:
    """Latents (V, t, C, h, w) of pictures (V, T, H, W, 3), all at once."""
    videos = as_video(frames)
    found = [space.encode(lambda s, e, v=video: v[None, :, s:e], videos.shape[2]) for video in videos]
    return torch.cat(found).transpose(1, 2).half().numpy()


def test_the_beginning_of_videos_is_what_a_shorter_one_would_be(space: LatentSpace, taught: Taught) -> None:
    found = resized(taught, [2, 0], VideoSize(9, HEIGHT, WIDTH), None)
    assert size_of(found) == (9, HEIGHT, WIDTH)
    np.testing.assert_array_equal(found.frames, taught.frames[[2, 0], :9])
    np.testing.assert_array_equal(found.cam_to_world, taught.cam_to_world[[2, 0], :9])
    np.testing.assert_array_equal(found.cache_depth, taught.cache_depth[[2, 0], :9])
    # the tokenizer is causal: no need to encode again
    np.testing.assert_allclose(found.latents, encoded(space, found.frames), atol=2e-3)
    lens, path = torch.from_numpy(taught.lens), torch.from_numpy(found.cam_to_world[1])
    np.testing.assert_allclose(found.plucker[1], ray_latents(space, path, lens, HEIGHT, WIDTH)[0], atol=2e-3)


def test_smaller_pictures_are_encoded_again(space: LatentSpace, taught: Taught) -> None:
    found = resized(taught, [1], VideoSize(9, 16, 32), space)
    assert size_of(found) == (9, 16, 32)
    # two pixels in one of a picture whose blocks have eight
    np.testing.assert_allclose(found.frames[0, :, 1::4, 1::4], taught.frames[1, :9, 3::8, 3::8], atol=1)
    np.testing.assert_array_equal(found.lens, taught.lens / 2)
    np.testing.assert_allclose(found.latents, encoded(space, found.frames), atol=2e-3)
    lens, path = torch.from_numpy(found.lens), torch.from_numpy(found.cam_to_world[0])
    np.testing.assert_allclose(found.plucker[0], ray_latents(space, path, lens, 16, 32)[0], atol=2e-3)
    assert np.isin(found.cache_depth, taught.cache_depth[1, :9]).all()


def test_frames_that_were_not_kept_stay_so(taught: Taught) -> None:
    kept = [0, 4, 8, 16]
    some = replace(
        taught,
        frame_indices=np.array(kept, np.int32),
        frames=taught.frames[:, kept],
        cache_depth=taught.cache_depth[:, kept],
    )
    found = resized(some, [0], VideoSize(9, HEIGHT, WIDTH), None)
    assert found.indices.tolist() == [0, 4, 8]
    np.testing.assert_array_equal(found.frames, taught.frames[:1, [0, 4, 8]])
    with pytest.raises(InvalidRequest, match="lack some of the first 9 frames"):
        check_size(some, VideoSize(9, 16, 32), "stage", has_tokenizer=True)


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        (VideoSize(25, HEIGHT, WIDTH), "25 frames of 64 x 32 and the data have 17 frames of 64 x 32"),
        (VideoSize(8, HEIGHT, WIDTH), r"8 n \+ 1 frames"),
        (VideoSize(9, 16, 16), "in the same shape"),
        (VideoSize(9, 8, 16), "multiples of 16"),
        (VideoSize(9, 16, 32), "needs the teacher's tokenizer"),
    ],
)
def test_sizes_that_cannot_be_are_refused(taught: Taught, wanted: VideoSize, told: str) -> None:
    with pytest.raises(InvalidRequest, match=told):
        check_size(taught, wanted, "stage", has_tokenizer=False)


def test_moving_scenes_stay_as_they_are(taught: Taught) -> None:
    moving = replace(taught, time=np.tile(np.arange(FRAMES, dtype=np.int32), (3, 1)))
    check_size(moving, size_of(moving), "stage", has_tokenizer=False)
    with pytest.raises(InvalidRequest, match="learned as they are"):
        check_size(moving, VideoSize(9, HEIGHT, WIDTH), "stage", has_tokenizer=True)


def test_one_recipe_goes_through_several_sizes(space: LatentSpace, taught: Taught) -> None:
    class Scenes:
        def __len__(self) -> int:
            return 1

        def scene(self, i: int) -> Taught:
            return taught

    stages = (
        Stage("small", 1, frames=9, height=16, width=32, targets=2),
        Stage("short", 1, frames=9, targets=2, centres=1.0),
        Stage("whole", 1, views=(1, 3), targets=2),
    )
    torch.manual_seed(0)
    decoder = GaussianDecoder(width=32, depth=2, attention_heads=2, attention_every=2, scan_inner=32, scan_heads=2)
    shown: list[tuple[int, ...]] = []
    decoder.register_forward_pre_hook(lambda _, given: shown.append(tuple(given[0].shape[1:])))
    student = StudentObjective(decoder, Scenes(), Recipe("sizes", Optimiser(), stages), 0, space=space)
    losses = [float(student.loss(step)["loss"].detach()) for step in range(3)]
    assert np.isfinite(losses).all()
    assert shown[:2] == [(2, 16, 2, 4), (2, 16, 4, 8)]
    assert shown[2][0] in (3, 6, 9)
    with pytest.raises(InvalidRequest, match=r"stage small: is for 9 frames of 32 x 16; .* tokenizer"):
        replace(student, space=None)

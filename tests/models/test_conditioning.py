"""What the Gaussian decoder is told of cameras and times: encoded once, and another for other cameras."""

from __future__ import annotations

import json
import sys
from collections import OrderedDict
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKLCosmos, CosmosTransformer3DModel

from lyra_backend.errors import InvalidRequest
from lyra_backend.models import lyra
from lyra_backend.models.depth_cache import CacheFrames
from lyra_backend.models.folders import ModelFolders
from lyra_backend.models.gaussian_decoder import GaussianDecoder
from lyra_backend.models.latent_space import LatentSpace
from lyra_backend.models.lyra import Lyra
from lyra_backend.models.placement import Placement
from lyra_backend.models.rays import plucker_map

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))

from make_tiny_lyra import DECODER, NETWORK, TOKENIZER, VIDEO

#: Views, frames and latent frames of a video, rows and columns of latents.
VIEWS, FRAMES, LATENT_FRAMES, ROWS, COLUMNS = 2, 17, 3, 8, 12
LENS = (80.0, 81.0, 47.5, 31.0)


def save(folder: Path, *, moves: bool) -> Path:
    torch.manual_seed(0)
    GaussianDecoder(**DECODER, use_time=moves).save_pretrained(folder / "decoder")
    CosmosTransformer3DModel(**NETWORK).save_pretrained(folder / "transformer")
    AutoencoderKLCosmos(**TOKENIZER).save_pretrained(folder / "vae")
    (folder / "lyra.json").write_text(json.dumps(VIDEO))
    return folder


@pytest.fixture(scope="module")
def still(tmp_path_factory) -> Lyra:
    return load(save(tmp_path_factory.mktemp("still"), moves=False))


@pytest.fixture(scope="module")
def moving(tmp_path_factory) -> Lyra:
    return load(save(tmp_path_factory.mktemp("moving"), moves=True))


def load(folder: Path) -> Lyra:
    return Lyra.load(ModelFolders.in_one(folder, folder / "kept"), Placement(torch.device("cpu"), torch.float32))


@pytest.fixture
def encodings(monkeypatch) -> list[tuple[int, ...]]:
    """The shape of every video that is encoded; nothing is known from earlier tests."""
    monkeypatch.setattr(lyra, "_ENCODED", OrderedDict())
    found: list[tuple[int, ...]] = []
    usual = LatentSpace.encode

    def counted(self, frames, count):
        batch, channels, _, *size = frames(0, 1).shape
        found.append((batch, channels, count, *size))
        return usual(self, frames, count)

    monkeypatch.setattr(LatentSpace, "encode", counted)
    return found


def paths(step: float = 0.01) -> list[np.ndarray]:
    """Return one path that goes to the right and one that goes ahead."""
    found = np.tile(np.eye(4, dtype=np.float32), (VIEWS, FRAMES, 1, 1))
    found[0, :, 0, 3] = step * np.arange(FRAMES)
    found[1, :, 2, 3] = step * np.arange(FRAMES)
    return list(found)


def videos(seed: int = 0) -> list[torch.Tensor]:
    random = torch.Generator().manual_seed(seed)
    return [torch.randn(1, 16, LATENT_FRAMES, ROWS, COLUMNS, generator=random) for _ in range(VIEWS)]


def decoded(model: Lyra, given=None, along=None, lens=LENS, times=()) -> list[np.ndarray]:
    return model.reconstruct(given or videos(), along or paths(), lens, lambda *_: None, times)


def test_rays_are_encoded_once_for_scenes_with_the_same_cameras(still, encodings) -> None:
    first = decoded(still)
    # moments and directions of each view
    assert encodings == [(1, 3, FRAMES, 64, 96)] * 2 * VIEWS
    again, other = decoded(still), decoded(still, videos(seed=1))
    assert len(encodings) == 2 * VIEWS
    assert np.array_equal(first[0], again[0])
    assert not np.array_equal(first[0], other[0])


def test_a_first_frame_is_encoded_once_for_all_videos_that_begin_with_it(still, encodings) -> None:
    random = np.random.default_rng(0)
    first = random.uniform(-1, 1, (64, 96, 3)).astype(np.float32)
    shown = CacheFrames(np.zeros((FRAMES, 3, 64, 96), np.float32), np.zeros((FRAMES, 1, 64, 96), bool))
    texts = torch.zeros(1, 4, 32), torch.zeros(1, 4, 32)
    one = still._condition(first, [shown], texts, lambda *_: None)
    again = still._condition(first, [shown], texts, lambda *_: None)
    # the picture, and what the cache shows with its masks twice
    assert len(encodings) == 1 + 2 * 2
    assert torch.equal(one.first, again.first)
    other = still._condition(-first, [shown], texts, lambda *_: None)
    assert len(encodings) == 1 + 2 * 2 + 3
    assert not torch.equal(one.first, other.first)


def test_memory_of_the_video_model_is_given_back(still, monkeypatch) -> None:
    """Pinned memory as well, which the system would not count as available for the next scene."""
    calls = []
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: calls.append("GPU"))
    monkeypatch.setattr(torch.accelerator, "empty_host_cache", lambda: calls.append("pinned"))
    gpu = Placement(torch.device("cuda:0"), torch.bfloat16, offload=True)
    model = replace(still, placement=gpu, network=CosmosTransformer3DModel(**NETWORK))
    model.release_network()
    assert model.network is None
    assert calls == ["GPU", "pinned"]


def test_gaussians_that_are_not_finite_are_refused(still, monkeypatch) -> None:
    bias = still.decoder.deconv.bias
    damaged = bias.detach().clone()
    damaged[0] = float("nan")
    monkeypatch.setattr(bias, "data", damaged)
    with pytest.raises(
        InvalidRequest, match=r"Gaussian decoder: gives numbers that are not finite\. .* weights verify"
    ):
        decoded(still)


def test_another_lens_has_other_rays(still, encodings) -> None:
    first = decoded(still)
    wider = decoded(still, lens=(60.0, 60.0, 48.0, 32.0))
    assert len(encodings) == 4 * VIEWS
    assert not np.array_equal(first[0], wider[0])
    # both are kept
    assert np.array_equal(decoded(still)[0], first[0])
    assert len(encodings) == 4 * VIEWS


def test_a_view_that_both_scenes_have_is_encoded_once(still, encodings) -> None:
    decoded(still)
    ahead = [paths()[0], paths(0.02)[1]]
    decoded(still, along=ahead)
    assert len(encodings) == 2 * VIEWS + 2


def test_another_tokenizer_has_other_latents(still, moving, encodings) -> None:
    decoded(still)
    decoded(moving, times=(0,))
    assert [shape for shape in encodings if shape[2] == FRAMES] == [(1, 3, FRAMES, 64, 96)] * (4 * VIEWS + 1)


def test_what_is_kept_is_bounded_and_stays_right(still, encodings, monkeypatch) -> None:
    monkeypatch.setattr(lyra, "_KEPT", 1)
    first = decoded(still)
    assert len(lyra._ENCODED) == 1
    assert np.array_equal(decoded(still)[0], first[0])
    assert len(encodings) == 4 * VIEWS


def test_the_decoder_is_told_moments_and_directions_view_by_view(still, encodings, monkeypatch) -> None:
    told = []
    usual = GaussianDecoder.decode

    def listening(self, latents, plucker, *rest):
        told.append((latents, plucker))
        return usual(self, latents, plucker, *rest)

    monkeypatch.setattr(GaussianDecoder, "decode", listening)
    given = videos()
    decoded(still, given)
    ((latents, plucker),) = told
    assert plucker.shape == (1, VIEWS * LATENT_FRAMES, 32, ROWS, COLUMNS)
    tokenizer = AutoencoderKLCosmos.from_pretrained(still.folders.vae)
    for view, path in enumerate(paths()):
        maps = plucker_map(torch.from_numpy(path), torch.tensor(LENS), 64, 96).float()
        for half, part in enumerate((maps[:, :3], maps[:, 3:])):
            with torch.no_grad():
                wanted = tokenizer.encode(part.movedim(0, 1)[None]).latent_dist.mode()[0].movedim(0, 1)
            found = plucker[0, view * LATENT_FRAMES : (view + 1) * LATENT_FRAMES, 16 * half : 16 * (half + 1)]
            torch.testing.assert_close(found, wanted)
        for frame in range(LATENT_FRAMES):
            assert torch.equal(latents[0, view * LATENT_FRAMES + frame], given[view][0, :, frame])


def test_only_where_cameras_are_to_each_other_counts(still, encodings) -> None:
    first = decoded(still)
    # a quarter turn about the vertical, and numbers that have no rounding
    elsewhere = np.array([[0, 0, 1, 4], [0, 1, 0, -2], [-1, 0, 0, 0.5], [0, 0, 0, 1]], np.float32)
    moved = decoded(still, along=[elsewhere @ path for path in paths()])
    np.testing.assert_allclose(moved[0], first[0], atol=1e-5)


def test_gaussians_lie_on_the_rays_of_their_pixels(still, encodings) -> None:
    """Of cameras that stay where they are: in the middle of every 8 x 8 pixels, from 0.1 to 4 away."""
    (found,) = decoded(still, along=[np.tile(np.eye(4, dtype=np.float32), (FRAMES, 1, 1))] * VIEWS)
    assert len(found) == int(VIEWS * FRAMES * ROWS * COLUMNS * (1 - 0.2))
    distance = np.linalg.norm(found[:, :3], axis=1)
    assert distance.min() >= 0.1
    assert distance.max() <= 4
    fx, fy, cx, cy = LENS
    columns = found[:, 0] / found[:, 2] * fx + cx
    rows = found[:, 1] / found[:, 2] * fy + cy
    for pixels, count in ((columns, COLUMNS), (rows, ROWS)):
        block = (pixels - 4) / 8
        np.testing.assert_allclose(block, block.round(), atol=1e-3)
        assert set(block.round().astype(int)) == set(range(count))


def test_every_target_time_is_decoded_on_its_own(moving, encodings) -> None:
    three = decoded(moving, times=(0, 8, 16))
    assert len(three) == 3
    assert not np.array_equal(three[0], three[1])
    # the times of all frames, and each target as a video of one frame
    assert encodings[2 * VIEWS :] == [(1, 3, FRAMES, 64, 96), *[(1, 3, 1, 64, 96)] * 3]
    encodings.clear()
    (alone,) = decoded(moving, times=(8,))
    assert not encodings
    assert np.array_equal(alone, three[1])


def test_times_are_told_as_pictures_of_one_colour(moving, encodings, monkeypatch) -> None:
    """(t, cos t, sin t) from [0, 1] to [-1, 1]; the last one is the time that is asked for (lyra1.md, section 7)."""
    told = []
    usual = GaussianDecoder.decode

    def listening(self, latents, plucker, origins, directions, times, views):
        told.append(times)
        return usual(self, latents, plucker, origins, directions, times, views)

    monkeypatch.setattr(GaussianDecoder, "decode", listening)
    decoded(moving, times=(4,))
    (found,) = told
    assert found.shape == (1, LATENT_FRAMES + 1, 16, ROWS, COLUMNS)
    tokenizer = AutoencoderKLCosmos.from_pretrained(moving.folders.vae)
    for frames, part in ((np.arange(FRAMES), found[0, :-1]), (np.array([4]), found[0, -1:])):
        t = frames / (FRAMES - 1)
        colours = np.stack([t, np.cos(t), np.sin(t)]) * 2 - 1
        video = torch.from_numpy(colours).float()[None, :, :, None, None].expand(-1, -1, -1, 64, 96)
        with torch.no_grad():
            wanted = tokenizer.encode(video.contiguous()).latent_dist.mode()[0].movedim(0, 1)
        torch.testing.assert_close(part, wanted, rtol=1e-4, atol=1e-5)


def test_it_stops_between_views(still, encodings) -> None:
    class Stopped(Exception):
        pass

    def progress(done: float, text: str) -> None:
        if text == "encoding rays of view 2 of 2":
            raise Stopped

    with pytest.raises(Stopped):
        still.reconstruct(videos(), paths(), LENS, progress)
    assert len(encodings) == 2

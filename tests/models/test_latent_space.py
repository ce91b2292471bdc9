"""Videos in latent space: against the published tokenizer, and between the two scales that its latents have."""

from __future__ import annotations

import pytest
import torch
from diffusers import AutoencoderKLCosmos

from lyra_backend.models.latent_space import LatentSpace
from lyra_backend.weights.convert import convert_vae

from .fixtures import FOLDER, tensors

CHANNELS, FRAMES = 16, 3


@pytest.fixture(scope="module")
def space(tmp_path_factory) -> LatentSpace:
    """The published tokenizer at small size, with statistics that differ by channel and by latent frame."""
    folder = tmp_path_factory.mktemp("vae")
    random = torch.Generator().manual_seed(0)
    mean, deviation = torch.randn(CHANNELS * FRAMES, generator=random), torch.rand(CHANNELS * FRAMES, generator=random)
    torch.save((mean, deviation + 0.5), folder / "mean_std.pt")
    convert_vae(
        FOLDER / "cosmos_vae" / "weights_reference_names.safetensors",
        folder / "vae",
        statistics=folder / "mean_std.pt",
    )
    return LatentSpace(AutoencoderKLCosmos.from_pretrained(folder / "vae").eval())


@pytest.fixture(scope="module")
def known() -> dict[str, torch.Tensor]:
    return tensors("cosmos_vae/io")


def encoded(space: LatentSpace, video: torch.Tensor) -> torch.Tensor:
    return space.encode(lambda start, end: video[:, :, start:end], video.shape[2])


def normal(frames: int = FRAMES, seed: int = 1) -> torch.Tensor:
    return torch.randn(1, CHANNELS, frames, 4, 6, generator=torch.Generator().manual_seed(seed))


def test_latents_are_those_of_the_published_tokenizer(space, known) -> None:
    torch.testing.assert_close(encoded(space, known["x"]), known["z"], rtol=1e-4, atol=2e-5)


def test_the_first_frame_does_not_know_of_later_ones(space, known) -> None:
    first = encoded(space, known["x"][:, :, :1])
    torch.testing.assert_close(first, known["z_first_frame_only"], rtol=1e-4, atol=2e-5)
    torch.testing.assert_close(first[:, :, 0], encoded(space, known["x"])[:, :, 0], rtol=1e-4, atol=2e-5)
    black = known["x"].clone()
    black[:, :, 1:] = 0
    torch.testing.assert_close(encoded(space, black)[:, :, 0], first[:, :, 0], rtol=1e-4, atol=2e-5)


def test_how_much_a_latent_stands_for(space, known) -> None:
    _, _, frames, height, width = known["x"].shape
    latent_frames = (frames - 1) // space.time_compression + 1
    assert known["z"].shape[2:] == (latent_frames, height // space.compression, width // space.compression)
    assert (space.time_compression, space.compression) == (8, 8)


def test_every_channel_and_every_frame_has_its_own_scale(space) -> None:
    """Channel by channel and in it frame by frame, as the published file has them."""
    mean, deviation = space.tokenizer.config.latents_mean, space.tokenizer.config.latents_std
    given = normal()
    found = space.to_diffusion(given)
    for channel in (0, 7, 15):
        for frame in range(FRAMES):
            index = channel * FRAMES + frame
            wanted = (given[0, channel, frame] - mean[index]) / deviation[index] * 0.5
            torch.testing.assert_close(found[0, channel, frame], wanted)


def test_latents_as_the_statistics_say_have_mean_zero_and_deviation_one_half(space) -> None:
    mean, deviation = (
        torch.tensor(values).view(1, CHANNELS, FRAMES, 1, 1)
        for values in (space.tokenizer.config.latents_mean, space.tokenizer.config.latents_std)
    )
    big = torch.randn(1, CHANNELS, FRAMES, 64, 64, generator=torch.Generator().manual_seed(2)) * deviation + mean
    found = space.to_diffusion(big)
    assert found.mean(dim=(3, 4)).abs().max() < 0.03
    assert (found.std(dim=(3, 4)) - 0.5).abs().max() < 0.03


@pytest.mark.parametrize("frames", [1, 2, FRAMES])
def test_there_and_back(space, frames: int) -> None:
    given = normal(frames)
    torch.testing.assert_close(space.from_diffusion(space.to_diffusion(given)), given, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(space.to_diffusion(space.from_diffusion(given)), given, rtol=1e-5, atol=1e-6)


def test_a_short_video_has_the_scales_of_the_first_frames(space) -> None:
    given = normal()
    torch.testing.assert_close(space.to_diffusion(given[:, :, :2]), space.to_diffusion(given)[:, :, :2])


def test_a_video_longer_than_the_statistics_is_refused(space) -> None:
    with pytest.raises(ValueError, match="statistics are for 3 latent frames, got 4"):
        space.to_diffusion(normal(4))


def test_without_statistics_there_is_only_the_factor(tmp_path) -> None:
    convert_vae(FOLDER / "cosmos_vae" / "weights_reference_names.safetensors", tmp_path / "vae")
    space = LatentSpace(AutoencoderKLCosmos.from_pretrained(tmp_path / "vae").eval())
    given = normal()
    torch.testing.assert_close(space.to_diffusion(given), 0.5 * given)
    torch.testing.assert_close(space.from_diffusion(0.5 * given), given)


def test_the_tokenizer_has_its_own_precision(tmp_path, known) -> None:
    convert_vae(FOLDER / "cosmos_vae" / "weights_reference_names.safetensors", tmp_path / "vae")
    space = LatentSpace(AutoencoderKLCosmos.from_pretrained(tmp_path / "vae", dtype=torch.float64).eval())
    found = encoded(space, known["x"])
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, known["z"], rtol=1e-4, atol=2e-5)


def test_it_computes_in_the_precision_that_it_is_told(space, known) -> None:
    """bfloat16 has 8 bits: what was float32 throughout agrees to a few parts in a hundred."""
    half = LatentSpace(space.tokenizer, torch.bfloat16)
    latents, pictures = encoded(half, known["x"]), half.decode(known["z"])
    assert latents.dtype == pictures.dtype == torch.float32
    for found, exact in ((latents, known["z"]), (pictures, space.decode(known["z"]))):
        error = float((found - exact).norm() / exact.norm())
        assert 1e-5 < error < 0.05

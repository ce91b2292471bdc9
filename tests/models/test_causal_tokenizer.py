"""Videos encoded and decoded piece by piece, against the tokenizer's own way with the whole."""

from __future__ import annotations

import pytest
import torch
from diffusers import AutoencoderKLCosmos

from lyra_backend.models.causal_tokenizer import CausalDecoder, CausalEncoder

#: Frames of the video: five latent frames.
FRAMES = 33


def tokenizer(**changes) -> AutoencoderKLCosmos:
    torch.manual_seed(0)
    sizes = {"encoder_block_out_channels": (8, 16, 32, 32), "decode_block_out_channels": (16, 32, 32, 32)}
    return AutoencoderKLCosmos(**sizes, num_layers=1, **changes).eval()


def video(batch: int = 1) -> torch.Tensor:
    return torch.rand(batch, 3, FRAMES, 32, 48, generator=torch.Generator().manual_seed(1)) * 2 - 1


def piecewise(network: AutoencoderKLCosmos, given: torch.Tensor, *pieces: int) -> torch.Tensor:
    """Encode pieces of so many latent frames."""
    encoder, found, begin = CausalEncoder(network), [], 0
    for piece in pieces:
        end = begin + 8 * piece - (0 if begin else 7)
        with torch.no_grad():
            found.append(encoder(given[:, :, begin:end]))
        begin = end
    assert begin == FRAMES
    return torch.cat(found, dim=2)


@pytest.mark.parametrize("pieces", [(5,), (1, 1, 1, 1, 1), (2, 2, 1), (1, 4)])
@pytest.mark.parametrize(
    "changes",
    [{}, {"patch_type": "rearrange"}, {"attention_resolutions": (256, 128)}, {"spatial_compression_ratio": 16}],
    ids=["published", "rearrange", "attention everywhere", "16 x 16 pixels"],
)
def test_decoded_pieces_are_those_of_the_whole(changes, pieces) -> None:
    network = tokenizer(**changes)
    latents = torch.randn(2, 16, 5, 3, 4, generator=torch.Generator().manual_seed(2))
    decoder = CausalDecoder(network)
    with torch.no_grad():
        whole = network.decode(latents).sample
        found = torch.cat([decoder(piece) for piece in latents.split(pieces, dim=2)], dim=2)
    assert whole.shape[2] == FRAMES
    torch.testing.assert_close(found, whole, rtol=0, atol=2e-5 * float(whole.abs().max()))


def test_gradients_are_those_of_the_whole() -> None:
    network, given = tokenizer(), video()[:, :, :9]

    def slopes(found: torch.Tensor) -> list[torch.Tensor]:
        return list(torch.autograd.grad(found.square().mean(), list(network.parameters())))

    ours = slopes(CausalDecoder(network)(CausalEncoder(network)(given)))
    theirs = slopes(network(given).sample)
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-5 * float(other.abs().max().clamp(min=1e-3)))


def test_a_picture_is_a_video_of_one_frame() -> None:
    network, given = tokenizer(), video()[:, :, :1]
    with torch.no_grad():
        whole = network.encode(given).latent_dist.mode()
        torch.testing.assert_close(CausalEncoder(network)(given), whole, rtol=0, atol=1e-6)
        torch.testing.assert_close(CausalDecoder(network)(whole), network.decode(whole).sample, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("pieces", [(1, 1, 1, 1, 1), (2, 2, 1), (1, 4), (4, 1)])
@pytest.mark.parametrize(
    "changes",
    [{}, {"patch_type": "rearrange"}, {"attention_resolutions": (256, 128)}, {"spatial_compression_ratio": 16}],
    ids=["published", "rearrange", "attention everywhere", "16 x 16 pixels"],
)
def test_pieces_are_those_of_the_whole(changes, pieces) -> None:
    network, given = tokenizer(**changes), video(batch=2)
    with torch.no_grad():
        whole = network.encode(given).latent_dist.mode()
    found = piecewise(network, given, *pieces)
    # sums go in another order: a few units in the last place
    torch.testing.assert_close(found, whole, rtol=0, atol=1e-6)
    assert whole.abs().max() > 0.1


def test_a_piece_knows_what_came_before() -> None:
    network, given = tokenizer(), video()
    other = given.clone()
    other[:, :, :9] = 0
    found, changed = (piecewise(network, each, 2, 3) for each in (given, other))
    assert (found[:, :, 2:] - changed[:, :, 2:]).abs().max() > 1e-4


def test_videos_have_nothing_of_each_other() -> None:
    network, given = tokenizer(), video()
    first = piecewise(network, given, 2, 3)
    piecewise(network, -given, 3, 2)
    assert torch.equal(piecewise(network, given, 2, 3), first)

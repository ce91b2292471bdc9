"""The miniature's clips, tokenizer and video model: what they are made of, and that they learn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKLCosmos, CosmosTransformer3DModel

from lyra_backend.errors import InvalidRequest
from lyra_backend.models.budget import VideoFormat
from lyra_backend.models.gen3c import SIGMA_DATA
from lyra_backend.models.latent_space import LatentSpace
from lyra_backend.progress import Progress
from lyra_backend.train.encoded_clips import encode_clips
from lyra_backend.train.room_data import RoomClips, make_room_clips
from lyra_backend.train.tokenizer_stage import LengthPhase, TokenizerObjective, as_video, new_tokenizer
from lyra_backend.train.video_stage import EncodedClips, VideoObjective

VIDEO = VideoFormat(9, 32, 48, centre_depth=2.0, reliable_window=3, reliable_range=0.25, foreground_masking=False)
TOKENIZER = {
    "encoder_block_out_channels": (8, 16, 16, 16),
    "decode_block_out_channels": (8, 16, 16, 16),
    "num_layers": 1,
    "attention_resolutions": (),
}
NETWORK = {
    "in_channels": 82,
    "concat_padding_mask": False,
    "out_channels": 16,
    "num_attention_heads": 2,
    "attention_head_dim": 24,
    "num_layers": 1,
    "text_embed_dim": 8,
    "adaln_lora_dim": 8,
    "max_size": (4, 8, 8),
}


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> RoomClips:
    return make_room_clips(tmp_path_factory.mktemp("rooms"), 0, 3, 2, VIDEO, 0, Progress())


def network(seed: int = 0) -> CosmosTransformer3DModel:
    torch.manual_seed(seed)
    return CosmosTransformer3DModel(**NETWORK)


def fallen(objective: TokenizerObjective | VideoObjective, steps: int, rate: float) -> tuple[float, float]:
    """Return the loss of the first step before and after training with plain Adam."""
    (module,) = objective.networks.values()
    adam = torch.optim.Adam(module.parameters(), rate)
    before = float(objective.loss(0)["loss"].detach())
    for step in range(steps):
        adam.zero_grad()
        objective.loss(step)["loss"].backward()
        adam.step()
    return before, float(objective.loss(0)["loss"].detach())


def test_clips_begin_at_the_first_camera_and_are_of_their_room(clips: RoomClips) -> None:
    assert clips.frames.shape == (6, 9, 32, 48, 3)
    assert clips.rooms.tolist() == [0, 0, 1, 1, 2, 2]
    assert np.array_equal(clips.cam_to_world[:, 0], np.tile(np.eye(4, dtype=np.float32), (6, 1, 1)))
    # two paths of one room begin with one picture and end with different ones
    assert np.array_equal(clips.frames[0, 0], clips.frames[1, 0])
    assert not np.array_equal(clips.frames[0, -1], clips.frames[1, -1])
    assert not np.array_equal(clips.frames[0, 0], clips.frames[2, 0])
    # users' pictures are shown to networks in this unit
    assert np.median(clips.depth, axis=(1, 2)) == pytest.approx(2.0, rel=0.05)


def test_clips_are_read_back_and_made_on(clips: RoomClips, tmp_path: Path) -> None:
    asked: list[str] = []

    def listen(event) -> None:
        asked.append(event.message)

    first = make_room_clips(tmp_path, 0, 2, 2, VIDEO, 0, Progress())
    again = make_room_clips(tmp_path, 0, 2, 2, VIDEO, 0, Progress(listen))
    assert np.array_equal(first.frames, again.frames)
    assert np.array_equal(first.frames, clips.frames[:4])
    assert not any("filming" in message for message in asked)


def test_other_or_damaged_clips_are_refused(tmp_path: Path) -> None:
    make_room_clips(tmp_path, 0, 1, 1, VIDEO, 0, Progress())
    with pytest.raises(InvalidRequest, match="other settings"):
        make_room_clips(tmp_path, 0, 1, 1, VIDEO, 1, Progress())
    (path,) = tmp_path.glob("*.safetensors")
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(InvalidRequest, match=f"{path.name}.*damaged"):
        make_room_clips(tmp_path, 0, 1, 1, VIDEO, 0, Progress())


def test_the_tokenizer_learns_and_draws_by_step_alone(clips: RoomClips) -> None:
    phases = (LengthPhase(0.5, 1, 4), LengthPhase(0.5, 9, 2))
    objective = TokenizerObjective(new_tokenizer(TOKENIZER, 0), clips.frames, phases, 20, 0, torch.float32)
    once, twice = (objective.loss(7) for _ in range(2))
    assert {name: float(part.detach()) for name, part in once.items()} == {
        n: float(p.detach()) for n, p in twice.items()
    }
    parts = {name: float(part.detach()) for name, part in once.items()}
    whole = parts["absolute"] + 5.0 * parts["squared"] + 0.3 * parts["slopes"] + 1e-3 * parts["centred"]
    assert parts["loss"] == pytest.approx(whole, rel=1e-5)
    before, after = fallen(objective, 20, 3e-3)
    assert after < 0.6 * before


def test_phases_follow_each_other(clips: RoomClips) -> None:
    phases = (LengthPhase(0.25, 1, 4), LengthPhase(0.75, 9, 2))
    objective = TokenizerObjective(new_tokenizer(TOKENIZER, 0), clips.frames, phases, 8, 0)
    assert [objective._phase(step).frames for step in (0, 1, 2, 7, 8)] == [1, 1, 9, 9, 9]


@pytest.fixture(scope="module")
def coded(clips: RoomClips) -> tuple[AutoencoderKLCosmos, EncodedClips]:
    tokenizer = new_tokenizer(TOKENIZER, 0)
    return tokenizer, encode_clips(clips, LatentSpace(tokenizer), VIDEO, Progress())


def test_coded_clips_have_the_statistics_that_networks_expect(coded) -> None:
    _, found = coded
    videos = found.videos.float()
    assert videos.shape == found.warped.shape == found.masks.shape == (6, 16, 2, 4, 6)
    assert videos.mean(dim=(0, 3, 4)).abs().max() < 1e-2
    assert videos.std(dim=(0, 3, 4)) == pytest.approx(torch.full((16, 2), SIGMA_DATA), rel=1e-2)


def test_the_cache_shows_the_first_picture_as_it_is(clips: RoomClips, coded) -> None:
    """Latents of the first frames are those of the pictures, but for what the cache leaves out at edges."""
    tokenizer, found = coded
    space = LatentSpace(tokenizer)
    firsts = as_video(clips.frames)[:, :, :1]
    alone = space.to_diffusion(space.encode(lambda *_: firsts, 1))
    torch.testing.assert_close(found.videos[:, :, :1].float(), alone, atol=2e-3, rtol=2e-3)
    off = (found.warped[:, :, 0].float() - alone[:, :, 0]).abs().mean()
    assert off < 0.5 * (alone[:, :, 0] - alone[:, :, 0].roll(1, 0)).abs().mean()


def test_the_video_model_learns(coded) -> None:
    objective = VideoObjective(network(), coded[1], 4, 0, 24.0, 8, dtype=torch.float32)
    before, after = fallen(objective, 20, 3e-3)
    assert after < 0.8 * before


def test_nothing_is_learned_of_the_frame_that_is_given(coded) -> None:
    """A network that says something else of the first frame only has the same loss."""
    other = network()
    objective = VideoObjective(network(), coded[1], 4, 0, 24.0, 8, dtype=torch.float32)
    usual = other.forward

    def changed(*args, **named):
        (found,) = usual(*args, **named)
        found[:, :, 0] += 1.0
        return (found,)

    other.forward = changed
    changed_objective = VideoObjective(other, coded[1], 4, 0, 24.0, 8, dtype=torch.float32)
    assert torch.equal(objective.loss(3)["loss"], changed_objective.loss(3)["loss"])


def test_a_network_that_knows_the_video_has_no_loss(coded) -> None:
    """What the objective asks for is what the sampler makes of the network's answer."""

    class Oracle(torch.nn.Module):
        device = torch.device("cpu")

        def forward(self, shown, timestep, **_):
            sigma = (4 * timestep).exp().view(-1, 1, 1, 1, 1)
            total = sigma**2 + SIGMA_DATA**2
            noisy = shown[:, :16] * total.sqrt()
            return ((self.clean - SIGMA_DATA**2 / total * noisy) * total.sqrt() / (sigma * SIGMA_DATA),)

    oracle = Oracle()
    objective = VideoObjective(oracle, coded[1], 4, 0, 24.0, 8, dtype=torch.float32)
    which = np.random.default_rng([0, 9_301, 5]).integers(0, 6, 4)
    oracle.clean = coded[1].videos[torch.from_numpy(which)].float()
    assert float(objective.loss(5)["loss"]) < 1e-6

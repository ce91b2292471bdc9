"""The video model against the published one, and its sampling against the sampler of diffusers."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from diffusers import CosmosTransformer3DModel

from lyra_backend.errors import InvalidRequest
from lyra_backend.models.gen3c import (
    SIGMA_DATA,
    Condition,
    Sampler,
    StepCache,
    check_channels,
    edm_scheduler,
    pad_outside,
)
from lyra_backend.weights.convert import convert_dit

from .fixtures import FOLDER, tensors

#: Latent frames, rows and columns of the fixture.
GRID = (2, 4, 6)


@pytest.fixture(scope="module")
def network(tmp_path_factory) -> CosmosTransformer3DModel:
    folder = tmp_path_factory.mktemp("dit") / "transformer"
    convert_dit(FOLDER / "gen3c_dit" / "weights_reference_names.safetensors", folder)
    return CosmosTransformer3DModel.from_pretrained(folder).eval()


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def condition(seed: int = 0) -> Condition:
    first, warped, masks = (normal(1, 16, *GRID, seed=seed + i) for i in range(3))
    return Condition(first, warped, masks, normal(1, 7, 32, seed=seed + 3), normal(1, 7, 32, seed=seed + 4))


def test_the_network_gives_what_the_published_one_gives(network) -> None:
    given, expected = tensors("gen3c_dit/inputs"), tensors("gen3c_dit/outputs")["output"]
    mask = given["condition_video_input_mask"]
    shown = torch.cat([given["x"], mask, given["condition_video_pose"], torch.zeros_like(mask)], dim=1)
    with torch.no_grad():
        found = network(
            shown,
            timestep=given["timesteps"],
            encoder_hidden_states=given["crossattn_emb"],
            fps=float(given["fps"]),
            return_dict=False,
        )[0]
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=2e-5)


def test_one_token_of_nothing_says_what_512_say(network) -> None:
    asked = condition()
    found = [
        Sampler(network, steps=2, guidance=1.0).sample(replace(asked, text=nothing, negative_text=nothing), seed=0)
        for nothing in (torch.zeros(1, 512, 32), torch.zeros(1, 1, 32))
    ]
    assert torch.equal(*found)
    assert not torch.equal(found[0], Sampler(network, steps=2, guidance=1.0).sample(asked, seed=0))


def test_a_network_that_pads_by_itself_is_told_not_to(network) -> None:
    """As the configuration of Cosmos has it: 81 channels and a padding of its own, for which torchvision is needed."""
    config = dict(network.config) | {"in_channels": 81, "concat_padding_mask": True}
    check_channels(config)
    other = CosmosTransformer3DModel.from_config(config).eval()
    other.load_state_dict(network.state_dict())
    asked = condition(seed=50)
    found = Sampler(pad_outside(other), steps=2).sample(asked, seed=0)
    assert torch.equal(found, Sampler(network, steps=2).sample(asked, seed=0))


@pytest.mark.parametrize(
    "config",
    [
        {"in_channels": 16},
        {"in_channels": 17, "concat_padding_mask": True, "out_channels": 16},
        {"in_channels": 82, "concat_padding_mask": True},
        {"in_channels": 81, "concat_padding_mask": False},
        {"in_channels": 82, "concat_padding_mask": False, "out_channels": 17},
        {"in_channels": 82, "concat_padding_mask": False, "out_channels": None},
        {},
    ],
)
def test_a_network_that_takes_other_channels_is_refused(config) -> None:
    with pytest.raises(InvalidRequest, match=r"video model: must take 8[27] channels .* as GEN3C does"):
        check_channels(config)


def test_latents_may_have_more_channels() -> None:
    """As the miniature's: noisy video, given frames, two pictures of the cache with their masks, padding."""
    check_channels({"in_channels": 32 + 1 + 4 * 32 + 1, "concat_padding_mask": False, "out_channels": 32})


def test_channels_are_those_the_network_was_trained_with() -> None:
    asked = condition()
    shown, hidden = asked.channels(with_cache=True), asked.channels(with_cache=False)
    assert shown.shape == hidden.shape == (1, 66, *GRID)
    assert shown[:, 0, 0].eq(1).all()
    assert not shown[:, 0, 1:].any()
    assert torch.equal(shown[:, 1:17], asked.warped)
    assert torch.equal(shown[:, 17:33], asked.masks)
    assert not shown[:, 33:].any()
    assert torch.equal(hidden[:, :1], shown[:, :1])
    assert not hidden[:, 1:].any()


def by_scheduler(network, asked: Condition, seed: int, steps: int, guidance: float) -> torch.Tensor:
    """The published loop written with the scheduler's own steps (lyra1.md, section 10)."""
    import numpy as np

    def noise(seed: int) -> torch.Tensor:
        return torch.from_numpy(np.random.RandomState(seed).standard_normal((1, 16, *GRID)).astype(np.float32))

    scheduler = edm_scheduler()
    scheduler.set_timesteps(steps)
    video = noise(seed + 1) * scheduler.init_noise_sigma
    for i, timestep in enumerate(scheduler.timesteps):
        sigma = scheduler.sigmas[i]
        given = torch.zeros(1, 1, *GRID)
        if sigma > 0.001:
            given[:, :, 0] = 1.0
        c_in, c_in_little = (1 / (s**2 + SIGMA_DATA**2) ** 0.5 for s in (sigma, torch.tensor(0.001)))
        video = given * (asked.first + 0.001 * noise(seed)) * c_in_little / c_in + (1 - given) * video
        scaled = scheduler.scale_model_input(video, timestep)
        outputs = []
        for channels, text in (
            (asked.channels(with_cache=True), asked.text),
            (asked.channels(with_cache=False), asked.negative_text),
        ):
            shown = torch.cat([scaled, channels], dim=1)
            outputs.append(network(shown, timestep[None], text, fps=24.0, return_dict=False)[0])
        output = outputs[0] + guidance * (outputs[0] - outputs[1])
        c_skip = SIGMA_DATA**2 / (sigma**2 + SIGMA_DATA**2)
        c_out = sigma * SIGMA_DATA / (sigma**2 + SIGMA_DATA**2) ** 0.5
        output = given * (asked.first - c_skip * video) / c_out + (1 - given) * output
        video = scheduler.step(output, timestep, video).prev_sample
    return video


@pytest.mark.parametrize("guidance", [0.0, 1.0])
def test_sampling_is_the_published_loop(network, guidance: float) -> None:
    asked = condition(seed=10)
    found = Sampler(network, steps=12, guidance=guidance).sample(asked, seed=3)
    with torch.no_grad():
        wanted = by_scheduler(network, asked, 3, 12, guidance)
    torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-4)


def test_the_first_frame_is_the_one_that_was_given(network) -> None:
    asked = condition(seed=20)
    found = Sampler(network, steps=20).sample(asked, seed=0)
    torch.testing.assert_close(found[:, :, 0], asked.first[:, :, 0], rtol=0, atol=0.01)


def test_seeds_decide(network) -> None:
    asked, sampler = condition(seed=30), Sampler(network, steps=3)
    assert torch.equal(sampler.sample(asked, seed=1), sampler.sample(asked, seed=1))
    assert not torch.equal(sampler.sample(asked, seed=1), sampler.sample(asked, seed=2))


class Stopped(Exception):
    pass


def test_it_stops_within_one_step(network) -> None:
    calls = []
    hook = network.register_forward_hook(lambda *_: calls.append(1))

    def progress(done: float, text: str) -> None:
        if text == "denoising step 3 of 9":
            raise Stopped

    with pytest.raises(Stopped):
        Sampler(network, steps=9, guidance=0.0).sample(condition(), seed=0, progress=progress)
    hook.remove()
    assert len(calls) == 2


def test_a_step_that_would_change_little_is_left_out(network) -> None:
    asked, calls = condition(seed=40), []
    hook = network.register_forward_hook(lambda *_: calls.append(1))
    exact = Sampler(network, steps=30, guidance=0.0).sample(asked, seed=0)
    full = len(calls)
    near = Sampler(network, steps=30, guidance=0.0, cache_threshold=0.05).sample(asked, seed=0)
    hook.remove()
    assert full == 30
    # never two in a row
    assert full / 2 <= len(calls) - full < full
    assert (near - exact).abs().mean() < 0.1 * exact.abs().mean()


def test_steps_are_never_left_out_twice_nor_at_the_end() -> None:
    cache = StepCache(threshold=0.1)
    assert cache.reuse(is_last=False) is None
    cache.keep(torch.ones(3))
    assert cache.reuse(is_last=False) is None
    cache.keep(torch.full((3,), 1.01))
    assert cache.reuse(is_last=True) is None
    assert cache.reuse(is_last=False) is not None
    assert cache.reuse(is_last=False) is None
    assert cache.skipped == 1


def test_what_is_kept_of_a_step_has_the_given_first_frame(network, monkeypatch) -> None:
    """Else the change would be that of a frame which the network does not decide."""
    asked, kept = condition(seed=60), []
    monkeypatch.setattr(StepCache, "keep", lambda self, denoised: kept.append(denoised.clone()))
    Sampler(network, steps=20, guidance=0.0, cache_threshold=0.5).sample(asked, seed=0)
    assert len(kept) == 20
    # the last step has too little noise to be told the frame
    assert [torch.equal(video[:, :, 0], asked.first[:, :, 0]) for video in kept] == [True] * 19 + [False]


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_numbers_that_are_not_finite_are_told_at_once(network, number: float) -> None:
    calls: list[int] = []

    def broken(module, given, found):
        calls.append(1)
        if len(calls) == 3:
            found[0][0, 3, 1, 2, 2] = number

    hook = network.register_forward_hook(broken)
    try:
        with pytest.raises(InvalidRequest, match=r"not finite in step 3 of 9\. .* weights verify.*precision=bfloat16"):
            Sampler(network, steps=9, guidance=0.0).sample(condition(), seed=0)
    finally:
        hook.remove()
    assert len(calls) == 3


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="Condition"):
        Condition(*(normal(1, 16, 2, 4, width) for width in (6, 5, 6)), normal(1, 1, 1), normal(1, 1, 1))


@pytest.mark.parametrize("guidance", [0.0, 1.0])
def test_videos_of_a_batch_are_those_sampled_one_by_one(network, guidance: float) -> None:
    given, sampler = [condition(seed) for seed in (0, 10)], Sampler(network, 3, guidance)
    texts = given[0].text, given[0].negative_text
    alone = [sampler.sample(Condition(c.first, c.warped, c.masks, *texts), seed=k) for k, c in enumerate(given)]
    joined = (torch.cat([getattr(c, name) for c in given]) for name in ("first", "warped", "masks"))
    found = sampler.sample(Condition(*joined, *texts), seed=[0, 1])
    torch.testing.assert_close(found, torch.cat(alone), rtol=1e-3, atol=1e-4)
    with pytest.raises(ValueError, match="one seed or one for each of 1 videos, got 2"):
        sampler.sample(given[0], seed=[0, 1])

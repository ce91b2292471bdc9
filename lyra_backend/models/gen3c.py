"""The camera-controlled video diffusion model GEN3C: what it is shown, and how it is sampled.

A video is denoised in the latent space of the Cosmos tokenizer, starting from its first frame, with the pictures that
the 3D cache shows along the camera path beside it (GEN3C, arXiv 2503.03751). Preconditioning and the Euler sampler are
those of EDM (Karras et al. 2022, arXiv 2206.00364).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from diffusers import CosmosTransformer3DModel, EDMEulerScheduler

from ..errors import InvalidRequest

__all__ = [
    "SIGMA_DATA",
    "Condition",
    "Sampler",
    "StepCache",
    "check_channels",
    "edm_scheduler",
    "given_frame",
    "pad_outside",
]

#: Standard deviation of latents as the model knows them.
SIGMA_DATA = 0.5
#: Noise in the first frame that the model is shown; below it the frame is left to the model.
_AUGMENT_SIGMA = 0.001
#: Pictures that the cache can show at once; one photo fills one, the rest is zero.
_BUFFERS = 2
#: Channels of the published latents; those of the miniature have more.
_LATENT = 16


def check_channels(config: Mapping[str, Any]) -> None:
    """Look whether a network of this configuration takes what GEN3C shows.

    Raises:
        InvalidRequest: it takes more or fewer channels, such as a Cosmos model without cameras.
    """
    inside = config.get("concat_padding_mask", True)
    taken, given = config.get("in_channels"), config.get("out_channels", _LATENT)
    latent = given if isinstance(given, int) else _LATENT
    # noisy video, given frames, cache and padding
    shown = latent + 1 + 2 * _BUFFERS * latent + 1
    if (taken, given) != (shown - bool(inside), latent):
        raise InvalidRequest(
            f"video model: must take {shown} channels with its padding to give {latent}, as GEN3C does; config.json "
            f"says in_channels {taken}, concat_padding_mask {inside}, out_channels {given}. Fetch or convert "
            "GEN3C with `lyra-scenegen weights`."
        )


def pad_outside(network: CosmosTransformer3DModel) -> CosmosTransformer3DModel:
    """Return the network, told that its padding is among what it is shown, as :class:`Condition` has it.

    Else diffusers would resize a padding mask, all of it zero, with torchvision, which need not be installed.
    """
    network.register_to_config(concat_padding_mask=False)
    return network


@dataclass(frozen=True)
class Condition:
    """What B videos, usually one, are to show, in the latent space of the model: encoded, normalised and times 0.5.

    Attributes:
        first: the video whose first frame is given and whose others are black, shape (B, 16, t, h, w).
        warped: what the cache shows along the path, shape (B, 16, t, h, w).
        masks: where it shows something, encoded as a video, shape (B, 16, t, h, w).
        text, negative_text: embeddings of the prompts, shape (1, L, E), the same for all videos, or (B, L, E).
        fps: frames per second of the video.
    """

    first: torch.Tensor
    warped: torch.Tensor
    masks: torch.Tensor
    text: torch.Tensor
    negative_text: torch.Tensor
    fps: float = 24.0

    def __post_init__(self) -> None:
        if self.first.ndim != 5 or not self.first.shape == self.warped.shape == self.masks.shape:
            raise ValueError("Condition: first, warped and masks must have one shape (B, 16, t, h, w).")

    def channels(self, *, with_cache: bool) -> torch.Tensor:
        """Return the channels beside the noisy video: given frames 1, cache 4 x 16, padding 1, shape (B, 66, t, h, w).

        Without the cache, all of its channels are zero, also those of the masks: that is not how an empty cache would
        be encoded, and it is how the model was trained.
        """
        batch, channels, *grid = self.first.shape
        given = self.first.new_zeros(batch, 1, *grid)
        given[:, :, 0] = 1.0
        shown = [self.warped, self.masks] if with_cache else []
        empty = self.first.new_zeros(batch, 2 * _BUFFERS * channels - sum(c.shape[1] for c in shown), *grid)
        return torch.cat([given, *shown, empty, torch.zeros_like(given)], dim=1)


@dataclass
class StepCache:
    """Leaves out evaluations of the network where what it says hardly changes from step to step.

    After a step whose denoised video differs from that of the step before by less than `threshold` of its size, the
    next step takes the same video. Never two in a row, nor the first two or the last.

    Attributes:
        threshold: relative change; 0 leaves nothing out.
        skipped: steps left out so far.
    """

    threshold: float = 0.0
    skipped: int = 0
    _last: torch.Tensor | None = field(default=None, repr=False)
    _change: float = float("inf")

    def reuse(self, is_last: bool) -> torch.Tensor | None:
        """Return the denoised video to take for this step, or None if the network must be asked."""
        if is_last or self._last is None or not self._change < self.threshold:
            return None
        self._change = float("inf")
        self.skipped += 1
        return self._last

    def keep(self, denoised: torch.Tensor) -> None:
        """Remember what the video is after this step, the first frame as it was given, if it was."""
        if self.threshold <= 0:
            return
        if self._last is not None:
            self._change = float((denoised - self._last).abs().mean() / self._last.abs().mean().clamp(min=1e-6))
        self._last = denoised


def edm_scheduler() -> EDMEulerScheduler:
    """Return the scheduler that GEN3C is sampled with: ends at 0.0002 and then at zero, unlike that of Cosmos 1."""
    return EDMEulerScheduler(sigma_min=0.0002, sigma_max=80.0, sigma_data=SIGMA_DATA)


@dataclass(frozen=True)
class Sampler:
    """Denoises videos, each by itself or several as one batch, which changes them by rounding at most.

    Attributes:
        network: takes five times the latents' channels and 2, the padding among them, see :func:`pad_outside`.
        steps: denoising steps.
        guidance: g in ``conditional + g (conditional - unconditional)``; 0 asks the network once a step, not twice.
        cache_threshold: see :class:`StepCache`; videos of a batch leave out the same steps.
    """

    network: CosmosTransformer3DModel
    steps: int = 35
    guidance: float = 1.0
    cache_threshold: float = 0.0

    @torch.no_grad()
    def sample(
        self,
        condition: Condition,
        seed: int | Sequence[int],
        progress: Callable[[float, str], None] = lambda *_: None,
    ) -> torch.Tensor:
        """Return the videos in latent space, shape (B, 16, t, h, w), float32.

        Args:
            condition: what they show.
            seed: of the noise, or the seed of each video's; the same gives the same noise on every device.
            progress: called before every step; may raise to stop.

        Raises:
            InvalidRequest: the network gives NaN or infinite numbers.
        """
        seeds = list(seed) if isinstance(seed, Sequence) else [seed]
        scheduler, cache = edm_scheduler(), StepCache(self.cache_threshold)
        scheduler.set_timesteps(self.steps)
        noise = _noise(condition.first, seeds)
        video = _noise(condition.first, [seed + 1 for seed in seeds]) * scheduler.init_noise_sigma
        branches, kind = self._branches(condition), self.network.dtype
        for i, timestep in enumerate(scheduler.timesteps):
            progress(i / self.steps, f"denoising step {i + 1} of {self.steps}")
            sigma = float(scheduler.sigmas[i])
            given = sigma > _AUGMENT_SIGMA
            if given:
                video[:, :, 0] = given_frame(condition.first[:, :, 0], noise[:, :, 0], sigma)
            denoised = cache.reuse(is_last=i == self.steps - 1)
            if denoised is None:
                denoised = self._denoised(video, timestep, sigma, branches, condition.fps, kind)
                _check_finite(denoised, i + 1, self.steps)
                if given:
                    denoised[:, :, 0] = condition.first[:, :, 0].float()
                cache.keep(denoised)
            video = video + (video - denoised) / sigma * (float(scheduler.sigmas[i + 1]) - sigma)
        return video

    def _branches(self, condition: Condition) -> list[tuple[float, torch.Tensor, torch.Tensor]]:
        """Return weight, channels and text of each way the network is asked."""
        branches = [(1.0 + self.guidance, condition.channels(with_cache=True), condition.text)]
        if self.guidance:
            branches.append((-self.guidance, condition.channels(with_cache=False), condition.negative_text))
        return branches

    def _denoised(
        self,
        video: torch.Tensor,
        timestep: torch.Tensor,
        sigma: float,
        branches: list[tuple[float, torch.Tensor, torch.Tensor]],
        fps: float,
        kind: torch.dtype,
    ) -> torch.Tensor:
        """Return what the network, which computes in `kind`, makes of a noisy video."""
        scaled = (video / (sigma**2 + SIGMA_DATA**2) ** 0.5).to(kind)
        output = torch.zeros_like(video)
        for weight, channels, text in branches:
            shown = torch.cat([scaled, channels.to(kind)], dim=1)
            time = timestep.to(video.device, kind).expand(len(video))
            words = text.to(kind).expand(len(video), -1, -1)
            found = self.network(shown, timestep=time, encoder_hidden_states=words, fps=fps, return_dict=False)
            output += weight * found[0].float()
        return (SIGMA_DATA**2 * video + sigma * SIGMA_DATA * (sigma**2 + SIGMA_DATA**2) ** 0.5 * output) / (
            sigma**2 + SIGMA_DATA**2
        )


def _check_finite(denoised: torch.Tensor, step: int, steps: int) -> None:
    """Look at what the network said: of one NaN all later steps would be made, for hours.

    Raises:
        InvalidRequest: there is one, or an infinite number.
    """
    if not bool(torch.isfinite(denoised).all()):
        raise InvalidRequest(
            f"video model: gives numbers that are not finite in step {step} of {steps}. Its weights may be damaged: "
            "look with `lyra-scenegen weights verify`, or convert them again. If they are kept in 8 bits, try "
            "generate.precision=bfloat16."
        )


def _noise(like: torch.Tensor, seeds: Sequence[int]) -> torch.Tensor:
    """Return standard normal noise (B, ...) that does not depend on the device, float32: a seed for each, or for all.

    Raises:
        ValueError: neither one seed nor as many as there are videos.
    """
    if len(seeds) not in (1, len(like)):
        raise ValueError(f"Sampler: needs one seed or one for each of {len(like)} videos, got {len(seeds)}.")
    shape = (len(like) // len(seeds), *like.shape[1:])
    drawn = [np.random.RandomState(seed % 2**32).standard_normal(shape).astype(np.float32) for seed in seeds]
    return torch.from_numpy(np.concatenate(drawn)).to(like.device)


def given_frame(first: torch.Tensor, noise: torch.Tensor, sigma: float | torch.Tensor) -> torch.Tensor:
    """Return the first frame (B, 16, h, w) such that the network sees it with the little noise it is trained with.

    Args:
        first, noise: the frame and standard normal noise, shape (B, 16, h, w).
        sigma: deviation of the noise in the other frames, a number or of shape (B, 1, 1, 1).
    """
    scale = ((sigma**2 + SIGMA_DATA**2) / (_AUGMENT_SIGMA**2 + SIGMA_DATA**2)) ** 0.5
    return (first.float() + _AUGMENT_SIGMA * noise) * scale

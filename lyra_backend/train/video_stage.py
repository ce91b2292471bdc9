"""The miniature's video model: a Cosmos transformer that learns to continue a picture along a camera path.

The objective is that of EDM (Karras et al. 2022, arXiv 2206.00364) on what GEN3C (arXiv 2503.03751) shows its network:
the noisy latents, the first frame as it is, and the latents of what a 3D cache shows along the path.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np
import torch
from diffusers import CosmosTransformer3DModel
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from ..models.gen3c import SIGMA_DATA, Condition, given_frame

__all__ = ["EncodedClips", "VideoObjective"]

_STREAM = 9_301


@dataclass(frozen=True, eq=False)
class EncodedClips:
    """N clips as the video model knows them: latents with mean 0 and deviation 0.5, float16 (N, 16, t, h, w).

    Attributes:
        videos: the clips.
        warped: what the cache of each first frame shows along the path.
        masks: where it shows something.
    """

    videos: torch.Tensor
    warped: torch.Tensor
    masks: torch.Tensor

    def __len__(self) -> int:
        return len(self.videos)


@dataclass(frozen=True)
class VideoObjective:
    """Denoising of videos whose first frame is given.

    Attributes:
        network: takes what GEN3C shows; see :func:`~lyra_backend.models.gen3c.check_channels`.
        clips: what it learns from.
        batch: clips of a step.
        seed: of the choice of clips and of the noise.
        fps: that the network is told.
        text_width: channels of the embedding of a prompt, all zero.
        log_sigma: mean and deviation of the logarithm of the noise.
        dropout: share of clips of which the network is shown no cache, for guidance.
        dtype: precision to compute in.
    """

    network: CosmosTransformer3DModel
    clips: EncodedClips
    batch: int
    seed: int
    fps: float
    text_width: int
    log_sigma: tuple[float, float] = (0.3, 1.6)
    dropout: float = 0.05
    dtype: torch.dtype = torch.bfloat16

    @property
    def networks(self) -> Mapping[str, nn.Module]:
        """What is trained."""
        return {"transformer": self.network}

    def loss(self, step: int) -> dict[str, torch.Tensor]:
        """Return the loss of a step; what is drawn depends on the seed and the step alone."""
        rng = np.random.default_rng([self.seed, _STREAM, step])
        which = torch.from_numpy(rng.integers(0, len(self.clips), self.batch))
        clean, warped, masks = (
            part[which].to(self.network.device).float()
            for part in (self.clips.videos, self.clips.warped, self.clips.masks)
        )
        mean, deviation = self.log_sigma
        sigma = torch.from_numpy(np.exp(rng.normal(mean, deviation, self.batch)).astype(np.float32))
        sigma = sigma.view(-1, 1, 1, 1, 1).to(clean)
        noise = torch.from_numpy(rng.standard_normal(tuple(clean.shape), np.float32)).to(clean)
        noisy = clean + sigma * noise
        noisy[:, :, 0] = given_frame(clean[:, :, 0], noise[:, :, 0], sigma[:, :, 0])
        output = self._output(noisy, sigma, self._channels(clean, warped, masks, rng))
        total = sigma**2 + SIGMA_DATA**2
        wanted = (clean - SIGMA_DATA**2 / total * noisy) * total.sqrt() / (sigma * SIGMA_DATA)
        # the first frame is given: nothing is to be learned there
        loss = (output - wanted)[:, :, 1:].square().mean()
        return {"loss": loss}

    def _channels(
        self, clean: torch.Tensor, warped: torch.Tensor, masks: torch.Tensor, rng: np.random.Generator
    ) -> torch.Tensor:
        """Return what the network is shown beside the noisy video, (B, 66, t, h, w)."""
        text = clean.new_zeros(1, 1, self.text_width)
        shown = Condition(clean, warped, masks, text, text, self.fps)
        without = torch.from_numpy(rng.random(len(clean)) < self.dropout).view(-1, 1, 1, 1, 1).to(clean.device)
        return torch.where(without, shown.channels(with_cache=False), shown.channels(with_cache=True))

    def _output(self, noisy: torch.Tensor, sigma: torch.Tensor, channels: torch.Tensor) -> torch.Tensor:
        scaled = noisy / (sigma**2 + SIGMA_DATA**2).sqrt()
        half = torch.autocast(noisy.device.type, self.dtype, enabled=self.dtype != torch.float32)
        # on CPUs plain products are faster for so few tokens than the fused kernel's gradients
        plain = sdpa_kernel([SDPBackend.MATH]) if noisy.device.type == "cpu" else nullcontext()
        with half, plain:
            found = self.network(
                torch.cat([scaled, channels], dim=1),
                timestep=sigma.flatten().log() / 4,
                encoder_hidden_states=noisy.new_zeros(len(noisy), 1, self.text_width),
                fps=self.fps,
                return_dict=False,
            )[0]
        return found.float()

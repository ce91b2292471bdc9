"""The miniature's video tokenizer: a Cosmos autoencoder that learns to give back clips of rooms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from diffusers import AutoencoderKLCosmos
from torch import nn

from ..models.causal_tokenizer import CausalDecoder, CausalEncoder

__all__ = ["LengthPhase", "TokenizerObjective", "as_video", "new_tokenizer", "set_statistics"]

_STREAM = 9_201


@dataclass(frozen=True)
class LengthPhase:
    """A part of the training with clips of one length: pictures first, which are cheap, then what moves.

    Attributes:
        share: of all steps.
        frames: of a clip, 8 n + 1.
        batch: clips of a step.
    """

    share: float
    frames: int
    batch: int


@dataclass(frozen=True)
class TokenizerObjective:
    """Reconstruction of clips (Cosmos Tokenizer, NVIDIA 2024, without its perceptual losses).

    L1 and squared error of colours in [-1, 1], L1 of their differences along rows and columns, and a little of the
    latents' square, which keeps them near 0. Noise on the latents makes the decoder robust against what a video model
    gets wrong.

    Attributes:
        tokenizer: what learns.
        frames: clips, uint8 (N, T, H, W, 3).
        phases: lengths of clips in the order of training.
        steps: of the whole training.
        seed: of the choice of clips.
        dtype: precision to compute in.
        squared, slopes, centred: weights of the squared error, of differences and of the latents' square.
        noise: standard deviation of the noise on the latents.
    """

    tokenizer: AutoencoderKLCosmos
    frames: npt.NDArray[np.uint8]
    phases: tuple[LengthPhase, ...]
    steps: int
    seed: int
    dtype: torch.dtype = torch.bfloat16
    squared: float = 5.0
    slopes: float = 0.3
    centred: float = 1e-3
    noise: float = 0.03

    @property
    def networks(self) -> Mapping[str, nn.Module]:
        """What is trained."""
        return {"vae": self.tokenizer}

    def loss(self, step: int) -> dict[str, torch.Tensor]:
        """Return the loss of a step and its parts; what is drawn depends on the seed and the step alone."""
        rng = np.random.default_rng([self.seed, _STREAM, step])
        wanted = self._clips(self._phase(step), rng).to(self.tokenizer.device)
        latents = CausalEncoder(self.tokenizer)(wanted.to(self.dtype)).float()
        noise = torch.from_numpy(rng.standard_normal(tuple(latents.shape), np.float32)).to(latents)
        found = CausalDecoder(self.tokenizer)((latents + self.noise * noise).to(self.dtype)).float()
        error = found - wanted
        parts = {
            "absolute": error.abs().mean(),
            "squared": error.square().mean(),
            "slopes": (error.diff(dim=-1).abs().mean() + error.diff(dim=-2).abs().mean()) / 2,
            "centred": latents.square().mean(),
        }
        weights = {"absolute": 1.0, "squared": self.squared, "slopes": self.slopes, "centred": self.centred}
        return {"loss": sum((weights[name] * part for name, part in parts.items()), wanted.new_zeros(())), **parts}

    def _phase(self, step: int) -> LengthPhase:
        end = 0.0
        for phase in self.phases:
            end += phase.share * self.steps
            if step < end:
                return phase
        return self.phases[-1]

    def _clips(self, phase: LengthPhase, rng: np.random.Generator) -> torch.Tensor:
        """Return clips (B, 3, T, H, W) in [-1, 1]: parts of those given, half of them mirrored."""
        count, length = self.frames.shape[:2]
        starts = rng.integers(0, length - phase.frames + 1, phase.batch)
        which = rng.integers(0, count, phase.batch)
        clips = np.stack([self.frames[i, s : s + phase.frames] for i, s in zip(which, starts, strict=True)])
        mirrored = rng.random(phase.batch) < 0.5
        clips[mirrored] = clips[mirrored, :, :, ::-1]
        return as_video(clips)


def new_tokenizer(config: Mapping[str, Any], seed: int) -> AutoencoderKLCosmos:
    """Return a tokenizer with random weights, whose latents have no statistics yet."""
    torch.manual_seed(seed)
    return AutoencoderKLCosmos(**config, latents_mean=None, latents_std=None)


def as_video(frames: npt.NDArray[np.uint8]) -> torch.Tensor:
    """Return float32 videos (B, 3, T, H, W) in [-1, 1] of bytes (B, T, H, W, 3)."""
    return torch.from_numpy(frames).permute(0, 4, 1, 2, 3).float() / 127.5 - 1


def set_statistics(tokenizer: AutoencoderKLCosmos, latents: torch.Tensor) -> None:
    """Write mean and deviation of latents (N, 16, t, h, w), by channel and latent frame, into the configuration."""
    mean, deviation = latents.mean(dim=(0, 3, 4)), latents.std(dim=(0, 3, 4))
    tokenizer.register_to_config(latents_mean=mean.flatten().tolist(), latents_std=deviation.flatten().tolist())

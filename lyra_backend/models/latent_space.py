"""Videos in the latent space of the Cosmos tokenizer, and the two scales that its latents have.

The tokenizer's own latents are what it decodes and what the Gaussian decoder takes. The diffusion model works on
latents with mean 0 and standard deviation 0.5, by statistics for each channel and each latent frame.
"""

from __future__ import annotations

import torch
from diffusers import AutoencoderKLCosmos

from .gen3c import SIGMA_DATA

__all__ = ["LatentSpace"]


class LatentSpace:
    """A tokenizer with the statistics of its latents."""

    def __init__(self, tokenizer: AutoencoderKLCosmos) -> None:
        self.tokenizer = tokenizer

    @property
    def time_compression(self) -> int:
        """Frames that one more latent frame stands for."""
        return int(self.tokenizer.config.temporal_compression_ratio)

    @property
    def compression(self) -> int:
        """Rows and columns of pixels that a latent stands for."""
        return int(self.tokenizer.config.spatial_compression_ratio)

    @torch.no_grad()
    def encode(self, video: torch.Tensor) -> torch.Tensor:
        """Return the tokenizer's latents (1, 16, t, h, w), float32, of a video (1, 3, T, H, W) in [-1, 1]."""
        given = video.to(self.tokenizer.device, self.tokenizer.dtype)
        return self.tokenizer.encode(given).latent_dist.mode().float()

    @torch.no_grad()
    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """Return the video (1, 3, T, H, W), float32, about [-1, 1], of the tokenizer's latents (1, 16, t, h, w)."""
        given = latents.to(self.tokenizer.device, self.tokenizer.dtype)
        return self.tokenizer.decode(given).sample.float()

    def to_diffusion(self, latents: torch.Tensor) -> torch.Tensor:
        """Return the tokenizer's latents (1, 16, t, h, w) as the diffusion model knows them."""
        mean, deviation = self._statistics(latents)
        return (latents - mean) / deviation * SIGMA_DATA

    def from_diffusion(self, latents: torch.Tensor) -> torch.Tensor:
        """Return what :meth:`to_diffusion` was given."""
        mean, deviation = self._statistics(latents)
        return latents / SIGMA_DATA * deviation + mean

    def _statistics(self, like: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return mean and standard deviation, each (1, 16, t, 1, 1)."""
        config = self.tokenizer.config
        if config.latents_mean is None:
            return like.new_zeros(1), like.new_ones(1)
        _, channels, frames, _, _ = like.shape
        found = []
        for values in (config.latents_mean, config.latents_std):
            table = torch.tensor(values, dtype=like.dtype, device=like.device).view(1, channels, -1, 1, 1)
            if table.shape[2] < frames:
                raise ValueError(f"LatentSpace: statistics are for {table.shape[2]} latent frames, got {frames}.")
            found.append(table[:, :, :frames])
        return found[0], found[1]

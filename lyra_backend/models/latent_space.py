"""Videos in the latent space of the Cosmos tokenizer, and the two scales that its latents have.

The tokenizer's own latents are what it decodes and what the Gaussian decoder takes. The diffusion model works on
latents with mean 0 and standard deviation 0.5, by statistics for each channel and each latent frame.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from diffusers import AutoencoderKLCosmos

from .budget import ENCODED_AT_ONCE
from .causal_tokenizer import CausalDecoder, CausalEncoder
from .gen3c import SIGMA_DATA

__all__ = ["Frames", "LatentSpace"]

#: Makes the frames from the first to before the second number of a video: (1, 3, T, H, W) in [-1, 1], on any device.
Frames = Callable[[int, int], torch.Tensor]


class LatentSpace:
    """A tokenizer with the statistics of its latents."""

    def __init__(self, tokenizer: AutoencoderKLCosmos, dtype: torch.dtype | None = None) -> None:
        """Take a tokenizer, to compute in `dtype`; None is the precision that its weights are in."""
        self.tokenizer = tokenizer
        #: What it computes in; results are float32.
        self.dtype: torch.dtype = dtype or tokenizer.dtype

    @property
    def time_compression(self) -> int:
        """Frames that one more latent frame stands for."""
        return int(self.tokenizer.config.temporal_compression_ratio)

    @property
    def compression(self) -> int:
        """Rows and columns of pixels that a latent stands for."""
        return int(self.tokenizer.config.spatial_compression_ratio)

    @torch.no_grad()
    def encode(self, frames: Frames, count: int) -> torch.Tensor:
        """Return the tokenizer's latents (1, 16, t, h, w), float32, of a video of `count` frames.

        The video is made, moved and encoded a few frames at a time, which changes its latents by rounding at most.

        Args:
            frames: makes frames of the video; called from its beginning to its end.
            count: frames of the video, 8 t - 7 for a tokenizer that makes 8 frames one.
        """
        encoder, device, kind = (
            CausalEncoder(self.tokenizer),
            self.tokenizer.device,
            self.dtype,
        )
        step = ENCODED_AT_ONCE * self.time_compression
        # the first frame is a latent frame of its own
        ends = [*range(step - self.time_compression + 1, count, step), count]
        starts = [0, *ends[:-1]]
        pieces = [encoder(frames(start, end).to(device, kind)) for start, end in zip(starts, ends, strict=True)]
        return torch.cat(pieces, dim=2).float()

    @torch.no_grad()
    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """Return the frames (B, 3, T, H, W), in [-1, 1], float32 on the CPU, of the tokenizer's latents.

        A few frames are decoded at a time, which changes them by rounding at most.

        Args:
            latents: as :meth:`encode` gives them, shape (B, 16, t, h, w).
        """
        decoder, device, kind = (
            CausalDecoder(self.tokenizer),
            self.tokenizer.device,
            self.dtype,
        )
        pieces = [decoder(piece.to(device, kind)) for piece in latents.split(ENCODED_AT_ONCE, dim=2)]
        return torch.cat([piece.float().clamp(-1, 1).cpu() for piece in pieces], dim=2)

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

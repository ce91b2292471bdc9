"""The Cosmos tokenizer's encoder fed a few frames at a time, so that memory does not grow with the length of a video.

The encoder looks back in time and never ahead: convolutions in time see the frames before, norms and attention in space
see one frame, attention in time sees all frames before. Whoever remembers what they look back at can encode a video
piece by piece and gets what encoding all of it gives. Tiles in space would not: every norm takes the mean of a whole
frame. Weights and layers are those of :class:`diffusers.AutoencoderKLCosmos`, whose own tiling is a switch that its
encoder never reads (diffusers 0.42.1).
"""

from __future__ import annotations

from typing import Any

import torch
from diffusers import AutoencoderKLCosmos
from torch import nn
from torch.nn import functional as F

__all__ = ["CausalEncoder"]


class CausalEncoder:
    """Encodes one video, from its beginning, piece by piece."""

    def __init__(self, tokenizer: AutoencoderKLCosmos) -> None:
        self._encoder, self._last = tokenizer.encoder, tokenizer.quant_conv
        #: What layers that look back have seen: last frames of convolutions, keys and values of attention.
        self._seen: dict[nn.Module, Any] = {}
        self._begun = False

    @torch.no_grad()
    def __call__(self, frames: torch.Tensor) -> torch.Tensor:
        """Return the latents (B, 16, t, h, w) of the next frames.

        Args:
            frames: in [-1, 1], on the tokenizer's device and of its dtype, shape (B, 3, T, H, W); T is 8 t - 7 at
                first and 8 t from then on, for a tokenizer that makes 8 frames one.
        """
        net = self._encoder
        x = self._projected(net.conv_in, self._patches(frames))
        self._begun = True
        for block in net.down_blocks:
            for resnet, space, time in zip(block.resnets, block.attentions, block.temp_attentions, strict=True):
                x = self._attended(self._resnet(resnet, x), space, time)
            for layer in block.downsamplers or ():
                x = self._smaller(layer, x)
        first, *others = net.mid_block.resnets
        x = self._resnet(first, x)
        for resnet, space, time in zip(others, net.mid_block.attentions, net.mid_block.temp_attentions, strict=True):
            x = self._resnet(resnet, self._attended(x, space, time))
        return self._last(self._projected(net.conv_out, F.silu(net.norm_out(x))))

    def _patches(self, frames: torch.Tensor) -> torch.Tensor:
        """Return patches of 4 x 4 pixels of 4 frames; the first frame of all is a patch of its own."""
        if not self._begun:
            return self._encoder.patch_embed(frames)
        return self._encoder.patch_embed(torch.cat([frames[:, :, :1], frames], dim=2))[:, :, 1:]

    def _resnet(self, block: Any, x: torch.Tensor) -> torch.Tensor:
        found = self._projected(block.conv1, F.silu(block.norm1(x)))
        return self._projected(block.conv2, F.silu(block.norm2(found))) + block.conv_shortcut(x)

    def _projected(self, layer: Any, x: torch.Tensor) -> torch.Tensor:
        """Return what a convolution in space and one in time make of it."""
        return self._in_time(layer.conv_t, layer.conv_s(x))

    def _in_time(self, layer: Any, x: torch.Tensor) -> torch.Tensor:
        """Return a convolution in time; before the first frame there is that frame again."""
        before = self._seen.get(layer)
        if before is None:
            before = x[:, :, :1].expand(-1, -1, layer.temporal_pad, -1, -1)
        x = torch.cat([before, x], dim=2)
        # a copy: a view would keep all of these frames in memory
        self._seen[layer] = x[:, :, x.shape[2] - layer.temporal_pad :].clone()
        return F.conv3d(x, layer.weight, layer.bias, layer.stride)

    def _smaller(self, layer: Any, x: torch.Tensor) -> torch.Tensor:
        """Return every second row, column and frame, the first frame of all being one of its own."""
        if layer.spatial_downsample:
            x = F.pad(x, (0, 1, 0, 1))
            x = layer.conv1(x) + F.avg_pool3d(x, (1, 2, 2), (1, 2, 2))
        if layer.temporal_downsample:
            if layer.conv2 not in self._seen:
                x = torch.cat([x[:, :, :1], x], dim=2)
            x = self._in_time(layer.conv2, x) + F.avg_pool3d(x, (2, 1, 1), (2, 1, 1))
        return layer.conv3(x)

    def _attended(self, x: torch.Tensor, space: Any, time: Any) -> torch.Tensor:
        if space is not None:
            x = space(x)
        return x if time is None else self._over_time(time, x)

    def _over_time(self, layer: Any, x: torch.Tensor) -> torch.Tensor:
        """Return attention of every place to itself in this frame and those before."""
        batch, channels, frames, height, width = x.shape
        normed = layer.norm(x)
        query, key, value = (
            part(normed).permute(0, 3, 4, 2, 1).reshape(batch * height * width, frames, layer.num_attention_heads, -1)
            for part in (layer.to_q, layer.to_k, layer.to_v)
        )
        if layer in self._seen:
            key, value = (torch.cat(pair, dim=1) for pair in zip(self._seen[layer], (key, value), strict=True))
        self._seen[layer] = key, value
        known = key.shape[1]
        mask = torch.ones(frames, known, dtype=torch.bool, device=x.device).tril(known - frames)
        query, key, value = (t.transpose(1, 2) for t in (query, key, value))
        found = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        found = found.transpose(1, 2).reshape(batch, height, width, frames, channels).permute(0, 4, 3, 1, 2)
        return layer.to_out[0](found) + x

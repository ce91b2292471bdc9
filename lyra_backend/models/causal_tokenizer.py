"""The Cosmos tokenizer fed a few frames at a time, so that memory does not grow with the length of a video.

Encoder and decoder look back in time and never ahead: convolutions in time see the frames before, norms and attention
in space see one frame, attention in time sees all frames before. Whoever remembers what they look back at can work on
a video piece by piece and gets what working on all of it gives. Tiles in space would not: every norm takes the mean of
a whole frame. Weights and layers are those of :class:`diffusers.AutoencoderKLCosmos`, whose own tiling is a switch that
it never reads (diffusers 0.42.1).

Frames lie one after the other with the channels of a pixel together. Then a convolution in space is one of pictures, a
convolution in time is a product with whole frames, and a patch of wavelets is one product, which on CPUs takes a third
of the time of the layers' own forward passes. The layers compute in the precision of what they are given, and torch can
differentiate all of it.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from diffusers import AutoencoderKLCosmos
from diffusers.models.autoencoders.autoencoder_kl_cosmos import CosmosPatchEmbed3d, CosmosUnpatcher3d
from torch import nn
from torch.nn import functional as F

__all__ = ["CausalDecoder", "CausalEncoder"]


class _CausalLayers:
    """Layers that remember what they look back at, on frames (T, B, H, W, C)."""

    def __init__(self) -> None:
        #: What layers that look back have seen: last frames of convolutions, keys and values of attention.
        self._seen: dict[nn.Module, Any] = {}
        self._begun = False

    def _resnet(self, block: Any, x: torch.Tensor) -> torch.Tensor:
        found = self._projected(block.conv1, F.silu(_normed(block.norm1, x)))
        found = self._projected(block.conv2, F.silu(_normed(block.norm2, found)))
        return found + (x if isinstance(block.conv_shortcut, nn.Identity) else _by_pixel(block.conv_shortcut, x))

    def _projected(self, layer: Any, x: torch.Tensor) -> torch.Tensor:
        """Return what a convolution in space and one in time make of it."""
        return self._in_time(layer.conv_t, _in_space(layer.conv_s, x))

    def _in_time(self, layer: Any, x: torch.Tensor) -> torch.Tensor:
        """Return a convolution in time; before the first frame there is that frame again."""
        before = self._seen.get(layer)
        if before is None:
            before = x[:1].expand(layer.temporal_pad, *x.shape[1:])
        x = torch.cat([before, x])
        # a copy: a view would keep all of these frames in memory
        self._seen[layer] = x[len(x) - layer.temporal_pad :].clone()
        taps, step = layer.weight[:, :, :, 0, 0].to(x.dtype), layer.stride[0]
        count = (len(x) - taps.shape[2]) // step + 1
        rows = [x[k : k + step * (count - 1) + 1 : step].flatten(0, 3) for k in range(taps.shape[2])]
        found = F.linear(rows[0], taps[:, :, 0], layer.bias.to(x.dtype))
        for k, row in enumerate(rows[1:], 1):
            # in place: nothing but the factors is kept for gradients
            found.addmm_(row, taps[:, :, k].T)
        return found.unflatten(0, (count, *x.shape[1:4]))

    def _middle(self, block: Any, x: torch.Tensor) -> torch.Tensor:
        first, *others = block.resnets
        x = self._resnet(first, x)
        for resnet, space, time in zip(others, block.attentions, block.temp_attentions, strict=True):
            x = self._resnet(resnet, self._attended(x, space, time))
        return x

    def _rows(self, block: Any, x: torch.Tensor) -> torch.Tensor:
        """Return what the residual blocks of one level make of it."""
        for resnet, space, time in zip(block.resnets, block.attentions, block.temp_attentions, strict=True):
            x = self._attended(self._resnet(resnet, x), space, time)
        return x

    def _attended(self, x: torch.Tensor, space: Any, time: Any) -> torch.Tensor:
        if space is not None:
            x = _over_space(space, x)
        return x if time is None else self._over_time(time, x)

    def _over_time(self, layer: Any, x: torch.Tensor) -> torch.Tensor:
        """Return attention of every place to itself in this frame and those before."""
        normed = _normed(layer.norm, x)
        query, key, value = (
            _by_pixel(part, normed).flatten(1, 3).transpose(0, 1).unflatten(2, (layer.num_attention_heads, -1))
            for part in (layer.to_q, layer.to_k, layer.to_v)
        )
        if layer in self._seen:
            key, value = (torch.cat(pair, dim=1) for pair in zip(self._seen[layer], (key, value), strict=True))
        self._seen[layer] = key, value
        frames, known = query.shape[1], key.shape[1]
        mask = torch.ones(frames, known, dtype=torch.bool, device=x.device).tril(known - frames)
        query, key, value = (t.transpose(1, 2) for t in (query, key, value))
        found = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        found = found.transpose(1, 2).flatten(2, 3).transpose(0, 1).unflatten(1, x.shape[1:4])
        return _by_pixel(layer.to_out[0], found) + x


class CausalEncoder(_CausalLayers):
    """Encodes one batch of videos, from their beginning, piece by piece."""

    def __init__(self, tokenizer: AutoencoderKLCosmos) -> None:
        super().__init__()
        self._encoder, self._last = tokenizer.encoder, tokenizer.quant_conv

    def __call__(self, frames: torch.Tensor) -> torch.Tensor:
        """Return the latents (B, 16, t, h, w) of the next frames.

        Args:
            frames: in [-1, 1], on the tokenizer's device, in the precision to compute in, shape (B, 3, T, H, W); T is
                8 t - 7 at first and 8 t from then on, for a tokenizer that makes 8 frames one.
        """
        net = self._encoder
        x = self._projected(net.conv_in, self._patches(frames))
        self._begun = True
        for block in net.down_blocks:
            x = self._rows(block, x)
            for layer in block.downsamplers or ():
                x = self._smaller(layer, x)
        x = self._middle(net.mid_block, x)
        x = self._projected(net.conv_out, F.silu(_normed(net.norm_out, x)))
        return _by_pixel(self._last, x).permute(1, 4, 0, 2, 3)

    def _patches(self, frames: torch.Tensor) -> torch.Tensor:
        """Return wavelets of patches of 4 x 4 pixels of 4 frames; the first frame of all is a patch of its own."""
        embed, side = self._encoder.patch_embed, self._encoder.patch_embed.patch_size
        if not self._begun:
            frames = torch.cat([frames[:, :, :1].expand(-1, -1, side - 1, -1, -1), frames], dim=2)
        for axis in (2, 4, 6):
            frames = frames.unflatten(axis, (-1, side))
        patches = frames.permute(2, 0, 4, 6, 1, 3, 5, 7).flatten(4)
        matrix = _wavelets(frames.shape[1], side, embed.patch_method)
        return patches @ matrix.to(patches.device, patches.dtype)

    def _smaller(self, layer: Any, x: torch.Tensor) -> torch.Tensor:
        """Return every second row, column and frame, the first frame of all being one of its own."""
        if layer.spatial_downsample:
            flat = F.pad(_pictures(x), (0, 1, 0, 1))
            x = _frames(_convolved(layer.conv1, flat, 0) + F.avg_pool2d(flat, 2), x)
        if layer.temporal_downsample:
            if layer.conv2 not in self._seen:
                x = torch.cat([x[:1], x])
            x = self._in_time(layer.conv2, x) + x.unflatten(0, (-1, 2)).mean(dim=1)
        return x if isinstance(layer.conv3, nn.Identity) else _by_pixel(layer.conv3, x)


class CausalDecoder(_CausalLayers):
    """Decodes one batch of videos, from their beginning, piece by piece."""

    def __init__(self, tokenizer: AutoencoderKLCosmos) -> None:
        super().__init__()
        self._decoder, self._first = tokenizer.decoder, tokenizer.post_quant_conv

    def __call__(self, latents: torch.Tensor) -> torch.Tensor:
        """Return the frames (B, 3, T, H, W), about in [-1, 1], of the next latent frames.

        Args:
            latents: on the tokenizer's device, in the precision to compute in, shape (B, 16, t, h, w); T is 8 t - 7 at
                first and 8 t from then on, for a tokenizer that makes 8 frames one.
        """
        net = self._decoder
        x = _by_pixel(self._first, latents.permute(2, 0, 3, 4, 1))
        x = self._middle(net.mid_block, self._projected(net.conv_in, x))
        for block in net.up_blocks:
            x = self._rows(block, x)
            for layer in block.upsamplers or ():
                x = self._larger(layer, x)
        x = self._projected(net.conv_out, F.silu(_normed(net.norm_out, x)))
        found = self._pixels(x)
        self._begun = True
        return found

    def _larger(self, layer: Any, x: torch.Tensor) -> torch.Tensor:
        """Return every row, column and frame twice, but the first frame of all once."""
        if layer.temporal_upsample:
            x = x.repeat_interleave(2, dim=0)[0 if self._begun else 1 :]
            x = self._in_time(layer.conv1, x) + x
        if layer.spatial_upsample:
            flat = F.interpolate(_pictures(x), scale_factor=2.0, mode="nearest")
            x = _frames(_convolved(layer.conv2, flat, 1) + flat, x)
        return x if isinstance(layer.conv3, nn.Identity) else _by_pixel(layer.conv3, x)

    def _pixels(self, x: torch.Tensor) -> torch.Tensor:
        """Return the frames (B, 3, T, H, W) that patches of wavelets stand for."""
        patcher = self._decoder.unpatch_embed
        side, frames, batch, rows, columns, channels = patcher.patch_size, *x.shape
        matrix = _pixels_of_wavelets(channels, side, patcher.patch_method)
        blocks = (x @ matrix.to(x.device, x.dtype)).view(frames, batch, rows, columns, -1, side, side, side)
        pictures = blocks.permute(1, 4, 0, 5, 2, 6, 3, 7).flatten(2, 3).flatten(3, 4).flatten(4, 5)
        return pictures if self._begun else pictures[:, :, side - 1 :]


@cache
def _wavelets(colours: int, side: int, method: str) -> torch.Tensor:
    """Return what the tokenizer's patches are by pixel: (colours side^3, colours side^3), float64.

    Read off its own layer, which is asked for each pixel of a patch alone.
    """
    count = colours * side**3
    layer = CosmosPatchEmbed3d(side, method).double()
    single = torch.eye(count, dtype=torch.float64).view(count, colours, side, side, side)
    # the first frame is a patch of its own
    return layer(torch.cat([torch.zeros_like(single[:, :, :1]), single], dim=2))[:, :, 1].flatten(1)


@cache
def _pixels_of_wavelets(channels: int, side: int, method: str) -> torch.Tensor:
    """Return the pixels of each channel of a patch: (channels, colours side^3), float64; see :func:`_wavelets`."""
    layer = CosmosUnpatcher3d(side, method).double()
    single = torch.eye(channels, dtype=torch.float64)[:, :, None, None, None]
    # of a first patch there is one frame only
    return layer(torch.cat([torch.zeros_like(single), single], dim=2))[:, :, 1:].flatten(1)


def _normed(layer: Any, x: torch.Tensor) -> torch.Tensor:
    """Return frames of mean 0 and variance 1 each, weighted by channel."""
    norm = layer.norm
    if norm.num_groups != 1:
        raise ValueError(f"tokenizer: norms of frames have one group, got {norm.num_groups}.")
    weight, bias = norm.weight.to(x.dtype), norm.bias.to(x.dtype)
    return _frames(F.group_norm(_pictures(x), 1, weight, bias, norm.eps), x)


def _over_space(layer: Any, x: torch.Tensor) -> torch.Tensor:
    """Return attention of every place to all of its frame."""
    normed = _normed(layer.norm, x)
    query, key, value = (
        _by_pixel(part, normed)
        .flatten(0, 1)
        .flatten(1, 2)
        .unflatten(2, (layer.num_attention_heads, -1))
        .transpose(1, 2)
        for part in (layer.to_q, layer.to_k, layer.to_v)
    )
    found = F.scaled_dot_product_attention(query, key, value).transpose(1, 2).reshape(x.shape)
    return _by_pixel(layer.to_out[0], found) + x


def _in_space(layer: Any, x: torch.Tensor) -> torch.Tensor:
    """Return a convolution of every frame, with zeros around it."""
    return _frames(_convolved(layer, _pictures(x), layer.spatial_pad[0]), x)


def _convolved(layer: Any, pictures: torch.Tensor, pad: int) -> torch.Tensor:
    """Return a convolution in space of pictures (N, C, H, W)."""
    weight, bias = (part.to(pictures.dtype) for part in (layer.weight, layer.bias))
    return F.conv2d(pictures, weight[:, :, 0], bias, layer.stride[1:], pad)


def _by_pixel(layer: Any, x: torch.Tensor) -> torch.Tensor:
    """Return a convolution of size 1."""
    return F.linear(x, layer.weight.flatten(1).to(x.dtype), layer.bias.to(x.dtype))


def _pictures(x: torch.Tensor) -> torch.Tensor:
    """Return frames (T, B, H, W, C) as pictures (T B, C, H, W), in the same memory."""
    return x.flatten(0, 1).permute(0, 3, 1, 2)


def _frames(pictures: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """Return pictures (T B, C, H, W) as frames (T, B, H, W, C), as many as `like` has."""
    return pictures.permute(0, 2, 3, 1).unflatten(0, like.shape[:2])

"""The miniature's depth network: a small Depth Anything (arXiv 2406.09414) that learns depth of rooms.

It stands where MoGe stands in the published system: pictures of users come without depth. It knows one lens, that of
:func:`~.rooms.room_lens`, and gives scene units of rooms.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from ..errors import InvalidRequest
from ..progress import Progress
from .room_clips import pictures_of
from .rooms import CENTRE_DEPTH, draw_room

__all__ = [
    "MAX_DEPTH",
    "DepthErrors",
    "DepthObjective",
    "depth_errors",
    "make_depth_network",
    "predicted_depth",
    "room_pictures",
    "save_depth_network",
]

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

#: Greatest depth that the network can give [scene units]; rooms end before 6.
MAX_DEPTH = 8
#: Width and height of the pictures that it is made for [px].
SIZE = (96, 64)
_PATCH = 8
#: Mean and standard deviation of colours that pictures are normalised with.
_COLOUR = (0.5, 0.25)

#: Amplitude of what tells patches where they are, before training.
_POSITIONS = 0.3
_PICTURES, _BATCHES = 8_201, 8_202
#: Weights of shape and of gradients against that of depth itself, and distances [px] of the pixels compared.
_SHAPE, _GRADIENTS = 1.0, 1.0
_STRIDES = (1, 2, 4, 8)
#: Standard deviations of the logarithms of what colours are changed by: gain, gain of a channel, contrast, gamma.
_GAIN, _TINT, _CONTRAST, _GAMMA = 0.15, 0.05, 0.12, 0.18
_NOISE = 0.03


class DepthErrors(NamedTuple):
    """How far depth is off on pictures.

    Attributes:
        relative: median over all pixels of |found - true| / true.
        scaled: the same after each picture was multiplied by the factor that brings its median to the true one.
        average: as `relative`, for the average room, each pixel's median over the pictures: what is to be beaten.
        average_scaled: as `scaled`, for the average room.
    """

    relative: float
    scaled: float
    average: float
    average_scaled: float


def make_depth_network(seed: int, width: int = 128, layers: int = 6, size: tuple[int, int] = SIZE) -> Any:
    """Return a network with random weights: `DepthAnythingForDepthEstimation` of metric depth, about 1.7 million.

    Args:
        seed: of the weights.
        width: features of a patch, a multiple of 32.
        layers: of the transformer, 4 or more; the last of each quarter is read.
        size: width and height of the pictures that it is made for [px].

    Raises:
        InvalidRequest: sizes that no network has.
    """
    from transformers import DepthAnythingConfig, DepthAnythingForDepthEstimation, Dinov2Config

    if width < 32 or width % 32 or layers < 4:
        raise InvalidRequest(
            f"depth network: width must be a multiple of 32 and layers 4 or more, got {width}, {layers}."
        )
    backbone = Dinov2Config(
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=width // 32,
        mlp_ratio=4,
        patch_size=_PATCH,
        # Positions lie on a square and are stretched to the picture.
        image_size=size[0],
        out_features=[f"stage{-(-layers * k // 4)}" for k in range(1, 5)],
        apply_layernorm=True,
        reshape_hidden_states=False,
        use_mask_token=False,
    )
    config = DepthAnythingConfig(
        backbone_config=backbone,
        patch_size=_PATCH,
        reassemble_hidden_size=width,
        neck_hidden_sizes=[width // 4, width // 2, width // 2, width],
        fusion_hidden_size=width // 4,
        head_hidden_size=16,
        depth_estimation_type="metric",
        max_depth=MAX_DEPTH,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = DepthAnythingForDepthEstimation(config)
    with torch.no_grad():
        network.backbone.embeddings.position_embeddings[0, 1:] = _positions(size[0] // _PATCH, width)
        # everything is as far as the middle of a picture at first
        network.head.conv3.bias.fill_(math.log(CENTRE_DEPTH / (MAX_DEPTH - CENTRE_DEPTH)))
    # Nothing is fused into the coarsest features: this part has no gradient.
    network.neck.fusion_stage.layers[0].residual_layer1.requires_grad_(False)
    return network


def _positions(side: int, width: int) -> torch.Tensor:
    """Return sines and cosines of rows and columns, (side * side, width): where a patch is need not be learned first.

    Frequencies fall from 1 to 1/20 a patch; the size is about that of what fresh weights make of a patch's colours.
    """
    rates = 20.0 ** -(torch.arange(width // 4) * 4 / width)
    angles = torch.arange(side)[:, None] * rates
    waves = torch.cat([angles.sin(), angles.cos()], dim=1)
    rows, columns = waves[:, None].expand(-1, side, -1), waves[None].expand(side, -1, -1)
    return _POSITIONS * torch.cat([rows, columns], dim=2).reshape(side * side, width)


def save_depth_network(network: nn.Module, folder: Path, size: tuple[int, int] = SIZE) -> None:
    """Write a network so that the generator's estimator `transformers` reads it: weights and how pictures are given.

    Pictures are stretched to `size`, width and height [px], that the network is made for.
    """
    from transformers import DPTImageProcessorPil

    saved: Any = network
    saved.save_pretrained(folder)
    DPTImageProcessorPil(
        size={"height": size[1], "width": size[0]},
        keep_aspect_ratio=False,
        ensure_multiple_of=_PATCH,
        image_mean=[_COLOUR[0]] * 3,
        image_std=[_COLOUR[1]] * 3,
    ).save_pretrained(folder)


def room_pictures(
    rooms: Sequence[int], per_room: int, progress: Progress, size: tuple[int, int] = SIZE, device: str | None = None
) -> tuple[Pixels, Floats]:
    """Return pictures of rooms and their depth: (N, H, W, 3) and (N, H, W), N being `per_room` for each room's seed.

    Args:
        rooms: seeds, see :func:`~.rooms.draw_room`.
        per_room: pictures of each, from poses of their own.
        progress: told after each room.
        size: width and height [px].
        device: Warp device; None takes the preferred one.
    """
    frames = np.empty((len(rooms) * per_room, size[1], size[0], 3), np.uint8)
    z = np.empty(frames.shape[:3], np.float32)
    for k, seed in enumerate(rooms):
        clip = pictures_of(draw_room(seed), per_room, np.random.default_rng([seed, _PICTURES]), size, device)
        part = slice(k * per_room, (k + 1) * per_room)
        frames[part], z[part] = clip.frames, clip.z
        progress((k + 1) / len(rooms), f"pictures of room {k + 1} of {len(rooms)}")
    return frames, z


class DepthObjective:
    """Depth of pictures, learned from the truth; what a step sees depends on the seed and the step alone.

    Attributes:
        networks: what is trained.
    """

    def __init__(self, network: nn.Module, frames: Pixels, z: Floats, batch: int = 16, seed: int = 0) -> None:
        """Take a network and what it learns from.

        Args:
            network: see :func:`make_depth_network`.
            frames: sRGB, shape (N, H, W, 3), H and W multiples of 8.
            z: their depth [scene units], unknown where not above 0, shape (N, H, W).
            batch: pictures of a step, each of them mirrored or not and with colours changed.
            seed: of what is drawn.

        Raises:
            InvalidRequest: shapes that do not belong together.
        """
        if frames.ndim != 4 or frames.shape[:3] != z.shape or not len(z) or any(n % _PATCH for n in z.shape[1:]):
            raise InvalidRequest(
                f"depth network: pictures must be (N, H, W, 3) and depth (N, H, W), H and W multiples of {_PATCH}, "
                f"got {frames.shape} and {z.shape}."
            )
        if batch < 1:
            raise InvalidRequest(f"depth network: a step needs at least one picture, got a batch of {batch}.")
        for weights in network.parameters():
            if weights.ndim == 4:  # convolutions are faster so on a CPU; the values stay
                weights.data = weights.data.contiguous(memory_format=torch.channels_last)
        self.networks: Mapping[str, nn.Module] = {"depth": network}
        self._frames, self._z, self._batch, self._seed = frames, z, batch, seed

    def loss(self, step: int) -> dict[str, torch.Tensor]:
        """Return the loss of a step and its terms, scalars; d is the difference of the logarithms of depth.

        "log_depth": mean of |d|. A picture does not say how large its room is, so that d of a whole picture often has
        one sign and this term says nothing of shape. The others do, a factor on depth changes neither of them:
        "shape", mean of |d - its mean in the picture|, and "gradients", mean of |d's differences between pixels| at
        several distances.
        """
        frames, z = self._drawn(np.random.default_rng([self._seed, _BATCHES, step]))
        found = _forward(self.networks["depth"], frames)
        known = z > 0
        difference = torch.where(known, found.clamp(min=1e-3).log() - z.clamp(min=1e-3).log(), 0.0)
        near = _mean(difference, known)
        centre = difference.sum(dim=(1, 2), keepdim=True) / known.sum(dim=(1, 2), keepdim=True).clamp(min=1)
        shape = _mean(difference - centre, known)
        slopes = torch.stack([_slope(difference, known, stride) for stride in _STRIDES]).mean()
        total = near + _SHAPE * shape + _GRADIENTS * slopes
        return {"loss": total, "log_depth": near, "shape": shape, "gradients": slopes}

    def _drawn(self, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """Return pictures (B, 3, H, W) in [0, 1] and depth (B, H, W) of a step."""
        chosen = rng.integers(len(self._z), size=self._batch)
        device = next(self.networks["depth"].parameters()).device
        frames = torch.from_numpy(self._frames[chosen]).to(device).movedim(-1, 1).float() / 255
        z = torch.from_numpy(self._z[chosen]).to(device)
        mirrored = torch.from_numpy(rng.random(self._batch) < 0.5).to(device)
        frames = torch.where(mirrored[:, None, None, None], frames.flip(-1), frames)
        return _recoloured(frames, rng), torch.where(mirrored[:, None, None], z.flip(-1), z)


def predicted_depth(network: nn.Module, frames: Pixels, batch: int = 64) -> Floats:
    """Return the depth (N, H, W) [scene units] that a network finds in pictures (N, H, W, 3) of its own size."""
    device = next(network.parameters()).device
    was = network.training
    network.eval()
    with torch.no_grad():
        parts = [
            _forward(network, torch.from_numpy(part).to(device).movedim(-1, 1).float() / 255).float().cpu().numpy()
            for part in np.split(frames, range(batch, len(frames), batch))
        ]
    network.train(was)
    return np.concatenate(parts)


def depth_errors(network: nn.Module, frames: Pixels, z: Floats) -> DepthErrors:
    """Return how far a network is off on pictures (N, H, W, 3) of which depth (N, H, W) is known everywhere."""
    average = np.broadcast_to(np.median(z, axis=0), z.shape)
    return DepthErrors(*_errors(predicted_depth(network, frames), z), *_errors(average, z))


def _errors(found: Floats, z: Floats) -> tuple[float, float]:
    """Return the median relative error as it is, and with each picture's median put right."""
    factors = np.median(z, axis=(1, 2), keepdims=True) / np.median(found, axis=(1, 2), keepdims=True)
    plain, scaled = (float(np.median(np.abs(guess - z) / z)) for guess in (found, found * factors))
    return plain, scaled


def _forward(network: nn.Module, frames: torch.Tensor) -> torch.Tensor:
    """Return depth (B, H, W) of pictures (B, 3, H, W) in [0, 1]."""
    found: torch.Tensor = network(pixel_values=(frames - _COLOUR[0]) / _COLOUR[1]).predicted_depth
    return found.float()


def _mean(difference: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    """Return the mean size of (B, H, W) where it is known."""
    return (difference.abs() * known).sum() / known.sum().clamp(min=1)


def _slope(difference: torch.Tensor, known: torch.Tensor, stride: int) -> torch.Tensor:
    """Return the mean size of steps of (B, H, W) over `stride` pixels, where both ends are known."""
    total, count = difference.new_zeros(()), difference.new_zeros(())
    for axis in (1, 2):
        length = difference.shape[axis] - stride
        if length < 1:
            continue
        ends = [x.narrow(axis, stride, length) for x in (difference, known)]
        starts = [x.narrow(axis, 0, length) for x in (difference, known)]
        both = ends[1] & starts[1]
        total = total + ((ends[0] - starts[0]).abs() * both).sum()
        count = count + both.sum()
    return total / count.clamp(min=1)


def _recoloured(frames: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Return pictures (B, 3, H, W) in [0, 1] with other brightness, tint, contrast and gamma, and with noise."""
    count = len(frames)

    def drawn(spread: float, channels: int = 1) -> torch.Tensor:
        values = np.exp(rng.normal(0, spread, (count, channels, 1, 1)))
        return torch.from_numpy(values.astype(np.float32)).to(frames.device)

    gain = drawn(_GAIN) * drawn(_TINT, 3)
    changed = (frames.clamp(min=1e-4) ** drawn(_GAMMA)) * gain
    mean = changed.mean(dim=(1, 2, 3), keepdim=True)
    changed = mean + (changed - mean) * drawn(_CONTRAST)
    generator = torch.Generator().manual_seed(int(rng.integers(1 << 62)))
    noise = torch.randn(frames.shape, generator=generator).to(frames.device)
    strength = torch.from_numpy(rng.uniform(0, _NOISE, (count, 1, 1, 1)).astype(np.float32)).to(frames.device)
    return (changed + strength * noise).clamp(0, 1)

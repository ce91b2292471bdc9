"""Where networks live while they work: on the GPU as a whole, or brought there block by block."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from diffusers import AutoencoderKLCosmos, CosmosTransformer3DModel

from ..errors import InvalidRequest
from .budget import Budget

__all__ = ["Placement", "choose_placement"]

#: Memory of a GPU in GB below which weights stay in main memory, and below which they are stored in 8 bits.
_OFFLOAD_BELOW, _EIGHT_BITS_BELOW = 40, 20
#: The least memory [bytes] beside the networks' own: libraries, fragments.
_SPARE = 1.5e9


@dataclass(frozen=True)
class Placement:
    """How networks are loaded.

    Attributes:
        device: where they compute.
        dtype: what they compute in; the Gaussian head and the scans stay in float32.
        offload: weights of the video model stay in main memory and visit the GPU block by block, while the block
            before computes: the same numbers, a few percent slower.
        eight_bits: weights of the video model are kept as 8-bit floats and widened when used; changes results.
    """

    device: torch.device
    dtype: torch.dtype
    offload: bool = False
    eight_bits: bool = False

    def place_network(self, network: CosmosTransformer3DModel) -> CosmosTransformer3DModel:
        """Return the video model, loaded in :attr:`dtype`, ready to work."""
        network = network.eval().requires_grad_(False)
        if self.eight_bits:
            network.enable_layerwise_casting(torch.float8_e4m3fn, self.dtype)
        if not self.offload:
            return network.to(self.device)
        network.enable_group_offload(
            self.device, offload_type="block_level", num_blocks_per_group=1, use_stream=self.device.type == "cuda"
        )
        return network

    def place_tokenizer(self, tokenizer: AutoencoderKLCosmos) -> AutoencoderKLCosmos:
        """Return the tokenizer, loaded in :attr:`dtype`, ready to work."""
        return tokenizer.to(self.device).eval().requires_grad_(False)

    def bytes_needed(self, budget: Budget) -> float:
        """Return the memory [bytes] that the device must have, by estimate."""
        weights = 0.0
        if not self.offload:
            weights = budget.weights_bytes * (0.5 if self.eight_bits else 1.0)
        return max(weights + budget.activations_bytes, budget.decoder_bytes) + _SPARE


def choose_placement(device: str, vram_gb: float | None, budget: Budget) -> Placement:
    """Return how to load networks of this budget on a device with so much memory.

    Args:
        device: "auto", "cuda", "cuda:1" or "cpu".
        vram_gb: memory that may be taken; None is all that is free.
        budget: of the model.

    Raises:
        InvalidRequest: there is no such device, or its memory does not do whatever is offloaded.
    """
    where = _device(device)
    if where.type == "cpu":
        if vram_gb is not None:
            raise InvalidRequest(
                f"vram: is memory of GPUs, got {vram_gb:g} GB, and the device is {where}. Leave it out."
            )
        return Placement(where, torch.float32)
    free = torch.cuda.mem_get_info(where)[0] / 1e9
    allowed = free if vram_gb is None else min(free, vram_gb)
    placement = Placement(where, torch.bfloat16, allowed < _OFFLOAD_BELOW, allowed < _EIGHT_BITS_BELOW)
    needed = placement.bytes_needed(budget) / 1e9
    if needed > allowed:
        raise InvalidRequest(
            f"device {where}: this model needs about {needed:.0f} GB of GPU memory even so, and {free:.0f} GB are free "
            f"of which {allowed:.0f} GB may be taken. Close what else uses the GPU, or use a larger one."
        )
    return placement


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        where = torch.device(name)
    except RuntimeError:
        raise InvalidRequest(f"device must be auto, cpu, cuda or cuda:N, got {name!r}.") from None
    if where.type not in ("cuda", "cpu"):
        raise InvalidRequest(f"device must be auto, cpu, cuda or cuda:N, got {name!r}.")
    if where.type == "cuda" and (where.index or 0) >= torch.cuda.device_count():
        raise InvalidRequest(
            f"device {name!r}: there {'is' if torch.cuda.device_count() == 1 else 'are'} "
            f"{torch.cuda.device_count()} CUDA devices here. Is the driver installed, and torch built for CUDA?"
        )
    return where

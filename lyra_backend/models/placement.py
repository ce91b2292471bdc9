"""Where networks live while they work: on the GPU as a whole, or brought there block by block."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from diffusers import AutoencoderKLCosmos, CosmosTransformer3DModel

from ..errors import InvalidRequest, MissingDependency
from ..memory import available_memory_bytes
from .budget import PRECISIONS, Budget
from .warm import WARM

__all__ = ["LYRA", "Placement", "choose_placement", "free_gb", "obtainable_gb", "room_bytes"]

#: What the networks of a scene do, for :class:`~.warm.WarmModels`.
LYRA = "lyra"

#: Memory [bytes] beside what is counted: libraries, fragments, scratch space of kernels, the tokenizer's weights.
_SPARE = 2e9
#: Share of the weights' bytes that is left with 8 bits: norms and what modulates them stay as they are.
_EIGHT_BITS = 0.53
#: Layers that stay as they are: what diffusers says of them for 8-bit floats.
_SENSITIVE = ("patch_embed", "norm")
#: Compute capability from which GPUs have kernels of attention in bfloat16 that never hold all products of tokens.
_CAPABLE = (8, 0)
#: What weights are kept in, by name.
_STORED = {"float8": torch.float8_e4m3fn, "int8": torch.int8}


@dataclass(frozen=True)
class Placement:
    """How networks are loaded.

    Attributes:
        device: where they compute.
        dtype: what they compute in; the Gaussian head and the scans stay in float32.
        offload: weights of the video model stay in main memory and visit the GPU block by block, while the block
            before computes: the same numbers.
        stored: what weights of the video model are kept in, torch.float8_e4m3fn or torch.int8, and widened from when
            used, which changes results; None keeps them in :attr:`dtype`.
    """

    device: torch.device
    dtype: torch.dtype
    offload: bool = False
    stored: torch.dtype | None = None

    @property
    def told(self) -> str:
        """Where networks work and where weights are, for a plan."""
        kept = str(self.stored or "").removeprefix("torch.").partition("_")[0]
        notes = [f"weights as {kept}"] * bool(kept) + ["weights offloaded"] * self.offload
        return ", ".join([str(self.device), *notes])

    @property
    def warp_device(self) -> str:
        """The name of :attr:`device` for Warp, which is torch's."""
        return str(self.device)

    @contextmanager
    def current(self) -> Iterator[None]:
        """Make :attr:`device` the one that streams and kernels of this thread are made on."""
        if self.device.type != "cuda":
            yield
            return
        with torch.cuda.device(self.device):
            yield

    def place_network(self, network: CosmosTransformer3DModel) -> CosmosTransformer3DModel:
        """Return the video model, loaded in :attr:`dtype`, ready to work.

        Raises:
            MissingDependency: whole numbers of 8 bits need torchao, which is not installed.
        """
        network = network.eval().requires_grad_(False)
        with self.current():
            if self.stored == torch.int8:
                _keep_as_integers(network, self.device)
            elif self.stored is not None:
                network.enable_layerwise_casting(self.stored, self.dtype)
            if not self.offload:
                return network.to(self.device)
            streams = self.device.type == "cuda"
            network.enable_group_offload(
                self.device, offload_type="block_level", num_blocks_per_group=1, use_stream=streams
            )
        return network

    def place_tokenizer(self, tokenizer: AutoencoderKLCosmos) -> AutoencoderKLCosmos:
        """Return the tokenizer, loaded in :attr:`dtype`, ready to work."""
        return tokenizer.to(self.device).eval().requires_grad_(False)

    def bytes_needed(self, budget: Budget) -> float:
        """Return the memory [bytes] that the device must have, by estimate."""
        resident = budget.weights_bytes * (1.0 if self.stored is None else _EIGHT_BITS)
        weights = budget.visiting_bytes if self.offload else resident
        videos = weights + max(budget.activations_bytes, budget.encoding_bytes)
        return max(videos * self.dtype.itemsize / 2 + _SPARE, self.bytes_decoding(budget))

    def main_bytes(self, budget: Budget) -> float:
        """Return the main memory [bytes] that is taken while videos are made: weights that visit wait there, pinned.

        Weights that stay on a GPU go through main memory as pages of their files, which the system takes back.
        """
        return budget.weights_bytes * self.dtype.itemsize / 2 if self.offload else 0.0

    def bytes_decoding(self, budget: Budget) -> float:
        """Return the memory [bytes] that rays and Gaussians take by estimate, when the video model is gone."""
        return max(budget.encoding_bytes, budget.decoder_bytes) * self.dtype.itemsize / 2 + _SPARE


def choose_placement(
    device: str, vram_gb: float | None, budget: Budget, precision: str = "auto", main_taken: float = 0.0
) -> Placement:
    """Return the fastest way to load networks of this budget on a device that its memory does.

    Weights that are wanted as they are stay on the GPU if they fit, else they visit it. Those of 8 bits must fit:
    visitors take less memory and change nothing.

    Args:
        device: "auto", "cuda", "cuda:1" or "cpu".
        vram_gb: memory that may be taken; None is all that is free.
        budget: of the model.
        precision: one of :data:`PRECISIONS`.
        main_taken: main memory that placements on other devices will take [bytes].

    Raises:
        InvalidRequest: there is no such device, it is too old, its memory or main memory does not do in any way, or the
            precision is none of it.
        MissingDependency: the package that the precision takes is not installed.
    """
    where = _device(device)
    if precision not in PRECISIONS:
        raise InvalidRequest(f"precision must be one of {', '.join(PRECISIONS)}, got {precision!r}.")
    if where.type == "cpu":
        return _on_cpu(where, vram_gb, precision)
    _check_capability(where)
    free = obtainable_gb(where)
    allowed = free if vram_gb is None else min(free, vram_gb)
    ways = _ways(where, precision)
    for way in ways:
        if way.bytes_needed(budget) <= allowed * 1e9:
            _check_main_memory(way, budget, main_taken)
            return way
    needed = ways[-1].bytes_needed(budget) / 1e9
    advice = "or leave precision to auto, which takes less" if len(ways) == 1 else "or use a larger one"
    raise InvalidRequest(
        f"device {where}: this model needs about {needed:.1f} GB of GPU memory even so, and {free:.1f} GB are free of "
        f"which {allowed:.1f} GB may be taken. Close what else uses the GPU, {advice}."
    )


def free_gb(where: torch.device) -> float:
    """Return the free memory of a GPU [GB], with what torch holds there from work that is done."""
    idle = torch.cuda.memory_reserved(where) - torch.cuda.memory_allocated(where)
    return float(torch.cuda.mem_get_info(where)[0] + idle) / 1e9


def obtainable_gb(where: torch.device) -> float:
    """Return the free memory of a GPU [GB] before a scene: networks of the scene before are given back if need be."""
    held = torch.cuda.memory_allocated(where) if WARM.keeping else 0
    return free_gb(where) + held / 1e9


def room_bytes(where: torch.device, vram_gb: float | None) -> float | None:
    """Return the memory of a device that networks may take beside what is loaded [bytes]; None where nobody tells."""
    if where.type != "cuda":
        return available_memory_bytes()
    free = free_gb(where) * 1e9
    return free if vram_gb is None else min(free, vram_gb * 1e9 - torch.cuda.memory_allocated(where))


def _check_capability(where: torch.device) -> None:
    capability = torch.cuda.get_device_capability(where)
    if capability < _CAPABLE:
        raise InvalidRequest(
            f"device {where}: {torch.cuda.get_device_name(where)} has compute capability {capability[0]}."
            f"{capability[1]}, and {_CAPABLE[0]}.{_CAPABLE[1]} or more is needed (A100, RTX 30 and later): older GPUs "
            "have no attention in bfloat16 that does without hundreds of GB. Name another GPU with generate.device."
        )


def _check_main_memory(way: Placement, budget: Budget, taken: float) -> None:
    slot, needed = (LYRA, str(way.device)), way.main_bytes(budget)
    if needed and not WARM.make_room(slot, needed + taken, available_memory_bytes, "cpu"):
        available = available_memory_bytes() or 0
        others = f" beside {taken / 1e9:.1f} GB for other GPUs" * bool(taken)
        raise InvalidRequest(
            f"device {way.device}: weights that do not fit on the GPU wait in main memory, which takes "
            f"{needed / 1e9:.1f} GB{others}, and {available / 1e9:.1f} GB are available. Close other programs, let "
            "more GPU memory be taken, or name fewer GPUs with generate.device."
        )


def _ways(where: torch.device, precision: str) -> tuple[Placement, ...]:
    """Return the ways to load networks of a precision on a GPU, fastest first."""
    stored = _STORED.get(precision)
    if stored == torch.int8:
        _integers()
    whole = Placement(where, torch.bfloat16, stored=stored)
    return (whole,) if stored else (whole, Placement(where, torch.bfloat16, offload=True))


def _on_cpu(where: torch.device, vram_gb: float | None, precision: str) -> Placement:
    if vram_gb is not None:
        raise InvalidRequest(f"vram: is memory of GPUs, got {vram_gb:g} GB, and the device is {where}. Leave it out.")
    if precision != "auto":
        raise InvalidRequest(
            f"precision: is for GPUs, got {precision}, and the device is {where}, which computes in float32. Leave it "
            "out."
        )
    return Placement(where, torch.float32)


def _keep_as_integers(network: CosmosTransformer3DModel, device: torch.device) -> None:
    """Keep weights of linear layers as whole numbers of 8 bits, a scale for each row, layer by layer on the device."""
    quantize, config = _integers()
    quantize(network, config, filter_fn=_is_robust, device=device)


def _is_robust(module: torch.nn.Module, name: str) -> bool:
    return isinstance(module, torch.nn.Linear) and not any(part in name for part in _SENSITIVE)


def _integers() -> tuple[Any, Any]:
    try:
        from torchao.quantization import Int8WeightOnlyConfig, quantize_
    except ImportError as error:
        raise MissingDependency("torchao", "precision=int8", "int8") from error
    return quantize_, Int8WeightOnlyConfig()


def _device(name: str) -> torch.device:
    """Return the device of a name; one of CUDA has its number, which some calls of torch cannot do without."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        where = torch.device(name)
    except RuntimeError:
        where = None
    if where is None or where.type not in ("cuda", "cpu") or (where.type == "cpu" and where.index is not None):
        raise InvalidRequest(f"device must be auto, cpu, cuda or cuda:N, got {name!r}.")
    if where.type == "cuda" and (where.index or 0) >= torch.cuda.device_count():
        raise InvalidRequest(
            f"device {name!r}: there {'is' if torch.cuda.device_count() == 1 else 'are'} "
            f"{torch.cuda.device_count()} CUDA devices here. Is the driver installed, and torch built for CUDA?"
        )
    if where.type == "cuda" and where.index is None:
        return torch.device("cuda", torch.cuda.current_device() if torch.cuda.is_initialized() else 0)
    return where

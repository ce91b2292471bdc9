"""Which devices a scene is made on, whether they can do it, and what to say if their memory runs out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ...errors import InvalidRequest

if TYPE_CHECKING:
    from ...models.budget import Budget
    from ...models.placement import Placement

__all__ = ["first_device", "memory_errors", "placements"]

#: Longer than this [s] on a CPU is a mistake, not a wish.
_PATIENCE_S = 6 * 3600.0


def first_device(device: str) -> str:
    """Return the name of the device that single networks work on."""
    import torch

    if device == "auto":
        return "cuda:0" if torch.cuda.is_available() else "cpu"
    return device


def placements(device: str, vram_gb: float | None, budget: Budget, seconds_on_cpu: float) -> tuple[Placement, ...]:
    """Return how the networks are loaded on each device that works: all GPUs, or the one that is named.

    Raises:
        InvalidRequest: there is no such device, its memory is too small, or a CPU would take hours.
    """
    import torch

    from ...models.placement import choose_placement

    count = torch.cuda.device_count() if device == "auto" else 0
    names = [f"cuda:{i}" for i in range(count)] if count > 1 else [device]
    found = tuple(choose_placement(name, vram_gb, budget) for name in names)
    if found[0].device.type == "cpu" and seconds_on_cpu > _PATIENCE_S:
        raise InvalidRequest(
            f"device cpu: this model would take about {seconds_on_cpu / 3600:.0f} hours here. It needs an NVIDIA GPU "
            "with 16 GB or more and a torch that was built for CUDA: see docs/lyra.md."
        )
    return found


@contextmanager
def memory_errors() -> Iterator[None]:
    """Say what to do when the memory of a GPU runs out.

    Raises:
        InvalidRequest: it did.
    """
    import torch

    try:
        yield
    except torch.OutOfMemoryError as error:
        reason = str(error).partition(". ")[0]
        raise InvalidRequest(
            f"GPU memory: {reason}. Close what else uses the GPU and run the same command again: finished videos "
            "are kept. Or start anew with less, such as --vram 24 or --vram 16, and --overwrite."
        ) from error

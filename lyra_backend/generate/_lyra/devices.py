"""Which devices a scene is made on, whether they can do it, and what to say if their memory runs out."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ...errors import InvalidRequest

if TYPE_CHECKING:
    import torch

    from ...models.budget import Budget
    from ...models.placement import Placement

__all__ = ["memory_errors", "placements", "working_on"]

logger = logging.getLogger(__name__)

#: Longer than this [s] on a CPU is a mistake, not a wish.
_PATIENCE_S = 6 * 3600.0
#: What CUDA itself takes of a GPU's memory for a process [bytes], which torch's limit does not count.
_CONTEXT = 0.6e9
#: What errors of memory say that are no torch.OutOfMemoryError: of Warp, of cuBLAS and cuDNN, and of CUDA itself.
_OTHER_MEMORY_ERRORS = re.compile(
    r"Failed to allocate \d+ bytes .*'cuda|CU(BLAS|DNN)_STATUS_ALLOC_FAILED|CUDA error: out of memory"
)
#: Scratch space of cuBLAS with which its sums have one order, as torch asks for; cuBLAS reads it when it starts.
_CUBLAS = ("CUBLAS_WORKSPACE_CONFIG", ":4096:8")


def placements(
    device: str, vram_gb: float | None, budget: Budget, seconds_on_cpu: float, precision: str = "auto"
) -> tuple[Placement, ...]:
    """Return how the networks are loaded on each device that works: all GPUs that can, or the one that is named.

    Args:
        device: "auto", "cuda", "cuda:1" or "cpu".
        vram_gb: memory of each that may be taken; None is all that is free.
        budget: of the model.
        seconds_on_cpu: what a scene takes without a GPU [s].
        precision: what weights of the video model are kept in.

    Raises:
        InvalidRequest: there is no such device, all are too old or too small, main memory does not do, or a CPU would
            take hours.
        MissingDependency: the package that the precision takes is not installed.
    """
    import torch

    from ...models.placement import choose_placement

    count = torch.cuda.device_count() if device == "auto" else 0
    names = [f"cuda:{i}" for i in range(count)] if count > 1 else [device]
    found: list[Placement] = []
    refused = []
    for name in names:
        try:
            main_taken = sum(each.main_bytes(budget) for each in found)
            found.append(choose_placement(name, vram_gb, budget, precision, main_taken))
        except InvalidRequest as error:
            refused.append(error)
    if not found:
        raise refused[0] if len(refused) == 1 else _none_can(refused)
    for reason in refused:
        logger.warning("a GPU is left out: %s", reason)
    if found[0].device.type == "cpu" and seconds_on_cpu > _PATIENCE_S:
        raise InvalidRequest(
            f"device cpu: this model would take about {seconds_on_cpu / 3600:.0f} hours here. It needs an NVIDIA GPU "
            "with 16 GB or more and a torch that was built for CUDA: see docs/lyra.md."
        )
    return tuple(found)


@contextmanager
def working_on(placed: Sequence[Placement], vram_gb: float | None) -> Iterator[None]:
    """Keep GPUs to the memory that may be taken and to repeatable kernels, and say what to do when memory runs out.

    What is set is set for the whole process, so that one scene is made at a time; it is as before afterwards. Networks
    that stay loaded for the next scene do so only if this one goes well.

    Args:
        placed: where networks work.
        vram_gb: memory of each GPU that may be taken; None is all.

    Raises:
        InvalidRequest: memory ran out.
    """
    gpus = [each.device for each in placed if each.device.type == "cuda"]
    from ...models.warm import WARM

    with memory_errors(), WARM.scene():
        if not gpus:
            yield
            return
        with _limited(gpus, vram_gb), _repeatable():
            yield


@contextmanager
def memory_errors() -> Iterator[None]:
    """Say what to do when the memory of a GPU runs out; nothing stays loaded then.

    Raises:
        InvalidRequest: it did.
    """
    from ...models.warm import WARM

    try:
        yield
    except RuntimeError as error:
        if not _is_of_memory(error):
            raise
        WARM.drop()
        reason = str(error).partition("\n")[0].partition(". ")[0]
        raise InvalidRequest(
            f"GPU memory: {reason}. Close what else uses the GPU, or say what may be taken, such as --vram 16, and "
            "run the same command again: finished videos are kept."
        ) from error


def _is_of_memory(error: RuntimeError) -> bool:
    import torch

    return isinstance(error, torch.OutOfMemoryError) or _OTHER_MEMORY_ERRORS.search(str(error)) is not None


def _none_can(refused: Sequence[InvalidRequest]) -> InvalidRequest:
    reasons = " ".join(f"({i + 1}) {reason}" for i, reason in enumerate(refused))
    return InvalidRequest(f"device auto: none of the {len(refused)} GPUs can do it. {reasons}")


@contextmanager
def _limited(gpus: Sequence[torch.device], vram_gb: float | None) -> Iterator[None]:
    """Let torch's allocator refuse more than may be taken."""
    import torch

    if vram_gb is None:
        yield
        return
    try:
        for gpu in gpus:
            total = torch.cuda.mem_get_info(gpu)[1]
            torch.cuda.set_per_process_memory_fraction(min((vram_gb * 1e9 - _CONTEXT) / total, 1.0), gpu)
        yield
    finally:
        for gpu in gpus:
            torch.cuda.set_per_process_memory_fraction(1.0, gpu)


@contextmanager
def _repeatable() -> Iterator[None]:
    """Let kernels give the same bits in every run on one kind of device, where torch has such kernels.

    What has 32 bits is computed with all of them: TF32 has 10 bits behind the point.
    """
    import torch

    cudnn: Any = torch.backends.cudnn
    matmul: Any = torch.backends.cuda.matmul
    memory: Any = torch.utils.deterministic
    usual = cudnn.deterministic, cudnn.benchmark, memory.fill_uninitialized_memory
    tf32, workspace = (cudnn.allow_tf32, matmul.allow_tf32), os.environ.get(_CUBLAS[0])
    strict, warns = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    try:
        # memory that was never written is never read here: filling it would only take time
        cudnn.deterministic, cudnn.benchmark, memory.fill_uninitialized_memory = True, False, False
        cudnn.allow_tf32, matmul.allow_tf32 = False, False
        torch.use_deterministic_algorithms(True, warn_only=True)
        os.environ.setdefault(*_CUBLAS)
        yield
    finally:
        cudnn.allow_tf32, matmul.allow_tf32 = tf32
        if workspace is None:
            os.environ.pop(_CUBLAS[0], None)
        cudnn.deterministic, cudnn.benchmark, memory.fill_uninitialized_memory = usual
        torch.use_deterministic_algorithms(strict, warn_only=warns)

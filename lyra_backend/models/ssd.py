"""The recurrence of Mamba-2 computed chunk by chunk, so that memory does not grow with the length of the sequence.

State-space duality (Dao and Gu, "Transformers are SSMs", 2024, arXiv 2405.21060, section 6): within a chunk the
recurrence is a masked matrix product, between chunks only states are handed on. Decays and states are float32 whatever
the inputs are, because products of many decays lose all their digits in half precision.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import cache

import torch
from torch.nn import functional as F

__all__ = ["CHUNK", "full_precision", "fused_scan", "ssd_scan"]

logger = logging.getLogger(__name__)

#: Tokens of a chunk: the masked products grow with it, the states to be handed on with its inverse.
CHUNK = 128
#: The same on CPUs, which small products keep busy; at most, because chunks are made equally long.
_CHUNK_ON_CPU = 72
#: Chunks whose masks are in memory together, and over which states are handed on by one product.
_TOGETHER = 32
#: How far a fused kernel may be from the scan below, relative to the largest output.
_EQUAL = 2e-2

#: `(x, dt, a, b, c, state) -> (y, state)`, as :func:`ssd_scan`.
Scan = Callable[..., tuple[torch.Tensor, torch.Tensor]]


def ssd_scan(
    x: torch.Tensor,
    dt: torch.Tensor,
    a: torch.Tensor,
    b: torch.Tensor,
    c: torch.Tensor,
    state: torch.Tensor | None = None,
    chunk: int | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return outputs (B, L, H, P) and the last state (B, H, P, N) of the recurrence of every head.

    ``h[t] = exp(dt[t] a) h[t-1] + dt[t] x[t] b[t]^T`` and ``y[t] = h[t] c[t]``, in float32.

    Args:
        x: inputs, shape (B, L, H, P).
        dt: steps > 0, shape (B, L, H).
        a: rates of decay < 0, shape (H,).
        b, c: directions in which the state is written and read, the same for all heads, shape (B, L, N).
        state: what earlier tokens left, shape (B, H, P, N); zero if there were none.
        chunk: tokens of a chunk; changes speed and memory, and results only by rounding. None takes what is fast.

    Raises:
        ValueError: shapes do not fit.
    """
    batch, length, heads, width = x.shape
    if dt.shape != (batch, length, heads) or a.shape != (heads,) or b.shape != c.shape or b.shape[:2] != dt.shape[:2]:
        raise ValueError("ssd_scan: needs x (B, L, H, P), dt (B, L, H), a (H,), b and c (B, L, N).")
    empty = state is None
    state = x.new_zeros(batch, heads, width, b.shape[2], dtype=torch.float32) if state is None else state.float()
    chunk = _chunk(length, x.device.type) if chunk is None else chunk
    pieces = []
    for start in range(0, length, chunk * _TOGETHER):
        piece = slice(start, start + chunk * _TOGETHER)
        inputs = x[:, piece], dt[:, piece].float(), a.float(), b[:, piece], c[:, piece], state
        with full_precision(x):
            y, state = _few_chunks(*inputs, chunk, empty=empty)
        pieces.append(y)
        empty = False
    return torch.cat(pieces, dim=1) if pieces else x.float(), state


def full_precision(like: torch.Tensor) -> AbstractContextManager[object]:
    """Return a context in which what is float32 is computed in float32, also where training lets torch choose."""
    kind = like.device.type
    if kind not in ("cpu", "cuda") or not torch.is_autocast_enabled(kind):
        return nullcontext()
    return torch.autocast(kind, enabled=False)


def _few_chunks(
    x: torch.Tensor,
    dt: torch.Tensor,
    a: torch.Tensor,
    b: torch.Tensor,
    c: torch.Tensor,
    state: torch.Tensor,
    chunk: int,
    *,
    empty: bool = False,
) -> tuple[torch.Tensor, torch.Tensor]:
    """As :func:`ssd_scan`, with everything in memory at once; K chunks of Q tokens; `empty` says that `state` is 0."""
    length = x.shape[1]
    chunk = min(chunk, length)
    # tokens with a step of zero leave the state as it is
    written, decay, b, c = (_chunked(t, chunk) for t in (x.float() * dt[..., None], dt * a, b.float(), c.float()))
    # summed in float64: differences of long sums of fast decays would lose in float32 what the result needs
    written = written.transpose(2, 3)  # (B, K, H, Q, P)
    total = decay.double().cumsum(dim=2).transpose(2, 3)  # (B, K, H, Q)
    # within chunks: every token reads what earlier ones of its chunk wrote
    y = (_decay_between(total) * (c @ b.transpose(-1, -2))[:, :, None]) @ written
    # between chunks: states at the starts of all chunks, by one product
    left = (written * (total[..., -1:] - total).float().exp()[..., None]).transpose(-1, -2) @ b[:, :, None]
    left = torch.cat([state[:, None], left], dim=1)
    ends = F.pad(total[..., -1], (0, 0, 1, 0)).cumsum(dim=1).transpose(1, 2)  # (B, H, K + 1)
    states = torch.einsum("bhks,bshpn->bkhpn", _decay_between(ends), left)
    if y.shape[1] > 1 or not empty:  # a first chunk has nothing to read of what was before
        y = y + (c[:, :, None] @ states[:, :-1].transpose(-1, -2)) * total.float().exp()[..., None]
    return y.transpose(2, 3).flatten(1, 2)[:, :length], states[:, -1]


def _chunk(length: int, device: str) -> int:
    """Return how many tokens a chunk of a sequence has, so that little is filled up."""
    if device != "cpu":
        return CHUNK
    count = max(-(-length // _CHUNK_ON_CPU), 1)
    return max(-(-length // count), 1)


def _chunked(tensor: torch.Tensor, chunk: int) -> torch.Tensor:
    """Return (B, K, Q, ...) of (B, L, ...), filled up with zeros."""
    missing = -tensor.shape[1] % chunk
    padded = F.pad(tensor, (0, 0) * (tensor.ndim - 2) + (0, missing))
    return padded.unflatten(1, (-1, chunk))


def _decay_between(total: torch.Tensor) -> torch.Tensor:
    """Return how much of what is written at j is left at i >= j, (..., i, j), from summed logarithms (..., Q)."""
    size = total.shape[-1]
    later = torch.ones(size, size, dtype=torch.bool, device=total.device).tril()
    return (total[..., :, None] - total[..., None, :]).float().masked_fill(~later, -torch.inf).exp()


@cache
def fused_scan(device: str) -> Scan | None:
    """Return the Triton kernel of the package mamba_ssm as a scan for a kind of device, or None.

    None without CUDA, without the package, or if the kernel does not give what :func:`ssd_scan` gives: it is asked
    once, on random inputs, so that a build that does not fit the device never decides what a scene looks like.
    """
    if device != "cuda":
        return None
    try:
        from mamba_ssm.ops.triton.ssd_combined import mamba_chunk_scan_combined
    except ImportError:
        return None

    def scan(
        x: torch.Tensor,
        dt: torch.Tensor,
        a: torch.Tensor,
        b: torch.Tensor,
        c: torch.Tensor,
        state: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        found = mamba_chunk_scan_combined(
            x, dt, a, b[:, :, None], c[:, :, None], 256, initial_states=state, return_final_states=True
        )
        return found[0], found[1]

    return scan if _agrees(scan, device) else None


def _agrees(scan: Scan, device: str) -> bool:
    """Return whether `scan` gives what :func:`ssd_scan` gives for random inputs of a usual size, in all precisions.

    A kernel is another program for each type of its inputs: those of networks on GPUs have 16 bits.
    """
    return all(_agrees_in(kind, scan, device) for kind in (torch.float32, torch.bfloat16))


def _agrees_in(kind: torch.dtype, scan: Scan, device: str) -> bool:
    """As :func:`_agrees` for inputs, and what is written and read, in one precision; steps and states have 32 bits."""
    generator = torch.Generator().manual_seed(0)
    x, dt, b, c, state = (
        torch.randn(shape, generator=generator).to(device)
        for shape in ((1, 600, 2, 64), (1, 600, 2), (1, 600, 256), (1, 600, 256), (1, 2, 64, 256))
    )
    inputs = (x.to(kind), F.softplus(dt), -torch.ones(2, device=device), b.to(kind), c.to(kind), state)
    try:
        ours, theirs = ssd_scan(*inputs), scan(*inputs)
    except Exception as error:  # whatever a kernel that was built for another device raises
        logger.warning("mamba_ssm: its scan does not run here (%s); the scan in torch is used", error)
        return False
    for one, other in zip(ours, theirs, strict=True):
        if not bool((one - other.float()).abs().max() <= _EQUAL * one.abs().max()):
            logger.warning("mamba_ssm: its scan gives other results here in %s; the scan in torch is used", kind)
            return False
    return True

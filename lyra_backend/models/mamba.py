"""The Mamba-2 block of the Gaussian decoder: two scans, one in each direction, between shared projections.

Names of parameters are those of the published checkpoints (Lyra, arXiv 2509.19296, after Long-LRM, arXiv 2410.12781).
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from .ssd import CHUNK, fused_scan, ssd_scan

__all__ = ["Mamba2Block"]

#: Tokens whose projections are in memory at once: those of a whole scene would take 3.5 GB.
SEGMENT = 64 * CHUNK


class Mamba2Block(nn.Module):
    """Residual block over tokens (B, L, D)."""

    def __init__(self, width: int, inner: int, heads: int, state_size: int, conv_size: int) -> None:
        super().__init__()
        self.norm = nn.RMSNorm(width, eps=1e-5)
        self.mamba = _Mixer(width, inner, heads, state_size, conv_size)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the tokens with what both directions find, (B, L, D).

        Projections are made segment by segment, once for each direction: twice the arithmetic of a small part, for a
        tenth of the memory. Of a single segment they are made once.
        """
        segments, total = x.split(SEGMENT, dim=1), list(x.split(SEGMENT, dim=1))
        shared = self._projected(x) if len(segments) == 1 else None
        for direction, scan in enumerate(self.mamba.mamba_scans):
            carried = None
            for i in range(len(segments))[:: -1 if direction else 1]:
                projected = self._projected(segments[i]) if shared is None else shared
                found, carried = self.mamba(projected, scan, carried, backwards=bool(direction))
                total[i] = total[i] + found
        return torch.cat(total, dim=1)

    def _projected(self, x: torch.Tensor) -> torch.Tensor:
        projected: torch.Tensor = self.mamba.in_proj(self.norm(x))
        return projected


class _Mixer(nn.Module):
    """Projections that both directions share."""

    def __init__(self, width: int, inner: int, heads: int, state_size: int, conv_size: int) -> None:
        super().__init__()
        self.in_proj = nn.Linear(width, 2 * inner + 2 * state_size + heads, bias=False)
        self.mamba_scans = nn.ModuleList(_Scan(inner, heads, state_size, conv_size) for _ in range(2))
        self.out_proj = nn.Linear(inner, width, bias=False)

    def forward(
        self, projected: torch.Tensor, scan: nn.Module, carried: _Carried | None, *, backwards: bool
    ) -> tuple[torch.Tensor, _Carried]:
        y, carried = scan(projected.flip(1) if backwards else projected, carried)
        return self.out_proj(y.flip(1) if backwards else y), carried


#: What one segment hands to the next: the last inputs of the convolution, and the state.
_Carried = tuple[torch.Tensor, torch.Tensor]


class _Scan(nn.Module):
    """One direction: short convolution, recurrence, gate and norm."""

    def __init__(self, inner: int, heads: int, state_size: int, conv_size: int) -> None:
        super().__init__()
        mixed = inner + 2 * state_size
        self.sizes = (inner, mixed, heads)
        self.state_size = state_size
        self.conv1d = nn.Conv1d(mixed, mixed, conv_size, groups=mixed)
        self.dt_bias = nn.Parameter(torch.zeros(heads))
        self.A_log = nn.Parameter(torch.zeros(heads))
        self.D = nn.Parameter(torch.ones(heads))
        self.norm = nn.RMSNorm(inner, eps=1e-5)

    def forward(self, projected: torch.Tensor, carried: _Carried | None) -> tuple[torch.Tensor, _Carried]:
        """Return outputs (B, L, inner) of projections (B, L, z | x, b, c | dt), and what the next segment needs."""
        inner, _, heads = self.sizes
        gate, mixed, dt = projected.split(list(self.sizes), dim=2)
        reach = self.conv1d.kernel_size[0] - 1
        before, state = carried or (mixed.new_zeros(len(mixed), reach, mixed.shape[2]), None)
        mixed = torch.cat([before, mixed], dim=1)
        x, b, c = F.silu(self._convolved(mixed)).split([inner, *[self.state_size] * 2], dim=2)
        x = x.unflatten(2, (heads, -1))
        steps = F.softplus(dt.float() + self.dt_bias.float())
        y, state = (fused_scan(x.device.type) or ssd_scan)(x, steps, -self.A_log.float().exp(), b, c, state)
        y = (y + self.D.float()[:, None] * x).flatten(2)
        gated = F.rms_norm(y * F.silu(gate.float()), (inner,), self.norm.weight.float(), self.norm.eps)
        return gated.to(projected.dtype), (mixed[:, mixed.shape[1] - reach :], state)

    def _convolved(self, mixed: torch.Tensor) -> torch.Tensor:
        """Return what the convolution makes of (B, reach + L, C), (B, L, C)."""
        if mixed.device.type != "cpu" or mixed.dtype != torch.float32 or torch.is_autocast_enabled("cpu"):
            return self.conv1d(mixed.transpose(1, 2)).transpose(1, 2)
        # tokens stay where they are in memory: half the time of the convolution with its two transpositions
        taps, bias = self.conv1d.weight[:, 0], self.conv1d.bias
        length = mixed.shape[1] - taps.shape[1] + 1
        found = torch.zeros_like(taps[:, 0]) if bias is None else bias
        for tap in range(taps.shape[1]):
            found = torch.addcmul(found, mixed[:, tap : tap + length], taps[:, tap])
        return found

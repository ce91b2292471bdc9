"""Optimisers: Muon for matrices, AdamW for what is none."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import nn

__all__ = ["Muon", "adamw", "muon_and_adamw"]

Named = Iterable[tuple[str, nn.Parameter]]


class Muon(torch.optim.Muon):
    """torch's Muon (Jordan et al. 2024), for convolutions as well, which count as matrices (outputs, all the rest).

    torch's takes matrices only. It is given views that share the parameters' memory, so that what it changes are the
    parameters themselves; gradients are handed over before each step.
    """

    def __init__(self, parameters: Sequence[nn.Parameter], lr: float, weight_decay: float = 0.0) -> None:
        """Take parameters of two axes or more; the rate is that of Jordan's own program, before its factor by shape."""
        self._given = list(parameters)
        self._axes = [_in_memory(parameter) for parameter in self._given]
        views = [nn.Parameter(self._matrix(k)) for k in range(len(self._given))]
        super().__init__(views, lr=lr, weight_decay=weight_decay, adjust_lr_fn="original")

    def step(self, closure: Callable[[], float] | None = None) -> Any:
        """Move all parameters that have gradients."""
        views = self.param_groups[0]["params"]
        for k, (view, parameter) in enumerate(zip(views, self._given, strict=True)):
            if view.data_ptr() != parameter.data_ptr():
                # it was moved to another device, or given other memory, since
                view.data = self._matrix(k)
            view.grad = None if parameter.grad is None else parameter.grad.permute(self._axes[k]).flatten(1)
        return super().step(closure)

    def _matrix(self, k: int) -> torch.Tensor:
        """Return a parameter as a matrix (outputs, all the rest) in the same memory."""
        data = self._given[k].data.permute(self._axes[k])
        return data.view(len(data), -1)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget gradients of the views and of the parameters."""
        super().zero_grad(set_to_none)
        for parameter in self._given:
            parameter.grad = None


def _in_memory(parameter: nn.Parameter) -> list[int]:
    """Return the axes in the order in which they lie in memory, outputs first: columns may come in any order."""
    strides = list(parameter.stride())
    return [0, *sorted(range(1, parameter.ndim), key=lambda axis: -strides[axis])]


def muon_and_adamw(
    named: Named,
    muon_lr: float,
    adamw_lr: float,
    weight_decay: float = 0.0,
    by_adamw: Sequence[str] = (),
    betas: tuple[float, float] = (0.9, 0.999),
) -> list[torch.optim.Optimizer]:
    """Return Muon for tensors of two axes or more and AdamW for the others.

    Args:
        named: parameters by name; those that need no gradient are left out.
        muon_lr, adamw_lr: rates of learning.
        weight_decay: of both.
        by_adamw: parts of names whose tensors AdamW has whatever their axes, such as embeddings.
        betas: of AdamW.
    """
    moved = [(name, parameter) for name, parameter in named if parameter.requires_grad]
    apart = {name for name, p in moved if p.ndim < 2 or any(part in name for part in by_adamw)}
    matrices = [parameter for name, parameter in moved if name not in apart]
    others = [parameter for name, parameter in moved if name in apart]
    found: list[torch.optim.Optimizer] = [Muon(matrices, muon_lr, weight_decay)] if matrices else []
    return found + ([torch.optim.AdamW(others, adamw_lr, betas, weight_decay=weight_decay)] if others else [])


def adamw(named: Named, lr: float, weight_decay: float, betas: tuple[float, float]) -> list[torch.optim.Optimizer]:
    """Return AdamW for all parameters that need gradients."""
    moved = [parameter for _, parameter in named if parameter.requires_grad]
    return [torch.optim.AdamW(moved, lr, betas=betas, weight_decay=weight_decay)]

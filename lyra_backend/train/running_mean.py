"""The running mean of a network's weights (Karras et al. 2022, arXiv 2206.00364)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

__all__ = ["RunningMean"]


class RunningMean(nn.Module):
    """The mean of a network's weights over its last steps, which is better than the last ones."""

    def __init__(self, network: nn.Module, stays: float) -> None:
        """Begin with the weights as they are; `stays` is the share that is left of the mean after a step."""
        super().__init__()
        self._stays = stays
        for k, parameter in enumerate(network.parameters()):
            self.register_buffer(f"mean_{k}", parameter.detach().clone())

    @torch.no_grad()
    def follow(self, network: nn.Module, step: int) -> None:
        """Take a step's weights in; the first ones count more than their share."""
        share = 1 - min(self._stays, (1 + step) / (10 + step))
        for mean, parameter in zip(self.buffers(), network.parameters(), strict=True):
            mean.lerp_(parameter, share)

    @torch.no_grad()
    def put(self, network: nn.Module) -> None:
        """Give the network the mean."""
        for mean, parameter in zip(self.buffers(), network.parameters(), strict=True):
            parameter.copy_(mean)

    @contextmanager
    def lent(self, network: nn.Module) -> Iterator[None]:
        """Let the network hold the mean while the block runs."""
        now = {name: tensor.clone() for name, tensor in network.state_dict().items()}
        self.put(network)
        try:
            yield
        finally:
            network.load_state_dict(now)

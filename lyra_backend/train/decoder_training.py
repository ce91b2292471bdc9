"""How a recipe trains a Gaussian decoder: what moves its weights, how long and how fast."""

from __future__ import annotations

import torch

from ..models.gaussian_decoder import GaussianDecoder
from .loop import Schedule
from .optimisers import adamw, muon_and_adamw
from .recipe import Recipe

__all__ = ["decoder_optimisers", "decoder_schedule"]


def decoder_optimisers(decoder: GaussianDecoder, recipe: Recipe) -> list[torch.optim.Optimizer]:
    """Return the optimisers of a recipe; maps into and out of the blocks are no matrices to Muon."""
    rates = recipe.optimiser
    if not rates.muon_lr:
        return adamw(decoder.named_parameters(), rates.lr, rates.weight_decay, rates.betas)
    outer = ("patch_", "deconv", "conv1d")
    return muon_and_adamw(decoder.named_parameters(), rates.muon_lr, rates.lr, rates.weight_decay, outer, rates.betas)


def decoder_schedule(recipe: Recipe) -> Schedule:
    """Return how long and how fast a recipe trains."""
    rates = recipe.optimiser
    return Schedule(recipe.steps, rates.warmup, rates.decay, rates.clip, rates.ema, rates.precision)

"""Muon for all that can be seen as a matrix."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from lyra_backend.train.optimisers import Muon, adamw, muon_and_adamw


def stepped(weight: torch.Tensor, grad: torch.Tensor, steps: int = 3) -> torch.Tensor:
    """What torch's own Muon makes of a matrix."""
    parameter = nn.Parameter(weight.clone())
    optimiser = torch.optim.Muon([parameter], lr=0.02, weight_decay=0.0, adjust_lr_fn="original")
    for _ in range(steps):
        parameter.grad = grad.clone()
        optimiser.step()
    return parameter.detach()


@pytest.mark.parametrize("shape", [(6, 10), (4, 3, 3, 3), (5, 2, 3, 1, 1)])
def test_tensors_are_moved_as_matrices(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    parameter, grad = nn.Parameter(torch.randn(shape)), torch.randn(shape)
    wanted = stepped(parameter.detach().flatten(1), grad.flatten(1)).view(shape)
    optimiser = Muon([parameter], 0.02)
    for _ in range(3):
        parameter.grad = grad.clone()
        optimiser.step()
        optimiser.zero_grad()
        assert parameter.grad is None
    torch.testing.assert_close(parameter.detach(), wanted)


def test_convolutions_with_channels_last_are_moved_in_place() -> None:
    """Their columns come in another order, which changes nothing but rounding to bfloat16."""
    torch.manual_seed(0)
    weight, grad = torch.randn(4, 3, 3, 3), torch.randn(4, 3, 3, 3)
    parameter = nn.Parameter(weight.contiguous(memory_format=torch.channels_last))
    optimiser, where = Muon([parameter], 0.02), parameter.data_ptr()
    for _ in range(3):
        parameter.grad = grad.clone()
        optimiser.step()
    assert parameter.data_ptr() == where
    wanted = stepped(weight.flatten(1), grad.flatten(1)).view(4, 3, 3, 3)
    torch.testing.assert_close(parameter.detach(), wanted, atol=2e-3, rtol=0)


def test_matrices_go_to_muon_and_the_rest_to_adamw() -> None:
    network = nn.Sequential(nn.Conv2d(2, 3, 3), nn.LayerNorm(5), nn.Linear(5, 4), nn.Linear(4, 4))
    network[3].weight.requires_grad_(False)
    muon, other = muon_and_adamw(network.named_parameters(), 0.02, 1e-3, by_adamw=("2.",))
    assert [p.shape for p in muon.param_groups[0]["params"]] == [(3, 18)]
    names = ("0.bias", "1.weight", "1.bias", "2.weight", "2.bias", "3.bias")
    wanted = {dict(network.named_parameters())[name].data_ptr() for name in names}
    assert {p.data_ptr() for p in other.param_groups[0]["params"]} == wanted


def test_state_goes_on() -> None:
    torch.manual_seed(0)
    grad = torch.randn(4, 6)
    one, two = (nn.Parameter(torch.ones(4, 6)) for _ in range(2))
    first, second = Muon([one], 0.02), Muon([two], 0.02)
    for _ in range(2):
        one.grad = grad.clone()
        first.step()
    with torch.no_grad():
        two.copy_(one)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    for parameter, optimiser in ((one, first), (two, second)):
        parameter.grad = grad.flip(0).clone()
        optimiser.step()
    assert torch.equal(one, two)


def test_adamw_has_all_that_learns() -> None:
    network = nn.Linear(3, 2)
    network.bias.requires_grad_(False)
    (optimiser,) = adamw(network.named_parameters(), 1e-4, 1e-2, (0.9, 0.999))
    assert optimiser.param_groups[0]["params"] == [network.weight]
    assert optimiser.param_groups[0]["weight_decay"] == 1e-2

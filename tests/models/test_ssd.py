"""The chunked recurrence against one step after the other."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest
import torch

from lyra_backend.models import ssd
from lyra_backend.models.ssd import fused_scan, ssd_scan


def step_by_step(x, dt, a, b, c, state=None):
    """The recurrence as it is written down, in float64."""
    x, dt, a, b, c = (t.double() for t in (x, dt, a, b, c))
    state = x.new_zeros(*x.shape[::2], x.shape[3], b.shape[2]) if state is None else state.double()
    outputs = []
    for t in range(x.shape[1]):
        kept = torch.exp(dt[:, t] * a)[..., None, None] * state
        state = kept + torch.einsum("bh,bhp,bn->bhpn", dt[:, t], x[:, t], b[:, t])
        outputs.append(torch.einsum("bhpn,bn->bhp", state, c[:, t]))
    return torch.stack(outputs, dim=1), state


def inputs(length: int, seed: int = 0, heads: int = 3, width: int = 4, size: int = 5):
    random = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(shape, generator=random)

    steps = torch.nn.functional.softplus(normal(2, length, heads))
    rates = -torch.exp(normal(heads))
    return normal(2, length, heads, width), steps, rates, normal(2, length, size), normal(2, length, size)


# lengths within a chunk, at its end, across chunks, and across groups of chunks
@pytest.mark.parametrize(
    ("length", "chunk"),
    [(1, 8), (7, 8), (8, 8), (9, 8), (100, 16), (300, 8), (70, 128), (1, None), (72, None), (73, None), (500, None)],
)
def test_chunks_change_nothing(length: int, chunk: int | None) -> None:
    given = inputs(length)
    y, state = ssd_scan(*given, chunk=chunk)
    wanted, wanted_state = step_by_step(*given)
    torch.testing.assert_close(y.double(), wanted, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(state.double(), wanted_state, rtol=1e-5, atol=1e-5)


def test_a_sequence_may_be_cut_anywhere() -> None:
    x, dt, a, b, c = inputs(50, seed=1)
    whole, last = ssd_scan(x, dt, a, b, c, chunk=8)
    first, state = ssd_scan(x[:, :13], dt[:, :13], a, b[:, :13], c[:, :13], chunk=8)
    second, end = ssd_scan(x[:, 13:], dt[:, 13:], a, b[:, 13:], c[:, 13:], state, chunk=8)
    torch.testing.assert_close(torch.cat([first, second], dim=1), whole, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(end, last, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("length", [0, 5, 20])
def test_what_was_before_counts_in_the_first_chunk_too(length: int) -> None:
    given, state = inputs(length, seed=5), torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(6))
    y, last = ssd_scan(*given, state)
    wanted, wanted_last = step_by_step(*given, state) if length else (given[0].double(), state.double())
    torch.testing.assert_close(y.double(), wanted, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(last.double(), wanted_last, rtol=1e-5, atol=1e-5)


def test_fast_decay_neither_overflows_nor_vanishes() -> None:
    x, dt, a, b, c = inputs(600, seed=2)
    y, state = ssd_scan(x, 40.0 * dt, a, b, c)
    torch.testing.assert_close(y.double(), step_by_step(x, 40.0 * dt, a, b, c)[0], rtol=1e-5, atol=1e-4)
    assert torch.isfinite(state).all()


def test_half_precision_inputs_are_computed_in_float32() -> None:
    x, dt, a, b, c = inputs(200, seed=3)
    rough = [t.bfloat16() for t in (x, dt, a, b, c)]
    y, _ = ssd_scan(*rough, chunk=16)
    assert y.dtype == torch.float32
    torch.testing.assert_close(y.double(), step_by_step(*rough)[0], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("chunk", [8, None])
def test_gradients_are_those_of_the_steps(chunk: int | None) -> None:
    given = [t.requires_grad_() for t in inputs(20, seed=4)]
    ssd_scan(*given, chunk=chunk)[0].square().sum().backward()
    ours = [t.grad.clone() for t in given]
    for tensor in given:
        tensor.grad = None
    step_by_step(*given)[0].square().sum().backward()
    for one, tensor in zip(ours, given, strict=True):
        torch.testing.assert_close(one, tensor.grad, rtol=1e-4, atol=1e-4)


def test_shapes_that_do_not_fit_are_refused() -> None:
    x, dt, a, b, c = inputs(5)
    with pytest.raises(ValueError, match="ssd_scan"):
        ssd_scan(x, dt, a, b, c[:, :-1])


def stand_in(monkeypatch, factor: float, kind: torch.dtype | None = None) -> None:
    """Put a package mamba_ssm in place whose kernel is the scan itself, times a factor for inputs of a kind."""

    def kernel(x, dt, a, b, c, chunk_size, initial_states=None, return_final_states=False):
        y, state = ssd_scan(x, dt, a, b[:, :, 0], c[:, :, 0], initial_states, chunk_size)
        return (factor * y if kind in (None, x.dtype) else y), state

    for name in ("mamba_ssm", "mamba_ssm.ops", "mamba_ssm.ops.triton", "mamba_ssm.ops.triton.ssd_combined"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    sys.modules["mamba_ssm.ops.triton.ssd_combined"].mamba_chunk_scan_combined = kernel
    real = torch.Tensor.to
    monkeypatch.setattr(torch.Tensor, "to", lambda self, *a, **k: self if a == ("cuda",) else real(self, *a, **k))
    ones = torch.ones
    monkeypatch.setattr(ssd.torch, "ones", lambda *a, **k: ones(*a, **{n: v for n, v in k.items() if v != "cuda"}))
    fused_scan.cache_clear()


@pytest.mark.parametrize(("factor", "used"), [(1.0, True), (1.1, False), (float("nan"), False)])
@pytest.mark.parametrize("kind", [None, torch.float32, torch.bfloat16])
def test_a_fused_kernel_is_used_if_it_gives_the_same(monkeypatch, factor: float, used: bool, kind) -> None:
    """In all precisions: what networks on GPUs give it has 16 bits."""
    stand_in(monkeypatch, factor, kind)
    try:
        assert (fused_scan("cuda") is not None) == used
        assert fused_scan("cpu") is None
    finally:
        fused_scan.cache_clear()


def test_decays_stay_in_full_precision_where_training_lets_torch_choose() -> None:
    torch.manual_seed(0)
    x, dt, b, c = torch.randn(1, 40, 2, 8), torch.rand(1, 40, 2), torch.randn(1, 40, 4), torch.randn(1, 40, 4)
    inputs = x, dt, -torch.ones(2), b, c
    with torch.autocast("cpu", torch.bfloat16):
        inside = ssd_scan(*inputs)
    for one, other in zip(inside, ssd_scan(*inputs), strict=True):
        assert torch.equal(one, other)

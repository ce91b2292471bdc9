"""Views for learning on CUDA: our kernels against the CPU's, gsplat against our kernels. Never run yet."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
import torch

from lyra_backend.train.rendering import Backend, RenderedViews, render_views

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")

LENS, SIZE = (77.0, 77.0, 48.0, 32.0), (96, 64)


def gaussians(count: int = 9_792) -> tuple[torch.Tensor, ...]:
    rng = np.random.default_rng(0)
    arrays = (
        rng.normal((0.0, 0.0, 2.6), (1.0, 0.7, 0.5), (count, 3)),
        rng.lognormal(-2.5, 0.6, (count, 3)),
        rng.normal(size=(count, 4)),
        rng.uniform(0.02, 0.98, count),
        rng.random((count, 3)),
    )
    return tuple(torch.from_numpy(array.astype(np.float32)) for array in arrays)


def drawn(device: str, backend: Backend, deferred: bool = False) -> tuple[RenderedViews, tuple[torch.Tensor, ...]]:
    """Pictures of three views, and the gradients of a scalar of theirs, on the CPU."""
    fields = tuple(field.to(device).requires_grad_(True) for field in gaussians())
    poses = torch.eye(4).repeat(3, 1, 1)
    poses[1, 0, 3], poses[2, 1, 3] = 0.2, -0.1
    views = render_views(*fields, poses.to(device), LENS, SIZE, deferred=deferred, backend=backend)
    weights = [torch.from_numpy(np.random.default_rng(1).normal(size=image.shape)).to(image) for image in views]
    scalar = torch.stack([(image * weight).sum() for image, weight in zip(views, weights, strict=True)]).sum()
    found = torch.autograd.grad(scalar, fields)
    return RenderedViews(*(image.detach().cpu() for image in views)), tuple(grad.cpu() for grad in found)


def same(one: tuple[torch.Tensor, ...], other: tuple[torch.Tensor, ...], share: float) -> None:
    """Differ by no more than a share of the largest value, but where a pixel is at an ellipse's edge."""
    for ours, theirs in zip(one, other, strict=True):
        off = (ours - theirs).abs() > share * theirs.abs().max()
        assert float(off.float().mean()) < 1e-3


@pytest.mark.parametrize("deferred", [False, True])
def test_kernels_are_those_of_the_cpu(deferred: bool) -> None:
    (views, grads), (wanted, wanted_grads) = drawn("cuda", "kernels", deferred), drawn("cpu", "kernels")
    same(views, wanted, 1e-4)
    same(grads, wanted_grads, 1e-3)


@pytest.mark.skipif(importlib.util.find_spec("gsplat") is None, reason="gsplat is not installed")
@pytest.mark.parametrize("deferred", [False, True])
def test_gsplat_is_the_kernels(deferred: bool) -> None:
    """But for its greatest opacity, which versions set at 0.99 or 0.999."""
    (views, grads), (wanted, wanted_grads) = drawn("cuda", "gsplat", deferred), drawn("cuda", "kernels")
    same(views, wanted, 1e-2)
    same(grads, wanted_grads, 2e-2)

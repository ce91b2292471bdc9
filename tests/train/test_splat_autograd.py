"""The renderer inside torch: its gradients arrive, and following them brings a picture back."""

from __future__ import annotations

import numpy as np
import torch

from lyra_backend.render import render
from lyra_backend.train.splat_autograd import render_color
from lyra_backend.types import Camera, Frame, GaussianCloud, Intrinsics, look_at
from lyra_backend.types.rotations import wxyz_to_xyzw

CAMERA = Camera(Intrinsics.from_fov(48, 32, 60.0), look_at((0.0, -3.0, 0.5), (0.0, 0.0, 0.5)))


def cloud(seed: int, count: int = 60) -> GaussianCloud:
    rng = np.random.default_rng(seed)
    quats = rng.normal(size=(count, 4))
    return GaussianCloud(
        rng.normal((0.0, 0.0, 0.5), 0.5, (count, 3)).astype(np.float32),
        rng.lognormal(-2.0, 0.4, (count, 3)).astype(np.float32),
        (quats / np.linalg.norm(quats, axis=1, keepdims=True)).astype(np.float32),
        rng.uniform(0.3, 0.9, count).astype(np.float32),
        rng.normal(0.0, 0.5, (count, 4, 3)).astype(np.float32),
        Frame.WORLD,
    )


def tensors(some: GaussianCloud) -> list[torch.Tensor]:
    arrays = (some.positions, some.scales, wxyz_to_xyzw(some.quats_wxyz), some.opacities, some.sh)
    return [torch.from_numpy(np.array(array, np.float32)) for array in arrays]


def test_draws_what_render_draws() -> None:
    ours = render_color(*tensors(cloud(0)), CAMERA, background=(0.1, 0.2, 0.3)).numpy()
    theirs = render(cloud(0), CAMERA, background=(0.1, 0.2, 0.3)).rgb
    assert np.array_equal((ours.clip(0.0, 1.0) * 255.0 + 0.5).astype(np.uint8), theirs)


def test_every_field_and_the_centres_get_gradients() -> None:
    values = [value.requires_grad_(True) for value in tensors(cloud(1))]
    centres = torch.zeros(60, 2, requires_grad=True)
    render_color(*values, CAMERA, centres_px=centres).square().sum().backward()
    for value in (*values, centres):
        assert value.grad is not None
        assert value.grad.shape == value.shape
        assert torch.isfinite(value.grad).all()
        assert (value.grad != 0).any()


def test_following_them_brings_a_picture_back() -> None:
    truth = render_color(*tensors(cloud(2)), CAMERA)
    values = tensors(cloud(2))
    values[0] = values[0] + 0.05 * torch.randn(values[0].shape, generator=torch.Generator().manual_seed(0))
    moved = values[0].clone().requires_grad_(True)
    adam = torch.optim.Adam([moved], 3e-3)
    errors = []
    for _ in range(60):
        error = (render_color(moved, *values[1:], CAMERA) - truth).square().mean()
        adam.zero_grad()
        error.backward()
        adam.step()
        errors.append(float(error.detach()))
    assert errors[-1] < 0.15 * errors[0]

"""The depth loss against the published one, and what it does not mind."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file

from lyra_backend.train.depth_loss import depth_loss, normalised_depth

FIXTURES = load_file(Path(__file__).parents[1] / "data" / "lyra1" / "camera_fixtures.safetensors")
FOUND, WANTED = (FIXTURES[f"depthloss.{name}"][:, :, 0] for name in ("pred", "gt"))


def test_is_the_published_loss() -> None:
    known = torch.isfinite(WANTED) & (WANTED > 0)
    assert not known.all()
    for depth, name in ((FOUND, "pred_norm"), (WANTED, "gt_norm")):
        torch.testing.assert_close(normalised_depth(depth, known), FIXTURES[f"depthloss.{name}"], rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(depth_loss(FOUND, WANTED), FIXTURES["depthloss.value"][0], rtol=1e-6, atol=1e-6)


def test_does_not_mind_scale_and_zero() -> None:
    depth = torch.rand(2, 9, 9, generator=torch.Generator().manual_seed(0)) + 1
    assert depth_loss(3 * depth + 2, depth) < 1e-6
    assert depth_loss(depth.flip(-1), depth) > 0.1


def test_unknown_pixels_teach_nothing() -> None:
    found = torch.rand(1, 5, 7, generator=torch.Generator().manual_seed(1), requires_grad=True)
    wanted = torch.rand(1, 5, 7, generator=torch.Generator().manual_seed(2)) + 1
    wanted[0, 0, 0], wanted[0, 1, 1], wanted[0, 2, 2] = float("nan"), 0.0, float("inf")
    depth_loss(found, wanted).backward()
    assert found.grad is not None
    assert torch.isfinite(found.grad).all()
    assert not any(found.grad[0, i, i] for i in range(3))
    assert found.grad.any()

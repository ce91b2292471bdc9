"""The splat renderer as a function that torch can differentiate, on the kernels that make every other picture."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import warp as wp

from ..kernels.splat_gradients import Blended, blend_splats, blended_gradients
from ..kernels.splat_render import view_of
from ..types import Camera

__all__ = ["render_color"]

_KINDS = (wp.vec3, wp.vec3, wp.quat, wp.float32, wp.vec3)


def render_color(
    positions: torch.Tensor,
    scales: torch.Tensor,
    quats_xyzw: torch.Tensor,
    opacities: torch.Tensor,
    sh: torch.Tensor,
    camera: Camera,
    background: tuple[float, float, float] = (0.0, 0.0, 0.0),
    centres_px: torch.Tensor | None = None,
) -> torch.Tensor:
    """Return what `camera` sees of N Gaussians, (H, W, 3), not clipped; differentiable in them, not in the camera.

    Args:
        positions, scales: centres and standard deviations [m], float32 (N, 3), in the camera's frame of reference.
        quats_xyzw: unit quaternions, local axes to world, (N, 4).
        opacities: in [0, 1], (N,).
        sh: colour coefficients, (N, K, 3), K = 1, 4, 9 or 16.
        camera: the view.
        background: colour behind everything.
        centres_px: any tensor (N, 2) that needs gradients; it is given those of the centres in the picture [1/px], by
            which densification chooses (Kerbl et al. 2023, section 5.2).
    """
    probe = positions.new_zeros(len(positions), 2) if centres_px is None else centres_px
    image: torch.Tensor = _Render.apply(positions, scales, quats_xyzw, opacities, sh, probe, camera, background)
    return image


class _Render(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *arguments: Any) -> torch.Tensor:
        tensors, (camera, background) = arguments[:5], arguments[6:]
        lens = camera.intrinsics
        pose = np.linalg.inv(camera.cam_to_world.astype(np.float64))
        ctx.view = view_of(pose, (lens.fx, lens.fy, lens.cx, lens.cy), (lens.width, lens.height), 0.05)
        ctx.background, ctx.wants_centres = background, arguments[5].requires_grad
        ctx.save_for_backward(*tensors)
        ctx.blended = blend_splats(ctx.view, _arrays(tensors), background)
        return wp.to_torch(ctx.blended.rgb)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        blended: Blended = ctx.blended
        grad = wp.from_torch(grad_outputs[0].contiguous(), dtype=wp.vec3)
        found = blended_gradients(ctx.view, _arrays(ctx.saved_tensors), ctx.background, blended, grad)
        *grads, centres = (wp.to_torch(array) for array in found)
        return *grads, centres if ctx.wants_centres else None, None, None


def _arrays(tensors: tuple[torch.Tensor, ...]) -> tuple[wp.array, ...]:
    return tuple(
        wp.from_torch(tensor.detach().contiguous(), dtype=kind) for tensor, kind in zip(tensors, _KINDS, strict=True)
    )

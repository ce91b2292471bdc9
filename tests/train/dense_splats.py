"""The renderer once more, dense and in torch alone: every Gaussian at every pixel, derivatives by autograd."""

from __future__ import annotations

import torch


def turns(quats_wxyz: torch.Tensor) -> torch.Tensor:
    """Rotation matrices (N, 3, 3) of quaternions of any length."""
    w, x, y, z = torch.nn.functional.normalize(quats_wxyz, dim=1).T
    rows = (
        (1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)),
        (2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)),
        (2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)),
    )
    return torch.stack([torch.stack(row, dim=1) for row in rows], dim=1)


def dense_view(
    fields: tuple[torch.Tensor, ...],
    cam_to_world: torch.Tensor,
    lens: tuple[float, float, float, float],
    size: tuple[int, int],
    background: tuple[float, float, float],
    near_m: float,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return rgb (H, W, 3), depth and alpha (H, W) of positions, scales, quats_wxyz, opacities and rgb of Gaussians."""
    positions, scales, quats, opacities, colors = fields
    pose, (fx, fy, cx, cy), (width, height) = torch.linalg.inv(cam_to_world), lens, size
    points = positions @ pose[:3, :3].T + pose[:3, 3]
    kept = (points[:, 2] > near_m) & (opacities > 1 / 255)
    kept = torch.where(kept)[0]
    kept = kept[torch.argsort(points[kept, 2], stable=True)]
    x, y, z = points[kept].T
    axes = pose[:3, :3] @ turns(quats[kept]) * scales[kept][:, None]
    tx = (x / z).clamp(-(cx + 0.15 * width) / fx, (1.15 * width - cx) / fx)
    ty = (y / z).clamp(-(cy + 0.15 * height) / fy, (1.15 * height - cy) / fy)
    zero = torch.zeros_like(z)
    jacobian = torch.stack(
        [torch.stack([fx / z, zero, -fx * tx / z], 1), torch.stack([zero, fy / z, -fy * ty / z], 1)], dim=1
    )
    spread = jacobian @ axes
    inverse = torch.linalg.inv(spread @ spread.transpose(1, 2) + 0.3 * torch.eye(2, dtype=z.dtype))
    u, v = fx * x / z + cx, fy * y / z + cy
    rows, columns = torch.meshgrid(
        torch.arange(height, dtype=z.dtype) + 0.5, torch.arange(width, dtype=z.dtype) + 0.5, indexing="ij"
    )
    off = torch.stack([columns[..., None] - u, rows[..., None] - v], dim=-1)
    full = opacities[kept] * torch.exp(-0.5 * torch.einsum("hwni,nij,hwnj->hwn", off, inverse, off))
    alpha = torch.where(full > 1 / 255, full.clamp(max=0.99), 0.0)
    before = torch.cumprod(torch.cat([torch.ones_like(alpha[..., :1]), 1 - alpha[..., :-1]], dim=-1), dim=-1)
    weights = torch.where(before > 1e-4, before * alpha, 0.0)
    total = weights.sum(dim=-1)
    image = weights @ colors[kept] + (1 - total)[..., None] * torch.tensor(background, dtype=z.dtype)
    return image, (weights @ z) / total.clamp(min=1e-10), total

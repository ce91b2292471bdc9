"""Gaussians fitted to pictures as the first splatting papers do it, with nothing that constrains geometry.

Adam on L1 + D-SSIM, with Gaussians cloned, split and pruned as they go (Kerbl et al. 2023, "3D Gaussian Splatting for
Real-Time Radiance Field Rendering", sections 5 and 7). What comes out has fuzzy walls, Gaussians behind surfaces and
floaters before them: what colliders must live with.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch

from lyra_backend.train.splat_autograd import render_color

from .photographs import Photograph
from .solids import Floats
from .splats import Splats

__all__ = ["optimised"]

_RATES = {"positions": 1.6e-4, "scales": 5e-3, "quats": 1e-3, "opacities": 2.5e-2, "base": 2.5e-3, "bands": 1.25e-4}
_LAST_POSITION_RATE = 0.01  # of the first
_SIMILAR = 0.2  # weight of D-SSIM
_EVERY, _FIRST_SHARE, _LAST_SHARE = 100, 0.1, 0.6  # steps between densifications, and when these begin and end
_GRADIENT = 2e-4  # of a centre in units of half a picture, above which there are too few Gaussians
_LARGE, _FAINT = 0.01, 0.005  # a Gaussian larger than this share of the scene is split; one that is fainter is pruned
_MOST = 32_000
_SH_C0 = 0.28209479177387814

Named = dict[str, torch.Tensor]


def optimised(
    photographs: Sequence[Photograph],
    points: Floats,
    steps: int,
    seed: int,
    report: Callable[[int, float, int], None] | None = None,
) -> tuple[Splats, Floats]:
    """Return Gaussians fitted to pictures, and their colours as SH of degree 0 (N, 3).

    Args:
        photographs: pictures with cameras.
        points: where Gaussians start [m], (N, 3).
        steps: how many; one picture each.
        report: is told step, loss and number of Gaussians now and then.
    """
    torch.manual_seed(seed)
    order = np.random.default_rng(seed)
    extent = 1.1 * float(np.linalg.norm(np.ptp([p.camera.position for p in photographs], axis=0)) / 2.0)
    values = _start(points)
    adam = _Adam(extent)
    pictures = [torch.from_numpy(p.rgb.astype(np.float32)) for p in photographs]
    strain, seen = torch.zeros(len(points)), torch.zeros(len(points))
    for step in range(steps):
        which = int(order.integers(len(photographs)))
        for value in values.values():
            value.requires_grad_(True)
        centres = torch.zeros(len(values["positions"]), 2, requires_grad=True)
        image = _picture(values, photographs[which], centres)
        loss = _loss(image, pictures[which])
        grads = torch.autograd.grad(loss, [*values.values(), centres])
        with torch.no_grad():
            in_units = grads[-1] * torch.tensor([image.shape[1] / 2.0, image.shape[0] / 2.0])
            strain += in_units.norm(dim=1)
            seen += (grads[-1] != 0).any(dim=1)
            values = adam.stepped(values, dict(zip(values, grads[:-1], strict=True)), step / steps)
            if step % _EVERY == _EVERY - 1 and _FIRST_SHARE * steps < step < _LAST_SHARE * steps:
                values = _densified(values, adam, strain / seen.clamp(min=1.0), extent)
                strain, seen = torch.zeros(len(values["positions"])), torch.zeros(len(values["positions"]))
        if report is not None and (step % 200 == 0 or step == steps - 1):
            report(step, float(loss.detach()), len(values["positions"]))
    return _splats(values)


def _start(points: Floats) -> Named:
    from scipy.spatial import cKDTree

    count = len(points)
    apart = cKDTree(points).query(points, k=4)[0][:, 1:].mean(axis=1).clip(1e-3)
    quats = torch.zeros(count, 4)
    quats[:, 3] = 1.0
    return {
        "positions": torch.from_numpy(points.astype(np.float32)),
        "scales": torch.from_numpy(np.log(apart).astype(np.float32))[:, None].repeat(1, 3),
        "quats": quats,
        "opacities": torch.full((count,), float(np.log(0.1 / 0.9))),
        "base": torch.zeros(count, 1, 3),
        "bands": torch.zeros(count, 3, 3),
    }


def _picture(values: Named, photograph: Photograph, centres: torch.Tensor) -> torch.Tensor:
    return render_color(
        values["positions"],
        values["scales"].exp(),
        torch.nn.functional.normalize(values["quats"], dim=1),
        values["opacities"].sigmoid(),
        torch.cat([values["base"], values["bands"]], dim=1),
        photograph.camera,
        centres_px=centres,
    )


def _loss(image: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    return (1.0 - _SIMILAR) * (image - truth).abs().mean() + _SIMILAR * (1.0 - _ssim(image, truth))


def _ssim(image: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Structural similarity (Wang et al. 2004) with a Gaussian window of 11 pixels."""
    axis = torch.arange(11) - 5.0
    window = torch.exp(-(axis**2) / (2 * 1.5**2))
    window = (window / window.sum()).expand(15, 1, 11)
    a, b = (picture.permute(2, 0, 1) for picture in (image, truth))
    planes = torch.cat([a, b, a * a, b * b, a * b])[None]
    planes = torch.nn.functional.conv2d(planes, window[:, :, :, None], padding=(5, 0), groups=15)
    planes = torch.nn.functional.conv2d(planes, window[:, :, None, :], padding=(0, 5), groups=15)
    mean_a, mean_b, square_a, square_b, product = planes[0].split(3)
    both = mean_a * mean_b
    above = (2 * both + 1e-4) * (2 * (product - both) + 9e-4)
    below = (mean_a**2 + mean_b**2 + 1e-4) * (square_a - mean_a**2 + square_b - mean_b**2 + 9e-4)
    return (above / below).mean()


class _Adam:
    """Adam (Kingma and Ba 2015) whose moments can follow Gaussians that are cloned and pruned."""

    def __init__(self, extent: float) -> None:
        self.extent, self.count = extent, 0
        self.moments: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}

    def stepped(self, values: Named, grads: Named, done: float) -> Named:
        self.count += 1
        moved = {}
        for name, value in values.items():
            grad = grads[name]
            first, second = self.moments.get(name, (torch.zeros_like(grad), torch.zeros_like(grad)))
            first, second = 0.9 * first + 0.1 * grad, 0.999 * second + 0.001 * grad * grad
            self.moments[name] = first, second
            rate = _RATES[name]
            if name == "positions":
                rate *= self.extent * _LAST_POSITION_RATE**done
            step = first / (1.0 - 0.9**self.count) / ((second / (1.0 - 0.999**self.count)).sqrt() + 1e-15)
            moved[name] = value.detach() - rate * step
        return moved

    def follow(self, source: torch.Tensor, fresh: torch.Tensor) -> None:
        """Gaussian k now is what `source[k]` was; those that are `fresh` have no past."""
        for name, pair in self.moments.items():
            kept = tuple(moment[source] for moment in pair)
            for moment in kept:
                moment[fresh] = 0.0
            self.moments[name] = kept  # type: ignore[assignment]


def _densified(values: Named, adam: _Adam, strain: torch.Tensor, extent: float) -> Named:
    """Clone small Gaussians that pictures pull at, split large ones, prune faint ones."""
    scales = values["scales"].exp()
    pulled = strain > _GRADIENT
    if int(pulled.sum()) + len(strain) > _MOST:
        pulled &= False
    large = scales.max(dim=1).values > _LARGE * extent
    faint = values["opacities"].sigmoid() < _FAINT
    stay = ~faint & ~(pulled & large)
    clones, splits = pulled & ~large & ~faint, pulled & large & ~faint
    parts = [torch.where(mask)[0] for mask in (stay, clones, splits, splits)]
    source = torch.cat(parts)
    kept = {name: value.detach()[source].clone() for name, value in values.items()}
    first_split = len(parts[0]) + len(parts[1])
    halves = source[first_split:]
    offset = torch.randn(len(halves), 3) * scales[halves]
    quats = torch.nn.functional.normalize(values["quats"].detach()[halves], dim=1)
    kept["positions"][first_split:] += _turned(quats, offset)
    kept["scales"][first_split:] -= float(np.log(1.6))
    fresh = torch.arange(len(source)) >= len(parts[0])
    adam.follow(source, fresh)
    return kept


def _turned(quats_xyzw: torch.Tensor, vectors: torch.Tensor) -> torch.Tensor:
    axis, w = quats_xyzw[:, :3], quats_xyzw[:, 3:]
    across = torch.linalg.cross(axis, vectors)
    return vectors + 2.0 * (w * across + torch.linalg.cross(axis, across))


def _splats(values: Named) -> tuple[Splats, Floats]:
    from lyra_backend.types.rotations import xyzw_to_wxyz

    plain = {name: value.detach().numpy().astype(np.float64) for name, value in values.items()}
    quats = plain["quats"] / np.linalg.norm(plain["quats"], axis=1, keepdims=True)
    opacities = (1.0 / (1.0 + np.exp(-plain["opacities"]))).clip(1e-4, 1.0 - 1e-4)
    floating = np.zeros(len(quats), bool)
    splats = Splats(
        plain["positions"], np.exp(plain["scales"]), np.asarray(xyzw_to_wxyz(quats), np.float64), opacities, floating
    )
    return splats, plain["base"][:, 0]

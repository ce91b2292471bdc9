"""Pictures and depth that several cameras take of the same Gaussians, as torch can differentiate them.

On CUDA gsplat draws where it is installed, with the same rules; everywhere else the kernels of this package do, several
views at a time on the CPU. What gsplat draws here has not been run by us yet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any, Literal, NamedTuple, TypeVar

import numpy as np
import torch
import warp as wp
from torch.autograd.function import once_differentiable

from ..errors import InvalidRequest, MissingDependency
from ..kernels import splat_views
from ..kernels.cores import core_count
from ..kernels.splat_project import LOW_PASS_PX2, View
from ..kernels.splat_render import view_of
from ..kernels.splat_rows import Pixels
from ..kernels.splat_views import Arranged, Cloud, arrange, view_gradients, view_picture

__all__ = ["RenderedViews", "render_views"]

Color = tuple[float, float, float]
Backend = Literal["gsplat", "kernels"]
T = TypeVar("T")

# Below what one Gaussian adds to a pixel at least, 1/255: what is less is nothing.
_ALPHA_FLOOR = 1.0 / 512.0


class RenderedViews(NamedTuple):
    """What V cameras see.

    Attributes:
        rgb: colour over the background, not clipped, float32 (V, H, W, 3).
        depth: mean z of the centres of what is seen, weighted by its share of the pixel [m], (V, H, W); 0 where nothing
            is.
        alpha: accumulated opacity in [0, 1], (V, H, W).
    """

    rgb: torch.Tensor
    depth: torch.Tensor
    alpha: torch.Tensor


class _Views(NamedTuple):
    views: list[View]
    background: Color
    deferred: bool


def render_views(
    positions: torch.Tensor,
    scales: torch.Tensor,
    quats_wxyz: torch.Tensor,
    opacities: torch.Tensor,
    rgb: torch.Tensor,
    cam_to_world: torch.Tensor,
    lens: tuple[float, float, float, float],
    size: tuple[int, int],
    background: Color = (1.0, 1.0, 1.0),
    near_m: float = 0.1,
    deferred: bool = False,
    backend: Backend | None = None,
) -> RenderedViews:
    """Return what V cameras see of N Gaussians; differentiable, once, in the five fields of these, not in the cameras.

    Elliptical weighted averaging as published for Gaussian splatting (Kerbl et al. 2023): a low-pass of 0.3 px^2, an
    opacity of 1/255 at least and 0.99 at most, an end where less than 1e-4 of the light is left. Gaussians nearer than
    `near_m`, out of the picture, or too large for single precision are left out and have gradients of 0. On the CPU
    pictures and gradients are the same to the last bit on any number of cores; on CUDA gradients are not.

    Args:
        positions, scales: centres and standard deviations [m], float32 (N, 3).
        quats_wxyz: local axes to world, of any length but 0, (N, 4).
        opacities: in [0, 1], (N,).
        rgb: colours, the same from everywhere, (N, 3).
        cam_to_world: rigid poses, OpenCV axes [m], (V, 4, 4).
        lens: fx, fy, cx, cy [px], pixel centres at +0.5.
        size: width, height [px].
        background: colour behind everything.
        near_m: Gaussians whose centre is nearer are left out [m].
        deferred: keep nothing but the pictures, and project again for the gradients, a view at a time: less memory for
            more time, for millions of Gaussians.
        backend: what draws; None takes gsplat on CUDA where it is installed, else the kernels.

    Raises:
        InvalidRequest: shapes, types or devices that do not belong together, or a lens, size or distance that is not
            positive.
        MissingDependency: gsplat was asked for by name and is not there.
    """
    fields = (positions, scales, quats_wxyz, opacities, rgb)
    _check_fields(fields)
    _check_cameras(cam_to_world, lens, size, near_m)
    if backend == "gsplat" and _gsplat() is None:
        raise MissingDependency("gsplat", "render_views(backend='gsplat')")
    if backend == "gsplat" or (backend is None and positions.is_cuda and _gsplat() is not None):
        return _by_gsplat(fields, cam_to_world, lens, size, background, near_m, deferred)
    poses = np.linalg.inv(cam_to_world.detach().cpu().numpy().astype(np.float64))
    views = [view_of(pose, lens, size, near_m) for pose in poses]
    scene = _Views(views, background, deferred)
    quats = quats_wxyz[:, [1, 2, 3, 0]]
    picture, depth, left = _Render.apply(positions, scales, quats, opacities, rgb, scene)
    alpha = 1.0 - left
    return RenderedViews(picture, depth / alpha.clamp(min=_ALPHA_FLOOR), alpha)


class _Render(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *arguments: Any) -> tuple[torch.Tensor, ...]:
        *fields, scene = arguments
        fields = [field.detach().contiguous() for field in fields]
        keeps = any(ctx.needs_input_grad) and not scene.deferred
        pictures = _empty_pictures(scene.views, fields[0])
        with _stream(fields[0]):
            cloud = _cloud(fields)

            def draw(k: int) -> Arranged | None:
                arranged = arrange(scene.views[k], cloud)
                view_picture(scene.views[k], arranged, scene.background, _pixels(pictures, k))
                return arranged if keeps else None

            ctx.arranged = list(_each(draw, len(scene.views), cloud))
        ctx.scene, ctx.keeps = scene, keeps
        ctx.save_for_backward(*fields, *pictures)
        return tuple(pictures)

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        scene: _Views = ctx.scene
        fields, pictures = ctx.saved_tensors[:5], ctx.saved_tensors[5:]
        grads = [grad.contiguous() for grad in grad_outputs]
        with _stream(fields[0]):
            cloud = _cloud(fields)

            def find(k: int) -> Cloud:
                arranged = ctx.arranged[k] if ctx.keeps else arrange(scene.views[k], cloud)
                return view_gradients(scene.views[k], cloud, arranged, _pixels(pictures, k), _pixels(grads, k))

            found = _summed(_each(find, len(scene.views), cloud))
            scales, quats = _arrays(fields[1:3], (wp.vec3, wp.quat))
            of_scales, of_quats = splat_views.covariances_back(scales, quats, found.covariances)
        ordered = (found.positions, of_scales, of_quats, found.opacities, found.rgb)
        return *(wp.to_torch(array) for array in ordered), None


def _each(work: Callable[[int], T], count: int, cloud: Cloud) -> Iterator[T]:
    """Yield what `work` makes of each view, in order; a launch on the CPU runs without Python's lock."""
    device = cloud.positions.device
    workers = min(core_count(device), count)
    if workers < 2:
        yield from map(work, range(count))
        return
    splat_views.load(device)  # loading is not for several threads
    with ThreadPoolExecutor(workers) as pool:
        yield from pool.map(work, range(count))


def _summed(parts: Iterator[Cloud]) -> Cloud:
    """Return sums over views, always in the same order."""
    total = next(parts)
    for part in parts:
        for sums, array in zip(total, part, strict=True):
            wp.to_torch(sums).add_(wp.to_torch(array))
    return total


def _cloud(fields: Sequence[torch.Tensor]) -> Cloud:
    positions, scales, quats, opacities, rgb = _arrays(fields, (wp.vec3, wp.vec3, wp.quat, wp.float32, wp.vec3))
    return Cloud(positions, splat_views.covariances(scales, quats), opacities, rgb)


def _arrays(tensors: Sequence[torch.Tensor], kinds: Sequence[Any]) -> list[wp.array]:
    return [wp.from_torch(tensor.detach(), dtype=kind) for tensor, kind in zip(tensors, kinds, strict=True)]


def _empty_pictures(views: list[View], like: torch.Tensor) -> list[torch.Tensor]:
    shape = (len(views), views[0].height, views[0].width)
    return [like.new_empty((*shape, 3)), like.new_empty(shape), like.new_empty(shape)]


def _pixels(pictures: Sequence[torch.Tensor], k: int) -> Pixels:
    return Pixels(*_arrays([picture[k] for picture in pictures], (wp.vec3, wp.float32, wp.float32)))


def _stream(tensor: torch.Tensor) -> AbstractContextManager[Any]:
    """Launch on torch's stream, so that neither waits for the other."""
    if not tensor.is_cuda:
        return nullcontext()
    return wp.ScopedStream(wp.stream_from_torch(torch.cuda.current_stream(tensor.device)))  # type: ignore[no-any-return]


@cache
def _gsplat() -> Any:
    """Return the package gsplat, an option for CUDA that pip has to build or fetch for its torch; None without it."""
    try:
        import gsplat
    except ImportError:
        return None
    return gsplat


def _by_gsplat(
    fields: Sequence[torch.Tensor],
    cam_to_world: torch.Tensor,
    lens: tuple[float, float, float, float],
    size: tuple[int, int],
    background: Color,
    near_m: float,
    deferred: bool,
) -> RenderedViews:
    """Draw with gsplat 1.x, by the signature that its documentation gives; not run yet."""
    from torch.utils.checkpoint import checkpoint

    like = fields[0]
    poses = torch.linalg.inv(cam_to_world.detach().double()).to(like)
    fx, fy, cx, cy = lens
    matrix = like.new_tensor([[fx, 0.0, cx], [0.0, fy, cy], [0.0, 0.0, 1.0]])
    colour = like.new_tensor([background])

    def draw(pose: torch.Tensor, *given: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        means, scales, quats, opacities, colors = given
        image, alpha, _ = _gsplat().rasterization(
            means,
            quats,
            scales,
            opacities,
            colors,
            pose.expand(-1, 4, 4),
            matrix.expand(len(pose), 3, 3),
            *size,
            near_plane=near_m,
            eps2d=LOW_PASS_PX2,
            packed=False,
            backgrounds=colour.expand(len(pose), 3),
            render_mode="RGB+ED",
            rasterize_mode="classic",
        )
        return image, alpha

    if deferred:
        parts = [checkpoint(draw, pose[None], *fields, use_reentrant=False) for pose in poses]
        image, alpha = (torch.cat(part) for part in zip(*parts, strict=True))
    else:
        image, alpha = draw(poses, *fields)
    return RenderedViews(image[..., :3], image[..., 3], alpha[..., 0])


def _check_fields(fields: Sequence[torch.Tensor]) -> None:
    names = ("positions", "scales", "quats_wxyz", "opacities", "rgb")
    count = len(fields[0]) if fields[0].ndim else 0
    shapes = ((count, 3), (count, 3), (count, 4), (count,), (count, 3))
    for name, field, shape in zip(names, fields, shapes, strict=True):
        if tuple(field.shape) != shape:
            raise InvalidRequest(f"{name}: must have shape {shape} for {count} Gaussians, got {tuple(field.shape)}.")
        if field.dtype != torch.float32 or field.device != fields[0].device:
            raise InvalidRequest(
                f"{name}: must be float32 on {fields[0].device} like positions, got {field.dtype} on {field.device}. "
                "Convert it before it is rendered."
            )


def _check_cameras(
    cam_to_world: torch.Tensor, lens: tuple[float, float, float, float], size: tuple[int, int], near_m: float
) -> None:
    if cam_to_world.ndim != 3 or cam_to_world.shape[1:] != (4, 4) or not len(cam_to_world):
        raise InvalidRequest(f"cam_to_world: must have shape (V, 4, 4), V > 0, got {tuple(cam_to_world.shape)}.")
    if not torch.isfinite(cam_to_world).all():
        raise InvalidRequest("cam_to_world: poses must be finite, but hold NaN or infinity.")
    if not (min(lens[:2]) > 0.0 and min(size) > 0 and near_m > 0.0):
        raise InvalidRequest(
            f"camera: focal lengths [px], size [px] and near_m [m] must be positive, got {lens}, {size} and {near_m}."
        )

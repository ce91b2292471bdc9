"""Views for learning against a dense twin in double precision, and what must not break them."""

from __future__ import annotations

import sys
from types import ModuleType

import numpy as np
import pytest
import torch

from lyra_backend.errors import InvalidRequest, MissingDependency
from lyra_backend.train import rendering
from lyra_backend.train.rendering import RenderedViews, render_views
from lyra_backend.types import look_at

from .dense_splats import dense_view

LENS, SIZE = (25.0, 27.0, 15.0, 9.5), (29, 21)
BACKGROUND = (0.9, 0.2, 0.4)
Fields = tuple[torch.Tensor, ...]


def gaussians(count: int = 150, seed: int = 0) -> Fields:
    """Some faint, some opaque, in front of cameras near the origin that look along z; quaternions of any length."""
    rng = np.random.default_rng(seed)
    positions = rng.normal((0.0, 0.0, 2.5), (0.8, 0.6, 0.5), (count, 3))
    scales = rng.lognormal(-2.0, 0.6, (count, 3))
    opacities = rng.uniform(0.02, 1.0, count)
    opacities[::7] = 1.0
    arrays = positions, scales, rng.normal(size=(count, 4)), opacities, rng.random((count, 3))
    return tuple(torch.from_numpy(array.astype(np.float32)) for array in arrays)


def cameras(count: int = 3) -> torch.Tensor:
    rng = np.random.default_rng(5)
    places = rng.normal(0.0, 0.2, (count, 3))
    return torch.from_numpy(
        np.stack([look_at(place, (0.0, 0.1, 2.0), (0.1, -1.0, 0.0)) for place in places]).astype(np.float32)
    )


def learning(fields: Fields) -> Fields:
    return tuple(field.clone().requires_grad_(True) for field in fields)


def weighed(views: RenderedViews, seed: int = 1) -> torch.Tensor:
    """A scalar that every pixel has a part in."""
    rng = np.random.default_rng(seed)
    parts = [(image * torch.from_numpy(rng.normal(size=image.shape)).to(image.dtype)).sum() for image in views]
    return torch.stack(parts).sum()


def dense(fields: Fields, poses: torch.Tensor) -> RenderedViews:
    views = [dense_view(fields, pose, LENS, SIZE, BACKGROUND, 0.1) for pose in poses.to(fields[0].dtype)]
    return RenderedViews(*(torch.stack(images) for images in zip(*views, strict=True)))


def drawn(fields: Fields, poses: torch.Tensor | None = None, deferred: bool = False) -> RenderedViews:
    poses = cameras() if poses is None else poses
    return render_views(*fields, poses, LENS, SIZE, BACKGROUND, deferred=deferred)


def gradients(fields: Fields, deferred: bool = False, count: int = 3) -> Fields:
    fields = learning(fields)
    return torch.autograd.grad(weighed(drawn(fields, cameras(count), deferred)), fields)


def test_pictures_are_the_dense_ones() -> None:
    ours, theirs = drawn(gaussians()), dense(tuple(f.double() for f in gaussians()), cameras())
    assert ours.rgb.shape == (3, 21, 29, 3)
    assert ours.depth.shape == ours.alpha.shape == (3, 21, 29)
    assert theirs.alpha.max() > 0.9999  # light ends
    assert theirs.alpha.min() < 0.2
    for image, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(image.double(), other, rtol=1e-5, atol=2e-5)


@pytest.mark.parametrize("seed", [0, 1])
def test_gradients_are_the_dense_ones(seed: int) -> None:
    ours = gradients(gaussians(seed=seed))
    fields = learning(tuple(field.double() for field in gaussians(seed=seed)))
    theirs = torch.autograd.grad(weighed(dense(fields, cameras())), fields)
    for grad, other in zip(ours, theirs, strict=True):
        assert (other != 0).any()
        torch.testing.assert_close(grad.double(), other, rtol=1e-3, atol=2e-4 * float(other.abs().max()))


def test_following_them_brings_pictures_and_depth_back() -> None:
    truth, fields = drawn(gaussians(60, seed=2)), list(gaussians(60, seed=2))
    shake = np.random.default_rng(3).normal(0.0, 0.05, fields[0].shape).astype(np.float32)
    fields[0] = (fields[0] + torch.from_numpy(shake)).requires_grad_(True)
    adam, errors = torch.optim.Adam([fields[0]], 3e-3), []
    for _ in range(60):
        views = drawn(tuple(fields))
        error = (views.rgb - truth.rgb).square().mean() + 0.1 * (views.depth - truth.depth).square().mean()
        adam.zero_grad()
        error.backward()
        adam.step()
        errors.append(float(error.detach()))
    assert errors[-1] < 0.25 * errors[0]


def test_one_gaussian_has_the_depth_of_its_centre() -> None:
    fields = tuple(field[:1].clone() for field in gaussians())
    fields[0][:] = torch.tensor([0.0, 0.0, 2.0])
    views = drawn(fields, torch.eye(4)[None])
    seen = views.alpha[0] > 0
    assert 0 < int(seen.sum()) < seen.numel()
    torch.testing.assert_close(views.depth[0][seen], torch.full((int(seen.sum()),), 2.0))
    assert (views.depth[0][~seen] == 0).all()


def odd_ones() -> Fields:
    """At the camera, behind it, on the near plane, out of the picture, vast, tiny, not there, opaque, not a number."""
    places = [(0, 0, 0), (0, 0, -2), (0, 0, 0.1), (90, 0, 1), (0, 0, 2), (0.1, 0, 2), (0, 0.1, 2), (0, 0, 1), (0, 0, 2)]
    positions = torch.tensor(places, dtype=torch.float32)
    positions[8, 1] = torch.nan
    scales = torch.full((9, 3), 0.1)
    scales[4], scales[5] = 1e20, 1e-20
    opacities = torch.full((9,), 0.5)
    opacities[6], opacities[7] = 0.0, 1.0
    quats = torch.tensor([[1.0, 0.0, 0.0, 0.0]]).repeat(9, 1)
    return positions, scales, quats, opacities, torch.full((9, 3), 0.5)


def test_odd_ones_do_no_harm() -> None:
    both = tuple(torch.cat(pair) for pair in zip(odd_ones(), gaussians(), strict=True))
    fields = learning(both)
    views = drawn(fields, torch.eye(4)[None])
    assert all(torch.isfinite(image).all() for image in views)
    found = torch.autograd.grad(weighed(views), fields)
    for grad in found:
        assert torch.isfinite(grad).all()
        assert (grad[[0, 1, 2, 3, 4, 6, 8]] == 0).all()
        assert (grad[9:] != 0).any()
    assert (found[4][[5, 7]] != 0).all()  # of the tiny and the opaque one


def test_a_vast_one_is_drawn_while_numbers_hold() -> None:
    fields = learning(tuple(field[4:5] for field in odd_ones()))
    with torch.no_grad():
        fields[1].fill_(1e4)
    views = drawn(fields, torch.eye(4)[None])
    torch.testing.assert_close(views.alpha, torch.full_like(views.alpha, 0.5))
    assert all(torch.isfinite(grad).all() for grad in torch.autograd.grad(weighed(views), fields))


def test_nothing_shows_the_background() -> None:
    fields = learning(tuple(field[:0] for field in gaussians()))
    views = drawn(fields)
    assert (views.rgb == torch.tensor(BACKGROUND)).all()
    assert (views.alpha == 0).all()
    assert (views.depth == 0).all()
    for grad, field in zip(torch.autograd.grad(weighed(views), fields), fields, strict=True):
        assert grad.shape == field.shape


def test_neither_cores_nor_deferral_change_a_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for cores, deferred in (("1", False), ("3", False), ("2", True)):
        monkeypatch.setenv("OMP_NUM_THREADS", cores)
        fields = gaussians(400, seed=4)
        found.append((*drawn(fields, cameras(5)), *gradients(fields, deferred, 5)))
    for other in found[1:]:
        assert all(torch.equal(one, two) for one, two in zip(found[0], other, strict=True))


def test_only_what_is_asked_for_is_kept() -> None:
    fields = gaussians()
    assert drawn(fields).rgb.grad_fn is None
    fields[4].requires_grad_(True)
    (grad,) = torch.autograd.grad(drawn(fields).rgb.sum(), fields[4])
    torch.testing.assert_close(grad, grad[:, :1].expand(-1, 3))  # each channel has the same weights


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"scales": torch.ones(149, 3)}, r"scales: must have shape \(150, 3\)"),
        ({"opacities": torch.ones(150, 1)}, r"opacities: must have shape \(150,\)"),
        ({"rgb": torch.ones(150, 3, dtype=torch.float64)}, "rgb: must be float32 on cpu"),
        ({"cam_to_world": torch.eye(4)}, r"cam_to_world: must have shape \(V, 4, 4\)"),
        ({"cam_to_world": torch.full((1, 4, 4), torch.nan)}, "must be finite"),
        ({"lens": (0.0, 1.0, 2.0, 3.0)}, "must be positive"),
        ({"size": (0, 4)}, "must be positive"),
        ({"near_m": 0.0}, "must be positive"),
    ],
)
def test_what_does_not_fit_is_refused(change: dict[str, object], words: str) -> None:
    names = ("positions", "scales", "quats_wxyz", "opacities", "rgb")
    given = dict(zip(names, gaussians(), strict=True)) | {"cam_to_world": cameras(), "lens": LENS, "size": SIZE}
    with pytest.raises(InvalidRequest, match=words):
        render_views(**(given | change))  # type: ignore[arg-type]


def rasterization(
    means,
    quats,
    scales,
    opacities,
    colors,
    viewmats,
    Ks,
    width,
    height,
    near_plane=0.01,
    eps2d=0.3,
    packed=True,
    backgrounds=None,
    render_mode="RGB",
    rasterize_mode="classic",
):
    """gsplat's, as far as it is used: names and layouts of its documentation, on the dense twin."""
    assert (packed, render_mode, rasterize_mode) == (False, "RGB+ED", "classic")
    assert eps2d == pytest.approx(0.3)
    lens = tuple(float(Ks[0][at]) for at in ((0, 0), (1, 1), (0, 2), (1, 2)))
    found = [
        dense_view(
            (means, scales, quats, opacities, colors),
            torch.linalg.inv(pose),
            lens,
            (width, height),
            tuple(color.tolist()),
            near_plane,
        )
        for pose, color in zip(viewmats, backgrounds, strict=True)
    ]
    image, depth, alpha = (torch.stack(images) for images in zip(*found, strict=True))
    return torch.cat([image, depth[..., None]], dim=-1), alpha[..., None], {}


@pytest.mark.parametrize("deferred", [False, True])
def test_gsplat_is_asked_for_the_same(deferred: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    package = ModuleType("gsplat")
    package.rasterization = rasterization  # type: ignore[attr-defined]
    monkeypatch.setattr(rendering, "_gsplat", lambda: package)
    fields = learning(gaussians())
    views = render_views(*fields, cameras(), LENS, SIZE, BACKGROUND, deferred=deferred, backend="gsplat")
    ours = drawn(fields)
    for one, two in zip(ours, views, strict=True):
        torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-4)
    pairs = [torch.autograd.grad(weighed(which), fields) for which in (ours, views)]
    for one, two in zip(*pairs, strict=True):
        torch.testing.assert_close(one, two, rtol=1e-2, atol=1e-3 * float(one.abs().max()))


def test_gsplat_by_name_must_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gsplat", None)
    rendering._gsplat.cache_clear()
    with pytest.raises(MissingDependency, match="gsplat"):
        render_views(*gaussians(), cameras(), LENS, SIZE, backend="gsplat")
    rendering._gsplat.cache_clear()

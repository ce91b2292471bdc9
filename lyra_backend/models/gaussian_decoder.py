"""The network that turns latents of a video model into 3D Gaussians (Lyra, arXiv 2509.19296).

Patches of video latents, of the latents of their Pluecker rays and, for moving scenes, of latents of time become one
sequence over all views; blocks of Mamba-2 and attention mix it; a transposed convolution gives every 8 x 8 pixels of
every frame a Gaussian. Names of parameters are those of the published checkpoints.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import nn
from torch.nn import functional as F

from ..errors import InvalidRequest
from .gaussian_head import activate, keep_strongest, kept_count, prune_by_opacity
from .mamba import Mamba2Block
from .ssd import full_precision

__all__ = ["GaussianDecoder", "prune_by_opacity"]

#: Tokens that the inner layer of an attention block works on at once.
_AT_ONCE = 1 << 16
#: Published fields that must have this value: no published model has another, and nothing here would obey it.
_FIXED: Mapping[str, Any] = {
    "use_mamba": True,
    "llrm_7m1t": True,
    "use_pos_embedding": False,
    "use_plucker": True,
    "plucker_embedding_vae": True,
    "plucker_embedding_vae_fuse_type": "concat",
    "use_patch_embeddings_encoder": True,
    "sub_sample_gaussians_factor": None,
    "gaussians_predict_offset": False,
    "output_dims": 12,
}


class _Inputs(NamedTuple):
    """What :meth:`GaussianDecoder.forward` takes."""

    latents: torch.Tensor
    plucker_latents: torch.Tensor
    ray_origins: torch.Tensor
    ray_directions: torch.Tensor
    time_latents: torch.Tensor | None = None
    view_count: int = 1


class GaussianDecoder(ModelMixin, ConfigMixin):
    """Latents of V views of T frames to V x T x H x W Gaussians, H and W being an eighth of the pictures' size."""

    _supports_gradient_checkpointing = True
    _no_split_modules = ("Mamba2Block", "_AttentionBlock")

    @register_to_config
    def __init__(
        self,
        width: int = 512,
        depth: int = 16,
        attention_heads: int = 8,
        attention_every: int = 8,
        mlp_ratio: float = 4.0,
        qk_norm: bool = False,
        patch_size: int = 2,
        latent_channels: int = 16,
        time_compression: int = 8,
        upsampling: int = 2,
        scan_inner: int = 1024,
        scan_heads: int = 16,
        state_size: int = 256,
        conv_size: int = 4,
        near: float = 0.1,
        far: float = 500.0,
        scale_cap: float = 0.3,
        distance_shift: float = -1.65,
        opacity_shift: float = -2.0,
        use_time: bool = False,
        prune_ratio: float = 0.8,
    ) -> None:
        """Make a decoder with random weights.

        Args:
            width: channels of a token.
            depth: blocks; every `attention_every`-th is attention, the others are Mamba-2.
            attention_heads, mlp_ratio, qk_norm: of attention blocks.
            patch_size: rows and columns of latents in a token.
            latent_channels: of the video latents; those of rays have twice as many.
            time_compression: frames that one more latent frame stands for.
            upsampling: rows and columns of Gaussians for a token.
            scan_inner, scan_heads, state_size, conv_size: of Mamba-2 blocks.
            near, far: distances along the ray that a Gaussian can have [units of the cameras' positions].
            scale_cap: largest standard deviation of a Gaussian [same units].
            distance_shift, opacity_shift: what is added before the sigmoid.
            use_time: the model takes latents of time: a moving scene.
            prune_ratio: share of the Gaussians that :meth:`decode` leaves out.
        """
        super().__init__()
        self.gradient_checkpointing = False
        mixer = (width, scan_inner, scan_heads, state_size, conv_size)
        self.enc_blocks = nn.ModuleList(
            _AttentionBlock(width, attention_heads, mlp_ratio, qk_norm)
            if (i + 1) % attention_every == 0
            else Mamba2Block(*mixer)
            for i in range(depth)
        )
        self.enc_norm = _FullNorm(width, eps=1e-6)
        self.patch_embed = _PatchEmbed(latent_channels, width, patch_size)
        self.patch_plucker_embed = _PatchEmbed(2 * latent_channels, width, patch_size)
        self.patch_time_embed = _PatchEmbed(latent_channels, width, patch_size)
        self.patch_time_embed_tgt = _PatchEmbed(latent_channels, width, patch_size)
        self.deconv = _FullTransposed(
            width,
            12,
            (time_compression + 1, upsampling, upsampling),
            (time_compression, upsampling, upsampling),
            (time_compression // 2, 0, 0),
        )

    @classmethod
    def from_reference(cls, config: Mapping[str, Any], state_dict: Mapping[str, torch.Tensor]) -> GaussianDecoder:
        """Return the decoder that a published configuration and its weights describe.

        What the configuration does not say (sizes of the scans) is read off the tensors' shapes.

        Raises:
            InvalidRequest: the configuration asks for what no published model has, or keys or shapes do not fit.
        """
        for name, value in _FIXED.items():
            if config.get(name, value) != value:
                raise InvalidRequest(
                    f"decoder configuration: {name} must be {value!r}, got {config[name]!r}. No published Lyra model "
                    "has that; use the configuration that belongs to the checkpoint."
                )
        with torch.device("meta"):
            decoder = cls(**_own_config(config, state_dict))
        decoder.load_reference(state_dict)
        return decoder.eval()

    def load_reference(self, state_dict: Mapping[str, torch.Tensor]) -> None:
        """Take the tensors of a published checkpoint, as they are.

        Raises:
            InvalidRequest: keys are missing or left over, or a shape does not fit.
        """
        wanted = self.state_dict()
        for what, names in (("lacks", wanted.keys() - state_dict.keys()), ("has", state_dict.keys() - wanted.keys())):
            if names:
                some = ", ".join(sorted(names)[:3])
                raise InvalidRequest(
                    f"decoder checkpoint: {what} {len(names)} tensors of a decoder of {len(self.enc_blocks)} blocks, "
                    f"such as {some}. Is it the file of a Lyra decoder, whole, and its own configuration?"
                )
        for name, tensor in state_dict.items():
            if tensor.shape != wanted[name].shape:
                raise InvalidRequest(
                    f"decoder checkpoint: {name} must have shape {tuple(wanted[name].shape)} by the configuration, "
                    f"got {tuple(tensor.shape)}. Use the configuration that belongs to the checkpoint."
                )
        self.load_state_dict(dict(state_dict), assign=True)

    def forward(
        self,
        latents: torch.Tensor,
        plucker_latents: torch.Tensor,
        ray_origins: torch.Tensor,
        ray_directions: torch.Tensor,
        time_latents: torch.Tensor | None = None,
        view_count: int = 1,
    ) -> torch.Tensor:
        """Return all Gaussians (B, N, 14): position 3, opacity, scale 3, quaternion wxyz, rgb in [0, 1].

        N = V T H W, ordered by view, frame, row and column; t' latent frames stand for T = 8 t' - 7 frames.

        Args:
            latents: of the videos, not normalised, shape (B, V t', 16, h, w).
            plucker_latents: of the moments and directions of their rays, shape (B, V t', 32, h, w).
            ray_origins, ray_directions: unit rays of the Gaussians, shape (B, V T, 3, H, W).
            time_latents: of the times of the frames and, last, of the time that is asked for, (B, t' + 1, 16, h, w).
            view_count: V.

        Raises:
            ValueError: shapes do not fit, or time latents are missing or not wanted.
        """
        given = _Inputs(latents, plucker_latents, ray_origins, ray_directions, time_latents, view_count)
        return torch.cat(list(self._views(given)), dim=1)

    @torch.no_grad()
    def decode(self, *inputs: Any, **named: Any) -> torch.Tensor:
        """Return the Gaussians of highest opacity (B, int(N (1 - prune_ratio)), 14), highest first.

        Takes what :meth:`forward` takes and gives what pruning all of its output gives, but has only one view's
        Gaussians and those kept so far in memory.
        """
        given = _Inputs(*inputs, **named)
        total = math.prod(given.ray_origins.shape[i] for i in (1, 3, 4))
        kept = None
        for view in self._views(given):
            pool = view if kept is None else torch.cat([kept, view], dim=1)
            kept = keep_strongest(pool, kept_count(total, self.config.prune_ratio))
        if kept is None:
            raise ValueError("GaussianDecoder: needs at least one view.")
        return kept

    def _views(self, given: _Inputs) -> Iterator[torch.Tensor]:
        """Yield the Gaussians (B, T H W, 14) of one view after the other."""
        self._check(given)
        views = given.view_count
        tokens, grid = self._embed(given.latents, given.plucker_latents, given.time_latents, views)
        for block in self.enc_blocks:
            if self.gradient_checkpointing and torch.is_grad_enabled():
                tokens = self._gradient_checkpointing_func(block, tokens)
            else:
                tokens = block(tokens)
        by_view = tokens.unflatten(1, (views, -1))
        origins, directions = (rays.unflatten(1, (views, -1)) for rays in (given.ray_origins, given.ray_directions))
        for view in range(views):
            features = self.enc_norm(by_view[:, view]).transpose(1, 2).unflatten(2, grid)
            yield activate(self.deconv(features), origins[:, view], directions[:, view], **self._head())

    def _head(self) -> dict[str, float]:
        names = ("near", "far", "scale_cap", "distance_shift", "opacity_shift")
        return {name: getattr(self.config, name) for name in names}

    def _embed(
        self, latents: torch.Tensor, plucker_latents: torch.Tensor, time_latents: torch.Tensor | None, views: int
    ) -> tuple[torch.Tensor, tuple[int, int, int]]:
        """Return tokens (B, V t h' w', D) and the grid (t, h', w') of one view."""
        batch = len(latents)
        tokens, grid = self.patch_embed(_by_view(latents, views))
        if time_latents is not None:
            count = latents.shape[1] // views
            source, _ = self.patch_time_embed(time_latents[:, :count].transpose(1, 2))
            wanted, _ = self.patch_time_embed_tgt(time_latents[:, count:].expand(-1, count, -1, -1, -1).transpose(1, 2))
            tokens = tokens + (source + wanted).repeat_interleave(views, dim=0)
        tokens = tokens + self.patch_plucker_embed(_by_view(plucker_latents, views))[0]
        return tokens.unflatten(0, (batch, views)).flatten(1, 2), grid

    def _check(self, given: _Inputs) -> None:
        latents, plucker_latents, ray_origins, ray_directions, time_latents, views = given
        config = self.config
        batch, frames, channels, height, width = latents.shape
        if (
            frames % views
            or channels != config.latent_channels
            or height % config.patch_size
            or width % config.patch_size
        ):
            raise ValueError(
                f"GaussianDecoder: latents must be (B, V t, {config.latent_channels}, h, w), V = {views}, h and w "
                f"multiples of {config.patch_size}, got {tuple(latents.shape)}."
            )
        if plucker_latents.shape != (batch, frames, 2 * channels, height, width):
            raise ValueError(f"GaussianDecoder: Pluecker latents do not fit, got {tuple(plucker_latents.shape)}.")
        scale = config.upsampling
        time = config.time_compression * (frames // views - 1) + 1
        rays = (batch, views * time, 3, height // config.patch_size * scale, width // config.patch_size * scale)
        if ray_origins.shape != rays or ray_directions.shape != rays:
            raise ValueError(f"GaussianDecoder: rays must have shape {rays}, got {tuple(ray_origins.shape)}.")
        if (time_latents is not None) != config.use_time:
            raise ValueError(f"GaussianDecoder: time latents are {'' if config.use_time else 'not '}wanted.")
        if time_latents is not None and time_latents.shape != (batch, frames // views + 1, channels, height, width):
            raise ValueError(f"GaussianDecoder: time latents do not fit, got {tuple(time_latents.shape)}.")


class _FullNorm(nn.LayerNorm):
    """Layer norm in float32, whatever comes in and whatever its weights are."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        weight, bias = self.weight.float(), self.bias.float()
        with full_precision(input):
            return F.layer_norm(input.float(), self.normalized_shape, weight, bias, self.eps)


class _FullTransposed(nn.ConvTranspose3d):
    """Transposed convolution in float32: eight bits of what becomes a distance leave 16 of them from 0.8 to 1.25."""

    def forward(self, input: torch.Tensor, output_size: list[int] | None = None) -> torch.Tensor:
        bias = None if self.bias is None else self.bias.float()
        with full_precision(input):
            return F.conv_transpose3d(
                input.float(), self.weight.float(), bias, self.stride, [int(size) for size in self.padding]
            )


class _PatchEmbed(nn.Module):
    """Patches of one latent frame to normalised tokens."""

    def __init__(self, channels: int, width: int, patch: int) -> None:
        super().__init__()
        self.proj = nn.Conv3d(channels, width, (1, patch, patch), (1, patch, patch))
        self.norm = nn.LayerNorm(width, eps=1e-5)

    def forward(self, video: torch.Tensor) -> tuple[torch.Tensor, tuple[int, int, int]]:
        """Return tokens (B, t h w, D) of (B, C, t, H, W), and the grid (t, h, w)."""
        found = self.proj(video)
        _, _, time, height, width = found.shape
        return self.norm(found.flatten(2).transpose(1, 2)), (time, height, width)


class _AttentionBlock(nn.Module):
    """Attention of all tokens to all, and an MLP, each added to what it was given normalised."""

    def __init__(self, width: int, heads: int, mlp_ratio: float, qk_norm: bool) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.attn = _Attention(width, heads, qk_norm)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = _MLP(width, int(width * mlp_ratio))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.attn(self.norm1(x))
        return torch.cat([part + self.mlp(self.norm2(part)) for part in x.split(_AT_ONCE, dim=1)], dim=1)


class _Attention(nn.Module):
    def __init__(self, width: int, heads: int, qk_norm: bool) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        self.q_norm, self.k_norm = (nn.RMSNorm(width // heads, eps=1e-6) if qk_norm else nn.Identity() for _ in "qk")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        q, k, v = self.qkv(x).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        found = F.scaled_dot_product_attention(self.q_norm(q), self.k_norm(k), v)
        return self.proj(found.transpose(1, 2).flatten(2))


class _MLP(nn.Module):
    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, inner)
        self.fc2 = nn.Linear(inner, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc2(F.gelu(self.fc1(x)))


def _by_view(latents: torch.Tensor, views: int) -> torch.Tensor:
    """Return videos (B V, C, t, h, w) of latents (B, V t, C, h, w)."""
    return latents.unflatten(1, (views, -1)).flatten(0, 1).transpose(1, 2)


def _own_config(config: Mapping[str, Any], tensors: Mapping[str, torch.Tensor]) -> dict[str, Any]:
    """Return our configuration from published fields, and from shapes what those do not say."""
    published = {
        "width": "enc_embed_dim",
        "depth": "enc_depth",
        "attention_heads": "enc_num_heads",
        "attention_every": "llrm_7m1t_index",
        "mlp_ratio": "mlp_ratio",
        "qk_norm": "use_qk_norm",
        "patch_size": "patch_size",
        "latent_channels": "num_latent_c",
        "near": "dnear",
        "far": "dfar",
        "scale_cap": "gaussian_scale_cap",
        "distance_shift": "pre_sigmoid_distance_shift",
        "use_time": "use_time_embedding",
        "prune_ratio": "gaussians_prune_ratio",
    }
    own = {name: config[field] for name, field in published.items() if field in config}
    if "deconv.weight" in tensors:
        kernel = tensors["deconv.weight"].shape[2:]
        own["time_compression"], own["upsampling"] = kernel[0] - 1, kernel[-1]
    scan = next((name.removesuffix("A_log") for name in sorted(tensors) if name.endswith("scans.0.A_log")), None)
    if scan is not None and f"{scan}norm.weight" in tensors and f"{scan}conv1d.weight" in tensors:
        mixed, _, own["conv_size"] = tensors[f"{scan}conv1d.weight"].shape
        own["scan_inner"] = tensors[f"{scan}norm.weight"].shape[0]
        own["scan_heads"] = tensors[f"{scan}A_log"].shape[0]
        own["state_size"] = (mixed - own["scan_inner"]) // 2
    return own

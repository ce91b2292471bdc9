"""Sizes of networks, read off the shapes of their tensors.

What a shape cannot tell is what the published networks have: it stands in the defaults below, and a configuration
that is given beside the weights overrides it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..errors import InvalidRequest

__all__ = ["Shapes", "decoder_config", "dit_config", "vae_config"]

#: Published settings of Lyra's decoder that act on its output only.
DECODER_DEFAULTS: Mapping[str, Any] = {
    "dnear": 0.1,
    "dfar": 500.0,
    "gaussian_scale_cap": 0.3,
    "pre_sigmoid_distance_shift": -1.65,
    "gaussians_prune_ratio": 0.8,
    "use_time_embedding": False,
}
#: Of GEN3C: positions in time are stretched. The padding, all zero, is the last of the input channels instead of a
#: mask that diffusers concatenates, because that resizes it by torchvision.
DIT_DEFAULTS: Mapping[str, Any] = {
    "patch_size": (1, 2, 2),
    "rope_scale": (2.0, 1.0, 1.0),
    "concat_padding_mask": False,
}
#: Pictures have three colours.
_COLOURS = 3
#: Channels of an attention head of Lyra's decoder, unless the configuration says how many heads there are.
_HEAD_CHANNELS = 64


class Shapes(Mapping[str, tuple[int, ...]]):
    """Shapes by name, of what ought to be a certain network."""

    def __init__(self, network: str, shapes: Mapping[str, tuple[int, ...]]) -> None:
        self.network = network
        self._shapes = shapes

    def __getitem__(self, name: str) -> tuple[int, ...]:
        """Return the shape of a tensor that the network must have.

        Raises:
            InvalidRequest: there is none.
        """
        if name not in self._shapes:
            some = ", ".join(list(self._shapes)[:3])
            raise InvalidRequest(
                f"{self.network}: these are not its weights: {name} is missing, and there is {some} ... "
                "Give the file that is published for this network."
            )
        return self._shapes[name]

    def sized(self, name: str, axes: int) -> tuple[int, ...]:
        """Return the shape of a tensor that the network must have, with so many axes.

        Raises:
            InvalidRequest: there is none.
        """
        shape = self[name]
        if len(shape) != axes:
            raise InvalidRequest(
                f"{self.network}: these are not its weights: {name} has shape {shape}, it should have {axes} axes. "
                "Give the file that is published for this network."
            )
        return shape

    def __contains__(self, name: object) -> bool:
        return name in self._shapes

    def __iter__(self) -> Iterator[str]:
        return iter(self._shapes)

    def __len__(self) -> int:
        return len(self._shapes)

    def count(self, pattern: str) -> int:
        """Return one more than the highest number that `pattern` finds at the start of a name."""
        found = (re.match(pattern, name) for name in self._shapes)
        return max((int(match[1]) + 1 for match in found if match), default=0)


def decoder_config(shapes: Shapes, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the published fields of a decoder: those that shapes tell, then `given`, then the defaults.

    Raises:
        InvalidRequest: the weights are not a decoder's, or `given` says otherwise than their shapes.
    """
    width, channels, frames, patch, _ = shapes.sized("patch_embed.proj.weight", 5)
    _, outputs, window, _, _ = shapes.sized("deconv.weight", 5)
    attention = sorted(int(m[1]) for m in (re.match(r"enc_blocks\.(\d+)\.attn\.qkv\.weight", n) for n in shapes) if m)
    read: dict[str, Any] = {
        "enc_embed_dim": width,
        "enc_depth": shapes.count(r"enc_blocks\.(\d+)\."),
        "num_latent_c": channels,
        "patch_size": patch,
        "patch_size_temporal": frames,
        "output_dims": outputs,
        "latent_time_compression": window - 1,
    }
    if attention:
        first = f"enc_blocks.{attention[0]}."
        read["llrm_7m1t_index"] = attention[0] + 1
        read["mlp_ratio"] = shapes[f"{first}mlp.fc1.weight"][0] / width
        read["use_qk_norm"] = f"{first}attn.q_norm.weight" in shapes
    _check_agreement(shapes.network, read, given)
    fields = {**DECODER_DEFAULTS, "enc_num_heads": max(width // _HEAD_CHANNELS, 1), **given, **read}
    if width % fields["enc_num_heads"]:
        raise InvalidRequest(
            f"{shapes.network}: enc_num_heads = {fields['enc_num_heads']} must divide the {width} channels of the "
            "weights. Give the configuration that belongs to them, or none."
        )
    return fields


def dit_config(shapes: Shapes, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of ``CosmosTransformer3DModel``; names of the tensors are those of diffusers.

    Raises:
        InvalidRequest: the weights are not a Cosmos transformer's, or `given` says otherwise than their shapes.
    """
    settings = {**DIT_DEFAULTS, **given}
    frames, rows, columns = settings["patch_size"]
    volume = frames * rows * columns
    hidden, patch_channels = shapes.sized("patch_embed.proj.weight", 2)
    head = shapes["transformer_blocks.0.attn1.norm_q.weight"][0]
    read: dict[str, Any] = {
        "in_channels": patch_channels // volume - bool(settings["concat_padding_mask"]),
        "out_channels": shapes["proj_out.weight"][0] // volume,
        "num_attention_heads": hidden // head,
        "attention_head_dim": head,
        "num_layers": shapes.count(r"transformer_blocks\.(\d+)\."),
        "mlp_ratio": shapes["transformer_blocks.0.ff.net.0.proj.weight"][0] / hidden,
        "text_embed_dim": shapes.sized("transformer_blocks.0.attn2.to_k.weight", 2)[1],
        "adaln_lora_dim": shapes["transformer_blocks.0.norm1.linear_1.weight"][0],
        "extra_pos_embed_type": None,
    }
    if "learnable_pos_embed.pos_emb_t" in shapes:
        read["extra_pos_embed_type"] = "learnable"
        length = [shapes[f"learnable_pos_embed.pos_emb_{axis}"][0] for axis in "thw"]
        read["max_size"] = [n * patch for n, patch in zip(length, settings["patch_size"], strict=True)]
    _check_agreement(shapes.network, read, given)
    return {**settings, **read}


def vae_config(shapes: Shapes, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of ``AutoencoderKLCosmos``; names of the tensors are those of diffusers.

    Raises:
        InvalidRequest: the weights are not a Cosmos tokenizer's, or `given` says otherwise than their shapes.
    """
    down, up = (shapes.count(rf"{coder}_blocks\.(\d+)\.") for coder in (r"encoder\.down", r"decoder\.up"))
    encoder = [f"encoder.down_blocks.{i}.resnets.0.conv1.conv_s.weight" for i in range(down)]
    decoder = [f"decoder.up_blocks.{i}.resnets.0.conv1.conv_s.weight" for i in reversed(range(up))]
    patch_channels = shapes.sized("encoder.conv_in.conv_s.weight", 5)[1]
    patch = round((patch_channels / _COLOURS) ** (1 / 3))
    read = {
        "in_channels": _COLOURS,
        "out_channels": _COLOURS,
        "latent_channels": shapes["quant_conv.weight"][0],
        "encoder_block_out_channels": [shapes[name][0] for name in ("encoder.conv_in.conv_s.weight", *encoder)],
        "decode_block_out_channels": [shapes[name][0] for name in (*decoder, "decoder.conv_in.conv_s.weight")],
        "num_layers": shapes.count(r"encoder\.down_blocks\.0\.resnets\.(\d+)\."),
        "patch_size": patch,
        "spatial_compression_ratio": patch * 2 ** _halvings(shapes, 1),
        "temporal_compression_ratio": patch * 2 ** _halvings(shapes, 2),
    }
    _check_agreement(shapes.network, read, given)
    return {**given, **read}


def _halvings(shapes: Shapes, convolution: int) -> int:
    """Return how many levels halve rows and columns (convolution 1) or frames (2)."""
    pattern = re.compile(rf"encoder\.down_blocks\.\d+\.downsamplers\.0\.conv{convolution}\.weight")
    return sum(pattern.fullmatch(name) is not None for name in shapes)


def _check_agreement(network: str, read: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    for name, value in read.items():
        wanted = given.get(name, value)
        if (list(wanted) if isinstance(wanted, tuple | list) else wanted) != value:
            raise InvalidRequest(
                f"{network}: the configuration says {name} = {wanted}, but the weights' shapes say {value}. "
                "Give the configuration that belongs to them, or none."
            )

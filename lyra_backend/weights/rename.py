"""Names of tensors: those that NVIDIA publishes, and those of the same networks in diffusers.

Facts about two layouts: ``VideoExtendGeneralDIT`` of GEN3C and diffusers' ``CosmosTransformer3DModel``;
``CausalContinuousVideoTokenizer`` of Cosmos and diffusers' ``AutoencoderKLCosmos``; and which of a whole T5 its encoder
is. Names that no rule knows stay as
they are, so that a wrong file shows its own names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["decoder_names", "dit_names", "t5_encoder_names", "vae_names"]

#: What training code puts before the names of the network it wraps.
_WRAPPERS = ("net.", "model.", "module.")

#: Tensors of the DiT that are no weights: a table of positions, uncertainty used in training only, and the state of
#: TransformerEngine.
_DIT_DROPPED = re.compile(r"pos_embedder\.seq$|logvar\.|.*\b_extra_state$")
_DIT_OUTSIDE = {
    "x_embedder.proj.1.": "patch_embed.proj.",
    "extra_pos_embedder.": "learnable_pos_embed.",
    "t_embedder.1.": "time_embed.t_embedder.",
    "affline_norm.": "time_embed.norm.",
    "final_layer.adaLN_modulation.": "norm_out.linear_",
    "final_layer.linear.": "proj_out.",
}
#: A block is three parts (attention to itself, to the prompt, and an MLP), each with its own modulation.
_DIT_PART = re.compile(r"blocks\.block(\d+)\.blocks\.([012])\.(block\.attn\.|block\.layer|adaLN_modulation\.)(.+)")
_DIT_ATTENTION = {
    "to_q.0.": "to_q.",
    "to_q.1.": "norm_q.",
    "to_k.0.": "to_k.",
    "to_k.1.": "norm_k.",
    "to_v.0.": "to_v.",
}
_DIT_MLP = {"1.": "0.proj.", "2.": "2."}

#: Names of the vectors of words of a T5, the one to keep first.
_T5_WORDS = ("shared.weight", "encoder.embed_tokens.weight", "decoder.embed_tokens.weight")

#: Buffers of the wavelet patches, which diffusers makes itself.
_VAE_DROPPED = re.compile(r".*\.(wavelets|_arange|patch_size_buffer)$")
_VAE_RULES = tuple(
    (re.compile(published), ours)
    for published, ours in (
        (r"\.down\.(\d+)\.", r".down_blocks.\1."),
        (r"\.block\.(\d+)\.", r".resnets.\1."),
        (r"\.(down|up)sample\.", r".\1samplers.0."),
        (r"\.mid\.block_1\.", ".mid_block.resnets.0."),
        (r"\.mid\.block_2\.", ".mid_block.resnets.1."),
        (r"\.mid\.attn_1\.0\.", ".mid_block.attentions.0."),
        (r"\.mid\.attn_1\.1\.", ".mid_block.temp_attentions.0."),
        (r"\.([qkv])\.conv3d\.", r".to_\1."),
        (r"\.proj_out\.conv3d\.", ".to_out.0."),
        (r"\.nin_shortcut\.conv3d\.", ".conv_shortcut."),
        (r"\.0\.conv3d\.", ".conv_s."),
        (r"\.1\.conv3d\.", ".conv_t."),
        (r"\.conv3d\.", "."),
    )
)


def decoder_names(names: Iterable[str]) -> dict[str, str]:
    """Return {published name: the name in ``GaussianDecoder``}: only what wrapped the network goes."""
    return {name: _unwrapped(name) for name in names}


def dit_names(names: Iterable[str]) -> dict[str, str]:
    """Return {published name: the name in ``CosmosTransformer3DModel``}, without what is no weight."""
    bare = {name: _unwrapped(name) for name in names}
    return {name: _dit_name(inner) for name, inner in bare.items() if not _DIT_DROPPED.match(inner)}


def vae_names(names: Iterable[str]) -> dict[str, str]:
    """Return {published name: the name in ``AutoencoderKLCosmos``}, without what is no weight."""
    bare = {name: _unwrapped(name) for name in names}
    numbers = (re.match(r"decoder\.up\.(\d+)\.", inner) for inner in bare.values())
    levels = max((int(number[1]) + 1 for number in numbers if number), default=0)
    return {name: _vae_name(inner, levels) for name, inner in bare.items() if not _VAE_DROPPED.match(inner)}


def t5_encoder_names(names: Iterable[str]) -> dict[str, str]:
    """Return {published name: the name in ``T5EncoderModel``}, without the decoder.

    Vectors of words are one tensor that a file may have under several names; it keeps the name that is tied to others.
    """
    there = list(names)
    words = next((name for name in _T5_WORDS if name in there), None)
    encoder = {name: name for name in there if name.startswith("encoder.") and name not in _T5_WORDS}
    return encoder if words is None else {words: _T5_WORDS[0], **encoder}


def _unwrapped(name: str) -> str:
    while name.startswith(_WRAPPERS):
        name = name.partition(".")[2]
    return name


def _dit_name(name: str) -> str:
    part = _DIT_PART.fullmatch(name)
    if part is None:
        return _with_start(name, _DIT_OUTSIDE)
    block, index, kind, rest = part.groups()
    number = int(index) + 1
    if kind == "adaLN_modulation.":
        inner = f"norm{number}.linear_{rest}"
    elif kind == "block.layer":
        inner = f"ff.net.{_with_start(rest, _DIT_MLP)}"
    else:
        inner = f"attn{number}.{_with_start(rest, _DIT_ATTENTION)}"
    return f"transformer_blocks.{block}.{inner}"


def _vae_name(name: str, levels: int) -> str:
    # Published decoders count their levels from the picture, diffusers from the latents.
    name = re.sub(r"\.up\.(\d+)\.", lambda level: f".up_blocks.{levels - 1 - int(level[1])}.", name)
    for rule, ours in _VAE_RULES:
        name = rule.sub(ours, name)
    return name


def _with_start(name: str, starts: dict[str, str]) -> str:
    """Return `name` with the first of `starts` that it begins with replaced."""
    start = next((start for start in starts if name.startswith(start)), "")
    return starts.get(start, "") + name.removeprefix(start)

"""Embeddings of prompts for the video model, made once by T5 and kept beside the weights."""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch

__all__ = ["LENGTH", "prompt_embedding"]

#: Tokens of a prompt's embedding; what is shorter is filled up with zeros, what is longer is cut.
LENGTH = 512


def prompt_embedding(encoder: Path, kept: Path, text: str, width: int, device: torch.device) -> torch.Tensor | None:
    """Return the embedding (1, 512, E) of a prompt; None if there is no text encoder to make it.

    The encoder has 11 billion parameters. What it said is kept, so that it is loaded only for a text that it has not
    seen.

    Args:
        encoder: folder of a T5 encoder with its tokenizer.
        kept: folder of embeddings; made if needed.
        text: the prompt, which may be empty.
        width: channels E that the video model takes.
        device: where the encoder works if it must.
    """
    from safetensors.torch import load_file, save_file

    path = kept / f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.safetensors"
    if path.is_file():
        return load_file(path)["embedding"]
    if not (encoder / "config.json").is_file():
        return None
    embedding = _encoded(encoder, text, device)
    if embedding.shape[2] != width:
        raise ValueError(f"prompt_embedding: the video model takes {width} channels, the encoder {embedding.shape[2]}.")
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    save_file({"embedding": embedding}, part)
    part.replace(path)
    return embedding


@torch.no_grad()
def _encoded(folder: Path, text: str, device: torch.device) -> torch.Tensor:
    from transformers import AutoTokenizer, T5EncoderModel

    kind = torch.bfloat16 if device.type == "cuda" else torch.float32
    tokens = AutoTokenizer.from_pretrained(folder)(
        text, padding="max_length", truncation=True, max_length=LENGTH, return_tensors="pt"
    ).to(device)
    encoder = T5EncoderModel.from_pretrained(folder, dtype=kind).to(device)
    found = encoder(**tokens).last_hidden_state.float()
    return (found * tokens["attention_mask"][..., None]).cpu().contiguous()

"""Embeddings of prompts for the video model, made once by T5 and kept beside the weights."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

import torch

from ..errors import InvalidRequest

__all__ = ["LENGTH", "no_text", "prompt_embedding"]

logger = logging.getLogger(__name__)


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

    Raises:
        InvalidRequest: the encoder cannot be loaded, or belongs to another video model.
    """
    from safetensors.torch import save_file

    path = kept / f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.safetensors"
    known = _known(path, width)
    if known is not None or not (encoder / "config.json").is_file():
        return known
    embedding = _encoded(encoder, text, device)
    if embedding.shape[2] != width:
        raise InvalidRequest(
            f"{encoder}: the video model takes {width} channels, and this text encoder gives {embedding.shape[2]}. "
            "Use the encoder that belongs to the model, or none."
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        save_file({"embedding": embedding}, part)
        part.replace(path)
    except OSError as error:
        logger.warning("%s: the embedding of a prompt cannot be kept there (%s)", path, error)
    return embedding


def no_text(width: int) -> torch.Tensor:
    """Return what stands for a prompt where there is no text encoder, (1, 512, E)."""
    return torch.zeros(1, LENGTH, width)


def _known(path: Path, width: int) -> torch.Tensor | None:
    """Return an embedding that was kept; None if there is none that can be read and belongs to the video model."""
    from safetensors.torch import load_file

    if not path.is_file():
        return None
    try:
        found = load_file(path)["embedding"]
    except Exception as error:  # whatever a damaged file makes its reader say
        logger.warning("%s: is damaged (%s) and is made anew", path, error)
        return None
    return found if found.shape == (1, LENGTH, width) else None


@torch.no_grad()
def _encoded(folder: Path, text: str, device: torch.device) -> torch.Tensor:
    from transformers import AutoTokenizer, T5EncoderModel

    kind = torch.bfloat16 if device.type == "cuda" else torch.float32
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        encoder = T5EncoderModel.from_pretrained(folder, dtype=kind, local_files_only=True).to(device)
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # transformers, safetensors and torch raise nearly anything on damaged files
        reason = str(error).strip().partition("\n")[0][:200]
        raise InvalidRequest(
            f"{folder}: cannot be loaded as a T5 encoder with its tokenizer ({reason}). Fetch the weights again with "
            "`lyra-scenegen weights`, or remove the folder to go on without words."
        ) from error
    tokens = tokenizer(text, padding="max_length", truncation=True, max_length=LENGTH, return_tensors="pt").to(device)
    found = encoder(**tokens).last_hidden_state.float()
    return (found * tokens["attention_mask"][..., None]).cpu().contiguous()

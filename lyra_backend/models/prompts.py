"""Embeddings of prompts for the video model, made once by T5 and kept."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from ..errors import InvalidRequest
from .folders import Embeddings

__all__ = ["LENGTH", "no_text", "prompt_embedding"]

logger = logging.getLogger(__name__)


#: Tokens of a prompt's embedding; what is shorter is filled up with zeros, what is longer is cut.
LENGTH = 512
#: Files of an encoder's folder that hold tensors; all others are short enough to be read.
_TENSORS = (".safetensors", ".bin")
#: Says where weights come from, with checksums of the files beside it.
_RECORD = "weights.json"


def prompt_embedding(
    encoder: Path, embeddings: Embeddings, text: str, width: int, device: torch.device
) -> torch.Tensor | None:
    """Return the embedding (1, 512, E) of a prompt; None if there is no text encoder to make it.

    The encoder has 11 billion parameters. What it said is kept, so that it is loaded only for a text that it has not
    seen. What another encoder said, or the same in another precision, is not taken for it.

    Args:
        encoder: folder of a T5 encoder with its tokenizer.
        embeddings: where they are kept, and those that the model brought.
        text: the prompt, which may be empty.
        width: channels E that the video model takes.
        device: where the encoder works if it must.

    Raises:
        InvalidRequest: the encoder cannot be loaded, or belongs to another video model.
    """
    brought = embeddings.brought
    known = None if brought is None else _known(brought / _name_of_brought(text), width)
    if known is not None or not (encoder / "config.json").is_file():
        return known
    kind = torch.bfloat16 if device.type == "cuda" else torch.float32
    path = embeddings.kept / f"{_digest(text, str(kind), _identity(encoder))}.safetensors"
    known = _known(path, width)
    if known is not None:
        return known
    embedding = _encoded(encoder, text, device, kind)
    if embedding.shape[2] != width:
        raise InvalidRequest(
            f"{encoder}: the video model takes {width} channels, and this text encoder gives {embedding.shape[2]}. "
            "Use the encoder that belongs to the model, or none."
        )
    _keep(embedding, path)
    return embedding


def no_text(width: int) -> torch.Tensor:
    """Return what stands for a prompt where there is no text encoder, (1, 512, E)."""
    return torch.zeros(1, LENGTH, width)


def _name_of_brought(text: str) -> str:
    return f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.safetensors"


def _digest(*parts: str) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _identity(encoder: Path) -> str:
    """Return what tells an encoder from others: its settings, its tokenizer, and the state of its weights.

    Weights are told by the checksum that was recorded when they were fetched, or else by place, size and time.
    """
    recorded = _recorded(encoder / _RECORD)
    return _digest(
        *(
            f"{path.name}:{_state(path, recorded.get(path.name))}"
            for path in sorted(encoder.iterdir())
            if path.is_file() and path.name != _RECORD
        )
    )


def _recorded(path: Path) -> Mapping[str, Any]:
    try:
        files = json.loads(path.read_text(encoding="utf-8"))["files"]
        return files if isinstance(files, dict) else {}
    except (OSError, ValueError, KeyError, TypeError):  # there is none, or it says nothing
        return {}


def _state(path: Path, recorded: Any) -> str:
    if path.suffix not in _TENSORS:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    stat = path.stat()
    if isinstance(recorded, dict) and recorded.get("bytes") == stat.st_size and "sha256" in recorded:
        return str(recorded["sha256"])
    return f"{path.resolve()}:{stat.st_size}:{stat.st_mtime_ns}"


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


def _keep(embedding: torch.Tensor, path: Path) -> None:
    from safetensors.torch import save

    part = path.with_suffix(".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            part.write_bytes(save({"embedding": embedding}))
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        logger.warning("%s: the embedding of a prompt cannot be kept there (%s)", path, error)


@torch.no_grad()
def _encoded(folder: Path, text: str, device: torch.device, kind: torch.dtype) -> torch.Tensor:
    from transformers import AutoTokenizer, T5EncoderModel

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

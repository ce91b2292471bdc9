"""Embeddings of prompts for the video model, made once by T5 and kept."""

from __future__ import annotations

import hashlib
import json
import logging
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from ..errors import InvalidRequest
from .budget import read_config
from .folders import Embeddings
from .loading import reason_of, weight_shapes
from .placement import Placement, room_bytes
from .warm import WARM, Slot, free_unused

__all__ = ["LENGTH", "check_encoder", "no_text", "prompt_embeddings"]

logger = logging.getLogger(__name__)


#: Tokens of a prompt's embedding; what is shorter is filled up with zeros, what is longer is cut.
LENGTH = 512
#: Files of an encoder's folder that hold tensors; all others are short enough to be read.
_TENSORS = (".safetensors", ".bin")
#: Files of a T5 tokenizer, one of which must be there.
_TOKENIZERS = ("tokenizer.json", "spiece.model")
#: What the encoder takes of a GPU's memory beside its weights [bytes], by estimate: 128 heads of 512 x 512 numbers.
_BESIDE = 1e9
#: Says where weights come from, with checksums of the files beside it.
_RECORD = "weights.json"


def prompt_embeddings(
    encoder: Path,
    embeddings: Embeddings,
    texts: Sequence[str],
    width: int,
    placement: Placement,
    vram_gb: float | None = None,
) -> list[torch.Tensor] | None:
    """Return the embedding (1, 512, E) of each text; None if there is no text encoder to make one that is missing.

    The encoder has 11 billion parameters. What it said is kept, so that it is loaded once for all texts that it has not
    seen, and let go afterwards, unless models stay loaded (:mod:`.warm`) and it is on the device as a whole. What
    another encoder said, or the same in another precision, is not taken for it.

    Args:
        encoder: folder of a T5 encoder with its tokenizer.
        embeddings: where they are kept, and those that the model brought.
        texts: prompts, which may be empty.
        width: channels E that the video model takes.
        placement: where the encoder works if it must; layer by layer if that GPU's memory does not do for all of it.
        vram_gb: memory of the GPU that may be taken; None is all that is free.

    Raises:
        InvalidRequest: the encoder cannot be loaded, or belongs to another video model.
    """
    found = {text: _brought(embeddings, text, width) for text in texts}
    if (encoder / "config.json").is_file():
        places = {text: _place(embeddings, text, encoder, placement) for text, known in found.items() if known is None}
        found |= {text: _known(path, width) for text, path in places.items()}
        missing = [text for text, known in found.items() if known is None]
        if missing:
            check_encoder(encoder, width)
            made = _encoded(encoder, missing, placement, vram_gb)
            for text, embedding in made.items():
                _keep(embedding, places[text])
            found |= made
    known = [found[text] for text in texts]
    return None if any(each is None for each in known) else [each for each in known if each is not None]


def check_encoder(folder: Path, width: int) -> None:
    """Look whether a folder has a T5 encoder as a whole, by its configuration, names of files and headers of weights.

    A folder without ``config.json`` has no encoder, which is no mistake.

    Args:
        folder: of a T5 encoder with its tokenizer.
        width: channels of an embedding that the video model takes.

    Raises:
        InvalidRequest: it gives other channels, or files are missing or damaged.
    """
    if not (folder / "config.json").is_file():
        return
    given = read_config(folder).get("d_model")
    if given != width:
        raise InvalidRequest(
            f"{folder}: the video model takes {width} channels, and this text encoder gives {given}. Use the encoder "
            "that belongs to the model, or none."
        )
    try:
        weight_shapes(folder)
        if not any((folder / name).is_file() for name in _TOKENIZERS):
            raise FileNotFoundError(f"there is no tokenizer ({' or '.join(_TOKENIZERS)})")
    except Exception as error:  # whatever damaged files make their readers say
        raise _no_encoder(folder, error) from error


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


def _brought(embeddings: Embeddings, text: str, width: int) -> torch.Tensor | None:
    return None if embeddings.brought is None else _known(embeddings.brought / _name_of_brought(text), width)


def _place(embeddings: Embeddings, text: str, encoder: Path, placement: Placement) -> Path:
    """Return the file in which what this encoder says of a text in this precision is kept."""
    return embeddings.kept / f"{_digest(text, str(placement.dtype), _identity(encoder))}.safetensors"


def _encoded(
    folder: Path, texts: Sequence[str], placement: Placement, vram_gb: float | None
) -> dict[str, torch.Tensor]:
    """Return what the encoder says of each text, and give back its memory if it does not stay loaded."""
    encoder: Any = None
    try:
        with placement.current():
            tokenizer, encoder = _ready(folder, placement, vram_gb)
            return {text: _said(tokenizer, encoder, text, placement.device) for text in texts}
    finally:
        # hooks of layers that visit a GPU hold each other
        del encoder
        free_unused()


def _ready(folder: Path, placement: Placement, vram_gb: float | None) -> tuple[Any, Any]:
    """Return the tokenizer and the encoder at its place; one whose layers visit it does not stay loaded."""
    slot = _slot(placement)

    def load(whole: bool = True) -> tuple[Any, Any]:
        tokenizer, encoder = _loaded(folder, placement)
        _bring(encoder, placement, whole)
        return tokenizer, encoder

    if _fits(folder, placement, vram_gb):
        return WARM.take(slot, [folder], placement.dtype, load, lambda made: [made[1]])
    WARM.drop([slot])
    return load(whole=False)


def _loaded(folder: Path, placement: Placement) -> tuple[Any, Any]:
    from transformers import AutoTokenizer, T5EncoderModel

    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        return tokenizer, T5EncoderModel.from_pretrained(folder, dtype=placement.dtype, local_files_only=True)
    except Exception as error:  # transformers, safetensors and torch raise nearly anything on damaged files
        raise _no_encoder(folder, error) from error


def _slot(placement: Placement) -> Slot:
    return "text encoder", str(placement.device)


def _fits(folder: Path, placement: Placement, vram_gb: float | None) -> bool:
    """Return whether the encoder can be on the device as a whole, if need be in the place of other networks there."""
    numbers = sum(math.prod(shape) for shape in weight_shapes(folder).values())
    needed = numbers * placement.dtype.itemsize + _BESIDE
    enough = WARM.make_room(_slot(placement), needed, lambda: room_bytes(placement.device, vram_gb))
    return enough or placement.device.type != "cuda"


def _bring(encoder: torch.nn.Module, placement: Placement, whole: bool) -> None:
    """Move an encoder to the device, or let its layers visit it one after the other."""
    from diffusers.hooks import apply_group_offloading

    if whole:
        encoder.to(placement.device)
        return
    # layers are pinned as they go: all of them would be more than main memory may give
    apply_group_offloading(
        encoder,
        placement.device,
        offload_type="leaf_level",
        use_stream=placement.device.type == "cuda",
        low_cpu_mem_usage=True,
    )


@torch.no_grad()
def _said(tokenizer: Any, encoder: Any, text: str, device: torch.device) -> torch.Tensor:
    tokens = tokenizer(text, padding="max_length", truncation=True, max_length=LENGTH, return_tensors="pt").to(device)
    found = encoder(**tokens).last_hidden_state.float()
    return (found * tokens["attention_mask"][..., None]).cpu().contiguous()


def _no_encoder(folder: Path, error: BaseException) -> InvalidRequest:
    return InvalidRequest(
        f"{folder}: cannot be loaded as a T5 encoder with its tokenizer ({reason_of(error)}). Fetch the weights again "
        "with `lyra-scenegen weights`, or remove the folder to go on without words."
    )

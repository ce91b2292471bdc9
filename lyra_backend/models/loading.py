"""Networks from folders: whole, or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import torch

from ..errors import InvalidRequest

__all__ = ["load_network"]

T = TypeVar("T")


def load_network(kind: type[T], folder: Path, dtype: torch.dtype) -> T:
    """Return the network that diffusers saved in `folder`.

    Diffusers fills what a checkpoint lacks with random numbers and a log line; here that is an error.

    Raises:
        InvalidRequest: files are missing or damaged, or tensors are missing, left over or of other shapes.
    """
    loader: Any = kind
    try:
        network, found = loader.from_pretrained(folder, dtype=dtype, output_loading_info=True, local_files_only=True)
    except Exception as error:  # diffusers, safetensors and torch raise nearly anything on damaged files
        reason = str(error).strip().partition("\n")[0][:200]
        raise InvalidRequest(
            f"{folder}: cannot be loaded as {kind.__name__} ({reason}). Fetch or convert the weights again with "
            "`lyra-scenegen weights`."
        ) from error
    for what in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        if found.get(what):
            some = ", ".join(sorted(map(str, found[what]))[:3])
            raise InvalidRequest(
                f"{folder}: {len(found[what])} {what.replace('_', ' ')} for {kind.__name__} by its config.json, such "
                f"as {some}. The file is not whole or belongs to another model; fetch or convert the weights again."
            )
    loaded: T = network
    return loaded

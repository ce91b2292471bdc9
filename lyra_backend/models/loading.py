"""Networks from folders: whole, or not at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypeVar

import torch

from ..errors import InvalidRequest
from .budget import read_config

__all__ = ["check_network", "load_network", "reason_of", "weight_shapes"]

T = TypeVar("T")


def load_network(kind: type[T], folder: Path, dtype: torch.dtype) -> T:
    """Return the network that diffusers saved in `folder`.

    Raises:
        InvalidRequest: see :func:`check_network`; or the weights cannot be read.
    """
    check_network(kind, folder)
    loader: Any = kind
    try:
        network: T = loader.from_pretrained(folder, dtype=dtype, local_files_only=True)
    except Exception as error:  # diffusers, safetensors and torch raise nearly anything on damaged files
        raise _no_network(kind, folder, error) from error
    return network


def check_network(kind: type, folder: Path) -> None:
    """Look whether `folder` holds a network of this kind as a whole, by its configuration and headers of its weights.

    Diffusers fills what a checkpoint lacks with random numbers and a log line; here that is an error. Names and shapes
    are compared with those of the network, made without memory: no weight is read.

    Args:
        kind: class of the network, a ModelMixin of diffusers.
        folder: as diffusers saves networks.

    Raises:
        InvalidRequest: files are missing or damaged, or tensors are missing, left over or of other shapes.
    """
    read_config(folder)
    network: Any = kind
    try:
        found = weight_shapes(folder)
        with torch.device("meta"):
            made = network.from_config(network.load_config(folder, local_files_only=True))
    except Exception as error:  # safetensors on damaged files, and networks on settings that are none of theirs
        raise _no_network(kind, folder, error) from error
    wanted = {name: tuple(tensor.shape) for name, tensor in made.state_dict().items()}
    other = {name for name in found.keys() & wanted.keys() if found[name] != wanted[name]}
    for what, names in (
        ("missing keys", wanted.keys() - found.keys()),
        ("unexpected keys", found.keys() - wanted.keys()),
        ("mismatched keys", other),
    ):
        if names:
            raise InvalidRequest(
                f"{folder}: {len(names)} {what} for {kind.__name__} by its config.json, such as "
                f"{', '.join(sorted(names)[:3])}. The file is not whole or belongs to another model; fetch or convert "
                "the weights again."
            )


def weight_shapes(folder: Path) -> dict[str, tuple[int, ...]]:
    """Return names and shapes of all tensors of a network's folder, by the headers of its files.

    Files are those that diffusers and transformers read: the parts that an index names, or else the one file. Variants
    (``model.fp16.safetensors``) are none of them.

    Raises:
        FileNotFoundError: there is none, or a part is missing.
        ValueError: one is damaged, or of another length than its header says.
    """
    from safetensors import SafetensorError, safe_open

    found: dict[str, tuple[int, ...]] = {}
    for path in _weight_files(folder):
        if not path.is_file():
            raise FileNotFoundError(f"{path.name} is missing")
        try:
            with safe_open(path, "pt") as file:
                found |= {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
        except SafetensorError as error:
            raise ValueError(f"{path.name}: {error}") from error
    return found


def reason_of(error: BaseException) -> str:
    """Return what an error says in its first line, and what the error says that it arose from, if it is another."""
    root = error
    while (earlier := root.__cause__ or root.__context__) is not None:
        root = earlier
    told, cause = (str(each).strip().partition("\n")[0][:200].rstrip(".") for each in (error, root))
    told = told or type(error).__name__
    return told if cause in told else f"{told}: {cause}"


def _weight_files(folder: Path) -> list[Path]:
    """Return the files of weights that a loader takes from a folder.

    Raises:
        FileNotFoundError: there are none.
        ValueError: their index is damaged.
    """
    indices = [path for path in folder.glob("*.safetensors.index.json") if path.name.count(".") == 3]
    if indices:
        return _parts(indices[0])
    whole = sorted(path for path in folder.glob("*.safetensors") if "." not in path.stem)
    if not whole:
        raise FileNotFoundError("there are no weights (*.safetensors)")
    return whole


def _parts(index: Path) -> list[Path]:
    try:
        parts: dict[str, str] = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
        return sorted({index.parent / name for name in parts.values()})
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{index.name} is damaged ({error})") from error


def _no_network(kind: type, folder: Path, error: BaseException) -> InvalidRequest:
    return InvalidRequest(
        f"{folder}: cannot be loaded as {kind.__name__} ({reason_of(error)}). Fetch or convert the weights again with "
        "`lyra-scenegen weights`."
    )

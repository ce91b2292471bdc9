"""Files of weights as they are published: what kind a file is, and its tensors."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InvalidRequest
from .dependencies import needed
from .pickles import read_pickle

if TYPE_CHECKING:
    import torch

__all__ = ["Kind", "kind_of", "read_config", "read_statistics", "read_tensors"]

#: Keys under which training code keeps the weights; DeepSpeed's is "module".
_INSIDE = ("module", "model", "state_dict")


class Kind(Enum):
    """How tensors are stored."""

    SAFETENSORS = "safetensors"
    TORCHSCRIPT = "TorchScript"
    TORCH = "PyTorch"


def kind_of(path: Path) -> Kind:
    """Return what kind of file of weights it is, by its contents.

    Raises:
        InvalidRequest: there is no file, or it is none of weights.
    """
    if not path.is_file():
        what = "is a folder, a file is needed" if path.is_dir() else "does not exist"
        raise InvalidRequest(f"{path}: {what}. Give a .pt, .jit or .safetensors file.")
    with path.open("rb") as file:
        start = file.read(512)
    if start.startswith(b"PK\x03\x04"):
        return _zip_kind(path)
    # The first 8 bytes of safetensors are the length of a JSON header, whose first byte is the ninth.
    if len(start) > 8 and start[8:9] == b"{" and int.from_bytes(start[:8], "little") < path.stat().st_size:
        return Kind.SAFETENSORS
    if start[:1] == b"\x80" and start[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return Kind.TORCH  # of before PyTorch 1.6
    raise InvalidRequest(f"{path}: {_described(start)}. Fetch it again, or give another file.")


def _described(start: bytes) -> str:
    """Return what a file is that holds no weights, from how it begins."""
    text = start.lstrip().lower()
    if not start:
        return "is empty, not a file of weights"
    if text.startswith((b"<!doctype", b"<html", b"<?xml")):
        return "is a web page, not a file of weights: the download was answered with an error or a log-in page"
    if text.startswith(b"version https://git-lfs"):
        return "is a pointer of Git LFS, not the weights themselves: run `git lfs pull` in its repository"
    if text.startswith(b"{"):
        return "is JSON, not a file of weights"
    return "is neither a PyTorch file, nor TorchScript, nor safetensors"


def _zip_kind(path: Path) -> Kind:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, EOFError, ValueError) as error:
        raise InvalidRequest(f"{path}: is cut short or damaged ({error}). Fetch it again.") from error
    inner = {name.partition("/")[2] for name in names}
    if "constants.pkl" in inner:
        return Kind.TORCHSCRIPT
    if "data.pkl" in inner:
        return Kind.TORCH
    raise InvalidRequest(f"{path}: is a zip archive, but not one that PyTorch wrote. Give the file inside it.")


def read_tensors(path: Path) -> dict[str, torch.Tensor]:
    """Return the tensors of a file by name, on the CPU, mapped from the file where its kind allows it.

    Takes what PyTorch, DeepSpeed, TorchScript and safetensors write; runs no code of the file. Entries that are no
    tensors, such as TransformerEngine's state, are left out.

    Raises:
        InvalidRequest: it cannot be read, holds no tensors, or is an attack.
        MissingDependency: torch or safetensors are not installed.
    """
    kind = kind_of(path)
    torch = needed("torch", f"reading {path.name}")
    if kind is Kind.SAFETENSORS:
        return _read_safetensors(path)
    content = _read_torchscript(path) if kind is Kind.TORCHSCRIPT else read_pickle(path)
    named = _state_of(content)
    tensors = {str(name): value.detach() for name, value in (named or {}).items() if isinstance(value, torch.Tensor)}
    if not tensors:
        raise InvalidRequest(f"{path}: holds no named tensors, so it is no network's weights. Give another file.")
    return tensors


def read_statistics(path: Path) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the mean and the standard deviation in a file such as ``mean_std.pt``, shapes as stored.

    Raises:
        InvalidRequest: it holds no two tensors of one size, or they cannot be a mean and a deviation.
        MissingDependency: torch is not installed.
    """
    torch = needed("torch", f"reading {path.name}")
    kind = kind_of(path)
    pair: Any = read_pickle(path) if kind is Kind.TORCH else None
    fits = isinstance(pair, tuple | list) and len(pair) == 2 and all(isinstance(part, torch.Tensor) for part in pair)
    if not fits or pair[0].numel() != pair[1].numel():
        raise InvalidRequest(
            f"{path}: must hold two tensors of one size, mean and deviation. Give the tokenizer's file."
        )
    mean, deviation = (part.float() for part in pair)
    if not (mean.isfinite().all() and deviation.isfinite().all() and (deviation > 0).all()):
        raise InvalidRequest(
            f"{path}: means must be finite and deviations positive, and these are not. Fetch it again."
        )
    return mean, deviation


def _read_safetensors(path: Path) -> dict[str, torch.Tensor]:
    library = needed("safetensors.torch", f"reading {path.name}")
    try:
        return library.load_file(path)
    except needed("safetensors", f"reading {path.name}").SafetensorError as error:
        raise InvalidRequest(f"{path}: is cut short or damaged ({error}). Fetch it again.") from error


def _read_torchscript(path: Path) -> Mapping[str, Any]:
    torch = needed("torch", f"reading {path.name}")
    # Its tensors are read by torch's own code, its functions are only compiled; but this one would be called.
    with zipfile.ZipFile(path) as archive:
        sources = [name for name in archive.namelist() if name.endswith(".py")]
        if any(b"__setstate__" in archive.read(name) for name in sources):
            raise InvalidRequest(
                f"{path}: has code that runs when it is opened, so it was not. Give the .pt file instead."
            )
    try:
        return torch.jit.load(path, map_location="cpu").state_dict()
    except RuntimeError as error:
        reason = str(error).strip().partition("\n")[0][:200]
        raise InvalidRequest(f"{path}: is a damaged TorchScript archive ({reason}). Fetch it again.") from error


def _state_of(content: Any) -> Mapping[Any, Any] | None:
    """Return the innermost mapping of names to weights."""
    while isinstance(content, Mapping):
        inner = next((content[key] for key in _INSIDE if isinstance(content.get(key), Mapping)), None)
        if inner is None:
            return content
        content = inner
    return None


def read_config(path: Path) -> dict[str, Any]:
    """Return the fields of a JSON file of settings.

    Raises:
        InvalidRequest: it cannot be read as a JSON object.
    """
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InvalidRequest(f"{path}: does not exist. Give a JSON file of settings.") from error
    except ValueError as error:
        raise InvalidRequest(f"{path}: must be JSON, but is not ({error}). Mend it, or leave --config out.") from error
    if not isinstance(fields, dict):
        raise InvalidRequest(f"{path}: must be a JSON object of settings, got {type(fields).__name__}.")
    return fields

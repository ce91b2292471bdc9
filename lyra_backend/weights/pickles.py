"""Pickles that come from outside, read so that nothing in them runs.

A pickle is a program: it names functions and calls them. torch's own safe reading knows the few that tensors need and
refuses all others, so it also refuses harmless training state such as DeepSpeed's. Here such names become inert
objects instead, which take whatever they are called with and do nothing; the tensors beside them are read as usual. A
file that names what only an attack needs is not read at all.
"""

from __future__ import annotations

import functools
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

from ..errors import InvalidRequest
from .legacy import map_legacy

__all__ = ["Inert", "read_pickle"]

#: Modules that no weights need: their functions start programs, open files or connections, or import.
_HOSTILE = frozenset(
    "code commands ctypes importlib nt os pip posix pty runpy shutil socket subprocess sys webbrowser".split()
)
_BUILTINS = ("builtins", "__builtin__")
_HOSTILE_BUILTINS = frozenset("__import__ breakpoint compile eval exec execfile input open".split())
#: Functions of torch that put tensors together from storages and do nothing else, and those that wrap a tensor.
_REBUILDERS = ("_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_tensor_v3")
_WRAPPERS = ("_rebuild_parameter", "_rebuild_parameter_with_state")


class Inert:
    """Stands for an object of a class that is not trusted: it accepts everything and does nothing."""

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __setstate__(self, _: Any) -> None:
        pass

    def __setitem__(self, _: Any, __: Any) -> None:
        pass

    def __call__(self, *_: Any, **__: Any) -> Inert:
        return self

    def append(self, _: Any) -> None:
        """Take an item of a pickled list."""

    def extend(self, _: Any) -> None:
        """Take the items of a pickled list."""

    def add(self, _: Any) -> None:
        """Take an item of a pickled set."""


class _Hostile(Exception):
    """A pickle asks for what only an attack needs."""


class _Unpickler(pickle.Unpickler):
    """Knows what tensors are made of; everything else is :class:`Inert`."""

    def find_class(self, module: str, name: str) -> Any:
        known = _trusted(module, name)
        if known is not None:
            return known
        if module.partition(".")[0] in _HOSTILE or (module in _BUILTINS and name in _HOSTILE_BUILTINS):
            raise _Hostile(f"{module}.{name}")
        return Inert


class _SafePickle:
    """What ``torch.load`` wants of a pickle module."""

    Unpickler = _Unpickler
    UnpicklingError = pickle.UnpicklingError

    @staticmethod
    def load(file: Any, **options: Any) -> Any:
        return _Unpickler(file, **options).load()


def read_pickle(path: Path) -> Any:
    """Return what ``torch.save`` wrote, tensors on the CPU and mapped from the file.

    Raises:
        InvalidRequest: it cannot be read, or is an attack.
        OSError: the file cannot be opened.
    """
    try:
        try:
            return _load(path, weights_only=True)
        except pickle.UnpicklingError:  # it holds more than tensors
            return _load(path, weights_only=False, pickle_module=_SafePickle)
    except _Hostile as attack:
        raise InvalidRequest(
            f"{path}: would call {attack} when opened as a pickle, which no weights need. It was not opened. Delete "
            "it, and fetch the file from its publisher."
        ) from None


def _load(path: Path, **options: Any) -> Any:
    """Return what is in the file.

    Raises:
        pickle.UnpicklingError: only with ``weights_only``: it holds more than tensors.
        InvalidRequest: it is damaged.
    """
    import torch

    try:
        if not _is_zip(path):
            return map_legacy(path, _Unpickler)
        return torch.load(path, map_location="cpu", mmap=True, **options)
    except (OSError, _Hostile, MemoryError):
        raise
    except pickle.UnpicklingError as error:
        if options["weights_only"]:
            raise
        raise _damaged(path, error) from error
    except Exception as error:  # what a damaged pickle raises is anything
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> InvalidRequest:
    reason = str(error).partition("\n")[0][:200] or type(error).__name__
    return InvalidRequest(f"{path}: cannot be read as a PyTorch file ({reason}). Fetch it again; it may be cut short.")


def _is_zip(path: Path) -> bool:
    """Return whether it is of the format of PyTorch 1.6 and later."""
    with path.open("rb") as file:
        return file.read(4) == b"PK\x03\x04"


@functools.cache
def _trusted(module: str, name: str) -> Any:
    """Return what tensors are made of if that is what is named, else None."""
    import torch

    if module == "torch._utils" and name in _REBUILDERS:
        return getattr(torch._utils, name, None)
    if module == "torch._utils" and name in _WRAPPERS:
        return _bare
    if (module, name) == ("torch._tensor", "_rebuild_from_type_v2"):
        return _plain_tensor
    if (module, name) == ("collections", "OrderedDict"):
        return OrderedDict
    if (module, name) == ("torch", "Size"):
        return torch.Size
    if module == "torch" and name.endswith("Storage"):
        return _storage_kind(name)
    value = getattr(torch, name, None) if module == "torch" else None
    return value if isinstance(value, torch.dtype) else None


def _storage_kind(name: str) -> Any:
    """Return what stands for a class of storages such as FloatStorage: it has a ``dtype``; None if there is none."""
    from torch.serialization import StorageType

    try:
        return StorageType(name)
    except KeyError:
        return None


def _bare(tensor: Any, *_: Any) -> Any:
    """Return the tensor of a parameter."""
    return tensor


def _plain_tensor(rebuild: Any, _: Any, arguments: tuple[Any, ...], __: Any) -> Any:
    """Return a tensor without the attributes that training hung on it."""
    return rebuild(*arguments)

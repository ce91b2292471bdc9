"""Files that ``torch.save`` wrote before PyTorch 1.6, mapped instead of read.

PyTorch itself reads such a file whole, and T5 with 11 billion parameters is one of 45 GB. The format: pickles of a
magic number, the version and the system; the pickle of the object, in which storages are named by keys; the pickle of
the list of keys; then each storage in the order of that list, as its length (8 bytes) and its elements.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

__all__ = ["map_legacy"]

#: Pickles before the object's, and bytes before each storage's elements.
_HEADER_PICKLES = 3
_LENGTH_BYTES = 8


def map_legacy(path: Path, unpickler: type[pickle.Unpickler]) -> Any:
    """Return the object in a file, its tensors mapped from the file.

    Args:
        path: the file.
        unpickler: decides what the pickles in it may name.

    Raises:
        EOFError: the file is cut short.
        Exception: whatever a damaged pickle makes `unpickler` raise.
    """
    import torch

    sizes: dict[str, int] = {}

    def noted(key: str, size: int) -> torch.UntypedStorage:
        sizes[key] = size
        return torch.UntypedStorage(size, device="meta")

    with path.open("rb") as file:
        for _ in range(_HEADER_PICKLES):
            unpickler(file).load()
        start = file.tell()
        _unpickle(file, unpickler, noted)
        places, end = _places(unpickler(file).load(), sizes, file.tell())
        length = path.stat().st_size
        if end > length:
            raise EOFError(f"{end} bytes are needed, and there are {length}")
        whole = torch.UntypedStorage.from_file(str(path), False, length)
        file.seek(start)
        return _unpickle(file, unpickler, lambda key, size: whole[places[key] : places[key] + size])


def _places(keys: list[str], sizes: dict[str, int], start: int) -> tuple[dict[str, int], int]:
    """Return where the elements of each storage begin in the file, and where the last ones end [bytes]."""
    places = {}
    for key in keys:
        places[key] = start + _LENGTH_BYTES
        start = places[key] + sizes[key]
    return places, start


def _unpickle(
    file: IO[bytes], unpickler: type[pickle.Unpickler], storage_of: Callable[[str, int], torch.UntypedStorage]
) -> Any:
    """Return the object that is pickled here; `storage_of` gives the bytes of a storage by its key and size."""
    from torch.storage import TypedStorage

    made: dict[str, torch.UntypedStorage] = {}

    def load(saved: Any) -> TypedStorage:
        _, kind, key, _, count, view = saved
        if key not in made:
            made[key] = storage_of(key, count * kind.dtype.itemsize)
        storage = made[key]
        if view is not None:
            _, first, length = view
            storage = storage[first * kind.dtype.itemsize : (first + length) * kind.dtype.itemsize]
        return TypedStorage(wrap_storage=storage, dtype=kind.dtype, _internal=True)

    reader = unpickler(file)
    reader.persistent_load = load  # type: ignore[method-assign]
    return reader.load()

"""Many files as one zip stream: stored, not compressed, and never whole in memory or on the disk."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

__all__ = ["zip_stream"]

_CHUNK_BYTES = 1 << 20
#: The first date that zip files know: equal files give equal archives.
_DATE = (1980, 1, 1, 0, 0, 0)


class _Pipe:
    """A file that cannot be sought in, whose content is taken out as it is written."""

    def __init__(self) -> None:
        self._written: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._written.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        pass

    def taken(self) -> bytes:
        data = b"".join(self._written)
        self._written.clear()
        return data


def zip_stream(files: Mapping[str, Path], folder: str) -> Iterator[bytes]:
    """Yield a zip archive of `files` by name, all within `folder`."""
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:  # type: ignore[call-overload]
        for name, path in files.items():
            entry = zipfile.ZipInfo(f"{folder}/{name}", _DATE)
            entry.external_attr = 0o644 << 16
            with path.open("rb") as source, archive.open(entry, "w", force_zip64=True) as target:
                while data := source.read(_CHUNK_BYTES):
                    target.write(data)
                    yield pipe.taken()
    yield pipe.taken()

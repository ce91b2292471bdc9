"""The zip that USD calls a package: members stored, data aligned to 64 bytes, 32-bit sizes, root layer first.

Does: write one, byte for byte the same for the same members, check that one is whole, and unpack one that was so
written. Does not: compress (USD maps members into memory). Python's zipfile writes none because it insists on zip64
from 2 GiB on, which USD does not read.
"""

from __future__ import annotations

import shutil
import struct
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ..errors import InvalidRequest

__all__ = ["LIMIT_BYTES", "LIMIT_MEMBERS", "check_sizes", "check_whole", "unpack", "write_package"]

#: Sizes and offsets are 32-bit numbers and counts have 16 bits; the largest of each would mean zip64.
LIMIT_BYTES = 2**32 - 2
LIMIT_MEMBERS = 2**16 - 2
_ALIGNMENT = 64
#: Id of the extra field whose only purpose is to shift the data behind it.
_PADDING_ID = 0x1986
#: 1980-01-01 00:00 as DOS time and date: packages do not depend on when they were made.
_DOS_TIME, _DOS_DATE = 0, 0x21
_VERSION_NEEDED = 10
_COPY_BYTES = 1 << 20

_LOCAL_HEADER = struct.Struct("<4s5H3L2H")
_CENTRAL_HEADER = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")


@dataclass(frozen=True)
class _Member:
    """One entry as the central directory lists it."""

    name: bytes
    checksum: int
    size: int
    offset: int


def write_package(members: Sequence[Path], package: Path) -> None:
    """Store the files `members` under their own names in the new file `package`; the first is the root layer.

    Raises:
        InvalidRequest: the package or a member would pass 4 GiB, or there are too many members.
    """
    check_sizes({member.name: member.stat().st_size for member in members}, package.name)
    with package.open("wb") as target:
        stored = [_store(member, target) for member in members]
        begin = target.tell()
        for entry in stored:
            target.write(_central_header(entry))
        size = target.tell() - begin
        target.write(_END.pack(b"PK\x05\x06", 0, 0, len(stored), len(stored), size, begin, 0))


def check_whole(package: Path) -> None:
    """Check that a package ends where it should and that its members are what their checksums say.

    USD looks at neither: it reads numbers that a bad copy has changed as if they were right.

    Raises:
        InvalidRequest: it is cut off or damaged.
    """
    try:
        with zipfile.ZipFile(package) as archive:
            damaged = archive.testzip()
    except (zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, RuntimeError, ValueError) as error:
        reason = f"it is cut off or no package ({error})"
    else:
        if damaged is None:
            return
        reason = f"{damaged} is not what its checksum says"
    raise InvalidRequest(f"{package}: damaged: {reason}. Copy or export it again.")


def unpack(package: Path, folder: Path) -> list[Path]:
    """Write the members of `package` into `folder`; return them in their order, the root layer first.

    The root layer is named after the package, so that several packages can be unpacked into one folder; other members
    keep their names, by which the root layer knows them.
    """
    files = []
    with zipfile.ZipFile(package) as archive:
        for i, entry in enumerate(archive.infolist()):
            name = Path(entry.filename)
            files.append(folder / (package.stem + name.suffix if i == 0 else name.name))
            with archive.open(entry) as source, files[-1].open("wb") as target:
                shutil.copyfileobj(source, target, _COPY_BYTES)
    return files


def check_sizes(sizes: Mapping[str, int], package: str) -> None:
    """Refuse members, given by name with their sizes in bytes, that do not fit, before anything is written.

    Raises:
        InvalidRequest: the package or a member would pass 4 GiB, or there are too many members.
    """
    if len(sizes) > LIMIT_MEMBERS:
        raise InvalidRequest(
            f"{package}: a usdz package holds at most {LIMIT_MEMBERS} files, this one would have {len(sizes)}; "
            "use the folder as it is."
        )
    total = sum(size + 2 * (_CENTRAL_HEADER.size + len(name.encode()) + _ALIGNMENT) for name, size in sizes.items())
    if total + _END.size <= LIMIT_BYTES:
        return
    largest = max(sizes, key=lambda name: sizes[name])
    raise InvalidRequest(
        f"{package}: a usdz package and each of its files must stay below 4 GiB, for zip with 32-bit numbers is all "
        f"that USD reads; this one would have {total / 2**30:.2f} GiB, {largest} alone "
        f"{sizes[largest] / 2**30:.2f} GiB. Use .usdc files in a folder, halve it with author.half=true or drop "
        "spherical harmonics."
    )


def _store(member: Path, target: BinaryIO) -> _Member:
    offset, name, size = target.tell(), member.name.encode(), member.stat().st_size
    data_at = offset + _LOCAL_HEADER.size + len(name) + 4  # 4: head of the padding field
    padding = -data_at % _ALIGNMENT
    extra = struct.pack("<2H", _PADDING_ID, padding) + bytes(padding)
    checksum = _checksum(member)
    target.write(
        _LOCAL_HEADER.pack(
            b"PK\x03\x04", _VERSION_NEEDED, 0, 0, _DOS_TIME, _DOS_DATE, checksum, size, size, len(name), len(extra)
        )
    )
    target.write(name + extra)
    with member.open("rb") as source:
        while block := source.read(_COPY_BYTES):
            target.write(block)
    return _Member(name, checksum, size, offset)


def _checksum(member: Path) -> int:
    checksum = 0
    with member.open("rb") as source:
        while block := source.read(_COPY_BYTES):
            checksum = zlib.crc32(block, checksum)
    return checksum


def _central_header(entry: _Member) -> bytes:
    head = _CENTRAL_HEADER.pack(
        b"PK\x01\x02",
        _VERSION_NEEDED,
        _VERSION_NEEDED,
        0,
        0,
        _DOS_TIME,
        _DOS_DATE,
        entry.checksum,
        entry.size,
        entry.size,
        len(entry.name),
        0,
        0,
        0,
        0,
        0,
        entry.offset,
    )
    return head + entry.name

"""The text header of a PLY file: what elements follow, in which types and where they start."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from ..errors import InvalidRequest, nearest

__all__ = ["PlyElement", "PlyHeader", "read_header"]

#: NumPy type code by PLY type name; both spellings are in use.
_TYPES = {
    "char": "i1",
    "int8": "i1",
    "uchar": "u1",
    "uint8": "u1",
    "short": "i2",
    "int16": "i2",
    "ushort": "u2",
    "uint16": "u2",
    "int": "i4",
    "int32": "i4",
    "uint": "u4",
    "uint32": "u4",
    "float": "f4",
    "float32": "f4",
    "double": "f8",
    "float64": "f8",
}
_BYTE_ORDER = {"binary_little_endian": "<", "binary_big_endian": ">", "ascii": "="}
_LENGTH_TYPES = ("i1", "u1", "i2", "u2", "i4", "u4")
#: Longer headers are not headers: a splat of degree 3 needs about 1.5 kB.
_MAX_HEADER_BYTES = 1 << 20
#: No disk holds more rows, and 64-bit offsets hold their size.
_MAX_COUNT_DIGITS = 15


@dataclass
class PlyElement:
    """One element: `columns` maps property names to NumPy type codes; `lists` names its list properties."""

    name: str
    count: int
    columns: dict[str, str] = field(default_factory=dict)
    lists: list[str] = field(default_factory=list)

    def row_type(self, byte_order: str) -> npt.DTypeLike:
        """Structured type of one row; only for elements without lists."""
        return np.dtype([(name, byte_order + code) for name, code in self.columns.items()])

    def least_bytes(self, text: bool) -> int:
        """Return the size of all rows: exact in a binary file, a digit and a separator a column in a text one.

        Only for elements without lists.
        """
        row = sum(2 if text else np.dtype(code).itemsize for code in self.columns.values())
        # The last line of a text may lack its end.
        return max(self.count * row - text, 0)


@dataclass(frozen=True)
class PlyHeader:
    """A parsed header; `size` is the byte offset of the first row."""

    format: str
    elements: tuple[PlyElement, ...]
    size: int

    @property
    def byte_order(self) -> str:
        return _BYTE_ORDER[self.format]

    @property
    def is_chunked(self) -> bool:
        """Whether this is the compressed layout of PlayCanvas: quantised rows in chunks of 256."""
        return any(e.name == "vertex" and "packed_position" in e.columns for e in self.elements)


def read_header(file: BinaryIO, subject: str) -> PlyHeader:
    """Parse the header at the start of `file`, which stands at the first row afterwards.

    Args:
        file: the file, opened for reading bytes.
        subject: how messages name the file.

    Raises:
        InvalidRequest: not a PLY file, or a header that breaks the format's rules.
    """
    first = file.readline(64)
    if not first:
        raise InvalidRequest(f"{subject}: the file is empty; a Gaussian PLY was expected.")
    if first.strip() != b"ply":
        raise InvalidRequest(f"{subject}: not a PLY file, it does not start with 'ply'{_guess(first)}.")
    format_name = ""
    elements: list[PlyElement] = []
    while True:
        words = _next_line(file, subject).split()
        if not words or words[0] in ("comment", "obj_info"):
            continue
        if words[0] == "end_header":
            break
        if words[0] == "format" and not format_name:
            format_name = _format(words, subject)
        elif words[0] == "element":
            elements.append(_element(words, elements, subject))
        elif words[0] == "property" and elements:
            _add_property(elements[-1], words, subject)
        else:
            raise InvalidRequest(f"{subject}: the PLY header has a line that means nothing: {' '.join(words)!r}.")
    if not format_name:
        raise InvalidRequest(f"{subject}: the PLY header names no format; it needs a line like 'format ascii 1.0'.")
    return PlyHeader(format_name, tuple(elements), file.tell())


def _next_line(file: BinaryIO, subject: str) -> str:
    line = file.readline(4096)
    if not line.endswith(b"\n") or file.tell() > _MAX_HEADER_BYTES:
        raise InvalidRequest(f"{subject}: the PLY header has no end_header line; the file is cut off or not a PLY.")
    try:
        return line.decode("ascii").strip()
    except UnicodeDecodeError:
        if line.startswith((b"comment", b"obj_info")):
            return ""
        raise InvalidRequest(f"{subject}: the PLY header holds bytes that are not text before end_header.") from None


def _format(words: list[str], subject: str) -> str:
    if len(words) != 3 or words[1] not in _BYTE_ORDER:
        raise InvalidRequest(f"{subject}: PLY format {' '.join(words[1:])!r} is unknown; {nearest('', _BYTE_ORDER)}")
    return words[1]


def _element(words: list[str], before: list[PlyElement], subject: str) -> PlyElement:
    if len(words) != 3 or not words[2].isdecimal() or len(words[2]) > _MAX_COUNT_DIGITS:
        raise InvalidRequest(
            f"{subject}: a PLY element needs a name and a count of up to {_MAX_COUNT_DIGITS} digits, "
            f"got {' '.join(words)[:80]!r}."
        )
    if any(element.name == words[1] for element in before):
        raise InvalidRequest(f"{subject}: the PLY header names element {words[1]!r} twice.")
    return PlyElement(words[1], int(words[2]))


def _add_property(element: PlyElement, words: list[str], subject: str) -> None:
    is_list = words[1:2] == ["list"]
    types = [_TYPES.get(word) for word in words[2 if is_list else 1 : -1]]
    fits = len(types) == (2 if is_list else 1) and None not in types
    if not fits or (is_list and types[0] not in _LENGTH_TYPES):
        raise InvalidRequest(
            f"{subject}: PLY property {' '.join(words[1:])!r} has an unknown type; {nearest('', _TYPES)}"
        )
    name = words[-1]
    if name in element.columns or name in element.lists:
        raise InvalidRequest(f"{subject}: the PLY header names property {name!r} of {element.name!r} twice.")
    if is_list:
        element.lists.append(name)
    else:
        element.columns[name] = str(types[0])


def _guess(first: bytes) -> str:
    """Return what the file looks like instead, as the end of a sentence."""
    known = {
        b"\x1f\x8b": "a gzip file such as .spz",
        b"NGSP": "an .spz file",
        b"PK\x03\x04": "a zip file such as .sog",
        b"solid": "an STL mesh",
        b"glTF": "a glTF file",
        b"version https://git-lfs": "a Git LFS pointer; fetch the real file with: git lfs pull",
    }
    looks = next((what for magic, what in known.items() if first.startswith(magic)), "")
    return f" (it looks like {looks})" if looks else ""

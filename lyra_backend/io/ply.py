"""Gaussian PLY files: the exchange format of 3D Gaussian splatting (Kerbl et al. 2023).

One row a Gaussian, columns found by name: ``x y z``, ``f_dc_0..2``, ``f_rest_0..`` (all red coefficients, then green,
then blue), ``opacity`` (logit), ``scale_0..2`` (natural logarithm), ``rot_0..3`` (wxyz, of any length). Coordinates
are kept as they are; captures mostly have y down and z forward. Files of 2D Gaussian splatting lack ``scale_2``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from ..atomic import replacing
from ..errors import InvalidRequest
from ..types.gaussians import GaussianCloud
from ..types.report import Outcome
from .ply_header import PlyElement, PlyHeader, read_header
from .stored_gaussians import MAX_ABS_VALUE, StoredGaussians, log_scales, logits

__all__ = ["open_binary", "parse_ply", "read_ply", "write_ply", "write_ply_stream"]

Floats = npt.NDArray[np.float32]
Report = Callable[[float, str], None]

_ROWS_AT_ONCE = 8192
_REST_COUNTS = (0, 9, 24, 45)
_POSITION = ("x", "y", "z")
_DC = ("f_dc_0", "f_dc_1", "f_dc_2")
_SCALE = ("scale_0", "scale_1", "scale_2")
_QUAT = ("rot_0", "rot_1", "rot_2", "rot_3")


def read_ply(
    path: Path | str, progress: Report | None = None, *, base_colors_only: bool = False
) -> Outcome[GaussianCloud]:
    """Read a Gaussian PLY: text or binary of either byte order, any column order and number types, SH degree 0 to 3.

    Rows with NaN, infinite or absurd values are dropped; counts and findings say how many. Peak memory is the cloud
    plus a few megabytes.

    Args:
        path: the file.
        progress: told how far reading is; may raise to cancel.
        base_colors_only: leave view-dependent colours in the file: of degree 3 they are three quarters of a cloud.

    Raises:
        InvalidRequest: no such file, not a Gaussian PLY, cut off, or without a usable Gaussian.
    """
    file, size = open_binary(Path(path))
    with file:
        return parse_ply(file, size, str(path), progress, base_colors_only=base_colors_only)


def open_binary(path: Path) -> tuple[BinaryIO, int]:
    """Open an input file and return it with its size in bytes.

    Raises:
        InvalidRequest: it is missing, a folder, empty or unreadable.
    """
    if path.is_dir():
        raise InvalidRequest(f"{path}: a Gaussian splat file was expected, but this is a folder. Name the file in it.")
    try:
        file = path.open("rb")
    except (FileNotFoundError, ValueError):  # no name holds a zero byte
        raise InvalidRequest(f"{path}: no such file. Check the name and the current folder.") from None
    except OSError as error:
        raise InvalidRequest(f"{path}: cannot be read ({error.strerror}).") from error
    size = os.fstat(file.fileno()).st_size
    if size == 0:
        file.close()
        raise InvalidRequest(f"{path}: the file is empty; a Gaussian splat was expected.")
    return file, size


def parse_ply(
    file: BinaryIO, size: int, subject: str, progress: Report | None = None, *, base_colors_only: bool = False
) -> Outcome[GaussianCloud]:
    """Read a Gaussian PLY of `size` bytes from a stream; `subject` names it in messages. See :func:`read_ply`."""
    header = read_header(file, subject)
    if header.is_chunked:
        raise InvalidRequest(f"{subject}: a compressed PLY in chunks; read it with lyra_backend.io.splats.read_splats.")
    vertex = _skip_to_vertices(file, header, size, subject)
    columns = _Columns.of(vertex, subject)
    if base_colors_only:
        columns = replace(columns, rest=0)
    stored = StoredGaussians(vertex.count, columns.rest)
    for block, place in _blocks(file, header, vertex, columns, subject):
        _add(stored, block, place, columns)
        if progress:
            progress(stored.seen / vertex.count, f"read {stored.seen:,} of {vertex.count:,} Gaussians")
    return stored.finish(subject)


def write_ply(path: Path | str, cloud: GaussianCloud) -> None:
    """Write a cloud as binary little-endian Gaussian PLY in the usual column order; whole or not at all.

    Centres, SH and quaternions are kept to the bit; scales and opacities to float32's precision of their logarithm
    and logit. Frame and classes are not part of the format.

    Raises:
        InvalidRequest: the folder does not exist.
        WriteFailed: nothing can be written there.
    """
    with replacing(Path(path)) as part, part.open("wb") as file:
        write_ply_stream(file, cloud)


def write_ply_stream(file: BinaryIO, cloud: GaussianCloud) -> None:
    """Write a cloud as Gaussian PLY to a stream; see :func:`write_ply`."""
    rest = cloud.sh.shape[1] - 1
    names = [*_POSITION, "nx", "ny", "nz", *_DC, *(f"f_rest_{i}" for i in range(3 * rest))]
    names += ["opacity", *_SCALE, *_QUAT]
    lines = ["ply", "format binary_little_endian 1.0", f"element vertex {cloud.count}"]
    lines += [*(f"property float {name}" for name in names), "end_header", ""]
    file.write("\n".join(lines).encode("ascii"))
    block = np.zeros((_ROWS_AT_ONCE, len(names)), "<f4")
    for start in range(0, cloud.count, _ROWS_AT_ONCE):
        part = slice(start, start + _ROWS_AT_ONCE)
        rows = block[: min(_ROWS_AT_ONCE, cloud.count - start)]
        rows[:, 0:3] = cloud.positions[part]
        rows[:, 6:9] = cloud.sh[part, 0]
        rows[:, 9 : 9 + 3 * rest].reshape(len(rows), 3, rest)[:] = cloud.sh[part, 1:].transpose(0, 2, 1)
        rows[:, -8] = logits(cloud.opacities[part])
        rows[:, -7:-4] = log_scales(cloud.scales[part])
        rows[:, -4:] = cloud.quats_wxyz[part]
        file.write(rows.data)


@dataclass(frozen=True)
class _Columns:
    """Which columns a file's Gaussians are made of; `rest` counts SH coefficients per channel above DC."""

    rest: int
    flat: bool

    @staticmethod
    def of(vertex: PlyElement, subject: str) -> _Columns:
        if vertex.lists:
            raise InvalidRequest(f"{subject}: Gaussians have no lists, but the PLY has {', '.join(vertex.lists)}.")
        have = vertex.columns
        missing = [n for n in (*_POSITION, *_DC, "opacity", *_SCALE[:2], *_QUAT) if n not in have]
        if missing:
            shown = ", ".join(missing)
            hint = " It looks like a point cloud or mesh, not a Gaussian splat." if "rot_0" in missing else ""
            raise InvalidRequest(f"{subject}: the PLY lacks the columns {shown} of a Gaussian splat.{hint}")
        rest = {name for name in have if name.startswith("f_rest_")}
        if len(rest) not in _REST_COUNTS or rest != {f"f_rest_{i}" for i in range(len(rest))}:
            raise InvalidRequest(
                f"{subject}: f_rest columns must be f_rest_0 and so on, 0, 9, 24 or 45 of them (SH degree 0 to 3), "
                f"got {len(rest)}."
            )
        return _Columns(len(rest) // 3, "scale_2" not in have)

    @property
    def scale(self) -> tuple[str, ...]:
        return _SCALE[: 2 if self.flat else 3]

    @property
    def higher(self) -> tuple[str, ...]:
        return tuple(f"f_rest_{i}" for i in range(3 * self.rest))

    @property
    def names(self) -> tuple[str, ...]:
        return (*_POSITION, *_DC, *self.higher, "opacity", *self.scale, *_QUAT)


def _skip_to_vertices(file: BinaryIO, header: PlyHeader, size: int, subject: str) -> PlyElement:
    """Move `file` to the first Gaussian and check that all are there."""
    text = header.format == "ascii"
    for element in header.elements:
        if element.lists and element.name != "vertex":
            raise InvalidRequest(f"{subject}: element {element.name!r} with lists stands before the Gaussians.")
        _check_length(element, size - file.tell(), text, subject)
        if element.name == "vertex":
            if element.count == 0:
                raise InvalidRequest(f"{subject}: the PLY holds no Gaussians (element vertex 0).")
            return element
        if text:
            for _ in islice(file, element.count):
                pass
        else:
            file.seek(element.least_bytes(text), os.SEEK_CUR)
    raise InvalidRequest(f"{subject}: the PLY has no element 'vertex', so it holds no Gaussians.")


def _check_length(element: PlyElement, there: int, text: bool, subject: str) -> None:
    needed = element.least_bytes(text)
    if there < needed:
        what = "Gaussians" if element.name == "vertex" else f"rows of element {element.name!r}"
        least = "at least " if text else ""
        raise InvalidRequest(
            f"{subject}: cut off: the header promises {element.count:,} {what} ({least}{needed:,} bytes), "
            f"but {there:,} bytes are there. Copy or export the file again."
        )


def _blocks(
    file: BinaryIO, header: PlyHeader, vertex: PlyElement, columns: _Columns, subject: str
) -> Iterator[tuple[Floats, Mapping[str, int]]]:
    """Yield float32 rows (n, C) with the column number of each name; a block is only good until the next."""
    if header.format == "ascii":
        yield from _text_blocks(file, vertex, subject)
        return
    row_type = np.dtype(vertex.row_type(header.byte_order))
    uniform = header.byte_order == "<" and set(vertex.columns.values()) == {"f4"}
    names = tuple(vertex.columns) if uniform else columns.names
    place = {name: i for i, name in enumerate(names)}
    buffer = np.empty(min(_ROWS_AT_ONCE, vertex.count), row_type)
    for start in range(0, vertex.count, len(buffer)):
        rows = buffer[: vertex.count - start]
        wanted = rows.view(np.uint8).data
        if file.readinto(wanted) != len(wanted):  # type: ignore[attr-defined]
            raise InvalidRequest(
                f"{subject}: reading stopped at Gaussian {start:,} of {vertex.count:,}; is it changing?"
            )
        yield (rows.view("<f4").reshape(len(rows), -1) if uniform else _packed(rows, names)), place


def _packed(rows: npt.NDArray[np.void], names: tuple[str, ...]) -> Floats:
    """Return the columns `names` of structured rows as float32 (n, C)."""
    block = np.empty((len(rows), len(names)), np.float32)
    with np.errstate(over="ignore", invalid="ignore"):  # values too large become infinite; such rows are dropped
        for i, name in enumerate(names):
            block[:, i] = rows[name]
    return block


def _text_blocks(file: BinaryIO, vertex: PlyElement, subject: str) -> Iterator[tuple[Floats, Mapping[str, int]]]:
    place = {name: i for i, name in enumerate(vertex.columns)}
    for start in range(0, vertex.count, _ROWS_AT_ONCE):
        rows = min(_ROWS_AT_ONCE, vertex.count - start)
        words = b" ".join(islice(file, rows)).split()
        where = f"{subject}: Gaussians {start:,} to {start + rows - 1:,}"
        if len(words) != rows * len(place):
            raise InvalidRequest(f"{where} must be {len(place)} numbers a line, got {len(words):,} in {rows:,} lines.")
        try:
            values = np.array([float(w) for w in words])
        except ValueError as error:
            raise InvalidRequest(f"{where} must be numbers: {error}.") from None
        with np.errstate(over="ignore"):
            yield values.astype(np.float32).reshape(rows, -1), place


def _add(stored: StoredGaussians, block: Floats, place: Mapping[str, int], columns: _Columns) -> None:
    """Hand the rows of a block (n, C) over."""
    # One look at the extremes clears nearly every block; NaN fails the comparison too.
    checked = bool(block.min() > -MAX_ABS_VALUE and block.max() < MAX_ABS_VALUE)
    higher = _columns_of(block, place, columns.higher).reshape(len(block), 3, columns.rest).transpose(0, 2, 1)
    stored.add(
        positions=_columns_of(block, place, _POSITION),
        dc=_columns_of(block, place, _DC),
        higher=higher,
        logit_opacities=block[:, place["opacity"]],
        log_scales=_columns_of(block, place, columns.scale),
        quats_wxyz=_columns_of(block, place, _QUAT),
        checked=checked,
    )


def _columns_of(block: Floats, place: Mapping[str, int], names: tuple[str, ...]) -> Floats:
    """Return the named columns (n, len(names)): a view where they stand side by side."""
    index = [place[name] for name in names]
    if not index:
        return block[:, :0]
    if index == list(range(index[0], index[0] + len(index))):
        return block[:, index[0] : index[0] + len(index)]
    return block[:, index]

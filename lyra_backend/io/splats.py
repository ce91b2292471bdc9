"""Gaussian splat files of any supported format, by extension and content.

=================  ======  ======  ================================================================================
format             read    write   what it keeps
=================  ======  ======  ================================================================================
.ply               yes     yes     everything, SH degree 0 to 3
.compressed.ply    yes     yes     quantised: centres 1/1024 of a chunk's size, SH +-4 in 8 bit
.spz               yes     yes     quantised: centres 1/4096 m up to 2 km, scales 1/16 of a factor e, SH +-1 in 8 bit
.splat             yes     yes     8 bit colours and orientations, no SH
.ksplat            yes     yes     8 bit colours; SH up to degree 1
.sog               yes     yes     quantised, SH through a palette; the order of Gaussians changes
.usdz .usdc .usda  yes     no      every ParticleField3DGaussianSplat of a stage, or its one NuRec volume, where it is
=================  ======  ======  ================================================================================

Coordinates are always kept as the file has them. SPZ files are y up by their specification, but many programs write
the y-down axes of 3D Gaussian splatting into them unchanged: a file does not say which.

Compressed PLY and SPZ go through gsply, the three after them through gaussforge; both are optional. USD, packages of
NuRec among it, is read and written by `author`, with everything that a stage needs.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from ..atomic import atomic_write, replacing
from ..errors import InvalidRequest, MissingDependency, nearest
from ..types.gaussians import GaussianCloud
from ..types.report import Finding, Outcome, Severity
from .child_process import temporary_folder
from .gaussforge_process import convert_file
from .ply import open_binary, parse_ply, read_ply, write_ply
from .ply_header import PlyHeader, read_header
from .stored_gaussians import StoredGaussians, log_scales, logits
from .usd_splats import USD_READABLE, read_usd_splats

__all__ = ["READABLE", "WRITABLE", "format_of", "read_splats", "write_splats"]

#: Formats by file name ending, without the first dot.
WRITABLE = ("ply", "compressed.ply", "spz", "splat", "ksplat", "sog")
READABLE = (*WRITABLE, *USD_READABLE)

#: Highest SH degree a format can be trusted with. The two programs that know .ksplat disagree about degree 2.
_MAX_DEGREE = {"splat": 0, "ksplat": 1}
_CHUNK = 256
_PACKED = ("packed_position", "packed_rotation", "packed_scale", "packed_color")
#: Of the elements chunk, vertex and sh.
_CHUNKED_TYPES = ("f4", "u4", "u1")
_SPZ_V4 = (4).to_bytes(4, "little")
_SPZ_MAX_FIXED = float(2**23 - 1)


def format_of(path: Path | str, known: tuple[str, ...] = READABLE) -> str:
    """Return which of the `known` formats a file name stands for.

    Raises:
        InvalidRequest: none of them.
    """
    name = Path(path).name.lower()
    fits = [ending for ending in known if name.endswith(f".{ending}")]
    if not fits:
        suffix = Path(path).suffix or "no extension"
        raise InvalidRequest(f"{path}: not a Gaussian splat format ({suffix}); {nearest(suffix.lstrip('.'), known)}")
    return max(fits, key=len)


def read_splats(
    path: Path | str,
    progress: Callable[[float, str], None] | None = None,
    *,
    base_colors_only: bool = False,
) -> Outcome[GaussianCloud]:
    """Read a Gaussian splat file; see the table above for formats and `read_ply` for what is dropped.

    The frame is GENERATOR, but for USD files of this package that say WORLD. With `base_colors_only`, view-dependent
    colours of plain PLY and USD files are not read.

    Raises:
        InvalidRequest: unknown format, no such file, or a file that cannot be used.
        MissingDependency: the format needs a package that is not installed.
    """
    path = Path(path)
    kind = format_of(path)
    file, size = open_binary(path)
    with file:
        if kind in ("ply", "compressed.ply"):
            header = read_header(file, str(path))
            if header.is_chunked:
                _check_chunks(header, size, str(path))
                return _from_gsply(path, "plyread")
            file.seek(0)
            return parse_ply(file, size, str(path), progress, base_colors_only=base_colors_only)
        magic = file.read(8)
    if kind in USD_READABLE:
        return read_usd_splats(path, base_colors_only=base_colors_only)
    if kind == "spz":
        return _read_spz(path, magic)
    return _read_foreign(path, kind, magic)


def write_splats(path: Path | str, cloud: GaussianCloud) -> Outcome[None]:
    """Write a Gaussian splat file in the format of its name, whole or not at all.

    Returns:
        Findings about what the format could not keep.

    Raises:
        InvalidRequest: unknown format, an empty cloud, or a folder that does not exist.
        WriteFailed: nothing can be written there.
        MissingDependency: the format needs a package that is not installed.
    """
    path = Path(path)
    kind = format_of(path, WRITABLE)
    if not cloud.count:
        raise InvalidRequest(f"{path}: there are no Gaussians to write.")
    reduced, findings = _reduced(cloud, kind)
    if kind == "ply":
        write_ply(path, reduced)
    elif kind == "compressed.ply":
        _write_chunked(path, reduced)
    elif kind == "spz":
        _write_spz(path, reduced)
    else:
        _write_foreign(path, kind, reduced)
    return Outcome(None, {"gaussians": cloud.count}, findings)


def _gsply(purpose: str) -> ModuleType:
    try:
        return importlib.import_module("gsply")
    except ImportError as error:
        raise MissingDependency("gsply", purpose, "formats") from error


def _from_gsply(path: Path, reader: str) -> Outcome[GaussianCloud]:
    """Read through one of gsply's functions, which give stored values in separate arrays."""
    gsply = _gsply(f"reading {path.name}")
    try:
        data = getattr(gsply, reader)(path)
    except ValueError as error:
        if "zstandard" in str(error):
            raise MissingDependency("zstandard", f"reading {path.name}, an SPZ of version 4") from error
        raise InvalidRequest(f"{path}: cannot be read: {error}. Export it again or use .ply.") from error
    except Exception as error:
        raise InvalidRequest(f"{path}: damaged ({type(error).__name__}: {error}). Export it again.") from error
    count = len(data.means)
    if not count:
        raise InvalidRequest(f"{path}: the file holds no Gaussians.")
    higher = np.zeros((count, 0, 3), np.float32) if data.shN is None else np.asarray(data.shN).reshape(count, -1, 3)
    stored = StoredGaussians(count, higher.shape[1])
    stored.add(
        positions=data.means,
        dc=data.sh0,
        higher=higher,
        logit_opacities=data.opacities.reshape(count),
        log_scales=data.scales,
        quats_wxyz=data.quats,
    )
    return stored.finish(str(path))


def _check_chunks(header: PlyHeader, size: int, subject: str) -> None:
    """Check the layout of a chunked PLY as thoroughly as native decoders do not."""
    names = [element.name for element in header.elements]
    if header.format != "binary_little_endian" or names not in (["chunk", "vertex"], ["chunk", "vertex", "sh"]):
        raise InvalidRequest(
            f"{subject}: a compressed PLY needs the elements chunk, vertex and perhaps sh, little-endian, "
            f"got {', '.join(names)} in {header.format}."
        )
    chunk, vertex, *sh = header.elements
    if len(chunk.columns) == 12:
        raise InvalidRequest(f"{subject}: an early compressed PLY without colour bounds; export it again.")
    if len(chunk.columns) != 18:
        raise InvalidRequest(f"{subject}: a compressed PLY needs chunks of 18 bounds, got {len(chunk.columns)}.")
    if tuple(vertex.columns) != _PACKED or chunk.count != -(-vertex.count // _CHUNK):
        raise InvalidRequest(f"{subject}: a compressed PLY needs {', '.join(_PACKED)} and a chunk per {_CHUNK} rows.")
    if any(e.count != vertex.count or len(e.columns) not in (9, 24, 45) for e in sh):
        raise InvalidRequest(f"{subject}: SH of a compressed PLY must be 9, 24 or 45 columns for every Gaussian.")
    for element, code in zip(header.elements, _CHUNKED_TYPES, strict=False):
        if element.lists or set(element.columns.values()) != {code}:
            raise InvalidRequest(f"{subject}: every column of {element.name!r} must be {np.dtype(code).name}.")
    needed = sum(element.least_bytes(text=False) for element in header.elements)
    if size - header.size < needed:
        raise InvalidRequest(
            f"{subject}: cut off: the header promises {vertex.count:,} Gaussians ({needed:,} bytes), "
            f"but {size - header.size:,} bytes are there."
        )


def _write_chunked(path: Path, cloud: GaussianCloud) -> None:
    gsply = _gsply(f"writing {path.name}")
    data = gsply.compress_to_bytes(**_stored(cloud))
    atomic_write(path, data)


def _stored(cloud: GaussianCloud) -> dict[str, Any]:
    """Return the cloud as stored values under gsply's argument names."""
    return {
        "data_or_means": np.array(cloud.positions),
        "scales": log_scales(cloud.scales),
        "quats": np.array(cloud.quats_wxyz),
        "opacities": logits(cloud.opacities),
        "sh0": np.array(cloud.sh[:, 0]),
        "shN": np.array(cloud.sh[:, 1:]) if cloud.sh_degree else None,
    }


def _read_spz(path: Path, magic: bytes) -> Outcome[GaussianCloud]:
    if not magic.startswith((b"\x1f\x8b", b"NGSP")):
        raise InvalidRequest(f"{path}: not an SPZ file: it is neither gzip nor NGSP. Check its real format.")
    if magic.startswith(b"NGSP") and magic[4:] != _SPZ_V4:
        raise InvalidRequest(f"{path}: damaged: an SPZ that is not gzip must be of version 4. Export it again.")
    outcome = _from_gsply(path, "read_spz")
    axes = Finding(
        "splat.spz_axes",
        Severity.INFO,
        "SPZ files are y up by their specification, y down out of some programs; if the scene stands on its head, "
        "set up to the other one of y and -y.",
    )
    return replace(outcome, findings=(*outcome.findings, axes))


def _write_spz(path: Path, cloud: GaussianCloud) -> None:
    gsply = _gsply(f"writing {path.name}")
    stored = _stored(cloud)
    shape = (cloud.count, 0, 3)
    data = gsply.GSData(
        stored["data_or_means"],
        stored["scales"],
        stored["quats"],
        stored["opacities"],
        stored["sh0"],
        np.zeros(shape, np.float32) if stored["shN"] is None else stored["shN"],
    )
    with replacing(path) as part:
        gsply.write_spz(part, data, version=3, fractional_bits=_fractional_bits(cloud))
        with part.open("r+b") as file:
            file.seek(4)
            file.write(bytes(4))  # the gzip header's date, so that equal clouds give equal files


def _fractional_bits(cloud: GaussianCloud) -> int:
    """Return the bits behind the binary point of 24-bit centres: 12 as usual, fewer for scenes beyond 2 km."""
    reach = max(float(np.abs(cloud.positions).max()), 1e-9)
    bits = int(np.floor(np.log2(_SPZ_MAX_FIXED / reach)))
    if bits < 1:
        raise InvalidRequest(f"SPZ centres must lie within {_SPZ_MAX_FIXED / 2:.0f} m, got {reach:.3g} m. Use .ply.")
    return min(bits, 12)


def _read_foreign(path: Path, kind: str, magic: bytes) -> Outcome[GaussianCloud]:
    if kind == "sog" and not magic.startswith(b"PK"):
        raise InvalidRequest(f"{path}: not a SOG file: it is not a zip archive. Check its real format.")
    with temporary_folder() as folder:
        target = Path(folder) / "converted.ply"
        convert_file(path, kind, target, "ply", str(path))
        outcome = read_ply(target)
    cloud, limit = outcome.value, _MAX_DEGREE.get(kind)
    if limit is None or cloud.sh_degree <= limit:
        return outcome
    # With an unsure order of coefficients even degree 1 is wrong; only the base colour is certain.
    finding = _reduction(
        cloud.sh_degree,
        limit,
        f"SH of degree {cloud.sh_degree} in .{kind} is not certain: colours do not change with the view.",
    )
    return replace(outcome, value=replace(cloud, sh=cloud.sh[:, :1]), findings=(*outcome.findings, finding))


def _write_foreign(path: Path, kind: str, cloud: GaussianCloud) -> None:
    with temporary_folder() as folder:
        source = Path(folder) / "cloud.ply"
        write_ply(source, cloud)
        with replacing(path) as part:
            convert_file(source, "ply", part, kind, str(path))


def _reduced(cloud: GaussianCloud, kind: str) -> tuple[GaussianCloud, tuple[Finding, ...]]:
    """Return what of a cloud the format can hold, and a finding if that is less."""
    limit = _MAX_DEGREE.get(kind, 3)
    if cloud.sh_degree <= limit:
        return cloud, ()
    finding = _reduction(
        cloud.sh_degree,
        limit,
        f".{kind} keeps SH up to degree {limit}: view-dependent colour above it was left out. Use .ply to keep it.",
    )
    return replace(cloud, sh=cloud.sh[:, : (limit + 1) ** 2]), (finding,)


def _reduction(degree: int, limit: int, message: str) -> Finding:
    return Finding("splat.reduced", Severity.WARNING, message, measured=float(degree), limit=float(limit))

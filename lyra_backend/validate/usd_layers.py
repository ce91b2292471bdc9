"""What every USD layer must say and must not say, whatever it holds.

Does: check the metadata of root layers, the files layers refer to, traces of the machine they were written on, and that
packages are whole.
Does not: look at prims.
"""

from __future__ import annotations

import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from pxr import Ar, Sdf, Tf, UsdUtils

from ..types import Finding, Severity
from .placed_robots import robot_assets

__all__ = ["check_default_prim", "check_metadata", "check_package", "check_references", "files_below"]

#: Stage metadata is not composed and its fallbacks (Y, centimetres) are wrong for robots, so each file says its own.
_METADATA = (
    ("upAxis", "Z", "up_axis", Severity.ERROR, "Y", "turn it so that Z points up"),
    ("metersPerUnit", 1.0, "meters_per_unit", Severity.ERROR, "centimetres", "export it in metres"),
    ("kilogramsPerUnit", 1.0, "kilograms_per_unit", Severity.WARNING, "kilograms", "give masses in kilograms"),
)
_ABSOLUTE = re.compile(r"^(/|\\\\|[A-Za-z]:[\\/]|file:)")
_REMOTE = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]+://")
#: A folder path inside running text, as some writers leave in comments.
_PATH_IN_TEXT = re.compile(r"(?<![\w:/.])(/[\w.-]+){2,}|\b[A-Za-z]:\\[\w\\.-]+")


def check_metadata(layer: Sdf.Layer, where: str) -> Iterator[Finding]:
    """Yield what axes and units of the root layer named `where` robots cannot be simulated with."""
    root = layer.pseudoRoot
    for key, wanted, code, severity, fallback, advice in _METADATA:
        if not root.HasInfo(key):
            message = f"{where}: {key} is not authored, readers then take {fallback}; author {key} = {wanted}."
            yield Finding(f"usd.{code}", severity, message, where=where)
        elif root.GetInfo(key) != wanted:
            message = f"{where}: {key} must be {wanted}, got {root.GetInfo(key)}; {advice}."
            measured, limit = (float(root.GetInfo(key)), wanted) if isinstance(wanted, float) else (None, None)
            yield Finding(f"usd.{code}", severity, message, measured, limit, where)


def check_default_prim(layer: Sdf.Layer, where: str) -> Iterator[Finding]:
    """Yield an error if references to the layer named `where` do not know what they mean."""
    if not layer.HasDefaultPrim():
        message = f"{where}: no defaultPrim, so it cannot be referenced; author one."
        yield Finding("usd.default_prim", Severity.ERROR, message, where=where)
    elif not layer.GetPrimAtPath(layer.GetDefaultPrimAsPath()):
        message = f"{where}: its defaultPrim {layer.defaultPrim!r} does not exist; define it or name another."
        yield Finding("usd.default_prim", Severity.ERROR, message, where=where)


def check_package(file: Path, where: str) -> Iterator[Finding]:
    """Yield an error if the package `file` is cut off or a checksum in it is wrong; USD looks at neither."""
    if file.suffix.lower() != ".usdz":
        return
    try:
        with zipfile.ZipFile(file) as archive:
            damaged = archive.testzip()
    except (zipfile.BadZipFile, zlib.error, struct.error, EOFError, RuntimeError, ValueError) as error:
        reason = f"it is cut off or no package ({error})"
    else:
        if damaged is None:
            return
        reason = f"{damaged} in it is not what its checksum says"
    message = f"{where}: damaged: {reason}; copy or export it again."
    yield Finding("usd.damaged_package", Severity.ERROR, message, where=where)


def check_references(layer: Sdf.Layer, where: str) -> Iterator[Finding]:
    """Yield what keeps the layer named `where` from being opened elsewhere."""
    for asset in sorted(_assets(layer) - set(robot_assets(layer))):
        if _ABSOLUTE.match(asset):
            message = f"{where}: refers to a file by an absolute path, which no other machine has; make it relative."
            yield Finding("usd.absolute_path", Severity.ERROR, message, where=where)
        elif _REMOTE.match(asset):
            message = f"{where}: refers to {asset}, so it opens only where that can be reached."
            yield Finding("usd.remote_path", Severity.WARNING, message, where=where)
        elif not Ar.GetResolver().Resolve(layer.ComputeAbsolutePath(asset)):
            message = f"{where}: refers to {asset}, which is not there; put the file back or fix the reference."
            yield Finding("usd.missing_file", Severity.ERROR, message, where=where)
    for key in ("comment", "documentation"):
        if _PATH_IN_TEXT.search(getattr(layer, key) or ""):
            message = f"{where}: its {key} names a folder of the machine it was written on; clear it."
            yield Finding("usd.path_in_text", Severity.WARNING, message, where=where)


def files_below(file: Path) -> set[Path]:
    """Return the USD files that `file` brings in, in whatever variant; none if one of them is broken."""
    try:
        layers, _, _ = UsdUtils.ComputeAllDependencies(Sdf.AssetPath(str(file)))
    except Tf.ErrorException:
        return set()
    # of a layer in a package, the package
    paths = {Path(Ar.SplitPackageRelativePathOuter(layer.identifier)[0]).resolve() for layer in layers}
    return paths - {file.resolve()}


def _assets(layer: Sdf.Layer) -> set[str]:
    """Return the asset paths of sublayers, references, payloads and attributes, as authored."""
    sublayers, references, payloads = UsdUtils.ExtractExternalReferences(layer.identifier)
    return {*sublayers, *references, *payloads} - {""}

"""Uploads that hold something packed: run through once, within bounds, before anybody unpacks them."""

from __future__ import annotations

import stat
import zipfile
import zlib
from pathlib import Path
from typing import BinaryIO

from .refusal import Refused

__all__ = ["archive_kind", "check_archive", "check_gzip"]

_CHUNK_BYTES = 1 << 20
_MAX_MEMBERS = 1000


def archive_kind(path: Path) -> str:
    """Return what a zip file is: "npz", "sog" or "usd". The members tell, once they are known to be harmless.

    Raises:
        Refused: it is damaged, anything else, or has members that are not what they seem.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except Exception as error:
        raise Refused(422, "upload: a damaged zip archive. Make it again.") from error
    if len(members) > _MAX_MEMBERS:
        raise Refused(413, f"upload: an archive of {len(members)} members; at most {_MAX_MEMBERS} are taken.")
    for member in members:
        _check_member(member)
    names = [member.filename for member in members]
    if any(name.lower().endswith((".usdc", ".usda", ".usd")) for name in names):
        return "usd"
    if names and all(name.endswith(".npy") for name in names):
        return "npz"
    if "meta.json" in names:
        return "sog"
    raise Refused(415, "upload: archives are not unpacked, but for .npz and .sog. Upload each file by itself.")


def check_archive(path: Path, most: int) -> None:
    """Run through a zip archive once, for what it says of sizes may be a lie.

    Raises:
        Refused: it unpacks to more than `most` bytes.
        zipfile.BadZipFile: a member is not what the archive says of it.
    """
    with zipfile.ZipFile(path) as archive:
        promised = sum(member.file_size for member in archive.infolist())
        if promised > most:
            raise Refused(413, f"upload: unpacks to {promised:,} bytes; at most {most:,} are taken.")
        for member in archive.infolist():
            with archive.open(member) as file:
                while file.read(_CHUNK_BYTES):
                    pass


def check_gzip(file: BinaryIO, most: int) -> None:
    """Run through a gzip stream of one member that must unpack to `most` bytes or less.

    Raises:
        Refused: it does not, or something follows it.
    """
    unpacker, total = zlib.decompressobj(wbits=31), 0
    while not unpacker.eof and (data := file.read(_CHUNK_BYTES)):
        while data and not unpacker.eof:
            total += len(unpacker.decompress(data, _CHUNK_BYTES))
            data = unpacker.unconsumed_tail
            if total > most:
                raise Refused(413, f"upload: unpacks to more than the {most:,} bytes that its header allows.")
    if not unpacker.eof or unpacker.unused_data or file.read(1):
        raise Refused(422, "upload: a gzip stream that is cut off or has something behind it. Export it again.")


def _check_member(member: zipfile.ZipInfo) -> None:
    name = member.orig_filename
    if stat.S_ISLNK(member.external_attr >> 16):
        raise Refused(422, "upload: an archive with a symbolic link is not taken. Put the file itself in.")
    if name.startswith(("/", "\\")) or "\\" in name or "\0" in name or ":" in name or ".." in name.split("/"):
        raise Refused(422, "upload: an archive whose members lie outside it is not taken. Pack it again.")
    if member.flag_bits & 1:
        raise Refused(422, "upload: an encrypted archive is not taken. Pack it without a password.")

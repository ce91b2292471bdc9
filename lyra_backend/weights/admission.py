"""What must hold before weights are taken in: their terms are agreed to, and there is room for them."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..errors import InvalidRequest
from .catalogue import Licence, Weights

__all__ = ["check_licences", "check_room", "free_bytes", "in_words", "own_terms", "terms_of"]

#: Kept free on the disk [bytes].
_SPARE_BYTES = 500_000_000


def check_licences(wanted: Iterable[Weights], accepted: bool, otherwise: str = "") -> None:
    """Refuse weights whose terms are not agreed to, all at once.

    Args:
        wanted: weights that are to be fetched or converted.
        accepted: the user agrees to the terms of all of them.
        otherwise: what else the user can do, a sentence.

    Raises:
        InvalidRequest: the terms of some must be agreed to, and are not.
    """
    asking = [] if accepted else [weights for weights in wanted if weights.licence.must_accept]
    if asking:
        names, licences = ", ".join(weights.name for weights in asking), _told(weights.licence for weights in asking)
        raise InvalidRequest(
            f"weights {names}: are published under terms that you have to agree to: {licences}. Read them, and add "
            f"--accept-licence if you do.{otherwise and ' '}{otherwise}"
        )


def _told(licences: Iterable[Licence]) -> str:
    return "; ".join(dict.fromkeys(f"{licence.name}, {licence.url}" for licence in licences))


def terms_of(weights: Weights, accepted: bool) -> dict[str, Any]:
    """Return what is recorded of the terms that weights are published under; only those that ask are accepted."""
    licence = weights.licence
    return {"name": licence.name, "url": licence.url, "accepted": accepted and licence.must_accept}


def own_terms(name: str) -> dict[str, Any]:
    """Return what is recorded of weights that are not the published ones, by the name that users give their terms."""
    return {"name": name, "url": "", "accepted": False}


def check_room(folder: Path, names: Iterable[str], bytes_on_disk: int) -> None:
    """Refuse weights that the disk has no room for.

    Args:
        folder: where weights lie; it need not exist yet.
        names: the weights, for the message.
        bytes_on_disk: what will be written at most.

    Raises:
        InvalidRequest: there is less.
    """
    free, needed = free_bytes(folder), bytes_on_disk + _SPARE_BYTES
    if free < needed:
        raise InvalidRequest(
            f"{folder}: {', '.join(names)} must have {in_words(needed)} of disk while they are fetched and converted, "
            f"and {in_words(free)} are free. Make room, or choose another disk with --folder."
        )


def free_bytes(folder: Path) -> int:
    """Return what is free on the disk of a folder, which need not exist yet."""
    parents = (folder.absolute(), *folder.absolute().parents)
    return shutil.disk_usage(next(parent for parent in parents if parent.exists())).free


def in_words(count: int) -> str:
    """Return a number of bytes in words."""
    return f"{count / 1e9:.2f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"

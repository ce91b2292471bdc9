"""Models that come with the package: whole ones, small enough to lie beside the code.

A model is a folder here with ``lyra.json``; its name is what is typed after ``--model``. Its ``weights.json`` has the
licence and the checksums of all its files, by path from the model's folder.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..errors import InvalidRequest, nearest, shown
from ..progress import Progress
from ..types import Finding
from .record import read_record

__all__ = ["CARD", "describe_model", "model_folder", "shipped_models", "verify_model"]

#: What a model was made from and what it is good for, beside its weights.
CARD = "MODEL_CARD.md"
_FORMAT = "lyra.json"
_FOLDER = Path(__file__).parent


def shipped_models() -> dict[str, Path]:
    """Return the folders of the models that come with the package, by name."""
    return {path.parent.name: path.parent for path in sorted(_FOLDER.glob(f"*/{_FORMAT}"))}


def model_folder(model: str) -> Path:
    """Return the folder of the model that a request names.

    A name of a shipped model stands for that one, whatever lies in the working directory; ``./name`` is a folder there.

    Raises:
        InvalidRequest: a name that is neither a shipped model nor a folder. What is a path is not looked at.
    """
    if any(separator in model for separator in (os.sep, os.altsep) if separator):
        return Path(model)
    known = shipped_models()
    if model in known:
        return known[model]
    if Path(model).is_dir():
        return Path(model)
    listed = nearest(model, known) if known else "none comes with this package."
    raise InvalidRequest(
        f"model {shown(model)}: no model that comes with the package and no folder here has this name; {listed} Name "
        f"one of those, or a folder with decoder, transformer and vae by its path, such as ./{model}."
    )


def describe_model(name: str) -> dict[str, Any]:
    """Return what a listing says of a shipped model, as plain JSON data.

    Raises:
        InvalidRequest: there is no such model, or its record cannot be read.
    """
    folder = _known(name)
    record = read_record(folder)
    card = folder / CARD
    return {
        "for": _first_line(card) if card.is_file() else "a prompt or an image to Gaussians of a still scene",
        "state": f"comes with the package, in {folder}",
        "there": True,
        "bytes": sum(digest.bytes for digest in record.files.values()),
        "licence": {"name": record.licence["name"], "url": record.licence["url"], "must_be_accepted": False},
        "layout": record.layout,
        "use": f"lyra-scenegen generate --generator lyra --model {name} --image photo.jpg",
        "card": str(card),
    }


def verify_model(name: str, progress: Progress | None = None) -> tuple[Finding, ...]:
    """Check every byte of a shipped model; return what is wrong, each an error, nothing if all is well.

    Raises:
        InvalidRequest: there is no such model, or its record cannot be read.
        Cancelled: the job was stopped.
    """
    from .store import check_files

    folder = _known(name)
    found = check_files(folder, read_record(folder), progress or Progress(), "Install the package again.")
    return tuple(found)


def _known(name: str) -> Path:
    known = shipped_models()
    if name not in known:
        raise InvalidRequest(f"model {shown(name)} does not come with the package; {nearest(name, known)}")
    return known[name]


def _first_line(card: Path) -> str:
    """Return the first sentence of a model's card, which says what it is for."""
    return next(_sentences(card.read_text(encoding="utf-8")), "")


def _sentences(text: str) -> Iterator[str]:
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            yield line.strip()

"""Which weights a request means: a folder, or what was fetched from the catalogue."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import InvalidRequest

if TYPE_CHECKING:
    from ...models.folders import ModelFolders

__all__ = ["fetched_or_own", "folders_of", "licences"]


def folders_of(model: str | None, decoder: str, *, moves: bool) -> ModelFolders:
    """Return the folders of the model that a request names, or of the published one.

    Args:
        model: a folder with all networks; None means those that were fetched.
        decoder: catalogue name of the published decoder.
        moves: the generator makes moving scenes.

    Raises:
        InvalidRequest: a network is missing, or the decoder is for the other kind of scene.
    """
    from ...models.budget import VideoFormat
    from ...models.folders import ModelFolders
    from ...weights import store

    if model is not None:
        found = ModelFolders.in_one(Path(model))
    else:
        fetched = store.default_folder()
        found = ModelFolders(
            store.find(decoder),
            store.find("gen3c"),
            store.find("cosmos_tokenizer"),
            fetched / "t5_11b",
            fetched / "text_embeddings",
            fetched / "depth_indoor",
            fetched / "flux_schnell",
            VideoFormat(),
        )
        found.check()
    if found.moves != moves:
        kinds = ("still scenes: use --generator lyra", "moving scenes: use --generator lyra_dynamic")
        raise InvalidRequest(f"model {found.decoder}: is a decoder of {kinds[found.moves]}, or name another model.")
    return found


def fetched_or_own(own: Path, name: str) -> Path:
    """Return the folder of a network that a model brings with it, or else of the fetched one of this name.

    Raises:
        InvalidRequest: there is neither.
    """
    from ...weights import store

    return own if own.is_dir() else store.find(name)


def licences(folders: ModelFolders) -> dict[str, Any]:
    """Return the licence of each network as recorded when it was fetched, "unknown" if it was not."""
    found = {}
    for name in ("decoder", "transformer", "vae"):
        record = getattr(folders, name) / "weights.json"
        known = json.loads(record.read_text(encoding="utf-8")) if record.is_file() else {}
        found[name] = known.get("licence", {}).get("name", "unknown")
    return found

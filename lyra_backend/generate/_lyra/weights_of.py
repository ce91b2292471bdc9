"""Which weights a request means: a folder, or what was fetched from the catalogue."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import InvalidRequest, MissingDependency
from ...io.run_inputs import file_digest

if TYPE_CHECKING:
    from ...models.folders import ModelFolders

__all__ = ["fetched_or_own", "folders_of", "sources", "versions", "weights_state"]

#: Packages of the extra "lyra" that every scene needs.
_PACKAGES = ("torch", "diffusers", "transformers", "safetensors")


def folders_of(model: str | None, decoder: str, *, moves: bool) -> ModelFolders:
    """Return the folders of the model that a request names, or of the published one.

    Args:
        model: a folder with all networks; None means those that were fetched.
        decoder: catalogue name of the published decoder.
        moves: the generator makes moving scenes.

    Raises:
        MissingDependency: a package of the extra "lyra" is not installed.
        InvalidRequest: a network is missing, or the decoder is for the other kind of scene.
    """
    for package in _PACKAGES:
        if find_spec(package) is None:
            raise MissingDependency(package, "NVIDIA Lyra", "lyra")
    found = _fetched(decoder) if model is None else _own(model)
    if found.moves != moves:
        kinds = ("still scenes: use --generator lyra", "moving scenes: use --generator lyra_dynamic")
        raise InvalidRequest(f"model {found.decoder}: is a decoder of {kinds[found.moves]}, or name another model.")
    return found


def _own(model: str) -> ModelFolders:
    from ...models.folders import ModelFolders
    from ...weights import store

    return ModelFolders.in_one(Path(model), store.embeddings_folder())


def _fetched(decoder: str) -> ModelFolders:
    from ...models.budget import VideoFormat
    from ...models.folders import Embeddings, ModelFolders
    from ...weights import catalogue, store

    folder, names = store.default_folder(), (decoder, "gen3c", "cosmos_tokenizer")
    missing = [name for name in names if not store.holds(name)]
    if missing:
        gigabytes = sum(catalogue.entry(name).bytes for name in missing) / 1e9
        raise InvalidRequest(
            f"weights of NVIDIA Lyra: {', '.join(missing)} not in {folder} ({gigabytes:.3g} GB). Run: lyra-scenegen "
            f"weights fetch {' '.join(missing)} --accept-licence. Or name a model's folder with --model; or, for a "
            "scene of just what one picture shows, add its depth with --depth."
        )
    found = ModelFolders(
        decoder=folder / decoder,
        transformer=folder / "gen3c",
        vae=folder / "cosmos_tokenizer",
        text_encoder=folder / "t5_11b",
        embeddings=Embeddings(store.embeddings_folder()),
        depth=folder / "depth_indoor",
        text_to_image=folder / "flux_schnell",
        video=VideoFormat(),
    )
    found.check()
    return found


def fetched_or_own(own: Path, name: str) -> Path:
    """Return the folder of a network that a model brings with it, or else of the fetched one of this name.

    Raises:
        InvalidRequest: there is neither.
    """
    from ...weights import store

    return own if own.is_dir() else store.find(name)


def sources(folders: ModelFolders, inputs: Mapping[str, str | None]) -> list[dict[str, str]]:
    """Return what a scene is made from, for its provenance: each file of weights, and the inputs.

    Licences and checksums are those recorded when weights were fetched; a checksum that was not is computed.

    Args:
        folders: of the model.
        inputs: files by name; None for those that are not given.

    Raises:
        InvalidRequest: a record is damaged.
    """
    found = []
    for name, path in folders.weight_files().items():
        record = _record(path.parent)
        digest = record.get("files", {}).get(path.name, {}).get("sha256") or file_digest(path)
        licence = record.get("licence", {}).get("name", "unknown")
        found.append({"name": f"weights {name}", "sha256": digest, "licence": licence})
    return found + [
        {"name": f"input {name}", "sha256": file_digest(Path(file)), "licence": "unknown"}
        for name, file in inputs.items()
        if file is not None
    ]


def weights_state(folders: ModelFolders) -> dict[str, str]:
    """Return what tells files of weights from others of the same names: what was kept of those is of no use."""
    files = {name: (path, path.stat()) for name, path in folders.weight_files().items()}
    return {name: f"{path}:{stat.st_size}:{stat.st_mtime_ns}" for name, (path, stat) in files.items()}


def versions() -> dict[str, str]:
    """Return the versions of the packages that a scene's networks compute with."""
    return {package: version(package) for package in ("torch", "diffusers", "transformers")}


def _record(folder: Path) -> dict[str, Any]:
    path = folder / "weights.json"
    if not path.is_file():
        return {}
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return found if isinstance(found, dict) else {}
    except ValueError as error:
        raise InvalidRequest(f"{path}: is damaged ({error}). Fetch or convert these weights again.") from error

"""Which weights a request means: a folder, or what was fetched from the catalogue."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import replace
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import InvalidRequest, MissingDependency
from ...io.run_inputs import file_digest

if TYPE_CHECKING:
    from ...models.folders import ModelFolders

__all__ = ["HELPERS", "folders_of", "sources", "versions", "weight_files", "weights_state"]

#: Files of weights by name: the folder of their network, and they themselves.
WeightFiles = Mapping[str, tuple[Path, Path]]

#: Networks beside the three of the method, and their published ones: what users may replace.
HELPERS = {"depth": "depth_indoor", "text_to_image": "flux_schnell"}
#: What else users can do, with pictures and with videos.
_OTHERWISE = (
    "Or name a model's folder with --model; or, for a scene of just what one picture shows, give --image and --depth.",
    "Or name a model's folder with --model.",
)
#: Packages of the extra "lyra" that every scene needs.
_PACKAGES = ("torch", "diffusers", "transformers", "safetensors")


def folders_of(model: str | None, decoder: str, *, moves: bool, helpers: Collection[str] = ()) -> ModelFolders:
    """Return the folders of the model that a request names, or of the published one.

    Args:
        model: a folder with all networks; None means those that were fetched.
        decoder: catalogue name of the published decoder.
        moves: the generator makes moving scenes.
        helpers: which networks of :data:`HELPERS` are needed; what `model` does not bring is the fetched one.

    Raises:
        MissingDependency: a package of the extra "lyra" is not installed.
        InvalidRequest: networks are missing, all of which are named, or the decoder is for the other kind of scene.
    """
    from ...models.folders import ModelFolders
    from ...weights.store import embeddings_folder, require

    for package in _PACKAGES:
        if find_spec(package) is None:
            raise MissingDependency(package, "NVIDIA Lyra", "lyra")
    own = None if model is None else ModelFolders.in_one(Path(model), embeddings_folder())
    published = () if own else (decoder, "gen3c", "cosmos_tokenizer")
    lacking = {name: HELPERS[name] for name in helpers if own is None or not getattr(own, name).is_dir()}
    fetched = require((*published, *lacking.values()), "weights of NVIDIA Lyra", otherwise=_OTHERWISE[moves])
    found = own or _fetched(decoder)
    found = replace(
        found,
        depth=fetched[HELPERS["depth"]] if "depth" in lacking else found.depth,
        text_to_image=fetched[HELPERS["text_to_image"]] if "text_to_image" in lacking else found.text_to_image,
    )
    if found.moves != moves:
        kinds = ("still scenes: use --generator lyra", "moving scenes: use --generator lyra_dynamic")
        raise InvalidRequest(f"model {found.decoder}: is a decoder of {kinds[found.moves]}, or name another model.")
    return found


def _fetched(decoder: str) -> ModelFolders:
    from ...models.budget import VideoFormat
    from ...models.folders import Embeddings, ModelFolders
    from ...weights import store

    folder = store.default_folder()
    found = ModelFolders(
        decoder=folder / decoder,
        transformer=folder / "gen3c",
        vae=folder / "cosmos_tokenizer",
        text_encoder=folder / "t5_11b",
        embeddings=Embeddings(store.embeddings_folder()),
        depth=folder / HELPERS["depth"],
        text_to_image=folder / HELPERS["text_to_image"],
        video=VideoFormat(),
    )
    found.check()
    return found


def sources(weights: WeightFiles, inputs: Mapping[str, str | None]) -> list[dict[str, str]]:
    """Return what a scene is made from, for its provenance: each file of weights, and the inputs.

    Licences and checksums are those recorded when weights were fetched; a checksum that was not is computed.

    Args:
        weights: see :func:`weight_files`.
        inputs: files by name; None for those that are not given.

    Raises:
        InvalidRequest: a record is damaged.
    """
    found = []
    for name, (folder, path) in weights.items():
        record = _record(folder)
        known = record.get("files", {}).get(path.relative_to(folder).as_posix(), {}).get("sha256")
        licence = record.get("licence", {}).get("name", "unknown")
        found.append({"name": f"weights {name}", "sha256": known or file_digest(path), "licence": licence})
    return found + [
        {"name": f"input {name}", "sha256": file_digest(Path(file)), "licence": "unknown"}
        for name, file in inputs.items()
        if file is not None
    ]


def weight_files(folders: ModelFolders, helpers: Mapping[str, str | Path | None]) -> WeightFiles:
    """Return the files of weights that decide a scene, by network and name, each with its network's folder.

    Args:
        folders: of the model.
        helpers: other networks that are used; those that are no folders have no files to tell of.
    """
    networks = {"decoder": folders.decoder, "transformer": folders.transformer, "vae": folders.vae}
    networks |= {name: Path(path) for name, path in helpers.items() if path is not None and Path(path).is_dir()}
    return {
        f"{name}/{file.relative_to(folder).as_posix()}": (folder, file)
        for name, folder in networks.items()
        for file in sorted(folder.rglob("*.safetensors"))
    }


def weights_state(weights: WeightFiles) -> dict[str, str]:
    """Return what tells files of weights from others of the same names: what was kept of those is of no use."""
    files = {name: (path, path.stat()) for name, (_, path) in weights.items()}
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

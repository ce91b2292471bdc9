"""Which weights a request means: a folder, or what was fetched from the catalogue."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Hashable, Mapping
from dataclasses import asdict, replace
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import InvalidRequest, MissingDependency
from ...io.run_inputs import file_digest
from ...models.warm import files_state

if TYPE_CHECKING:
    from ...models.budget import VideoFormat
    from ...models.folders import ModelFolders

__all__ = ["HELPERS", "check_weights", "folders_of", "sources", "versions", "weight_files", "weights_state"]

#: Files of weights by name: the folder of their network, and they themselves.
WeightFiles = Mapping[str, tuple[Path, Path]]

#: Networks beside the three of the method, and their published ones: what users may replace.
HELPERS = {"depth": "depth_indoor", "text_to_image": "flux_schnell"}
#: What else users can do, with pictures and with videos.
_OTHERWISE = (
    "Or name a model's folder with --model; or, for a scene of just what one picture shows, give --image and --depth.",
    "Or name a model's folder with --model.",
)
#: And what works without anything that is fetched, of still scenes.
_AT_ONCE = "What works at once is --model {}, a miniature that comes with the package, for demonstration. "
#: Packages of the extra "lyra" that every scene needs.
_PACKAGES = ("torch", "diffusers", "transformers", "safetensors")


def folders_of(model: str | None, decoder: str, *, moves: bool, helpers: Collection[str] = ()) -> ModelFolders:
    """Return the folders of the model that a request names, or of the published one.

    Args:
        model: a folder with all networks, or a model that comes with the package; None means those that were fetched.
        decoder: catalogue name of the published decoder.
        moves: the generator makes moving scenes.
        helpers: which networks of :data:`HELPERS` are needed; what `model` does not bring is the fetched one, but for
            what draws pictures where the model says that no network does.

    Raises:
        MissingDependency: a package of the extra "lyra" is not installed.
        InvalidRequest: networks are missing, all of which are named, or the decoder is for the other kind of scene.
    """
    from ...models.folders import ModelFolders
    from ...weights.shipped import model_folder, shipped_models
    from ...weights.store import embeddings_folder, require

    for package in _PACKAGES:
        if find_spec(package) is None:
            raise MissingDependency(package, "NVIDIA Lyra", "lyra")
    own = None if model is None else ModelFolders.in_one(model_folder(model), embeddings_folder())
    published = () if own else (decoder, "gen3c", "cosmos_tokenizer")
    if own is not None and own.video.text_to_image == "procedural":
        helpers = [name for name in helpers if name != "text_to_image"]
    lacking = {name: HELPERS[name] for name in helpers if own is None or not getattr(own, name).is_dir()}
    shipped = "" if moves else _AT_ONCE.format(" or ".join(shipped_models())) if shipped_models() else ""
    otherwise = shipped + _OTHERWISE[moves]
    fetched = require((*published, *lacking.values()), "weights of NVIDIA Lyra", otherwise=otherwise)
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


def sources(
    weights: WeightFiles, inputs: Mapping[str, str | None], progress: Callable[[str], None]
) -> list[dict[str, str]]:
    """Return what a scene is made from, for its provenance: each file of weights, and the inputs.

    Licences and checksums are those recorded when weights were fetched; a checksum that was not is computed.

    Args:
        weights: see :func:`weight_files`.
        inputs: files by name; None for those that are not given.
        progress: called before each checksum, which take a minute for weights that no record tells of.

    Raises:
        InvalidRequest: a record is damaged.
    """
    found = []
    for name, (folder, path) in weights.items():
        progress(f"checksum of {name}")
        digest = recorded_digest(folder, path) or _digest_of(path, files_state([path]))
        found.append({"name": f"weights {name}", "sha256": digest, "licence": _licence(folder)})
    return found + [
        {"name": f"input {name}", "sha256": file_digest(Path(file)), "licence": "unknown"}
        for name, file in inputs.items()
        if file is not None
    ]


@cache
def _digest_of(path: Path, state: Hashable) -> str:
    """Return the checksum of a file, computed once for all scenes of a process while its `state` stays the same."""
    return file_digest(path)


def weight_files(folders: ModelFolders, helpers: Mapping[str, Path]) -> WeightFiles:
    """Return the files of weights that decide a scene, by network and name, each with its network's folder.

    Args:
        folders: of the model.
        helpers: folders, or single files, of the other networks that are used.
    """
    networks = {"decoder": folders.decoder, "transformer": folders.transformer, "vae": folders.vae, **helpers}
    return {
        f"{name}/{file.relative_to(folder).as_posix()}": (folder, file)
        for name, path in networks.items()
        for folder in [path if path.is_dir() else path.parent]
        for file in (sorted(folder.rglob("*.safetensors")) if path.is_dir() else [path])
    }


def check_weights(folders: ModelFolders, weights: WeightFiles) -> None:
    """Look whether all networks are whole and belong together, by their headers and records: no weight is read.

    Raises:
        InvalidRequest: one is not, or a record is damaged.
    """
    from diffusers import AutoencoderKLCosmos, CosmosTransformer3DModel

    from ...models.gaussian_decoder import GaussianDecoder
    from ...models.loading import check_network
    from ...models.prompts import check_encoder

    check_network(GaussianDecoder, folders.decoder)
    check_network(CosmosTransformer3DModel, folders.transformer)
    check_network(AutoencoderKLCosmos, folders.vae)
    check_encoder(folders.text_encoder, folders.text_width)
    for folder, file in weights.values():
        recorded_digest(folder, file)


def weights_state(weights: WeightFiles, video: VideoFormat) -> dict[str, str]:
    """Return what tells files of weights from others of the same names: what was kept of those is of no use.

    So it is of videos that were made in another way; the published format goes without saying.
    """
    from ...models.budget import VideoFormat

    files = {name: recorded_digest(*where) or _stamp(where[1]) for name, where in weights.items()}
    return files if video == VideoFormat() else files | {"lyra.json": json.dumps(asdict(video))}


def recorded_digest(folder: Path, file: Path) -> str | None:
    """Return the checksum that was recorded when a file of weights was written; None if none was.

    Raises:
        InvalidRequest: the record is damaged.
    """
    for place in _places(folder):
        files = _record(place).get("files")
        entry = files.get(file.relative_to(place).as_posix()) if isinstance(files, dict) else None
        digest = entry.get("sha256") if isinstance(entry, dict) else None
        if isinstance(digest, str):
            return digest
    return None


def _stamp(file: Path) -> str:
    """Return size and time of a file; where it lies does not matter, so that a folder can be moved."""
    stat = file.stat()
    return f"{stat.st_size}:{stat.st_mtime_ns}"


def versions() -> dict[str, str]:
    """Return the versions of the packages that a scene's networks compute with."""
    return {package: version(package) for package in ("torch", "diffusers", "transformers")}


def _places(folder: Path) -> tuple[Path, Path]:
    """Return where the record of a network may lie: with it, or with the model that it is a part of."""
    return folder, folder.parent


def _licence(folder: Path) -> str:
    for place in _places(folder):
        licence = _record(place).get("licence")
        name = licence.get("name") if isinstance(licence, dict) else None
        if isinstance(name, str):
            return name
    return "unknown"


def _record(folder: Path) -> dict[str, Any]:
    path = folder / "weights.json"
    if not path.is_file():
        return {}
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return found if isinstance(found, dict) else {}
    except ValueError as error:
        raise InvalidRequest(f"{path}: is damaged ({error}). Fetch or convert these weights again.") from error

"""Folders that networks are loaded from: which tensors they must hold, and their files read and written."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InvalidRequest, WriteFailed
from ..progress import Progress
from .dependencies import needed

if TYPE_CHECKING:
    import torch

__all__ = [
    "check_tensors",
    "empty_network",
    "full_disk_told",
    "model_class",
    "network_shapes",
    "shapes_of",
    "stored_shapes",
    "write_tensors",
]

#: Names of the tensors' file without its ending, as diffusers and transformers look for it.
DIFFUSERS_STEM, TRANSFORMERS_STEM = "diffusion_pytorch_model", "model"
#: Larger networks are written in files of this size at most [bytes].
SHARD_BYTES = 2_000_000_000
#: The longest header that is believed [bytes].
_HEADER_BYTES = 100_000_000
_SHOWN = 3
#: Another name of tensors that a network has once.
_TIED = frozenset({"encoder.embed_tokens.weight"})


def model_class(layout: str) -> Any:
    """Return the class that loads a folder of a converted layout.

    Raises:
        MissingDependency: diffusers, transformers or torch are not installed.
    """
    needed("torch", "networks")
    if layout == "decoder":
        from ..models.gaussian_decoder import GaussianDecoder

        return GaussianDecoder
    if layout == "t5_encoder":
        return needed("transformers", "text encoders").T5EncoderModel
    diffusers = needed("diffusers", "networks")
    return {"dit": diffusers.CosmosTransformer3DModel, "vae": diffusers.AutoencoderKLCosmos}[layout]


def empty_network(layout: str, config: Mapping[str, Any]) -> Any:
    """Return a network of a converted layout with this configuration; no memory is taken for its tensors.

    Raises:
        InvalidRequest: no network can be made of it.
        MissingDependency: diffusers, transformers or torch are not installed.
    """
    network = model_class(layout)
    torch = needed("torch", "networks")
    try:
        with torch.device("meta"):
            if layout == "t5_encoder":
                return network(network.config_class.from_dict(dict(config)))
            return network.from_config(dict(config))
    except Exception as error:  # what a wrong setting makes a library raise is anything
        raise InvalidRequest(f"{network.__name__}: cannot be made of this configuration ({error}).") from error


def network_shapes(layout: str, config: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """Return the shapes that a folder of a converted layout must hold by name; errors of :func:`empty_network`."""
    shapes = shapes_of(empty_network(layout, config).state_dict())
    return {name: shape for name, shape in shapes.items() if name not in _TIED}


def shapes_of(tensors: Mapping[str, torch.Tensor]) -> dict[str, tuple[int, ...]]:
    """Return the shapes of tensors by name."""
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()}


def check_tensors(subject: str, shapes: Mapping[str, tuple[int, ...]], wanted: Mapping[str, tuple[int, ...]]) -> None:
    """Refuse tensors that are not those of a network.

    Raises:
        InvalidRequest: some are missing or left over, or have another shape; the first few are named.
    """
    missing, extra = (sorted(a.keys() - b.keys()) for a, b in ((wanted, shapes), (shapes, wanted)))
    other = [
        f"{name} {shapes[name]}, not {wanted[name]}"
        for name in wanted
        if shapes.get(name, wanted[name]) != wanted[name]
    ]
    wrong = {"are missing": missing, "are not known": extra, "have another shape": other}
    said = [f"{len(names)} {what} ({_some(names)})" for what, names in wrong.items() if names]
    if said:
        raise InvalidRequest(
            f"{subject}: its tensors must be those of the network, but {', '.join(said)}. "
            "Give the file that is published for it, whole."
        )


def _some(names: list[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (" ..." if len(names) > _SHOWN else "")


def write_tensors(
    folder: Path,
    tensors: Mapping[str, torch.Tensor],
    progress: Progress | None = None,
    *,
    stem: str = DIFFUSERS_STEM,
    dtype: torch.dtype | None = None,
) -> None:
    """Write tensors as safetensors, in several files and an index if they are large.

    One file's tensors at a time are in memory, if `tensors` are mapped from a file.

    Args:
        folder: where to.
        tensors: by name.
        progress: told what is done.
        stem: name of the file without its ending.
        dtype: what they are written as; None: as they are.

    Raises:
        WriteFailed: the disk is full.
        MissingDependency: huggingface_hub or safetensors are not installed.
        Cancelled: the job was stopped.
    """
    hub, safetensors = needed("huggingface_hub", "writing weights"), needed("safetensors.torch", "writing weights")
    # Sizes are those that are written, and a tensor counts by what it has of a storage that it may share.
    sizes = {name: tensor.new_empty(tensor.shape, dtype=dtype, device="meta") for name, tensor in tensors.items()}
    split = hub.split_torch_state_dict_into_shards(
        sizes, filename_pattern=f"{stem}{{suffix}}.safetensors", max_shard_size=SHARD_BYTES
    )
    report = progress or Progress()
    for index, (name, members) in enumerate(split.filename_to_tensors.items()):
        report(index / len(split.filename_to_tensors), f"writing {name}")
        with full_disk_told(folder / name):
            shard = {member: tensors[member].to(sizes[member].dtype).contiguous() for member in members}
            safetensors.save_file(shard, folder / name, metadata={"format": "pt"})
    if split.is_sharded:
        index_text = json.dumps({"metadata": split.metadata, "weight_map": split.tensor_to_filename}, indent=2)
        (folder / f"{stem}.safetensors.index.json").write_text(f"{index_text}\n", encoding="utf-8")


@contextmanager
def full_disk_told(path: Path) -> Iterator[None]:
    """Tell what safetensors cannot write as every other file that cannot be written is told.

    Raises:
        WriteFailed: the block could not write.
    """
    library = needed("safetensors", "writing weights")
    try:
        yield
    except library.SafetensorError as error:
        raise WriteFailed(path, OSError(str(error))) from error


def stored_shapes(folder: Path) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the tensors in a folder, from the headers of its safetensors files alone.

    Raises:
        InvalidRequest: a file is cut short or damaged.
        OSError: a file cannot be read.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    for path in sorted(folder.rglob("*.safetensors")):
        shapes |= _header_shapes(path)
    return shapes


def _header_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Return the shapes that a safetensors file names, once its length is what its header says."""
    size = path.stat().st_size
    with path.open("rb") as file:
        length = struct.unpack("<Q", file.read(8).ljust(8, b"\xff"))[0]
        text = file.read(length) if length <= min(size, _HEADER_BYTES) else b""
    try:
        entries = {name: entry for name, entry in json.loads(text).items() if name != "__metadata__"}
        end = max((entry["data_offsets"][1] for entry in entries.values()), default=0)
        shapes = {name: tuple(map(int, entry["shape"])) for name, entry in entries.items()}
    except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        raise InvalidRequest(f"{path}: its header cannot be read. Fetch or convert it again.") from error
    if 8 + length + end != size:
        raise InvalidRequest(f"{path}: must have {8 + length + end} bytes, has {size}. Fetch or convert it again.")
    return shapes

"""Published files to folders that are loaded with ``from_pretrained``: config.json and safetensors.

Types of the tensors are kept, but for the text encoder's. A folder appears whole or not at all.
"""

from __future__ import annotations

import json
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..atomic import replacing
from ..errors import InvalidRequest
from ..progress import Progress
from .dependencies import needed
from .layouts import (
    TRANSFORMERS_STEM,
    check_tensors,
    empty_network,
    full_disk_told,
    model_class,
    network_shapes,
    shapes_of,
    write_tensors,
)
from .published import read_config, read_statistics, read_tensors
from .rename import decoder_names, dit_names, t5_encoder_names, vae_names
from .shapes import Shapes, decoder_config, dit_config, vae_config

if TYPE_CHECKING:
    import torch

__all__ = ["convert_decoder", "convert_dit", "convert_t5_encoder", "convert_vae"]

Settings = Mapping[str, Any]


def convert_decoder(
    source: Path, folder: Path, *, config: Settings | None = None, progress: Progress | None = None
) -> None:
    """Write Lyra's decoder (``lyra_static.pt``, ``lyra_dynamic.pt``) as a folder that ``GaussianDecoder`` loads.

    Args:
        source: the published file; DeepSpeed's format is known.
        folder: new folder.
        config: published fields that differ from those of the published models, ``use_time_embedding`` above all.
        progress: told what is done.

    Raises:
        InvalidRequest: the file is none of a decoder, or `folder` exists.
        WriteFailed: nothing can be written there.
        MissingDependency: torch, diffusers or safetensors are not installed.
        Cancelled: the job was stopped.
    """
    report = progress or Progress()
    tensors = _renamed(source, decoder_names, report)
    fields = decoder_config(_shapes("Lyra's decoder", tensors), config or {})
    model = model_class("decoder").from_reference(fields, tensors)
    with _new_folder(folder) as part, full_disk_told(folder):
        report(0.5, f"writing {folder.name}")
        model.save_pretrained(part)
    report(1.0, f"{folder.name} is converted")


def convert_dit(
    source: Path, folder: Path, *, config: Settings | None = None, progress: Progress | None = None
) -> None:
    """Write GEN3C's video network (``model.pt``) as a folder that diffusers' ``CosmosTransformer3DModel`` loads.

    Arguments and errors are those of :func:`convert_decoder`; `config` takes the settings of the diffusers class.
    """
    report = progress or Progress()
    tensors = _renamed(source, dit_names, report)
    settings = dit_config(_shapes("GEN3C's transformer", tensors), config or {})
    _write(source, folder, "dit", settings, tensors, report)


def convert_vae(
    source: Path,
    folder: Path,
    *,
    statistics: Path | None = None,
    config: Settings | None = None,
    progress: Progress | None = None,
) -> None:
    """Write the Cosmos tokenizer (``autoencoder.jit`` or ``model.pt``) as a folder for ``AutoencoderKLCosmos``.

    Args:
        source: the published file.
        folder: new folder.
        statistics: ``mean_std.pt``; without it the folder has no ``latents_mean`` and no ``latents_std``.
        config: settings of the diffusers class that differ from those of the published model.
        progress: told what is done.

    Raises:
        InvalidRequest: a file is not what it should be, or `folder` exists.
        WriteFailed, MissingDependency, Cancelled: as in :func:`convert_decoder`.
    """
    report = progress or Progress()
    tensors = _renamed(source, vae_names, report)
    # The defaults of diffusers are the statistics of another release; none at all is better than the wrong ones.
    unknown = {"latents_mean": None, "latents_std": None}
    settings = vae_config(_shapes("the Cosmos tokenizer", tensors), {**unknown, **(config or {})})
    if statistics is not None:
        settings |= _statistics(statistics, settings["latent_channels"])
    _write(source, folder, "vae", settings, tensors, report)


def convert_t5_encoder(
    source: Path,
    folder: Path,
    *,
    beside: Mapping[str, Path],
    config: Settings | None = None,
    progress: Progress | None = None,
) -> None:
    """Write the encoder of a T5 (``pytorch_model.bin``) as a folder that transformers' ``T5EncoderModel`` loads.

    The decoder is left out, and numbers are rounded to bfloat16, in which the encoder works on a GPU: of the published
    45 GB of the largest T5, 9.7 GB stay. Memory for one written file is taken, 2 GB and what it is read from.

    Args:
        source: the published file, of a whole T5 or of an encoder alone.
        folder: new folder.
        beside: ``config.json`` and the files of the tokenizer, by name; those are copied.
        config: settings that differ from those of ``config.json``.
        progress: told what is done.

    Raises:
        InvalidRequest: a file is not what it should be, or `folder` exists.
        WriteFailed, Cancelled: as in :func:`convert_decoder`.
        MissingDependency: torch, transformers, huggingface_hub or safetensors are not installed.
    """
    report = progress or Progress()
    stored = {"architectures": ["T5EncoderModel"], "dtype": "bfloat16"}
    settings = {**read_config(beside["config.json"]), **(config or {}), **stored}
    tensors = _renamed(source, t5_encoder_names, report)
    check_tensors(str(source), shapes_of(tensors), network_shapes("t5_encoder", settings))
    with _new_folder(folder) as part:
        for name in beside.keys() - {"config.json"}:
            shutil.copyfile(beside[name], part / name)
        (part / "config.json").write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
        rounded = needed("torch", "networks").bfloat16
        write_tensors(part, tensors, report.child(0.2, 1.0), stem=TRANSFORMERS_STEM, dtype=rounded)
    report(1.0, f"{folder.name} is converted")


def _statistics(source: Path, channels: int) -> dict[str, list[float]]:
    mean, deviation = read_statistics(source)
    if mean.numel() % channels or mean.numel() == channels:
        raise InvalidRequest(
            f"{source}: must hold {channels} channels x the latent frames of a video, got {mean.numel()} values. "
            "image_mean_std.pt is of single images; give mean_std.pt."
        )
    return {"latents_mean": mean.flatten().tolist(), "latents_std": deviation.flatten().tolist()}


def _renamed(
    source: Path, names_of: Callable[[Iterable[str]], dict[str, str]], report: Progress
) -> dict[str, torch.Tensor]:
    """Return the tensors of a published file under our names."""
    report(0.0, f"reading {source.name}")
    tensors = read_tensors(source)
    names = names_of(tensors)
    if len(set(names.values())) < len(names):
        raise InvalidRequest(
            f"{source}: holds a network twice, under different prefixes. Give a file with one of them."
        )
    report(0.2, f"{len(names)} tensors in {source.name}")
    return {ours: tensors[published] for published, ours in names.items()}


def _shapes(network: str, tensors: Mapping[str, torch.Tensor]) -> Shapes:
    return Shapes(network, shapes_of(tensors))


def _write(
    source: Path, folder: Path, layout: str, settings: Settings, tensors: Mapping[str, torch.Tensor], report: Progress
) -> None:
    """Write a network of diffusers, once its tensors are seen to be those of the network that `settings` describe."""
    network = empty_network(layout, settings)
    check_tensors(str(source), shapes_of(tensors), shapes_of(network.state_dict()))
    with _new_folder(folder) as part:
        write_tensors(part, tensors, report.child(0.2, 1.0))
        network.save_config(part)
    report(1.0, f"{folder.name} is converted")


@contextmanager
def _new_folder(folder: Path) -> Iterator[Path]:
    """Give an empty folder that becomes `folder` when the block ends well."""
    if folder.exists():
        raise InvalidRequest(f"{folder}: exists already. Choose another folder, or remove it first.")
    with replacing(folder) as part:
        part.mkdir()
        yield part
        # safetensors makes its files for their owner alone; the configuration is as the umask says.
        mode = stat.S_IMODE((part / "config.json").stat().st_mode)
        for path in part.glob("*.safetensors"):
            path.chmod(mode)

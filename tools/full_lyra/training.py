"""The training of a Gaussian decoder by a recipe, on one GPU or on several."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from itertools import accumulate
from pathlib import Path

import torch
from diffusers import AutoencoderKLCosmos
from torch import nn

from lyra_backend.errors import InvalidRequest
from lyra_backend.generate._lyra.quiet import quiet_libraries
from lyra_backend.models.folders import ModelFolders
from lyra_backend.models.gaussian_decoder import GaussianDecoder
from lyra_backend.models.latent_space import LatentSpace
from lyra_backend.models.loading import load_network
from lyra_backend.progress import Progress
from lyra_backend.train.decoder_training import decoder_optimisers, decoder_schedule
from lyra_backend.train.loop import train
from lyra_backend.train.recipe import Recipe
from lyra_backend.train.saving import save_folder
from lyra_backend.train.shards import ShardReader
from lyra_backend.train.student import StudentObjective, check_data
from lyra_backend.train.teaching import weights_of

__all__ = ["RANK", "new_decoder", "own_device", "train_decoder"]

#: Which of the processes of `accelerate launch` this is, and how many there are.
RANK, PROCESSES = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
#: Processes draw scenes from seeds this far apart.
_SEEDS = 1_000_003


def own_device() -> str:
    """Return the torch device of this process."""
    return f"cuda:{os.environ.get('LOCAL_RANK', 0)}" if torch.cuda.is_available() else "cpu"


def train_decoder(
    out: Path,
    data: list[Path],
    folders: ModelFolders,
    recipe: Recipe,
    seed: int,
    progress: Progress,
    init: Path | None = None,
    *,
    tensorboard: bool = False,
) -> Path:
    """Train a decoder, or go on with it, and return its folder.

    After each stage it is kept in ``OUT/after_N``, so that another training can begin with it; the last one is also
    ``OUT/decoder``, for the place of ``decoder`` in a folder of a model.

    Args:
        out: for the decoder, ``log.jsonl`` and checkpoints.
        data: folders of a teacher's scenes.
        folders: of the teacher; its decoder says what size the new one has.
        recipe: stages and losses.
        seed: of the first weights and of what is drawn.
        progress: stops the work by raising, after a checkpoint.
        init: folder of a decoder whose weights are the first; None draws them.
        tensorboard: write the log for TensorBoard as well.

    Raises:
        InvalidRequest: data, recipe and teacher do not belong together, or see
            :func:`~lyra_backend.train.loop.train`.
    """
    scenes, device, moves = ShardReader(data[0], *data[1:]), own_device(), recipe.stages[-1].moves
    _check_tokenizer(scenes, folders.vae)
    for folder in data:
        check_data(recipe, ShardReader(folder), has_tokenizer=True)
    with quiet_libraries():
        tokenizer = load_network(AutoencoderKLCosmos, folders.vae, torch.float32).to(device)
        like = folders.decoder
        decoder = new_decoder(like, seed, moves=moves) if init is None else _known(init, like, moves=moves)
    decoder = nn.Module.to(decoder, device)
    if device != "cpu":
        decoder.enable_gradient_checkpointing()
    # what a decoder is shown was encoded with the precision of the teacher's
    space = LatentSpace(tokenizer, torch.float32 if device == "cpu" else torch.bfloat16)
    objective = StudentObjective(decoder, scenes, recipe, seed + _SEEDS * RANK, device, space)
    settings = {**asdict(recipe), "seed": seed, "data": [origin.to_json() for origin in scenes.origins]}
    # what is drawn depends on all of these
    settings |= {"scenes": _sum_of(scenes.names), "processes": PROCESSES, "init": weights_of(init) if init else None}
    train(
        objective,
        decoder_optimisers(decoder, recipe),
        decoder_schedule(recipe),
        out,
        progress,
        settings,
        tensorboard=tensorboard,
        at=_keepers(out, decoder, recipe),
    )
    if RANK == 0:
        _save(decoder, out / "decoder", recipe.stages[-1].prune)
    return out / "decoder"


def new_decoder(like: Path, seed: int, *, moves: bool) -> GaussianDecoder:
    """Return a decoder with random weights, of the size that a folder's configuration says.

    Rays and times begin at nothing, as published: what their patches give is the same for all at first.
    """
    config = {name: value for name, value in GaussianDecoder.load_config(like).items() if not name.startswith("_")}
    torch.manual_seed(seed)
    decoder = GaussianDecoder(**{**config, "use_time": moves, "prune_ratio": 0.0})
    for part in (decoder.patch_plucker_embed, decoder.patch_time_embed, decoder.patch_time_embed_tgt):
        nn.init.zeros_(part.proj.weight)
        if part.proj.bias is not None:
            nn.init.zeros_(part.proj.bias)
    return decoder


def _known(folder: Path, like: Path, *, moves: bool) -> GaussianDecoder:
    """Return a saved decoder, one of still scenes being told of time from now on if `moves`.

    Raises:
        InvalidRequest: it is for other latents than the teacher's own, or cannot be loaded.
    """
    decoder = load_network(GaussianDecoder, folder, torch.float32)
    with torch.device("meta"):
        wanted = new_decoder(like, 0, moves=moves).config
    for name in ("latent_channels", "time_compression"):
        if decoder.config[name] != wanted[name]:
            raise InvalidRequest(
                f"{folder}: {name} is {decoder.config[name]}, and {wanted[name]} in the teacher's latents. Begin "
                "with a decoder of that teacher."
            )
    decoder.register_to_config(use_time=moves, prune_ratio=0.0)
    return decoder


def _keepers(out: Path, decoder: GaussianDecoder, recipe: Recipe) -> dict[int, Callable[[], None]]:
    """Return what keeps the decoder at the end of each stage, by steps."""
    ends = accumulate(stage.steps for stage in recipe.stages)
    return {
        end: partial(_save, decoder, out / f"after_{k}", stage.prune)
        for k, (end, stage) in enumerate(zip(ends, recipe.stages, strict=True), 1)
    }


def _save(decoder: GaussianDecoder, folder: Path, prune: float) -> None:
    """Save a decoder in float32, whole or not at all."""
    decoder.register_to_config(prune_ratio=prune)
    with quiet_libraries():
        save_folder(folder, decoder.save_pretrained)


def _sum_of(names: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(names).encode()).hexdigest()


def _check_tokenizer(scenes: ShardReader, vae: Path) -> None:
    """Look whether the data are latents of this tokenizer; raises InvalidRequest."""
    own = weights_of(vae)
    for folder, origin in zip(scenes.folders, scenes.origins, strict=True):
        theirs = {name: digest for name, digest in origin.teacher.items() if name in own}
        if theirs != own:
            raise InvalidRequest(
                f"{folder}: was made by another teacher, whose tokenizer differs from {vae}. Name the model that made "
                "the data."
            )

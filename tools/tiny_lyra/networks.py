"""The stages that train the miniature's teacher: tokenizer, depth network and video model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKLCosmos, CosmosTransformer3DModel

from lyra_backend.atomic import replacing
from lyra_backend.generate._lyra.quiet import quiet_libraries
from lyra_backend.models.gaussian_decoder import GaussianDecoder
from lyra_backend.models.gen3c import check_channels
from lyra_backend.models.latent_space import LatentSpace
from lyra_backend.models.loading import load_network
from lyra_backend.progress import Progress
from lyra_backend.train.decoder_training import decoder_optimisers, decoder_schedule
from lyra_backend.train.depth_network import DepthObjective, make_depth_network, room_pictures, save_depth_network
from lyra_backend.train.encoded_clips import encode_clips
from lyra_backend.train.loop import Schedule, train
from lyra_backend.train.optimisers import muon_and_adamw
from lyra_backend.train.recipe import Recipe
from lyra_backend.train.room_data import RoomClips
from lyra_backend.train.saving import save_folder
from lyra_backend.train.student import Scenes, StudentObjective
from lyra_backend.train.tokenizer_stage import LengthPhase, TokenizerObjective, new_tokenizer
from lyra_backend.train.video_stage import EncodedClips, VideoObjective

from .preset import Preset

__all__ = ["DEVICE", "encoded", "train_depth", "train_student", "train_tokenizer", "train_video_model"]

_WARMUP = 50
#: Where all networks are trained.
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def train_tokenizer(folder: Path, clips: RoomClips, preset: Preset, work: Path, progress: Progress) -> None:
    """Train the tokenizer and save it into `folder`, without statistics of its latents."""
    settings = preset["tokenizer"]
    network, steps = new_tokenizer(settings["network"], preset.seed).to(DEVICE), int(settings["steps"])
    phases = tuple(LengthPhase(**phase) for phase in settings["phases"])
    objective = TokenizerObjective(network, clips.frames, phases, steps, preset.seed)
    _train(objective, settings, work / "tokenizer", progress)
    save_rounded(network, folder)


def encoded(vae: Path, clips: RoomClips, preset: Preset, progress: Progress) -> EncodedClips:
    """Return the clips as latents, and write their statistics into the saved tokenizer's configuration."""
    tokenizer = load_network(AutoencoderKLCosmos, vae, torch.float32).to(DEVICE)
    # those of an earlier, killed run
    tokenizer.register_to_config(latents_mean=None, latents_std=None)
    found = encode_clips(clips, LatentSpace(tokenizer), preset.video, progress)
    with replacing(vae / tokenizer.config_name) as part:
        tokenizer.to_json_file(part)
    return found


def train_video_model(folder: Path, clips: EncodedClips, preset: Preset, work: Path, progress: Progress) -> None:
    """Train the video model and save it into `folder`."""
    settings = preset["video_model"]
    torch.manual_seed(preset.seed)
    network = CosmosTransformer3DModel(**settings["network"]).to(DEVICE)
    check_channels(network.config)
    text_width = int(settings["network"]["text_embed_dim"])
    objective = VideoObjective(network, clips, int(settings["batch"]), preset.seed, preset.video.fps, text_width)
    _train(objective, settings, work / "video_model", progress)
    save_rounded(network, folder)


def train_depth(folder: Path, preset: Preset, work: Path, progress: Progress) -> None:
    """Train the network that gives depth of pictures, and save it into `folder`."""
    settings, video = preset["depth"], preset.video
    rooms = range(int(preset["rooms"]["count"]))
    size = video.width, video.height
    frames, z = room_pictures(rooms, int(settings["pictures_each"]), progress.child(0.0, 0.1), size)
    network = make_depth_network(preset.seed, int(settings["width"]), int(settings["layers"]), size).to(DEVICE)
    objective = DepthObjective(network, frames, z, int(settings["batch"]), preset.seed)
    _train(objective, settings, work / "depth", progress.child(0.1, 1.0))
    save_rounded(network, folder, lambda rounded, part: save_depth_network(rounded, part, size))


def train_student(
    folder: Path, scenes: Scenes, preset: Preset, work: Path, progress: Progress, recipe: Recipe | None = None
) -> None:
    """Train the Gaussian decoder on what the teacher has shown, and save it; by the preset's recipe unless told."""
    settings, recipe = preset["student"], recipe or preset.recipe
    torch.manual_seed(preset.seed)
    decoder = torch.nn.Module.to(GaussianDecoder(**settings["network"]), DEVICE)
    objective = StudentObjective(decoder, scenes, recipe, preset.seed, DEVICE)
    optimisers, schedule = decoder_optimisers(decoder, recipe), decoder_schedule(recipe)
    train(objective, optimisers, schedule, work / "student", progress, asdict(recipe))
    decoder.register_to_config(prune_ratio=recipe.stages[-1].prune)
    save_rounded(decoder, folder)


def save_rounded(network: Any, folder: Path, save: Callable[[Any, Path], None] | None = None) -> None:
    """Save a network in bfloat16, whole or not at all; what is trained after it learns from the rounded weights."""
    rounded = torch.nn.Module.to(network, torch.bfloat16)
    with quiet_libraries():
        save_folder(folder, rounded.save_pretrained if save is None else partial(save, rounded))


def _train(objective: Any, settings: dict[str, Any], work: Path, progress: Progress) -> None:
    named = [pair for network in objective.networks.values() for pair in network.named_parameters()]
    optimisers = muon_and_adamw(named, settings["muon"], settings["adamw"], settings.get("weight_decay", 0.0))
    steps = int(settings["steps"])
    schedule = Schedule(steps, warmup=min(_WARMUP, steps // 4), ema=settings.get("ema", 0.0))
    train(objective, optimisers, schedule, work, progress)

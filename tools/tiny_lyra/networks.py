"""The stages that train the miniature's teacher: tokenizer, depth network and video model."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKLCosmos, CosmosTransformer3DModel

from lyra_backend.models.gen3c import check_channels
from lyra_backend.models.latent_space import LatentSpace
from lyra_backend.models.loading import load_network
from lyra_backend.progress import Progress
from lyra_backend.train.encoded_clips import encode_clips
from lyra_backend.train.loop import Schedule, train
from lyra_backend.train.optimisers import muon_and_adamw
from lyra_backend.train.room_data import RoomClips
from lyra_backend.train.tokenizer_stage import LengthPhase, TokenizerObjective, new_tokenizer
from lyra_backend.train.video_stage import EncodedClips, VideoObjective

from .preset import Preset

__all__ = ["encoded", "train_tokenizer", "train_video_model"]

_WARMUP = 50


def train_tokenizer(folder: Path, clips: RoomClips, preset: Preset, work: Path, progress: Progress) -> None:
    """Train the tokenizer and save it into `folder`, without statistics of its latents."""
    settings = preset["tokenizer"]
    network, steps = new_tokenizer(settings["network"], preset.seed), int(settings["steps"])
    phases = tuple(LengthPhase(**phase) for phase in settings["phases"])
    objective = TokenizerObjective(network, clips.frames, phases, steps, preset.seed)
    _train(objective, settings, work / "tokenizer", progress)
    save_rounded(network, folder)


def encoded(vae: Path, clips: RoomClips, preset: Preset, progress: Progress) -> EncodedClips:
    """Return the clips as latents, and write their statistics into the saved tokenizer's configuration."""
    tokenizer = load_network(AutoencoderKLCosmos, vae, torch.float32)
    # those of an earlier, killed run
    tokenizer.register_to_config(latents_mean=None, latents_std=None)
    found = encode_clips(clips, LatentSpace(tokenizer), preset.video, progress)
    tokenizer.save_config(vae)
    return found


def train_video_model(folder: Path, clips: EncodedClips, preset: Preset, work: Path, progress: Progress) -> None:
    """Train the video model and save it into `folder`."""
    settings = preset["video_model"]
    torch.manual_seed(preset.seed)
    network = CosmosTransformer3DModel(**settings["network"])
    check_channels(network.config)
    text_width = int(settings["network"]["text_embed_dim"])
    objective = VideoObjective(network, clips, int(settings["batch"]), preset.seed, preset.video.fps, text_width)
    _train(objective, settings, work / "video_model", progress)
    save_rounded(network, folder)


def save_rounded(network: Any, folder: Path) -> None:
    """Save a network in bfloat16, whole or not at all; what is trained after it learns from the rounded weights."""
    part = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    torch.nn.Module.to(network, torch.bfloat16).save_pretrained(part)
    shutil.rmtree(folder, ignore_errors=True)
    part.rename(folder)


def _train(objective: Any, settings: dict[str, Any], work: Path, progress: Progress) -> None:
    named = [pair for network in objective.networks.values() for pair in network.named_parameters()]
    optimisers = muon_and_adamw(named, settings["muon"], settings["adamw"], settings.get("weight_decay", 0.0))
    schedule = Schedule(int(settings["steps"]), warmup=_WARMUP, ema=settings.get("ema", 0.0))
    train(objective, optimisers, schedule, work, progress)

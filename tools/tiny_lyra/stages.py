"""The stages of a miniature in their order, each of which is left out where its result lies in the folder already."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path

import torch

from lyra_backend.atomic import atomic_write
from lyra_backend.errors import InvalidRequest, WriteFailed
from lyra_backend.models.latent_space import LatentSpace
from lyra_backend.models.placement import Placement
from lyra_backend.progress import Progress
from lyra_backend.train.room_clips import clip_of
from lyra_backend.train.room_data import RoomClips, make_room_clips
from lyra_backend.train.rooms import draw_room
from lyra_backend.train.shards import ShardReader
from lyra_backend.train.teacher import LyraTeacher, Source, Teaching
from lyra_backend.train.teaching import make_scenes

from .card import measure
from .networks import DEVICE, encoded, train_depth, train_student, train_tokenizer, train_video_model
from .preset import Preset

__all__ = ["STAGES", "Miniature"]

#: Stages, and the share of the time that each takes.
STAGES: Mapping[str, float] = {
    "rooms": 3.0,
    "tokenizer": 25.0,
    "video_model": 18.0,
    "scenes": 9.0,
    "student": 20.0,
    "depth": 5.0,
    "evaluation": 4.0,
}
#: Scenes of a file of the teacher's data.
_PER_SHARD = 40


class Miniature:
    """A folder in which a miniature is made: ``model/`` with its networks, and what they were trained on and how.

    Attributes:
        folder: of all.
        model: its networks, as ``--model`` takes them.
        preset: its numbers.
    """

    def __init__(self, folder: Path, preset: Preset) -> None:
        """Open a folder, made if needed.

        Raises:
            InvalidRequest: a miniature of other numbers is made there.
            WriteFailed: it cannot be written to.
        """
        self.folder, self.model, self.preset = folder, folder / "model", preset
        try:
            self.model.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise WriteFailed(folder, error) from error
        text = json.dumps({"seed": preset.seed, **preset.sections, "video": asdict(preset.video)}, indent=1)
        kept = folder / "preset.json"
        if kept.is_file() and kept.read_text(encoding="utf-8") != text:
            raise InvalidRequest(
                f"{folder}: a miniature of other numbers than {preset.name} is made there. Take another folder, or "
                "remove this one."
            )
        atomic_write(kept, text)
        given = {name: value for name, value in asdict(preset.video).items() if value is not None}
        atomic_write(self.model / "lyra.json", json.dumps(given, indent=1) + "\n")

    def run(self, until: str, progress: Progress) -> None:
        """Run stages up to one of :data:`STAGES`; those whose result is there are left out.

        Raises:
            LyraError: a stage cannot be done, which its text says why.
            Cancelled: the job was stopped; the next run goes on.
        """
        work: Mapping[str, tuple[Callable[[Progress], object], str]] = {
            "rooms": (self._film, ""),
            "tokenizer": (self._tokenizer, "vae/config.json"),
            "video_model": (self._video_model, "transformer/config.json"),
            "scenes": (self._scenes, ""),
            "student": (self._student, "decoder/config.json"),
            "depth": (self._depth, "depth/config.json"),
            "evaluation": (self._evaluate, "MODEL_CARD.md"),
        }
        names = list(STAGES)[: list(STAGES).index(until) + 1]
        for name, part in progress.children({name: STAGES[name] for name in names}).items():
            staged, (make, result) = part.child(0.0, 1.0, name), work[name]
            if result and (self.model / result).is_file():
                staged.skip(f"{name} is there")
                continue
            make(staged)
            staged.milestone(1.0, f"{name} is there")

    @cached_property
    def clips(self) -> RoomClips:
        """The clips of all rooms, read from their folder."""
        return self._film(Progress())

    def _film(self, progress: Progress) -> RoomClips:
        rooms, preset = self.preset["rooms"], self.preset
        count, each = int(rooms["count"]), int(rooms["paths_each"])
        return make_room_clips(self.folder / "rooms", 0, count, each, preset.video, preset.seed, progress)

    def _tokenizer(self, progress: Progress) -> None:
        train_tokenizer(self.model / "vae", self.clips, self.preset, self.folder / "training", progress)

    def _depth(self, progress: Progress) -> None:
        train_depth(self.model / "depth", self.preset, self.folder / "training", progress)

    def _evaluate(self, progress: Progress) -> None:
        measure(self.folder, self.model, self.folder / "scenes", self.preset, progress)

    def _video_model(self, progress: Progress) -> None:
        clips = encoded(self.model / "vae", self.clips, self.preset, progress.child(0.0, 0.12))
        work = self.folder / "training"
        train_video_model(self.model / "transformer", clips, self.preset, work, progress.child(0.12, 1.0))

    def _scenes(self, progress: Progress) -> ShardReader:
        """Let the teacher imagine rooms that it has never seen; no picture of theirs but the first is used."""
        settings, preset = self.preset["scenes"], self.preset
        placement = Placement(torch.device(DEVICE), torch.float32)
        teaching = Teaching(steps=int(settings["steps"]), path_sets=int(settings["path_sets"]))
        teacher = LyraTeacher.load(self.model / "vae", self.model / "transformer", preset.video, placement, teaching)
        space = LatentSpace(teacher.space.tokenizer, torch.bfloat16)
        teacher = replace(teacher, space=space, clips_at_once=6 * int(settings["together"]), half=torch.bfloat16)
        first, count = int(preset["rooms"]["count"]), int(settings["count"])
        names = [f"room_{first + i:06d}" for i in range(count)]

        def source(i: int) -> Source:
            video, room = preset.video, draw_room(first + i)
            size = video.width, video.height
            clip = clip_of(room, "left", 0.25, 2, size, video.centre_depth)
            return Source(names[i], first + i, clip.frames[:1], clip.z[:1], self.clips.lens)

        return make_scenes(self.folder / "scenes", teacher, names, source, preset.seed, _PER_SHARD, progress)

    def _student(self, progress: Progress) -> None:
        scenes = self._scenes(progress.child(0.0, 0.01))
        work = self.folder / "training"
        train_student(self.model / "decoder", scenes, self.preset, work, progress.child(0.01, 1.0))

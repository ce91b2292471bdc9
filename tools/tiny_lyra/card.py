"""The miniature's figures on rooms that it has never seen, a sheet of them, and the card that goes with its weights."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from evaluation_inputs import depth_network, load_model

from lyra_backend.atomic import atomic_write, replacing
from lyra_backend.progress import Progress
from lyra_backend.train.contact_sheets import contact_sheet
from lyra_backend.train.evaluation import evaluate
from lyra_backend.train.evaluation_table import evaluation_json, evaluation_table, student_and_teacher
from lyra_backend.train.held_out import room_scenes
from lyra_backend.train.shards import ShardReader
from lyra_backend.train.taught_scenes import Gap, measure_taught

from .preset import Preset

__all__ = ["measure"]

#: The card, with names in braces for what differs.
_TEMPLATE = Path(__file__).with_name("MODEL_CARD.md")
#: Views of each room off the paths, rooms of the sheet, and frames of each of the teacher's clips that are compared.
_OFF_PATH, _ON_SHEET, _FRAMES = 8, 8, 4


def measure(folder: Path, model: Path, scenes: Path, preset: Preset, progress: Progress) -> None:
    """Write evaluation.md, evaluation.json and sheet.png into `folder`, and MODEL_CARD.md into that of the model.

    Args:
        folder, model: of the miniature and of its networks.
        scenes: what the student learned from.
        preset: its numbers.
        progress: stops the work by raising.
    """
    lyra, count = load_model(model, "auto"), int(preset["evaluation"]["rooms"])
    size = lyra.video.width, lyra.video.height
    rooms, network = room_scenes(count, 0, size, _OFF_PATH), depth_network(lyra)
    found = evaluate(lyra, rooms, network, progress.child(0.0, 0.7))
    known = measure_taught(lyra, ShardReader(scenes), count, _FRAMES, progress.child(0.7, 0.8))
    gap = Gap(known, student_and_teacher(found))
    sheet = contact_sheet(lyra, rooms[:_ON_SHEET], network, progress.child(0.8, 1.0))
    with replacing(folder / "sheet.png") as part:
        sheet.save(part, "PNG")
    text, data = evaluation_table(found, gap), evaluation_json(found, gap)
    atomic_write(folder / "evaluation.md", text)
    atomic_write(folder / "evaluation.json", json.dumps(data, indent=1) + "\n")
    atomic_write(model / "MODEL_CARD.md", _card(preset, text, data))


def _card(preset: Preset, table: str, data: dict[str, Any]) -> str:
    """Return the card: what it is, what it was made from and how, its figures, and what it is not good for."""
    rooms, scenes = int(preset["rooms"]["count"]), int(preset["scenes"]["count"])
    return _TEMPLATE.read_text(encoding="utf-8").format(
        preset=preset.name,
        seed=preset.seed,
        width=preset.video.width,
        height=preset.video.height,
        rooms=rooms,
        last_room=rooms - 1,
        scenes=scenes,
        last_scene=rooms + scenes - 1,
        gaussians=data["gaussians"],
        megabytes=sum(data["bf16_bytes"].values()) / 1e6,
        held_out=data["scenes"],
        table=table,
    )

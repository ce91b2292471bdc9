"""How many rooms' first pictures become scenes that are accepted, and what is found of the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lyra_backend
from lyra_backend.errors import InvalidRequest, StageFailed
from lyra_backend.io.images import write_image
from lyra_backend.models.budget import VideoFormat
from lyra_backend.progress import Progress
from lyra_backend.train.held_out import room_scenes
from lyra_backend.types import Finding, SceneRequest, Severity

__all__ = ["Verdict", "accept_rooms", "acceptance_table"]

#: Code under which a stage that broke is told.
_BROKEN = "failed"


@dataclass(frozen=True)
class Verdict:
    """What became of one room.

    Attributes:
        room: its name.
        accepted: whether nothing that was found is an error.
        grade: of the scene; "" if a stage broke.
        findings: all of them.
    """

    room: str
    accepted: bool
    grade: str
    findings: tuple[Finding, ...]

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON data."""
        codes = [{"code": finding.code, "severity": str(finding.severity)} for finding in self.findings]
        return {"room": self.room, "accepted": self.accepted, "grade": self.grade, "findings": codes}


def accept_rooms(
    model: Path, count: int, seed: int, preset: str, device: str, work: Path, progress: Progress
) -> list[Verdict]:
    """Generate a scene of each room's first picture, as users do, and return what became of it.

    Args:
        model: folder of the model.
        count, seed: of the rooms, see :func:`~lyra_backend.train.held_out.room_scenes`.
        preset, device: of the runs.
        work: where pictures and runs go; finished runs are kept.
        progress: stops the work by raising.

    Raises:
        InvalidRequest: the model or the numbers cannot be used.
    """
    if not model.is_dir():
        raise InvalidRequest(f"model {model}: must be a folder with decoder, transformer and vae, but there is none.")
    video = VideoFormat.read(model)
    scenes = room_scenes(count, seed, (video.width, video.height), 1)
    work.mkdir(parents=True, exist_ok=True)
    found = []
    for i, scene in enumerate(scenes):
        progress(i / count, f"generating {scene.name}")
        picture = work / f"{scene.name.replace(' ', '_')}.png"
        write_image(picture, scene.image)
        request = SceneRequest(
            image=str(picture),
            generator="lyra",
            model=str(model),
            seed=scene.seed,
            preset=preset,
            params={"generate": {"device": device}},
        )
        part = progress.child(i / count, (i + 1) / count)
        found.append(_verdict(scene.name, request, work / picture.stem, part))
        progress.milestone((i + 1) / count, f"{sum(v.accepted for v in found)} of {i + 1} accepted")
    return found


def acceptance_table(verdicts: Sequence[Verdict]) -> str:
    """Return how many were accepted and how many rooms have each finding, as Markdown."""
    accepted = sum(verdict.accepted for verdict in verdicts)
    lines = [f"{accepted} of {len(verdicts)} rooms are accepted (no finding is an error)."]
    # of one room, a code counts once in each severity
    codes = Counter(key for verdict in verdicts for key in {(f.severity, f.code) for f in verdict.findings})
    order = (Severity.ERROR, Severity.WARNING, Severity.INFO)
    rows = sorted(codes.items(), key=lambda item: (order.index(item[0][0]), -item[1], item[0][1]))
    lines += ["", "| finding | severity | rooms |", "| --- | --- | --- |"]
    lines += [f"| {code} | {severity} | {rooms} |" for (severity, code), rooms in rows]
    return "\n".join(lines) + "\n"


def _verdict(name: str, request: SceneRequest, run: Path, progress: Progress) -> Verdict:
    try:
        report = lyra_backend.generate_scene(
            request, run, listener=lambda event: progress(event.fraction, f"{name}: {event.message}")
        ).report
    except StageFailed as error:
        broken = Finding(f"{_BROKEN}.{error.stage}", Severity.ERROR, str(error))
        return Verdict(name, False, "", (broken,))
    return Verdict(name, report.accepted, report.grade, report.findings)

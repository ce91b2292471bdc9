"""``gallery.html``: all scenes of a batch at a glance, with links to their reports."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .templating import rendered

__all__ = ["GALLERY_PAGE", "GalleryScene", "gallery_page"]

GALLERY_PAGE = "gallery.html"


@dataclass(frozen=True)
class GalleryScene:
    """A scene as its card shows it.

    Attributes:
        name: of its item.
        state: "accepted", "rejected" or "failed".
        folder: where its report and thumbnail lie, relative to the page; "" if nothing was kept.
        prompt: what was asked for, or the name of the file that it was made from.
        family: kind of scene, "" if it has none.
        seed: of the attempt that counts.
        grade: "train" or "demo", "" for what failed.
        error_mm: 95 % of the surface is nearer to the collider than this [mm]; None if that was not measured.
        findings: codes of its errors and warnings.
        note: what a person should know besides, such as the error that made it fail.
    """

    name: str
    state: str
    folder: str
    prompt: str
    family: str = ""
    seed: int | None = None
    grade: str = ""
    error_mm: float | None = None
    findings: tuple[str, ...] = ()
    note: str = ""


def gallery_page(scenes: Sequence[GalleryScene], total: int) -> str:
    """Return the page of a batch's scenes, in their order, out of `total` that were asked for."""
    states = Counter(scene.state for scene in scenes)
    return rendered(
        "gallery",
        scenes=scenes,
        total=total,
        states={state: states[state] for state in ("accepted", "rejected", "failed") if states[state]},
        families=_counted(scene.family for scene in scenes if scene.family),
        findings=_counted(code for scene in scenes for code in scene.findings),
    )


def _counted(names: Iterable[str]) -> list[tuple[str, int]]:
    """Return names and how often each comes, the most frequent first."""
    return sorted(Counter(names).items(), key=lambda pair: (-pair[1], pair[0]))

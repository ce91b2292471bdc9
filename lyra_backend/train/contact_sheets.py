"""Sheets of pictures: what is true, what the teacher shows, what the student makes of it, and how deep both are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from ..models.lyra import Lyra
from ..progress import Progress
from .evaluation import DepthOf
from .held_out import HeldOut
from .trial import Trial, decoded, draw, make_trial, moved

__all__ = ["COLUMNS", "contact_sheet", "sheet_of"]

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.floating]

#: What is beside each other.
COLUMNS = ("input", "truth", "teacher", "student", "true depth", "student's depth")
#: Edge between pictures and height of a line of text [px], and how many times larger pictures are shown.
_EDGE, _LINE, _LARGER = 4, 16, 2
#: Anchors of the colours of depth, from near to far: those of "viridis" at even distances, sRGB.
_NEAR_TO_FAR = np.array([(253, 231, 37), (94, 201, 98), (33, 145, 140), (59, 82, 139), (68, 1, 84)], np.float64)


def contact_sheet(model: Lyra, scenes: Sequence[HeldOut], depth_of: DepthOf | None, progress: Progress) -> Image.Image:
    """Return a sheet with a row for each scene, at the end of a path, another for each row.

    Args:
        model: loaded, with its video model.
        scenes: held-out ones that can be filmed anywhere.
        depth_of: stands for true first-frame depth, see :func:`~.evaluation.evaluate`; None takes the truth.
        progress: stops the work by raising.
    """
    rows, names = [], []
    for i, scene in enumerate(scenes):
        if scene.z is None or scene.film is None:
            continue
        unit = float(np.median(scene.z)) / model.video.centre_depth
        z = scene.z if depth_of is None else depth_of(scene.image)
        z = (z * (model.video.centre_depth / float(np.median(z[z > 0])))).astype(np.float32)
        part = progress.child(i / len(scenes), (i + 1) / len(scenes))
        trial = make_trial(model, scene.image, z, scene.lens, scene.seed, part)
        kind = list(trial.paths)[i % len(trial.paths)]
        rows.append(_row(model, scene, trial, kind, unit))
        names.append(f"{scene.name}, end of {kind}")
    return sheet_of(rows, names, COLUMNS)


def sheet_of(rows: Sequence[Sequence[Pixels]], names: Sequence[str], columns: Sequence[str]) -> Image.Image:
    """Return pictures (H, W, 3) of one size in rows, each with its name above, under the names of their columns."""
    height, width = (side * _LARGER for side in rows[0][0].shape[:2])
    across, down = width + _EDGE, height + _EDGE + _LINE
    sheet = Image.new("RGB", (across * len(columns) + _EDGE, down * len(rows) + _LINE + _EDGE), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=11)
    for column, text in enumerate(columns):
        pen.text((_EDGE + column * across, 2), text, "black", font)
    for row, (pictures, name) in enumerate(zip(rows, names, strict=True)):
        top = _LINE + row * down
        pen.text((_EDGE, top + 1), name, "gray", font)
        for column, picture in enumerate(pictures):
            large = Image.fromarray(picture).resize((width, height), Image.Resampling.NEAREST)
            sheet.paste(large, (_EDGE + column * across, top + _LINE))
    return sheet


def _row(model: Lyra, scene: HeldOut, trial: Trial, kind: str, unit: float) -> list[Pixels]:
    """Return the pictures of a scene at the end of a path."""
    if scene.film is None:
        raise ValueError("contact sheet: the scene cannot be filmed.")
    poses = list(trial.paths.values())
    which = list(trial.paths).index(kind)
    end = poses[which][-1:]
    truth = scene.film(moved(end, unit))
    height, width = scene.image.shape[:2]
    drawn = draw(trial.gaussians, end[0], trial.lens, (width, height), model.placement.warp_device)
    taught = decoded(model, trial.latents[which])[-1]
    z = np.zeros((height, width)) if truth.z is None else truth.z[0] / unit
    limits = _limits(z)
    return [scene.image, truth.frames[0], taught, drawn.rgb, _coloured(z, limits), _coloured(drawn.z, limits)]


def _limits(z: Floats) -> tuple[float, float]:
    """Return the depths between which colours are spread."""
    known = z[z > 0]
    return (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)


def _coloured(z: Floats, limits: tuple[float, float]) -> Pixels:
    """Return depth (H, W) as colours (H, W, 3), white where it is not known."""
    near, far = limits
    known = np.isfinite(z) & (z > 0)
    share = np.clip((np.where(known, z, near) - near) / max(far - near, 1e-6), 0, 1)
    at = np.linspace(0, 1, len(_NEAR_TO_FAR))
    colours = np.stack([np.interp(share, at, channel) for channel in _NEAR_TO_FAR.T], axis=-1)
    colours[~known] = 255
    return (colours + 0.5).astype(np.uint8)

"""Tables of evaluations: Markdown for people, plain JSON data for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .evaluation import Evaluation, Row
from .metrics import Tally
from .taught_scenes import Gap

__all__ = ["comparison_table", "evaluation_json", "evaluation_table", "student_and_teacher"]

_ERRORS = {
    "psnr": ("PSNR dB", "{:.2f}"),
    "ssim": ("SSIM", "{:.3f}"),
    "lpips": ("LPIPS", "{:.3f}"),
    "depth_median": ("depth", "{:.1%}"),
    "depth_scaled_median": ("depth, scaled", "{:.1%}"),
    "depth_mean": ("abs-rel", "{:.3f}"),
}
_NOTE = (
    "Means over pictures, but those from where the given one was taken. Depth: median over a picture's pixels of "
    "|found - true| / true, plain and after the scale of each picture was aligned; abs-rel: their mean, unaligned. A "
    "dash: not measured. Holes of the raw warp have the picture's mean colour; the average scene is the median over "
    "all scenes of each view's true depth."
)


def evaluation_table(found: Evaluation, gap: Gap | None = None) -> str:
    """Return all that was found as Markdown."""
    parts = [_main(found), _NOTE, _by_path(found), _tokenizer(found), "" if gap is None else _gap(gap), _costs(found)]
    return "\n\n".join(part for part in parts if part) + "\n"


def evaluation_json(found: Evaluation, gap: Gap | None = None) -> dict[str, Any]:
    """Return all that was found as plain JSON data; all that differs from run to run is under "seconds"."""
    rows = [{**row._asdict(), **tally.means()} for row, tally in sorted(found.tallies.items())]
    taught = None if gap is None else {"training": gap.training.means(), "held_out": gap.held_out.means()}
    return {
        "scenes": found.scenes,
        "rows": rows,
        "by_path": [{"what": what, "path": kind, **t.means()} for (what, kind), t in found.by_path.items()],
        "tokenizer": {name: tally.means() for name, tally in found.tokenizer.items()},
        "depth_network": found.depth_network.means(),
        "taught": taught if gap is None else {**(taught or {}), "gap_db": gap.psnr},
        "gaussians": _per_scene(found),
        "bf16_bytes": dict(found.weights),
        "seconds": {name: _median(values) for name, values in _times(found).items()},
    }


def comparison_table(models: Mapping[str, Evaluation]) -> str:
    """Return one row for each of several models, in the form of Lyra's table of ablations (arXiv 2509.19296).

    Pictures are compared with the truth on and off the paths, with the first frame's true depth where it is known; the
    student's against its own teacher, on the paths, comes last.
    """
    places = [("truth", "on the paths"), ("truth", "off the paths"), ("teacher", "on the paths")]
    heads = ["model", *(f"{title}, {where[:3].strip()}" for _, where in places[:2] for title, _ in _ERRORS.values())]
    lines = [_line([*heads, "PSNR dB, teacher", "Gaussians"])]
    lines.append(_line(["---"] * (len(heads) + 2)))
    for name, found in models.items():
        on, off, taught = (_best(found, *place).means() for place in places)
        cells = [_cell(means, key) for means in (on, off) for key in _ERRORS]
        lines.append(_line([name, *cells, _cell(taught, "psnr"), str(_per_scene(found))]))
    return "\n".join(lines) + "\n\n" + _NOTE + "\n"


def student_and_teacher(found: Evaluation) -> Tally:
    """Return how like its teacher's a student's pictures are, on the paths."""
    return _best(found, "teacher", "on the paths")


def _best(found: Evaluation, against: str, where: str) -> Tally:
    """Return the student's tally with true depth, or with the network's where no scene has truth."""
    rows = [row for row in found.tallies if (row.what, row.against, row.where) == ("student", against, where)]
    # "true first-frame depth" sorts behind the network's
    return found.tallies[max(rows)] if rows else Tally()


def _main(found: Evaluation) -> str:
    heads = ["first depth", "what", "against", "where", "pictures", *(title for title, _ in _ERRORS.values())]
    return _table(heads, [_row(row, tally) for row, tally in sorted(found.tallies.items(), key=_place)])


def _place(item: tuple[Row, Tally]) -> tuple[int, ...]:
    """Return where a row stands: by depth, what, against what, and where, baselines last."""
    row = item[0]
    order = ("teacher", "student", "raw warp", "average scene", "constant depth")
    depths = ("true first-frame depth", "depth network in its place", "-")
    return depths.index(row.depth), order.index(row.what), int(row.against == "truth"), int(row.where[:3] == "off")


def _row(row: Row, tally: Tally) -> list[str]:
    means = tally.means()
    return [*row, str(int(means["count"] or 0)), *(_cell(means, key) for key in _ERRORS)]


def _by_path(found: Evaluation) -> str:
    if not found.by_path:
        return ""
    means = {key: tally.means() for key, tally in found.by_path.items()}
    # in the order in which they came
    names, paths = (list(dict.fromkeys(key[i] for key in means)) for i in (0, 1))
    heads = ["by path", *(f"{what}, {title}" for what in names for title in ("PSNR dB", "SSIM"))]
    rows = [[path, *(_cell(means[what, path], key) for what in names for key in ("psnr", "ssim"))] for path in paths]
    return _table(heads, rows)


def _tokenizer(found: Evaluation) -> str:
    if not found.tokenizer:
        return ""
    rows = [[name, _cell(t.means(), "psnr"), _cell(t.means(), "ssim")] for name, t in found.tokenizer.items()]
    return _table(["tokenizer", "PSNR dB", "SSIM"], rows)


def _gap(gap: Gap) -> str:
    scenes = {"training": gap.training, "held-out": gap.held_out}
    rows = [[name, *(_cell(t.means(), key) for key in _ERRORS)] for name, t in scenes.items()]
    table = _table(["student against teacher's scenes", *(title for title, _ in _ERRORS.values())], rows)
    return table if gap.psnr is None else f"{table}\n\nGap to training scenes: {gap.psnr:.2f} dB"


def _costs(found: Evaluation) -> str:
    times, depth = _times(found), found.depth_network.means()
    sizes = ", ".join(f"{name} {size / 1e6:.2f}" for name, size in found.weights.items())
    rows = [
        ["scenes", str(found.scenes)],
        ["Gaussians a scene", str(_per_scene(found))],
        ["weights in bfloat16, MB", f"{sum(found.weights.values()) / 1e6:.2f} ({sizes})"],
        *([f"seconds a scene, warm, {name}", _told(_median(values))] for name, values in times.items()),
        ["depth network alone: median, scaled, abs-rel", ", ".join(_cell(depth, k) for k in list(_ERRORS)[3:])],
    ]
    return _table(["model", ""], rows)


def _times(found: Evaluation) -> dict[str, Sequence[float]]:
    return {"processor": found.cpu_s, "wall": found.wall_s, "processor, depth network": found.depth_s}


def _per_scene(found: Evaluation) -> int:
    return round(float(np.mean(found.gaussians))) if found.gaussians else 0


def _median(values: Sequence[float]) -> float | None:
    return float(np.median(values)) if values else None


def _told(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _cell(means: Mapping[str, float | None], key: str) -> str:
    value = means[key]
    return "-" if value is None else _ERRORS[key][1].format(value)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join([_line(heads), _line(["---"] * len(heads)), *map(_line, rows)])


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"

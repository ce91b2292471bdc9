"""What each step of the collider buys: run it with a step left out, and hold the result against the true surface.

    python tools/collision_scenes.py scenes --count 6 --seed 100
    python tools/collider_ablation.py scenes/100_000_room scenes/100_002_terrain

Scenes are named without the ending, as `collision_scenes.py` writes them. Prints a Markdown table; figures are those of
`collider_accuracy.py`.
"""

from __future__ import annotations

import argparse
import importlib
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import collider_accuracy

from lyra_backend.conversion import make_collider

HEADER = (
    "| scene | step left out | triangles | floor mean / p95 mm | covered % | free wrong % | phantom m2 | CPU s |\n"
    "|---|---|---|---|---|---|---|---|"
)
_SHEETS, _FLAT = "lyra_backend.collide._scan.sheets", "lyra_backend.collide._mesh.flat"


@dataclass(frozen=True)
class Case:
    """A way to run the collider: parameters, and a function (module, name) with what takes its place."""

    name: str
    parameters: dict[str, Any] = field(default_factory=dict)
    without: tuple[str, str, Callable[..., Any]] | None = None


CASES = (
    Case("none"),
    Case("removal of floaters", without=(_SHEETS, "_without_floaters", lambda _, __, blocked, *___: (blocked, 0))),
    Case("where a surface ends (relative_density)", {"relative_density": 0.0}),
    Case("straightening of haze", {"max_haze": 1.0}),
    Case("planes", without=(_FLAT, "flattened", lambda points, normals, *_: (points, normals))),
    Case("planes where Gaussians are densest", without=(_FLAT, "refitted", lambda planes, *_: planes)),
    Case("sides kept in order", without=(_FLAT, "with_sides_in_order", lambda faces: faces)),
    Case("simplification", {"target_triangles": 0}),
    Case("lining, bottoms and kerb put in", {"lining_height": 2.2, "close_bottoms": True, "kerb_height": 0.5}),
)


@contextmanager
def left_out(step: tuple[str, str, Callable[..., Any]] | None) -> Iterator[None]:
    """Replace a function."""
    if step is None:
        yield
        return
    with patch.object(importlib.import_module(step[0]), step[1], step[2]):
        yield


def line(scene: Path, case: Case) -> str:
    """Run the case on a scene and return its line of the table."""
    started = time.process_time()
    with tempfile.TemporaryDirectory() as folder, left_out(case.without):
        target = Path(folder) / "collider.ply"
        overrides = {"collide": {"objects": "none", **case.parameters}}
        make_collider(scene.with_name(scene.name + ".ply"), target, up="z", scale=1.0, overrides=overrides)
        seconds = time.process_time() - started
        proxy = collider_accuracy.read_mesh(target)
    got = collider_accuracy.measure(proxy, collider_accuracy.read_mesh(scene.with_name(scene.name + "_gt.ply")))
    cells = [scene.name, case.name, got.triangles, f"{got.floor_mean_m * 1e3:.1f} / {got.floor_p95_m * 1e3:.1f}"]
    cells += [f"{got.covered * 100:.2f}", f"{got.free_wrong * 100:.2f}", f"{got.phantom_m2:.2f}", f"{seconds:.1f}"]
    return f"| {' | '.join(map(str, cells))} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenes", type=Path, nargs="+", help="scenes, without .ply")
    given = parser.parse_args()
    print(HEADER, flush=True)
    for scene in given.scenes:
        for case in CASES:
            print(line(scene, case), flush=True)


if __name__ == "__main__":
    main()

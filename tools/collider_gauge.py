"""Hold the error that colliders state of themselves against their true error, on scenes whose surface is known.

    python tools/collision_scenes.py scenes --count 48 --seed 100
    python tools/collider_gauge.py scenes

A scene is NAME.ply with NAME.json, which names its true surface as "gt_mesh". The true error is the distance from the
true surface to the collider, 95 % of the area. What is stated is good if it is within 30 % or 3 mm of that and at least
half of it. Exit code 0 if it is in 90 % of the scenes and is nowhere below half.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

SAMPLE_COUNT = 60_000
WITHIN_SHARE, WITHIN_M, LEAST_SHARE, GOOD_SHARE = 0.30, 0.003, 0.5, 0.9


@dataclass(frozen=True)
class Row:
    """One scene: true and stated distances of half and of 95 % of the surface [m]; CPU seconds of the collider."""

    name: str
    true_median: float
    true_p95: float
    median: float
    p95: float
    cpu_s: float

    @property
    def is_good(self) -> bool:
        off = abs(self.p95 - self.true_p95)
        return off <= max(WITHIN_SHARE * self.true_p95, WITHIN_M) and not self.is_low

    @property
    def is_low(self) -> bool:
        return not self.p95 >= LEAST_SHARE * self.true_p95

    def __str__(self) -> str:
        verdict = "ok" if self.is_good else "LOW" if self.is_low else "off"
        figures = [1000 * v for v in (self.true_median, self.median, self.true_p95, self.p95)]
        return f"{self.name:24s} {' '.join(f'{v:8.1f}' for v in figures)} {self.cpu_s:6.1f}  {verdict}"


def gauge(path: Path, collider: str, overrides: dict[str, dict[str, Any]]) -> Row:
    """Make a collider of the scene that a .json file describes, and compare what it states with the truth."""
    import trimesh

    from lyra_backend import api
    from lyra_backend.kernels.mesh_distance import mesh_distance

    scene = json.loads(path.read_text(encoding="utf-8"))
    truth = trimesh.load(path.parent / scene["gt_mesh"], force="mesh", process=False)
    started = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        target, cloud = Path(folder) / "collider.ply", path.with_suffix(".ply")
        made = api.make_collider(cloud, target, up="z", scale=1.0, collider=collider, overrides=overrides)
        cpu = time.process_time() - started
        proxy = trimesh.load(target, force="mesh", process=False)
    assert isinstance(proxy, trimesh.Trimesh)
    points, _ = trimesh.sample.sample_surface(truth, SAMPLE_COUNT, seed=1)
    off = mesh_distance(np.asarray(proxy.vertices), np.asarray(proxy.faces), np.asarray(points)).distance
    stated = made.value.error_m
    true_median, true_p95 = (float(v) for v in np.quantile(off, (0.5, 0.95)))
    return Row(path.stem, true_median, true_p95, stated.get("median", np.nan), stated.get("p95", np.nan), cpu)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("scenes", type=Path, nargs="+", help="directories with scenes, or .json files of single ones")
    parser.add_argument("--collider", default="surface")
    parser.add_argument("--set", action="append", default=[], metavar="STAGE.FIELD=VALUE", help="refine or collide")
    options = parser.parse_args()
    overrides: dict[str, dict[str, Any]] = {}
    for text in options.set:
        name, _, value = text.partition("=")
        stage, _, field = name.partition(".")
        try:
            overrides.setdefault(stage, {})[field] = json.loads(value)
        except json.JSONDecodeError:
            overrides.setdefault(stage, {})[field] = value
    paths = [p for given in options.scenes for p in (sorted(given.glob("*.json")) if given.is_dir() else [given])]
    print(f"{'scene':24s} {'median':>8s} {'stated':>8s} {'p95':>8s} {'stated':>8s} {'cpu':>6s}   [mm], [s]")
    rows = []
    for path in paths:
        rows.append(gauge(path, options.collider, overrides))
        print(rows[-1], flush=True)
    good, low = sum(row.is_good for row in rows), sum(row.is_low for row in rows)
    print(f"{good} of {len(rows)} within 30 % or 3 mm; {low} below half")
    return 0 if rows and good >= GOOD_SHARE * len(rows) and not low else 1


if __name__ == "__main__":
    sys.exit(main())

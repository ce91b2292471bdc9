"""A generated scene gives the same drop test in PhysX on its USD and in MuJoCo on its scene.xml."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import lyra_backend as lyra
from tools import mjcf_drop

from ..conftest import PROMPT, SMALL

pytest.importorskip("mujoco")
pytest.importorskip("ovphysx")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small office with convex pieces beside its surface."""
    folder = tmp_path_factory.mktemp("mjcf") / "office"
    params = {**SMALL, "author": {"mjcf": True, "keep": "train"}}
    lyra.generate_scene({"prompt": PROMPT, "seed": 1, "params": params}, folder)
    return folder


def test_bodies_come_to_rest_at_the_same_heights(run: Path) -> None:
    same_pieces = mjcf_drop.compare(run, "convex", 40, 1.5)
    assert same_pieces.bodies >= 25
    assert len(same_pieces.physx) >= 0.8 * same_pieces.bodies
    assert (same_pieces.apart < 0.01).all()
    surface = mjcf_drop.compare(run, "single", 40, 1.5).to_json()
    assert surface["within_1_cm"] >= 0.9
    assert surface["median_mm"] < 2.0


def test_pieces_are_a_variant_and_are_told(run: Path) -> None:
    data = json.loads((run / "isaac_lab.json").read_text(encoding="utf-8"))
    assert {"single", "parts", "convex"} <= set(data["variants"]["collision"])
    report = json.loads((run / "report.json").read_text(encoding="utf-8"))
    counts = {name: n for stage in report["stages"] for name, n in stage["counts"].items()}
    assert counts["pieces"] > 10
    assert counts["contacts_per_body"] >= 4  # a box lies on four corners
    assert {"depth.median", "depth.p95"} <= {f["code"] for s in report["stages"] for f in s["findings"]}

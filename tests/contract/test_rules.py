"""Every kind of output keeps OpenUSD's rules and those of NVIDIA's asset validator, in every variant.

Other kinds are checked where their runs are made: 4D in ``test_carried_objects``, ``--keep train`` in
``test_training_scenes``, a supplied collider in ``test_marble_run``.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from pxr import Usd

from lyra_backend.io.ply import write_ply

from ..author.fields import cloud_of
from ..commands import call
from ..conftest import PROMPT
from ..rules import choices, faults, faults_of_run

EVERYTHING = ("--for", "both", "--package", "usdz", "--light-variants", 2, "--dynamic", "--keep-splat")


def test_a_run_with_everything_in_it(tmp_path: Path) -> None:
    small = ("--set", "generate.gaussian_count=40000", "--set", "collide.voxel_size=0.08")
    done = call("generate", "--prompt", PROMPT, "--seed", 1, *EVERYTHING, *small, "--out", tmp_path / "run", "--json")
    assert done.code == 0, done.out + done.err
    variants = {name for choice in choices(Usd.Stage.Open(str(tmp_path / "run/stage.usda"))) for name in choice.items()}
    assert {("appearance", name) for name in ("particleField", "nurec", "mesh", "proxy", "none")} < variants
    assert {("collision", name) for name in ("single", "parts", "exact", "none")} < variants
    assert {("light", name) for name in ("scene", "random_1", "random_2")} < variants
    assert faults_of_run(tmp_path / "run") == []


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.usda", ()),
        ("a.usdc", ()),
        ("a.usdz", ()),
        ("a.usdc", ("--set", "author.half=true")),
        ("a.usdc", ("--set", "author.color_space=srgb_rec709_scene")),
        ("a.usdz", ("--primitive", "nurec")),
    ],
)
@pytest.mark.parametrize("degree", [0, 2])
def test_what_convert_writes(tmp_path: Path, name: str, options: tuple[str, ...], degree: int) -> None:
    write_ply(tmp_path / "in.ply", cloud_of(60, degree))
    done = call("convert", tmp_path / "in.ply", tmp_path / name, "--up", "-y", "--scale", 0.5, *options)
    assert done.code == 0, done.err
    found = faults(tmp_path / name)
    # who asks for text gets text, however long its arrays
    assert [fault for fault in found if not (name.endswith(".usda") and "UsdAsciiPerformanceChecker" in fault)] == []


def test_what_collide_writes(scene_dir: Path, tmp_path: Path) -> None:
    source = scene_dir / "gaussians.usdc"
    done = call("collide", source, tmp_path / "a.usdc", "--up", "z", "--scale", 1, "--set", "collide.voxel_size=0.08")
    assert done.code == 0, done.err
    assert faults(tmp_path / "a.usdc") == []

"""The command line as a user meets it: in its own process, with real exit codes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lyra_backend.io.ply import read_ply, write_ply

from .conftest import PROMPT, make_random_cloud

COMMAND = [sys.executable, "-m", "lyra_backend"]


def cli(*words: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *map(str, words)], capture_output=True, text=True, cwd=cwd, timeout=300)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Good and bad input files."""
    folder = tmp_path_factory.mktemp("inputs")
    write_ply(folder / "good.ply", make_random_cloud(50, 1))
    write_ply(folder / "one.ply", make_random_cloud(1, 0))
    whole = (folder / "good.ply").read_bytes()
    (folder / "truncated.ply").write_bytes(whole[: len(whole) // 2])
    (folder / "promises.ply").write_bytes(whole.replace(b"vertex 50", b"vertex 99"))
    (folder / "columns.ply").write_bytes(whole.replace(b"property float opacity", b"property float whatever"))
    (folder / "zero.ply").write_bytes(
        whole.partition(b"end_header\n")[0].replace(b"vertex 50", b"vertex 0") + b"end_header\n"
    )
    (folder / "text.ply").write_text("Dear splat,\nhow are you?\n")
    Image.fromarray(np.full((48, 64, 3), 90, np.uint8)).save(folder / "photo.png")
    np.save(folder / "depth.npy", np.full((48, 64), 2.0, np.float32))
    np.save(folder / "small.npy", np.full((10, 10), 2.0, np.float32))
    np.save(folder / "zeros.npy", np.zeros((48, 64), np.float32))
    (folder / "corrupt.png").write_bytes((folder / "photo.png").read_bytes()[:60])
    (folder / "folder").mkdir()
    return folder


BAD = [
    (["--prompt", ""], "prompt"),
    (["--prompt", "x" * 10_000], "at most 2000 characters, got 10000"),
    ([], "needs an input"),
    (["--prompt", "a room", "--generator", "procedurel"], "Did you mean 'procedural'"),
    (["--prompt", "a room", "--preset", "fast"], "draft, large, standard"),
    (["--prompt", "a room", "--collider", "surfaces"], "Did you mean 'surface'"),
    (["--prompt", "a room", "--primitive", "nope"], "particle_field"),
    (["--prompt", "a room", "--set", "collide.voxelsize=1"], "voxel_size"),
    (["--prompt", "a room", "--set", "collide.voxel_size=-1"], "voxel_size must be"),
    (["--prompt", "a room", "--set", "colide.voxel_size=1"], "collide"),
    (["--prompt", "a room", "--set", "nonsense"], "STAGE.FIELD=VALUE"),
    (["--prompt", "a room", "--splat", "good.ply"], "splat"),
    (["--image", "photo.png"], "--depth"),
    (["--image", "photo.png", "--depth", "depth.npy"], "intrinsics"),
    (["--image", "photo.png", "--depth", "small.npy", "--intrinsics", "50,50,32,24"], "10"),
    (["--image", "photo.png", "--depth", "zeros.npy", "--intrinsics", "50,50,32,24"], "depth"),
    (["--image", "photo.png", "--depth", "depth.npy", "--intrinsics", "50,50"], "FX,FY,CX,CY"),
    (["--image", "corrupt.png", "--depth", "depth.npy", "--intrinsics", "50,50,32,24"], "corrupt.png"),
    (["--splat", "missing.ply"], "does not exist"),
    (["--splat", "folder"], "directory"),
    (["--splat", "truncated.ply"], "50"),
    (["--splat", "promises.ply"], "99"),
    (["--splat", "columns.ply"], "opacity"),
    (["--splat", "zero.ply"], "no Gaussians"),
    (["--splat", "text.ply"], "PLY"),
    (["--splat", "photo.png"], ".ply"),
]


@pytest.mark.parametrize(("words", "expected"), BAD, ids=lambda v: " ".join(v)[:50] if isinstance(v, list) else None)
def test_bad_input_is_one_clear_error_and_leaves_nothing(inputs: Path, words: list[str], expected: str) -> None:
    done = cli("generate", *words, "--out", "out", cwd=inputs)
    assert done.returncode == 2, done.stderr
    assert expected in done.stderr
    assert "Traceback" not in done.stderr
    assert not (inputs / "out").exists()


def test_output_that_cannot_be_used(inputs: Path) -> None:
    assert "not a run" in cli("generate", "--prompt", "a room", "--out", inputs).stderr
    assert "is a file" in cli("generate", "--prompt", "a room", "--out", inputs / "good.ply").stderr
    under_file = cli("generate", "--prompt", "a room", "--out", inputs / "good.ply" / "deeper")
    assert under_file.returncode == 2
    assert "cannot write" in under_file.stderr


@pytest.mark.parametrize("name", ["one.ply", "good.ply"])
def test_splats_too_poor_for_a_scene_end_as_findings(inputs: Path, tmp_path: Path, name: str) -> None:
    done = cli("generate", "--splat", inputs / name, "--scale", "1", "--out", tmp_path / "run", "--json")
    assert done.returncode == 1, done.stderr
    report = json.loads(done.stdout)
    assert not report["accepted"]
    assert "collide.no_surface" in {f["code"] for s in report["stages"] for f in s["findings"]}


def test_generate_reports_json(tmp_path: Path) -> None:
    words = ["--prompt", PROMPT, "--set", "generate.gaussian_count=40000", "--set", "collide.voxel_size=0.08"]
    done = cli("generate", *words, "--out", tmp_path / "run", "--json")
    report = json.loads(done.stdout)
    assert done.returncode == (0 if report["accepted"] else 1), done.stderr
    assert [s["stage"] for s in report["stages"]] == ["generate", "refine", "picture", "collide", "author", "validate"]


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize("after_s", [0.5, 2.0, 5.0])
def test_ctrl_c_stops_cleanly(tmp_path: Path, after_s: float) -> None:
    words = ["generate", "--prompt", PROMPT, "--preset", "draft", "--out", str(tmp_path / "run")]
    child = subprocess.Popen([*COMMAND, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    time.sleep(after_s)
    os.kill(child.pid, signal.SIGINT)
    _, errors = child.communicate(timeout=60)
    assert child.returncode == 130, errors
    assert "Traceback" not in errors
    assert not list(tmp_path.rglob("*.part"))
    assert not (tmp_path / "run" / ".complete").exists()


def test_convert_splat_and_usd(inputs: Path, tmp_path: Path) -> None:
    assert cli("convert", inputs / "good.ply", tmp_path / "a.usdc").returncode == 0
    assert cli("convert", inputs / "good.ply", tmp_path / "b.ply").returncode == 0
    before, after = (read_ply(folder).value for folder in (inputs / "good.ply", tmp_path / "b.ply"))
    assert np.array_equal(before.positions, after.positions)
    assert np.array_equal(before.sh, after.sh)
    assert np.allclose(before.scales, after.scales, rtol=1e-6)
    assert {p.name for p in tmp_path.iterdir()} == {"a.usdc", "b.ply"}


def test_convert_refuses_what_it_cannot_write(inputs: Path, tmp_path: Path) -> None:
    done = cli("convert", inputs / "good.ply", tmp_path / "a.gltf")
    assert done.returncode == 2
    assert ".usdc" in done.stderr
    same = cli("convert", inputs / "good.ply", inputs / "good.ply")
    assert same.returncode == 2
    assert "input itself" in same.stderr


def test_validate_a_run_and_a_file(scene_dir: Path) -> None:
    done = cli("validate", scene_dir, "--json")
    assert done.returncode == 0, done.stdout
    assert json.loads(done.stdout)["passed"]
    assert cli("validate", scene_dir / "stage.usda", "--json").returncode == 0
    assert cli("validate", scene_dir / "nothing.usda").returncode == 2


def test_collider_overlays_the_splat(scene_dir: Path, tmp_path: Path) -> None:
    import trimesh
    from pxr import Usd

    stage = Usd.Stage.Open(str(scene_dir / "gaussians.usdc"))
    points = np.asarray(stage.GetDefaultPrim().GetAttribute("positions").Get())
    assert len(points) > 10_000
    source = tmp_path / "room.ply"
    _export(scene_dir, source)
    words = ["--up", "z", "--set", "collide.voxel_size=0.08"]
    done = cli("collide", source, tmp_path / "room.obj", *words, "--json")
    assert done.returncode == 0, done.stderr
    mesh = trimesh.load(tmp_path / "room.obj", process=False)
    assert np.abs(np.asarray(mesh.bounds) - [points.min(0), points.max(0)]).max() < 0.25


def _export(scene_dir: Path, target: Path) -> None:
    """Write a run's Gaussians as PLY, by running its generator again."""
    from lyra_backend.io.run_dir import RunDirectory
    from lyra_backend.plan import make_plan
    from lyra_backend.progress import Progress

    request = RunDirectory.read_request(scene_dir)
    plan = make_plan(request)
    generation = plan.generator.run(request, plan.params["generate"], Progress()).value
    write_ply(target, generation.cloud)


def test_generators_and_doctor_explain_themselves() -> None:
    listing = json.loads(cli("generators", "--json").stdout)
    assert {"procedural", "rgbd", "splat_file"} <= set(listing["generate"]["generators"])
    parameters = listing["generate"]["generators"]["procedural"]["parameters"]
    assert all(p["description"] for p in parameters.values())
    report = json.loads(cli("doctor", "--json").stdout)
    assert report["packages"]["warp-lang"]
    assert report["device"]


def test_help_teaches() -> None:
    text = cli("--help").stdout
    assert "Exit codes" in text
    for name in ("generate", "convert", "collide", "validate", "repeat", "generators", "doctor"):
        assert name in text
        assert cli(name, "--help").returncode == 0


def test_absurdly_large_gaussians_end_as_findings(tmp_path: Path) -> None:
    from dataclasses import replace

    cloud = replace(make_random_cloud(500, 0), scales=np.full((500, 3), 1e30, np.float32))
    write_ply(tmp_path / "huge.ply", cloud)
    words = ["--splat", tmp_path / "huge.ply", "--up", "z", "--scale", "1", "--out", tmp_path / "run", "--json"]
    done = cli("generate", *words)
    assert done.returncode == 1, done.stderr
    assert not json.loads(done.stdout)["accepted"]


def test_lossy_conversion_is_said(tmp_path: Path) -> None:
    write_ply(tmp_path / "rich.ply", make_random_cloud(50, 3))
    done = cli("convert", tmp_path / "rich.ply", tmp_path / "poor.splat", "--json")
    assert done.returncode == 0, done.stderr
    assert "splat.reduced" in {f["code"] for f in json.loads(done.stdout)["findings"]}


def test_model_of_a_generator_without_models_is_refused(tmp_path: Path) -> None:
    done = cli("generate", "--prompt", "a room", "--model", "tiny", "--out", tmp_path / "run")
    assert done.returncode == 2
    assert "model" in done.stderr

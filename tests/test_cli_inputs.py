"""Every bad input there is: one clear error and nothing left behind, or findings of a scene that is not accepted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from lyra_backend.io.ply import write_ply

from .commands import call
from .conftest import make_random_cloud

Rows = npt.NDArray[np.float32]


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
    (folder / "empty.ply").write_bytes(b"")
    (folder / "noise.spz").write_bytes(bytes(range(256)))
    Image.fromarray(np.full((48, 64, 3), 90, np.uint8)).save(folder / "photo.png")
    np.save(folder / "depth.npy", np.full((48, 64), 2.0, np.float32))
    np.save(folder / "small.npy", np.full((10, 10), 2.0, np.float32))
    np.save(folder / "zeros.npy", np.zeros((48, 64), np.float32))
    (folder / "corrupt.png").write_bytes((folder / "photo.png").read_bytes()[:60])
    (folder / "folder").mkdir()
    (folder / "frames").mkdir()
    write_ply(folder / "frames" / "f1.ply", make_random_cloud(50, 1))
    write_ply(folder / "frames" / "f2.ply", make_random_cloud(49, 1))
    return folder


CAMERA = ["--intrinsics", "50,50,32,24"]
ROOM = ["--prompt", "a room"]
FRAMES = ["--splat", "frames", "--set"]
BAD = [
    (["--prompt", ""], "prompt must say what to generate"),
    (["--prompt", " \n"], "prompt must say what to generate"),
    (["--prompt", "x" * 10_000], "at most 2000 characters, got 10000"),
    ([], "needs an input"),
    ([*ROOM, "--generator", "procedurel"], "Did you mean 'procedural'"),
    ([*ROOM, "--preset", "fast"], "preset 'fast' is unknown; known: draft, large, reference, standard"),
    ([*ROOM, "--collider", "surfaces"], "Did you mean 'surface'"),
    ([*ROOM, "--primitive", "nope"], "primitive 'nope' is unknown; known: nurec, particle_field"),
    ([*ROOM, "--primitive", "particle_field,particle_field"], "primitives must differ"),
    ([*ROOM, "--primitive", ""], "primitive '' is unknown"),
    ([*ROOM, "--primitive", "nurec", "--for", "both"], "--for and --primitive: both say how"),
    ([*ROOM, "--for", "isaac4"], "--for isaac4: no such version; known: both, isaac5, isaac6"),
    ([*ROOM, "--package", "zip"], "author.package must be one of its choices, got 'zip'; known: none, usdz"),
    ([*ROOM, "--keep", "some"], "author.keep must be one of its choices, got 'some'; known: all, train"),
    ([*ROOM, "--keep", "train", "--keep-splat"], "train leaves no Gaussians, but keep_splat asks for them"),
    ([*ROOM, "--keep", "train", "--set", "author.appearance=nurec"], "appearance=nurec asks for them"),
    ([*ROOM, "--generator", "procedural", "--model", "tiny"], "model: generator 'procedural' does not use it"),
    ([*ROOM, "--set", "collide.voxelsize=1"], "collide.voxelsize is not a parameter"),
    ([*ROOM, "--set", "generate.gausian_count=1"], "Did you mean 'gaussian_count'"),
    ([*ROOM, "--set", "collide.voxel_size=-1"], "collide.voxel_size must be from"),
    ([*ROOM, "--set", "collide.voxel_size=1e400"], "collide.voxel_size must be from"),
    ([*ROOM, "--set", "collide.max_scale=Infinity"], "collide.max_scale must be a number, neither infinite nor NaN"),
    ([*ROOM, "--set", f"collide.max_triangles=1{'0' * 400}"], "a whole number of at most 64 bits"),
    ([*ROOM, "--set", f"collide.max_triangles=1{'0' * 9000}"], "collide.max_triangles must be a whole number"),
    ([*ROOM, "--set", "collide.voxel_size=[1]"], "params.collide.voxel_size must be text, a number"),
    ([*ROOM, "--set", "colide.voxel_size=1"], "no such stage; known: author, collide"),
    ([*ROOM, "--set", "nonsense"], "STAGE.FIELD=VALUE"),
    ([*ROOM, "--seed", "-1"], "--seed"),
    ([*ROOM, "--seed", str(2**63)], "seed must be a whole number"),
    ([*ROOM, "--splat", "good.ply"], "prompt: generator 'splat_file' does not use it"),
    (["--image", "photo.png", "--model", "nowhere"], "model 'nowhere': no model that comes with the package"),
    (["--image", "photo.png", "--depth", "depth.npy"], "intrinsics"),
    (["--image", "photo.png", "--depth", "small.npy", *CAMERA], "10"),
    (["--image", "photo.png", "--depth", "zeros.npy", *CAMERA], "zeros.npy"),
    (["--image", "photo.png", "--depth", "depth.npy", "--intrinsics", "50,50"], "FX,FY,CX,CY"),
    (["--image", "photo.png", "--depth", "depth.npy", "--intrinsics", "missing.json"], "missing.json"),
    (["--image", "corrupt.png", "--depth", "depth.npy", *CAMERA], "corrupt.png"),
    (["--image", "photo.png", "--depth", "corrupt.png", *CAMERA], "corrupt.png"),
    (["--splat", "missing.ply"], "missing.ply does not exist"),
    (["--splat", "folder"], "folder: holds no splat"),
    (["--splat", "frames"], "frames: nothing says when its 2 splats are so"),
    ([*FRAMES, "generate.times_s=1,0.5"], "generate.times_s: times must ascend, but 0.5 s comes after 1 s"),
    ([*FRAMES, "generate.times_s=0,nan"], "generate.times_s: times must be finite"),
    ([*FRAMES, "generate.times_s=0,1,2"], "2 splats need as many times, got 3"),
    ([*FRAMES, "generate.fps=10", "--set", "generate.stable_identity=true"], "f2.ply: has 49 Gaussians, f1.ply has 50"),
    (["--splat", "good.ply", "--set", "generate.fps=10"], "good.ply: is one splat"),
    (["--splat", "truncated.ply"], "truncated.ply"),
    (["--splat", "promises.ply"], "99"),
    (["--splat", "columns.ply"], "opacity"),
    (["--splat", "zero.ply"], "no Gaussians"),
    (["--splat", "text.ply"], "text.ply"),
    (["--splat", "empty.ply"], "empty.ply"),
    (["--splat", "noise.spz"], "noise.spz"),
    (["--splat", "photo.png"], ".png"),
    (["--splat", "good.ply", "--up", "w"], "generate.up must be one of"),
    (["--splat", "good.ply", "--scale", "0"], "generate.scale must be"),
    (["--splat", "good.ply", "--scale", "nan"], "generate.scale must be a number"),
]


@pytest.mark.parametrize(("words", "expected"), BAD, ids=lambda v: " ".join(v)[:50] if isinstance(v, list) else "")
def test_generate_refuses_in_one_clear_message(
    inputs: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], expected: str
) -> None:
    monkeypatch.chdir(inputs)
    before = sorted(inputs.rglob("*"))
    done = call("generate", *words, "--out", "out")
    assert done.code == 2, done.err
    assert expected in done.err
    assert "Traceback" not in done.err
    assert done.out == ""
    assert sorted(inputs.rglob("*")) == before


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["convert", "missing.ply", "a.usdc"], "missing.ply: does not exist"),
        (["convert", "folder", "a.usdc"], "folder"),
        (["convert", "good.ply", "a.gltf"], "usdc"),
        (["convert", "good.ply", "aply"], "aply"),
        (["convert", "good.ply", "good.ply"], "is the input itself"),
        (["convert", "good.ply", "folder"], "is a directory"),
        (["convert", "good.ply", "nowhere/a.usdc"], "no such directory"),
        (["convert", "good.ply", "a.usdc", "--up", "w"], "up must be one of z, -z, y, -y, x, -x, got 'w'"),
        (["convert", "good.ply", "a.usdc", "--scale", "0"], "scale must be a positive number of metres"),
        (["convert", "good.ply", "a.usdc", "--primitive", "nope"], "primitive 'nope' is unknown"),
        (["convert", "good.ply", "a.usdc", "--set", "author.halff=true"], "Did you mean 'half'"),
        (["convert", "truncated.ply", "a.usdc"], "truncated.ply"),
        (["collide", "missing.ply", "a.obj"], "missing.ply: does not exist"),
        (["collide", "good.ply", "a.stl"], "known: obj, ply, glb, usdc"),
        (["collide", "good.ply", "a.obj", "--scale", "inf"], "scale must be a positive number of metres"),
        (["collide", "good.ply", "a.obj", "--collider", "none"], "'none' makes no colliders"),
        (["collide", "one.ply", "a.obj"], "no colliders were made"),
        (["validate", "missing"], "missing: does not exist"),
        (["validate", "text.ply"], "text.ply"),
        (["validate", "folder"], "folder"),
        (["repeat", "folder"], "not a run directory"),
        (["repeat", "good.ply"], "not a run directory"),
    ],
    ids=lambda v: " ".join(v)[:50] if isinstance(v, list) else "",
)
def test_other_commands_refuse_in_one_clear_message(
    inputs: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], expected: str
) -> None:
    monkeypatch.chdir(inputs)
    before = sorted(inputs.rglob("*"))
    done = call(*words)
    assert done.code == 2, done.err
    assert expected in done.err
    assert "Traceback" not in done.err
    assert sorted(inputs.rglob("*")) == before


@pytest.mark.parametrize(
    ("out", "expected"),
    [(".", "not a run"), ("good.ply", "is a file"), ("good.ply/deeper", "cannot write there")],
)
def test_output_that_cannot_be_used(inputs: Path, monkeypatch: pytest.MonkeyPatch, out: str, expected: str) -> None:
    monkeypatch.chdir(inputs)
    before = sorted(inputs.rglob("*"))
    done = call("generate", *ROOM, "--out", out)
    assert done.code == 2, done.err
    assert expected in done.err
    assert sorted(inputs.rglob("*")) == before


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="a folder in which even root cannot write")
def test_output_that_the_system_refuses(inputs: Path) -> None:
    for words in (["generate", *ROOM, "--out", "/proc/run"], ["convert", inputs / "good.ply", "/proc/a.usdc"]):
        done = call(*words)
        assert done.code == 1
        assert "/proc/" in done.err
        assert "cannot write there" in done.err
        assert "Traceback" not in done.err


def test_output_that_holds_another_run(scene_dir: Path) -> None:
    before = (scene_dir / "report.json").read_bytes()
    done = call("generate", *ROOM, "--seed", "99", "--out", scene_dir)
    assert done.code == 2
    assert "already holds another run" in done.err
    assert "--overwrite" in done.err
    assert (scene_dir / "report.json").read_bytes() == before


def damaged(source: Path, target: Path, change: Callable[[dict[str, Rows]], None]) -> Path:
    """Write a splat whose stored columns were changed."""
    header, _, body = source.read_bytes().partition(b"end_header\n")
    names = [line.split()[-1].decode() for line in header.splitlines() if line.startswith(b"property")]
    rows = np.frombuffer(body, "<f4").reshape(-1, len(names)).copy()
    change({name: rows[:, i] for i, name in enumerate(names)})
    target.write_bytes(header + b"end_header\n" + rows.tobytes())
    return target


def _some_nan(columns: dict[str, Rows]) -> None:
    columns["x"][:5] = np.nan


def _some_infinite(columns: dict[str, Rows]) -> None:
    columns["y"][:5] = np.inf
    columns["scale_0"][5:8] = np.inf


def _no_orientation(columns: dict[str, Rows]) -> None:
    for i in range(4):
        columns[f"rot_{i}"][:5] = 0


def _extreme_opacities(columns: dict[str, Rows]) -> None:
    columns["opacity"][:25], columns["opacity"][25:] = 1000, -1000


def _huge(columns: dict[str, Rows]) -> None:
    for i in range(3):
        columns[f"scale_{i}"][:] = np.log(1e6)


DAMAGE = [_some_nan, _some_infinite, _no_orientation, _extreme_opacities, _huge]


@pytest.mark.parametrize("change", DAMAGE)
def test_odd_values_are_findings_or_harmless(
    inputs: Path, tmp_path: Path, change: Callable[[dict[str, Rows]], None]
) -> None:
    source = damaged(inputs / "good.ply", tmp_path / "odd.ply", change)
    done = call("convert", source, tmp_path / "a.ply", "--json")
    assert done.code == 0, done.err
    said = any("of 50 Gaussians" in f["message"] for f in done.data["findings"])
    assert said == (change in (_some_nan, _some_infinite, _no_orientation)), done.out


@pytest.mark.parametrize("change", [_some_infinite, _extreme_opacities, _huge])
def test_splats_of_odd_values_end_as_findings(
    inputs: Path, tmp_path: Path, change: Callable[[dict[str, Rows]], None]
) -> None:
    source = damaged(inputs / "good.ply", tmp_path / "odd.ply", change)
    done = call("generate", "--splat", source, "--up", "z", "--scale", "1", "--out", tmp_path / "run", "--json")
    assert done.code == 1, done.err
    assert not done.data["accepted"]
    assert {f["severity"] for s in done.data["stages"] for f in s["findings"]} >= {"error"}


@pytest.mark.parametrize("name", ["one.ply", "good.ply"])
def test_splats_too_poor_for_a_scene_end_as_findings(inputs: Path, tmp_path: Path, name: str) -> None:
    done = call("generate", "--splat", inputs / name, "--scale", "1", "--out", tmp_path / "run", "--json")
    assert done.code == 1, done.err
    assert not done.data["accepted"]
    assert "collide.no_surface" in done.codes


def test_absurdly_large_gaussians_end_as_findings(tmp_path: Path) -> None:
    cloud = replace(make_random_cloud(500, 0), scales=np.full((500, 3), 1e30, np.float32))
    write_ply(tmp_path / "huge.ply", cloud)
    words = ["--splat", tmp_path / "huge.ply", "--up", "z", "--scale", "1", "--out", tmp_path / "run", "--json"]
    done = call("generate", *words)
    assert done.code == 1, done.err
    assert not done.data["accepted"]


def test_light_variants_reach_the_author_and_are_checked_there() -> None:
    done = call("generate", "--prompt", "an office", "--light-variants", "-1", "--out", "unused")
    assert (done.code, "author.light_variants must be from 0 to 256" in " ".join(done.err.split())) == (2, True)

"""The command line as users meet it: exit codes, messages, and what is left behind."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lyra_backend import doctor
from lyra_backend.errors import StageFailed
from lyra_backend.io.ply import read_ply, write_ply
from lyra_backend.io.splats import READABLE
from lyra_backend.plan import preset_names

from .commands import call
from .conftest import PROMPT, make_random_cloud

COMMAND = [sys.executable, "-m", "lyra_backend"]


@pytest.fixture(scope="module")
def splat(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("splat") / "good.ply"
    write_ply(path, make_random_cloud(50, 1))
    return path


def test_generate_reports_json_and_knows_a_finished_run(scene_dir: Path) -> None:
    words = ["--prompt", PROMPT, "--seed", "1", "--set", "generate.gaussian_count=60000"]
    words += ["--set", "collide.voxel_size=0.08", "--out", str(scene_dir)]
    done = call("generate", *words, "--json")
    assert done.code == 0, done.err
    assert (done.data["accepted"], done.data["reused"], done.data["outdated"]) == (True, True, False)
    stages = [s["stage"] for s in done.data["stages"]]
    assert stages == ["generate", "refine", "picture", "light", "collide", "place", "author", "validate", "report"]
    assert "nothing was run" in " ".join(call("generate", *words).out.split())


def test_generate_makes_variations_of_what_is_there(scene_dir: Path, tmp_path: Path) -> None:
    out = tmp_path / "office"
    shutil.copytree(scene_dir, out)
    words = ["--prompt", PROMPT, "--seed", "1", "--set", "generate.gaussian_count=60000"]
    words += ["--set", "collide.voxel_size=0.08", "--out", str(out), "--variations", "1", "--json"]
    done = call("generate", *words)
    assert done.code == 0, done.err
    assert done.data["variations"]["accepted"] is True
    assert done.data["variations"]["counts"]["variations"] == 1
    assert (out / "variations/000/stage_isaac6.usda").is_file()


def test_words_of_users_are_printed_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["--set", "generate.gaussian_count=20000", "--set", "collide.voxel_size=0.1", "--out", "[bold]"]
    done = call("generate", "--prompt", "a small bathroom [red]zzyx[/red] [/] :smile:", *words)
    assert done.code in (0, 1), done.err
    assert "[bold]/stage.usda" in done.out.replace(os.sep, "/")
    assert "zzyx" in done.out  # the finding about words that changed nothing
    for bad in ("[/]", "[red]x[/red]"):
        done = call("generate", "--prompt", "a room", "--preset", bad)
        assert (done.code, f"preset '{bad}' is unknown" in done.err) == (2, True)
        done = call("generate", "--splat", f"{bad}.ply", "--out", "out")
        assert (done.code, f"{bad}.ply" in done.err.replace(os.sep, "/")) == (2, True)
    assert (tmp_path / "[bold]" / "report.json").is_file()


def test_the_last_of_one_field_holds(splat: Path, tmp_path: Path) -> None:
    words = ["convert", splat, tmp_path / "a.usdc", "--json", "--set", "author.half=false", "--set", "author.half=true"]
    assert "author.half_precision" in call(*words).codes
    assert "author.half_precision" not in call(*words, "--set", "author.half=false", "--overwrite").codes


@pytest.mark.parametrize(
    ("words", "takes"),
    [
        (["convert", "IN", "b.usdc", "--set", "collide.voxel_size=1"], "it takes those of author"),
        (["convert", "IN", "b.spz", "--set", "author.half=true"], "it takes none"),
        (["collide", "IN", "b.obj", "--set", "validate.physics_held_min=1"], "it takes those of refine and collide"),
        (["collide", "IN", "b.obj", "--set", "colide.voxel_size=1"], "it takes those of refine and collide"),
        (["validate", "IN", "--set", "collide.voxel_size=1"], "it takes those of validate"),
    ],
)
def test_settings_that_a_command_does_not_use_are_refused(
    splat: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], takes: str
) -> None:
    monkeypatch.chdir(tmp_path)
    done = call(*(splat if word == "IN" else word for word in words))
    assert done.code == 2
    assert f"--set {words[-1].partition('.')[0]}.*" in done.err
    assert takes in done.err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("option", ["--up=z", "--scale=2", "--intrinsics=1,1,1,1"])
def test_options_that_the_generator_does_not_know_are_refused(tmp_path: Path, option: str) -> None:
    done = call("generate", "--prompt", "a room", option, "--out", tmp_path / "run")
    assert done.code == 2
    assert f"{option.partition('=')[0]}: generator 'procedural' has no such parameter" in done.err


def test_dynamic_needs_a_collider_that_knows_objects(tmp_path: Path) -> None:
    done = call("generate", "--prompt", "a room", "--dynamic", "--collider", "none", "--out", tmp_path / "run")
    assert done.code == 2
    assert "collide.dynamic" in done.err


def test_convert_splat_and_usd(splat: Path, tmp_path: Path) -> None:
    assert call("convert", splat, tmp_path / "a.usdc").code == 0
    assert call("convert", splat, tmp_path / "b.ply").code == 0
    before, after = (read_ply(path).value for path in (splat, tmp_path / "b.ply"))
    assert np.array_equal(before.positions, after.positions)
    assert np.array_equal(before.sh, after.sh)
    assert np.allclose(before.scales, after.scales, rtol=1e-6)
    assert {p.name for p in tmp_path.iterdir()} == {"a.usdc", "b.ply"}


def test_lossy_conversion_is_said(tmp_path: Path) -> None:
    write_ply(tmp_path / "rich.ply", make_random_cloud(50, 3))
    done = call("convert", tmp_path / "rich.ply", tmp_path / "poor.splat", "--json")
    assert done.code == 0, done.err
    assert "splat.reduced" in done.codes


def test_validate_a_run_and_a_file(scene_dir: Path) -> None:
    done = call("validate", scene_dir, "--json")
    assert done.code == 0, done.out
    assert done.data["passed"]
    assert call("validate", scene_dir / "stage.usda", "--json").code == 0
    assert call("validate", scene_dir / "nothing.usda").code == 2
    strict = call("validate", scene_dir, "--set", "validate.physics_floor_area_min_m2=10000", "--json")
    assert (strict.code, strict.data["passed"]) == (1, False)


def test_repeat_names_what_is_not_the_same(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from lyra_backend import api
    from lyra_backend.types import Outcome

    def repeat(*_: object, **__: object) -> Outcome[dict[str, str]]:
        return Outcome({"stage.usda": "same", "[b].json": "differs"}, {"files": 2}, (api._other_code(False),))

    monkeypatch.setattr(api, "repeat", repeat)
    done = call("repeat", tmp_path)
    assert done.code == 1
    assert "identical: no" in done.out
    assert "[b].json: differs" in done.out
    assert "stage.usda" not in done.out
    assert "Another version" in done.out
    assert call("repeat", tmp_path, "--json").data["files"] == {"stage.usda": "same", "[b].json": "differs"}


def test_generators_and_doctor_explain_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    listing = call("generators", "--json").data
    assert {"procedural", "rgbd", "splat_file"} <= set(listing["generate"]["generators"])
    text = call("generators").out
    for stage in ("generate", "refine", "light", "collide", "place", "author", "validate"):
        assert f"--set {stage}.FIELD=VALUE" in text
    for field in ("voxel_size=0.05 ", "bake_light=true ", "physics_surface_moved_max="):
        assert field in text
    assert "(0.005 to 1 m)" in " ".join(text.split())
    report = call("doctor", "--json").data
    assert report["packages"]["warp-lang"]
    assert "ready: yes" in call("doctor").out
    monkeypatch.setattr(doctor, "_version", lambda package: None if package == "gsply" else "999")
    assert "pip install 'lyra-backend[formats]'" in call("doctor").out


def test_help_teaches() -> None:
    text = call("--help").out
    for word in ("Exit codes", "--debug", "--version"):
        assert word in text
    for name in ("generate", "convert", "collide", "validate", "repeat", "generators", "doctor"):
        assert name in text
        assert call(name, "--help").code == 0
    from importlib.metadata import version

    assert call("--version").out.split()[-1] == version("lyra-backend")


def test_help_names_what_there_is() -> None:
    text = " ".join(call("generate", "--help").out.replace("│", " ").split())
    assert ", ".join(preset_names()) in text
    assert ", ".join(f".{name}" for name in READABLE) in text
    assert "{" not in text


def test_help_is_light() -> None:
    script = (
        "import contextlib, io, sys\n"
        "from lyra_backend.cli import main\n"
        "def heavy(*words):\n"
        "    with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):\n"
        "        main([*words, '--help'])\n"
        "    return [m for m in ('torch', 'warp', 'pxr', 'trimesh', 'numpy') if m in sys.modules]\n"
        "print(heavy(), heavy('generate'))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[] ['numpy']"


# -- when things go wrong ---------------------------------------------------------------------------------------------


def failing(error: Exception) -> Any:
    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ZeroDivisionError("by zero\nand more"), "failed with ZeroDivisionError: by zero. Run again with --debug"),
        (StageFailed("collide", KeyError("x")), "collide: failed with KeyError: 'x'. Run again with --debug"),
        (OSError(28, "No space left on device", "a.usdc"), "a.usdc: No space left on device. Make room"),
        (PermissionError(13, "Permission denied", "/x"), "/x: Permission denied. Make room or check permissions"),
    ],
)
def test_failures_are_one_line_and_debug_shows_more(
    monkeypatch: pytest.MonkeyPatch, error: Exception, said: str
) -> None:
    monkeypatch.setattr(doctor, "examine", failing(error))
    done = call("doctor")
    assert done.code == 1
    assert done.err.startswith(f"lyra-scenegen: {said}")
    assert done.err.count("\n") == 1
    for words in (["--debug", "doctor"], ["doctor", "--debug"]):
        shown = call(*words)
        assert (shown.code, "Traceback" in shown.err, shown.err.splitlines()[-1]) == (1, True, done.err.strip())


def test_every_command_takes_debug() -> None:
    for name in ("generate", "convert", "collide", "validate", "repeat", "generators", "doctor"):
        assert call(name, "--help", "--debug").code == 0
        assert "No such option" not in call(name, "--debug").err


def run(*words: object, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *map(str, words)], text=True, stderr=subprocess.PIPE, timeout=60, **options)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the full disk of Linux")
@pytest.mark.parametrize("words", [["--version"], ["--help"], ["generators"], ["generators", "--json"]])
def test_a_full_disk_is_one_line(words: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = run(*words, stdout=full)
    assert done.returncode == 1
    assert done.stderr.strip() == (
        "lyra-scenegen: No space left on device. Make room or check permissions, and run again."
    )


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no EPIPE")
@pytest.mark.parametrize("words", [["--help"], ["generators"], ["generators", "--json"]])
def test_a_reader_that_leaves_is_no_failure_to_talk_about(words: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = run(*words, stdout=writing)
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, "")


def test_scripts_are_told_of_errors_in_json_too(tmp_path: Path) -> None:
    done = call("generate", "--prompt", "", "--json", "--out", tmp_path / "run")
    assert done.code == 2
    told = json.loads(done.out)
    assert told["exit_code"] == 2
    assert told["error"] in done.err

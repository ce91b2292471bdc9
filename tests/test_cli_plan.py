"""``generate --dry-run``: everything is checked, what it will take is said, and nothing is made."""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from lyra_backend import api
from lyra_backend.errors import InvalidRequest
from lyra_backend.generate import lyra
from lyra_backend.models.folders import ModelFolders

from .commands import Done, call

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))

from make_tiny_lyra import make_tiny_lyra


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("model") / "tiny"
    make_tiny_lyra(folder)
    return folder


@pytest.fixture(scope="module")
def photo(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("photo")
    Image.new("RGB", (96, 64)).save(folder / "photo.png")
    np.save(folder / "depth.npy", np.full((64, 96), 2.0, np.float32))
    return folder / "photo.png"


@pytest.fixture
def empty(tmp_path, monkeypatch) -> Path:
    """The working directory, in which nothing may appear."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


def planned(model: Path, *words: object) -> Done:
    return call("generate", "--generator", "lyra", "--model", model, "--dry-run", *words)


def test_a_plan_in_words(model, photo, empty) -> None:
    done = planned(model, "--image", photo, "--set", "generate.steps=7", "--set", "generate.guidance=0")
    assert done.code == 0, done.err
    lines = " ".join(done.out.split())
    assert lines.startswith("generate lyra, collide surface, author particle_field depth: ")
    assert "6 videos of 17 frames: less than 1 s" in lines
    assert "7 evaluations each, cpu" in lines
    assert "decoding Gaussians: less than 1 s" in lines
    assert "loading networks: about 3 s" in lines
    assert "In all about 3 s and" in lines
    assert not list(empty.iterdir())


def test_a_plan_as_json(model, photo, empty) -> None:
    done = planned(model, "--image", photo, "--depth", photo.with_name("depth.npy"), "--json")
    assert done.code == 0, done.err
    assert done.data["plugins"] == {"generate": "lyra", "collide": "surface", "author": "particle_field"}
    depth, prompt, loading, videos, decoding = done.data["parts"]
    assert (prompt["part"], loading["part"]) == ("reading the prompt", "loading networks")
    assert (depth["part"], depth["seconds"]) == ("depth, from the file", None)
    assert (videos["part"], videos["note"]) == ("6 videos of 17 frames", "70 evaluations each, cpu")
    assert videos["seconds"] > decoding["seconds"] > 0
    assert videos["device_bytes"] > 1e9
    assert not list(empty.iterdir())


def test_steps_and_guidance_decide_how_long_it_takes(model, photo, empty) -> None:
    def seconds(*settings: str) -> float:
        words = [word for setting in settings for word in ("--set", f"generate.{setting}")]
        return planned(model, "--image", photo, "--json", *words).data["parts"][-2]["seconds"]

    whole = seconds("steps=30")
    assert seconds("steps=10") == pytest.approx(whole / 3)
    assert seconds("steps=30", "guidance=0") == pytest.approx(whole / 2)


def test_a_prompt_is_drawn_first(model, empty) -> None:
    parts = planned(model, "--prompt", "a kitchen", "--json").data["parts"]
    assert [part["part"] for part in parts][:2] == ["drawing the first picture", "depth"]
    assert parts[0]["note"] == "text_to_image"


def test_generators_that_take_seconds_say_so(empty) -> None:
    done = call("generate", "--prompt", "a small office", "--dry-run")
    assert done.code == 0, done.err
    assert "generate procedural, collide surface" in done.out
    assert "seconds to a minute" in done.out
    assert call("generate", "--prompt", "a small office", "--dry-run", "--json").data["parts"] == []
    assert not list(empty.iterdir())


@pytest.mark.parametrize("words", [["--image", "PHOTO"], ["--prompt", "a kitchen"]])
def test_scale_and_lens_are_options_of_every_scene_of_lyra(model, photo, empty, words: list[str]) -> None:
    words = [str(photo) if word == "PHOTO" else word for word in words]
    done = planned(model, *words, "--scale", "2", "--intrinsics", "50,50,48,32")
    assert done.code == 0, done.err
    for bad, says in (("--scale=0", "generate.scale must be at least"), ("--up=z", "--up: generator 'lyra' has no")):
        assert says in planned(model, *words, bad).err


def test_numbers_for_parameters_of_text_are_text(model, empty) -> None:
    shutil.copytree(model, empty / "model")
    (empty / "model" / "text_to_image").rename(empty / "5")
    done = planned(empty / "model", "--prompt", "a kitchen", "--json", "--set", "generate.image_model=5")
    assert done.code == 0, done.err
    assert done.data["parts"][0]["note"] == "5"


def test_out_is_not_made_and_another_run_there_is_left_alone(model, photo, empty) -> None:
    (empty / "run").mkdir()
    (empty / "run" / "notes.txt").write_text("mine")
    assert planned(model, "--image", photo, "--out", empty / "run", "--overwrite").code == 0
    assert planned(model, "--image", photo, "--out", empty / "other").code == 0
    assert [path.name for path in empty.iterdir()] == ["run"]
    assert (empty / "run" / "notes.txt").read_text() == "mine"


def test_nothing_is_loaded(model, photo, empty, monkeypatch) -> None:
    """A plan reads configurations, and of weights the headers."""

    def load(*given: object, **named: object) -> None:
        pytest.fail(f"{given} is loaded")

    for name in ("models.lyra.load_network", "generate._lyra.start.load_estimator", "generate.lyra.draw_picture"):
        monkeypatch.setattr(f"lyra_backend.{name}", load)
    assert planned(model, "--image", photo).code == 0
    assert planned(model, "--prompt", "a kitchen").code == 0


# -- memory of GPUs ---------------------------------------------------------------------------------------------------


@pytest.fixture
def gpu(monkeypatch) -> None:
    """Pretend that there is a GPU with 80 GB."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (int(79e9), int(80e9)))
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (9, 0))
    monkeypatch.setattr("lyra_backend.models.placement.available_memory_bytes", lambda: int(64e9))


@pytest.mark.parametrize("size", ["24GB", "24", "24 gb", "24.0G", " 24GiB "])
def test_memory_may_be_named_with_its_unit(model, photo, empty, gpu, monkeypatch, size: str) -> None:
    """Of a model that 24 GB do not hold."""
    budget = replace(ModelFolders.in_one(model, model).budget(6), weights_bytes=30e9)
    monkeypatch.setattr(ModelFolders, "budget", lambda self, views: budget)
    done = planned(model, "--image", photo, "--json", "--vram", size)
    assert done.code == 0, done.err
    assert done.data["parts"][-2]["note"] == "70 evaluations each, cuda:0, weights offloaded"
    whole = planned(model, "--image", photo, "--json").data["parts"][-2]
    assert whole["note"] == "70 evaluations each, cuda:0"


@pytest.mark.parametrize(
    ("size", "says"),
    [
        ("nonsense", "generate.vram must be a number, got 'nonsense'"),
        ("24MB", "generate.vram must be a number, got '24MB'"),
        ("GB", "generate.vram must be a number, got ''"),
        ("", "generate.vram must be a number, got ''"),
        ("0", "generate.vram must be at least 1.0 GB, got 0.0"),
        ("-24GB", "generate.vram must be at least 1.0 GB, got -24.0"),
        ("nan", "generate.vram must be a number, neither infinite nor NaN"),
        ("inf", "generate.vram must be a number, neither infinite nor NaN"),
        (
            "1.2",
            "this model needs about 2.0 GB of GPU memory even so, and 79.0 GB are free of which 1.2 GB may be taken",
        ),
    ],
)
def test_memory_that_cannot_be(model, photo, empty, gpu, size: str, says: str) -> None:
    done = planned(model, "--image", photo, f"--vram={size}")
    assert done.code == 2
    assert says in done.err
    assert done.err.count("\n") == 1


def test_memory_of_a_gpu_where_there_is_none(model, photo, empty) -> None:
    done = planned(model, "--image", photo, "--vram", "24", "--set", "generate.device=cpu")
    assert done.code == 2
    assert "vram: is memory of GPUs, got 24 GB, and the device is cpu" in done.err


def test_generators_without_a_gpu_take_no_memory_of_one(empty) -> None:
    done = call("generate", "--prompt", "a small office", "--dry-run", "--vram", "24")
    assert done.code == 2
    assert "--vram: generator 'procedural' has no such parameter" in done.err


# -- what is found before anything starts -----------------------------------------------------------------------------


def no_weights(model: Path) -> None:
    next((model / "transformer").glob("*.safetensors")).unlink()


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (shutil.rmtree, "must be a folder with decoder, transformer and vae, but does not exist"),
        (lambda model: shutil.rmtree(model / "decoder"), "holds no model, config.json is missing"),
        (no_weights, "has a configuration but no weights"),
        (lambda model: (model / "transformer" / "config.json").write_text("{}"), "lacks a size"),
        (lambda model: (model / "lyra.json").write_text('{"fps": 0}'), "must hold frames, height, width, fps"),
        (lambda model: shutil.rmtree(model / "depth"), "weights fetch depth_indoor"),
    ],
)
def test_a_model_that_lacks_something(model, photo, empty, damage, says: str) -> None:
    shutil.copytree(model, empty / "model")
    damage(empty / "model")
    done = planned(empty / "model", "--image", photo)
    assert done.code == 2
    assert says in done.err
    assert done.err.count("\n") == 1


def test_a_text_to_image_model_that_was_not_fetched(model, empty) -> None:
    shutil.copytree(model, empty / "model", ignore=shutil.ignore_patterns("text_to_image"))
    done = planned(empty / "model", "--prompt", "a kitchen")
    assert done.code == 2
    assert "weights fetch flux_schnell" in done.err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--image", "absent.png"], "image: absent.png does not exist"),
        (["--image", "."], "image: . is a directory, a file is needed"),
        (["--image", "PHOTO", "--depth", "absent.npy"], "depth: absent.npy does not exist"),
        (["--image", "PHOTO", "--set", "generate.steps=0"], "generate.steps must be from 1 to 1000, got 0"),
        (["--image", "PHOTO", "--set", "generate.stepps=4"], "generate.stepps is not a parameter"),
        (["--image", "PHOTO", "--set", "generate.device=gpu"], "device must be auto, cpu, cuda or cuda:N, got 'gpu'"),
        (["--image", "PHOTO", "--set", "generate.device=cuda:7"], "device 'cuda:7': there are 0 CUDA devices here"),
        (["--image", "PHOTO", "--collider", "none", "--dynamic"], "collide.dynamic"),
        (["--prompt", "a kitchen", "--depth", "DEPTH"], "depth: belongs to an image, and there is none"),
        (["--splat", "a.ply"], "splat: generator 'lyra' does not use it"),
    ],
)
def test_requests_that_cannot_be_run(model, photo, empty, words: list[str], says: str) -> None:
    files = {"PHOTO": photo, "DEPTH": photo.with_name("depth.npy")}
    done = planned(model, *(files.get(word, word) for word in words))
    assert done.code == 2
    assert says in done.err
    assert not list(empty.iterdir())


def test_errors_are_told_in_json_too(model, empty) -> None:
    done = planned(model, "--image", "absent.png", "--json")
    assert done.code == 2
    assert done.data["exit_code"] == 2
    assert "absent.png does not exist" in done.data["error"]


def test_the_same_from_python(model, photo) -> None:
    plan = api.plan_scene({"image": str(photo), "model": str(model), "generator": "lyra"})
    assert plan.plugins["generate"] == "lyra"
    assert plan.parts == lyra.estimate(request(photo, model), lyra.Params())
    with pytest.raises(InvalidRequest, match=r"absent\.png does not exist"):
        api.plan_scene({"image": "absent.png", "model": str(model), "generator": "lyra"})


def request(photo: Path, model: Path):
    from lyra_backend.types import SceneRequest

    return SceneRequest(image=str(photo), model=str(model), generator="lyra")

"""A decoder trained on scenes that the shipped teacher imagines of a few files, through several sizes of videos."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))

import train_lyra
from full_lyra.training import new_decoder

from lyra_backend.exits import ExitCode
from lyra_backend.io.images import write_image
from lyra_backend.models.gaussian_decoder import GaussianDecoder
from lyra_backend.train.room_clips import clip_of
from lyra_backend.train.rooms import draw_room
from lyra_backend.train.shards import ShardReader
from lyra_backend.weights.shipped import model_folder

RECIPE = """
[optimiser]
lr = 1e-3
warmup = 1

[[stages]]
name = "small"
steps = 2
frames = 9
height = 32
width = 48
targets = 2
depth = 0.05

[[stages]]
name = "several"
steps = 2
views = [1, 6]
shuffle = true
targets = 2

[[stages]]
name = "pruned"
steps = 1
views = 6
targets = 1
prune = 0.5
opacity = 0.1
"""
MOVING = """
[[stages]]
name = "moving"
steps = 1
views = 2
targets = 4
moves = true
"""


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """So small networks gain nothing by more, and beside other tests they wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def run(*arguments: object) -> int:
    return train_lyra.main([str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    for i in range(2):
        clip = clip_of(draw_room(1_000_200 + i), "left", 0.25, 2, (192, 128), 2.0)
        write_image(folder / f"room_{i}.png", clip.frames[0])
    (folder / "notes.txt").write_text("no picture")
    return folder


@pytest.fixture(scope="module")
def data(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "scenes"
    assert run("data", "--model", "tiny", "--images", pictures, "--out", folder, "--steps", 2, "--device", "cpu") == 0
    return folder


@pytest.fixture(scope="module")
def trained(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    (folder / "own.toml").write_text(RECIPE)
    out = folder / "out"
    assert run("train", "--model", "tiny", "--data", data, "--recipe", folder / "own.toml", "--out", out) == 0
    return out


def test_each_picture_becomes_a_scene_and_is_not_made_twice(data: Path, pictures: Path, capsys) -> None:
    scenes = ShardReader(data)
    assert [name.split()[0] for name in scenes.names] == ["room_0.png", "room_1.png"]
    scene = scenes.scene(0)
    assert scene.frames.shape == (6, 17, 64, 96, 3)
    assert scene.time is None
    # the first frame of every video is the picture, which the tokenizer blurs
    picture = cv2.cvtColor(cv2.imread(str(pictures / "room_0.png")), cv2.COLOR_BGR2RGB)
    small = cv2.resize(picture, (96, 64), interpolation=cv2.INTER_AREA)
    assert np.abs(scene.frames[:, 0].astype(float) - small).mean() < 12
    before = {path.name: path.read_bytes() for path in data.glob("*.safetensors")}
    assert run("data", "--model", "tiny", "--images", pictures, "--out", data, "--steps", 2, "--device", "cpu") == 0
    assert {path.name: path.read_bytes() for path in data.glob("*.safetensors")} == before
    assert run("data", "--model", "tiny", "--images", pictures, "--out", data, "--steps", 3) == ExitCode.USAGE
    assert "holds data of another origin" in capsys.readouterr().err


def test_a_decoder_comes_of_several_sizes(trained: Path) -> None:
    log = [json.loads(line) for line in (trained / "log.jsonl").read_text().splitlines()]
    steps = [entry for entry in log if "loss" in entry]
    assert len(steps) == 5
    assert np.isfinite([entry["loss"] for entry in steps]).all()
    ratios = {name: json.loads((trained / name / "config.json").read_text())["prune_ratio"] for name in _kept(trained)}
    assert ratios == {"after_1": 0.0, "after_2": 0.0, "after_3": 0.5, "decoder": 0.5}
    last, before = (_weights(trained / name) for name in ("after_3", "after_2"))
    assert all(np.array_equal(last[name], kept) for name, kept in _weights(trained / "decoder").items())
    assert not np.array_equal(last["deconv.weight"], before["deconv.weight"])


def test_training_goes_on_where_it_stopped(data: Path, trained: Path, capsys) -> None:
    """It had ended: nothing is trained again, and another recipe is refused."""
    recipe, before = trained.parent / "own.toml", _weights(trained / "decoder")
    assert run("train", "--model", "tiny", "--data", data, "--recipe", recipe, "--out", trained) == 0
    assert all(np.array_equal(before[name], kept) for name, kept in _weights(trained / "decoder").items())
    other = trained.parent / "other.toml"
    other.write_text(RECIPE.replace("1e-3", "2e-3"))
    assert run("train", "--model", "tiny", "--data", data, "--recipe", other, "--out", trained) == ExitCode.USAGE
    assert "other settings" in capsys.readouterr().err


def test_moving_scenes_go_on_from_a_still_decoder(trained: Path, tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    film = cv2.VideoWriter(str(tmp_path / "clips" / "clip.mp4"), cv2.VideoWriter_fourcc(*"mp4v"), 24, (192, 128))
    still = clip_of(draw_room(1_000_210), "left", 0.25, 2, (192, 128), 2.0).frames[0]
    for i in range(20):
        frame = still.copy()
        frame[60:80, 4 * i : 4 * i + 20] = (200, 40, 40)
        film.write(frame[..., ::-1])
    film.release()
    data, out, recipe = tmp_path / "moving", tmp_path / "out", tmp_path / "moving.toml"
    recipe.write_text(MOVING)
    made = ("data", "--model", "tiny", "--videos", tmp_path / "clips", "--out", data, "--steps", 1, "--every", 4)
    assert run(*made, "--device", "cpu") == 0
    scene = ShardReader(data).scene(0)
    assert scene.frames.shape == (12, 5, 64, 96, 3)
    assert scene.latents.shape[0] == 6
    begin = ("train", "--model", "tiny", "--data", data, "--recipe", recipe, "--out", out)
    assert run(*begin, "--init", trained / "after_2") == 0
    config = json.loads((out / "decoder" / "config.json").read_text())
    assert (config["use_time"], config["prune_ratio"]) == (True, 0.0)


def test_rays_and_times_begin_at_nothing() -> None:
    like = model_folder("tiny") / "decoder"
    decoder = new_decoder(like, 0, moves=True)
    for part in (decoder.patch_plucker_embed, decoder.patch_time_embed, decoder.patch_time_embed_tgt):
        assert not part.proj.weight.any()
    assert decoder.patch_embed.proj.weight.any()
    assert decoder.config.use_time


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("data", "--model", "tiny", "--images", "nowhere", "--out", "x"), "nowhere: must be a folder with pictures"),
        (("data", "--model", "nothing", "--images", "nowhere", "--out", "x"), "nothing"),
        (("train", "--model", "tiny", "--data", "nowhere", "--out", "x"), "nowhere"),
        (("train", "--model", "tiny", "--data", "x", "--recipe", "lyra_statik", "--out", "x"), "lyra_static"),
    ],
)
def test_what_cannot_be_is_refused(arguments: tuple[str, ...], told: str, tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(*arguments) == ExitCode.USAGE
    assert told in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_decoder_of_other_latents_is_no_beginning(data: Path, tmp_path: Path, capsys) -> None:
    GaussianDecoder(
        width=32, depth=1, attention_heads=2, attention_every=1, latent_channels=16, scan_inner=32, scan_heads=2
    ).save_pretrained(tmp_path / "other")
    begin = ("train", "--model", "tiny", "--data", data, "--recipe", "tiny", "--out", tmp_path / "out")
    assert run(*begin, "--init", tmp_path / "other") == ExitCode.USAGE
    assert "latent_channels is 16, and 32 in the teacher's latents" in capsys.readouterr().err


def test_data_of_another_tokenizer_are_refused(data: Path, tmp_path: Path, capsys) -> None:
    """The data say which weights made them."""
    index = json.loads((data / "data.json").read_text())
    copy = tmp_path / "data"
    copy.mkdir()
    for path in data.glob("*.safetensors"):
        (copy / path.name).symlink_to(path)
    text = json.dumps(index)
    for digest in {d for name, d in index["teacher"].items() if name.startswith("vae/")}:
        text = text.replace(digest, "0" * 64)
    (copy / "data.json").write_text(text)
    assert run("train", "--model", "tiny", "--data", copy, "--out", tmp_path / "out") == ExitCode.USAGE
    assert "whose tokenizer differs" in capsys.readouterr().err


def _kept(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if (path / "config.json").is_file())


def _weights(folder: Path) -> dict[str, np.ndarray]:
    return {name: array for file in folder.glob("*.safetensors") for name, array in load_file(file).items()}

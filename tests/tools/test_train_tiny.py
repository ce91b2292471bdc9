"""The miniature from nothing in a few steps: losses fall, nothing is done twice, and the model works."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))

from tiny_lyra.ablations import ABLATIONS, ablate, without
from tiny_lyra.preset import PRESETS, read_preset
from tiny_lyra.stages import STAGES, Miniature

from lyra_backend.errors import Cancelled, InvalidRequest
from lyra_backend.models.folders import ModelFolders
from lyra_backend.progress import CancelToken, Progress

TOOL = Path(__file__).parents[2] / "tools" / "train_tiny.py"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Miniature:
    miniature = Miniature(tmp_path_factory.mktemp("tiny"), read_preset("ci"))
    miniature.run(list(STAGES)[-1], Progress())
    return miniature


def losses(made: Miniature, stage: str, term: str = "loss") -> list[float]:
    lines = (made.folder / "training" / stage / "log.jsonl").read_text().splitlines()
    return [step[term] for step in map(json.loads, lines) if term in step]


@pytest.mark.parametrize(
    ("stage", "steps", "share"), [("tokenizer", 20, 0.7), ("video_model", 20, 0.9), ("depth", 60, 0.97)]
)
def test_losses_fall_in_few_steps(made: Miniature, stage: str, steps: int, share: float) -> None:
    found = losses(made, stage)
    assert len(found) == steps
    few = steps // 4
    assert np.mean(found[-few:]) < share * np.mean(found[:few])


def test_the_student_learns_depth_and_then_pictures(made: Miniature) -> None:
    depth, pictures = losses(made, "student", "centres"), losses(made, "student", "mse")
    assert (len(depth), len(pictures)) == (60, 40)
    assert np.mean(depth[14:20]) < 0.9 * np.mean(depth[:4])
    # what so small a teacher shows is hardly a picture
    assert np.mean(pictures[-8:]) < 0.98 * np.mean(pictures[:8])


def test_the_model_is_whole_and_says_what_it_is(made: Miniature) -> None:
    folders = ModelFolders.in_one(made.model, made.folder / "texts")
    assert folders.video == read_preset("ci").video
    assert json.loads((folders.decoder / "config.json").read_text())["prune_ratio"] == 0.5
    assert len(json.loads((folders.vae / "config.json").read_text())["latents_mean"]) == 32 * 2
    assert (made.model / "depth" / "preprocessor_config.json").is_file()


def test_figures_and_the_card_are_of_this_model(made: Miniature) -> None:
    table, card = (made.folder / "evaluation.md").read_text(), (made.model / "MODEL_CARD.md").read_text()
    for what in (
        "teacher | truth",
        "student | teacher",
        "raw warp | truth",
        "average scene | truth",
        "Gap to training",
    ):
        assert what in table
    assert table in card
    assert card.startswith("# A miniature of NVIDIA Lyra")
    assert "6 procedural rooms" in card
    assert "--preset ci" in card
    assert (made.folder / "sheet.png").stat().st_size > 1000


def test_what_is_there_is_not_made_again(made: Miniature) -> None:
    before = {path: path.stat().st_mtime_ns for path in made.model.rglob("*.safetensors")}
    asked: list[str] = []
    Miniature(made.folder, read_preset("ci")).run("depth", Progress(lambda event: asked.append(event.message)))
    assert {path: path.stat().st_mtime_ns for path in made.model.rglob("*.safetensors")} == before
    assert not any(message.startswith("step ") for message in asked)


def test_stopped_in_the_middle_it_comes_to_the_same_weights(made: Miniature, tmp_path: Path) -> None:
    token = CancelToken()

    def listen(event) -> None:
        if event.stage == "video_model" and event.message.startswith("step 7 of"):
            token.cancel()

    with pytest.raises(Cancelled):
        Miniature(tmp_path, read_preset("ci")).run("video_model", Progress(listen, token))
    assert not (tmp_path / "model" / "transformer").exists()
    Miniature(tmp_path, read_preset("ci")).run("video_model", Progress())
    for network in ("vae", "transformer"):
        name = f"{network}/diffusion_pytorch_model.safetensors"
        assert (tmp_path / "model" / name).read_bytes() == (made.model / name).read_bytes()


@pytest.mark.parametrize("part", ABLATIONS)
def test_a_student_without_a_part_has_as_many_steps(part: str) -> None:
    whole = read_preset("cpu").recipe
    recipe = without(part, whole)
    assert [stage.steps for stage in recipe.stages] == [stage.steps for stage in whole.stages]
    for stage in recipe.stages:
        stage.check()
    weights = {name: sum(getattr(s, name) for s in recipe.stages) for name in ("centres", "relative_depth", "prune")}
    assert (weights["centres"] == weights["relative_depth"] == 0) == (part == "no_depth")
    assert (weights["prune"] == 0) == (part == "no_pruning")
    assert all(stage.view_range == (1, 1) for stage in recipe.stages) == (part == "one_view")


def test_a_share_of_the_steps_is_left_of_every_stage() -> None:
    whole = read_preset("cpu").recipe
    steps = [stage.steps for stage in without("nothing", whole, 0.25).stages]
    assert steps == [round(stage.steps / 4) for stage in whole.stages]
    assert without("nothing", whole, 1e-9).steps == len(whole.stages)


def test_a_student_without_a_part_is_a_model_beside_the_whole_one(made: Miniature) -> None:
    model = ablate("no_depth", made.folder, read_preset("ci"), Progress(), 0.5)
    assert model.name == "no_depth_0.5"
    assert ModelFolders.in_one(model, made.folder / "texts").video == read_preset("ci").video
    ours, theirs = (folder / "decoder" / "diffusion_pytorch_model.safetensors" for folder in (made.model, model))
    assert ours.read_bytes() != theirs.read_bytes()


def test_a_folder_of_other_numbers_is_refused(made: Miniature) -> None:
    with pytest.raises(InvalidRequest, match="other numbers than cpu"):
        Miniature(made.folder, read_preset("cpu"))


@pytest.mark.parametrize("name", PRESETS)
def test_presets_and_their_recipes_can_be_read(name: str) -> None:
    preset = read_preset(name)
    assert preset.video.grade == "demo"
    assert preset.recipe.stages[-1].prune > 0


@pytest.mark.parametrize("text", ["seed = 0", "seed =", "[video]\nframes = 3.5"])
def test_a_damaged_preset_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "own.toml"
    path.write_text(text)
    with pytest.raises(InvalidRequest, match=r"own.toml: is no preset"):
        read_preset(str(path))


def test_what_a_preset_lacks_is_told_before_an_hour_of_training(tmp_path: Path) -> None:
    whole = PRESETS["ci"].read_text()
    (tmp_path / "own.toml").write_text(whole.replace("muon = 0.02\n", "").replace('recipe = "', 'recipe = "no'))
    with pytest.raises(InvalidRequest, match=r"it lacks tokenizer.muon"):
        read_preset(str(tmp_path / "own.toml"))
    (tmp_path / "own.toml").write_text(whole.replace('recipe = "', 'recipe = "no'))
    with pytest.raises(InvalidRequest, match="recipe: there is no"):
        read_preset(str(tmp_path / "own.toml"))


def test_the_command_says_what_is_wrong_in_a_line(tmp_path: Path) -> None:
    command = [sys.executable, TOOL, "--out", tmp_path, "--preset", "cpuu"]
    found = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    assert found.returncode == 2
    assert "there is no 'cpuu'" in found.stderr
    assert "Traceback" not in found.stderr

"""A model that comes with the package: found by its name, works without anything that is fetched, makes demos."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from lyra_backend import api
from lyra_backend.errors import InvalidRequest
from lyra_backend.generate import lyra
from lyra_backend.generate._lyra.depth import load_estimator
from lyra_backend.generate._lyra.weights_of import folders_of
from lyra_backend.io.images import read_image, write_image
from lyra_backend.models.lyra import Lyra
from lyra_backend.models.placement import Placement
from lyra_backend.plan import choose_generator
from lyra_backend.progress import Progress
from lyra_backend.types import SceneRequest, Severity
from lyra_backend.weights import shipped, store

from ...commands import call

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "tools"))

import ship_model

#: What the miniature says of itself, with fewer steps.
FORMAT = {
    **{"frames": 17, "height": 64, "width": 96, "fps": 24.0, "centre_depth": 2.0, "steps": 2, "guidance": 0.0},
    **{"reliable_window": 3, "reliable_range": 0.25, "foreground_masking": False, "fov_deg": 64.0},
    **{"grade": "demo", "text_to_image": "procedural"},
}


@pytest.fixture(scope="session")
def package(still_model, tmp_path_factory) -> Path:
    """The folder of weights of a package with which the model `tiny` comes."""
    folder = tmp_path_factory.mktemp("package")
    trained = folder / "trained"
    shutil.copytree(still_model, trained)
    shutil.rmtree(trained / "text_encoder")
    shutil.rmtree(trained / "text_to_image")
    (trained / "lyra.json").write_text(json.dumps(FORMAT))
    (trained / "MODEL_CARD.md").write_text("# tiny\n\nA photo to noise.\n")
    ship_model.ship(trained, "tiny", "Apache-2.0", folder / "weights")
    return folder / "weights"


@pytest.fixture
def tiny(package, monkeypatch, tmp_path) -> Path:
    """The model, with no other weights here and an empty working directory."""
    monkeypatch.setattr(shipped, "_FOLDER", package)
    monkeypatch.setattr(store, "default_folder", lambda: tmp_path / "nothing_fetched")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return package / "tiny"


def asked(**more) -> SceneRequest:
    return SceneRequest(generator="lyra", model="tiny", **more)


# -- its name ---------------------------------------------------------------------------------------------------------


def test_a_name_is_the_shipped_model_and_a_path_is_a_folder(tiny, still_model) -> None:
    shutil.copytree(still_model, "tiny")
    assert folders_of("tiny", "lyra_static", moves=False).decoder == tiny / "decoder"
    assert folders_of("./tiny", "lyra_static", moves=False).decoder == Path("tiny/decoder")
    assert folders_of(str(still_model), "lyra_static", moves=False).decoder == still_model / "decoder"
    shutil.copytree(still_model, "own")
    assert folders_of("own", "lyra_static", moves=False).decoder == Path("own/decoder")


def test_a_name_that_nothing_has(tiny) -> None:
    with pytest.raises(InvalidRequest, match=r"model 'tinny': no model .* Did you mean 'tiny'.* such as \./tinny"):
        folders_of("tinny", "lyra_static", moves=False)


def test_a_package_without_models_says_so(tiny, monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(shipped, "_FOLDER", tmp_path)
    with pytest.raises(InvalidRequest, match="none comes with this package"):
        folders_of("tiny", "lyra_static", moves=False)


def test_without_fetched_weights_it_is_pointed_to(tiny, monkeypatch, tmp_path) -> None:
    with pytest.raises(InvalidRequest, match=r"What works at once is --model tiny"):
        folders_of(None, "lyra_static", moves=False)
    with pytest.raises(InvalidRequest) as error:
        folders_of(None, "lyra_dynamic", moves=True)
    assert "tiny" not in str(error.value)
    monkeypatch.setattr(shipped, "_FOLDER", tmp_path)
    with pytest.raises(InvalidRequest) as error:
        folders_of(None, "lyra_static", moves=False)
    assert "at once" not in str(error.value)


def test_it_makes_still_scenes_only(tiny) -> None:
    with pytest.raises(InvalidRequest, match="use --generator lyra"):
        folders_of("tiny", "lyra_dynamic", moves=True)


@pytest.mark.parametrize("inputs", [{"prompt": "a room"}, {"image": "a.png"}, {"image": "a.png", "depth": "a.npy"}])
def test_a_model_beside_what_it_takes_means_this_generator(inputs) -> None:
    assert choose_generator(SceneRequest(model="tiny", **inputs))[0] == "lyra"


def test_commands_name_it(tiny) -> None:
    told = call("weights", "list", "--json").data["models"]["tiny"]
    assert (told["licence"]["name"], told["for"]) == ("Apache-2.0", "A photo to noise.")
    text = " ".join(call("weights", "list").out.split())
    assert "--model tiny" in text
    assert "comes with the package" in text
    assert call("weights", "info", "tiny", "--json").data["tiny"] == told
    assert call("weights", "info", "gen3c", "--json").data["gen3c"]["layout"] == "dit"
    assert "Did you mean" in call("weights", "info", "gen3d").err
    assert call("weights", "verify", "--json").data["weights"] == {"tiny": "good"}
    assert "tiny, or a folder" in " ".join(call("generate", "--help").out.replace("│", " ").split())
    assert "models (--model): tiny, or a folder" in call("generators").out


# -- what it makes ----------------------------------------------------------------------------------------------------


def test_networks_in_16_bits_compute_in_32(tiny) -> None:
    folders = folders_of("tiny", "lyra_static", moves=False)
    model = Lyra.load(folders, Placement(torch.device("cpu"), torch.float32))
    depth = load_estimator("transformers", folders.depth, "cpu").network
    for network in (*model.networks, depth):
        assert {tensor.dtype for tensor in network.parameters()} == {torch.float32}


def test_a_photo_needs_nothing_but_the_package(tiny, photo, tmp_path, evaluations) -> None:
    outcome = lyra.run(asked(image=str(photo)), lyra.Params(), Progress(), tmp_path / "scratch")
    scene = outcome.value
    assert len(evaluations) == 6 * FORMAT["steps"]
    assert scene.grade == "demo"
    assert (scene.provenance["steps"], scene.provenance["guidance"]) == (2, 0.0)
    assert "image_source" not in scene.provenance
    weights = [source for source in scene.provenance["sources"] if source["name"].startswith("weights")]
    assert len(weights) == 4
    assert {source["licence"] for source in weights} == {"Apache-2.0"}
    recorded = {entry["sha256"] for entry in json.loads((tiny / "weights.json").read_text())["files"].values()}
    assert {source["sha256"] for source in weights} <= recorded
    findings = {finding.code: finding for finding in outcome.findings}
    assert findings["lyra.demo"].severity is Severity.INFO
    assert "miniature model 'tiny'" in findings["lyra.demo"].message
    assert findings["lyra.lens_assumed"].measured == 64.0
    assert "fetch" not in findings["lyra.no_text"].message
    assert scene.cameras[0].intrinsics.fx == pytest.approx(48 / np.tan(np.radians(32)))


def test_a_prompt_is_shown_by_the_procedural_generator(tiny, tmp_path) -> None:
    request, scratch = asked(prompt="a kitchen with a zorblax"), tmp_path / "scratch"
    outcome = lyra.run(request, lyra.Params(), Progress(), scratch)
    assert outcome.value.provenance["image_source"] == "procedural"
    assert "image_model" not in outcome.value.provenance
    drawn = read_image(scratch / "picture.png")
    assert drawn.shape == (64, 96, 3)
    assert drawn.std() > 20
    codes = [finding.code for finding in outcome.findings]
    assert "prompt.not_understood" in codes
    assert "lyra.lens_assumed" not in codes
    # a picture that was kept is not drawn again, and is told of all the same
    kept = np.full_like(drawn, 90)
    kept[:, ::3] = 30
    write_image(scratch / "picture.png", kept)
    (scratch / "depth.npz").unlink()
    again = lyra.run(request, lyra.Params(), Progress(), scratch)
    assert np.array_equal(again.value.keyframes[0].image, kept)
    assert [finding.code for finding in again.findings] == codes


def test_the_lens_of_what_is_shown_is_the_users_or_the_models(tiny, tmp_path) -> None:
    scenes = [
        lyra.run(asked(prompt="a kitchen"), params, Progress(), tmp_path / name).value
        for name, params in (("a", lyra.Params()), ("b", lyra.Params(fov=40.0)))
    ]
    lenses = [scene.cameras[0].intrinsics for scene in scenes]
    assert [48 / lens.fx for lens in lenses] == pytest.approx([np.tan(np.radians(32)), np.tan(np.radians(20))])
    wide, narrow = (scene.keyframes[0].image.astype(float) for scene in scenes)
    # what the narrow lens shows is the middle of what the wide one does
    share = np.tan(np.radians(20)) / np.tan(np.radians(32))
    rows, columns = (np.arange(8) + 28, np.arange(8) + 44)
    middle = [((np.arange(8) - 3.5) * share + side) for side in (31.5, 47.5)]
    found = wide[np.rint(middle[0]).astype(int)][:, np.rint(middle[1]).astype(int)]
    assert np.abs(found - narrow[rows][:, columns]).mean() < 25


def test_a_guessed_scene_is_not_what_was_asked_for(tiny, tmp_path) -> None:
    assert not lyra.run(asked(prompt="xyzzy"), lyra.Params(), Progress(), tmp_path).value.as_asked


def test_an_estimate_says_who_draws_and_what_it_is_good_for(tiny) -> None:
    parts = {part.part: part for part in lyra.estimate(asked(prompt="a zorblax kitchen"), lyra.Params())}
    drawing = parts["drawing the first picture"]
    assert "procedural" in drawing.note
    assert drawing.seconds
    assert [finding.code for finding in drawing.findings] == ["prompt.not_understood"]
    assert "2 evaluations each" in parts["6 videos of 17 frames"].note
    assert any(finding.code == "lyra.demo" for part in parts.values() for finding in part.findings)


def test_a_pipeline_that_is_named_draws_all_the_same(tiny, still_model, tmp_path) -> None:
    params = lyra.Params(image_model=str(still_model / "text_to_image"), image_steps=1)
    found = lyra.run(asked(prompt="a kitchen"), params, Progress(), tmp_path).value.provenance
    assert (found["image_model"], "image_source" in found) == ("text_to_image", False)


def test_its_scenes_are_demos_in_reports(tiny, photo, depth, tmp_path) -> None:
    request = asked(image=str(photo), depth=str(depth), collider="none", force=True)
    report = api.generate_scene(request, tmp_path / "run").report
    assert report.grade == "demo"
    assert "lyra.demo" in {finding.code for finding in report.findings}
    assert json.loads((tmp_path / "run" / "report.json").read_text())["grade"] == "demo"

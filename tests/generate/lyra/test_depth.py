"""Networks for depth: which are taken, in what unit their depth is, and what is refused."""

from __future__ import annotations

import importlib
import math
import shutil
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.nn import functional as F
from transformers import AutoConfig, AutoImageProcessor, AutoModelForDepthEstimation, DPTConfig, DPTForDepthEstimation

from lyra_backend.errors import InvalidRequest, MissingDependency
from lyra_backend.generate._lyra.depth import Depth, load_estimator, located

IMAGE = np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)


@pytest.fixture(scope="module")
def network(still_model, tmp_path_factory) -> Path:
    """The tiny Depth Anything model, with weights large enough that its depth is not the same everywhere."""
    folder = tmp_path_factory.mktemp("depth") / "anything"
    shutil.copytree(still_model / "depth", folder)
    path = folder / "model.safetensors"
    tensors = load_file(path)
    for name in tensors:
        if name.startswith("head."):
            tensors[name] = torch.randn(tensors[name].shape, generator=torch.Generator().manual_seed(1))
    save_file(tensors, path, {"format": "pt"})
    return folder


@pytest.fixture
def copied(network, tmp_path) -> Path:
    shutil.copytree(network, tmp_path / "network")
    return tmp_path / "network"


def test_depth_is_that_of_the_network_at_the_pictures_size(network) -> None:
    found = load_estimator("transformers", network, "cpu")(IMAGE)
    with torch.no_grad():
        pixels = AutoImageProcessor.from_pretrained(network)(images=IMAGE, return_tensors="pt")
        own = AutoModelForDepthEstimation.from_pretrained(network).eval()(**pixels).predicted_depth
    wanted = F.interpolate(own[None], IMAGE.shape[:2], mode="bicubic", align_corners=False)[0, 0].numpy()
    assert np.ptp(wanted) > 0.5
    np.testing.assert_allclose(found.z, np.maximum(wanted, 0), rtol=1e-5, atol=1e-5)
    assert not found.sky.any()
    assert (found.is_metric, found.focal_px, found.source) == (True, None, "anything")


def test_a_model_of_relative_depth_is_refused(copied) -> None:
    config = AutoConfig.from_pretrained(copied)
    config.depth_estimation_type = "relative"
    config.save_pretrained(copied)
    with pytest.raises(InvalidRequest, match=f"depth: {copied} gives depth without a scale. Name a metric model"):
        load_estimator("transformers", copied, "cpu")


def test_a_model_that_says_nothing_of_its_unit_and_has_none(network, tmp_path) -> None:
    """DPT, as MiDaS, gives nearness: large where depth is small."""
    backbone = AutoConfig.from_pretrained(network).backbone_config
    config = DPTConfig(
        backbone_config=backbone,
        reassemble_factors=[4, 2, 1, 0.5],
        neck_hidden_sizes=[8, 8, 16, 16],
        fusion_hidden_size=8,
        is_hybrid=False,
    )
    DPTForDepthEstimation(config).save_pretrained(tmp_path / "dpt")
    AutoImageProcessor.from_pretrained(network).save_pretrained(tmp_path / "dpt")
    with pytest.raises(InvalidRequest, match="dpt gives depth without a scale"):
        load_estimator("transformers", tmp_path / "dpt", "cpu")


def test_a_folder_without_a_model(tmp_path) -> None:
    with pytest.raises(InvalidRequest, match=r"is no depth model of transformers .*weights fetch depth_indoor"):
        load_estimator("transformers", tmp_path, "cpu")


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(path.read_bytes()[:-500]),
        lambda path: path.write_bytes(b"no weights"),
        lambda path: path.unlink(),
        lambda path: path.with_name("config.json").write_text("{"),
        lambda path: path.with_name("config.json").write_text('{"model_type": "t5"}'),
        lambda path: path.with_name("preprocessor_config.json").unlink(),
    ],
    ids=["cut short", "no weights", "no file", "no JSON", "another model", "no processor"],
)
def test_a_damaged_model_is_refused(copied, damage) -> None:
    damage(copied / "model.safetensors")
    with pytest.raises(InvalidRequest, match=f"depth: {copied} is no depth model of transformers that is here"):
        load_estimator("transformers", copied, "cpu")


def test_a_model_that_lacks_a_tensor_is_refused(copied) -> None:
    """Transformers would take random numbers in its place."""
    tensors = load_file(copied / "model.safetensors")
    del tensors["head.conv2.weight"]
    save_file(tensors, copied / "model.safetensors", {"format": "pt"})
    with pytest.raises(InvalidRequest, match=f"depth: {copied} lacks head.conv2.weight"):
        load_estimator("transformers", copied, "cpu")


def test_no_model_is_named() -> None:
    with pytest.raises(InvalidRequest, match="needs a model, got none"):
        load_estimator("transformers", None, "cpu")


def test_transformers_is_not_installed(monkeypatch, network) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingDependency, match=r"transformers: needed for depth .*pip install 'lyra-backend\[lyra\]'"):
        load_estimator("transformers", network, "cpu")


def test_a_picture_without_any_depth_is_refused(copied) -> None:
    tensors = load_file(copied / "model.safetensors")
    tensors["head.conv3.weight"].zero_()
    tensors["head.conv3.bias"].fill_(-1e4)
    save_file(tensors, copied / "model.safetensors", {"format": "pt"})
    with pytest.raises(InvalidRequest, match=r"depth: network found no depth in the picture\. Give depth with --depth"):
        load_estimator("transformers", copied, "cpu")(IMAGE)


# -- MoGe, of which the package is not needed to test how it is asked -------------------------------------------------


class StandIn:
    """What the package `moge` calls a model: it sees a floor 3 m away below a sky, through a lens of 120 px."""

    #: Share of the picture that is sky.
    sky = 0.25

    @classmethod
    def from_pretrained(cls, name: str) -> StandIn:
        if "nowhere" in name:
            raise FileNotFoundError(f"{name} is not there")
        return cls()

    def to(self, device: str) -> StandIn:
        assert device == "cpu"
        return self

    def eval(self) -> StandIn:
        return self

    def infer(self, picture: torch.Tensor, fov_x: float | None = None) -> dict[str, torch.Tensor]:
        assert torch.equal((picture * 255).round().byte().movedim(0, 2), torch.from_numpy(IMAGE))
        _, height, width = picture.shape
        depth, mask = torch.full((height, width), 3.0), torch.ones(height, width, dtype=torch.bool)
        above = round(self.sky * height)
        depth[:above], mask[:above] = float("inf"), False
        focal = 120 if fov_x is None else 0.5 * width / math.tan(math.radians(fov_x) / 2)
        intrinsics = torch.tensor([[focal / width, 0, 0.5], [0, focal / height, 0.5], [0, 0, 1]])
        return {"depth": depth, "mask": mask, "intrinsics": intrinsics}


@pytest.fixture
def moge(monkeypatch) -> type[StandIn]:
    model = type("Model", (StandIn,), {})
    for version in ("v1", "v2"):
        module = ModuleType(f"moge.model.{version}")
        module.MoGeModel = model  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, module.__name__, module)
    return model


def seen_by(model: str | None) -> Depth:
    return load_estimator("moge", model, "cpu")(IMAGE)


@pytest.mark.parametrize(
    ("model", "metric", "source"),
    [
        (None, False, "moge-vitl"),
        ("Ruicheng/moge-vitl", False, "moge-vitl"),
        ("Ruicheng/moge-2-vitl-normal", True, "moge-2-vitl-normal"),
    ],
)
def test_the_second_moge_gives_metres(moge, model: str | None, metric: bool, source: str) -> None:
    found = seen_by(model)
    assert (found.is_metric, found.source) == (metric, source)
    assert found.focal_px == pytest.approx(120)


def test_a_lens_that_is_known_is_told_to_moge(moge) -> None:
    assert load_estimator("moge", None, "cpu")(IMAGE, 90.0).focal_px == pytest.approx(48)


def test_names_of_the_hub_stand_for_what_was_fetched(moge, monkeypatch, tmp_path) -> None:
    kept = tmp_path / "hub" / "models--Ruicheng--moge-vitl"
    (kept / "snapshots" / "c0ffee").mkdir(parents=True)
    (kept / "refs").mkdir()
    (kept / "refs" / "main").write_text("c0ffee")
    (kept / "snapshots" / "c0ffee" / "model.pt").write_bytes(b"weights")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("lyra_backend.generate._lyra.depth.find_spec", lambda name: name)
    found = located("moge", None)
    assert found == kept / "snapshots" / "c0ffee" / "model.pt"
    assert load_estimator("moge", found, "cpu")(IMAGE).source == "moge-vitl"
    with pytest.raises(InvalidRequest, match=r"Ruicheng/moge-2 is no folder and was not fetched .* hf download Ruich"):
        located("moge", "Ruicheng/moge-2")


def test_what_moge_leaves_out_is_sky(moge) -> None:
    found = seen_by(None)
    assert found.sky[:16].all()
    assert not found.sky[16:].any()
    assert (found.z[:16] == 0).all()
    assert (found.z[16:] == 3).all()


def test_each_moge_has_its_own_module(moge, monkeypatch) -> None:
    asked = []
    usual = importlib.import_module
    monkeypatch.setattr(importlib, "import_module", lambda name: (asked.append(name), usual(name))[1])
    seen_by(None)
    seen_by("folder/moge-2-vits")
    assert asked == ["moge.model.v1", "moge.model.v2"]


def test_nothing_but_sky_is_refused(moge) -> None:
    moge.sky = 1.0
    with pytest.raises(InvalidRequest, match="depth: moge-vitl found no depth in the picture"):
        seen_by(None)


def test_a_moge_that_is_not_there(moge) -> None:
    with pytest.raises(InvalidRequest, match=r"depth: nowhere/moge-vitl is no model of MoGe .*is not there"):
        seen_by("nowhere/moge-vitl")


def test_a_moge_that_cannot_be_read(moge, monkeypatch) -> None:
    def damaged(name: str) -> StandIn:
        raise RuntimeError("PytorchStreamReader failed reading zip archive\nand more")

    monkeypatch.setattr(moge, "from_pretrained", damaged)
    with pytest.raises(InvalidRequest, match=r"is no model of MoGe that can be had \(PytorchStreamReader [a-z ]+\)\.$"):
        seen_by("folder/moge-vitl")


def test_moge_is_not_installed(monkeypatch) -> None:
    for name in ("moge", "moge.model", "moge.model.v1"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingDependency, match=r"pip install 'git\+https://github.com/microsoft/MoGe.git'"):
        load_estimator("moge", None, "cpu")


class DepthPro:
    """A processor that says the field of view [deg], as that of Depth Pro does."""

    def __call__(self, **_: object) -> DepthPro:
        return self

    def to(self, device: str) -> dict[str, torch.Tensor]:
        return {}

    def post_process_depth_estimation(self, outputs: object, target_sizes: list[tuple[int, int]]) -> list[dict]:
        return [{"predicted_depth": torch.full(target_sizes[0], 2.0), "field_of_view": torch.tensor(90.0)}]


def test_a_lens_that_the_network_saw_is_handed_on(network, monkeypatch) -> None:
    estimator = load_estimator("transformers", network, "cpu")
    monkeypatch.setattr(estimator, "_processor", DepthPro())
    monkeypatch.setattr(estimator, "network", lambda **_: None)
    # half of 96 columns at 45 degrees
    assert estimator(IMAGE).focal_px == pytest.approx(48)

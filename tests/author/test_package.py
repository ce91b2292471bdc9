"""The whole scene in one file: nothing outside is needed, every variant resolves, and the same bytes each time."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import pytest
from pxr import Ar, Usd, UsdValidation

from lyra_backend import author, registry
from lyra_backend.author import Params, usdz
from lyra_backend.errors import InvalidRequest
from lyra_backend.io.nurec_reader import read_nurec
from lyra_backend.progress import Progress
from lyra_backend.types import SceneBundle
from lyra_backend.validate import Params as Limits
from lyra_backend.validate.usd import check_usd

from .fields import cloud_of, room_proxy
from .test_usdz import data_offsets

MEMBERS = ["scene.usda", "collision.usdc", "gaussians.usdc", "gaussians_nurec.usda", "gaussians.nurec", "proxy.usdc"]
TYPES = {"particleField": "ParticleField3DGaussianSplat", "nurec": "Volume", "proxy": "", "none": ""}


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """The package alone, away from the files it was made of."""
    _author(tmp_path / "run")
    (tmp_path / "alone").mkdir()
    shutil.copy(tmp_path / "run" / "scene.usdz", tmp_path / "alone" / "scene.usdz")
    shutil.rmtree(tmp_path / "run")
    return tmp_path / "alone" / "scene.usdz"


def _author(folder: Path) -> tuple[str, ...]:
    folder.mkdir()
    params = {name: registry.get("author", name).Params() for name in ("particle_field", "nurec")}
    bundle = SceneBundle(cloud_of(40), room_proxy(), params)
    return author.run(bundle, folder, Params(package="usdz"), Progress()).value


def test_members_lie_flat_aligned_and_with_the_root_first(package: Path) -> None:
    assert zipfile.ZipFile(package).namelist() == MEMBERS
    assert {offset % 64 for offset in data_offsets(package)} == {0}


@pytest.mark.parametrize("appearance", TYPES)
def test_every_appearance_resolves_within_the_package(package: Path, appearance: str) -> None:
    stage = Usd.Stage.Open(str(package))
    world = stage.GetDefaultPrim()
    assert world.GetVariantSet("appearance").GetVariantSelection() == "particleField"
    world.GetVariantSet("appearance").SetVariantSelection(appearance)
    for collision in world.GetVariantSet("collision").GetVariantNames():
        world.GetVariantSet("collision").SetVariantSelection(collision)
        assert stage.GetCompositionErrors() == []
        layers = [layer.identifier for layer in stage.GetUsedLayers() if not layer.anonymous]
        assert all(name.startswith(str(package)) for name in layers)
    gaussians = stage.GetPrimAtPath("/World/Visual/Gaussians")
    assert (gaussians.GetTypeName() if gaussians else "") == TYPES[appearance]
    assert stage.GetRootLayer().customLayerData["renderSettings"] == {"rtx:post:tonemap:op": 2}


def test_the_payload_of_nurec_is_found_in_it(package: Path) -> None:
    stage = Usd.Stage.Open(str(package))
    stage.GetDefaultPrim().GetVariantSet("appearance").SetVariantSelection("nurec")
    asset = stage.GetPrimAtPath("/World/Visual/Gaussians/density_field").GetAttribute("filePath").Get()
    assert asset.resolvedPath == f"{package}[gaussians.nurec]"
    with Ar.GetResolver().OpenAsset(Ar.ResolvedPath(asset.resolvedPath)) as opened:
        assert read_nurec(bytes(opened.GetBuffer()), "package").value.count == 40


def test_validators_find_no_fault(package: Path) -> None:
    context = UsdValidation.ValidationContext(UsdValidation.ValidationRegistry().GetOrLoadAllValidators())
    for appearance in TYPES:
        stage = Usd.Stage.Open(str(package))
        stage.GetDefaultPrim().GetVariantSet("appearance").SetVariantSelection(appearance)
        errors = [e for e in context.Validate(stage) if e.GetName() != "UnsupportedFileExtensionInPackage"]
        assert [e.GetMessage() for e in errors] == []
        assert all("nurec" in e.GetMessage() for e in context.Validate(stage))
    findings = check_usd(package, Limits(), Progress()).findings
    assert [f.message for f in findings if f.severity != "info"] == []


def test_same_scene_same_bytes_and_no_leftovers(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        files = _author(tmp_path / folder)
        assert sorted(p.name for p in (tmp_path / folder).iterdir()) == sorted(files)
    assert (tmp_path / "a" / "scene.usdz").read_bytes() == (tmp_path / "b" / "scene.usdz").read_bytes()


def test_a_scene_that_is_too_large_is_refused_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from lyra_backend.author import package

    folder = tmp_path / "run"
    _author(folder)
    (folder / "scene.usdz").unlink()
    monkeypatch.setattr(usdz, "LIMIT_BYTES", 10_000)
    with pytest.raises(InvalidRequest, match=r"scene\.usdz: a usdz package.*\w+\.usdc alone.*in a folder"):
        package.write_scene_package(folder)
    assert [p.name for p in folder.glob("*.usdz")] == ["gaussians_nurec.usdz"]

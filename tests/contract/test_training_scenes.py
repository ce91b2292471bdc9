"""Scenes to train in without pictures: no Gaussian file is there, or none is opened, and they are small."""

from __future__ import annotations

from pathlib import Path

import pytest
from pxr import Sdf, Usd, UsdPhysics

import lyra_backend
from lyra_backend import author, registry
from lyra_backend.author import Params
from lyra_backend.progress import Progress
from lyra_backend.types import CollisionProxy, SceneBundle

from ..author.fields import cloud_of, room_proxy, square
from ..commands import call
from ..conftest import PROMPT
from ..rules import faults_of_run

MOST_BYTES = 10_000_000


@pytest.mark.parametrize("root", ["scene.usda", "stage.usda", "stage_isaac5.usda", "stage_isaac6.usda", "scene.usdz"])
def test_appearance_none_opens_no_gaussian_file(tmp_path: Path, root: str) -> None:
    """As Isaac Lab does it: a reference, and the variant chosen beside it."""
    params = {name: registry.get("author", name).Params() for name in ("particle_field", "nurec")}
    author.run(SceneBundle(cloud_of(40), room_proxy(), params), tmp_path, Params(package="usdz"), Progress())
    used = {}
    for variant in ("particleField", "nurec", "none"):
        host = Sdf.Layer.CreateAnonymous()
        prim = Sdf.PrimSpec(host, "Scene", Sdf.SpecifierDef)
        prim.referenceList.prependedItems.append(Sdf.Reference(str(tmp_path / root)))
        prim.variantSelections["appearance"] = variant
        stage = Usd.Stage.Open(host)
        assert stage.GetPrimAtPath("/Scene/Collision/Environment").HasAPI(UsdPhysics.CollisionAPI)
        used[variant] = [layer.identifier for layer in stage.GetUsedLayers() if "gaussians" in layer.identifier]
    assert [len(used[variant]) for variant in ("particleField", "nurec", "none")] == [1, 1, 0]


def test_keep_train_leaves_little_and_no_gaussians(tmp_path: Path) -> None:
    out = tmp_path / "run"
    words = ["--prompt", PROMPT, "--seed", 1, "--set", "generate.gaussian_count=60000", "--set"]
    done = call("generate", *words, "collide.voxel_size=0.08", "--keep", "train", "--out", out, "--json")
    assert done.code == 0, done.err
    names = {p.name for p in out.iterdir()}
    assert {"scene.usda", "stage.usda", "collision.usdc", "report.json", "preview.png"} <= names
    assert {p.name for p in out.glob("*.png") if not p.name.startswith("map")} == {"preview.png"}
    left_out = ("gaussians", "truth", "stage_isaac", "proxy")
    assert not [name for name in names if any(word in name for word in left_out)]
    assert sum(p.stat().st_size for p in out.rglob("*")) < MOST_BYTES
    assert faults_of_run(out) == []
    stage = Usd.Stage.Open(str(out / "stage.usda"))
    assert stage.GetDefaultPrim().GetVariantSet("appearance").GetVariantSelection() == "none"
    assert lyra_backend.api.repeat(out).value == {
        p.relative_to(out).as_posix(): "same"
        for p in out.rglob("*")
        if p.name not in ("events.jsonl", "timings.json", "report.html", ".complete")
    }


def test_the_proxy_is_there_to_train_in_where_it_is_shown(tmp_path: Path) -> None:
    bundle = SceneBundle(
        cloud_of(40), room_proxy(), {"particle_field": registry.get("author", "particle_field").Params()}
    )
    found = {}
    for appearance in ("auto", "none", "proxy"):
        folder = tmp_path / appearance
        folder.mkdir()
        author.run(bundle, folder, Params(keep="train", appearance=appearance), Progress())
        stage = Usd.Stage.Open(str(folder / "scene.usda"))
        variants = stage.GetDefaultPrim().GetVariantSet("appearance")
        is_there = (folder / "proxy.usdc").is_file()
        found[appearance] = (is_there, sorted(variants.GetVariantNames()), variants.GetVariantSelection())
    assert found == {
        "auto": (False, ["none"], "none"),
        "none": (False, ["none"], "none"),
        "proxy": (True, ["none", "proxy"], "proxy"),
    }


def test_a_scene_too_large_to_copy_about_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(author, "_TRAIN_MB", 0.001)
    bundle = SceneBundle(cloud_of(40), CollisionProxy((square("floor"),), "surface", {}))
    findings = author.run(bundle, tmp_path, Params(keep="train"), Progress()).findings
    assert [(f.code, f.unit) for f in findings] == [("author.train_size", "MB")]

"""A whole scene: what is written, how it composes, and that it says everything a root layer must say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pxr import Sdf, Usd, UsdGeom, UsdPhysics, UsdUtils, UsdValidation

from lyra_backend import author
from lyra_backend.author import Params
from lyra_backend.author.particle_field import Params as FieldParams
from lyra_backend.errors import Cancelled, InvalidRequest
from lyra_backend.progress import CancelToken, Progress
from lyra_backend.types import CollisionProxy, Frame, SceneBundle

from .fields import cloud_of, room_proxy

FILES = (
    "gaussians.usdc",
    "collision.usdc",
    "proxy.usdc",
    "scene.usda",
    "stage.usda",
    "stage_isaac6.usda",
    "isaac_lab_cfg.py",
    "isaac_lab.json",
    "provenance.json",
    "LICENSES.md",
)
PROVENANCE = {
    "prompt": "a room",
    "generator": "lyra",
    "sources": [{"name": "Lyra 1", "licence": "NVIDIA Open Model License"}, {"name": "photo.png"}],
}


def _bundle(**changes: Any) -> SceneBundle:
    fields = {
        "cloud": cloud_of(60),
        "proxy": room_proxy(),
        "primitives": {"particle_field": FieldParams()},
        "provenance": PROVENANCE,
    }
    return SceneBundle(**(fields | changes))


def _written(folder: Path, params: Params | None = None, **changes: Any) -> tuple[str, ...]:
    return author.run(_bundle(**changes), folder, params or Params(), Progress()).value


def _opened(folder: Path, name: str, **variants: str) -> Usd.Stage:
    stage = Usd.Stage.Open(str(folder / name))
    for variant_set, variant in variants.items():
        stage.GetDefaultPrim().GetVariantSet(variant_set).SetVariantSelection(variant)
    return stage


def test_everything_named_is_there_and_nothing_else(tmp_path: Path) -> None:
    outcome = author.run(_bundle(), tmp_path, Params(), Progress())
    assert outcome.value == FILES
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(FILES)
    assert outcome.findings == ()
    assert outcome.counts["gaussians"] == 60
    assert outcome.counts["collider_triangles"] == 18


def test_prims_are_where_others_look_for_them(tmp_path: Path) -> None:
    _written(tmp_path)
    for name in ("scene.usda", "stage.usda", "stage_isaac6.usda"):
        stage = _opened(tmp_path, name)
        assert stage.GetPrimAtPath("/World/Visual/Gaussians").GetTypeName() == "ParticleField3DGaussianSplat"
        assert stage.GetPrimAtPath("/World/Collision/Environment").HasAPI(UsdPhysics.CollisionAPI)
        assert stage.GetPrimAtPath("/World/PhysicsMaterials/Environment").HasAPI(UsdPhysics.MaterialAPI)
        assert not [p for p in stage.Traverse() if p.IsA(UsdGeom.Plane)]


def test_only_the_stage_brings_gravity_and_light(tmp_path: Path) -> None:
    _written(tmp_path)
    scene, stage = _opened(tmp_path, "scene.usda"), _opened(tmp_path, "stage.usda")
    kinds = {p.GetTypeName() for p in scene.Traverse()}
    assert not {"PhysicsScene", "DomeLight", "DistantLight"} & kinds
    scenes = [p for p in stage.Traverse() if p.IsA(UsdPhysics.Scene)]
    assert [str(p.GetPath()) for p in scenes] == ["/PhysicsScene"]
    assert tuple(UsdPhysics.Scene(scenes[0]).GetGravityDirectionAttr().Get()) == (0, 0, -1)
    assert UsdPhysics.Scene(scenes[0]).GetGravityMagnitudeAttr().Get() == pytest.approx(9.81)
    sun = UsdGeom.Xformable(stage.GetPrimAtPath("/World/Lights/Sun")).GetLocalTransformation()
    assert sun.TransformDir((0, 0, -1))[2] < -0.5


@pytest.mark.parametrize("name", [f for f in FILES if f.endswith(("usda", "usdc"))])
def test_each_root_layer_speaks_for_itself(tmp_path: Path, name: str) -> None:
    _written(tmp_path)
    layer = Sdf.Layer.FindOrOpen(str(tmp_path / name))
    root = layer.pseudoRoot
    assert root.GetInfo("upAxis") == "Z"
    assert root.GetInfo("metersPerUnit") == 1.0
    assert root.GetInfo("kilogramsPerUnit") == 1.0
    assert layer.GetPrimAtPath(layer.GetDefaultPrimAsPath())
    if name not in ("collision.usdc", "proxy.usdc"):
        assert layer.customLayerData["renderSettings"]["rtx:post:tonemap:op"] == 2


def test_files_refer_to_each_other_by_name_only(tmp_path: Path) -> None:
    _written(tmp_path)
    found = {}
    for name in ("scene.usda", "stage.usda"):
        sublayers, references, payloads = UsdUtils.ExtractExternalReferences(str(tmp_path / name))
        assert sublayers == payloads == []
        found[name] = sorted(references)
    parts = ["./collision.usdc", "./gaussians.usdc", "./proxy.usdc"]
    assert found == {"scene.usda": parts, "stage.usda": ["./scene.usda"]}
    for name in FILES:
        assert str(tmp_path).encode() not in (tmp_path / name).read_bytes()


@pytest.mark.parametrize("name", ["scene.usda", "stage.usda"])
def test_appearance_switches_between_gaussians_their_proxy_and_nothing(tmp_path: Path, name: str) -> None:
    _written(tmp_path)
    seen = {}
    for variant in ("particleField", "proxy", "none"):
        stage = _opened(tmp_path, name, appearance=variant)
        collider = UsdGeom.Mesh(stage.GetPrimAtPath("/World/Collision/Environment"))
        assert collider.ComputePurpose() == "guide"
        assert collider.GetPrim().HasAPI(UsdPhysics.CollisionAPI)
        seen[variant] = [bool(stage.GetPrimAtPath(f"/World/Visual/{child}")) for child in ("Gaussians", "Proxy")]
        files = {Path(layer.realPath).name for layer in stage.GetUsedLayers() if not layer.anonymous}
        assert ("gaussians.usdc" in files) == (variant == "particleField")
    assert seen == {"particleField": [True, False], "proxy": [False, True], "none": [False, False]}


def test_collision_switches_between_ways_to_say_the_same(tmp_path: Path) -> None:
    _written(tmp_path)
    ways = {"single": ["Environment"], "parts": ["Structure", "Objects/crate/crate"], "none": []}
    for variant, names in ways.items():
        stage = _opened(tmp_path, "stage.usda", collision=variant)
        shapes = [str(p.GetPath()) for p in stage.Traverse() if p.HasAPI(UsdPhysics.CollisionAPI)]
        assert shapes == [f"/World/Collision/{name}" for name in names]
    scene = _opened(tmp_path, "scene.usda")
    variants = scene.GetDefaultPrim().GetVariantSets().GetVariantSet("collision")
    assert sorted(variants.GetVariantNames()) == sorted(ways)
    assert variants.GetVariantSelection() == "single"


def test_variants_exist_only_for_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "bare").mkdir()
    outcome = author.run(_bundle(proxy=CollisionProxy((), "none", {})), tmp_path / "bare", Params(), Progress())
    assert "collision.usdc" not in outcome.value
    assert [f.code for f in outcome.findings] == ["author.no_colliders"]
    stage = _opened(tmp_path / "bare", "scene.usda")
    sets = stage.GetDefaultPrim().GetVariantSets()
    assert sets.GetNames() == ["appearance"]
    assert sorted(sets.GetVariantSet("appearance").GetVariantNames()) == ["none", "particleField"]


def test_appearance_none_writes_no_gaussians(tmp_path: Path) -> None:
    files = _written(tmp_path, Params(appearance="none"))
    assert "gaussians.usdc" not in files
    assert not (tmp_path / "gaussians.usdc").exists()
    stage = _opened(tmp_path, "scene.usda")
    variants = stage.GetDefaultPrim().GetVariantSet("appearance")
    assert sorted(variants.GetVariantNames()) == ["none", "proxy"]
    assert variants.GetVariantSelection() == "none"


@pytest.mark.parametrize(("appearance", "selected"), [("auto", "particleField"), ("proxy", "proxy")])
def test_the_chosen_appearance_is_selected(tmp_path: Path, appearance: str, selected: str) -> None:
    _written(tmp_path, Params(appearance=appearance))
    stage = _opened(tmp_path, "scene.usda")
    assert stage.GetDefaultPrim().GetVariantSet("appearance").GetVariantSelection() == selected


def test_an_appearance_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match=r"'proxy'.*known: none, particleField"):
        _written(tmp_path, Params(appearance="proxy"), proxy=CollisionProxy((), "none", {}))
    with pytest.raises(InvalidRequest, match="'particleField' is not part"):
        _written(tmp_path, Params(appearance="particleField"), primitives={})
    assert list(tmp_path.iterdir()) == []


def test_a_scene_without_scale_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="WORLD"):
        _written(tmp_path, cloud=cloud_of(3, frame=Frame.GENERATOR))


def test_friction_is_what_was_asked_for(tmp_path: Path) -> None:
    _written(tmp_path, Params(static_friction=0.7, dynamic_friction=0.6, restitution=0.1))
    stage = _opened(tmp_path, "stage.usda")
    material = UsdPhysics.MaterialAPI(stage.GetPrimAtPath("/World/PhysicsMaterials/Environment"))
    assert material.GetStaticFrictionAttr().Get() == pytest.approx(0.7)
    assert material.GetDynamicFrictionAttr().Get() == pytest.approx(0.6)
    assert material.GetRestitutionAttr().Get() == pytest.approx(0.1)


def test_usd_itself_finds_no_fault(tmp_path: Path) -> None:
    _written(tmp_path)
    context = UsdValidation.ValidationContext(UsdValidation.ValidationRegistry().GetOrLoadAllValidators())
    for name in (f for f in FILES if "usd" in f):
        for appearance in ("particleField", "proxy", "none") if name.endswith("a") else (None,):
            stage = _opened(tmp_path, name, **({"appearance": appearance} if appearance else {}))
            assert [e.GetMessage() for e in context.Validate(stage)] == []


def test_same_scene_same_bytes(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        _written(tmp_path / folder)
    for name in FILES:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name


def test_cancelled_on_the_way(tmp_path: Path) -> None:
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        author.run(_bundle(), tmp_path, Params(), Progress(token=token))


def test_provenance_is_sorted_and_complete(tmp_path: Path) -> None:
    _written(tmp_path)
    text = (tmp_path / "provenance.json").read_text()
    data = json.loads(text)
    assert text == json.dumps(data, indent=2, sort_keys=True) + "\n"
    assert data["prompt"] == "a room"
    assert data["collider"] == "surface"
    assert data["primitives"] == ["particle_field"]
    assert {"lyra-backend", "numpy", "scipy", "usd-core", "warp-lang"} <= set(data["versions"])
    assert [s["licence"] for s in data["sources"]] == ["NVIDIA Open Model License", "unknown", "Apache-2.0"]


def test_licences_say_what_they_mean(tmp_path: Path) -> None:
    sources = [
        {"name": "Scans | of 2024", "licence": "CC-BY-NC-4.0 (scans of rooms)", "url": "https://example.org/scans"},
        {"name": "photo.png"},
        {"name": "net", "licence": "House licence 3"},
    ]
    _written(tmp_path, provenance={"sources": sources})
    rows = [line for line in (tmp_path / "LICENSES.md").read_text().splitlines() if line.startswith("| ")][1:]
    assert len(rows) == 4
    assert "[Scans \\| of 2024](https://example.org/scans)" in rows[0]
    assert "Not for commercial use" in rows[0]
    assert "Not known" in rows[1]
    assert "Read the licence" in rows[2]
    assert rows[3] == (
        "| lyra-backend (made the files) | Apache-2.0 | "
        "Asks nothing of scenes: its licence is on the program, not on what comes out. |"
    )


@pytest.mark.parametrize("provenance", [{"sources": "me"}, {"sources": [{"licence": "MIT"}]}, {"when": {1, 2}}])
def test_broken_provenance_is_explained(tmp_path: Path, provenance: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest, match="provenance"):
        _written(tmp_path, provenance=provenance)


def test_sources_are_taken_from_what_generators_say(tmp_path: Path) -> None:
    provenance = {"generator": "rgbd", "licence": "unknown, as the source image", "image_sha256": "ab" * 32}
    _written(tmp_path, provenance=provenance)
    data = json.loads((tmp_path / "provenance.json").read_text())
    assert [s["name"] for s in data["sources"]] == ["generator rgbd", "input image", "lyra-backend"]
    text = (tmp_path / "LICENSES.md").read_text()
    assert "| generator rgbd | unknown, as the source image | Not known." in text
    assert "| input image `abababababababab` | unknown | Not known." in text


def test_the_splat_is_kept_on_request(tmp_path: Path) -> None:
    from lyra_backend.io.ply import read_ply

    cloud = cloud_of(40, degree=1)
    bundle = SceneBundle(cloud, room_proxy(), {"particle_field": FieldParams()})
    files = author.run(bundle, tmp_path, author.Params(keep_splat=True), Progress()).value
    assert "gaussians.ply" in files
    back = read_ply(tmp_path / "gaussians.ply").value
    assert abs(back.positions - cloud.positions).max() < 1e-5
    assert abs(back.sh - cloud.sh).max() < 1e-5
    (tmp_path / "without").mkdir()
    assert "gaussians.ply" not in author.run(bundle, tmp_path / "without", author.Params(), Progress()).value

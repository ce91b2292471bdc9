"""Classes become labels that a composed stage gives back, on Gaussians, objects and the proxy mesh."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pxr import Usd, UsdGeom, UsdSemantics

from lyra_backend import author
from lyra_backend.author import particle_field
from lyra_backend.author.field_reader import read
from lyra_backend.author.labels import prim_names
from lyra_backend.progress import Progress
from lyra_backend.types import GaussianCloud, GaussianSequence, SceneBundle
from lyra_backend.validate import Params as Limits
from lyra_backend.validate.usd import check_usd
from lyra_backend.validate.usd_cloud import read_cloud

from .fields import cloud_of, room_proxy

NAMES = ("unknown", "coffee table", "floor", "wall")


def classed(count: int = 60, degree: int = 1, names: tuple[str, ...] = NAMES) -> GaussianCloud:
    """Gaussians of the classes 0, 1 and 3 in turn."""
    ids = np.array([0, 1, 3], np.uint16)[np.arange(count) % 3]
    return replace(cloud_of(count, degree), class_ids=ids, class_names=names)


def labels(stage: Usd.Stage, path: str) -> list[str]:
    """The labels of a prim and of all it is part of."""
    query = UsdSemantics.LabelsQuery("class", Usd.TimeCode.Default())
    return sorted(query.ComputeUniqueInheritedLabels(stage.GetPrimAtPath(path)))


def scene(folder: Path, cloud: GaussianCloud, **params: object) -> Path:
    folder.mkdir()
    fields = {"particle_field": particle_field.Params(**params)}
    author.run(SceneBundle(cloud, room_proxy(), fields), folder, author.Params(), Progress())
    return folder


def test_each_class_has_a_labelled_field_of_its_own(tmp_path: Path) -> None:
    cloud = classed()
    stage = Usd.Stage.Open(str(scene(tmp_path / "a", cloud) / "stage.usda"))
    root = stage.GetPrimAtPath("/World/Visual/Gaussians")
    assert root.GetTypeName() == "Xform"
    assert [child.GetName() for child in root.GetChildren()] == ["unknown", "coffee_table", "wall"]
    for number, kind in ((0, "unknown"), (1, "coffee_table"), (3, "wall")):
        field = stage.GetPrimAtPath(f"/World/Visual/Gaussians/{kind}")
        assert field.GetTypeName() == "ParticleField3DGaussianSplat"
        assert np.array_equal(field.GetAttribute("positions").Get(), cloud.positions[cloud.class_ids == number])
        assert labels(stage, str(field.GetPath())) == ([] if not number else [NAMES[number]])
    assert not stage.GetPrimAtPath("/World/Visual/Gaussians/unknown").HasAPI(UsdSemantics.LabelsAPI)


@pytest.mark.parametrize("names", [(), ("unknown",), ("unknown", "floor")])
def test_one_class_or_none_is_one_field(tmp_path: Path, names: tuple[str, ...]) -> None:
    cloud = cloud_of(20)
    if names:
        ids = np.full(20, len(names) - 1, np.uint16)
        cloud = replace(cloud, class_ids=ids, class_names=names)
    stage = Usd.Stage.Open(str(scene(tmp_path / "a", cloud) / "stage.usda"))
    field = stage.GetPrimAtPath("/World/Visual/Gaussians")
    assert field.GetTypeName() == "ParticleField3DGaussianSplat"
    assert labels(stage, str(field.GetPath())) == (["floor"] if len(names) == 2 else [])


def test_partition_can_be_left_out(tmp_path: Path) -> None:
    stage = Usd.Stage.Open(str(scene(tmp_path / "a", classed(), partition="none") / "scene.usda"))
    field = stage.GetPrimAtPath("/World/Visual/Gaussians")
    assert field.GetTypeName() == "ParticleField3DGaussianSplat"
    assert len(field.GetAttribute("positions").Get()) == 60
    assert labels(stage, str(field.GetPath())) == []


def test_labels_go_with_a_colour_space(tmp_path: Path) -> None:
    folder = scene(tmp_path / "a", classed(), color_space="srgb_rec709_scene")
    stage = Usd.Stage.Open(str(folder / "scene.usda"))
    assert stage.GetPrimAtPath("/World/Visual/Gaussians/wall").HasAPI(Usd.ColorSpaceAPI)
    assert labels(stage, "/World/Visual/Gaussians/wall") == ["wall"]


def test_names_of_classes_stay_apart() -> None:
    assert prim_names(["a b", "a_b", "2x"]) == {"a b": "a_b", "a_b": "a_b_2", "2x": "_x"}


def test_classes_are_read_back(tmp_path: Path) -> None:
    cloud = classed()
    particle_field.write(cloud, tmp_path / "a.usdc", particle_field.Params())
    back = read(tmp_path / "a.usdc").value
    assert back.class_names == ("unknown", "coffee table", "wall")
    order = np.argsort(cloud.class_ids, kind="stable")
    assert np.array_equal(back.positions, cloud.positions[order])
    assert back.class_ids is not None
    assert [back.class_names[i] for i in back.class_ids] == [cloud.class_names[i] for i in cloud.class_ids[order]]


def test_checks_see_all_fields(tmp_path: Path) -> None:
    folder = scene(tmp_path / "a", classed())
    found = read_cloud(folder / "stage.usda")
    assert found is not None
    assert found.count == 60
    outcome = check_usd(folder, Limits(), Progress())
    assert [f.message for f in outcome.findings] == []
    assert outcome.counts["particle_fields"] == 3


def test_what_stands_still_is_divided_and_what_moves_is_not(tmp_path: Path) -> None:
    background, moving = classed(), replace(classed(9), class_ids=np.full(9, 2, np.uint16))
    later = replace(moving, positions=moving.positions + np.float32(0.1))
    sequence = GaussianSequence((moving, later), (0.0, 0.5), True, background)
    particle_field.run_sequence(sequence, tmp_path, particle_field.Params(), Progress())
    stage = Usd.Stage.Open(str(tmp_path / "gaussians.usdc"))
    assert [p.GetName() for p in stage.GetPrimAtPath("/Gaussians/Still").GetChildren()] == [
        "unknown",
        "coffee_table",
        "wall",
    ]
    assert labels(stage, "/Gaussians/Moving") == ["floor"]
    found = read_cloud(tmp_path / "gaussians.usdc")
    assert found is not None
    assert found.count == background.count


def test_things_of_several_classes_that_move_have_no_label(tmp_path: Path) -> None:
    moving = classed(9)
    sequence = GaussianSequence((moving, moving), (0.0, 0.5), True)
    particle_field.run_sequence(sequence, tmp_path, particle_field.Params(), Progress())
    stage = Usd.Stage.Open(str(tmp_path / "gaussians.usdc"))
    assert labels(stage, "/Gaussians/Moving") == []


def test_objects_are_labelled_in_every_variant(tmp_path: Path) -> None:
    folder = scene(tmp_path / "a", classed())
    for appearance in ("particleField", "proxy", "none"):
        stage = Usd.Stage.Open(str(folder / "stage.usda"))
        world = stage.GetDefaultPrim()
        world.GetVariantSet("appearance").SetVariantSelection(appearance)
        world.GetVariantSet("collision").SetVariantSelection("parts")
        for path in ("crate", "crate/crate"):
            assert labels(stage, f"/World/Collision/Objects/{path}") == ["box"]
        shown = [p for p in stage.Traverse() if p.IsA(UsdGeom.Mesh) and UsdGeom.Mesh(p).ComputePurpose() != "guide"]
        assert bool(shown) == (appearance == "proxy")
        assert all(labels(stage, str(p.GetPath())) for p in shown)

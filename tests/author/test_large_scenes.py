"""Large scenes: fields divided by place behind payloads, levels as variants, and everything that reads them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pxr import Sdf, Usd, UsdGeom, UsdValidation

import lyra_backend as lyra
from lyra_backend import author, registry
from lyra_backend.author import particle_field, particle_parts, usdz
from lyra_backend.author.labels import labels_of
from lyra_backend.author.particle_field import Params, read, write
from lyra_backend.author.scene_size import read_scene_size
from lyra_backend.errors import InvalidRequest
from lyra_backend.io.ply import read_ply, write_ply
from lyra_backend.progress import Progress
from lyra_backend.types import Frame, GaussianCloud, GaussianSequence, Outcome, SceneBundle
from lyra_backend.validate import Params as Limits
from lyra_backend.validate.usd import check_usd
from lyra_backend.validate.usd_cloud import read_cloud

from .fields import cloud_of, room_proxy
from .test_ovstage import _read as read_by_ovstage

LARGE = Params(max_per_field=1000, levels=2)
LEVELS = {"full": 5000, "quarter": 1252, "sixteenth": 314}
PARTS = {"wall": 4, "floor": 2}


def classed(count: int = 5000, degree: int = 1) -> GaussianCloud:
    """Seven tenths wall, the rest floor."""
    kinds = np.where(np.arange(count) % 10 < 7, 1, 2).astype(np.uint16)
    return replace(cloud_of(count, degree), class_ids=kinds, class_names=("unknown", "wall", "floor"))


def scene(folder: Path, fields: Params = LARGE, primitives: tuple[str, ...] = (), **params: object) -> Outcome:
    folder.mkdir(exist_ok=True)
    others = {name: registry.get("author", name).Params() for name in primitives}
    bundle = SceneBundle(classed(), room_proxy(), {"particle_field": fields, **others})
    return author.run(bundle, folder, author.Params(**params), Progress())


def opened(path: Path, level: str = "", load: Usd.Stage.InitialLoadSet = Usd.Stage.LoadAll) -> Usd.Stage:
    """Open a stage and select a level on its default prim, without changing the file."""
    stage = Usd.Stage.Open(str(path), load)
    stage.SetEditTarget(stage.GetSessionLayer())
    if level:
        stage.GetDefaultPrim().GetVariantSet("detail").SetVariantSelection(level)
    return stage


def fields_of(stage: Usd.Stage) -> list[Usd.Prim]:
    return [prim for prim in stage.Traverse() if particle_field.holds(prim)]


def paths_of(stage: Usd.Stage) -> list[str]:
    return [str(prim.GetPath()) for prim in fields_of(stage)]


def count_of(stage: Usd.Stage) -> int:
    return sum(len(prim.GetAttribute("positions").Get()) for prim in fields_of(stage))


def in_order(positions: np.ndarray) -> np.ndarray:
    return positions[np.lexsort(positions.T)]


def test_ordinary_scenes_are_one_field_as_ever(tmp_path: Path) -> None:
    write(cloud_of(3000), tmp_path / "a.usdc", Params())
    write(cloud_of(3000), tmp_path / "b.usdc", Params(max_per_field=None))
    assert (tmp_path / "a.usdc").read_bytes() == (tmp_path / "b.usdc").read_bytes()
    layer = Sdf.Layer.FindOrOpen(str(tmp_path / "a.usdc"))
    assert [prim.name for prim in layer.rootPrims] == ["Gaussians"]
    assert not layer.rootPrims[0].hasPayloads
    assert not layer.rootPrims[0].nameChildren


def test_large_clouds_are_divided_and_nothing_is_lost(tmp_path: Path) -> None:
    cloud = cloud_of(3500, 2)
    outcome = write(cloud, tmp_path / "a.usdc", Params(max_per_field=1000))
    stage = opened(tmp_path / "a.usdc")
    fields = fields_of(stage)
    assert [str(prim.GetPath()) for prim in fields] == [f"/Gaussians/Part_{i:03d}" for i in range(4)]
    assert outcome.counts["fields"] == 4
    rows = {place.tobytes(): i for i, place in enumerate(cloud.positions)}
    found = []
    for prim in fields:
        places = np.array(prim.GetAttribute("positions").Get())
        own = [rows[place.tobytes()] for place in places]
        assert 874 <= len(own) <= 876
        assert own == sorted(own)  # in the order of the cloud
        np.testing.assert_array_equal(prim.GetAttribute("scales").Get(), cloud.scales[own])
        found += own
    assert sorted(found) == list(range(3500))
    divided = next(f for f in outcome.findings if f.code == "author.divided")
    assert (divided.measured, divided.limit, divided.unit) == (3500, 1000, "count")
    assert "author.levels=2" in divided.message


def test_classes_are_divided_each_and_keep_their_labels(tmp_path: Path) -> None:
    outcome = write(classed(), tmp_path / "a.usdc", Params(max_per_field=1000))
    paths = [f"/Gaussians/{kind}/Part_{i:03d}" for kind, parts in PARTS.items() for i in range(parts)]
    stage = opened(tmp_path / "a.usdc")
    fields = fields_of(stage)
    assert [str(prim.GetPath()) for prim in fields] == paths
    assert [labels_of(prim) for prim in fields] == [("wall",)] * 4 + [("floor",)] * 2
    assert outcome.counts["fields"] == 6
    write(classed(), tmp_path / "b.usdc", Params(max_per_field=2000))
    assert paths_of(opened(tmp_path / "b.usdc")) == [
        "/Gaussians/wall/Part_000",
        "/Gaussians/wall/Part_001",
        "/Gaussians/floor",
    ]
    write(classed(), tmp_path / "c.usdc", Params(partition="none", max_per_field=3000))
    assert len(paths_of(opened(tmp_path / "c.usdc"))) == 2


def test_what_is_not_loaded_is_known_by_its_extent(tmp_path: Path) -> None:
    scene(tmp_path)
    whole, bare = (opened(tmp_path / "stage.usda", load=load) for load in (Usd.Stage.LoadAll, Usd.Stage.LoadNone))
    assert count_of(whole) == 5000
    assert fields_of(bare) == []
    boxes = []
    for field in fields_of(whole):
        prim = bare.GetPrimAtPath(field.GetPath())
        assert not prim.IsLoaded()
        assert prim.HasPayload()
        assert not prim.GetAttribute("positions").IsDefined() or prim.GetAttribute("positions").Get() is None
        assert prim.GetTypeName() == field.GetTypeName()
        assert prim.GetAttribute("radiance:sphericalHarmonicsDegree").Get() == 1
        np.testing.assert_array_equal(prim.GetAttribute("extent").Get(), field.GetAttribute("extent").Get())
        boxes.append(np.array(prim.GetAttribute("extent").Get()))
    cache = UsdGeom.BBoxCache(Usd.TimeCode.Default(), ["default"])
    box = cache.ComputeWorldBound(bare.GetPrimAtPath("/World/Visual")).ComputeAlignedRange()
    np.testing.assert_allclose(box.GetMin(), np.min([low for low, _ in boxes], axis=0))
    np.testing.assert_allclose(box.GetMax(), np.max([high for _, high in boxes], axis=0))
    bare.Load("/World/Visual/Gaussians/wall/Part_001")
    assert [prim.GetName() for prim in fields_of(bare)] == ["Part_001"]
    assert len(fields_of(bare)[0].GetAttribute("positions").Get()) == 875


@pytest.mark.parametrize("root", ["gaussians.usdc", "scene.usda", "stage.usda", "stage_isaac6.usda", "scene.usdz"])
def test_each_level_is_selected_at_the_root(tmp_path: Path, root: str) -> None:
    outcome = scene(tmp_path, package="usdz", primitives=("nurec",))
    for level, count in {"": 5000, **LEVELS}.items():
        stage = opened(tmp_path / root, level)
        assert count_of(stage) == count
        assert len(fields_of(stage)) == 6
    assert {level: outcome.counts[f"particleField_{level}_gaussians"] for level in LEVELS} == LEVELS
    costs = {f.where: f.measured for f in outcome.findings if f.code == "author.level_error"}
    assert list(costs) == ["quarter", "sixteenth"]
    assert 100 > costs["quarter"] > costs["sixteenth"] > 0


def test_other_appearances_open_no_gaussians_and_do_not_mind(tmp_path: Path) -> None:
    scene(tmp_path, primitives=("nurec",))
    for level in LEVELS:
        stage = opened(tmp_path / "stage.usda", level)
        appearance = stage.GetDefaultPrim().GetVariantSet("appearance")
        for name in ("none", "proxy"):
            appearance.SetVariantSelection(name)
            assert not [layer for layer in stage.GetUsedLayers() if "gaussians" in layer.identifier]
        appearance.SetVariantSelection("nurec")
        assert stage.GetPrimAtPath("/World/Visual/Gaussians").GetTypeName() == "Volume"
        assert not stage.GetCompositionErrors()


def test_levels_of_scenes_that_are_not_large(tmp_path: Path) -> None:
    outcome = write(cloud_of(100, 0), tmp_path / "a.usdc", Params(levels=3))
    assert outcome.counts["fields"] == 1
    for level, count in {"full": 100, "quarter": 25, "sixteenth": 7, "sixty_fourth": 2}.items():
        assert count_of(opened(tmp_path / "a.usdc", level)) == count
    assert not [f for f in outcome.findings if f.code == "author.divided"]
    write(cloud_of(0, 0), tmp_path / "b.usdc", Params(levels=3))
    assert count_of(opened(tmp_path / "b.usdc")) == 0


@pytest.mark.parametrize("most", [None, 1000, 3000])
def test_of_large_scenes_one_part_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int | None
) -> None:
    seen: list[int] = []

    def looked(full: GaussianCloud, levels: list[GaussianCloud]) -> list[float]:
        seen.append(full.count)
        return [30.0] * len(levels)

    monkeypatch.setattr(particle_parts, "level_psnrs", looked)
    write(classed(), tmp_path / "a.usdc", Params(levels=1, max_per_field=most))
    monkeypatch.setattr(particle_parts, "_MOST_LOOKED_AT", 4000)
    outcome = write(classed(), tmp_path / "a.usdc", Params(levels=1, max_per_field=most))
    assert seen == [5000, {None: 3500, 1000: 875, 3000: 1750}[most]]
    (cost,) = (f for f in outcome.findings if f.code == "author.level_error")
    assert "8 views of one of its parts" in cost.message


def test_all_levels_keep_the_rules_of_the_schema(tmp_path: Path) -> None:
    scene(tmp_path, Params(max_per_field=1000, levels=2, half=True))
    context = UsdValidation.ValidationContext(UsdValidation.ValidationRegistry().GetOrLoadAllValidators())
    for level in LEVELS:
        (tmp_path / f"at_{level}.usda").write_text(
            f'#usda 1.0\n(\n    defaultPrim = "World"\n    upAxis = "Z"\n    metersPerUnit = 1\n'
            f"    kilogramsPerUnit = 1\n    subLayers = [@./stage.usda@]\n)\n"
            f'over "World" (\n    variants = {{\n        string detail = "{level}"\n    }}\n)\n{{\n}}\n'
        )
        outcome = check_usd(tmp_path / f"at_{level}.usda", Limits(), Progress())
        assert outcome.counts["particle_fields"] == 6, level
        assert not [f for f in outcome.findings if f.code.startswith(("field.", "usd."))], level
        assert context.Validate(opened(tmp_path / f"at_{level}.usda")) == []


def test_checks_of_a_scene_look_at_the_level_it_shows(tmp_path: Path) -> None:
    scene(tmp_path)
    outcome = check_usd(tmp_path, Limits(), Progress())
    assert outcome.counts["particle_fields"] == 6
    assert not [f for f in outcome.findings if f.code.startswith(("field.", "usd."))]
    cloud = read_cloud(tmp_path / "stage.usda")
    assert cloud is not None
    np.testing.assert_array_equal(in_order(cloud.positions), in_order(classed().positions))
    assert read_scene_size(tmp_path).field_count == 5000


def test_reading_gives_all_gaussians_once(tmp_path: Path) -> None:
    scene(tmp_path)
    for name in ("gaussians.usdc", "stage.usda"):
        outcome = read(tmp_path / name)
        cloud, truth = outcome.value, classed()
        assert cloud.count == outcome.counts["gaussians"] == 5000
        np.testing.assert_array_equal(in_order(cloud.positions), in_order(truth.positions))
        assert cloud.frame is Frame.WORLD
        for kind in PARTS:
            own, theirs = (np.flatnonzero(c.class_ids == c.class_names.index(kind)) for c in (cloud, truth))
            np.testing.assert_array_equal(in_order(cloud.positions[own]), in_order(truth.positions[theirs]))
        assert not outcome.findings


def test_reading_another_level_says_so(tmp_path: Path) -> None:
    scene(tmp_path)
    layer = Sdf.Layer.FindOrOpen(str(tmp_path / "scene.usda"))
    layer.GetPrimAtPath("/World").variantSelections["detail"] = "quarter"
    layer.Save()
    outcome = read(tmp_path / "stage.usda")
    assert outcome.value.count == LEVELS["quarter"]
    assert [f.code for f in outcome.findings] == ["splat.detail"]
    assert "level of detail, quarter" in outcome.findings[0].message


def test_converting_there_and_back(tmp_path: Path) -> None:
    write_ply(tmp_path / "in.ply", cloud_of(2500, 1))
    large = {"author": {"max_per_field": 1000, "levels": 1}}
    for name in ("a.usdc", "a.usdz"):
        lyra.convert(tmp_path / "in.ply", tmp_path / name, overrides=large)
        assert paths_of(opened(tmp_path / name)) == [f"/Gaussians/Part_{i:03d}" for i in range(3)]
        lyra.convert(tmp_path / name, tmp_path / "out.ply", overwrite=True)
        before, after = (read_ply(tmp_path / file).value for file in ("in.ply", "out.ply"))
        np.testing.assert_array_equal(in_order(after.positions), in_order(before.positions))


def test_colliders_come_from_all_gaussians(tmp_path: Path) -> None:
    from ..render.scenes import box

    room = replace(box((0, 0, 0), (4, 4, 2.5)), frame=Frame.WORLD)
    write(room, tmp_path / "a.usdc", Params())
    write(room, tmp_path / "b.usdc", Params(max_per_field=5000, levels=1))
    assert len(paths_of(opened(tmp_path / "b.usdc"))) > 1
    outcomes = [lyra.make_collider(tmp_path / name, tmp_path / f"{name}.obj") for name in ("a.usdc", "b.usdc")]
    assert outcomes[0].counts["gaussians"] == outcomes[1].counts["gaussians"]
    low, high = (np.stack([f(o.value.welded()[0]) for o in outcomes]) for f in (lambda v: v.min(0), lambda v: v.max(0)))
    np.testing.assert_allclose(low[0], low[1], atol=0.02)
    np.testing.assert_allclose(high[0], high[1], atol=0.02)


def test_what_stands_still_in_a_scene_that_moves(tmp_path: Path) -> None:
    moving = (cloud_of(40, 0, seed=1), cloud_of(25, 0, seed=2))
    still = cloud_of(2500, 0, seed=3)
    sequence = GaussianSequence(moving, (0.0, 0.5), background=still)
    bundle = SceneBundle(sequence.at(0), room_proxy(), {"particle_field": LARGE}, sequence=sequence)
    outcome = author.run(bundle, tmp_path, author.Params(), Progress())
    assert "author.level_error" in {f.code for f in outcome.findings}
    for level, count in {"full": 2500, "quarter": 627, "sixteenth": 159}.items():
        stage = opened(tmp_path / "stage.usda", level)
        paths = [str(prim.GetPath()) for prim in fields_of(stage)]
        still_paths = [f"/World/Visual/Gaussians/Still/Part_{i:03d}" for i in range(3)]
        assert sorted(paths) == ["/World/Visual/Gaussians/Moving", *still_paths]
        assert sum(len(stage.GetPrimAtPath(path).GetAttribute("positions").Get()) for path in still_paths) == count
        positions = stage.GetPrimAtPath("/World/Visual/Gaussians/Moving").GetAttribute("positions")
        assert [len(positions.Get(t)) for t in positions.GetTimeSamples()] == [40, 25]
    assert not [f for f in check_usd(tmp_path, Limits(), Progress()).findings if f.code.startswith(("field.", "usd."))]


def test_a_scene_where_everything_moves_has_no_levels(tmp_path: Path) -> None:
    sequence = GaussianSequence((cloud_of(40), cloud_of(25, seed=1)), (0.0, 0.5))
    outcome = particle_field.run_sequence(sequence, tmp_path, LARGE, Progress())
    assert "sequence.no_levels" in {f.code for f in outcome.findings}


def test_runtime_of_isaac_takes_parts_and_levels_in(tmp_path: Path) -> None:
    scene(tmp_path)
    path, stage = "/World/Visual/Gaussians/wall/Part_002", opened(tmp_path / "stage.usda")
    truth = np.array(stage.GetPrimAtPath(path).GetAttribute("positions").Get())
    got = read_by_ovstage(tmp_path / "stage.usda", path, "positions", "opacities")
    np.testing.assert_array_equal(got["positions"], truth)
    assert len(got["opacities"].reshape(-1)) == len(truth)
    layer = Sdf.Layer.FindOrOpen(str(tmp_path / "scene.usda"))
    layer.GetPrimAtPath("/World").variantSelections["detail"] = "quarter"
    layer.Save()
    assert len(read_by_ovstage(tmp_path / "stage.usda", path, "positions")["positions"]) == 219


def test_referencing_into_a_stage_of_other_axes(tmp_path: Path) -> None:
    scene(tmp_path)
    stage = Usd.Stage.CreateInMemory()
    UsdGeom.SetStageUpAxis(stage, "Y")
    UsdGeom.SetStageMetersPerUnit(stage, 0.01)
    prim = UsdGeom.Xform.Define(stage, "/Props/Room")
    prim.AddRotateXOp().Set(-90.0)
    prim.AddScaleOp().Set((100, 100, 100))
    prim.GetPrim().GetReferences().AddReference(str(tmp_path / "scene.usda"))
    for level, count in LEVELS.items():
        prim.GetPrim().GetVariantSet("detail").SetVariantSelection(level)
        assert count_of(stage) == count
    top = UsdGeom.XformCache().GetLocalToWorldTransform(fields_of(stage)[0]).Transform((0, 0, 1))
    np.testing.assert_allclose(top, (0, 100, 0), atol=1e-6)


def test_same_scene_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        scene(tmp_path / name, package="usdz")
    for file in sorted((tmp_path / "one").iterdir()):
        assert file.read_bytes() == (tmp_path / "two" / file.name).read_bytes(), file.name


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"max_per_field": 1}, "author.max_per_field must be at least 1000, got 1"),
        ({"max_per_field": -5}, "at least 1000"),
        ({"max_per_field": "lots"}, "max_per_field must be a whole number"),
        ({"max_per_field": 1500.5}, "max_per_field must be a whole number"),
        ({"levels": 4}, "author.levels must be from 0 to 3, got 4"),
        ({"levels": -1}, "from 0 to 3"),
        ({"levels": "nan"}, "levels must be a whole number"),
    ],
)
def test_nonsense_is_refused_in_words(tmp_path: Path, values: dict[str, object], said: str) -> None:
    write_ply(tmp_path / "in.ply", cloud_of(10, 0))
    with pytest.raises(InvalidRequest, match=said):
        lyra.convert(tmp_path / "in.ply", tmp_path / "out.usdc", overrides={"author": values})
    assert not (tmp_path / "out.usdc").exists()


@pytest.mark.parametrize("primitive", ["particle_field", "nurec"])
def test_packages_beyond_zip_are_refused_by_convert(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, primitive: str
) -> None:
    monkeypatch.setattr(usdz, "LIMIT_BYTES", 50_000)
    write_ply(tmp_path / "in.ply", cloud_of(1000, 0))
    with pytest.raises(InvalidRequest, match=r"out\.usdz: a usdz package.*below 4 GiB.*32-bit"):
        lyra.convert(tmp_path / "in.ply", tmp_path / "out.usdz", primitive=primitive)
    assert [path.name for path in tmp_path.iterdir()] == ["in.ply"]


def test_particle_fields_too_large_are_refused_before_they_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud = cloud_of(1000, 0)
    monkeypatch.setattr(particle_field, "write_layer", lambda *_, **__: pytest.fail("written all the same"))
    for params, limit in ((Params(), 51_000), (Params(half=True), 25_000), (Params(levels=1), 64_000)):
        monkeypatch.setattr(usdz, "LIMIT_BYTES", limit)
        with pytest.raises(InvalidRequest, match=r"out\.usdz: a usdz package.*below 4 GiB"):
            write(cloud, tmp_path / "out.usdz", params)

"""Scenes side by side: one mesh, nothing lost, nobody in another's place, and robots can start where it says."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pxr import Gf, Usd, UsdGeom, UsdPhysics, UsdShade

from lyra_backend import api
from lyra_backend.atlas import AtlasOptions, make_atlas
from lyra_backend.author.atlas import grid_origins
from lyra_backend.author.welded import ENVIRONMENT_PATH, read_welded
from lyra_backend.errors import Cancelled, InvalidRequest
from lyra_backend.progress import CancelToken, Event, Progress
from lyra_backend.types import Severity

from ..commands import call
from .rooms import crate, make_run, proxy_of, room

#: Rooms of other sizes, about other origins.
SIZES = [(4.0, 3.0, (0.0, 0.0)), (5.0, 4.0, (-2.5, -2.0)), (3.0, 6.0, (1.0, -3.0)), (4.0, 4.0, (-4.0, 0.0))]


@pytest.fixture(scope="module")
def rooms(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("rooms")
    return [make_run(folder / f"room-{i}", proxy_of(room(*size)), seed=i) for i, size in enumerate(SIZES)]


@pytest.fixture(scope="module")
def atlas(rooms: list[Path]) -> Path:
    out = rooms[0].parent / "atlas"
    report = make_atlas(rooms, out).report
    assert report.accepted, report.findings
    assert report.grade == "train"
    assert [f for f in report.findings if f.severity is not Severity.INFO] == []
    assert report.stages[1].counts["dropped_balls"] >= 20
    return out


def tiles_of(atlas: Path) -> dict:
    return json.loads((atlas / "tiles.json").read_text(encoding="utf-8"))


def opened(atlas: Path, name: str = "atlas.usda") -> Usd.Stage:
    return Usd.Stage.Open(str(atlas / name))


@pytest.mark.parametrize("name", ["atlas.usda", "stage.usda"])
def test_there_is_one_mesh_without_a_transform(atlas: Path, name: str) -> None:
    stage = opened(atlas, name)
    shapes = [prim for prim in stage.Traverse() if prim.IsA(UsdGeom.Gprim)]
    assert [str(prim.GetPath()) for prim in shapes] == [ENVIRONMENT_PATH]
    assert UsdGeom.XformCache().GetLocalToWorldTransform(shapes[0]) == Gf.Matrix4d(1.0)
    assert UsdPhysics.MeshCollisionAPI(shapes[0]).GetApproximationAttr().Get() == "none"
    assert list(shapes[0].GetAttribute("semantics:labels:class").Get()) == ["floor"]
    material, _ = UsdShade.MaterialBindingAPI(shapes[0]).ComputeBoundMaterial("physics")
    assert UsdPhysics.MaterialAPI(material.GetPrim()).GetStaticFrictionAttr().Get() == 1.0
    assert shapes[0].GetCustomDataByKey("lyra")["errorMeters"] == {"p95": 0.008}


def test_every_triangle_is_there_moved_by_its_tiles_origin(atlas: Path, rooms: list[Path]) -> None:
    whole = read_welded(atlas)
    data = tiles_of(atlas)
    assert data["triangles"] == len(whole.triangles) == data["tiles"][-1]["triangles"][1]
    for tile, folder in zip(data["tiles"], rooms, strict=True):
        scene = read_welded(folder)
        first, last = tile["triangles"]
        corners = whole.points[whole.triangles[first:last]]
        np.testing.assert_allclose(corners, scene.points[scene.triangles] + tile["origin"], atol=2e-5)
        assert (atlas / tile["scene"]).resolve() == folder.resolve()


def test_neighbours_keep_the_margin(atlas: Path) -> None:
    boxes = np.array([[tile["lower"], tile["upper"]] for tile in tiles_of(atlas)["tiles"]])
    for i, one in enumerate(boxes):
        for other in boxes[i + 1 :]:
            apart = np.maximum(one[0] - other[1], other[0] - one[1])[:2].max()
            assert apart >= 10.0


@pytest.mark.parametrize("count", [1, 2, 3, 5, 12, 32])
def test_origins_are_those_of_isaac_labs_environments(count: int) -> None:
    """Written down from what its documentation shows: rows run against x, columns along y, around the middle."""
    origins = grid_origins(count, 4.0)
    rows = int(np.ceil(count / int(np.sqrt(count))))
    columns = int(np.ceil(count / rows))
    wanted = [(((rows - 1) / 2 - k // columns) * 4.0, (k % columns - (columns - 1) / 2) * 4.0, 0) for k in range(count)]
    np.testing.assert_array_equal(origins, wanted)


def test_places_to_start_are_on_the_floor_of_their_tile_and_not_on_the_bed(atlas: Path) -> None:
    for tile in tiles_of(atlas)["tiles"]:
        points = np.array(tile["spawn_points"])
        assert len(points) >= 5
        np.testing.assert_allclose(points[:, 2], 0.0, atol=1e-5)
        assert (points[:, :2] >= np.array(tile["lower"])[:2] + 0.3).all()
        assert (points[:, :2] <= np.array(tile["upper"])[:2] - 0.3).all()


def test_a_ball_that_leaves_its_tile_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from lyra_backend.validate import standing_points

    outside = np.array([[-1.0, -1.0, 0.5], [2.0, 1.5, 0.5]])
    monkeypatch.setattr(standing_points, "standing_points", lambda *_: outside)
    report = make_atlas([make_run(tmp_path / "a")], tmp_path / "out").report
    (finding,) = [f for f in report.findings if f.severity is Severity.ERROR]
    assert (finding.code, finding.measured, finding.limit) == ("atlas.ball_left", 1, 0)
    assert not report.accepted


def test_gaussians_stand_where_the_tiles_are(atlas: Path, rooms: list[Path]) -> None:
    stage = opened(atlas)
    assert not [layer for layer in stage.GetUsedLayers() if "gaussians" in layer.identifier]
    stage.GetDefaultPrim().GetVariantSet("appearance").SetVariantSelection("particleField")
    cache = UsdGeom.XformCache()
    for tile, folder in zip(tiles_of(atlas)["tiles"], rooms, strict=True):
        prim = stage.GetPrimAtPath(f"/World/Visual/{tile['name'].replace('-', '_')}/Gaussians")
        assert prim.GetTypeName() == "ParticleField3DGaussianSplat"
        np.testing.assert_allclose(cache.GetLocalToWorldTransform(prim).ExtractTranslation(), tile["origin"])
        assert prim.GetAttribute("positions").Get() == (
            Usd.Stage.Open(str(folder / "gaussians.usdc")).GetPrimAtPath("/Gaussians").GetAttribute("positions").Get()
        )


def test_the_same_scenes_give_the_same_bytes_and_no_absolute_path(atlas: Path, rooms: list[Path]) -> None:
    again = atlas.with_name("again")
    make_atlas(rooms, again)
    assert sorted(p.name for p in again.iterdir()) == sorted(p.name for p in atlas.iterdir())
    for path in atlas.iterdir():
        assert path.read_bytes() == (again / path.name).read_bytes(), path.name
        assert str(atlas.parent).encode() not in path.read_bytes()


def test_it_passes_the_checks_of_any_stage_of_ours(atlas: Path) -> None:
    """The USD checks; the physics of a whole atlas is that of its scenes."""
    from lyra_backend.validate import Params
    from lyra_backend.validate.usd import check_usd

    assert check_usd(atlas, Params(), Progress()).findings == ()


def test_licences_and_requests_of_all_scenes_are_summed(tmp_path: Path) -> None:
    runs = [make_run(tmp_path / x, seed=i, licence=x) for i, x in enumerate(["MIT", "CC-BY-4.0", "MIT-0"])]
    make_atlas([*runs, runs[0]], tmp_path / "out")
    provenance = json.loads((tmp_path / "out" / "provenance.json").read_text(encoding="utf-8"))
    assert [s["licence"] for s in provenance["sources"]] == ["MIT", "CC-BY-4.0", "MIT-0", "Apache-2.0"]
    assert [s["request"]["seed"] for s in provenance["scenes"]] == [0, 1, 2, 0]
    assert (tmp_path / "out" / "LICENSES.md").read_text(encoding="utf-8").count("| photo MIT |") == 1
    assert [t["name"] for t in tiles_of(tmp_path / "out")["tiles"]] == ["MIT", "CC-BY-4.0", "MIT-0", "MIT_2"]


def test_what_is_lost_is_said(tmp_path: Path) -> None:
    pushed = proxy_of(room())
    pushed = proxy_of(room(), parts=(*pushed.parts, crate()))
    runs = [
        make_run(tmp_path / "plain"),
        make_run(tmp_path / "pushed", pushed),
        make_run(tmp_path / "slippery", params={"static_friction": 0.4, "keep": "train"}),
    ]
    report = make_atlas(runs, tmp_path / "out", options=AtlasOptions(max_triangles=30)).report
    found = {f.code: (f.severity, f.measured, f.limit) for f in report.findings}
    assert report.accepted
    assert found["atlas.bodies_left_out"] == (Severity.WARNING, 1, 0)
    assert found["atlas.materials"] == (Severity.WARNING, 1, 0)
    assert found["atlas.no_gaussians"] == (Severity.INFO, 1, 0)
    assert found["atlas.triangles"] == (Severity.WARNING, 72, 30)
    assert all(f.unit for f in report.findings if f.measured is not None)


def test_tiles_far_out_are_said_to_be_coarse(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a", proxy_of(room(4.1, 3.3, (0.1, 0.7))))
    report = make_atlas([run] * 20, tmp_path / "out", options=AtlasOptions(margin_m=10_000.0, spawn_count=1)).report
    (finding,) = [f for f in report.findings if f.code == "atlas.rounding"]
    assert 0.0005 < finding.measured < 0.00098  # 32-bit numbers beyond 16 km are 2 mm apart


def test_stopping_leaves_nothing_or_something_to_begin_again_with(tmp_path: Path) -> None:
    run, token = make_run(tmp_path / "a"), CancelToken()

    def stop_at(stage: str) -> Callable[[Event], None]:
        return lambda event: token.cancel() if event.message.startswith(stage) else None

    with pytest.raises(Cancelled):
        make_atlas([run, run], tmp_path / "out", token=token, listener=stop_at("reading"))
    assert not (tmp_path / "out").exists()
    token = CancelToken()
    with pytest.raises(Cancelled):
        make_atlas([run], tmp_path / "out", token=token, listener=stop_at("checking prims"))
    assert "atlas.usda" in {p.name for p in (tmp_path / "out").iterdir()}
    assert not (tmp_path / "out" / "tiles.json").exists()
    assert make_atlas([run], tmp_path / "out").report.accepted


def test_a_scene_without_room_is_an_error(tmp_path: Path) -> None:
    report = make_atlas([make_run(tmp_path / "a", proxy_of(room(0.5, 3.0, bed=False)))], tmp_path / "out").report
    (finding,) = [f for f in report.findings if f.severity is Severity.ERROR]
    assert (finding.code, finding.where) == ("atlas.no_spawn", "a")
    done = call("atlas", tmp_path / "a", "--out", tmp_path / "out", "--overwrite", "--json")
    assert done.code == 1, done.err
    assert "atlas.no_spawn" in done.codes


def test_real_scenes_go_in_as_well(scene_dir: Path, tmp_path: Path) -> None:
    done = call("atlas", scene_dir, scene_dir, "--out", tmp_path / "out", "--spawns", 4, "--margin", 20, "--json")
    assert done.code == 0, (done.err, done.out)
    assert not {code for code in done.codes if code.startswith("atlas.")}
    tiles = tiles_of(tmp_path / "out")["tiles"]
    assert [len(tile["spawn_points"]) for tile in tiles] == [4, 4]
    assert (
        api.plan_training(tmp_path / "out" / "atlas.usda", envs=2).counted_bytes
        == tiles_of(tmp_path / "out")["collider_bytes"]
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"margin_m": 0.0},
        {"margin_m": float("nan")},
        {"spawn_count": 1.5},
        {"clearance_m": "wide"},
        {"max_triangles": 0},
    ],
)
def test_options_out_of_range_are_refused(wrong: dict) -> None:
    with pytest.raises(InvalidRequest, match="must be a"):
        AtlasOptions(**wrong)

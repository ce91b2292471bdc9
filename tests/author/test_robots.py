"""Robots in stages: where they stand, what they refer to, and that nothing of ours trips over assets it cannot read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pxr import Sdf, Usd, UsdGeom

from lyra_backend import author, validate
from lyra_backend.author import Params
from lyra_backend.author.nurec import Params as NurecParams
from lyra_backend.author.particle_field import Params as FieldParams
from lyra_backend.author.robots import ASSETS_ROOTS, MARGIN_M, asset_of, choose_places
from lyra_backend.errors import InvalidRequest
from lyra_backend.place.robots import robot
from lyra_backend.progress import Progress
from lyra_backend.types import Finding, Navigation, Outcome, SceneBundle, Severity, SpawnPoints
from lyra_backend.validate.usd import check_usd, quiet_usd

from .fields import cloud_of, room_proxy
from .spaces import navigation_of

FIELD, NUREC = {"particle_field": FieldParams()}, {"nurec": NurecParams()}


def _written(folder: Path, params: Params, **changes: Any) -> Outcome[tuple[str, ...]]:
    fields = {
        "cloud": cloud_of(60),
        "proxy": room_proxy(),
        "primitives": FIELD,
        "provenance": {"generator": "lyra", "sources": []},
        "navigation": navigation_of("go2", "carter"),
    }
    return author.run(SceneBundle(**(fields | changes)), folder, params, Progress())


def _references(file: Path) -> dict[str, str]:
    """Return what the prims below /World/Robots of a layer refer to, as authored."""
    layer = Sdf.Layer.FindOrOpen(str(file))
    scope = layer.GetPrimAtPath("/World/Robots")
    specs = list(scope.nameChildren) if scope else []
    items = {s.name: (*s.referenceList.prependedItems, *s.referenceList.explicitItems) for s in specs}
    return {name: reference.assetPath for name, (reference,) in items.items()}


def _asset(folder: Path, name: str = "go2") -> Path:
    """Write a small robot where the catalog says that its asset is, below `folder`."""
    path = folder / robot(name).asset
    path.parent.mkdir(parents=True)
    stage = Usd.Stage.CreateNew(str(path))
    body = UsdGeom.Cube.Define(stage, "/robot/base")
    body.CreateSizeAttr(0.2)
    stage.SetDefaultPrim(stage.GetPrimAtPath("/robot"))
    stage.Save()
    return path


def _codes(findings: tuple[Finding, ...]) -> list[str]:
    return [f.code for f in findings if f.severity is not Severity.INFO]


def test_robots_stand_in_the_stage_and_not_in_the_scene(tmp_path: Path) -> None:
    outcome = _written(tmp_path, Params(robots="go2", robot_count=4))
    assert outcome.counts["robots"] == 4
    assert outcome.findings == ()
    references = _references(tmp_path / "stage.usda")
    assert list(references) == ["go2_0", "go2_1", "go2_2", "go2_3"]
    assert set(references.values()) == {f"{ASSETS_ROOTS[6]}/Isaac/Robots/Unitree/Go2/go2.usd"}
    assert _references(tmp_path / "scene.usda") == {}


def test_composed_robots_are_where_they_start(tmp_path: Path) -> None:
    asset = _asset(tmp_path / "assets")
    root = str((tmp_path / "assets").resolve())
    _written(tmp_path, Params(robots="go2", robot_count=3, assets_root=root))
    stage, navigation, go2 = Usd.Stage.Open(str(tmp_path / "stage.usda")), navigation_of("go2"), robot("go2")
    points = navigation.spaces[0].spawn_points
    placed = choose_places(navigation, ("go2",), 3).value
    for one in placed:
        prim = stage.GetPrimAtPath(f"/World/Robots/{one.name}/base")
        assert prim.GetTypeName() == "Cube", asset
        matrix = np.array(UsdGeom.XformCache().GetLocalToWorldTransform(prim))
        distance = np.linalg.norm(points.positions[:, :2] - matrix[3, :2], axis=1)
        at = int(distance.argmin())
        assert distance[at] < 1e-6
        assert matrix[3, 2] == pytest.approx(go2.root_height_m + go2.clearance_m)
        heading = np.arctan2(matrix[0, 1], matrix[0, 0])  # rows are axes: USD multiplies from the left
        assert heading == pytest.approx(float(points.yaws_rad[at]), abs=1e-5)


def test_kinds_take_turns_and_keep_apart() -> None:
    placed = choose_places(navigation_of("go2", "carter", spacing_m=0.5, count=100), ("go2", "carter"), 3).value
    assert [p.name for p in placed] == ["go2_0", "carter_0", "go2_1", "carter_1", "go2_2", "carter_2"]
    for i, one in enumerate(placed):
        for other in placed[:i]:
            apart = np.hypot(*(np.array(one.position) - np.array(other.position))[:2])
            assert apart >= one.robot.radius_m + other.robot.radius_m + MARGIN_M


def test_floors_above_each_other_do_not_matter() -> None:
    navigation = navigation_of("go2", count=1)
    points = navigation.spaces[0].spawn_points
    stacked = np.concatenate([points.positions, points.positions + np.array([0, 0, 3.0])])
    others = (points.yaws_rad, points.clearances_m, points.regions)
    above = SpawnPoints(stacked, *(np.repeat(values, 2) for values in others))
    two = replace(navigation, spaces=(replace(navigation.spaces[0], spawn_points=above),))
    assert len(choose_places(two, ("go2",), 2).value) == 2


@pytest.mark.parametrize("navigation", [navigation_of("go2", spacing_m=0.4, count=9), None])
def test_too_few_places_are_a_finding(navigation: Navigation | None) -> None:
    outcome = choose_places(navigation, ("go2",), 9)
    fit = len(outcome.value)
    assert fit < 9
    (finding,) = outcome.findings
    assert (finding.code, finding.measured, finding.limit) == ("author.robots_left_out", fit, 9)


def test_same_request_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
        _written(tmp_path / name, Params(robots="carter, go2", robot_count=2))
    assert (tmp_path / "a/stage.usda").read_bytes() == (tmp_path / "b/stage.usda").read_bytes()


def test_each_version_reads_its_own_assets(tmp_path: Path) -> None:
    _written(tmp_path, Params(robots="go2"), primitives=NUREC | FIELD)
    assert _references(tmp_path / "stage.usda")["go2_0"].startswith(ASSETS_ROOTS[5])
    assert _references(tmp_path / "stage_isaac5.usda") == {}
    assert _references(tmp_path / "stage_isaac6.usda")["go2_0"].startswith(ASSETS_ROOTS[6])


def test_a_scene_without_gaussians_reads_the_assets_of_the_version_it_is_for(tmp_path: Path) -> None:
    _written(tmp_path, Params(robots="go2", keep="train"), primitives=NUREC)
    assert _references(tmp_path / "stage.usda")["go2_0"].startswith(ASSETS_ROOTS[5])


def test_robots_of_a_version_come_from_its_own_assets_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for version in ASSETS_ROOTS:
        asset = _asset(tmp_path / f"isaac{version}")
        stage = Usd.Stage.Open(str(asset))
        stage.DefinePrim(f"/robot/made_for_{version}")
        stage.Save()
        monkeypatch.setitem(ASSETS_ROOTS, version, str((tmp_path / f"isaac{version}").resolve()))
    _written(tmp_path, Params(robots="go2"), primitives=NUREC | FIELD)
    for version in ASSETS_ROOTS:
        stage = Usd.Stage.Open(str(tmp_path / f"stage_isaac{version}.usda"))
        names = [p.GetName() for p in stage.GetPrimAtPath("/World/Robots/go2_0").GetChildren()]
        assert sorted(names) == ["base", f"made_for_{version}"]


def test_own_root_serves_every_version(tmp_path: Path) -> None:
    root = str(tmp_path.resolve() / "nowhere")
    outcome = _written(tmp_path, Params(robots="go2", assets_root=root), primitives=NUREC | FIELD)
    assert _references(tmp_path / "stage.usda")["go2_0"] == f"{root}/Isaac/Robots/Unitree/Go2/go2.usd"
    assert _references(tmp_path / "stage_isaac6.usda") == {}
    assert _codes(outcome.findings) == ["author.robot_asset_missing"]


def test_asset_that_is_there_is_no_finding(tmp_path: Path) -> None:
    _asset(tmp_path / "assets")
    outcome = _written(tmp_path, Params(robots="go2", assets_root=str((tmp_path / "assets").resolve())))
    assert outcome.findings == ()


def test_own_url_and_path_are_taken_as_they_are(tmp_path: Path) -> None:
    go2 = robot("go2")
    for asset in ("https://example.com/r.usd", "omniverse://host/r.usd", str(tmp_path.resolve() / "r.usd")):
        assert asset_of(replace(go2, asset=asset), "https://root") == asset
    assert asset_of(go2, "https://root/") == f"https://root/{go2.asset}"


def test_robot_that_nobody_looked_for_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match=r"author.robots: .*'g1'.*Add it to place.robots"):
        _written(tmp_path, Params(robots="g1"))


def test_relative_root_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="absolute path"):
        Params(robots="go2", assets_root="assets")


@pytest.mark.parametrize("where", ["url", "missing", "there"])
def test_checks_leave_robots_out_whether_they_can_be_read_or_not(tmp_path: Path, where: str) -> None:
    out = tmp_path / "run"
    out.mkdir()
    if where == "there":
        _asset(tmp_path / "assets")
    root = "" if where == "url" else str((tmp_path / "assets").resolve())
    _written(out, Params(robots="go2", robot_count=2, assets_root=root), primitives=FIELD | NUREC)
    without = tmp_path / "without"
    without.mkdir()
    _written(without, Params(), primitives=FIELD | NUREC)
    with quiet_usd():
        found = check_usd(out, validate.Params(), Progress())
        plain = check_usd(without, validate.Params(), Progress())
    told = [f for f in found.findings if f.code == "usd.robots_not_checked"]
    assert [f.where for f in told] == ["stage.usda", *(["stage_isaac5.usda"] if where == "url" else [])]
    assert [f for f in found.findings if f not in told] == list(plain.findings)
    assert found.counts == plain.counts


def test_physics_leaves_robots_out(tmp_path: Path) -> None:
    """PhysX is given the stage with an asset that it cannot read, and says nothing of it."""
    _written(tmp_path, Params(robots="go2", robot_count=2))
    outcome = validate.run(tmp_path, None, validate.Params(), Progress())
    # sixty Gaussians do not show the room that bodies are dropped in
    assert [code for code in _codes(outcome.findings) if not code.startswith("depth.")] == []
    assert outcome.counts["dropped_bodies"] == 48

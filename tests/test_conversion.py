"""Single splat files into other formats, USD and colliders."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import lyra_backend as lyra
from lyra_backend import registry
from lyra_backend.errors import InvalidRequest
from lyra_backend.io.ply import read_ply, write_ply
from lyra_backend.types import Finding

from .conftest import make_random_cloud

DATA = Path(__file__).parent / "data"


@pytest.fixture
def splat(tmp_path: Path) -> Path:
    write_ply(tmp_path / "in.ply", make_random_cloud(50, 1))
    return tmp_path / "in.ply"


def moved(findings: tuple[Finding, ...]) -> list[str]:
    return [f.message for f in findings if f.code == "convert.moved"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, []),
        ({"up": "-y"}, ["-y axis was turned to Z up; its units were kept", "Add --scale if"]),
        ({"scale": 0.5}, ["axes are those of the file; units were multiplied by 0.5", "Add --up if"]),
        ({"up": "-y", "scale": 0.5}, ["-y axis was turned to Z up; units were multiplied by 0.5 to be metres"]),
    ],
)
def test_convert_says_what_it_did_to_axes_and_units(splat: Path, options: dict[str, Any], said: list[str]) -> None:
    outcome = lyra.convert(splat, splat.with_name("out.usdc"), **options)
    codes = {f.code for f in outcome.findings}
    # The primitive's own warning that nothing was moved is true only then.
    assert ("author.frame" in codes) == (not options)
    assert [all(words in message for words in said) for message in moved(outcome.findings)] == [True] * bool(options)


def test_convert_moves_points_as_said(splat: Path) -> None:
    target = splat.with_name("out.ply")
    assert moved(lyra.convert(splat, target, up="-y", scale=0.5).findings)
    before, after = read_ply(splat).value.positions, read_ply(target).value.positions
    assert np.allclose(after[:, 2], -0.5 * before[:, 1], atol=1e-6)


def test_a_file_at_its_place_and_in_metres_is_in_the_world_frame(splat: Path) -> None:
    from pxr import Sdf

    frames = {}
    for name, options in (("a.usda", {"up": "z"}), ("b.usda", {"up": "z", "scale": 1.0})):
        lyra.convert(splat, splat.with_name(name), **options)  # type: ignore[arg-type]
        layer = Sdf.Layer.FindOrOpen(str(splat.with_name(name)))
        frames[name] = layer.GetPrimAtPath("/Gaussians").GetInfo("customData")["lyra"]["frame"]
    assert frames == {"a.usda": "generator", "b.usda": "world"}


def test_overrides_of_stages_that_are_not_used_are_refused(splat: Path) -> None:
    target = splat.with_name("out.usdc")
    with pytest.raises(InvalidRequest, match=r"--set half\.\*: converting to \.usdc does not use .* those of author"):
        lyra.convert(splat, target, overrides={"half": {}})
    with pytest.raises(InvalidRequest, match=r"converting to \.spz does not use these parameters, it takes none"):
        lyra.convert(splat, splat.with_name("out.spz"), overrides={"author": {"half": True}})
    with pytest.raises(InvalidRequest, match="takes those of refine and collide"):
        lyra.make_collider(splat, target, overrides={"generate": {}})
    with pytest.raises(InvalidRequest, match="takes those of validate"):
        lyra.validate_scene(splat, overrides={"collide": {}})
    with pytest.raises(InvalidRequest, match=r"must map a stage to its fields, got \{'collide': 5\}"):
        lyra.make_collider(splat, target, overrides={"collide": 5})  # type: ignore[dict-item]
    assert not target.exists()


def test_a_primitive_that_only_works_in_scenes_is_no_converter(splat: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "get", lambda stage, name: SimpleNamespace(Params=object, run=print))
    with pytest.raises(InvalidRequest, match="primitive 'particle_field' can be written within a scene only"):
        lyra.convert(splat, splat.with_name("out.usdc"))


def test_collider_overlays_the_splat(scene_dir: Path, tmp_path: Path) -> None:
    import trimesh

    from lyra_backend.io.splats import read_splats

    cloud = read_splats(scene_dir / "gaussians.usdc").value
    write_ply(tmp_path / "room.ply", cloud)
    lyra.make_collider(
        tmp_path / "room.ply", tmp_path / "room.obj", up="z", overrides={"collide": {"voxel_size": 0.08}}
    )
    mesh = trimesh.load(tmp_path / "room.obj", process=False)
    low, high = cloud.bounds()
    assert np.abs(np.asarray(mesh.bounds) - [low, high]).max() < 0.25


def test_colliders_of_a_splat_in_other_axes_and_units_state_their_error_in_metres(tmp_path: Path) -> None:
    from pxr import Usd

    from lyra_backend.types import UP_AXES, Frame, Similarity

    from .collide.clouds import box, join, room

    scene = join(room(), box((1.0, 1.0, 0.0), (1.5, 1.6, 0.5)))
    write_ply(tmp_path / "a.ply", scene)
    turned = UP_AXES["-y"].then(Similarity(0.4)).inverse()
    write_ply(tmp_path / "b.ply", scene.transformed(turned, Frame.GENERATOR))
    straight = lyra.make_collider(tmp_path / "a.ply", tmp_path / "a.usdc", up="z", scale=1.0)
    own = lyra.make_collider(tmp_path / "b.ply", tmp_path / "b.usdc", up="-y", scale=0.4)
    assert [f.code for f in own.findings if f.code == "collide.own_axes"]
    assert not [f for f in straight.findings if f.code in ("collide.own_axes", "splat.placement_assumed")]
    for name in "ab":
        stage = Usd.Stage.Open(str(tmp_path / f"{name}.usdc"))
        stated = stage.GetPrimAtPath("/World/Collision/Environment").GetCustomDataByKey("lyra:errorMeters")
        assert stated["p95"] == pytest.approx(straight.value.error_m["p95"], abs=5e-4)


def test_what_was_assumed_of_a_splat_is_said(tmp_path: Path) -> None:
    from .collide.clouds import box, join, room

    write_ply(tmp_path / "a.ply", join(room(), box((1.0, 1.0, 0.0), (1.5, 1.6, 0.5))))
    for given, words in (({"up": "z"}, "1 m was assumed"), ({}, "-y was assumed")):
        outcome = lyra.make_collider(tmp_path / "a.ply", tmp_path / "a.obj", overwrite=True, **given)
        (finding,) = (f for f in outcome.findings if f.code == "splat.placement_assumed")
        assert words in finding.message


@pytest.mark.parametrize("name", ["out.usdc", "out.ply"])
def test_an_existing_output_is_only_replaced_if_that_is_wanted(splat: Path, name: str) -> None:
    target = splat.with_name(name)
    target.write_text("mine")
    for write in (lyra.convert, lyra.make_collider):
        with pytest.raises(InvalidRequest, match=r"there is such a file.*--overwrite"):
            write(splat, target)
        assert target.read_text() == "mine"
    lyra.convert(splat, target, overwrite=True)
    assert target.stat().st_size > 100


def test_a_run_directory_is_no_splat_and_the_error_says_what_to_give(splat: Path) -> None:
    run = splat.parent / "run"
    run.mkdir()
    (run / "request.json").write_text("{}")
    with pytest.raises(InvalidRequest, match=r"run directory.*gaussians\.ply.*--keep-splat"):
        lyra.convert(run, splat.with_name("out.ply"))


def test_nurec_there_and_back(splat: Path) -> None:
    package, back = splat.with_name("a_nurec.usdz"), splat.with_name("back.ply")
    lyra.convert(splat, package, primitive="nurec", up="-y", scale=1.0)
    outcome = lyra.convert(package, back)
    assert outcome.counts["gaussians"] == 50
    lyra.convert(splat, splat.with_name("moved.ply"), up="-y", scale=1.0)
    got, wanted = read_ply(back).value, read_ply(splat.with_name("moved.ply")).value
    assert got.sh_degree == wanted.sh_degree == 1
    assert np.abs(got.positions - wanted.positions).max() < 1e-3
    assert np.abs(np.log(got.scales / wanted.scales)).max() < 4e-3
    assert np.abs(got.sh - wanted.sh).max() < 1e-3


def test_nurec_of_others_becomes_a_particle_field(tmp_path: Path) -> None:
    outcome = lyra.convert(DATA / "3dgrut_nurec_d3.usdz", tmp_path / "out.usdc")
    assert outcome.counts["gaussians"] == 1000
    assert (tmp_path / "out.usdc").is_file()


def test_packages_and_endings_that_nurec_is_not_are_explained(splat: Path) -> None:
    with pytest.raises(InvalidRequest, match=r"must end in \.usdz"):
        lyra.convert(splat, splat.with_name("out.usdc"), primitive="nurec")
    (splat.with_name("bad.usdz")).write_bytes(b"PK")
    with pytest.raises(InvalidRequest, match=r"bad\.usdz: damaged: it is cut off or no package"):
        lyra.convert(splat.with_name("bad.usdz"), splat.with_name("out.ply"))


def test_colliders_are_made_of_nurec_too(tmp_path: Path) -> None:
    from .collide.clouds import room

    cloud = room()
    write_ply(tmp_path / "a.ply", cloud)
    lyra.convert(tmp_path / "a.ply", tmp_path / "a.usdz", primitive="nurec")
    vertices, _ = lyra.make_collider(tmp_path / "a.usdz", tmp_path / "a.obj", up="z", scale=1.0).value.welded()
    low, high = cloud.bounds()
    assert np.abs([vertices.min(axis=0) - low, vertices.max(axis=0) - high]).max() < 0.1

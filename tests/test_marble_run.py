"""Worlds, USD exports and panoramas' splats through the command line, from files to a report."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from lyra_backend.author.particle_field import Params, write
from lyra_backend.io.ply import read_ply, write_ply
from lyra_backend.types import Frame, Similarity

from .collide.clouds import sheet
from .commands import call
from .marble_world import World, make_world
from .rules import faults_of_run

#: Marble's own scale is taken to be known to 20 %, which does not do.
SURE = ["--set", "generate.scale_uncertainty=8"]
COARSE = ["--set", "collide.voxel_size=0.08", "--json"]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(tmp_path_factory.mktemp("marble"))


def test_a_marble_world_becomes_an_accepted_scene(world: World, tmp_path: Path) -> None:
    out = tmp_path / "run"
    done = call(
        *("generate", "--splat", world.splat, "--set", f"generate.world={world.answer}"),
        *("--collider-glb", world.collider, "--set", "generate.viewpoint=0,0,0", "--out", out, *COARSE, *SURE),
    )
    assert done.code == 0, done.out + done.err
    assert done.data["grade"] == "train"
    assert {"collide.supplied_distance", "collide.supplied_floor", "splat.marble_world"} <= done.codes
    counts = next(s["counts"] for s in done.data["stages"] if "supplied_p95_m" in s["counts"])
    assert counts["supplied_p95_m"] < 0.02
    assert abs(counts["supplied_floor_m"]) < 0.01
    assert sorted(json.loads((out / "inputs" / "names.json").read_text()).values()) == [
        "collider.glb",
        "world.json",
        "world.ply",
    ]
    request = json.loads((out / "request.json").read_text())
    assert request["world"].startswith("inputs/")
    assert "world" not in request["params"]["generate"], "a file, and no parameter"


def test_the_supplied_collider_is_what_bodies_stand_on(world: World, tmp_path: Path) -> None:
    files = ("--splat", world.splat, "--world", world.answer, "--collider-glb", world.collider)
    done = call("generate", *files, "--collider", "supplied", "--out", tmp_path / "run", *COARSE, *SURE)
    assert done.code == 0, done.out + done.err
    assert (
        next(s["counts"]["collider_triangles"] for s in done.data["stages"] if "collider_triangles" in s["counts"])
        == 24
    )
    assert faults_of_run(tmp_path / "run") == []


def test_a_floor_alone_is_ground_where_a_viewpoint_is_above_it(tmp_path: Path) -> None:
    """A panorama shows what is around one point: without it, the same plane could be a ceiling."""
    floor = sheet((-2, -2, -1.5), (4, 0, 0), (0, 4, 0))
    write_ply(tmp_path / "pano.ply", floor)
    words = ("generate", "--splat", tmp_path / "pano.ply", "--up", "z", "--scale", "1", *COARSE)
    blind = call(*words, "--out", tmp_path / "blind")
    assert "collide.lone_plane" in blind.codes
    seen = call(*words, "--set", "generate.viewpoint=0,0,0", "--out", tmp_path / "seen")
    assert "collide.lone_plane" not in seen.codes
    assert next(s["counts"]["triangles"] for s in seen.data["stages"] if "triangles" in s["counts"]) > 0


def test_usd_to_ply_and_to_colliders(world: World, tmp_path: Path) -> None:
    truth = world.cloud.transformed(Similarity(), Frame.WORLD)
    write(truth, tmp_path / "room.usdz", Params())
    assert call("convert", tmp_path / "room.usdz", tmp_path / "room.ply").code == 0
    cloud = read_ply(tmp_path / "room.ply").value
    np.testing.assert_allclose(cloud.positions, truth.positions, atol=1e-6)
    np.testing.assert_allclose(cloud.scales, truth.scales, rtol=1e-5)
    done = call("collide", tmp_path / "room.usdz", tmp_path / "room.obj", "--scale", "1", *COARSE)
    assert done.code == 0, done.err
    assert "splat.placement_assumed" not in done.codes, "the file says that z is up"


BAD = [
    (["--world", "none.json"], "none.json: cannot be read"),
    (["--collider-glb", "none.glb"], "collider_glb: none.glb does not exist"),
    (["--collider", "supplied"], "collider 'supplied' takes triangles that came with the scene, got none"),
    (["--world", "{bare}"], "bare.json: must say where the world lies in assets"),
    (["--collider-glb", "{bare}"], "bare.json: cannot be read as binary glTF"),
    (["--set", "generate.viewpoint=0,0"], "generate.viewpoint must be X,Y,Z, for example 0,0,0, got '0,0'"),
    (["--set", "generate.ground_plane_offset=1"], "needs generate.metric_scale_factor beside it"),
    (["--set", "generate.metric_scale_factor=-1"], "generate.metric_scale_factor must be from 1e-06"),
    (["--set", "generate.world=1"], "world must be text, got int"),
]


@pytest.mark.parametrize(("words", "message"), BAD, ids=[message for _, message in BAD])
def test_bad_input(world: World, tmp_path: Path, words: list[str], message: str) -> None:
    (tmp_path / "bare.json").write_text("{}")
    given = [word.replace("{bare}", str(tmp_path / "bare.json")) for word in words]
    done = call("generate", "--splat", world.splat, "--out", tmp_path / "run", *given)
    assert done.code == 2, done.out + done.err
    assert message in " ".join(done.err.split())
    assert not (tmp_path / "run").exists()


def test_files_about_a_splat_need_one() -> None:
    done = call("generate", "--prompt", "a room", "--world", "world.json")
    assert done.code == 2
    assert "world: generator 'procedural' does not use it" in done.err
    done = call("generate", "--prompt", "a room", "--set", "generate.world=world.json")
    assert done.code == 2
    assert "world: generator 'procedural' does not use it" in done.err


def test_the_collide_command_has_nothing_supplied(world: World, tmp_path: Path) -> None:
    words = ("--up", "-y", "--scale", "0.42", "--collider", "supplied")
    done = call("collide", world.splat, tmp_path / "a.obj", *words)
    assert done.code == 2
    assert "use generate with --collider-glb" in done.err

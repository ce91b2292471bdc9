"""What an atlas refuses: scenes that are not finished, not accepted or not there, and outputs that hold something."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from pxr import Sdf, Usd, UsdGeom

from lyra_backend.atlas import make_atlas
from lyra_backend.atlas.sources import find_sources
from lyra_backend.author.welded import ENVIRONMENT_PATH, read_welded
from lyra_backend.errors import InvalidRequest
from lyra_backend.types import Approximation, CollisionPart, CollisionProxy, Role

from ..commands import call
from .rooms import make_run, proxy_of, room


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("good") / "good")


@pytest.fixture
def own(good: Path, tmp_path: Path) -> Path:
    """A copy to spoil."""
    return Path(shutil.copytree(good, tmp_path / "own"))


def test_of_a_batch_the_accepted_scenes_come_in_the_order_of_its_index(good: Path, tmp_path: Path) -> None:
    batch = tmp_path / "batch"
    for name in ("b", "a"):
        shutil.copytree(good, batch / "scenes" / name)
    rows = [
        {"name": "b", "state": "accepted", "directory": "scenes/b"},
        {"name": "c", "state": "rejected", "directory": None},
        {"name": "a", "state": "accepted", "directory": "scenes/a"},
    ]
    (batch / "index.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    assert [s.name for s in find_sources([good, batch, good], force=False)] == ["good", "b", "a", "good_2"]
    (batch / "index.jsonl").write_text(json.dumps(rows[1]) + "\n", encoding="utf-8")
    with pytest.raises(InvalidRequest, match="none of the 1 scenes of this batch is accepted"):
        find_sources([batch], force=False)
    (batch / "index.jsonl").write_text("{\n", encoding="utf-8")
    with pytest.raises(InvalidRequest, match="line 1 is not JSON"):
        find_sources([batch], force=False)
    (batch / "index.jsonl").unlink()
    with pytest.raises(InvalidRequest, match=r"looks like a batch, but has no index\.jsonl.*the same command"):
        find_sources([batch], force=False)


def test_scenes_that_were_not_accepted_need_force(good: Path, tmp_path: Path) -> None:
    bad = make_run(tmp_path / "bad", accepted=False)
    done = call("atlas", good, bad, "--out", tmp_path / "out")
    assert done.code == 2
    assert "1 of 2 are not: bad (physics.fallen)" in " ".join(done.err.split())
    assert not (tmp_path / "out").exists()
    forced = call("atlas", good, bad, "--out", tmp_path / "out", "--force", "--json")
    assert forced.code == 0, forced.err
    assert (forced.data["accepted"], forced.data["forced"], forced.data["grade"]) == (False, True, "demo")


def test_no_scene_no_run_and_no_end_are_refused(own: Path, tmp_path: Path) -> None:
    for scenes, words in (([], "at least one"), ([tmp_path / "none"], "does not exist"), ([tmp_path], "not a run")):
        with pytest.raises(InvalidRequest, match=words):
            make_atlas(scenes, tmp_path / "out")
    with pytest.raises(InvalidRequest, match="must be a list of paths"):
        make_atlas(str(own), tmp_path / "out")
    (own / ".complete").unlink()
    with pytest.raises(InvalidRequest, match="did not finish"):
        make_atlas([own], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def _edit(run: Path) -> Usd.Stage:
    return Usd.Stage.Open(str(run / "collision.usdc"))


def _y_up(stage: Usd.Stage) -> None:
    UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.y)


def _in_centimetres(stage: Usd.Stage) -> None:
    UsdGeom.SetStageMetersPerUnit(stage, 0.01)


def _moved(stage: Usd.Stage) -> None:
    UsdGeom.Xformable(stage.GetPrimAtPath(ENVIRONMENT_PATH)).AddTranslateOp().Set((1.0, 0.0, 0.0))


def _turned_round(stage: Usd.Stage) -> None:
    stage.GetPrimAtPath(ENVIRONMENT_PATH).GetAttribute("orientation").Set("leftHanded")


def _quads(stage: Usd.Stage) -> None:
    stage.GetPrimAtPath(ENVIRONMENT_PATH).GetAttribute("faceVertexCounts").Set([4] * 9)


def _out_of_range(stage: Usd.Stage) -> None:
    attribute = stage.GetPrimAtPath(ENVIRONMENT_PATH).GetAttribute("faceVertexIndices")
    attribute.Set([10_000, *list(attribute.Get())[1:]])


def _gone(stage: Usd.Stage) -> None:
    stage.RemovePrim(Sdf.Path(ENVIRONMENT_PATH))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_y_up, "must have Z up and metres, got Y up"),
        (_in_centimetres, "units of 0\\.01 m"),
        (_moved, "must not be moved"),
        (_turned_round, "must be rightHanded"),
        (_quads, "must be triangles"),
        (_out_of_range, "must be triangles of finite points that are there"),
        (_gone, "has no welded mesh"),
    ],
)
def test_colliders_that_cannot_stand_beside_others_are_refused(own: Path, spoil, words: str) -> None:
    stage = _edit(own)
    spoil(stage)
    stage.GetRootLayer().Save()
    with pytest.raises(InvalidRequest, match=words):
        read_welded(own)


def test_scenes_without_a_collider_are_refused(own: Path, tmp_path: Path) -> None:
    (own / "collision.usdc").write_bytes(b"broken")
    with pytest.raises(InvalidRequest, match="USD cannot open it"):
        make_atlas([own], tmp_path / "out")
    (own / "collision.usdc").unlink()
    with pytest.raises(InvalidRequest, match=r"has no collision\.usdc"):
        make_atlas([own], tmp_path / "out")
    mesh = proxy_of(room()).parts[0]
    piece = CollisionPart("slab", mesh.vertices, mesh.triangles, "", Approximation.CONVEX_HULL, Role.PIECE)
    pieces = make_run(tmp_path / "pieces", CollisionProxy((piece,), "convex", {}))
    with pytest.raises(InvalidRequest, match="has no welded mesh"):
        make_atlas([pieces], tmp_path / "out")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"sources": [{}]}', '{"sources": [{"name": ""}]}'])
def test_scenes_of_unknown_origin_are_refused(own: Path, tmp_path: Path, text: str) -> None:
    (own / "provenance.json").write_text(text, encoding="utf-8")
    with pytest.raises(InvalidRequest, match=r"provenance\.json: "):
        make_atlas([own], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_only_an_atlas_is_replaced_and_only_when_asked(good: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    make_atlas([good], out)
    before = (out / "tiles.json").read_bytes()
    with pytest.raises(InvalidRequest, match="already holds an atlas"):
        make_atlas([good], out)
    with pytest.raises(InvalidRequest, match="does not exist"):
        make_atlas([tmp_path / "none"], out, overwrite=True)
    assert (out / "tiles.json").read_bytes() == before, "bad input leaves what is there"
    make_atlas([good, good], out, overwrite=True)
    assert len(json.loads((out / "tiles.json").read_text(encoding="utf-8"))["tiles"]) == 2
    (out / "tiles.json").unlink()  # as if it had been stopped
    make_atlas([good], out)
    for other in (good, tmp_path / "file"):
        if other != good:
            other.write_text("x", encoding="utf-8")
        with pytest.raises(InvalidRequest, match=r"not an atlas|is a file"):
            make_atlas([good], other, overwrite=True)

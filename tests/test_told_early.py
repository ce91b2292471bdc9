"""What the words of a command say to be wrong is told before any file is read or anything is made."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from lyra_backend import conversion, pipeline
from lyra_backend.io import run_inputs
from lyra_backend.io.ply import write_ply

from .commands import call
from .conftest import make_random_cloud

PROMPT = ("generate", "--prompt", "an office", "--out", "out")
SPLAT = ("generate", "--splat", "good.ply", "--up", "z", "--out", "out")
GO2 = (*PROMPT, "--robot", "go2")
TRIED = (*PROMPT, "--accept", "robots")
CONVERT, COLLIDE = ("convert", "good.ply"), ("collide", "good.ply", "a.obj")

TOLD = [
    ((*PROMPT, "--ruler", "door 2.03"), "refine.ruler: the scene is made in metres and its size is exact"),
    ((*PROMPT, "--ruler", "0,0,0 0,1,0 2"), "Leave --ruler out."),
    ((*PROMPT, "--camera-height", "1.5"), "got 1.5. Leave --camera-height out."),
    ((*PROMPT, "--ruler", "door 0"), "refine.ruler: the length must be from 0.01"),
    ((*SPLAT, "--ruler", "0"), "refine.ruler must name what was measured"),
    ((*SPLAT, "--ruler", "0,0,0 0,1,0 nan"), "refine.ruler: the length must be from 0.01"),
    ((*SPLAT, "--ruler", "door 2.03"), "no Gaussian of this scene is labelled, so that 'door' cannot be found"),
    ((*SPLAT, "--camera-height", "1.5"), "refine.camera_height: needs a camera"),
    ((*SPLAT, "--set", "generate.viewpoint=a"), "generate.viewpoint must be X,Y,Z"),
    ((*SPLAT, "--set", "generate.viewpoint=nan,0,0"), "generate.viewpoint must be three finite coordinates"),
    ((*SPLAT, "--world", "none.json"), "none.json: cannot be read (No such file or directory)"),
    ((*SPLAT, "--collider-glb", "none.glb"), "collider_glb: none.glb does not exist"),
    ((*SPLAT, "--world", "world.json"), "world.json: must say where the world lies"),
    ((*SPLAT, "--set", "generate.ground_plane_offset=1"), "needs generate.metric_scale_factor beside it"),
    ((*SPLAT, "--set", "generate.mirror=x", "--set", "generate.metric_scale_factor=2"), "own hand is not known"),
    ((*SPLAT, "--set", "generate.fps=10"), "good.ply: is one splat"),
    (("generate", "--splat", "text.txt", "--out", "out"), "text.txt: not a Gaussian splat format"),
    (("generate", "--splat", "good.ply", "--out", "text.txt"), "text.txt: the output must be a directory"),
    (("generate", "--image", "text.txt", "--depth", "text.txt"), "needs the camera's intrinsics, got none"),
    ((*PROMPT, "--set", "author.appearance=nurec"), "'nurec' is not part of this scene; known: mesh, none"),
    ((*SPLAT, "--set", "author.appearance=mesh"), "'mesh' is not part of this scene; known: none, particleField"),
    ((*PROMPT, "--collider", "none", "--set", "author.appearance=proxy"), "'proxy' is not part of this scene"),
    ((*PROMPT, "--set", "author.shadow_catcher=true"), "author.shadow_catcher: needs a welded collider and the"),
    ((*PROMPT, "--collider", "none", "--mjcf"), "author.mjcf: needs colliders"),
    ((*PROMPT, "--set", "collide.objects=coacd"), "coacd: needed for collide.objects=coacd, but not installed"),
    ((*PROMPT, "--variations", "-1"), "--variations: must be a whole number from 1 to 1000, got -1"),
    ((*GO2, "--collider", "none"), "author.robots: robots stand on colliders"),
    ((*GO2, "--set", "place.spawn_points=0"), "got place.spawn_points=0. Raise it."),
    ((*GO2, "--assets-root", "nowhere"), "--assets-root: must be a URL or a folder that is there, got 'nowhere'"),
    ((*GO2, "--assets-root", ""), "--assets-root: must be a URL or a folder that is there, got ''"),
    ((*TRIED, "--collider", "none"), "validate.accept=robots: robots stand on colliders"),
    ((*TRIED, "--set", "place.tasks=0"), "got place.tasks=0. Raise it."),
    ((*CONVERT, "a.usdc", "--up", "w"), "up must be one of z, -z"),
    ((*CONVERT, "a.usdc", "--scale", "nan"), "scale must be a positive number of metres"),
    ((*CONVERT, "a.usdc", "--primitive", "nurec"), "a.usdc: NuRec is a package and must end in .usdz"),
    ((*CONVERT, "a.spz", "--primitive", "nurec"), "--primitive: says how Gaussians are written to USD"),
    (("convert", "text.txt", "a.usdc"), "text.txt: not a Gaussian splat format"),
    (("convert", "folder", "a.usdc"), "folder: is a directory, a splat file is needed"),
    ((*COLLIDE, "--collider", "none"), "--collider: 'none' makes no colliders"),
    ((*COLLIDE, "--collider", "supplied"), "--collider: 'supplied' takes triangles that came with a scene"),
    ((*COLLIDE, "--set", "refine.ruler=door 2"), "refine.ruler is not a parameter; known: max_distance"),
    ((*COLLIDE, "--set", "collide.objects=coacd"), "coacd: needed for collide.objects=coacd"),
    (("batch", "text.txt", "--out", "o", "--recycle-memory", "x"), "--recycle-memory: must be a number and a unit"),
    (("batch", "text.txt", "--out", "o", "--worker-memory", "8GB"), "--worker-memory: is for workers of a Ray cluster"),
    (("batch", "text.txt", "--out", "o", "--ray", "local", "--devices", "0"), "--devices: a Ray cluster hands out its"),
    (("batch", "items.yaml", "--out", "text.txt"), "text.txt: the output must be a directory"),
    (("serve", "text.txt"), "text.txt: must be a directory"),
    (("serve", "s", "--model", "mine=nowhere"), "--model mine: no such folder, got 'nowhere'"),
]


@pytest.fixture(autouse=True)
def nothing_may_begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with inputs, where reading one or making anything is a failure; CoACD is not installed."""

    def begun(*_: Any, **__: Any) -> None:
        raise AssertionError("work has begun")

    for module, name in ((run_inputs, "content_digest"), (pipeline, "run"), (conversion, "read_splats")):
        monkeypatch.setattr(module, name, begun)
    find = importlib.util.find_spec
    monkeypatch.setattr(
        "lyra_backend.collide._objects.coacd_pieces.find_spec", lambda name: None if name == "coacd" else find(name)
    )
    monkeypatch.chdir(tmp_path)
    write_ply(tmp_path / "good.ply", make_random_cloud(20, 1))
    (tmp_path / "world.json").write_text("{}")
    (tmp_path / "text.txt").write_text("Dear splat,\n")
    (tmp_path / "items.yaml").write_text("items:\n  - prompt: an office\n")
    (tmp_path / "folder").mkdir()
    return tmp_path


@pytest.mark.parametrize(("words", "said"), TOLD, ids=lambda v: " ".join(v)[:60] if isinstance(v, tuple) else "")
def test_it_is_told_before_any_work(words: tuple[str, ...], said: str, nothing_may_begin: Path) -> None:
    before = sorted(nothing_may_begin.rglob("*"))
    done = call(*words)
    assert done.code == (1 if said.startswith("coacd") else 2)
    assert said in done.err
    assert sorted(nothing_may_begin.rglob("*")) == before


def test_a_measure_is_taken_where_it_can_be_used(tmp_path: Path) -> None:
    for number, words in enumerate(
        (
            (*SPLAT, "--ruler", "0,0,0 0,1,0 2.0"),
            (*SPLAT, "--camera-height", "1.5", "--set", "generate.viewpoint=0,0,0"),
            (*GO2, "--assets-root", "folder"),
            (*GO2, "--assets-root", "https://example.com/Assets"),
            (*GO2, "--set", "author.assets_root=/of/another/machine"),
        )
    ):
        assert "work has begun" in call(*words, "--out", f"out{number}").err, words

"""The run directory keeps what is finished, nothing else, and refuses to mix runs."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lyra_backend.errors import InvalidRequest, WriteFailed
from lyra_backend.io import event_log
from lyra_backend.io.run_dir import RunDirectory
from lyra_backend.types import SceneRequest

REQUEST = SceneRequest(prompt="a room")
OTHER = SceneRequest(prompt="a street")
#: Opens a run directory, says so, and then stays until it is killed.
STAYER = """
import sys, time
from pathlib import Path
from lyra_backend.io.run_dir import RunDirectory
from lyra_backend.types import SceneRequest
run = RunDirectory.open(Path(sys.argv[1]), SceneRequest(prompt="a room"))
context = run.new_stage("a")
(context.__enter__() / "half").write_text("x")
print("working", flush=True)
time.sleep(60)
"""


@pytest.fixture
def stayer(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that works in ``tmp_path/run``."""
    command = [sys.executable, "-c", STAYER, str(tmp_path / "run")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "working\n"
        yield process
        process.kill()


def finished(root: Path, request: SceneRequest = REQUEST, code: str = "this") -> Path:
    with RunDirectory.open(root, request) as run:
        run.finish(code)
    return root


def test_request_comes_back(tmp_path: Path) -> None:
    with RunDirectory.open(tmp_path / "run", REQUEST):
        pass
    assert RunDirectory.read_request(tmp_path / "run") == REQUEST
    assert RunDirectory.read(tmp_path / "run").request == REQUEST


def test_inputs_are_copied_by_content(tmp_path: Path) -> None:
    source = tmp_path / "My Scan.PLY"
    source.write_bytes(b"content")
    with RunDirectory.open(tmp_path / "run", SceneRequest(splat=str(source))) as run:
        assert run.request.splat is not None
        assert run.request.splat.startswith("inputs/ed7002b439e9ac84")
        assert run.request.splat.endswith(".ply")
        copy = run.resolved_request().splat or ""
        assert run.in_users_words(f"{copy}: is cut off") == f"{source}: is cut off"
    source.unlink()
    assert Path(copy).read_bytes() == b"content"


def test_a_folder_of_splats_is_copied_by_names_and_content(tmp_path: Path) -> None:
    names = []
    for k, (first, content) in enumerate([("f1.ply", b"x"), ("f1.ply", b"x"), ("f1.ply", b"y"), ("f0.ply", b"x")]):
        folder = tmp_path / f"frames {k}"
        folder.mkdir()
        (folder / first).write_bytes(content)
        (folder / "f2.ply").write_bytes(b"z")
        (folder / "readme.txt").write_text(str(k))
        with RunDirectory.open(tmp_path / f"run {k}", SceneRequest(splat=str(folder))) as run:
            names.append(run.request.splat)
            copy = Path(run.resolved_request().splat or "")
            said = run.in_users_words(f"{copy / 'f2.ply'}: is cut off")
        assert sorted(p.name for p in copy.iterdir()) == sorted([first, "f2.ply"])
        assert (copy / first).read_bytes() == content
        assert said == f"{folder / 'f2.ply'}: is cut off"
        again = RunDirectory.read(tmp_path / f"run {k}").resolved_request()
        with RunDirectory.open(tmp_path / f"again {k}", again) as run:
            assert run.request.splat == names[-1]
    assert names[0] == names[1]
    assert len(set(names)) == 3


def test_renamed_input_is_the_same_request(tmp_path: Path) -> None:
    requests = []
    for name in ("a.ply", "b.ply"):
        (tmp_path / name).write_bytes(b"content")
        with RunDirectory.open(tmp_path / "run", SceneRequest(splat=str(tmp_path / name))) as run:
            requests.append(run.request)
    assert requests[0] == requests[1]


def test_stage_appears_only_when_whole(tmp_path: Path) -> None:
    run = RunDirectory.open(tmp_path / "run", REQUEST)

    def fail_half_way() -> None:
        with run.new_stage("a") as folder:
            (folder / "half").write_text("x")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()
    assert not list((tmp_path / "run" / ".stages").iterdir())
    with run.new_stage("a") as folder:
        (folder / "whole").write_text("x")
        assert not run.stage_folder("a").exists()
    assert (run.stage_folder("a") / "whole").is_file()
    run.drop_stage("a")
    assert not run.stage_folder("a").exists()


def test_only_one_process_works_in_a_directory(tmp_path: Path, stayer: subprocess.Popen[str]) -> None:
    half_written = list((tmp_path / "run").rglob("half"))
    for overwrite in (False, True):
        with pytest.raises(InvalidRequest, match="only one run can work in a directory"):
            RunDirectory.open(tmp_path / "run", REQUEST, overwrite=overwrite)
    assert half_written == list((tmp_path / "run").rglob("half")) != []


def test_a_killed_process_leaves_no_lock_and_its_half_written_stage_is_removed(
    tmp_path: Path, stayer: subprocess.Popen[str]
) -> None:
    stayer.kill()
    stayer.wait()
    assert list((tmp_path / "run").rglob("half")), "the test must leave something to remove"
    with RunDirectory.open(tmp_path / "run", REQUEST):
        assert not list((tmp_path / "run").rglob("half"))
    assert {p.name for p in (tmp_path / "run").iterdir()} == {"request.json", ".stages"}


def test_the_lock_is_gone_afterwards_and_never_a_result(tmp_path: Path) -> None:
    with RunDirectory.open(tmp_path / "run", REQUEST) as run:
        run.write("scene.usda", "#usda 1.0\n")
        event_log.append(run.root, {"stage": "generate"})
        run.finish("this")
        assert (run.root / ".lock").exists()
        assert set(run.results()) == {"request.json", "scene.usda"}
    run.close()
    assert not (run.root / ".lock").exists()
    with RunDirectory.open(tmp_path / "run", REQUEST):
        pass


def test_a_process_killed_before_it_wrote_anything_is_in_nobodys_way(tmp_path: Path) -> None:
    root = tmp_path / "run"
    (root / ".writing-0123").mkdir(parents=True)
    (root / ".writing-0123" / "request.json").write_text("{")
    (root / ".lock").touch()
    with RunDirectory.open(root, REQUEST) as run:
        run.abandon()
    assert not root.exists()


def test_finish_drops_kept_stages_and_says_which_code_it_was(tmp_path: Path) -> None:
    with RunDirectory.open(tmp_path / "run", REQUEST) as run:
        with run.new_stage("a"):
            pass
        assert run.code is None
        run.finish("0123")
    assert run.complete
    assert RunDirectory.read(run.root).code == "0123"
    assert not (tmp_path / "run" / ".stages").exists()
    (tmp_path / "run" / ".complete").write_text("")
    assert run.complete
    assert run.code is None


def test_what_a_run_killed_while_finishing_left_is_removed(tmp_path: Path) -> None:
    root = finished(tmp_path / "run")
    (root / ".stages" / "a").mkdir(parents=True)
    with RunDirectory.open(root, REQUEST) as run:
        assert run.complete
    assert not (root / ".stages").exists()


def test_abandon_keeps_finished_stages_and_foreign_directories(tmp_path: Path) -> None:
    with RunDirectory.open(tmp_path / "kept", REQUEST) as run:
        with run.new_stage("a"):
            pass
        run.abandon()
    assert run.stage_folder("a").is_dir()
    with RunDirectory.open(tmp_path / "gone", REQUEST) as run:
        run.abandon()
    assert not (tmp_path / "gone").exists()


def test_foreign_content_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(InvalidRequest, match="not a run"):
        RunDirectory.open(tmp_path, REQUEST, overwrite=True)
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("thesis.txt", "precious")]


def on(device: str | None, **more: object) -> SceneRequest:
    params = {} if device is None else {"generate": {"device": device, **more}}
    return SceneRequest(prompt="a room", params=params)


@pytest.mark.parametrize("other", [on("B"), on(None)])
def test_a_run_goes_on_by_other_means_and_says_by_which(tmp_path: Path, other: SceneRequest) -> None:
    means = {"generate": {"device"}}
    with RunDirectory.open(tmp_path / "run", on("A")) as run, run.new_stage("a"):
        pass
    with pytest.raises(InvalidRequest, match="another run"):
        RunDirectory.open(tmp_path / "run", other)
    with pytest.raises(InvalidRequest, match="another run"):
        RunDirectory.open(tmp_path / "run", on("B", steps=3), undecisive=means)
    with RunDirectory.open(tmp_path / "run", other, undecisive=means) as run:
        assert run.stage_folder("a").is_dir()
    assert RunDirectory.read_request(tmp_path / "run") == other


def test_a_complete_run_keeps_the_means_it_was_made_by(tmp_path: Path) -> None:
    root, means = finished(tmp_path / "run", on("A")), {"generate": {"device"}}
    with RunDirectory.open(root, on("B"), undecisive=means) as run:
        assert run.complete
    assert RunDirectory.read_request(root) == on("A")
    with RunDirectory.open(root, on("B"), undecisive=means, overwrite=True) as run:
        assert not run.complete
    assert RunDirectory.read_request(root) == on("B")


def test_overwrite_replaces_another_run(tmp_path: Path) -> None:
    root = finished(tmp_path / "run")
    with pytest.raises(InvalidRequest, match="--overwrite"):
        RunDirectory.open(root, OTHER)
    assert RunDirectory.read_request(root) == REQUEST
    with RunDirectory.open(root, OTHER, overwrite=True) as run:
        assert not run.complete
    assert RunDirectory.read_request(root) == OTHER


def test_overwrite_runs_a_complete_request_again_and_continues_an_unfinished_one(tmp_path: Path) -> None:
    root = finished(tmp_path / "run")
    with RunDirectory.open(root, REQUEST) as run:
        assert run.complete
    with RunDirectory.open(root, REQUEST, overwrite=True) as run:
        assert not run.complete
        with run.new_stage("a"):
            pass
    with RunDirectory.open(root, REQUEST, overwrite=True) as run:
        assert run.stage_folder("a").is_dir()


def test_a_kill_while_overwriting_leaves_neither_a_complete_run_nor_a_foreign_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = finished(tmp_path / "run")
    (root / "aaa").mkdir()

    def killed(path: Path, ignore_errors: bool = False) -> None:
        if not ignore_errors:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            RunDirectory.open(root, OTHER, overwrite=True)
    assert not RunDirectory.read(root).complete
    with RunDirectory.open(root, OTHER, overwrite=True) as run:
        assert not (run.root / "aaa").exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{", "not valid JSON"),
        (b'{"prompt": "\xff"}', "not valid JSON"),
        (b"[1, 2]", "must hold a JSON object, got list"),
        (b'"text"', "must hold a JSON object, got str"),
    ],
)
def test_damaged_request_is_said(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "request.json").write_bytes(content)
    with pytest.raises(InvalidRequest, match=words):
        RunDirectory.read_request(tmp_path)


def test_a_folder_without_a_request_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match=r"no request\.json"):
        RunDirectory.read(tmp_path)


@pytest.mark.parametrize("content", [None, "{", "[]", '{"accepted": true}', '{"stages": [1]}'])
def test_missing_or_damaged_report_is_said(tmp_path: Path, content: str | None) -> None:
    run = RunDirectory.read(finished(tmp_path / "run"))
    if content is not None:
        run.write("report.json", content)
    with pytest.raises(InvalidRequest, match=r"report\.json: .* missing or damaged\. Add --overwrite"):
        run.read_report()


def test_an_input_that_cannot_be_read_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.ply").write_bytes(b"content")

    def denied(path: Path, *_: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "open", denied)
    with pytest.raises(InvalidRequest, match=r"splat: .*a\.ply cannot be read \(Permission denied\)"):
        RunDirectory.open(tmp_path / "run", SceneRequest(splat=str(tmp_path / "a.ply")))


@pytest.mark.parametrize(("number", "kind"), [(errno.ENOSPC, WriteFailed), (errno.EACCES, InvalidRequest)])
def test_failing_to_make_room_is_said_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, kind: type[Exception]
) -> None:
    root = finished(tmp_path / "run")
    (root / "pictures").mkdir()

    def fail(path: Path, ignore_errors: bool = False) -> None:
        if not ignore_errors:
            raise OSError(number, os.strerror(number))

    monkeypatch.setattr(shutil, "rmtree", fail)
    with pytest.raises(kind, match=r"run: cannot write there"):
        RunDirectory.open(root, OTHER, overwrite=True)


def test_publishing_goes_on_after_a_kill(tmp_path: Path) -> None:
    run = RunDirectory.open(tmp_path / "run", REQUEST)
    with run.new_stage("a") as folder:
        for name in ("one", "two"):
            (folder / name).write_text(name)
    stage = run.stage_folder("a")
    (stage / "one").replace(run.root / "one")
    run.publish([(stage, ("one", "two"))])
    assert [(run.root / n).read_text() for n in ("one", "two")] == ["one", "two"]


def test_names_of_inputs_are_noted_apart_from_what_must_be_the_same(tmp_path: Path) -> None:
    kept = {}
    for name in ("scan of a flat.ply", "Other.PLY"):
        (tmp_path / name).write_bytes(b"the same bytes")
        with RunDirectory.open(tmp_path / f"run {name}", SceneRequest(splat=str(tmp_path / name))) as run:
            kept[name] = {n: p.read_bytes() for n, p in run.results().items()}
            called = json.loads((run.root / "inputs" / "names.json").read_text())
        assert list(called.values()) == [name]
        assert str(tmp_path) not in json.dumps(called)
        assert (run.root / "inputs" / next(iter(called))).is_file()
    one, other = kept.values()
    assert one == other
    assert not any("names.json" in n for n in one)

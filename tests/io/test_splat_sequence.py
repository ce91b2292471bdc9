"""A folder of splats: which files, in which order, at which times, and everything that can be wrong with it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lyra_backend.errors import InvalidRequest
from lyra_backend.io.splat_sequence import find_sequence, sequence_files

NAN, INF = float("nan"), float("inf")


def folder_of(root: Path, *names: str) -> Path:
    """Return a new folder with files of these names; only their names are looked at."""
    folder = root / "frames"
    folder.mkdir()
    for name in names:
        (folder / name).write_bytes(name.encode())
    return folder


def listed(folder: Path, entries: object, **more: object) -> Path:
    (folder / "sequence.json").write_text(json.dumps({"times": entries, **more}), encoding="utf-8")
    return folder


def entry(file: object, time_s: object) -> dict[str, object]:
    return {"file": file, "time_s": time_s}


def test_numbers_give_order_and_times(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, "take2_f10.ply", "take2_f9.ply", "take2_f12.ply", "notes.txt", "preview.png")
    found = find_sequence(folder, None, 10.0, stable_identity=True)
    assert [path.name for path in found.files] == ["take2_f9.ply", "take2_f10.ply", "take2_f12.ply"]
    assert found.times_s == pytest.approx((0.0, 0.1, 0.3))
    assert found.stable_identity


def test_names_without_numbers_go_by_the_alphabet(tmp_path: Path) -> None:
    found = find_sequence(folder_of(tmp_path, "b.ply", "a.ply"), (0.0, 2.5), None, stable_identity=False)
    assert [path.name for path in found.files] == ["a.ply", "b.ply"]
    assert found.times_s == (0.0, 2.5)


def test_the_number_is_not_that_of_an_ending(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, "f2.compressed.ply", "f1.compressed.ply")
    assert find_sequence(folder, None, 1.0, stable_identity=False).times_s == (0.0, 1.0)


def test_a_list_says_it_all_and_times_given_go_before_it(tmp_path: Path) -> None:
    folder = listed(
        folder_of(tmp_path, "z.ply", "a.ply", "other.spz"),
        [entry("z.ply", 0), entry("a.ply", 0.5)],
        stable_identity=True,
    )
    found = find_sequence(folder, None, None, stable_identity=False)
    assert [path.name for path in found.files] == ["z.ply", "a.ply"]
    assert (found.times_s, found.stable_identity) == ((0.0, 0.5), True)
    assert [path.name for path in sequence_files(folder)] == ["z.ply", "a.ply", "sequence.json"]
    assert find_sequence(folder, (1.0, 2.0), None, stable_identity=False).times_s == (1.0, 2.0)


@pytest.mark.parametrize(
    ("names", "times", "fps", "said"),
    [
        ((), (0.0,), None, "holds no splat"),
        (("a.ply",), (0.0,), None, "holds one splat, a.ply; a folder must hold one for each of two times"),
        (("a1.ply", "a2.spz"), (0.0, 1.0), None, "one format, but a1.ply is .ply, a2.spz is .spz"),
        (("a1.ply", "a2.compressed.ply"), None, 10.0, "must be of one format"),
        (("a1.ply", "a2.ply"), None, None, "nothing says when its 2 splats are so. Give generate.times_s"),
        (("a1.ply", "a2.ply"), (0.0,), None, "generate.times_s: 2 splats need as many times, got 1"),
        (("a1.ply", "a2.ply"), (0.0, 0.0), None, "generate.times_s: times must ascend, but 0 s comes after 0 s"),
        (("a1.ply", "a2.ply"), (1.0, 0.5), None, "times must ascend, but 0.5 s comes after 1 s"),
        (("a1.ply", "a2.ply"), (0.0, NAN), None, r"times must be finite and within .* got \[0.0, nan\]"),
        (("a1.ply", "a2.ply"), (0.0, 1e11), None, r"within \+-1e\+10 s, got"),
        (("a1.ply", f"a{10**20}.ply"), None, 1.0, r"generate\.fps: times must be finite and within"),
        (("a1.ply", "a2.ply"), (0.0, INF), None, "times must be finite"),
        (("a1.ply", "b.ply"), None, 10.0, "b.ply: has no number, and generate.fps is for names that number frames"),
        (("a1.ply", "b1.ply"), None, 10.0, "a1.ply: another splat has the same number"),
    ],
)
def test_what_is_no_sequence(tmp_path: Path, names, times, fps, said: str) -> None:
    with pytest.raises(InvalidRequest, match=said):
        find_sequence(folder_of(tmp_path, *names), times, fps, stable_identity=False)


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ([entry("a.ply", 0), entry("c.ply", 1)], "names 'c.ply', and there is no such file beside it"),
        ([entry("a.ply", 0), entry("../frames/b.ply", 1)], "there is no such file beside it"),
        ([entry("a.ply", 0), entry(7, 1)], "names 7, and there is no such file"),
        ([entry("a.ply", 0), entry("b.ply", "now")], r"times must be numbers of seconds, got \[0, 'now'\]"),
        ([entry("a.ply", 0), entry("b.ply", NAN)], "sequence.json: times must be finite"),
        ([entry("a.ply", 0), entry("b.ply", 10**400)], "sequence.json: times must be finite"),
        ([entry("a.ply", 1), entry("b.ply", 1)], "sequence.json: times must ascend"),
        ([entry("a.ply", 1)], "holds one splat, a.ply"),
        ([], "holds no splat"),
        ([{"file": "a.ply"}], "cannot be read so .KeyError"),
        ("a.ply", "cannot be read so .TypeError"),
    ],
)
def test_what_is_no_list(tmp_path: Path, entries, said: str) -> None:
    folder = listed(folder_of(tmp_path, "a.ply", "b.ply"), entries)
    with pytest.raises(InvalidRequest, match=said):
        find_sequence(folder, None, None, stable_identity=False)


def test_a_list_that_is_no_json_or_says_nonsense(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, "a.ply", "b.ply")
    (folder / "sequence.json").write_text("{", encoding="utf-8")
    with pytest.raises(InvalidRequest, match=r"cannot be read so .JSONDecodeError"):
        sequence_files(folder)
    listed(folder, [entry("a.ply", 0), entry("b.ply", 1)], stable_identity="yes")
    with pytest.raises(InvalidRequest, match="stable_identity must be true or false, got 'yes'"):
        sequence_files(folder)
    listed(folder, [entry("a.ply", 0), entry("b.ply", 1)])
    with pytest.raises(InvalidRequest, match="has no number"):
        find_sequence(folder, None, 5.0, stable_identity=False)

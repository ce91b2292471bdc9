"""Manifests: what they say becomes items, and what they get wrong is said with its place."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from lyra_backend.batch.manifest import Item, read_manifest
from lyra_backend.errors import InvalidRequest

DATA = Path(__file__).parents[1] / "data"


def _read(folder: Path, text: str, name: str = "m.yaml") -> tuple[Item, ...]:
    (folder / name).write_text(text, encoding="utf-8")
    return read_manifest(folder / name)


def test_a_matrix_is_every_prompt_with_every_seed_and_variation(tmp_path: Path) -> None:
    items = _read(
        tmp_path,
        """
        defaults: {preset: draft, params: {author: {keep: train}, generate: {gaussian_count: 30000}}}
        matrix:
          prompt: [an office, a corridor]
          seeds: 3-4
          variations: [{}, {name: hard, params: {generate: {difficulty: 0.9}}}]
        items:
          - {name: hall, prompt: a hall, seed: 7, attempts: 5, collide.voxel_size: 0.04}
        """,
    )
    assert len(items) == 9
    assert [item.request.seed for item in items[:4]] == [3, 4, 3, 4]
    assert items[2].name.startswith("an-office-hard-3-")
    assert items[2].request.params["generate"] == {"gaussian_count": 30000, "difficulty": 0.9}
    assert items[8].name == "hall"
    assert items[8].attempts == 5
    assert items[8].request.params["collide"] == {"voxel_size": 0.04}
    assert all(item.request.params["author"] == {"keep": "train"} for item in items)
    assert len({item.name for item in items}) == len({item.key for item in items}) == 9


def test_the_four_formats_say_the_same(tmp_path: Path) -> None:
    data = [{"name": "a", "prompt": "a room", "seed": 2, "params": {"collide": {"voxel_size": 0.08}}}]
    csv = "name,prompt,seed,collide.voxel_size,collide.dynamic\na,a room,2,0.08,\n"
    found = [
        _read(tmp_path, json.dumps(data), "m.json"),
        _read(tmp_path, json.dumps(data), "m.yaml"),
        _read(tmp_path, json.dumps(data[0]) + "\n\n", "m.jsonl"),
        _read(tmp_path, csv, "m.csv"),
    ]
    assert found == [found[0]] * 4


def test_files_are_relative_to_the_manifest_and_known_by_content(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    for place in ("one.ply", "sub/two.ply"):
        shutil.copyfile(DATA / "ref_1k_d0.ply", tmp_path / place)
    one, two = (_read(tmp_path, f"[{{splat: {place}}}]")[0] for place in ("one.ply", "sub/two.ply"))
    assert one.request.splat == str(tmp_path / "one.ply")
    assert one.key == two.key
    (tmp_path / "one.ply").write_bytes((DATA / "ref_1k_d3.ply").read_bytes())
    assert _read(tmp_path, "[{splat: one.ply}]")[0].key != one.key


def test_named_items_of_many_seeds_have_names_each(tmp_path: Path) -> None:
    assert [i.name for i in _read(tmp_path, "[{name: hall, prompt: a hall, seeds: [1, 5]}]")] == ["hall-1", "hall-5"]
    assert [i.name for i in _read(tmp_path, "[{name: hall, prompt: a hall, seeds: 4}]")] == ["hall"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[{prompt: a room, sed: 1}]", r"m\.yaml, item 1: 'sed' is no field of an item; .*Did you mean 'seed'"),
        ("[{prompt: a room}, {prompt: ''}]", "item 2: prompt must say what to generate"),
        ("[{prompt: a room, seeds: 9-3}]", "item 1: seeds must be a number, a span"),
        ("[{prompt: a room, seeds: 1, seed: 1}]", "item 1: seed and seeds"),
        ("[{prompt: a room, attempts: 0}]", "attempts must be a whole number from 1"),
        ("[{prompt: a room, name: ../up}]", r"name must be at most 100 letters.*got '\.\./up'"),
        ("[{prompt: a room}, {prompt: a room}]", "have the same name"),
        ("[{prompt: a room, name: a}, {prompt: a room, name: b}]", "'a' and 'b' ask for the same scene"),
        ("[{prompt: a room, name: a}, {prompt: a hall, name: A}]", "'a' and 'A' have the same name"),
        ("[{splat: gone.ply}]", r"item 1: splat: .*gone\.ply does not exist"),
        ("{item: []}", "'item' is unknown; .*Did you mean 'items'"),
        ("[]", "must name at least one scene"),
        ("matrix: {prompt: [a, b], seeds: 0-99999999}", "at most 1000000 scenes"),
        ("just words", "must be a list of items or an object"),
        ("[{prompt: a room, params: 3}]", "item 1: params must be an object"),
        ("a: [", "not valid YAML"),
    ],
)
def test_mistakes_are_said_with_their_place(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InvalidRequest, match=said):
        _read(tmp_path, text)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("m.txt", "", r"must end in \.yaml, \.yml, \.json, \.jsonl, \.csv; got \.txt"),
        ("m.json", "{", r"m\.json: not valid JSON"),
        ("m.jsonl", '{"prompt": "a room"}\n{', r"m\.jsonl, line 2: not valid JSON"),
        ("m.jsonl", "3\n", "line 1: an item must be an object"),
        ("m.csv", "prompt,seed\na room\n", r"m\.csv, line 2: must have a cell for each column"),
        ("m.csv", "prompt,seed\na room,one\n", "line 2: seed must be a whole number"),
    ],
)
def test_files_that_are_no_manifest(tmp_path: Path, name: str, text: str, said: str) -> None:
    with pytest.raises(InvalidRequest, match=said):
        _read(tmp_path, text, name)


def test_a_manifest_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match=r"gone\.yaml: cannot be read"):
        read_manifest(tmp_path / "gone.yaml")

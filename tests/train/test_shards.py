"""Scenes come back as they were written, and a folder that is not as written says so."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from lyra_backend.errors import DirectoryBusy, InvalidRequest, WriteFailed
from lyra_backend.train import saving, shards
from lyra_backend.train.shards import INDEX_FILE, Origin, ShardReader, ShardWriter, Taught

ORIGIN = Origin({"vae/a.safetensors": "0" * 64}, {"steps": 10, "size": (96, 64)}, 7)
NAMES = [f"room_{i}" for i in range(5)]
FILES = ["shard_00000.safetensors", "shard_00001.safetensors", "shard_00002.safetensors"]


def scene(i, *, moves=False, kept=None):
    """Return scene `i` of a plan, 5 frames of 16 x 24 pixels in two views, or four if it moves."""
    rng = np.random.default_rng(i)
    views, indices = 4 if moves else 2, None if kept is None else np.array(kept, np.int32)
    count = 5 if kept is None else len(kept)
    return Taught(
        name=f"room_{i}",
        seed=100 + i,
        latents=rng.normal(size=(2, 3, 16, 2, 3)).astype(np.float16),
        plucker=rng.normal(size=(2, 3, 32, 2, 3)).astype(np.float16),
        frames=rng.integers(0, 256, (views, count, 16, 24, 3), dtype=np.uint8),
        cam_to_world=rng.normal(size=(views, 5, 4, 4)).astype(np.float32),
        lens=np.array([20, 20, 12, 8], np.float32),
        frame_indices=indices,
        cache_depth=rng.uniform(0, 5, (views, count, 16, 24)).astype(np.float16),
        time=np.tile(np.arange(5, dtype=np.int32), (views, 1)) if moves else None,
    )


def make(folder, names=NAMES, origin=ORIGIN, limit=None):
    """Write what is missing of a plan, at most `limit` files; return the blocks that were."""
    with ShardWriter(folder, origin, 2) as writer:
        blocks = writer.missing(names)[:limit]
        for block in blocks:
            writer.write(block, [scene(i) for i in block])
    return blocks


def same(one, other):
    mine, theirs = one.arrays(), other.arrays()
    return mine.keys() == theirs.keys() and all(np.array_equal(mine[name], theirs[name]) for name in mine)


def bytes_of(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_scenes_come_back_as_they_were_written(tmp_path):
    assert make(tmp_path / "a" / "data") == [range(0, 2), range(2, 4), range(4, 5)]
    reader = ShardReader(tmp_path / "a" / "data")
    assert (len(reader), list(reader.names)) == (5, NAMES)
    assert all(same(reader.scene(i), scene(i)) for i in (4, 0, 3))
    assert (reader.scene(3).seed, reader.scene(3).name) == (103, "room_3")
    assert reader.origins[0].to_json() == ORIGIN.to_json()
    reader.verify()
    with pytest.raises(IndexError):
        reader.scene(5)
    assert sorted(bytes_of(tmp_path / "a" / "data")) == [INDEX_FILE, *FILES]


def test_moving_scenes_and_those_with_few_frames_come_back(tmp_path):
    written = [scene(0, moves=True), scene(1, kept=[0, 2, 4])]
    with ShardWriter(tmp_path, ORIGIN, 2) as writer:
        writer.write(range(2), written)
    found = [ShardReader(tmp_path).scene(i) for i in (0, 1)]
    assert all(same(*pair) for pair in zip(found, written, strict=True))
    assert list(found[1].indices) == [0, 2, 4]
    assert list(found[0].indices) == [0, 1, 2, 3, 4]


def test_what_is_read_may_be_changed_without_changing_the_file(tmp_path):
    make(tmp_path)
    before = bytes_of(tmp_path)
    reader = ShardReader(tmp_path)
    reader.scene(0).frames[:] = 0
    assert bytes_of(tmp_path) == before
    assert same(ShardReader(tmp_path).scene(0), scene(0))


def test_a_stopped_run_goes_on_and_ends_with_the_same_bytes(tmp_path):
    make(tmp_path / "whole")
    (tmp_path / "stopped" / ".writing-1").mkdir(parents=True)
    (tmp_path / "stopped" / ".writing-1" / FILES[1]).write_bytes(b"half")
    assert make(tmp_path / "stopped", limit=1) == [range(0, 2)]
    assert make(tmp_path / "stopped") == [range(2, 4), range(4, 5)]
    assert make(tmp_path / "stopped") == []
    assert bytes_of(tmp_path / "stopped") == bytes_of(tmp_path / "whole")


def test_a_run_killed_between_a_file_and_the_index_makes_that_file_again(tmp_path, monkeypatch):
    make(tmp_path, limit=1)
    monkeypatch.setattr(shards.Index, "write", killed)
    with pytest.raises(KeyboardInterrupt):
        make(tmp_path, limit=1)
    monkeypatch.undo()
    assert sorted(bytes_of(tmp_path)) == [INDEX_FILE, *FILES[:2]]
    assert len(ShardReader(tmp_path)) == 2
    assert make(tmp_path, limit=1) == [range(2, 4)]


def killed(*_):
    raise KeyboardInterrupt


def test_a_plan_may_grow_and_shrink(tmp_path):
    make(tmp_path)
    assert make(tmp_path, NAMES[:3]) == []
    assert make(tmp_path, [*NAMES, "room_5"]) == [range(4, 6)]
    assert len(ShardReader(tmp_path)) == 6


def test_a_lost_or_damaged_file_is_named_and_made_again(tmp_path):
    make(tmp_path)
    before = bytes_of(tmp_path)
    whole = before[FILES[1]]
    (tmp_path / FILES[1]).unlink()
    with pytest.raises(InvalidRequest, match=r"shard_00001.safetensors: is missing or not whole. Remove it and run"):
        ShardReader(tmp_path)
    (tmp_path / FILES[1]).write_bytes(whole[:-1])
    with pytest.raises(InvalidRequest, match=r"shard_00001.safetensors: is missing or not whole"):
        ShardReader(tmp_path)
    (tmp_path / FILES[1]).write_bytes(whole[:-1] + b"\x01")
    with pytest.raises(InvalidRequest, match=r"shard_00001.safetensors: not as written \(SHA-256 differs\). Remove it"):
        ShardReader(tmp_path).verify()
    (tmp_path / FILES[1]).write_bytes(b"\xff" * len(whole))
    reader = ShardReader(tmp_path)
    assert same(reader.scene(0), scene(0))
    with pytest.raises(InvalidRequest, match=r"shard_00001.safetensors: is damaged"):
        reader.scene(2)
    (tmp_path / FILES[1]).unlink()
    assert make(tmp_path) == [range(2, 4)]
    assert bytes_of(tmp_path) == before


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"teacher": {"vae/a.safetensors": "1" * 64}}, "teacher.vae/a.safetensors is '000"),
        ({"recipe": {"steps": 5, "size": (96, 64)}}, "recipe.steps is 10 there and 5 now"),
        ({"recipe": {"steps": 10}}, r"recipe.size is \[96, 64\] there and None now"),
        ({"seed": 8}, "seed is 7 there and 8 now"),
    ],
)
def test_data_of_another_origin_are_refused(tmp_path, changed, told):
    make(tmp_path)
    before = bytes_of(tmp_path)
    with pytest.raises(InvalidRequest, match=f"holds data of another origin: {told}"):
        ShardWriter(tmp_path, replace(ORIGIN, **changed), 2)
    assert bytes_of(tmp_path) == before


def test_other_folders_are_refused(tmp_path):
    make(tmp_path / "data")
    with pytest.raises(InvalidRequest, match="its files have 2 scenes each, and 3 are asked for"):
        ShardWriter(tmp_path / "data", ORIGIN, 3)
    with pytest.raises(InvalidRequest, match="this is a file"):
        ShardWriter(tmp_path / "data" / INDEX_FILE, ORIGIN, 2)
    (tmp_path / "data" / INDEX_FILE).unlink()
    with pytest.raises(InvalidRequest, match=r"has shards but no data.json"):
        ShardWriter(tmp_path / "data", ORIGIN, 2)
    with pytest.raises(InvalidRequest, match="must be a folder of teacher's data"):
        ShardReader(tmp_path)


def test_one_process_writes_at_a_time(tmp_path):
    with ShardWriter(tmp_path, ORIGIN, 2), pytest.raises(DirectoryBusy):
        ShardWriter(tmp_path, ORIGIN, 2)
    ShardWriter(tmp_path, ORIGIN, 2).close()


@pytest.mark.parametrize("text", ["{", "[]", '{"format": "lyra-teacher-data", "version": 2}'])
def test_a_damaged_index_is_said(tmp_path, text):
    make(tmp_path)
    (tmp_path / INDEX_FILE).write_text(text)
    with pytest.raises(InvalidRequest, match=r"data.json: (is damaged|must say format)"):
        ShardReader(tmp_path)


def test_an_index_without_a_field_is_damaged(tmp_path):
    make(tmp_path)
    data = json.loads((tmp_path / INDEX_FILE).read_text())
    del data["shards"][1]["sha256"]
    (tmp_path / INDEX_FILE).write_text(json.dumps(data))
    with pytest.raises(InvalidRequest, match=r"data.json: is damaged \(KeyError: 'sha256'\)"):
        ShardReader(tmp_path)


def test_a_full_disk_leaves_nothing_half_and_the_run_goes_on_later(tmp_path, monkeypatch):
    make(tmp_path, limit=1)
    before = bytes_of(tmp_path)

    def full(arrays, path, metadata):
        path.write_bytes(b"half")
        raise saving.SafetensorError("I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(saving, "save_file", full)
    with pytest.raises(WriteFailed, match=r"shard_00001.safetensors: cannot write there \(.*No space left on device"):
        make(tmp_path)
    assert bytes_of(tmp_path) == before
    monkeypatch.undo()
    assert len(make(tmp_path)) == 2
    ShardReader(tmp_path).verify()


def test_numbers_that_are_not_finite_are_not_written(tmp_path):
    bad = scene(0)
    bad.latents[1, 0, 3, 1, 2] = np.inf
    with ShardWriter(tmp_path, ORIGIN, 1) as writer, pytest.raises(InvalidRequest, match="room_0: latents must be fin"):
        writer.write(range(1), [bad])
    assert list(bytes_of(tmp_path)) == [INDEX_FILE]


def test_several_folders_read_as_one(tmp_path):
    for name in "ab":
        make(tmp_path / name)
    reader = ShardReader(tmp_path / "a", tmp_path / "b")
    assert len(reader) == 10
    assert same(reader.scene(7), scene(2))
    (tmp_path / "b" / FILES[0]).write_bytes(bytes(len((tmp_path / "b" / FILES[0]).read_bytes())))
    with pytest.raises(InvalidRequest, match=r"b.shard_00000.safetensors: not as written"):
        reader.verify()


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"latents": np.zeros((2, 3, 16, 2, 3), np.float32)}, "latents must be float16 of axes"),
        ({"plucker": np.zeros((2, 3, 16, 2, 3), np.float16)}, "twice as many channels of rays"),
        ({"frames": np.zeros((3, 5, 16, 24, 3), np.uint8)}, r"cam_to_world must be float32 of axes \(W = 3, T, 4, 4\)"),
        ({"frame_indices": np.array([0, 1, 1, 2, 3], np.int32)}, "frame_indices must rise within its 5 frames"),
        ({"frame_indices": np.array([1, 2], np.int32)}, r"frame_indices must be int32 of axes \(K = 5\)"),
        ({"cache_depth": np.zeros((2, 4, 16, 24), np.float16)}, r"cache_depth must be .* K = 5"),
        ({"frames": np.zeros((2, 4, 16, 24, 3), np.uint8), "cache_depth": None}, "has 4 frames and 5 indices"),
        ({"lens": np.zeros(3, np.float32)}, "lens must be float32"),
    ],
)
def test_arrays_that_do_not_belong_together_are_refused(changed, told):
    with pytest.raises(InvalidRequest, match=f"scene room_0: .*{told}"):
        replace(scene(0), **changed)

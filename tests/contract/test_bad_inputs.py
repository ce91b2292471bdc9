"""What is broken on the way in is refused with a sentence and exit code 2, and nothing is left behind."""

from __future__ import annotations

import gzip
import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
import pytest

from lyra_backend.author import nurec, particle_field
from lyra_backend.author.usdz import unpack, write_package
from lyra_backend.io.ply import write_ply

from ..author.fields import cloud_of
from ..commands import Done, call
from ..moving import followed, write_folder

COUNT = 40
NODES = ".gaussians_nodes.gaussians."


def refused(done: Done, folder: Path, before: set[Path], *words: str) -> None:
    """Assert that a command said why it refused its input, and left everything as it was."""
    assert done.code == 2, done.err
    said = done.err.splitlines()[-1]
    assert said.startswith("lyra-scenegen: ")
    assert all(word in done.err for word in words), done.err
    assert "Traceback" not in done.err
    assert set(folder.rglob("*")) == before


def _cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


def _flipped(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


@pytest.mark.parametrize("plugin", [particle_field, nurec])
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_cut, "damaged: it is cut off or no package"),
        (lambda data: data[:-30], "damaged: it is cut off or no package"),
        (_flipped, "is not what its checksum says"),
        (lambda data: b"", "the file is empty"),
        (lambda data: b"hello" * 99, "damaged: it is cut off or no package"),
    ],
)
def test_packages_that_are_not_whole(tmp_path: Path, plugin: Any, change: Callable[[bytes], bytes], words: str) -> None:
    plugin.write(cloud_of(COUNT), tmp_path / "in.usdz", plugin.Params())
    (tmp_path / "in.usdz").write_bytes(change((tmp_path / "in.usdz").read_bytes()))
    before = set(tmp_path.rglob("*"))
    refused(call("convert", tmp_path / "in.usdz", tmp_path / "out.ply"), tmp_path, before, "in.usdz", words)


def _state(**changes: Any) -> Callable[[bytes], bytes]:
    """Return what changes entries of a payload; dots are written as two underscores."""

    def change(data: bytes) -> bytes:
        nre = msgpack.unpackb(gzip.decompress(data))
        for name, value in changes.items():
            nre["nre_data"]["state_dict"][NODES + name.replace("__", ".")] = value
        return gzip.compress(msgpack.packb(nre), 1)

    return change


PAYLOADS: list[tuple[Callable[[bytes], bytes], str]] = [
    (_cut, "damaged: it is cut off"),
    (_flipped, "incorrect data check"),
    (lambda data: b"", "it is not gzip"),
    (lambda data: gzip.compress(gzip.decompress(data)[:-50]), "not a NuRec payload"),
    (lambda data: gzip.compress(b"\xc1" + gzip.decompress(data)[1:]), "not a NuRec payload (FormatError)"),
    (_state(positions__shape=[COUNT, 4]), "positions must have the shape (N, 3)"),
    (_state(positions__shape=[2**31, 3]), "floats of 16 or 32 bit, got 240 bytes"),
    (_state(densities=bytes(2), densities__shape=[1, 1]), "a row for every Gaussian"),
    (_state(positions=np.full((COUNT, 3), np.nan, "<f2").tobytes()), f"all {COUNT} Gaussians hold NaN"),
]


@pytest.mark.parametrize(("change", "words"), PAYLOADS, ids=[words for _, words in PAYLOADS])
@pytest.mark.parametrize("command", ["convert", "generate"])
def test_payloads_that_are_damaged(tmp_path: Path, command: str, change: Callable[[bytes], bytes], words: str) -> None:
    nurec.write(cloud_of(COUNT), tmp_path / "good.usdz", nurec.Params())
    (tmp_path / "parts").mkdir()
    root, payload = unpack(tmp_path / "good.usdz", tmp_path / "parts")
    payload.write_bytes(change(payload.read_bytes()))
    write_package([root, payload], tmp_path / "in.usdz")
    before = set(tmp_path.rglob("*"))
    options = ("--up", "z", "--scale", 1, "--out") if command == "generate" else ()
    splat = ("--splat",) if command == "generate" else ()
    done = call(command, *splat, tmp_path / "in.usdz", *options, tmp_path / "out.ply")
    refused(done, tmp_path, before, "in.usdz", words)


def _times(*times: float) -> str:
    return json.dumps({"times": [{"file": f"frame_{i:04d}.ply", "time_s": t} for i, t in enumerate(times)]})


@pytest.mark.parametrize(
    ("listed", "words"),
    [
        (_times(0, float("nan"), 1), "times must be finite"),
        (_times(0, 1e300, 1.7e308), "within +-1e+10 s"),
        (_times(0, 2, 1), "times must ascend, but 1 s comes after 2 s"),
        (_times(0, 1, 1), "times must ascend, but 1 s comes after 1 s"),
        (_times(0), "holds one splat"),
        ("{", "cannot be read so"),
    ],
)
def test_sequences_whose_times_are_wrong(tmp_path: Path, listed: str, words: str) -> None:
    frames = write_folder(tmp_path / "frames", followed(3))
    (frames / "sequence.json").write_text(listed)
    before = set(tmp_path.rglob("*"))
    done = call("generate", "--splat", frames, "--up", "z", "--scale", 1, "--out", tmp_path / "run")
    refused(done, tmp_path, before, "sequence.json", words)


def test_sequences_whose_counts_differ(tmp_path: Path) -> None:
    frames = write_folder(tmp_path / "frames", followed(3))
    write_ply(frames / "frame_0001.ply", cloud_of(9, 0))
    before = set(tmp_path.rglob("*"))
    words = ("generate", "--splat", frames, "--up", "z", "--scale", 1, "--out", tmp_path / "run", "--set")
    done = call(*words, "generate.fps=10", "--set", "generate.stable_identity=true")
    refused(done, tmp_path, before, "frame_0001.ply: has 9 Gaussians", "Set stable_identity=false")
    done = call(*words, "generate.times_s=0,1")
    refused(done, tmp_path, before, "3 splats need as many times, got 2")


def _glb(content: dict[str, Any]) -> bytes:
    text = json.dumps({"asset": {"version": "2.0"}, **content}).encode()
    text += b" " * (-len(text) % 4)
    return struct.pack("<4sII", b"glTF", 2, 20 + len(text)) + struct.pack("<I4s", len(text), b"JSON") + text


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (_glb({"scene": 0, "scenes": [{"nodes": []}]}), "holds no mesh of triangles"),
        (_glb({"scene": 0, "scenes": [{"nodes": [0]}], "nodes": [{"name": "empty"}]}), "holds no mesh of triangles"),
        (_cut(_glb({"scenes": []})), "cannot be read as binary glTF"),
        (b"", "cannot be read as binary glTF"),
        (b"glTF nonsense", "cannot be read as binary glTF"),
    ],
)
def test_colliders_without_a_mesh(tmp_path: Path, data: bytes, words: str) -> None:
    write_ply(tmp_path / "in.ply", cloud_of(COUNT))
    (tmp_path / "collider.glb").write_bytes(data)
    before = set(tmp_path.rglob("*"))
    files = ("--splat", tmp_path / "in.ply", "--collider-glb", tmp_path / "collider.glb")
    done = call("generate", *files, "--up", "z", "--scale", 1, "--out", tmp_path / "run")
    refused(done, tmp_path, before, "collider.glb", words)

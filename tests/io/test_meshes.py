"""Meshes are written as other programs read them, and read as other programs write them."""

import json
import struct

import numpy as np
import pytest
import trimesh

from lyra_backend.errors import InvalidRequest
from lyra_backend.io import meshes
from lyra_backend.io.meshes import read_glb, write_obj


def test_an_obj_holds_the_mesh_it_was_given(tmp_path):
    ball = trimesh.creation.icosphere(6, 2.0)  # more rows than are written at once
    write_obj(tmp_path / "ball.obj", ball.vertices.astype(np.float32), ball.faces.astype(np.int32))
    read = trimesh.load_mesh(tmp_path / "ball.obj", process=False)
    assert np.abs(read.vertices - ball.vertices).max() < 1e-6
    assert (read.faces == ball.faces).all()
    assert read.volume > 0, "the front faces outwards"


def test_an_obj_without_triangles_is_empty(tmp_path):
    write_obj(tmp_path / "none.obj", np.zeros((0, 3)), np.zeros((0, 3), int))
    assert (tmp_path / "none.obj").read_bytes() == b""


def test_a_glb_is_read_with_its_nodes(tmp_path):
    scene = trimesh.Scene()
    scene.add_geometry(trimesh.creation.box(), transform=trimesh.transformations.translation_matrix((1, 2, 3)))
    scene.add_geometry(trimesh.creation.icosphere(1))
    scene.add_geometry(trimesh.PointCloud(np.eye(3)))
    scene.export(tmp_path / "two.glb")
    mesh = read_glb(tmp_path / "two.glb")
    assert len(mesh.triangles) == 12 + 80
    np.testing.assert_allclose(mesh.vertices.max(axis=0), (1.5, 2.5, 3.5))


def test_glbs_that_cannot_be_colliders(tmp_path, monkeypatch):
    trimesh.PointCloud(np.eye(3)).export(tmp_path / "points.glb")
    with pytest.raises(InvalidRequest, match=r"points\.glb: holds no mesh of triangles"):
        read_glb(tmp_path / "points.glb")
    with pytest.raises(InvalidRequest, match="there is no such file"):
        read_glb(tmp_path / "none.glb")
    box = trimesh.creation.box()
    box.export(tmp_path / "box.glb")
    monkeypatch.setattr(meshes, "MAX_TRIANGLES", 11)
    with pytest.raises(InvalidRequest, match=r"must have at most 11 triangles, got 12"):
        read_glb(tmp_path / "box.glb")


def test_numbers_that_are_none_are_refused(tmp_path):
    trimesh.Trimesh([(0, 0, 0), (1, 0, 0), (0, 1, 0)], [(0, 1, 2)], process=False).export(tmp_path / "a.glb")
    data = (tmp_path / "a.glb").read_bytes()
    assert data.count(struct.pack("<3f", 1, 0, 0)) == 1
    (tmp_path / "nan.glb").write_bytes(data.replace(struct.pack("<3f", 1, 0, 0), struct.pack("<3f", np.nan, 0, 0)))
    with pytest.raises(InvalidRequest, match=r"nan\.glb: vertices must be finite"):
        read_glb(tmp_path / "nan.glb")


def test_damaged_glbs_are_refused(tmp_path):
    trimesh.creation.box().export(tmp_path / "box.glb")
    whole = (tmp_path / "box.glb").read_bytes()
    for broken in (
        b"",
        b"hello world, this is no mesh",
        whole[: len(whole) // 2],
        whole[:400] + bytes(len(whole) - 400),
    ):
        (tmp_path / "broken.glb").write_bytes(broken)
        with pytest.raises(InvalidRequest, match=r"broken\.glb: cannot be read as binary glTF 2\.0"):
            read_glb(tmp_path / "broken.glb")


def test_nothing_outside_the_glb_is_read(tmp_path):
    (tmp_path / "outside.bin").write_bytes(np.zeros((3, 3), "<f4").tobytes())
    document = {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}}]}],
        "accessors": [{"bufferView": 0, "componentType": 5126, "count": 3, "type": "VEC3"}],
        "bufferViews": [{"buffer": 0, "byteOffset": 0, "byteLength": 36}],
        "buffers": [{"byteLength": 36, "uri": "outside.bin"}],
    }
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    head = struct.pack("<4sIIII", b"glTF", 2, 20 + len(text), len(text), 0x4E4F534A)
    (tmp_path / "linked.glb").write_bytes(head + text)
    with pytest.raises(InvalidRequest, match=r"linked\.glb: cannot be read"):
        read_glb(tmp_path / "linked.glb")

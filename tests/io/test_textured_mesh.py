import json
import struct

import numpy as np
import pytest

from lyra_backend.errors import InvalidRequest
from lyra_backend.io.textured_mesh import read_textured_mesh, write_textured_mesh
from lyra_backend.types import TexturedMesh, TexturedPart


def part(name, seed, vertices=50, colours=40):
    rng = np.random.default_rng(seed)
    palette = rng.integers(0, 256, (colours, 3))
    return TexturedPart(
        name,
        rng.normal(size=(vertices, 3)),
        rng.integers(0, vertices, (30, 3)),
        rng.normal(size=(vertices, 2)),
        palette[rng.integers(0, colours, (16, 24))],
        rng.integers(0, 3, 30),
    )


@pytest.fixture
def mesh():
    parts = (part("wood_0", 0), part("plain_1", 1, vertices=70_000), part("grass_2", 2, colours=300))
    return TexturedMesh(parts, ("unknown", "chair", "floor"))


def test_round_trip_is_exact(mesh, tmp_path):
    write_textured_mesh(mesh, tmp_path / "scene.glb")
    back = read_textured_mesh(tmp_path / "scene.glb")
    assert back.class_names == mesh.class_names
    for a, b in zip(mesh.parts, back.parts, strict=True):
        assert a.name == b.name
        for name in ("vertices", "triangles", "uvs", "texture", "class_ids"):
            assert getattr(a, name).tobytes() == getattr(b, name).tobytes()


def test_equal_meshes_give_equal_bytes(mesh, tmp_path):
    for name in ("a.glb", "b.glb"):
        write_textured_mesh(mesh, tmp_path / name)
    assert (tmp_path / "a.glb").read_bytes() == (tmp_path / "b.glb").read_bytes()


def test_other_programs_see_the_surface_upright(tmp_path):
    """trimesh reads the file on its own: Z up becomes Y up, and the texture's first row is at v = 1."""
    import trimesh

    corners = np.array([[0, 0, 0], [2, 0, 0], [2, 0, 3], [0, 0, 3]], float)
    texture = np.zeros((8, 8, 3), np.uint8)
    texture[:4] = (250, 10, 10)
    wall = TexturedPart("wall", corners, [[0, 1, 2], [0, 2, 3]], corners[:, [0, 2]] / (2, 3), texture, [0, 0])
    write_textured_mesh(TexturedMesh((wall,)), tmp_path / "wall.glb")
    scene = trimesh.load(tmp_path / "wall.glb")
    assert scene.bounds == pytest.approx(np.array([[0, 0, 0], [2, 3, 0]]), abs=1e-6)
    (geometry,) = scene.geometry.values()
    top = geometry.visual.material.baseColorTexture.convert("RGB").getpixel((1, 1))
    assert top == (250, 10, 10)
    upper = geometry.vertices[:, 2] > 1
    assert np.diff([geometry.visual.uv[~upper, 1].mean(), geometry.visual.uv[upper, 1].mean()])[0] == pytest.approx(1)


def test_file_follows_the_format(mesh, tmp_path):
    write_textured_mesh(mesh, tmp_path / "scene.glb")
    data = (tmp_path / "scene.glb").read_bytes()
    magic, version, length, json_length, kind = struct.unpack_from("<4sIII4s", data)
    assert (magic, version, length, kind) == (b"glTF", 2, len(data), b"JSON")
    document = json.loads(data[20 : 20 + json_length])
    assert json_length % 4 == 0
    assert all(view["byteOffset"] % 4 == 0 for view in document["bufferViews"])
    kinds = [document["accessors"][p["indices"]]["componentType"] for p in document["meshes"][0]["primitives"]]
    assert kinds == [5123, 5125, 5123]


def test_an_empty_mesh_comes_back(tmp_path):
    write_textured_mesh(TexturedMesh((), ("unknown", "rug")), tmp_path / "empty.glb")
    assert read_textured_mesh(tmp_path / "empty.glb").class_names == ("unknown", "rug")


def test_broken_files_are_refused(mesh, tmp_path):
    with pytest.raises(InvalidRequest, match="no such file"):
        read_textured_mesh(tmp_path / "none.glb")
    path = tmp_path / "scene.glb"
    write_textured_mesh(mesh, path)
    whole = path.read_bytes()
    for damaged in (b"", b"solid ascii stl", whole[:-100], whole[:12]):
        path.write_bytes(damaged)
        with pytest.raises(InvalidRequest, match="Make it again"):
            read_textured_mesh(path)
    for old, new in (
        (b'"componentType":5126', b'"componentType":5120'),
        (b'"type":"VEC2"', b'"type":"MAT2"'),
        (b'"POSITION":0', b'"POSITION":9'),
        (b'"scenes":[', b'"scenes":{['),
        (b"IHDR", b"IHDX"),
    ):
        assert old in whole
        path.write_bytes(whole.replace(old, new)[: len(whole)])
        with pytest.raises(InvalidRequest, match=r"scene\.glb: must be a \.glb .* Make it again"):
            read_textured_mesh(path)
    path.unlink()
    with pytest.raises(InvalidRequest, match="folder"):
        write_textured_mesh(mesh, tmp_path / "missing" / "scene.glb")

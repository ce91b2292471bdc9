"""Meshes are written as other programs read them."""

import numpy as np
import trimesh

from lyra_backend.io.meshes import write_obj


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

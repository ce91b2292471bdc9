"""Triangle meshes: Wavefront OBJ is written here, binary glTF is read by trimesh.

A library for all formats takes longer to load than an OBJ to write.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import InvalidRequest
from ..types.mesh import TriangleMesh

__all__ = ["MAX_TRIANGLES", "read_glb", "write_obj"]

#: More than this is a mesh to look at: engines load and step it slowly.
MAX_TRIANGLES = 1_000_000
_ROWS_AT_ONCE = 65_536


def write_obj(path: Path, vertices: npt.NDArray[np.floating], triangles: npt.NDArray[np.integer]) -> None:
    """Write vertices (V, 3) [m] with eight decimals and triangles (F, 3), counter-clockwise seen from the front."""
    with path.open("w", encoding="ascii", newline="\n") as file:
        _write_rows(file.write, "v %.8f %.8f %.8f\n", np.asarray(vertices, np.float64))
        # corners are counted from 1
        _write_rows(file.write, "f %d %d %d\n", np.asarray(triangles, np.int64) + 1)


def _write_rows(write: Callable[[str], object], line: str, rows: npt.NDArray[np.generic]) -> None:
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        part = rows[start : start + _ROWS_AT_ONCE]
        write(line * len(part) % tuple(part.ravel().tolist()))


def read_glb(path: Path) -> TriangleMesh:
    """Read the triangles of a binary glTF file, every node where its scene has it, in the file's axes and units.

    Materials are not looked at, and nothing outside the file is.

    Raises:
        InvalidRequest: no such file, a damaged one, no triangles or more than `MAX_TRIANGLES`, or coordinates that are
            not finite.
    """
    if not path.is_file():
        raise InvalidRequest(f"{path}: there is no such file. Check the path.")
    mesh = _loaded(path)
    count = len(mesh.faces)
    if not count:
        raise InvalidRequest(f"{path}: holds no mesh of triangles. Export the collider mesh as .glb.")
    if count > MAX_TRIANGLES:
        raise InvalidRequest(
            f"{path}: a collider must have at most {MAX_TRIANGLES:,} triangles, got {count:,}. Export the collider "
            "mesh, not the one to look at, or decimate it."
        )
    return TriangleMesh(np.asarray(mesh.vertices), np.asarray(mesh.faces, np.int64), str(path))


def _loaded(path: Path) -> Any:
    """Return trimesh's mesh of a file that may hold anything."""
    import trimesh

    # from memory, so that links in the document lead nowhere
    data = io.BytesIO(path.read_bytes())
    try:
        with np.errstate(invalid="ignore", over="ignore"):  # what is not finite is refused later
            scene = trimesh.load_scene(data, file_type="glb", process=False, skip_materials=True)
            return scene.to_mesh()
    except Exception as error:  # trimesh's readers raise nearly anything on damaged files
        raise InvalidRequest(
            f"{path}: cannot be read as binary glTF 2.0 ({type(error).__name__}: {error}). Export it again as .glb, "
            "without compression."
        ) from error

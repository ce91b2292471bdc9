"""Textured meshes as one binary glTF 2.0 file (.glb) with its pictures inside.

Positions stay as they are (Z up, metres) under a node that turns them to glTF's Y up, and v coordinates change their
sign, which for repeating textures is the flip that glTF wants: both come back bit for bit. Classes lie in an accessor
of their own that ``extras`` name; other programs do not see it.
"""

from __future__ import annotations

import io
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..atomic import atomic_write
from ..errors import InvalidRequest
from ..types import TexturedMesh, TexturedPart

__all__ = ["png_bytes", "read_textured_mesh", "write_textured_mesh"]

_MAGIC, _JSON, _BIN = 0x46546C67, 0x4E4F534A, 0x004E4942
_HALF = 0.5**0.5
_COMPONENTS = {"f4": 5126, "u4": 5125, "u2": 5123}
_KINDS = {code: kind for kind, code in _COMPONENTS.items()}
_TYPES = {1: "SCALAR", 2: "VEC2", 3: "VEC3"}
_WIDTHS = {name: width for width, name in _TYPES.items()}
#: Of v; the way there and back.
_FLIP = np.array([1, -1], np.float32)
_ARRAY_BUFFER, _ELEMENT_ARRAY_BUFFER = 34962, 34963


def write_textured_mesh(mesh: TexturedMesh, path: Path) -> None:
    """Write `mesh` to `path` (.glb); equal meshes give equal bytes.

    Raises:
        InvalidRequest: the folder does not exist.
        WriteFailed: nothing can be written there.
    """
    blob = _Blob()
    parts = [_describe(part, i, blob) for i, part in enumerate(mesh.parts)]
    document: dict[str, Any] = {
        "asset": {"version": "2.0", "generator": "Lyra SceneGen"},
        "scene": 0,
        "scenes": [{"nodes": [0], "extras": {"class_names": list(mesh.class_names)}}],
        "nodes": [{"rotation": [-_HALF, 0.0, 0.0, _HALF]}],
    }
    if parts:
        document["nodes"] = [{**document["nodes"][0], "mesh": 0}]
        document |= {
            "meshes": [{"primitives": [primitive for primitive, _, _ in parts]}],
            "materials": [material for _, material, _ in parts],
            "textures": [{"source": i, "sampler": 0} for i in range(len(parts))],
            "images": [image for _, _, image in parts],
            "samplers": [{"magFilter": 9729, "minFilter": 9987, "wrapS": 10497, "wrapT": 10497}],
            "accessors": blob.accessors,
            "bufferViews": blob.views,
            "buffers": [{"byteLength": len(blob.data)}],
        }
    text = json.dumps(document, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    chunks = [(_JSON, text)] + ([(_BIN, bytes(blob.data))] if parts else [])
    body = b"".join(struct.pack("<II", len(data), kind) + data for kind, data in chunks)
    atomic_write(path, struct.pack("<III", _MAGIC, 2, 12 + len(body)) + body)


def read_textured_mesh(path: Path) -> TexturedMesh:
    """Read what :func:`write_textured_mesh` wrote.

    Raises:
        InvalidRequest: no such file, or not a .glb that this package wrote.
    """
    if not path.is_file():
        raise InvalidRequest(f"{path}: there is no such file.")
    data = path.read_bytes()
    try:
        document, blob = _chunks(data)
        names = tuple(str(n) for n in document["scenes"][0]["extras"]["class_names"])
        primitives = document["meshes"][0]["primitives"] if "meshes" in document else []
        parts = tuple(_part(document, blob, primitive) for primitive in primitives)
    except Exception as error:  # any place of the document may lack something or be something else
        raise InvalidRequest(
            f"{path}: must be a .glb with textures and classes as this package writes it ({error!r}). Make it again."
        ) from error
    return TexturedMesh(parts, names)


class _Blob:
    """The binary chunk and what lies where in it."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.views: list[dict[str, int]] = []
        self.accessors: list[dict[str, Any]] = []

    def add_bytes(self, data: bytes, target: int | None = None) -> int:
        """Append a buffer view and return its index."""
        view = {"buffer": 0, "byteOffset": len(self.data), "byteLength": len(data)}
        self.views.append(view if target is None else {**view, "target": target})
        self.data += data + b"\0" * (-len(data) % 4)
        return len(self.views) - 1

    def add_array(self, values: npt.NDArray, target: int | None = None, bounds: bool = False) -> int:
        """Append an accessor and return its index."""
        plain = np.ascontiguousarray(values, values.dtype.newbyteorder("<"))
        accessor: dict[str, Any] = {
            "bufferView": self.add_bytes(plain.tobytes(), target),
            "componentType": _COMPONENTS[values.dtype.str[1:]],
            "count": len(values),
            "type": _TYPES[1 if values.ndim == 1 else values.shape[1]],
        }
        if bounds:
            accessor |= {"min": values.min(axis=0).tolist(), "max": values.max(axis=0).tolist()}
        self.accessors.append(accessor)
        return len(self.accessors) - 1


def _describe(part: TexturedPart, index: int, blob: _Blob) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Append a part's data; returns its primitive, material and image."""
    if not len(part.triangles):
        raise InvalidRequest(f"{part.name}: a part without triangles cannot be written; leave it out.")
    # glTF keeps the largest index of each integer type for itself.
    kind = np.uint16 if len(part.vertices) < 65535 else np.uint32
    primitive = {
        "attributes": {
            "POSITION": blob.add_array(part.vertices, _ARRAY_BUFFER, bounds=True),
            "TEXCOORD_0": blob.add_array(part.uvs * _FLIP, _ARRAY_BUFFER),
        },
        "indices": blob.add_array(part.triangles.astype(kind).ravel(), _ELEMENT_ARRAY_BUFFER),
        "material": index,
        "extras": {"class_ids": blob.add_array(part.class_ids)},
    }
    surface = {"baseColorTexture": {"index": index}, "metallicFactor": 0.0, "roughnessFactor": 0.8}
    image = {"mimeType": "image/png", "bufferView": blob.add_bytes(png_bytes(part.texture))}
    return primitive, {"name": part.name, "pbrMetallicRoughness": surface}, image


def png_bytes(image: npt.NDArray[np.uint8]) -> bytes:
    """Return an sRGB image (H, W, 3) as PNG, with a palette where 256 colours are enough; same image, same bytes."""
    from PIL import Image

    codes = image.astype(np.int64) @ (65536, 256, 1)
    palette, index = np.unique(codes.ravel(), return_inverse=True)
    if len(palette) <= 256:
        picture = Image.fromarray(index.reshape(codes.shape).astype(np.uint8), mode="P")
        picture.putpalette(
            np.stack([palette >> 16, palette >> 8 & 255, palette & 255], axis=1).astype(np.uint8).tobytes()
        )
    else:
        picture = Image.fromarray(np.ascontiguousarray(image))
    out = io.BytesIO()
    picture.save(out, format="PNG", compress_level=9)
    return out.getvalue()


def _chunks(data: bytes) -> tuple[dict[str, Any], bytes]:
    magic, version, length = struct.unpack_from("<III", data)
    if magic != _MAGIC or version != 2 or length != len(data):
        raise ValueError("not binary glTF 2.0, or cut short")
    found: dict[int, bytes] = {}
    place = 12
    while place < len(data):
        size, kind = struct.unpack_from("<II", data, place)
        found[kind] = data[place + 8 : place + 8 + size]
        place += 8 + size
    return json.loads(found[_JSON]), found.get(_BIN, b"")


def _part(document: dict[str, Any], blob: bytes, primitive: dict[str, Any]) -> TexturedPart:
    from PIL import Image

    def array(index: int) -> npt.NDArray:
        accessor = document["accessors"][index]
        view = document["bufferViews"][accessor["bufferView"]]
        kind, width = _KINDS[accessor["componentType"]], _WIDTHS[accessor["type"]]
        # NumPy takes -1 for "all there is", whatever the rest of the document says.
        flat = np.frombuffer(blob, f"<{kind}", max(accessor["count"] * width, 0), view["byteOffset"])
        return flat if width == 1 else flat.reshape(-1, width)

    material = document["materials"][primitive["material"]]
    texture = document["textures"][material["pbrMetallicRoughness"]["baseColorTexture"]["index"]]
    view = document["bufferViews"][document["images"][texture["source"]]["bufferView"]]
    picture = Image.open(io.BytesIO(blob[view["byteOffset"] : view["byteOffset"] + view["byteLength"]]))
    return TexturedPart(
        name=str(material["name"]),
        vertices=array(primitive["attributes"]["POSITION"]),
        triangles=array(primitive["indices"]).reshape(-1, 3),
        uvs=array(primitive["attributes"]["TEXCOORD_0"]) * _FLIP,
        texture=np.asarray(picture.convert("RGB")),
        class_ids=array(primitive["extras"]["class_ids"]),
    )

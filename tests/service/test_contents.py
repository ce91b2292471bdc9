"""What uploads are told to be, and which are not taken."""

from __future__ import annotations

import gzip
import io
import time
from pathlib import Path

import numpy as np
import pytest

from lyra_backend.service.contents import inspect
from lyra_backend.service.refusal import Refused
from lyra_backend.service.settings import Limits

from . import files

LIMITS = Limits(gaussians=1000, unpacked_bytes=10_000_000)


def kind_of(data: bytes, folder: Path, declared: str | None = None) -> str:
    path = folder / "part"
    path.write_bytes(data)
    return inspect(path, declared, LIMITS)


def array(values: object) -> bytes:
    data = io.BytesIO()
    np.save(data, np.asarray(values), allow_pickle=True)
    return data.getvalue()


SOUND = {
    "png": files.picture(),
    "jpeg": files.picture("JPEG"),
    "webp": files.picture("WEBP"),
    "npy": array(np.ones((4, 4), np.float32)),
    "npz": files.npz(),
    "ply": files.ply(),
    "spz": files.spz_bomb(size=0),
    "sog": files.archive(**{"meta.json": b"{}", "sh0.webp": files.picture("WEBP")}),
    "glb": files.glb({"asset": {"version": "2.0"}, "buffers": [{"byteLength": 3}]}),
    "json": b' {"world_id": "x"}',
    "mp4": b"\0\0\0\x20ftypisom\0\0\0\0",
}
HARMFUL = {
    "pixels": (413, files.png_bomb),
    "zip": (413, files.zip_bomb),
    "gzip": (413, files.spz_bomb),
    "rows": (413, lambda: files.ply(1001)),
    "points": (413, lambda: files.spz_bomb(1001, 0)),
    "shape": (413, lambda: array(np.zeros(1, np.float32)).replace(b"(1,)", b"(999999999,)")),
    "pixels in sog": (413, lambda: files.archive(**{"meta.json": b"{}", "sh0.png": files.png_bomb()})),
    "glb of nothing": (413, lambda: files.glb({"accessors": [{"count": 10**12}]})),
    "archive": (415, lambda: files.archive(**{"cloud.ply": files.ply()})),
    "usdz": (415, lambda: files.archive(**{"scene.usdc": b"PXR-USDC"})),
    "usda": (415, lambda: b"#usda 1.0\n( subLayers = [@/etc/passwd@] )"),
    "usdc": (415, lambda: b"PXR-USDC\0\0"),
    "pickle": (415, lambda: b"\x80\x04\x95pickle"),
    "gzip of text": (415, lambda: gzip.compress(b"something else")),
    "playlist": (415, lambda: b"#EXTM3U\nhttp://localhost/"),
    "svg": (415, lambda: b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
    "objects": (422, lambda: array(np.array([{"a": 1}], dtype=object))),
    "link": (422, files.zip_with_link),
    "path above": (422, lambda: files.archive(**{"../depth.npy": b"x"})),
    "absolute path": (422, lambda: files.archive(**{"/depth.npy": b"x"})),
    "path of Windows": (422, lambda: files.archive(**{"C:depth.npy": b"x"})),
    "glb with a path": (422, lambda: files.glb({"buffers": [{"uri": "file:///etc/passwd"}]})),
    "glb with a URL": (422, lambda: files.glb({"images": [{"uri": "http://localhost/a.png"}]})),
    "second stream": (422, lambda: files.spz_bomb(size=0) + files.spz_bomb(size=0)),
    "cut off zip": (422, lambda: files.npz()[:-30]),
    "deep": (422, lambda: b'{"deep": ' + b"[" * 100_000),
    "cut off png": (422, lambda: b"\x89PNG\r\n\x1a\nnothing"),
    "cut off glb": (422, lambda: b"glTF"),
}


@pytest.mark.parametrize("kind", SOUND)
def test_content_tells_the_kind(kind: str, tmp_path: Path) -> None:
    assert kind_of(SOUND[kind], tmp_path) == kind
    assert kind_of(SOUND[kind], tmp_path, "splat") == kind, "what is declared does not count where content speaks"


def test_kinds_without_a_mark_are_declared(tmp_path: Path) -> None:
    assert kind_of(bytes(64), tmp_path, "splat") == "splat"
    assert kind_of(bytes(4096), tmp_path, "ksplat") == "ksplat"
    for data, declared in ((bytes(65), "splat"), (bytes(64), "ksplat")):
        with pytest.raises(Refused) as refused:
            kind_of(data, tmp_path, declared)
        assert refused.value.status_code == 422


@pytest.mark.parametrize("what", HARMFUL)
def test_harmful_and_damaged_files_are_not_taken(what: str, tmp_path: Path) -> None:
    status, make = HARMFUL[what]
    data = make()
    begun = time.process_time()
    with pytest.raises(Refused) as refused:
        kind_of(data, tmp_path)
    assert refused.value.status_code == status, refused.value.detail
    assert str(tmp_path) not in refused.value.detail
    assert time.process_time() - begun < 5.0, "a bomb is not set off to find out"


def test_an_archive_cannot_lie_about_its_sizes(tmp_path: Path) -> None:
    packed = bytearray(files.npz())
    central = packed.rindex(b"PK\x01\x02")
    packed[central + 24 : central + 28] = (10).to_bytes(4, "little")
    with pytest.raises(Refused) as refused:
        kind_of(bytes(packed), tmp_path)
    assert refused.value.status_code == 422

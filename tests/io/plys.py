"""PLY files written the slow and obvious way, and clouds to put in them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from lyra_backend.types import Frame, GaussianCloud
from lyra_backend.types.rotations import normalise_quats

CORE = ("x", "y", "z", "f_dc_0", "f_dc_1", "f_dc_2", "opacity", "scale_0", "scale_1", "scale_2")
ROTATION = ("rot_0", "rot_1", "rot_2", "rot_3")


def stored_columns(count: int, sh_degree: int, seed: int = 0) -> dict[str, npt.NDArray[np.float64]]:
    """Return plausible stored values by column name."""
    rng = np.random.default_rng(seed)
    higher = 3 * ((sh_degree + 1) ** 2 - 1)
    names = (*CORE, *ROTATION, *(f"f_rest_{i}" for i in range(higher)))
    columns = {name: rng.normal(size=count).astype(np.float32).astype(np.float64) for name in names}
    for name in ("scale_0", "scale_1", "scale_2"):
        columns[name] -= 4.0
    return columns


def ply_bytes(
    columns: dict[str, npt.NDArray[np.float64]],
    *,
    format: str = "binary_little_endian",
    types: dict[str, str] | None = None,
    before: str = "",
    before_data: bytes = b"",
    newline: str = "\n",
) -> bytes:
    """Return a PLY file with one element `vertex`; PLY types by column, "float" if not named."""
    codes = {"float": "f4", "double": "f8", "int": "i4", "uchar": "u1", "short": "i2"}
    given = types or {}
    kinds = {name: given.get(name, "float") for name in columns}
    count = len(next(iter(columns.values())))
    lines = ["ply", f"format {format} 1.0", "comment made by a test", *before.splitlines(), f"element vertex {count}"]
    lines += [f"property {kinds[name]} {name}" for name in columns]
    header = newline.join([*lines, "end_header", ""]).encode("ascii")
    if format == "ascii":
        rows = zip(*columns.values(), strict=True)
        return (
            header + before_data + "".join(" ".join(f"{v!r}" for v in map(float, row)) + "\n" for row in rows).encode()
        )
    order = {"binary_little_endian": "<", "binary_big_endian": ">"}[format]
    rows_ = np.empty(count, [(name, order + codes[kinds[name]]) for name in columns])
    for name, values in columns.items():
        rows_[name] = values
    return header + before_data + rows_.tobytes()


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def expected(columns: dict[str, npt.NDArray[np.float64]]) -> dict[str, npt.NDArray[np.float64]]:
    """Return the physical values of stored columns, one Gaussian and coefficient at a time where order matters."""
    count = len(columns["x"])
    higher = sum(name.startswith("f_rest_") for name in columns) // 3
    sh = np.zeros((count, 1 + higher, 3))
    for channel in range(3):
        sh[:, 0, channel] = columns[f"f_dc_{channel}"]
        for k in range(higher):
            sh[:, 1 + k, channel] = columns[f"f_rest_{channel * higher + k}"]
    quats = np.stack([columns[name] for name in ROTATION], axis=1)
    return {
        "positions": np.stack([columns[a] for a in "xyz"], axis=1),
        "scales": np.exp(np.stack([columns[f"scale_{i}"] for i in range(3)], axis=1)),
        "opacities": 1 / (1 + np.exp(-columns["opacity"])),
        "quats_wxyz": quats / np.linalg.norm(quats, axis=1, keepdims=True),
        "sh": sh,
    }


def assert_same(cloud: GaussianCloud, want: dict[str, npt.NDArray[np.float64]], tolerance: float = 1e-6) -> None:
    """Check a cloud against expected values: centres and SH to the bit, the rest relative to `tolerance`."""
    assert np.array_equal(cloud.positions, want["positions"].astype(np.float32))
    assert np.array_equal(cloud.sh, want["sh"].astype(np.float32))
    np.testing.assert_allclose(cloud.scales, want["scales"], rtol=tolerance)
    np.testing.assert_allclose(cloud.opacities, want["opacities"], rtol=tolerance)
    np.testing.assert_allclose(cloud.quats_wxyz, want["quats_wxyz"], atol=tolerance)


def make_cloud(count: int, sh_degree: int, seed: int = 0) -> GaussianCloud:
    """Return a cloud within a few metres, colours inside [0, 1]."""
    rng = np.random.default_rng(seed)
    sh = np.clip(rng.normal(0, 0.3, (count, (sh_degree + 1) ** 2, 3)), -0.95, 0.95).astype(np.float32)
    sh[:, 0] *= 1.8
    return GaussianCloud(
        rng.uniform(-3, 3, (count, 3)).astype(np.float32),
        rng.lognormal(-4, 0.5, (count, 3)).astype(np.float32),
        normalise_quats(rng.normal(size=(count, 4)).astype(np.float32)),
        rng.uniform(0.02, 0.98, count).astype(np.float32),
        sh,
        Frame.GENERATOR,
    )

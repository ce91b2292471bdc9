"""NuRec payloads: the ``.nurec`` file of the packages in which Isaac Sim 5 takes Gaussians.

gzip around one msgpack map: a version, a configuration of the renderer, and 16-bit tensors as raw little-endian
bytes with their shapes beside them. Values are stored as trained: logarithms of scales, logits of opacities. NVIDIA
publishes no description; key set, configuration and types are those of files that 3DGRUT's exporter wrote.

Positions are 16 bit as well, so they are stored about an offset, which whoever places the payload has to add. What is
written always has SH of degree 3, the higher bands zero where a cloud has less: readers take the degree from three
places, and files of degree 1 and 2 were reported to show black. Reading is in ``nurec_reader``.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import msgpack
import numpy as np
import numpy.typing as npt

from ..errors import InvalidRequest
from ..types.gaussians import GaussianCloud
from .stored_gaussians import log_scales, logits

__all__ = [
    "ACTIVATIONS",
    "DEGREE",
    "LAYER",
    "NODES",
    "ROWS_AT_ONCE",
    "key_of",
    "middle",
    "position_error",
    "write_nurec",
]

Floats = npt.NDArray[np.float32]
Halves = npt.NDArray[np.float16]

ROWS_AT_ONCE = 1 << 16
_VERSION = "0.2.576"
#: SH degree of what is written.
DEGREE = 3
#: Name of the one layer, and what keys of tensors begin with.
LAYER, NODES = "gaussians", ".gaussians_nodes."
_HALF_MAX = float(np.finfo(np.float16).max)
#: Halves are within 1 mm up to 4 m.
_FINE_REACH_M = 4.0
#: Percentiles between which the part of a large scene lies that precision is for.
_CORE = (1.0, 99.0)

#: How files say that values are stored as trained.
ACTIVATIONS = {"density_activation": "sigmoid", "scale_activation": "exp", "rotation_activation": "normalize"}
_PARTICLE = {
    "density_kernel_planar": False,
    "density_kernel_degree": 2,
    "density_kernel_density_clamping": True,
    "density_kernel_min_response": 0.0113,
    "radiance_sph_degree": DEGREE,
}
_GAUSSIANS = {
    "name": "sh-gaussians",
    "device": "cuda",
    **ACTIVATIONS,
    "precision": 16,
    "particle": _PARTICLE,
    "transmittance_threshold": 0.0001,
}
_PROJECTION = {
    "n_rolling_shutter_iterations": 5,
    "ut_dim": 3,
    "ut_alpha": 1.0,
    "ut_beta": 2.0,
    "ut_kappa": 0.0,
    "ut_require_all_sigma_points": False,
    "image_margin_factor": 0.1,
    "min_projected_ray_radius": 0.5477225575051661,
}
_CULLING = {
    "rect_bounding": True,
    "tight_opacity_bounding": True,
    "tile_based": True,
    "near_clip_distance": 1e-8,
    "far_clip_distance": 3.402823466e38,
}
_RENDERER = {
    "name": "3dgut-nrend",
    "log_level": 3,
    "force_update": False,
    "update_step_train_batch_end": False,
    "per_ray_features": False,
    "global_z_order": True,
    "projection": _PROJECTION,
    "culling": _CULLING,
    "render": {"mode": "kbuffer", "k_buffer_size": 0},
}
_CONFIG = {
    "layers": {LAYER: _GAUSSIANS},
    "renderer": _RENDERER,
    "name": "gaussians_primitive",
    "appearance_embedding": {"name": "skip-appearance", "embedding_dim": 0, "device": "cuda"},
    "background": {"name": "skip-background", "device": "cuda", "composite_in_linear_space": False},
}


def middle(positions: Floats) -> npt.NDArray[np.float64]:
    """Return the point (3,) [m] about which centres (N, 3) [m] lose least in 16 bits.

    It is the middle of their box. Where that is too large for millimetres anyway, it is the middle of their core, so
    that a few strays do not cost everything else its precision.
    """
    if not len(positions):
        return np.zeros(3)
    columns = [positions[:, k] for k in range(3)]
    ends = np.array([(c.min(), c.max()) for c in columns], np.float64)
    if (ends[:, 1] - ends[:, 0]).max() > 2 * _FINE_REACH_M:
        ends = np.array([np.percentile(c, _CORE) for c in columns], np.float64)
    return ends.mean(axis=1)


def position_error(positions: Floats, offset: npt.NDArray[np.float64]) -> float:
    """Return how far off [m] the worst coordinate of centres (N, 3) [m] is when stored about `offset` (3,) [m].

    Raises:
        InvalidRequest: a centre lies beyond the largest half, 65504 m from `offset`.
    """
    worst = 0.0
    for start in range(0, len(positions), ROWS_AT_ONCE):
        exact = positions[start : start + ROWS_AT_ONCE] - offset
        _check_range("positions", exact)
        worst = max(worst, float(np.abs(exact.astype(np.float16) - exact).max()))
    return worst


def write_nurec(file: BinaryIO, cloud: GaussianCloud, offset: npt.NDArray[np.float64]) -> float:
    """Write the payload of a cloud, its centres about `offset` (3,) [m]; return what :func:`position_error` says.

    Equal clouds give equal bytes. Memory beside the cloud is a few megabytes: every tensor is converted and written
    block by block.

    Raises:
        InvalidRequest: positions or SH lie beyond the largest half.
    """
    error = position_error(cloud.positions, offset)
    _check_range("SH", cloud.sh)
    tensors = _tensors(cloud, offset)
    packer = msgpack.Packer()
    # Stored, not compressed: numbers of trained scenes hardly shrink, and the writer that readers know does the same.
    with gzip.GzipFile("", "wb", compresslevel=0, fileobj=file, mtime=0) as stream:
        head = {"version": _VERSION, "model": "nre", "config": _CONFIG}
        stream.write(packer.pack_map_header(1) + packer.pack("nre_data") + packer.pack_map_header(len(head) + 1))
        stream.write(b"".join(packer.pack(word) for pair in head.items() for word in pair))
        stream.write(packer.pack("state_dict") + packer.pack_map_header(1 + 2 * len(tensors)))
        stream.write(packer.pack("._extra_state") + packer.pack({"obj_track_ids": {LAYER: []}}))
        for tensor in tensors:
            stream.write(packer.pack(key_of(tensor.name)) + _bin_header(tensor.size_bytes))
            for block in tensor.blocks():
                stream.write(np.ascontiguousarray(block).view(np.uint8).data)
        for tensor in tensors:
            stream.write(packer.pack(key_of(tensor.name) + ".shape") + packer.pack(list(tensor.shape)))
    return error


@dataclass(frozen=True)
class _Tensor:
    """A tensor to be written: `rows` converts those of a slice of the Gaussians."""

    name: str
    shape: tuple[int, ...]
    rows: Callable[[slice], npt.NDArray[Any]]
    item_bytes: int = 2

    @property
    def size_bytes(self) -> int:
        return int(np.prod(self.shape, dtype=np.int64)) * self.item_bytes

    def blocks(self) -> Iterator[npt.NDArray[Any]]:
        for start in range(0, self.shape[0] if self.shape else 1, ROWS_AT_ONCE):
            yield self.rows(slice(start, start + ROWS_AT_ONCE))


def _tensors(cloud: GaussianCloud, offset: npt.NDArray[np.float64]) -> tuple[_Tensor, ...]:
    """Return what a cloud is written as, in the order in which known writers write."""
    count, width = cloud.count, 3 * ((DEGREE + 1) ** 2 - 1)

    def half(convert: Callable[[slice], npt.NDArray[Any]]) -> Callable[[slice], Halves]:
        return lambda part: convert(part).astype("<f2")

    return (
        _Tensor("positions", (count, 3), half(lambda part: cloud.positions[part] - offset)),
        _Tensor("rotations", (count, 4), half(lambda part: cloud.quats_wxyz[part])),
        _Tensor("scales", (count, 3), half(lambda part: log_scales(cloud.scales[part]))),
        _Tensor("densities", (count, 1), half(lambda part: logits(cloud.opacities[part]))),
        _Tensor("extra_signal", (count, 0), half(lambda part: cloud.positions[part, :0])),
        _Tensor("features_albedo", (count, 3), half(lambda part: cloud.sh[part, 0])),
        _Tensor("features_specular", (count, width), lambda part: _specular(cloud.sh[part], width)),
        _Tensor("n_active_features", (), lambda part: np.array([DEGREE], "<i8"), 8),
    )


def _specular(sh: Floats, width: int) -> Halves:
    """Return SH above band 0 as (n, width): coefficient by coefficient, each as red, green, blue."""
    higher = sh[:, 1:].reshape(len(sh), -1)
    rows = np.zeros((len(sh), width), "<f2")
    rows[:, : higher.shape[1]] = higher
    return rows


def key_of(name: str) -> str:
    """Return what the tensor `name` is called in a payload."""
    return f"{NODES}{LAYER}.{name}"


def _bin_header(size: int) -> bytes:
    """Return what msgpack puts before `size` bytes; the package itself only packs bytes that are there as a whole.

    The formats bin 8, bin 16 and bin 32 of msgpack's specification, the smallest that fits.
    """
    if size >= 1 << 32:
        raise InvalidRequest(f"NuRec tensors must stay below 4 GiB, got {size / 2**30:.1f} GiB; split the scene.")
    for code, length in ((b"\xc4", 1), (b"\xc5", 2)):
        if size < 1 << 8 * length:
            return code + size.to_bytes(length, "big")
    return b"\xc6" + size.to_bytes(4, "big")


def _check_range(name: str, values: npt.NDArray[np.floating]) -> None:
    if values.size and max(float(values.max()), -float(values.min())) > _HALF_MAX:
        raise InvalidRequest(
            f"NuRec: {name} must lie within +-{_HALF_MAX:.0f} to be 16-bit floats. Scale the scene to metres and clean "
            "it, or write particle_field."
        )

"""Reading NuRec payloads; what they are is told in ``nurec``.

What is not known to be read rightly is refused: values that were activated already, and scenes of several layers.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgpack
import numpy as np
import numpy.typing as npt

from ..errors import InvalidRequest, shown
from ..types.gaussians import GaussianCloud
from ..types.report import Outcome
from .nurec import ACTIVATIONS, DEGREE, LAYER, NODES, ROWS_AT_ONCE, key_of
from .stored_gaussians import StoredGaussians

__all__ = ["read_nurec"]

#: Numbers hardly shrink and padding shrinks well, but nothing unpacks to this many times its size that is no attack.
_MOST_EXPANSION = 100
_SMALL_BYTES = 1 << 26


def read_nurec(data: bytes, subject: str, *, base_colors_only: bool = False) -> Outcome[GaussianCloud]:
    """Read a payload, in the coordinates it is stored in: what places it adds the offset.

    Bands that are zero throughout, as writers fill up with, are not part of the cloud. Rows with NaN, infinite or
    absurd values are dropped; counts and findings say how many.

    Args:
        data: the whole ``.nurec`` file.
        subject: names it in messages.
        base_colors_only: leave view-dependent colours out.

    Raises:
        InvalidRequest: it is damaged, no NuRec payload, of several layers, or without a usable Gaussian.
    """
    nre = _entry(_unpacked(data, subject), "nre_data", dict, subject)
    _check_config(_entry(nre, "config", dict, subject), subject)
    state = _entry(nre, "state_dict", dict, subject)
    layers = sorted({str(key)[len(NODES) :].partition(".")[0] for key in state if str(key).startswith(NODES)})
    if layers != [LAYER]:
        raise InvalidRequest(
            f"{subject}: only payloads with the one layer {LAYER!r} can be read, this one has "
            f"{', '.join(layers) or 'none'}. Export static Gaussians alone."
        )
    return _cloud(_State(state, subject), 0 if base_colors_only else DEGREE)


def _unpacked(data: bytes, subject: str) -> Any:
    """Return what gzip and msgpack hold."""
    if not data.startswith(b"\x1f\x8b"):
        raise InvalidRequest(f"{subject}: not a NuRec payload: it is not gzip. Check its real format.")
    limit = max(_MOST_EXPANSION * len(data), _SMALL_BYTES)
    try:
        stream = zlib.decompressobj(wbits=31)  # 31: with gzip's head and checksum
        plain = stream.decompress(data, limit)
        if not stream.eof:
            why = f"it unpacks to more than {limit:,} bytes" if len(plain) == limit else "it is cut off"
            raise InvalidRequest(f"{subject}: damaged: {why}. Export it again.")
        return msgpack.unpackb(plain, raw=False, strict_map_key=True)
    except InvalidRequest:
        raise
    except (zlib.error, ValueError, TypeError, msgpack.UnpackException) as error:
        reason = f"{type(error).__name__}: {error}".rstrip(".: ")
        raise InvalidRequest(f"{subject}: damaged, or not a NuRec payload ({reason}). Export it again.") from error


def _entry(data: Any, key: str, kind: type, subject: str) -> Any:
    """Return an entry of a map if it is there and of this type."""
    value = data.get(key) if isinstance(data, dict) else None
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        came = "it is missing" if value is None else f"it is {shown(value)}"
        raise InvalidRequest(f"{subject}: not a NuRec payload that can be read: {key} must be {kind.__name__}, {came}.")
    return value


def _check_config(config: Mapping[str, Any], subject: str) -> None:
    """Refuse values that were stored otherwise than they are read."""
    layer = _entry(_entry(config, "layers", dict, subject), LAYER, dict, subject)
    for key, wanted in ACTIVATIONS.items():
        if layer.get(key) != wanted:
            raise InvalidRequest(
                f"{subject}: {key} must be {wanted!r}, got {shown(layer.get(key))}; what it holds is not known."
            )


class _State:
    """The tensors of a payload."""

    def __init__(self, state: Mapping[str, Any], subject: str) -> None:
        self._state = state
        self.subject = subject

    def rows(self, name: str, *widths: int) -> npt.NDArray[Any]:
        """Return a tensor (N, width) as it is stored, 16 or 32 bit floats; its width must be one of `widths`."""
        shape = self._shape(name)
        if len(shape) != 2 or shape[1] not in widths:
            wanted = " or ".join(f"(N, {width})" for width in widths)
            raise InvalidRequest(f"{self.subject}: {name} must have the shape {wanted}, got {shown(shape)}.")
        data = self._bytes(name)
        items = shape[0] * shape[1]
        for size, number in ((2, "<f2"), (4, "<f4")):
            if len(data) == items * size:
                return np.ndarray(shape, number, buffer=data)
        raise InvalidRequest(
            f"{self.subject}: {name} must be {items:,} floats of 16 or 32 bit, got {len(data):,} bytes."
        )

    def whole_number(self, name: str) -> int:
        """Return a tensor of one 64-bit number."""
        data = self._bytes(name)
        if len(data) != 8 or self._shape(name) not in ([], [1]):
            raise InvalidRequest(f"{self.subject}: {name} must be one 64-bit number, got {len(data):,} bytes.")
        return int.from_bytes(data, "little", signed=True)

    def _bytes(self, name: str) -> bytes:
        data: bytes = _entry(self._state, key_of(name), bytes, self.subject)
        return data

    def _shape(self, name: str) -> Sequence[int]:
        shape: Sequence[int] = _entry(self._state, key_of(name) + ".shape", list, self.subject)
        if not all(isinstance(n, int) and 0 <= n < 1 << 32 for n in shape):
            raise InvalidRequest(f"{self.subject}: the shape of {name} must be whole numbers, got {shown(shape)}.")
        return shape


def _cloud(state: _State, most_degree: int) -> Outcome[GaussianCloud]:
    """Return the Gaussians of a payload, with SH up to `most_degree`."""
    degree = state.whole_number("n_active_features")
    if not 0 <= degree <= DEGREE:
        raise InvalidRequest(f"{state.subject}: the SH degree must be 0 to {DEGREE}, got {degree}.")
    specular = state.rows("features_specular", *(3 * ((d + 1) ** 2 - 1) for d in range(degree, DEGREE + 1)))
    tensors = (
        state.rows("positions", 3),
        state.rows("features_albedo", 3),
        specular[:, : 3 * ((min(degree, most_degree) + 1) ** 2 - 1)],
        state.rows("densities", 1)[:, 0],
        state.rows("scales", 3),
        state.rows("rotations", 4),
    )
    count = len(tensors[0])
    if {len(tensor) for tensor in tensors} != {count}:
        lengths = ", ".join(f"{len(tensor):,}" for tensor in tensors)
        raise InvalidRequest(f"{state.subject}: tensors must have a row for every Gaussian, got {lengths}.")
    if not count:
        raise InvalidRequest(f"{state.subject}: the payload holds no Gaussians.")
    stored = StoredGaussians(count, tensors[2].shape[1] // 3)
    for start in range(0, count, ROWS_AT_ONCE):
        block = [tensor[start : start + ROWS_AT_ONCE].astype(np.float32) for tensor in tensors]
        positions, dc, higher, opacities, scales, quats = block
        stored.add(
            positions=positions,
            dc=dc,
            higher=higher.reshape(len(higher), higher.shape[1] // 3, 3),
            logit_opacities=opacities,
            log_scales=scales,
            quats_wxyz=quats,
        )
    outcome = stored.finish(state.subject)
    return replace(outcome, value=_without_zero_bands(outcome.value))


def _without_zero_bands(cloud: GaussianCloud) -> GaussianCloud:
    degree = cloud.sh_degree
    while degree and not cloud.sh[:, degree**2 : (degree + 1) ** 2].any():
        degree -= 1
    return cloud if degree == cloud.sh_degree else replace(cloud, sh=cloud.sh[:, : (degree + 1) ** 2])

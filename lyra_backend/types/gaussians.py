"""A cloud of 3D Gaussians: always linear and activated; logs and logits exist only inside file readers and writers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from ..errors import InvalidRequest
from ._arrays import FloatArray, frozen
from .frames import Frame, Similarity
from .rotations import SH_C0, mirror_quats, mirror_sh, multiply_quats, normalise_quats, quat_from_matrix, rotate_sh

__all__ = ["GaussianCloud"]

_QUATS_AT_ONCE = 1 << 18


@dataclass(frozen=True, eq=False)
class GaussianCloud:
    """3D Gaussians.

    Attributes:
        positions: centres [m], shape (N, 3).
        scales: standard deviations along the local axes [m], > 0, shape (N, 3).
        quats_wxyz: unit quaternions, local axes to `frame`, shape (N, 4).
        opacities: peak opacity in [0, 1], shape (N,).
        sh: spherical harmonics of the colour, shape (N, K, 3), K = (degree + 1)^2, DC first; colours are
            display-referred sRGB.
        frame: what the coordinates mean.
        class_ids: semantic class per Gaussian, shape (N,), index into `class_names`; None = unlabelled.
        class_names: names of the classes; index 0 is always "unknown".

    Raises:
        InvalidRequest: shapes disagree, values are not finite or out of range.
    """

    positions: FloatArray
    scales: FloatArray
    quats_wxyz: FloatArray
    opacities: FloatArray
    sh: FloatArray
    frame: Frame = Frame.GENERATOR
    class_ids: npt.NDArray[np.uint16] | None = None
    class_names: tuple[str, ...] = field(default=("unknown",))

    def __post_init__(self) -> None:
        keep = object.__setattr__
        keep(self, "positions", frozen("GaussianCloud.positions", self.positions, (None, 3)))
        count = len(self.positions)
        keep(self, "scales", frozen("GaussianCloud.scales", self.scales, (count, 3)))
        keep(self, "quats_wxyz", frozen("GaussianCloud.quats_wxyz", self.quats_wxyz, (count, 4)))
        keep(self, "opacities", frozen("GaussianCloud.opacities", self.opacities, (count,)))
        keep(self, "sh", frozen("GaussianCloud.sh", self.sh, (count, None, 3)))
        if self.sh.shape[1] not in (1, 4, 9, 16):
            raise InvalidRequest(f"GaussianCloud.sh must hold 1, 4, 9 or 16 coefficients, got {self.sh.shape[1]}.")
        if count and self.scales.min() <= 0:
            raise InvalidRequest(f"GaussianCloud.scales must be > 0 [m], got {self.scales.min()}.")
        if count and not (self.opacities.min() >= 0 and self.opacities.max() <= 1):
            raise InvalidRequest("GaussianCloud.opacities must lie in [0, 1]; apply the sigmoid before.")
        norms = np.einsum("nk,nk->n", self.quats_wxyz, self.quats_wxyz)
        if count and max(norms.max() - 1, 1 - norms.min()) > 1e-3:
            raise InvalidRequest("GaussianCloud.quats_wxyz must be unit quaternions; normalise them before.")
        if self.class_ids is not None:
            ids = frozen("GaussianCloud.class_ids", self.class_ids, (count,), np.uint16)
            if count and int(ids.max()) >= len(self.class_names):
                raise InvalidRequest(
                    f"GaussianCloud.class_ids go up to {ids.max()}, but there are {len(self.class_names)} class_names."
                )
            keep(self, "class_ids", ids)

    @property
    def count(self) -> int:
        """Number of Gaussians."""
        return len(self.positions)

    @property
    def sh_degree(self) -> int:
        return round(self.sh.shape[1] ** 0.5) - 1

    @property
    def base_colors(self) -> FloatArray:
        """View-independent colour in [0, 1], shape (N, 3)."""
        return np.clip(0.5 + SH_C0 * self.sh[:, 0], 0.0, 1.0)

    @property
    def wide_scales(self) -> tuple[FloatArray, FloatArray]:
        """The second largest and the largest scale of each Gaussian, shapes (N,) [m]."""
        a, b, c = (self.scales[:, k] for k in range(3))
        larger = np.maximum(a, b)
        return np.maximum(np.minimum(a, b), np.minimum(larger, c)), np.maximum(larger, c)

    def bounds(self, inflate_sigma: float = 0.0) -> tuple[FloatArray, FloatArray]:
        """Return (low, high) corners (3,) [m] of the centres, grown by `inflate_sigma` times each largest scale.

        Raises:
            InvalidRequest: the cloud is empty.
        """
        if not self.count:
            raise InvalidRequest("GaussianCloud has no bounds: it holds no Gaussians.")
        # NumPy is slow along axes of three: column by column is ten times as fast
        columns = [self.positions[:, k] for k in range(3)]
        if not inflate_sigma:
            return np.array([c.min() for c in columns]), np.array([c.max() for c in columns])
        reach = inflate_sigma * self.wide_scales[1]
        return np.array([(c - reach).min() for c in columns]), np.array([(c + reach).max() for c in columns])

    def select(self, index: npt.NDArray[np.bool_] | npt.NDArray[np.integer]) -> GaussianCloud:
        """Return the Gaussians chosen by a mask (N,) or by indices."""
        return replace(
            self,
            positions=self.positions[index],
            scales=self.scales[index],
            quats_wxyz=self.quats_wxyz[index],
            opacities=self.opacities[index],
            sh=self.sh[index],
            class_ids=None if self.class_ids is None else self.class_ids[index],
        )

    def transformed(self, similarity: Similarity, frame: Frame) -> GaussianCloud:
        """Return the cloud moved into `frame`: positions, scales, orientations and SH bands together."""
        if similarity == Similarity():
            return replace(self, frame=frame)
        rotation = np.asarray(similarity.rotation)
        turned = not np.allclose(rotation, np.eye(3), atol=1e-9)
        quats, sh = self.quats_wxyz, self.sh
        if turned:
            quats = _turned(quats, quat_from_matrix(rotation).astype(np.float32))
            sh = rotate_sh(sh, rotation)
        positions = similarity.apply(self.positions)
        scales = self.scales * np.float32(similarity.scale)
        return replace(self, positions=positions, scales=scales, quats_wxyz=quats, sh=sh, frame=frame)

    def mirrored(self, axis: int) -> GaussianCloud:
        """Return the mirror image, coordinate `axis` (0, 1 or 2) negated: positions, orientations and SH bands."""
        positions = self.positions.copy()
        positions[:, axis] *= -1
        return replace(
            self,
            positions=positions,
            quats_wxyz=mirror_quats(self.quats_wxyz, axis),
            sh=mirror_sh(self.sh, axis),
        )

    @staticmethod
    def concatenate(clouds: Sequence[GaussianCloud]) -> GaussianCloud:
        """Join clouds of one frame, SH degree and class table.

        Raises:
            InvalidRequest: no clouds, or they differ in frame, SH degree or class names.
        """
        if len({(c.frame, c.sh.shape[1], c.class_names, c.class_ids is None) for c in clouds}) != 1:
            raise InvalidRequest("GaussianCloud.concatenate needs clouds of one frame, SH degree and class table.")
        first = clouds[0]
        join = np.concatenate
        return replace(
            first,
            positions=join([c.positions for c in clouds]),
            scales=join([c.scales for c in clouds]),
            quats_wxyz=join([c.quats_wxyz for c in clouds]),
            opacities=join([c.opacities for c in clouds]),
            sh=join([c.sh for c in clouds]),
            class_ids=None
            if first.class_ids is None
            else join([c.class_ids for c in clouds if c.class_ids is not None]),
        )


def _turned(quats: FloatArray, rotation: FloatArray) -> FloatArray:
    """Return orientations (N, 4) turned by a quaternion (4,), some at a time."""
    out = np.empty(quats.shape, np.float32)
    for start in range(0, len(quats), _QUATS_AT_ONCE):
        part = slice(start, start + _QUATS_AT_ONCE)
        out[part] = normalise_quats(multiply_quats(rotation, quats[part]))
    return out

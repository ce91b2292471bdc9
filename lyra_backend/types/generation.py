"""What a generator hands on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import InvalidRequest
from ._arrays import frozen
from .camera import Camera
from .collision import CollisionPart
from .frames import Frame, Similarity
from .gaussians import GaussianCloud
from .keyframe import Keyframe
from .light import SceneLight
from .mesh import TexturedMesh, TriangleMesh
from .sequence import GaussianSequence

__all__ = ["Generation", "Scale"]


@dataclass(frozen=True)
class Scale:
    """How well one unit of the cloud is known to be a metre; `uncertainty_percent` None = unknown scale."""

    uncertainty_percent: float | None = None

    @property
    def is_metric(self) -> bool:
        return self.uncertainty_percent is not None


@dataclass(frozen=True, eq=False)
class Generation:
    """A generated scene before anything is built on it.

    Attributes:
        cloud: the Gaussians.
        cameras: views that are known to lie in free space (the cameras the scene was seen from, or chosen ones);
            the first one is a good picture of the scene. May be empty.
        scale: whether units are metres.
        geometry: "exact" (made from known surfaces), "measured" (a depth sensor, stereo) or "inferred" (a network,
            or an existing splat).
        truth: the exact surface, if the generator knows it, in the cloud's frame.
        provenance: JSON data: what made it, from what, under which licence.
        light: what lights it, in the cloud's frame; None if that is not known.
        as_asked: False if nothing in the request said what kind of scene this is to be, so that it was guessed.
        keyframes: pictures with depth that it was made from, if there were any.
        sequence: the Gaussians at all times, if the scene moves; `cloud` is everything at the first of them.
        supplied_collider: a collider that came with the scene, in the cloud's frame; never taken for the truth.
        exact_colliders: what the scene was made of as shapes for engines, of role EXACT, in the cloud's frame; empty if
            the generator does not know it.
        up_assumed: nothing says which axis points up, so that z is only assumed to.
        from_source: affine map (4, 4) from the coordinates of the file that the scene was read from to the cloud's;
            None if there is no such file. Its last row is 0 0 0 1; of a mirrored file the determinant is negative.
        grade: "train", or "demo" for what never is good to train in, however sound it turns out to be.
    """

    cloud: GaussianCloud
    cameras: tuple[Camera, ...] = ()
    scale: Scale = field(default_factory=Scale)
    geometry: str = "inferred"
    truth: TexturedMesh | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)
    light: SceneLight | None = None
    as_asked: bool = True
    keyframes: tuple[Keyframe, ...] = ()
    sequence: GaussianSequence | None = None
    supplied_collider: TriangleMesh | None = None
    exact_colliders: tuple[CollisionPart, ...] = ()
    up_assumed: bool = False
    from_source: npt.NDArray[np.float64] | None = None
    grade: str = "train"

    def __post_init__(self) -> None:
        if self.geometry not in ("exact", "measured", "inferred"):
            raise InvalidRequest(f"Generation.geometry must be exact, measured or inferred, got {self.geometry!r}.")
        if self.grade not in ("train", "demo"):
            raise InvalidRequest(f"Generation.grade must be train or demo, got {self.grade!r}.")
        if self.from_source is not None:
            kept = frozen("Generation.from_source", self.from_source, (4, 4), np.float64)
            object.__setattr__(self, "from_source", kept)

    @property
    def units_per_source_unit(self) -> float:
        """How many of the cloud's units one unit of the source file is; 1 if there is no such file."""
        if self.from_source is None:
            return 1.0
        return float(np.cbrt(abs(np.linalg.det(self.from_source[:3, :3]))))

    @property
    def still(self) -> GaussianCloud:
        """What stays where it is: all of a scene that does not move, and of one that does if that was not told."""
        if self.sequence is None or self.sequence.background is None:
            return self.cloud
        background, lasting = self.sequence.background, self.sequence.lasting
        return background if lasting is None else GaussianCloud.concatenate([background, lasting])

    def transformed(self, similarity: Similarity, frame: Frame) -> Generation:
        """Return everything moved into `frame` together."""
        collider = self.supplied_collider
        return replace(
            self,
            cloud=self.cloud.transformed(similarity, frame),
            cameras=tuple(c.transformed(similarity) for c in self.cameras),
            truth=None if self.truth is None else self.truth.transformed(similarity),
            light=None if self.light is None else self.light.transformed(similarity),
            keyframes=tuple(keyframe.scaled(similarity.scale) for keyframe in self.keyframes),
            sequence=None if self.sequence is None else self.sequence.transformed(similarity, frame),
            supplied_collider=None if collider is None else collider.transformed(similarity),
            exact_colliders=tuple(part.transformed(similarity) for part in self.exact_colliders),
            from_source=None if self.from_source is None else similarity.matrix @ self.from_source,
        )

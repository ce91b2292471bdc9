"""Everything that is known about a scene when it is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .collision import CollisionProxy
from .gaussians import GaussianCloud
from .light import Environment, SceneLight
from .mesh import TexturedMesh
from .navigation import Navigation
from .sequence import GaussianSequence

__all__ = ["SceneBundle"]


@dataclass(frozen=True, eq=False)
class SceneBundle:
    """The input of `author`.

    Attributes:
        cloud: the Gaussians, frame WORLD.
        proxy: the colliders, frame WORLD.
        primitives: parameters by primitive name, in the order the user named them.
        provenance: JSON data: what made the scene, from what inputs, under which licences.
        light: what lights it, None if that is not known.
        sequence: the Gaussians at all times, if the scene moves.
        environment: what surrounds a robot in it, None if that is not known.
        seed: source of what is varied at random.
        truth: the exact surface, frame WORLD; None if that is not known.
        navigation: where robots can be in it; None if nobody looked.
    """

    cloud: GaussianCloud
    proxy: CollisionProxy
    primitives: Mapping[str, Any] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    light: SceneLight | None = None
    sequence: GaussianSequence | None = None
    environment: Environment | None = None
    seed: int = 0
    truth: TexturedMesh | None = None
    navigation: Navigation | None = None

"""How much a written scene holds."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["NUREC_GAUSSIAN_BYTES", "SceneSize"]

#: What a Gaussian takes in NuRec's payload, whatever its SH degree: 59 values of 16 bits.
NUREC_GAUSSIAN_BYTES = 118


@dataclass(frozen=True)
class SceneSize:
    """Counts of what takes memory in a scene.

    Attributes:
        field_count: Gaussians of its particle fields, at the time when they are most; 0 without any.
        sh_degree: the highest SH degree of them.
        nurec_count: Gaussians of its NuRec volumes.
        shape_count: colliders of the variant that is selected.
        vertex_count, triangle_count: of those of them that are meshes.
        appearance: the variant of "appearance" that is selected, "" if there is no such set.
    """

    field_count: int = 0
    sh_degree: int = 0
    nurec_count: int = 0
    shape_count: int = 0
    vertex_count: int = 0
    triangle_count: int = 0
    appearance: str = ""

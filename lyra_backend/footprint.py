"""Memory that a scene takes in training, on the GPU, by counting and by what others measured.

Counted, with N environments and cameras of W x H pixels each:

=========================== ============================================ ==========================================
part                        bytes                                        source
=========================== ============================================ ==========================================
particle field              n (44 + 12 K), K = (SH degree + 1)^2         OpenUSD's schema: point3f, quatf, float3,
                                                                         float and K float3. Halves are counted as
                                                                         floats, as which ovstage hands them on.
its acceleration structure  32 (2 n - 1)                                 a binary tree over one box a Gaussian, in
                                                                         nodes of 32 bytes (Pharr, Jakob, Humphreys,
                                                                         Physically Based Rendering, 3rd ed., 4.3.4);
                                                                         RTX's own is not published
NuRec                       118 n                                        its payload: 59 values of 16 bits
colliders                   2 (12 V + 12 F + 24 F + 80 F + 4 F)          V corners, F triangles, their boxes and a
                                                                         tree of 2 F nodes of 40 bytes, as
                                                                         warp/native/mesh.h and bvh.h have them; once
                                                                         for the engine, whose own is taken to be
                                                                         alike, and once for ray casters
images                      N W H (4 + 4) 2                              RGBA of 8 bits and a depth of 32, in the
                                                                         tiled picture and again by environment, as
                                                                         Isaac Lab's cameras hold them
=========================== ============================================ ==========================================

Measured, published in Isaac Lab's documentation, "Performance Benchmarks", memory of the GPU: 3.3 GB for simulator and
learner with 4096 cart-poles, and 16.7 GB with 1024 of them that each see 100 x 100 pixels. The difference, 1.3 kB a
pixel, holds the renderer's buffers and the pictures that a learner remembers; it is taken as the most.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .errors import InvalidRequest, shown
from .types import Estimate, Finding, SceneSize, Severity
from .types.scene_size import NUREC_GAUSSIAN_BYTES

__all__ = ["TrainingPlan", "plan_memory"]

_FIELD_BYTES, _COEFFICIENT_BYTES = 44, 12
_NODE_BYTES = 32
_VERTEX_BYTES, _TRIANGLE_BYTES = 12, 12 + 24 + 80 + 4
_COLLIDER_COPIES = 2
_PIXEL_BYTES, _IMAGE_COPIES = 4 + 4, 2
#: Isaac Lab's benchmark: GPU memory without cameras [bytes], and what each pixel adds.
_SIMULATOR_BYTES = 3_300_000_000
_RENDERED_PIXEL_BYTES = (16_700_000_000 - _SIMULATOR_BYTES) // (1024 * 100 * 100)
_MOST_ENVIRONMENTS, _MOST_PIXELS = 1_000_000, 16_384


@dataclass(frozen=True)
class TrainingPlan:
    """What a training run needs of a GPU's memory.

    Attributes:
        environments: how many there are.
        parts: what was counted, shared by all environments unless it says otherwise.
        at_most: what others measured for the rest, to be added.
        findings: what will not work well.
        advice: what to do, in sentences.
    """

    environments: int
    parts: tuple[Estimate, ...]
    at_most: tuple[Estimate, ...]
    findings: tuple[Finding, ...]
    advice: tuple[str, ...]

    @property
    def counted_bytes(self) -> int:
        return _total(self.parts)

    @property
    def most_bytes(self) -> int:
        return self.counted_bytes + _total(self.at_most)


def plan_memory(size: SceneSize, environments: int, cameras: Sequence[tuple[int, int]] = ()) -> TrainingPlan:
    """Return what `environments` of a scene take, each with `cameras` of (width, height) [px]; see the module's text.

    The scene is counted once, at /World, for all environments. Without cameras nothing is drawn, so no Gaussians are
    needed.

    Raises:
        InvalidRequest: numbers that no run could use.
    """
    _check(environments, cameras)
    pixels = environments * sum(width * height for width, height in cameras)
    parts = [*_gaussians(size, bool(cameras)), _colliders(size)]
    at_most = [Estimate("simulator and learner", None, _SIMULATOR_BYTES, "4096 cart-poles in Isaac Lab's benchmark")]
    if pixels:
        parts.append(Estimate("images", None, pixels * _PIXEL_BYTES * _IMAGE_COPIES, "RGBA and depth, held twice"))
        note = "1.3 kB a pixel, from the same"
        rendered = Estimate("renderer and remembered images", None, pixels * _RENDERED_PIXEL_BYTES, note)
        at_most.append(rendered)
    return TrainingPlan(
        environments,
        tuple(parts),
        tuple(at_most),
        tuple(_findings(size, environments, bool(cameras))),
        tuple(_advice(size, environments, bool(cameras))),
    )


def _gaussians(size: SceneSize, seen: bool) -> list[Estimate]:
    """Count the particle field or, where there is none, NuRec."""
    if not seen or not (size.field_count or size.nurec_count):
        return []
    n, coefficients = size.field_count, (size.sh_degree + 1) ** 2
    if not n:
        return [Estimate("NuRec", None, size.nurec_count * NUREC_GAUSSIAN_BYTES, f"{size.nurec_count:,} Gaussians")]
    values = n * (_FIELD_BYTES + _COEFFICIENT_BYTES * coefficients)
    return [
        Estimate("Gaussians", None, values, f"{n:,} of SH degree {size.sh_degree}, shared at /World"),
        Estimate("tree over Gaussians", None, _NODE_BYTES * (2 * n - 1), "RTX's own is not published"),
    ]


def _colliders(size: SceneSize) -> Estimate:
    once = _VERTEX_BYTES * size.vertex_count + _TRIANGLE_BYTES * size.triangle_count
    note = f"shapes: {size.shape_count:,}, triangles: {size.triangle_count:,}; for engine and ray casters"
    return Estimate("colliders", None, _COLLIDER_COPIES * once, note)


def _findings(size: SceneSize, environments: int, seen: bool) -> list[Finding]:
    found = []
    if seen and environments > 1 and size.nurec_count and (not size.field_count or size.appearance == "nurec"):
        message = (
            f"NuRec with {environments} environments: Isaac Lab reports corrupt camera data and says that NuRec is not "
            "well supported there (issue 4569); Isaac Sim draws volumes one after the other. Use particle fields "
            "(appearance = particleField, --for isaac6), or one environment."
        )
        found.append(Finding("plan.nurec_environments", Severity.WARNING, message))
    if seen and not (size.field_count or size.nurec_count):
        message = "Cameras see no Gaussians: the scene has none. Generate it without --keep train for pictures."
        found.append(Finding("plan.no_gaussians", Severity.WARNING, message))
    return found


def _advice(size: SceneSize, environments: int, seen: bool) -> list[str]:
    said = ["Reference scene.usda once, at /World/Scene with collision_group -1, never below {ENV_REGEX_NS}."]
    if not seen and (size.field_count or size.nurec_count):
        said.append("Nothing is drawn, so select appearance = none: no file of Gaussians is opened then.")
    if seen and environments > 1 and size.field_count:
        copies = environments * _total(_gaussians(size, seen)) / 1e9
        said.append(f"A copy of the Gaussians in each environment would take {copies:.1f} GB.")
    if seen:
        said.append("Depth and segmentation of splats mean nothing: take them with appearance = proxy.")
    return said


def _total(parts: Sequence[Estimate]) -> int:
    return round(sum(part.device_bytes or 0.0 for part in parts))


def _check(environments: int, cameras: Sequence[tuple[int, int]]) -> None:
    if not 1 <= environments <= _MOST_ENVIRONMENTS:
        raise InvalidRequest(f"envs must be from 1 to {_MOST_ENVIRONMENTS}, got {shown(environments)}.")
    for camera in cameras:
        if not all(1 <= side <= _MOST_PIXELS for side in camera):
            raise InvalidRequest(f"cameras must have 1 to {_MOST_PIXELS} pixels a side, got {shown(list(camera))}.")

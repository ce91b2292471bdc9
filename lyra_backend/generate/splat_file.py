"""A Gaussian splat file made elsewhere: PLY, compressed PLY, SPZ, splat, ksplat, SOG, or USD as 3DGRUT exports it.

A folder of them is a scene that moves. A world of World Labs Marble comes with its scale, its ground and a collider:
see :mod:`lyra_backend.io.marble`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from ..errors import InvalidRequest
from ..io.marble import MarbleWorld
from ..params import param
from ..progress import Progress
from ..types import (
    UP_AXES,
    USUAL_UP,
    Finding,
    Foresight,
    GaussianCloud,
    GaussianSequence,
    Generation,
    Outcome,
    Scale,
    SceneRequest,
    Severity,
    Similarity,
    TriangleMesh,
)
from ._splat_placement import Placement, cameras_at, parse_point, place, told_world
from ._splat_sequence import SequenceParams, check_files, read_sequence

__all__ = ["Params", "foresee", "run"]

#: Request fields this generator reads.
INPUTS = ("splat", "world", "collider_glb")

#: How well a scale is known by default [%]: one that was measured, and Marble's, of which no accuracy is published.
_MEASURED_PERCENT, _MARBLE_PERCENT = 5.0, 20.0


@dataclass(frozen=True)
class Params(SequenceParams):
    """How the file's coordinates are meant."""

    up: str | None = param(
        None,
        "axis of the file that points up; -y is assumed, as most captures of 3D Gaussian splatting have it",
        choices=tuple(UP_AXES),
    )
    scale: float | None = param(
        None, "metres that one unit of the file stands for", unit="m per unit", min=1e-6, max=1e6
    )
    scale_uncertainty: float | None = param(
        None,
        "how well the scale is known; none: 5 for a given one, 20 for a Marble world's",
        unit="%",
        min=0.0,
        max=100.0,
    )
    metric_scale_factor: float | None = param(
        None,
        "of a Marble world, as its API gives it: metres per unit of the file, 1 = not known; beats the file of --world",
        min=1e-6,
        max=1e6,
    )
    ground_plane_offset: float | None = param(
        None,
        "of a Marble world, as its API gives it: how far the ground lies below the file's origin, once scaled; beats "
        "the file of --world",
        unit="m",
        min=-1e6,
        max=1e6,
    )
    viewpoint: str | None = param(
        None,
        "X,Y,Z in the file's coordinates from where all of the scene was seen, which is free space: 0,0,0 for splats "
        "of panoramas; none: not known",
    )
    mirror: str | None = param(
        None,
        "axis of the file's coordinates to mirror first, for files whose writing reads backwards; geometry alone does "
        "not tell",
        choices=("x", "y", "z"),
    )
    collider_up: str = param("y", "axis of the collider GLB that points up; y by glTF", choices=tuple(UP_AXES))
    collider_scale: float | None = param(
        None, "metres per unit of the collider GLB; none: as the splat's", unit="m", min=1e-6, max=1e6
    )

    def point_of_view(self) -> tuple[float, float, float] | None:
        """Return `viewpoint` as coordinates.

        Raises:
            InvalidRequest: it is no point.
        """
        return None if self.viewpoint is None else parse_point("generate.viewpoint", self.viewpoint)


def foresee(request: SceneRequest, params: Params) -> Foresight:
    """Return what is known of the scene before its splats are read.

    Raises:
        InvalidRequest: the request names no splat, its format cannot be read, what goes with it is wrong, or parameters
            contradict each other.
    """
    from ..io.usd_splats import USD_READABLE

    if request.splat is None:
        raise InvalidRequest("generator splat_file needs a Gaussian splat file, got none. Try: --splat scene.ply")
    kind = check_files(Path(request.splat), params)
    _refuse_mirrored_world(params, _world(request, params), request)
    # of all formats only USD can say what a Gaussian shows
    return Foresight(
        exact=False, cameras=params.point_of_view() is not None, labels=None if kind in USD_READABLE else False
    )


def run(request: SceneRequest, params: Params, progress: Progress) -> Outcome[Generation]:
    """Read `request.splat`, turn it Z up and scale it to metres; where the ground is known, the frame is WORLD.

    Else it stays GENERATOR. A folder of splats becomes a scene that moves. What the file does not say is left to
    `refine`: the scale is unknown, and which way is up assumed.

    Raises:
        InvalidRequest: a file cannot be used, or see :func:`foresee`.
        MissingDependency: the format needs a package that is not installed.
    """
    foresee(request, params)
    path, world, viewpoint = Path(request.splat or ""), _world(request, params), params.point_of_view()
    collider = _collider(request)
    read, sequence = _read(path, params, progress.child(0.0, 0.7))
    progress(0.7, "turning the scene upright")
    placement = place(read.value, world, params.up, params.scale)
    upright = placement.similarity()
    moving = sequence and _mirrored(sequence, params).transformed(upright, placement.frame)
    cloud = moving.clouds[0] if moving else _mirrored(read.value, params).transformed(upright, placement.frame)
    from_source = np.asarray(upright.matrix @ np.diag([*_signs(params), 1.0]), np.float64)
    progress(0.9, "noting where the scene comes from")
    generation = Generation(
        cloud,
        cameras=() if viewpoint is None else cameras_at(from_source[:3] @ (*viewpoint, 1.0)),
        scale=Scale(_uncertainty_percent(params) if placement.scale_known else None),
        geometry="inferred",
        provenance=_provenance(path, world),
        # a scene that may lie on its side is nothing to train in
        as_asked=placement.up_known,
        sequence=moving,
        supplied_collider=collider and collider.transformed(_placement_of_collider(placement, params)),
        up_assumed=not placement.up_known,
        from_source=from_source,
    )
    progress(1.0, f"{cloud.count:,} Gaussians")
    findings = (*_up_findings(placement), *_scale_findings(placement, world), *_world_findings(placement, world))
    return Outcome(generation, read.counts, (*read.findings, *findings))


def _read(path: Path, params: Params, progress: Progress) -> tuple[Outcome[GaussianCloud], GaussianSequence | None]:
    """Return the scene as its file has it, at its first time, and at all times if `path` is a folder."""
    from ..io.splats import read_splats

    if path.is_dir():
        moving = read_sequence(path, params, progress)
        return Outcome(moving.value.clouds[0], moving.counts, moving.findings), moving.value
    return read_splats(path, progress), None


T = TypeVar("T", GaussianCloud, GaussianSequence)


def _mirrored(scene: T, params: Params) -> T:
    """Return the scene as the file would have it without its mirror."""
    return scene if params.mirror is None else scene.mirrored("xyz".index(params.mirror))


def _signs(params: Params) -> tuple[float, ...]:
    return tuple(-1.0 if axis == params.mirror else 1.0 for axis in "xyz")


def _refuse_mirrored_world(params: Params, world: MarbleWorld | None, request: SceneRequest) -> None:
    """What comes with a splat has a hand of its own, which nothing tells once the splat is mirrored."""
    if params.mirror is not None and (world is not None or request.collider_glb):
        raise InvalidRequest(
            f"generate.mirror: cannot be used with a Marble world or a collider GLB, whose own hand is not known, got "
            f"{params.mirror}. Leave generate.mirror out, or the world and the collider."
        )


def _world(request: SceneRequest, params: Params) -> MarbleWorld | None:
    """Return what is known of a Marble world, from its file and by hand."""
    from ..io.marble import read_world

    told = read_world(Path(request.world)) if request.world else None
    return told_world(told, params.metric_scale_factor, params.ground_plane_offset)


def _collider(request: SceneRequest) -> TriangleMesh | None:
    from ..io.meshes import read_glb

    return read_glb(Path(request.collider_glb)) if request.collider_glb else None


def _placement_of_collider(placement: Placement, params: Params) -> Similarity:
    """Return where the collider's coordinates lie: about the splat's origin, in axes and units of its own."""
    return replace(placement, up=params.collider_up, scale=params.collider_scale or placement.scale).similarity()


def _uncertainty_percent(params: Params) -> float:
    if params.scale_uncertainty is not None:
        return params.scale_uncertainty
    return _MEASURED_PERCENT if params.scale else _MARBLE_PERCENT


def _provenance(splat: Path, world: MarbleWorld | None) -> dict[str, Any]:
    from ..io.run_inputs import content_digest
    from ..io.splat_sequence import sequence_files
    from ..io.splats import format_of

    return {
        "generator": "splat_file",
        "source_sha256": content_digest(splat),
        "source_format": format_of(sequence_files(splat)[0] if splat.is_dir() else splat),
        "licence": "unknown, as the source file",
        **({} if world is None else {"made_by": "World Labs Marble", "marble": asdict(world)}),
    }


def _up_findings(placement: Placement) -> tuple[Finding, ...]:
    if placement.up_known:
        return ()
    message = (
        f"The file does not say which way is up; {USUAL_UP} was assumed unless refine finds clear evidence of another "
        "axis. If the scene lies on its side in preview.png, give the axis with --up z (or y, x, -x, -z). Giving it "
        "also ends this warning; until then the scene is a demo, whatever else is measured."
    )
    return (Finding("splat.up_assumed", Severity.WARNING, message),)


def _scale_findings(placement: Placement, world: MarbleWorld | None) -> tuple[Finding, ...]:
    if placement.scale_known or world is None:
        return ()
    message = "metric_scale_factor is 1, by which Marble says that it could not tell the scale of this world."
    return (Finding("splat.marble_scale_unknown", Severity.INFO, message),)


def _world_findings(placement: Placement, world: MarbleWorld | None) -> tuple[Finding, ...]:
    if world is None or not placement.scale_known:
        return ()
    ground = f", and the ground to lie {placement.lift:.3f} m below its origin" if placement.ground_known else ""
    message = (
        f"A unit of the file was taken to be {placement.scale:g} m{ground}, as Marble says of this world, whose "
        f"{placement.up} axis is up. Marble publishes no accuracy of these; --scale with a measured length is surer."
    )
    return (Finding("splat.marble_world", Severity.INFO, message),)

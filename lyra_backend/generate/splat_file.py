"""A Gaussian splat file made elsewhere: PLY, compressed PLY, SPZ, splat, ksplat or SOG; a folder of them moves."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import InvalidRequest
from ..params import param
from ..progress import Progress
from ..types import (
    UP_AXES,
    USUAL_UP,
    Finding,
    Frame,
    GaussianCloud,
    GaussianSequence,
    Generation,
    Outcome,
    Scale,
    SceneRequest,
    Severity,
    Similarity,
)
from ._splat_sequence import SequenceParams, read_sequence, refuse_times

__all__ = ["Params", "run"]

#: Request fields this generator reads.
INPUTS = ("splat",)


@dataclass(frozen=True)
class Params(SequenceParams):
    """How the file's coordinates are meant."""

    up: str | None = param(
        None,
        "axis of the file that points up; -y is assumed, as most captures of 3D Gaussian splatting have it",
        choices=tuple(UP_AXES),
    )
    scale: float | None = param(None, "metres that one unit of the file stands for", unit="m", min=1e-6, max=1e6)
    scale_uncertainty: float = param(5.0, "how well the given scale is known", unit="%", min=0.0, max=100.0)


def run(request: SceneRequest, params: Params, progress: Progress) -> Outcome[Generation]:
    """Read `request.splat`, turn it Z up and scale it to metres; the frame stays GENERATOR.

    A folder of splats becomes a scene that moves. Without a scale, units are taken as metres and a finding of severity
    error says so.

    Raises:
        InvalidRequest: the request names no splat, or the file cannot be used.
        MissingDependency: the format needs a package that is not installed.
    """
    from ..io.run_inputs import content_digest
    from ..io.splat_sequence import sequence_files
    from ..io.splats import format_of

    if request.splat is None:
        raise InvalidRequest("generator splat_file needs a Gaussian splat file, got none. Try: --splat scene.ply")
    path = Path(request.splat)
    read, sequence = _read(path, params, progress)
    cloud = read.value
    progress(0.9, "noting where the scene comes from")
    generation = Generation(
        cloud,
        scale=Scale(None if params.scale is None else params.scale_uncertainty),
        geometry="inferred",
        provenance={
            "generator": "splat_file",
            "source_sha256": content_digest(path),
            "source_format": format_of(sequence_files(path)[0] if path.is_dir() else path),
            "licence": "unknown, as the source file",
        },
        # a scene that may lie on its side is nothing to train in
        as_asked=params.up is not None,
        sequence=sequence,
    )
    progress(1.0, f"{cloud.count:,} Gaussians")
    return Outcome(generation, read.counts, (*read.findings, *_up_findings(params), *_scale_findings(params)))


def _read(path: Path, params: Params, progress: Progress) -> tuple[Outcome[GaussianCloud], GaussianSequence | None]:
    """Return the scene upright and in metres, at its first time, and at all times if `path` is a folder."""
    from ..io.splats import read_splats

    upright = UP_AXES[params.up or USUAL_UP].then(Similarity(scale=params.scale or 1.0))
    if path.is_dir():
        moving = read_sequence(path, params, upright, progress.child(0.0, 0.9))
        return Outcome(moving.value.clouds[0], moving.counts, moving.findings), moving.value
    refuse_times(params, path)
    read = read_splats(path, progress.child(0.0, 0.7))
    progress(0.7, "turning the scene upright")
    return replace(read, value=read.value.transformed(upright, Frame.GENERATOR)), None


def _up_findings(params: Params) -> tuple[Finding, ...]:
    if params.up is not None:
        return ()
    message = (
        f"The file does not say which way is up; {USUAL_UP} was assumed. If the scene lies on its side in "
        "preview.png, give the axis with --up z (or y, x, -x, -z). Giving it also ends this warning; until then the "
        "scene is a demo, whatever else is measured."
    )
    return (Finding("splat.up_assumed", Severity.WARNING, message),)


def _scale_findings(params: Params) -> tuple[Finding, ...]:
    if params.scale is not None:
        return ()
    message = (
        "The file does not say how long its unit is; 1 unit was taken as 1 m. Robots need the true size: measure "
        "something in the scene and give metres per unit with --scale (generate.scale in Python)."
    )
    return (Finding("scale.unknown", Severity.ERROR, message),)

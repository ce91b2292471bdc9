"""ParticleField3DGaussianSplat, the native Gaussian prim of Isaac Sim 6 and OpenUSD 26.03 and later.

Does: write one layer with the prim /Gaussians, and read such prims (`field_reader`). Gaussians of several classes
become several fields, because a label is a prim's: /Gaussians is then an Xform with a labelled field for each; large
ones are divided further, and may have levels of detail (`particle_parts`). Prims and attributes are authored by name,
so USD builds without the schema write the same file. Does not: move, filter or repair Gaussians.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pxr import Sdf, Vt

from ..errors import InvalidRequest
from ..params import param
from ..progress import Progress
from ..types import Finding, GaussianCloud, GaussianSequence, Outcome, Severity
from ..types.rotations import normalise_quats, wxyz_to_xyzw
from .field_reader import holds, read
from .frames import check_world, frame_findings
from .labels import UNKNOWN_CLASS, author_labels
from .layers import apply_schemas, attribute, define, flush, write_layer
from .usdz import check_sizes

__all__ = [
    "FILE_NAME",
    "ISAAC_SIM",
    "PRIM_NAME",
    "RENDER_SETTINGS",
    "WHOLE",
    "Params",
    "array_value",
    "arrays_of",
    "author_field",
    "extent_of",
    "half_findings",
    "holds",
    "levels",
    "read",
    "run",
    "run_sequence",
    "write",
]

FILE_NAME = "gaussians.usdc"
PRIM_NAME = "Gaussians"
#: What the root layer tells Kit: Gaussians are display-referred, so the tone mapper has to be linear (2).
RENDER_SETTINGS = {"rtx:post:tonemap:op": 2}
#: Major version of Isaac Sim that draws it.
ISAAC_SIM = 6
TYPE_NAME = "ParticleField3DGaussianSplat"
COEFFICIENTS = "radiance:sphericalHarmonicsCoefficients"

#: The kernel is exp(-r^2 / 2) cut off at three standard deviations.
_SUPPORT_SIGMA = 3.0
_HALF_MAX = float(np.finfo(np.float16).max)
_HALF_MIN = float(np.finfo(np.float16).smallest_subnormal)
_AT_ONCE = 1 << 20
_NO_COLOR_SPACE = "none"
#: All classes in one field.
WHOLE = "none"


@dataclass(frozen=True)
class Params:
    """How Gaussians are written as a particle field."""

    partition: str = param(
        "class",
        "Which Gaussians share a field: those of one class, so that fields have labels if classes are known; or all.",
        choices=("class", WHOLE),
    )
    max_per_field: int | None = param(
        2_000_000,
        "Gaussians a field holds at most; more are divided by place into fields that can be loaded one by one (none: "
        "never).",
        min=1000,
    )
    levels: int = param(
        0,
        "Levels of detail to make beside the full one, each of a quarter of the Gaussians of the one before, merged "
        "by importance; select them by the variant set detail.",
        min=0,
        max=3,
    )
    half: bool = param(False, "Store 16-bit floats: half the size, positions to 1 part in 2048.")
    color_space: str = param(
        _NO_COLOR_SPACE,
        "Colour space to name on the prim; renderers take Gaussians as display-referred sRGB without it.",
        choices=(_NO_COLOR_SPACE, "srgb_rec709_scene"),
    )
    projection: str = param(
        "perspective", "Hint how renderers project Gaussians.", choices=("perspective", "tangential")
    )
    sorting: str = param(
        "cameraDistance",
        "Hint how renderers sort Gaussians.",
        choices=("zDepth", "cameraDistance", "rayHitDistance"),
    )


def run(cloud: GaussianCloud, directory: Path, params: Params, progress: Progress) -> Outcome[str]:
    """Write ``gaussians.usdc`` into `directory`; return its name.

    Raises:
        InvalidRequest: the cloud is not in the WORLD frame.
    """
    check_world(cloud)
    progress(0.0, f"writing {cloud.count} Gaussians")
    outcome = write(cloud, directory / FILE_NAME, params, progress)
    progress(1.0, f"wrote {FILE_NAME}")
    return Outcome(FILE_NAME, outcome.counts, outcome.findings)


def run_sequence(sequence: GaussianSequence, directory: Path, params: Params, progress: Progress) -> Outcome[str]:
    """Write a scene that moves as ``gaussians.usdc`` into `directory`; return its name.

    Raises:
        InvalidRequest: the clouds are not in the WORLD frame.
    """
    from .particle_sequence import write_sequence

    check_world(sequence.clouds[0])
    outcome = write_sequence(sequence, directory / FILE_NAME, params, progress)
    return Outcome(FILE_NAME, outcome.counts, outcome.findings)


def levels(params: Params) -> tuple[str, ...]:
    """Return the variants of the set "detail" that are written, the full one first; none if there is only that."""
    from ..detail.levels import FULL, LEVEL_NAMES

    return (FULL, *LEVEL_NAMES[: params.levels]) if params.levels else ()


def write(cloud: GaussianCloud, path: Path, params: Params, progress: Progress | None = None) -> Outcome[None]:
    """Write a cloud of any frame to `path` (.usdc, .usda or .usdz) with the default prim /Gaussians.

    Raises:
        InvalidRequest: the ending is unknown, positions do not fit into half precision, or a .usdz would be too large.
    """
    from .particle_parts import author_cloud

    findings = [*frame_findings(cloud, path), *(half_findings(cloud, path) if params.half else ())]
    if path.suffix.lower() == ".usdz":
        check_sizes({path.with_suffix(".usdc").name: _least_bytes(cloud, params)}, path.name)
    told: list[Outcome[None]] = []

    def fill(layer: Sdf.Layer) -> None:
        told.append(author_cloud(layer, PRIM_NAME, cloud, params, progress or Progress()))

    write_layer(path, PRIM_NAME, fill, render_settings=RENDER_SETTINGS)
    counts = {"gaussians": cloud.count, "sh_degree": cloud.sh_degree, "bytes": path.stat().st_size}
    return Outcome(None, {**counts, **told[0].counts}, (*findings, *told[0].findings))


def _least_bytes(cloud: GaussianCloud, params: Params) -> int:
    """Return how many bytes the arrays take at least; opacities are left out, for USD may store those in fewer."""
    numbers = sum(4**-level for level in range(params.levels + 1)) * cloud.count * (10 + 3 * cloud.sh.shape[1])
    return int(numbers) * (2 if params.half else 4)


def author_field(
    parent: Sdf.Layer | Sdf.PrimSpec,
    name: str,
    cloud: GaussianCloud,
    params: Params,
    kind: str = UNKNOWN_CLASS,
    stored: Sdf.PrimSpec | None = None,
) -> Sdf.PrimSpec:
    """Author one prim with all Gaussians of a cloud, labelled as of the class `kind` if that is known.

    Every array is on disk before the next is made: at ten million Gaussians each is over 100 MB. With `stored` they
    are authored there, to be reached by a payload; what may be asked for without loading it stays on the prim.
    """
    prim = define(parent, name, TYPE_NAME)
    _author_hints(prim, cloud, params, kind)
    attribute(prim, "extent", Sdf.ValueTypeNames.Float3Array, Vt.Vec3fArray.FromNumpy(extent_of(cloud, params.half)))
    for array, values in arrays_of(cloud, params.half):
        spec = _author_array(stored or prim, array, values)
    # Renderers take the stride from the degree; some checkers read it from these two.
    spec.SetInfo("elementSize", cloud.sh.shape[1])
    spec.SetInfo("interpolation", "vertex")
    return prim


def _author_hints(prim: Sdf.PrimSpec, cloud: GaussianCloud, params: Params, kind: str) -> None:
    """Author everything that is one value for all Gaussians."""
    types, schemas = Sdf.ValueTypeNames, author_labels(prim, [kind])
    # The fallback of the degree is 3, so 0 has to be said.
    attribute(prim, "radiance:sphericalHarmonicsDegree", types.Int, cloud.sh_degree, uniform=True)
    attribute(prim, "projectionModeHint", types.Token, params.projection, uniform=True)
    attribute(prim, "sortingModeHint", types.Token, params.sorting, uniform=True)
    if params.color_space != _NO_COLOR_SPACE:
        schemas = ("ColorSpaceAPI", *schemas)
        attribute(prim, "colorSpace:name", types.Token, params.color_space, uniform=True)
    if schemas:
        apply_schemas(prim, *schemas)
    prim.SetInfo("customData", {"lyra": {"frame": cloud.frame.value, "gaussianCount": cloud.count}})


def arrays_of(cloud: GaussianCloud, half: bool) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    """Yield the per-Gaussian arrays (N,) or (N, k) as they are stored, each in one precision only; SH come last.

    Names are those of the schema's float attributes; quaternions are xyzw.
    """
    number = np.dtype(np.float16 if half else np.float32)
    yield "positions", cloud.positions.astype(number, copy=False)
    yield "scales", _positive(cloud.scales.astype(number, copy=False))
    yield "orientations", wxyz_to_xyzw(_unit(cloud.quats_wxyz)).astype(number, copy=False)
    yield "opacities", cloud.opacities.astype(number, copy=False)
    yield COEFFICIENTS, cloud.sh.reshape(-1, 3).astype(number, copy=False)


def array_value(name: str, values: npt.NDArray[Any]) -> tuple[str, Sdf.ValueTypeName, Any]:
    """Return an array's attribute, named with a trailing "h" if it is of halves, with its type and its Vt value."""
    half = values.dtype == np.float16
    type_name, array_type = _array_types(name, half)
    return name + "h" if half else name, type_name, array_type.FromNumpy(np.ascontiguousarray(values))


def _author_array(prim: Sdf.PrimSpec, name: str, values: npt.NDArray[Any]) -> Sdf.AttributeSpec:
    spec = attribute(prim, *array_value(name, values))
    flush(prim.layer)
    return spec


def _array_types(name: str, half: bool) -> tuple[Sdf.ValueTypeName, Any]:
    """Return the schema's type of an array and the Vt array that holds it; quaternions come as xyzw."""
    types = Sdf.ValueTypeNames
    if name == "orientations":
        return (types.QuathArray, Vt.QuathArray) if half else (types.QuatfArray, Vt.QuatfArray)
    if name == "opacities":
        return (types.HalfArray, Vt.HalfArray) if half else (types.FloatArray, Vt.FloatArray)
    if name == "positions":
        return (types.Point3hArray, Vt.Vec3hArray) if half else (types.Point3fArray, Vt.Vec3fArray)
    return (types.Half3Array, Vt.Vec3hArray) if half else (types.Float3Array, Vt.Vec3fArray)


def _positive(scales: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Keep scales that underflow in half precision above zero."""
    return np.maximum(scales, np.float16(_HALF_MIN)) if scales.dtype == np.float16 else scales


def _unit(quats: npt.NDArray[np.float32]) -> npt.NDArray[np.floating]:
    """Return quaternions whose norms are 1 to float precision; ones that already are stay bit for bit the same."""
    squares = np.einsum("nk,nk->n", quats, quats)
    return quats if not len(quats) or np.abs(squares - 1).max() < 1e-6 else normalise_quats(quats)


def extent_of(cloud: GaussianCloud, half: bool) -> npt.NDArray[np.float32]:
    """Return the box (2, 3) [m] of all centres grown by the kernel's support, wider by what rounding may err."""
    if not cloud.count:
        return np.zeros((2, 3), np.float32)
    (_, positions), (_, scales) = islice(arrays_of(cloud, half), 2)
    centres = positions.astype(np.float32, copy=False)
    widest = np.maximum(np.maximum(scales[:, :1], scales[:, 1:2]), scales[:, 2:])
    reach = np.float32(_SUPPORT_SIGMA) * widest.astype(np.float32)
    reach = np.nextafter(reach, np.float32(np.inf))
    low, high = (centres - reach).min(axis=0), (centres + reach).max(axis=0)
    return np.nextafter(np.stack([low, high]), np.array([[-np.inf], [np.inf]], np.float32))


def half_findings(cloud: GaussianCloud, path: Path) -> tuple[Finding, ...]:
    """Say what half precision costs.

    Raises:
        InvalidRequest: a value lies beyond the largest half, 65504.
    """
    for name, values in (("positions", cloud.positions), ("scales", cloud.scales), ("sh", cloud.sh)):
        if values.size and max(float(values.max()), -float(values.min())) > _HALF_MAX:
            raise InvalidRequest(
                f"{path.name}: {name} must lie within +-{_HALF_MAX:.0f} for half precision; write floats or move the "
                "scene to the origin."
            )
    if not cloud.count:
        return ()
    error = max(_half_error(cloud.positions[i : i + _AT_ONCE]) for i in range(0, cloud.count, _AT_ONCE))
    message = f"Half precision moves Gaussians by up to {error * 1000:.2f} mm."
    return (Finding("author.half_precision", Severity.INFO, message, measured=error, where=path.name),)


def _half_error(positions: npt.NDArray[np.float32]) -> float:
    """Return by how much [m] half precision moves a coordinate at most."""
    return float(np.abs(positions.astype(np.float16).astype(np.float32) - positions).max())

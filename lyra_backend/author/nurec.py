"""NuRec volume in a USDZ package, the Gaussians that Isaac Sim 5 can show.

Does: write a package of one layer with the Volume /Gaussians and its payload, and read such packages, those of
3DGRUT's exporter included. Does not: apply a schema, for the types are Kit's own and no USD build has them. Names and
types of attributes are those of 3DGRUT's files, for there is no published description.

Centres are stored about an offset, see :mod:`lyra_backend.io.nurec`; the Volume's transform adds it, so a NuRec
volume lies exactly where the particle field of the same cloud does.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pxr import Ar, Gf, Sdf, Usd, UsdGeom, Vt

from ..atomic import replacing
from ..errors import InvalidRequest
from ..io.nurec import middle, write_nurec
from ..io.nurec_reader import read_nurec
from ..params import param
from ..progress import Progress
from ..types import Finding, Frame, GaussianCloud, Outcome, Severity, Similarity
from .field_reader import is_world, open_stage, prims_of
from .frames import check_world, frame_findings
from .layers import attribute, define, write_layer
from .particle_field import PRIM_NAME
from .usdz import write_package

__all__ = [
    "FILE_NAME",
    "ISAAC_SIM",
    "IS_STATIC",
    "PROXY_RELATIONSHIP",
    "RENDER_SETTINGS",
    "SHADOW_CATCHER_SETTINGS",
    "Params",
    "check_name",
    "holds",
    "read",
    "run",
    "write",
]

FILE_NAME = "gaussians_nurec.usdz"
#: What the root layer tells Kit, as 3DGRUT's exporter says it.
RENDER_SETTINGS: dict[str, bool | int | str] = {
    "rtx:directLighting:sampledLighting:samplesPerPixel": 8,
    "rtx:material:enableRefraction": False,
    "rtx:matteObject:visibility:secondaryRays": True,
    "rtx:post:histogram:enabled": False,
    "rtx:post:registeredCompositing:invertColorCorrection": True,
    "rtx:post:registeredCompositing:invertToneMap": True,
    "rtx:post:tonemap:op": 2,
    "rtx:raytracing:fractionalCutoutOpacity": False,
    "rtx:rendermode": "RaytracedLighting",
}
#: What the root layer tells Kit besides if proxies are matte objects, which catch the shadows that a volume does not.
SHADOW_CATCHER_SETTINGS: dict[str, bool | int | str] = {"rtx:matteObject:enabled": True}
#: By which the Volume names the meshes that stand for it where splats give no depth.
PROXY_RELATIONSHIP = "proxy"
#: Major version of Isaac Sim that it is for.
ISAAC_SIM = 5
#: A volume shows one time only.
IS_STATIC = True

_LAYER_NAME, _PAYLOAD_NAME = "default.usda", "gaussians.nurec"
_IS_VOLUME = "omni:nurec:isNuRecVolume"
#: The kernel ends at three standard deviations, whose logarithms of 16 bits may come back 0.4 % larger.
_SUPPORT_SIGMA = 3.0 * 1.004
#: Fields of the Volume: prim, what it holds, and its type.
_FIELDS = (("density_field", "density", "float"), ("emissive_color_field", "emissiveColor", "float3"))
#: Rows of the colour correction, the identity: red, green and blue, the last column being added.
_COLOR_ROWS = {"R": (1, 0, 0, 0), "G": (0, 1, 0, 0), "B": (0, 0, 1, 0)}
#: What attributes say in files whose other meaning nobody published.
_NEUTRAL: dict[str, Any] = {
    "omni:nurec:offset": Gf.Vec3f(0),
    "omni:nurec:useProxyTransform": False,
    **{f"omni:nurec:ccm{channel}": Gf.Vec4f(*row) for channel, row in _COLOR_ROWS.items()},
}

_Types = Sdf.ValueTypeNames


@dataclass(frozen=True)
class Params:
    """How Gaussians are written as a NuRec volume."""

    position_error_max: float = param(
        0.001,
        "Centres are stored in 16 bits about the middle of the scene; an error beyond this is reported.",
        unit="m",
        min=0.0,
    )


def run(cloud: GaussianCloud, directory: Path, params: Params, progress: Progress) -> Outcome[str]:
    """Write ``gaussians_nurec.usdz`` into `directory`; return its name.

    Raises:
        InvalidRequest: the cloud is not in the WORLD frame, or a value does not fit into 16 bits.
    """
    check_world(cloud)
    progress(0.0, f"writing {cloud.count} Gaussians as NuRec")
    outcome = write(cloud, directory / FILE_NAME, params)
    progress(1.0, f"wrote {FILE_NAME}")
    return Outcome(FILE_NAME, outcome.counts, outcome.findings)


def check_name(path: Path) -> None:
    """Raise InvalidRequest if a file's name does not say that it is a package."""
    if path.suffix.lower() != ".usdz":
        raise InvalidRequest(f"{path.name}: NuRec is a package and must end in .usdz, got {path.suffix!r}; rename it.")


def write(cloud: GaussianCloud, path: Path, params: Params) -> Outcome[None]:
    """Write a cloud of any frame to `path` (.usdz) with the default prim /Gaussians.

    Raises:
        InvalidRequest: another ending, a value that does not fit into 16 bits, or a package too large.
    """
    check_name(path)
    offset = middle(cloud.positions)
    with replacing(path) as scratch:
        layer, payload = scratch.with_name(_LAYER_NAME), scratch.with_name(_PAYLOAD_NAME)
        with payload.open("wb") as file:
            error = write_nurec(file, cloud, offset)
        box = _box(cloud, offset, error)
        write_layer(
            layer, PRIM_NAME, lambda root: _author_volume(root, cloud, offset, box), render_settings=RENDER_SETTINGS
        )
        write_package([layer, payload], scratch)
    counts = {"gaussians": cloud.count, "sh_degree": cloud.sh_degree, "bytes": path.stat().st_size}
    return Outcome(None, counts, (*frame_findings(cloud, path), *_precision(error, params, path)))


def holds(prim: Usd.Prim) -> bool:
    """Return whether Kit takes a prim for a NuRec volume."""
    mark = prim.GetAttribute(_IS_VOLUME)
    return prim.GetTypeName() == "Volume" and bool(mark and mark.Get())


def read(path: Path, progress: Progress | None = None, *, base_colors_only: bool = False) -> Outcome[GaussianCloud]:
    """Read the Gaussians of a NuRec package, or of any stage with one NuRec volume, where the stage has them.

    With `base_colors_only`, view-dependent colours are left out.

    Raises:
        InvalidRequest: USD cannot open the file, it has no NuRec volume or several, the payload is missing or
            damaged, or a transform mirrors or shears.
    """
    progress = progress or Progress()
    progress(0.0, f"opening {path.name}")
    stage = open_stage(path)  # its prims live as long as it does
    volume = _only_volume(stage, path)
    placement = _placement(volume, path)
    outcome = read_nurec(_payload(volume, path), str(path), base_colors_only=base_colors_only)
    frame = Frame.WORLD if is_world(volume) else Frame.GENERATOR
    progress(1.0, f"read {outcome.value.count:,} Gaussians")
    cloud = outcome.value.transformed(placement, frame)
    return Outcome(cloud, outcome.counts, (*outcome.findings, *_not_followed(volume)))


def _box(cloud: GaussianCloud, offset: npt.NDArray[np.float64], error: float) -> npt.NDArray[np.float32]:
    """Return the box (2, 3) [m] about `offset` that holds every Gaussian to where its kernel ends."""
    if not cloud.count:
        return np.zeros((2, 3), np.float32)
    low, high = cloud.bounds(_SUPPORT_SIGMA)
    box = np.stack([low - offset - error, high - offset + error]).astype(np.float32)
    return np.nextafter(box, np.array([[-np.inf], [np.inf]], np.float32))


def _author_volume(
    layer: Sdf.Layer, cloud: GaussianCloud, offset: npt.NDArray[np.float64], box: npt.NDArray[np.float32]
) -> None:
    """Author the Volume and its two fields; box (2, 3) and offset (3,) [m]."""
    volume = define(layer, PRIM_NAME, "Volume")
    volume.SetInfo("customData", {"lyra": {"frame": cloud.frame.value, "gaussianCount": cloud.count}})
    attribute(volume, "extent", _Types.Float3Array, Vt.Vec3fArray.FromNumpy(box))
    for name, role, _ in _FIELDS:
        relationship = Sdf.RelationshipSpec(volume, f"field:{role}", custom=True)
        relationship.targetPathList.explicitItems = [volume.path.AppendChild(name)]
    # Renderers clip splats to the crop box, whose default is infinite only where it is not authored.
    for end, corner in (("minBounds", box[0]), ("maxBounds", box[1])):
        _custom(volume, f"omni:nurec:crop:{end}", _Types.Float3, Gf.Vec3f(*corner.tolist()))
    _custom(volume, _IS_VOLUME, _Types.Bool, True)
    _custom(volume, "omni:nurec:offset", _Types.Float3, _NEUTRAL["omni:nurec:offset"])
    _custom(volume, "omni:nurec:useProxyTransform", _Types.Bool, False)
    Sdf.RelationshipSpec(volume, PROXY_RELATIONSHIP, custom=True)  # of no mesh; a scene names its colliders
    attribute(volume, "xformOp:transform", _Types.Matrix4d, Gf.Matrix4d(1).SetTranslate(Gf.Vec3d(*offset.tolist())))
    attribute(volume, "xformOpOrder", _Types.TokenArray, Vt.TokenArray(["xformOp:transform"]), uniform=True)
    for name, role, kind in _FIELDS:
        _author_field(define(volume, name, "OmniNuRecFieldAsset"), role, kind)


def _author_field(field: Sdf.PrimSpec, role: str, kind: str) -> None:
    _custom(field, "fieldDataType", _Types.Token, kind)
    _custom(field, "fieldName", _Types.Token, role)
    _custom(field, "fieldRole", _Types.Token, role)
    _custom(field, "filePath", _Types.Asset, Sdf.AssetPath(f"./{_PAYLOAD_NAME}"))
    if role == "emissiveColor":
        for channel, row in _COLOR_ROWS.items():
            _custom(field, f"omni:nurec:ccm{channel}", _Types.Float4, Gf.Vec4f(*row))


def _custom(prim: Sdf.PrimSpec, name: str, type_name: Sdf.ValueTypeName, value: Any) -> None:
    """Author an attribute of no schema that USD knows."""
    Sdf.AttributeSpec(prim, name, type_name, Sdf.VariabilityVarying, declaresCustom=True).default = value


def _precision(error: float, params: Params, path: Path) -> tuple[Finding, ...]:
    if error <= params.position_error_max:
        return ()
    message = (
        f"NuRec keeps centres in 16 bits, which moves Gaussians of this scene by up to {error * 1000:.1f} mm. Scenes "
        "of up to 8 m lose less than 1 mm; the particle field loses nothing."
    )
    finding = Finding(
        "author.nurec_precision", Severity.WARNING, message, error, params.position_error_max, where=path.name
    )
    return (finding,)


def _only_volume(stage: Usd.Stage, path: Path) -> Usd.Prim:
    volumes = [prim for prim in prims_of(stage) if holds(prim)]
    if len(volumes) != 1:
        came = ", ".join(str(v.GetPath()) for v in volumes[:3]) or "none"
        raise InvalidRequest(
            f"{path}: must hold one NuRec volume (a Volume with {_IS_VOLUME}) to be read, it holds {came}. Give a "
            "NuRec package, or a splat file."
        )
    return volumes[0]


def _not_followed(volume: Usd.Prim) -> tuple[Finding, ...]:
    """Say which attributes of a volume and its fields are not taken into account."""
    attributes = (a for prim in Usd.PrimRange(volume) for a in prim.GetAttributes() if a.GetName() in _NEUTRAL)
    names = sorted({a.GetName() for a in attributes if a.Get() not in (None, _NEUTRAL[a.GetName()])})
    if not names:
        return ()
    message = (
        f"The volume sets {', '.join(names)}, which is not followed because its meaning is not published: place and "
        "colours may differ from what Isaac Sim shows."
    )
    return (Finding("splat.nurec_not_followed", Severity.WARNING, message),)


def _placement(volume: Usd.Prim, path: Path) -> Similarity:
    """Return the map from the payload's coordinates to the stage's."""
    # USD's matrices act on row vectors from the right.
    matrix = np.array(UsdGeom.XformCache().GetLocalToWorldTransform(volume)).T
    scale = float(np.cbrt(max(np.linalg.det(matrix[:3, :3]), 0.0)))
    try:
        if not np.array_equal(matrix[3], (0, 0, 0, 1)):
            raise InvalidRequest(f"its last column is {matrix[3].tolist()}")
        return Similarity.build(scale, matrix[:3, :3] / (scale or 1.0), matrix[:3, 3])
    except InvalidRequest as error:
        raise InvalidRequest(
            f"{path}: the transform of {volume.GetPath()} must turn, scale evenly and move: {error}"
        ) from error


def _payload(volume: Usd.Prim, path: Path) -> bytes:
    """Return the bytes that the density field of a volume names, inside the package or beside the layer."""
    targets = volume.GetRelationship("field:density").GetTargets()
    field = volume.GetStage().GetPrimAtPath(targets[0]) if targets else None
    asset = field.GetAttribute("filePath").Get() if field and field.GetAttribute("filePath") else None
    if not isinstance(asset, Sdf.AssetPath) or not asset.resolvedPath:
        named = f" {asset.path}" if isinstance(asset, Sdf.AssetPath) else ""
        raise InvalidRequest(f"{path}: the payload{named} of {volume.GetPath()} is not there; export it again.")
    with Ar.GetResolver().OpenAsset(Ar.ResolvedPath(asset.resolvedPath)) as opened:
        return bytes(opened.GetBuffer())

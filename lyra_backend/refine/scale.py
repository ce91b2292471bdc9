"""How long a metre is, and how surely: what the generator knows, what users measured, what things usually measure.

Every cue gives metres per unit with a standard deviation of its logarithm. A user's ruler or camera height and the
generator's own scale are *given*; heights of ceilings, doors and cameras on a path are only usual. Usual heights never
move a scene whose scale is given; they are held against it, and what contradicts is said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..errors import InvalidRequest, nearest, shown
from ..params import param
from ..types import Camera, Finding, Foresight, GaussianCloud, Scale, Severity
from ..types.rotations import matrix_from_quat
from .cues import FusedLength, Length, fuse_lengths
from .footing import UprightCloud
from .heights import Height, camera_height, ceiling_height, thing_height
from .rulers import ClassRuler, PointRuler, parse_ruler
from .surfels import surfels_of

__all__ = ["ScaleParams", "Upright", "check_measures", "find_scale", "ruler_of", "scale_findings"]

Floats = npt.NDArray[np.float64]

#: A 95 % range is this many standard deviations to either side.
_TO_95 = 1.96
#: What things usually measure [m] and the standard deviation of the logarithm: ceilings of rooms and halls, doors with
#: their frames, cameras on a path.
_CEILING, _DOOR, _PATH = (2.75, 0.18), (2.10, 0.07), (1.5, 0.25)
_DOOR_CLASSES = ("door", "doorway")
_MIN_PATH = 5
_TWO_POINTS = 'measure between two points of the file instead: --ruler "x1,y1,z1 x2,y2,z2 2.03"'
#: Parts of normals along the vertical: ceilings, and ground.
_LEVEL, _SLANTED = 0.9, 0.7


@dataclass(frozen=True)
class ScaleParams:
    """What is known of the scene's size, and how surely it must be known."""

    ruler: str | None = param(
        None,
        'what was measured in the scene: "x1,y1,z1 x2,y2,z2 LENGTH", two points in the file\'s coordinates and metres '
        'between them, best 2 m or more, or "CLASS HEIGHT" such as "door 2.03" where Gaussians are labelled',
    )
    ruler_uncertainty: float = param(1.0, "how well the ruler's length is known (95 %)", unit="%", min=0.0, max=100.0)
    ruler_end_uncertainty: float = param(
        0.02,
        "how far either point of the ruler may lie from what was measured (95 %)",
        unit="m",
        min=0.0,
        max=10.0,
    )
    camera_height: float | None = param(
        None, "known height of the cameras above the ground", unit="m", min=0.01, max=1000.0
    )
    camera_height_uncertainty: float = param(
        3.0, "how well the camera height is known (95 %)", unit="%", min=0.0, max=100.0
    )
    max_scale_uncertainty: float = param(
        10.0, "scenes whose scale is known worse than this are not accepted", unit="%", min=0.0, max=1000.0
    )

    def __post_init__(self) -> None:
        """Refuse a ruler that cannot be understood before anything is made.

        Raises:
            InvalidRequest: as :func:`parse_ruler`.
        """
        if self.ruler is not None:
            parse_ruler("refine.ruler", self.ruler)


@dataclass(frozen=True)
class Upright:
    """A scene to be measured: `cloud`, its cameras, the rotation (3, 3) that turns it upright, and its floor.

    `floor` is the height of the floor once turned, None if there is no plane; `is_rough` tells that it is the mean of
    rough ground.
    """

    cloud: GaussianCloud
    cameras: Sequence[Camera]
    rotation: Floats
    floor: float | None
    is_rough: bool = False

    @property
    def lenses(self) -> Floats:
        """Optical centres (C, 3), turned upright."""
        places = np.array([camera.position for camera in self.cameras], np.float64).reshape(-1, 3)
        return np.asarray(places @ self.rotation.T)

    def surface(self, steepest: float) -> tuple[Floats, npt.NDArray[np.bool_]]:
        """Return points (N, 3) turned upright, and which of them face up or down: normals' z beyond `steepest`."""
        surfels = surfels_of(self.cloud)
        level = np.abs(np.einsum("nk,k->n", surfels.normals, self.rotation[2])) > steepest
        return np.asarray(surfels.points @ self.rotation.T), level

    def height_of_cameras(self) -> Height | None:
        """Return how high the cameras are above the ground; None if there is no ground below them."""
        if not len(self.cameras):
            return None
        points, level = self.surface(_SLANTED)
        upright = UprightCloud.of(self.cloud, self.rotation)
        return camera_height(upright, self.lenses, points[level], self.floor, self.is_rough)

    def heights_of(self, class_name: str) -> Height | None:
        """Return how high things of a class are; None if there are none."""
        if self.cloud.class_ids is None or class_name not in self.cloud.class_names:
            return None
        own = self.cloud.class_ids == self.cloud.class_names.index(class_name)
        axes = matrix_from_quat(self.cloud.quats_wxyz[own].astype(np.float64))
        upwards = np.einsum("k,nki,ni->ni", self.rotation[2], axes, self.cloud.scales[own].astype(np.float64))
        points = self.cloud.positions[own].astype(np.float64) @ self.rotation.T
        return thing_height(points, np.linalg.norm(upwards, axis=1))


def check_measures(params: ScaleParams, foresight: Foresight) -> None:
    """Refuse what users measured where it cannot be used, as far as that is known before the scene is made.

    Raises:
        InvalidRequest: its size is exact already, nothing is labelled, or no camera saw it.
    """
    measured = {"ruler": params.ruler, "camera_height": params.camera_height}
    name, value = next(((n, v) for n, v in measured.items() if v is not None), ("", None))
    if foresight.exact and value is not None:
        raise InvalidRequest(
            f"refine.{name}: the scene is made in metres and its size is exact, so there is nothing to measure, got "
            f"{shown(value)}. Leave --{name.replace('_', '-')} out."
        )
    ruler = None if params.ruler is None else parse_ruler("refine.ruler", params.ruler)
    if isinstance(ruler, ClassRuler) and foresight.labels is False:
        raise InvalidRequest(_nothing_labelled(ruler.class_name))
    if params.camera_height is not None and foresight.cameras is False:
        raise InvalidRequest(_no_camera(params.camera_height))


def ruler_of(params: ScaleParams, units_per_file_unit: float) -> PointRuler | ClassRuler | None:
    """Return the user's ruler; the length between two points is in units of the cloud.

    Raises:
        InvalidRequest: its text cannot be understood.
    """
    if params.ruler is None:
        return None
    ruler = parse_ruler("refine.ruler", params.ruler)
    if isinstance(ruler, ClassRuler):
        return ruler
    longer = tuple(float(a + (b - a) * units_per_file_unit) for a, b in zip(ruler.start, ruler.end, strict=True))
    return PointRuler(ruler.start, longer, ruler.length_m)  # type: ignore[arg-type]


def find_scale(
    scene: Upright, known: Scale, params: ScaleParams, ruler: PointRuler | ClassRuler | None
) -> FusedLength | None:
    """Return metres per unit of the scene's cloud; None if nothing tells.

    Args:
        scene: turned upright.
        known: what the generator knows.
        params: what users know.
        ruler: of :func:`ruler_of`.

    Raises:
        InvalidRequest: the ruler's class is not labelled, or there is no camera or ground for the camera height.
    """
    given = [*_generators(known), *_rulers(scene, ruler, params), *_cameras(scene, params)]
    usual = () if known.uncertainty_percent == 0.0 else _usual(scene, params)
    fused = fuse_lengths(given)
    if fused is None:
        return fuse_lengths(usual)
    against = [
        fuse_lengths([Length(_joint(fused), np.log(fused.scale), fused.percent / 100 / _TO_95), cue]) for cue in usual
    ]
    more = tuple(conflict for one in against if one is not None for conflict in one.conflicts)
    return FusedLength(fused.scale, fused.percent, fused.used, (*fused.conflicts, *more))


def _joint(fused: FusedLength) -> str:
    return " and ".join(fused.used)


def _generators(known: Scale) -> list[Length]:
    if known.uncertainty_percent is None:
        return []
    return [Length("the generator's scale", 0.0, known.uncertainty_percent / 100 / _TO_95)]


def _rulers(scene: Upright, ruler: PointRuler | ClassRuler | None, params: ScaleParams) -> list[Length]:
    if isinstance(ruler, PointRuler):
        percent = ruler.percent(params.ruler_uncertainty, params.ruler_end_uncertainty)
        return [Length("the ruler", float(np.log(ruler.metres_per_unit)), percent / 100 / _TO_95)]
    if ruler is None:
        return []
    height = scene.heights_of(ruler.class_name)
    if height is None:
        raise InvalidRequest(_no_such_class(scene.cloud, ruler.class_name))
    return [_of("the ruler", ruler.height_m, height, params.ruler_uncertainty / 100 / _TO_95)]


def _no_such_class(cloud: GaussianCloud, name: str) -> str:
    labels = [] if cloud.class_ids is None else list(cloud.class_names[1:])
    if not labels:
        return _nothing_labelled(name)
    if name in labels:
        return f"refine.ruler: too few Gaussians are labelled {name!r} to tell how high one is; {_TWO_POINTS}."
    return f"refine.ruler: no Gaussian is labelled {name!r}; {nearest(name, labels)} Or {_TWO_POINTS}."


def _nothing_labelled(name: str) -> str:
    return f"refine.ruler: no Gaussian of this scene is labelled, so that {name!r} cannot be found; {_TWO_POINTS}."


def _no_camera(height_m: float) -> str:
    return (
        f"refine.camera_height: needs a camera, and nothing says from where this scene was seen, got {height_m:g}. "
        "Give the point in the file's coordinates, --set generate.viewpoint=X,Y,Z, or measure a length with --ruler."
    )


def _cameras(scene: Upright, params: ScaleParams) -> list[Length]:
    if params.camera_height is None:
        return []
    if not len(scene.lenses):
        raise InvalidRequest(_no_camera(params.camera_height))
    height = scene.height_of_cameras()
    if height is None:
        raise InvalidRequest(
            f"refine.camera_height: no ground was found below the camera, got {params.camera_height:g}. Check "
            "generate.viewpoint and generate.up, or measure a length with --ruler."
        )
    return [_of("the camera height", params.camera_height, height, params.camera_height_uncertainty / 100 / _TO_95)]


def _usual(scene: Upright, params: ScaleParams) -> list[Length]:
    """Return what usual heights tell: weak, and only of what is there."""
    points, level = scene.surface(_LEVEL)
    path = scene.height_of_cameras() if len(scene.cameras) >= _MIN_PATH else None
    doors = next((h for h in map(scene.heights_of, _DOOR_CLASSES) if h is not None), None)
    found = {
        "a usual ceiling": (_CEILING, None if scene.floor is None else ceiling_height(points, level, scene.floor)),
        "usual doors": (_DOOR, doors),
        "a usual height of cameras": (_PATH, path if params.camera_height is None else None),
    }
    return [_of(name, m, height, sigma, False) for name, ((m, sigma), height) in found.items() if height is not None]


def _of(name: str, height_m: float, height: Height, sigma: float, given: bool = True) -> Length:
    return Length(name, float(np.log(height_m / height.units)), float(np.hypot(sigma, height.sigma)), given)


_WAYS_OUT = (
    'Give metres per unit with --scale, a measured length with --ruler "x1,y1,z1 x2,y2,z2 2.03" (two points of the '
    'file and metres; or --ruler "door 2.03" where Gaussians are labelled), or the height of the cameras with '
    "--camera-height."
)


def scale_findings(fused: FusedLength | None, limit_percent: float, per_source: float = 1.0) -> list[Finding]:
    """Return what is to be said of the scale; beyond the limit the scene is not accepted.

    Args:
        fused: metres of one unit of the cloud; None: nothing tells.
        limit_percent: largest uncertainty (95 %) of a scene that is accepted.
        per_source: units of the cloud for one of the file, which is the unit that users know.
    """
    if fused is None:
        message = (
            f"Nothing tells how long a unit of the scene is; 1 unit was taken as {per_source:.4g} m. Robots need the "
            f"true size. {_WAYS_OUT}"
        )
        return [Finding("scale.unknown", Severity.ERROR, message)]
    found = [_conflict(*conflict) for conflict in fused.conflicts]
    percent = round(fused.percent, 4)
    if fused.percent > limit_percent:
        message = (
            f"The scale is known to +-{fused.percent:.0f} % only, from {_joint(fused)}: 1 unit was taken as "
            f"{fused.scale * per_source:.4g} m. Robots need the true size. {_WAYS_OUT}"
        )
        return [*found, Finding("scale.uncertain", Severity.ERROR, message, percent, limit_percent)]
    if fused.scale == 1.0 and len(fused.used) == 1:
        return found
    message = (
        f"1 unit is {fused.scale * per_source:.5g} m, known to +-{fused.percent:.1f} % (95 %), from {_joint(fused)}."
    )
    return [*found, Finding("scale.uncertainty", Severity.INFO, message, percent, limit_percent)]


def _conflict(one: str, other: str, percent: float) -> Finding:
    message = (
        f"The scale by {one} and by {other} differ by {percent:.0f} %, more than both can be wrong; the former was "
        "followed. Check units and what was measured."
    )
    return Finding("scale.disagreement", Severity.WARNING, message, round(percent, 4))

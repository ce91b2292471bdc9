"""Runs as files: which root layer a version of Isaac Sim opens, what it shows, and requests that fit a version.

Plain USD: runs in Kit and without it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lyra_backend.errors import InvalidRequest
from lyra_backend.io.cameras import PREVIEWS_FILE, read_cameras
from lyra_backend.types import Camera

if TYPE_CHECKING:
    from pxr import Usd

__all__ = [
    "PREVIEW",
    "checked_run",
    "preview_camera",
    "request_for",
    "robots_loaded",
    "root_layer",
    "scene_paths",
    "show_appearance",
]

PREVIEW = "preview.png"
#: Primitive and root layer of each appearance of Gaussians.
_PRIMITIVES = {"particleField": "particle_field", "nurec": "nurec"}
_ROOTS = {"particleField": "stage_isaac6.usda", "nurec": "stage_isaac5.usda"}
_APPEARANCE = "appearance"
_ROBOTS = "/World/Robots"


def checked_run(path: Path) -> Path:
    """Return the directory of a finished run.

    Raises:
        InvalidRequest: it is none, or was not finished.
    """
    if not (path / "scene.usda").is_file() or not (path / "report.json").is_file():
        raise InvalidRequest(
            f"{path}: must be the directory of a finished run, scene.usda or report.json is missing. "
            'Make one: lyra-scenegen generate --prompt "an office with two desks" --for both --out outputs/office'
        )
    return path


def root_layer(run: Path, appearance: str) -> Path:
    """Return the stage of a run to open where `appearance` is what Kit draws.

    Raises:
        InvalidRequest: the run was made without it.
    """
    path = run / _ROOTS.get(appearance, "stage.usda")
    if appearance in _ROOTS and not path.is_file():
        version = "isaac6" if appearance == "particleField" else "isaac5"
        raise InvalidRequest(
            f"{run}: this Kit draws {appearance}, and the run has none. "
            f"Make it anew with --for {version}, or --for both."
        )
    return path


def request_for(
    request: Mapping[str, Any], appearance: str, robots: str = "", count: int = 1, assets_root: str = ""
) -> dict[str, Any]:
    """Return a request, as JSON data, whose scene this Kit can draw, with robots in its stage.

    What the request says itself holds: a primitive is added to those that it names, robots come only where it has none.

    Args:
        robots: names of the catalog with commas between, "" for none.
        count: robots of each.
        assets_root: where their assets are.
    """
    made = dict(request)
    named = list(made.get("primitives") or [])
    wanted = _PRIMITIVES.get(appearance)
    if wanted and wanted not in named:
        made["primitives"] = [*named, wanted]
    if robots:
        own: dict[str, dict[str, Any]] = {
            "place": {"robots": robots},
            "author": {"robots": robots, "robot_count": count},
        }
        own["author"] |= {"assets_root": assets_root} if assets_root else {}
        said = made.get("params") or {}
        made["params"] = dict(said) | {stage: {**values, **said.get(stage, {})} for stage, values in own.items()}
    return made


def robots_loaded(stage: Usd.Stage) -> tuple[int, int]:
    """Return how many robots of a run's stage have something in them, and how many there are."""
    holder = stage.GetPrimAtPath(_ROBOTS)
    robots = holder.GetChildren() if holder else []
    return sum(bool(robot.GetChildren()) for robot in robots), len(robots)


def preview_camera(run: Path) -> Camera:
    """Return the camera that `PREVIEW` of a run was taken with.

    Raises:
        InvalidRequest: the run does not say, as those of older versions.
    """
    for camera in read_cameras(run / PREVIEWS_FILE):
        if camera.name == PREVIEW:
            return camera
    raise InvalidRequest(f"{run / PREVIEWS_FILE}: must name the camera of {PREVIEW}. Make the run anew.")


def scene_paths(stage: Usd.Stage) -> tuple[str, ...]:
    """Return the paths of the scenes on a stage: prims with the variant set "appearance", none below another."""
    from pxr import Usd

    found, prims = [], iter(Usd.PrimRange(stage.GetPseudoRoot()))
    for prim in prims:
        if prim.GetVariantSets().HasVariantSet(_APPEARANCE):
            found.append(str(prim.GetPath()))
            prims.PruneChildren()
    return tuple(found)


def show_appearance(stage: Usd.Stage, scenes: Sequence[str], appearance: str) -> None:
    """Show scenes in another appearance, in the session layer: nothing of it is ever saved. "" goes back.

    Raises:
        InvalidRequest: there is no scene, or one has no such appearance.
    """
    from pxr import Usd

    if not scenes:
        raise InvalidRequest("stage: holds no generated scene. Open a run's stage, or add its scene.usda.")
    with Usd.EditContext(stage, stage.GetSessionLayer()):
        for path in scenes:
            looks = stage.GetPrimAtPath(path).GetVariantSet(_APPEARANCE)
            if appearance and appearance not in looks.GetVariantNames():
                known = ", ".join(looks.GetVariantNames())
                raise InvalidRequest(f"{path}: has no appearance {appearance!r}; known: {known}. Make the run anew.")
            if appearance:
                looks.SetVariantSelection(appearance)
            else:
                looks.ClearVariantSelection()

"""Pictures of a scene in two passes with the same cameras: colours of the splats, then all else of its meshes.

Splats give renderers no depth, normals or labels, so the second pass shows the proxy in their place (docs/usd.md,
"Labels, and what sensors see").
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lyra_backend.errors import InvalidRequest
from lyra_backend.types import Camera

from .pictures import DepthSummary, summarise_depth, write_channel
from .rendering import GEOMETRY, SPLATS, Channel, capture
from .scene_files import scene_paths, show_appearance
from .usd_cameras import define_camera, described

if TYPE_CHECKING:
    from pxr import Usd

    from .kit_session import Session

__all__ = ["CAMERAS_ROOT", "PROXY", "define_cameras", "photograph", "take", "written"]

CAMERAS_ROOT = "/LyraCameras"
PROXY = "proxy"
DEPTH = "distance_to_image_plane"

Seen = Mapping[str, Channel]


def photograph(
    session: Session, cameras: Sequence[Camera], out: Path, subframes: int, say: Callable[[str], None]
) -> dict[str, Any]:
    """Take pictures of the open stage into a folder; return what `cameras.json` says of them."""
    colours = take(session, cameras, SPLATS, subframes, say)
    scenes = scene_paths(session.stage)
    show_appearance(session.stage, scenes, PROXY)
    session.wait_loaded()
    shapes = take(session, cameras, GEOMETRY, 1, say)
    show_appearance(session.stage, scenes, "")
    session.wait_loaded()
    listed = [written(out, camera, {**colours[camera.name], **shapes[camera.name]}) for camera in cameras]
    return {"subframes": subframes, "passes": {session.appearance: SPLATS, PROXY: GEOMETRY}, "cameras": listed}


def take(
    session: Session, cameras: Sequence[Camera], channels: Sequence[str], subframes: int, say: Callable[[str], None]
) -> dict[str, Seen]:
    """Return what each camera sees, by name, of the open stage as it looks now."""
    paths = define_cameras(session.stage, cameras)
    seen: dict[str, Seen] = {}
    for number, (camera, path) in enumerate(zip(cameras, paths, strict=True), 1):
        say(f"{camera.name}: {', '.join(channels)} ({number} of {len(cameras)})")
        size = (camera.intrinsics.width, camera.intrinsics.height)
        seen[camera.name] = capture(session, path, size, channels, subframes)
    return seen


def define_cameras(stage: Usd.Stage, cameras: Sequence[Camera]) -> list[str]:
    """Define cameras in the session layer, which is never saved; return their paths.

    Raises:
        InvalidRequest: there is none, or two have one name.
    """
    from pxr import Tf, Usd

    names = [Tf.MakeValidIdentifier(Path(camera.name).stem or "camera") for camera in cameras]
    if not cameras or len(set(names)) < len(names):
        raise InvalidRequest(f"cameras: must have names of their own, got {', '.join(names) or 'no camera'}.")
    with Usd.EditContext(stage, stage.GetSessionLayer()):
        return [
            str(define_camera(stage, f"{CAMERAS_ROOT}/{name}", camera).GetPath())
            for name, camera in zip(names, cameras, strict=True)
        ]


def written(out: Path, camera: Camera, seen: Seen) -> dict[str, Any]:
    """Write what a camera saw; return its description with the files' names, what is in its depth, and its labels."""
    stem = Path(camera.name).stem
    files = {name: write_channel(out, f"{stem}_{name}", channel.data) for name, channel in seen.items()}
    labels = {name: dict(channel.labels) for name, channel in seen.items() if channel.labels}
    depth = summarise_depth(seen[DEPTH].data) if DEPTH in seen else DepthSummary(0.0, 0.0, 0.0, 0.0)
    held = {"share": round(depth.share, 4), "median_m": round(depth.median_m, 4)}
    return {**described(camera), "files": files, "labels": labels, "depth": held}

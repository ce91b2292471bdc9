"""What people look at: pictures of a finished scene, and ``report.html``, one file that holds them and all findings.

Does: a turntable, the colliders over the Gaussians, how far the two are apart, a map, and the page. Does not: judge;
all that is said of a scene comes from the stages before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..params import param
from ..progress import Progress
from ..types import Camera, Outcome, SceneBundle
from .page import REPORT_PAGE, PageContent, write_page
from .pictures import COLLIDER_PICTURE, ERROR_PICTURE, TURNTABLE_GIF, TURNTABLE_MP4, take_pictures

__all__ = [
    "COLLIDER_PICTURE",
    "ERROR_PICTURE",
    "FEW_PICTURES",
    "REPORT_PAGE",
    "TURNTABLE_GIF",
    "TURNTABLE_MP4",
    "PageContent",
    "Params",
    "run",
    "write_page",
]


#: Parameters for scenes that are made by the thousand, unless pictures are asked for: they cost a fifth of a scene.
FEW_PICTURES: Mapping[str, Any] = {"turntable": 0, "comparison": False}


@dataclass(frozen=True)
class Params:
    """What is pictured beside the previews."""

    turntable: int = param(
        18, "Pictures around the scene, for turntable.gif, turntable.mp4 and report.html; 0 = none.", min=0, max=360
    )
    comparison: bool = param(True, "Picture the colliders over the Gaussians, and how far they are apart.")


def run(
    scene: SceneBundle, cameras: Sequence[Camera], params: Params, folder: Path, progress: Progress
) -> Outcome[tuple[str, ...]]:
    """Picture a scene (frame WORLD) into `folder`; return the names of the files that are results of the run.

    Args:
        scene: Gaussians, colliders and free space.
        cameras: those of the previews, from which colliders and Gaussians are compared.
        params: what to make.
        folder: gets the results and what :func:`write_page` needs besides.
        progress: stops the work by raising.
    """
    turntable, comparison = params.turntable, params.comparison and bool(scene.proxy.parts)
    return take_pictures(scene, cameras, turntable, comparison, folder, progress)

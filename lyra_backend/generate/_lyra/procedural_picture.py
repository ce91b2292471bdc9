"""A prompt to the picture that a scene starts from, where no network draws one: a look into a procedural scene.

Only the picture is taken: that its depth is known as well would spare the model what it has to do for photos.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ...progress import Progress
from ...types import Camera, Estimate, Finding, Intrinsics, SceneRequest

if TYPE_CHECKING:
    from .. import procedural

__all__ = ["Heard", "heard", "look_estimate", "look_into"]

#: Gaussians of the scene: as many as a small picture can show.
_GAUSSIANS = 60_000
#: Rendered pixels that are averaged to one, in each direction.
_FINER = 2
#: What a look takes on two CPU cores [s].
_SECONDS = 4.0


@dataclass(frozen=True)
class Heard:
    """What of a prompt is understood.

    Attributes:
        as_asked: False if the kind of scene has to be guessed.
        findings: which words change nothing, and what finds no room.
    """

    as_asked: bool = True
    findings: tuple[Finding, ...] = ()


def heard(prompt: str, seed: int) -> Heard:
    """Return what of a prompt is understood: the scene is furnished, which takes a fraction of a second, not shown."""
    from .. import procedural

    return Heard(*procedural.understood(prompt, seed, _params()))


def look_estimate(told: Heard) -> Estimate:
    """Return what :func:`look_into` takes."""
    note = "by the generator procedural: this model has no text-to-image network"
    return Estimate("drawing the first picture", _SECONDS, None, note, "two CPU cores", told.findings)


def look_into(prompt: str, lens: Intrinsics, seed: int, progress: Progress) -> npt.NDArray[np.uint8]:
    """Return the picture (H, W, 3) that the first camera of the procedural scene of a prompt takes.

    Args:
        prompt: what it shows.
        lens: of the picture, pixel centres at +0.5.
        seed: of all that the prompt leaves open.
        progress: called often; stops the work by raising.

    Raises:
        InvalidRequest: there is no prompt.
    """
    from ...render import render
    from .. import procedural

    scene = procedural.run(SceneRequest(prompt=prompt, seed=seed), _params(), progress.child(0.0, 0.9)).value
    progress(0.9, "rendering the first picture")
    sides, focal = (_FINER * lens.width, _FINER * lens.height), (_FINER * lens.fx, _FINER * lens.fy)
    fine = Intrinsics(*sides, *focal, _FINER * lens.cx, _FINER * lens.cy)
    camera = Camera(fine, scene.cameras[0].cam_to_world, scene.cameras[0].name)
    background = (0.0, 0.0, 0.0) if scene.light is None else scene.light.background
    return _averaged(render(scene.cloud, camera, background).rgb)


def _params() -> procedural.Params:
    from .. import procedural

    return procedural.Params(gaussian_count=_GAUSSIANS)


def _averaged(fine: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return a picture each of whose pixels is the mean of a square of finer ones."""
    height, width, channels = fine.shape
    squares = fine.reshape(height // _FINER, _FINER, width // _FINER, _FINER, channels)
    return np.asarray(np.rint(squares.mean(axis=(1, 3))), np.uint8)

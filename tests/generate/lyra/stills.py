"""Requests for the generator `lyra`, and how they are run on a model with random weights."""

from __future__ import annotations

from lyra_backend.generate import lyra
from lyra_backend.progress import Progress
from lyra_backend.types import SceneRequest

__all__ = ["QUICK", "request", "run"]

QUICK = lyra.Params(steps=3, guidance=0.0, fov=60.0)


def request(photo, model, depth=None, **more) -> SceneRequest:
    return SceneRequest(image=str(photo), depth=depth and str(depth), model=str(model), generator="lyra", **more)


def run(asked: SceneRequest, scratch, params: lyra.Params = QUICK, progress: Progress | None = None):
    return lyra.run(asked, params, progress or Progress(), scratch)

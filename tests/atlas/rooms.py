"""Finished runs of plain rooms, made in no time: what an atlas reads, without a generator."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from lyra_backend import author
from lyra_backend.author import particle_field
from lyra_backend.io.run_dir import RunDirectory
from lyra_backend.progress import Progress
from lyra_backend.types import (
    Approximation,
    CollisionPart,
    CollisionProxy,
    Finding,
    Role,
    RunReport,
    SceneBundle,
    SceneRequest,
    Severity,
    StageReport,
)

from ..author.fields import cloud_of
from ..validate.physics_rooms import box, merge, quad

ERRORS = {"p95": 0.008}


def room(width: float = 4.0, depth: float = 3.0, low: tuple[float, float] = (0.0, 0.0), bed: bool = True) -> Any:
    """Floor, four walls and a ceiling that look inwards, with a block as high as a bed in a corner."""
    x, y = low
    parts = [
        quad((x, y, 0), (width, 0, 0), (0, depth, 0)),
        quad((x, y, 2.5), (0, depth, 0), (width, 0, 0)),
        quad((x, y, 0), (0, depth, 0), (0, 0, 2.5)),
        quad((x + width, y, 0), (0, 0, 2.5), (0, depth, 0)),
        quad((x, y, 0), (0, 0, 2.5), (width, 0, 0)),
        quad((x, y + depth, 0), (width, 0, 0), (0, 0, 2.5)),
    ]
    if bed:
        parts.append(box((x + width - 1.5, y + depth - 1.2, 0.0), (x + width, y + depth, 0.5)))
    return merge(*parts)


def proxy_of(mesh: Any, **more: Any) -> CollisionProxy:
    points, triangles = mesh
    part = CollisionPart("room", points.astype(np.float32), triangles, semantic_class="floor")
    return replace(CollisionProxy((part,), "surface", ERRORS), **more)


def crate() -> CollisionPart:
    """A box that can be pushed."""
    points, triangles = box((0.5, 0.5, 0.0), (0.9, 0.9, 0.4))
    return CollisionPart(
        "crate",
        points.astype(np.float32),
        triangles,
        "box",
        Approximation.CONVEX_HULL,
        Role.OBJECT,
        body="crate",
        dynamic=True,
        mass_kg=3.0,
    )


def make_run(
    folder: Path,
    proxy: CollisionProxy | None = None,
    *,
    seed: int = 0,
    accepted: bool = True,
    params: Mapping[str, Any] | None = None,
    licence: str = "CC0-1.0",
) -> Path:
    """Leave a complete run directory whose scene is `proxy` and a few Gaussians."""
    with RunDirectory.open(folder, SceneRequest(prompt=f"room {seed}", seed=seed)) as run:
        bundle = SceneBundle(
            cloud_of(40, 0, seed),
            proxy or proxy_of(room()),
            {"particle_field": particle_field.Params()},
            provenance={"sources": [{"name": f"photo {licence}", "licence": licence}]},
        )
        author.run(bundle, folder, author.Params(**(params or {})), Progress())
        found = () if accepted else (Finding("physics.fallen", Severity.ERROR, "Bodies fall.", 0.5, 0.0),)
        report = RunReport(accepted, False, "measured", "train", (StageReport("validate", "", {}, found),), ERRORS)
        run.write("report.json", json.dumps(report.to_json()))
        run.finish("code")
    return folder

"""Text to a furnished, metric scene with exact geometry: ten families of rooms and outdoor places, no network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...errors import InvalidRequest
from ...params import param
from ...progress import Progress
from ...types import Bulb, Finding, Foresight, Frame, Generation, Outcome, Scale, SceneLight, SceneRequest, Severity
from .elements import Composition, Lighting

__all__ = ["Params", "foresee", "run", "understood"]

_FAMILIES = (
    "auto",
    "warehouse",
    "living_room",
    "bedroom",
    "bathroom",
    "kitchen",
    "office",
    "corridor",
    "workshop",
    "street",
    "terrain",
)


#: Request fields this generator reads.
INPUTS = ("prompt",)


@dataclass(frozen=True)
class Params:
    """Parameters of the procedural generator."""

    gaussian_count: int = param(
        500_000, "Gaussians to make; 300 000 to 1 000 000 suit a room", min=20_000, max=5_000_000
    )
    difficulty: float = param(0.3, "clutter, narrow ways, steps, slopes and rubble", min=0.0, max=1.0)
    family: str = param("auto", "kind of scene; auto takes it from the prompt", choices=_FAMILIES)
    bake_light: bool = param(True, "bake shadows and bounced light into the colours; off leaves plain surface colours")


def foresee(request: SceneRequest, params: Params) -> Foresight:
    """Return what is known of the scene before it is made.

    Raises:
        InvalidRequest: the request has no prompt.
    """
    if not request.prompt:
        raise InvalidRequest(
            "generator 'procedural' needs a prompt, got none. "
            "Say what the scene shows, or choose a generator for your input."
        )
    return Foresight(exact=True, cameras=True, labels=True)


def run(request: SceneRequest, params: Params, progress: Progress) -> Outcome[Generation]:
    """Compose the scene of the request's prompt, give it a surface and turn that into Gaussians.

    Raises:
        InvalidRequest: see :func:`foresee`.
    """
    foresee(request, params)
    from .compose import compose
    from .exact import exact_colliders
    from .sample import gaussians_from
    from .surface import surface_from

    progress(0.0, "composing the scene")
    composition = compose(request.prompt or "", request.seed, params.difficulty, params.family)
    mesh = surface_from(composition.elements, request.seed, progress.child(0.05, 0.35))
    cloud, exposure = gaussians_from(
        mesh,
        composition.lighting,
        params.gaussian_count,
        request.seed,
        params.bake_light,
        progress.child(0.35, 1.0),
    )
    cloud = replace(cloud, frame=Frame.WORLD)
    generation = Generation(
        cloud,
        composition.cameras,
        Scale(0.0),
        geometry="exact",
        truth=mesh,
        provenance=_provenance(request.prompt or "", request.seed, composition),
        light=_light(composition.lighting, exposure) if exposure else None,
        as_asked=not composition.guessed,
        exact_colliders=exact_colliders(composition.elements),
    )
    counts = {
        "gaussians": len(cloud.positions),
        "elements": len(composition.elements),
        "triangles": sum(len(part.triangles) for part in mesh.parts),
    }
    return Outcome(generation, counts, _findings(composition))


def understood(prompt: str, seed: int, params: Params) -> tuple[bool, tuple[Finding, ...]]:
    """Return whether a prompt says what kind of scene it is, and what a scene of it will be told of."""
    from .compose import compose

    composition = compose(prompt, seed, params.difficulty, params.family)
    return not composition.guessed, _findings(composition)


def _light(lighting: Lighting, exposure: float) -> SceneLight:
    """Return the light that was baked, as the pictures show it."""
    sky, sun, lamps = (
        (exposure * np.asarray(v, np.float64)).reshape(-1, 3)
        for v in (lighting.ambient, np.asarray(lighting.sun) / np.pi, [lamp.intensity for lamp in lighting.lamps])
    )
    order = np.argsort(-lamps.sum(axis=1), kind="stable")
    bulbs = tuple(Bulb(lighting.lamps[k].position, _triple(lamps[k] / np.pi)) for k in order)
    return SceneLight(lighting.background, _triple(sky[0]), _triple(sun[0]), lighting.sun_direction, bulbs)


def _triple(values: Iterable[float]) -> tuple[float, float, float]:
    x, y, z = (round(float(v), 6) for v in values)
    return x, y, z


def _provenance(prompt: str, seed: int, composition: Composition) -> Mapping[str, Any]:
    return {
        "generator": "procedural",
        "family": composition.family,
        "prompt": prompt,
        "seed": seed,
        "objects": composition.description,
        "licence": "CC0-1.0 (all shapes and textures are computed; nothing is taken from other works)",
    }


def _findings(composition: Composition) -> tuple[Finding, ...]:
    """Say what kind of scene was taken for granted, which words changed nothing, and what found no room."""
    found = []
    if not composition.place:
        kinds = ", ".join(name.replace("_", " ") for name in _FAMILIES if name != "auto")
        used = composition.family.replace("_", " ")
        why = "nothing in it speaks for one, so this is" if composition.guessed else "its other words speak for"
        text = f"The prompt names no kind of scene known here; {why} a {used} scene. Known kinds: {kinds}."
        severity = Severity.WARNING if composition.guessed else Severity.INFO
        found.append(Finding("prompt.family_assumed", severity, text))
    if composition.unknown_words:
        listed = ", ".join(repr(word) for word in composition.unknown_words)
        found.append(
            Finding(
                "prompt.not_understood",
                Severity.WARNING,
                f"These words of the prompt changed nothing in the {composition.family} scene: {listed}.",
                measured=len(composition.unknown_words),
                limit=0,
            )
        )
    missing: Any = composition.description["not_placed"]
    for entry in missing:
        found.append(
            Finding(
                "prompt.not_placed",
                Severity.WARNING,
                f"{entry['kind']}: the prompt asks for {entry['wanted']}, {entry['placed']} found room.",
                measured=entry["placed"],
                limit=entry["wanted"],
                where=entry["kind"],
            )
        )
    return tuple(found)

"""What can be asked for: plugins, their parameters and presets, as JSON data."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from . import params, registry
from .errors import LyraError
from .plan import STAGES, choose_generator, preset_names, stage_params
from .types import SceneRequest
from .weights.shipped import shipped_models

__all__ = ["describe", "generator_fields", "known_names"]


def known_names() -> dict[str, str]:
    """Return the names there are of presets, models and each kind of plugin, {"presets": "draft, large, standard"}."""
    known = {f"{noun}s": registry.names(stage) for stage, noun in registry.PLUGIN_STAGES.items()}
    known |= {"presets": preset_names(), "models": tuple(shipped_models()) or ("none comes with the package",)}
    return {kind: ", ".join(names) for kind, names in known.items()}


def describe() -> dict[str, Any]:
    """Return every plugin with its summary and a JSON schema of its parameters, stage by stage.

    A plugin that cannot be imported is listed with the reason.
    """
    listing: dict[str, Any] = {"presets": list(preset_names()), "models": list(shipped_models())}
    for stage in STAGES:
        entry: dict[str, Any] = {}
        if stage not in ("generate", "collide"):
            entry["parameters"] = params.describe(stage_params(stage))["properties"]
        if stage in registry.PLUGIN_STAGES:
            noun = registry.PLUGIN_STAGES[stage] + "s"
            entry[noun] = {name: _plugin(stage, name) for name in registry.names(stage)}
        listing[stage] = entry
    return listing


def generator_fields(request: SceneRequest) -> tuple[str, frozenset[str]]:
    """Return the name of the generator that makes a request's scene, and the names of its parameters.

    Raises:
        InvalidRequest, MissingDependency: see :func:`choose_generator`.
    """
    name, module = choose_generator(request)
    return name, frozenset(f.name for f in fields(module.Params))


def _plugin(stage: str, name: str) -> dict[str, Any]:
    entry: dict[str, Any] = {"summary": registry.summary(stage, name)}
    try:
        module = registry.get(stage, name)
    except LyraError as error:
        return {**entry, "unavailable": str(error)}
    # of plugins of other packages the registry knows no more than where they are, as it imports nothing
    entry["summary"] = (module.__doc__ or "").partition("\n")[0] or entry["summary"]
    if stage == "generate":
        entry["inputs"] = list(module.INPUTS)
    return {**entry, "parameters": params.describe(module.Params)["properties"]}

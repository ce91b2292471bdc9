"""From a request to checked parameters: every mistake in a request is found before any work starts."""

from __future__ import annotations

import importlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from . import params, registry
from .errors import InvalidRequest, nearest, shown
from .types import Foresight
from .types.request import INPUT_FIELDS, SceneRequest

__all__ = [
    "STAGES",
    "Overrides",
    "Plan",
    "check_collider",
    "checked_overrides",
    "choose_generator",
    "make_plan",
    "preset_names",
    "stage_params",
]

#: Parameters by stage and field.
Overrides = Mapping[str, Mapping[str, Any]]

#: Stages in the order they run.
STAGES = ("generate", "refine", "light", "collide", "place", "author", "validate", "report")
#: Which inputs lead to which generator when the request names none; the first match wins.
_DEFAULT_GENERATORS = (
    ({"splat"}, "splat_file"),
    ({"video"}, "lyra_dynamic"),
    ({"image", "model"}, "lyra"),
    ({"image", "depth"}, "rgbd"),
    ({"image"}, "lyra"),
    ({"prompt", "model"}, "lyra"),
    ({"prompt"}, "procedural"),
)
_PRESET_FOLDER = Path(__file__).parent / "presets"


@dataclass(frozen=True)
class Plan:
    """A request with its plugins imported and its parameters built."""

    generator: ModuleType
    collider: ModuleType
    primitives: Mapping[str, Any]
    params: Mapping[str, Any]
    plugins: Mapping[str, str]

    def undecisive(self) -> dict[str, frozenset[str]]:
        """Return the fields of each stage's parameters that change nothing of what comes out."""
        found = {stage: params.undecisive(type(built)) for stage, built in self.params.items()}
        of_primitives = (params.undecisive(type(built)) for built in self.primitives.values())
        return {**found, "author": found["author"].union(*of_primitives)}


def preset_names() -> tuple[str, ...]:
    """Return the names of the presets that ship with the package."""
    return tuple(sorted(p.stem for p in _PRESET_FOLDER.glob("*.toml")))


def make_plan(request: SceneRequest) -> Plan:
    """Choose plugins and build the parameters of every stage from preset and overrides.

    Raises:
        InvalidRequest: an unknown name, field or value, or inputs that do not fit the generator.
        MissingDependency: a plugin needs a package that is not installed.
    """
    unknown = [stage for stage in request.params if stage not in STAGES]
    if unknown:
        raise InvalidRequest(f"--set {unknown[0]}.*: no such stage; {nearest(unknown[0], STAGES)}")
    preset = _preset(request.preset)
    generator_name, generator = choose_generator(request)
    collider = registry.get("collide", request.collider)
    if getattr(collider, "TAKES_SUPPLIED", False) and not request.collider_glb:
        raise InvalidRequest(
            f"collider {request.collider!r} takes triangles that came with the scene, got none. "
            "Add --collider-glb FILE.glb, or choose another --collider."
        )
    built = {
        "generate": _build(generator.Params, "generate", generator_name, preset, request),
        "refine": _build(stage_params("refine"), "refine", "", preset, request),
        "light": _build(stage_params("light"), "light", "", preset, request),
        "collide": _build(collider.Params, "collide", request.collider, preset, request),
        "place": _build(stage_params("place"), "place", "", preset, request),
        "validate": _build(stage_params("validate"), "validate", "", preset, request),
    }
    validate = importlib.import_module("lyra_backend.validate")
    validate.check_needs(built["validate"])
    built["place"] = built["place"].with_robots(validate.robots_tried(built["validate"]))
    built["author"], primitives = _author_params(request, preset)
    few = importlib.import_module("lyra_backend.report").FEW_PICTURES if built["author"].trains else {}
    pictures = {"report": {**preset.get("report", {}), **few}}
    built["report"] = _build(stage_params("report"), "report", "", pictures, request)
    foresight = _foreseen(generator, request, built["generate"])
    importlib.import_module("lyra_backend.refine").check_measures(built["refine"], foresight)
    solid = not getattr(collider, "MAKES_NONE", False)
    importlib.import_module("lyra_backend.author").check_shown(
        built["author"], request.primitives, solid, foresight.exact is not False
    )
    _check_robots(built, solid)
    if built["author"].mjcf and not solid:
        raise InvalidRequest("author.mjcf: needs colliders, got the collider 'none'. Choose another --collider.")
    check_collider(collider, built["collide"])
    plugins = {"generate": generator_name, "collide": request.collider, "author": ",".join(request.primitives)}
    return Plan(generator, collider, primitives, built, plugins)


def _foreseen(generator: ModuleType, request: SceneRequest, built: Any) -> Foresight:
    """Return what a generator knows of its scene before it is made; it refuses what it can tell to be wrong."""
    foresee = getattr(generator, "foresee", None)
    return foresee(request, built) if foresee else Foresight()


def check_collider(collider: ModuleType, built: Any) -> None:
    """Refuse parameters of a collider that need a package which is not installed.

    Raises:
        MissingDependency: so it is.
    """
    if hasattr(collider, "check_needs"):
        collider.check_needs(built)


def _check_robots(built: Mapping[str, Any], solid: bool) -> None:
    """Refuse robots that would have nothing to stand on, or for which nobody would look for places to start."""
    standing, looked_for = built["author"].robot_names, built["place"].names
    asked = "author.robots" if standing else "validate.accept=robots" if built["validate"].accept == "robots" else ""
    if asked and not solid:
        raise InvalidRequest(f"{asked}: robots stand on colliders, got the collider 'none'. Choose another --collider.")
    if asked and not built["place"].spawn_points:
        raise InvalidRequest(
            f"{asked}: robots start at places that are looked for, got place.spawn_points=0. Raise it."
        )
    if built["validate"].accept == "robots" and not built["place"].tasks:
        raise InvalidRequest("validate.accept=robots: robots walk planned ways, got place.tasks=0. Raise it.")
    for name in standing:
        if name not in looked_for:
            raise InvalidRequest(
                f"author.robots: {shown(name)} is not among place.robots, {', '.join(looked_for) or 'none'}, so there "
                "would be no place for it. Add it there, or name it by --robot, which does."
            )


def choose_generator(request: SceneRequest) -> tuple[str, ModuleType]:
    """Return the name and the module of the generator that a request names or its inputs lead to.

    Raises:
        InvalidRequest: an unknown name, or inputs that do not fit the generator.
        MissingDependency: it needs a package that is not installed.
    """
    name = request.generator or _default_generator(request)
    generator = registry.get("generate", name)
    _check_inputs(request, name, generator)
    return name, generator


def stage_params(stage: str) -> type[Any]:
    """Return the `Params` class of a stage that has no plugins to choose from."""
    params_type: type[Any] = importlib.import_module(f"lyra_backend.{stage}").Params
    return params_type


def checked_overrides(what: str, overrides: Overrides | None, stages: tuple[str, ...]) -> Overrides:
    """Return `overrides` if they are for these stages alone.

    Raises:
        InvalidRequest: they are for others, where nothing that `what` does would read them.
    """
    for stage, values in (overrides or {}).items():
        if stage not in stages:
            takes = f"it takes those of {' and '.join(stages)}" if stages else "it takes none"
            raise InvalidRequest(f"--set {stage}.*: {what} does not use these parameters, {takes}. Leave them out.")
        if not isinstance(values, Mapping):
            raise InvalidRequest(f"overrides must map a stage to its fields, got {shown(overrides)}.")
    return overrides or {}


def _default_generator(request: SceneRequest) -> str:
    given = {name for name in ("prompt", *INPUT_FIELDS) if getattr(request, name)}
    for needs, name in _DEFAULT_GENERATORS:
        if needs <= given | ({"model"} if request.model else set()):
            return name
    what = " and ".join(sorted(given))
    raise InvalidRequest(
        f"{what} alone: no generator takes that by default. Add an image to depth, or name a generator with "
        f"--generator; known: {', '.join(registry.names('generate'))}."
    )


def _check_inputs(request: SceneRequest, name: str, generator: ModuleType) -> None:
    """Refuse inputs that the generator would silently ignore."""
    takes = generator.INPUTS
    for field in ("prompt", *INPUT_FIELDS, "model"):
        if getattr(request, field) and field not in takes:
            raise InvalidRequest(
                f"{field}: generator {name!r} does not use it, it takes {', '.join(takes)}. Leave it out."
            )


@cache
def _preset(name: str) -> dict[str, Any]:
    path = _PRESET_FOLDER / f"{name}.toml"
    if name not in preset_names():
        raise InvalidRequest(f"preset {name!r} is unknown; {nearest(name, preset_names())}")
    return tomllib.loads(path.read_text(encoding="utf-8"))


def _build(kind: type[Any], stage: str, plugin: str, preset: Mapping[str, Any], request: SceneRequest) -> Any:
    defaults = preset.get(stage, {}).get(plugin, {}) if plugin else preset.get(stage, {})
    return params.build(kind, stage, {**defaults, **request.params.get(stage, {})})


def _author_params(request: SceneRequest, preset: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Split overrides of `author` between the stage itself and the chosen primitives."""
    kind = stage_params("author")
    own = {f.name for f in fields(kind)}
    given = {**preset.get("author", {}), **request.params.get("author", {})}
    author = params.build(kind, "author", {k: v for k, v in given.items() if k in own})
    rest = {k: v for k, v in given.items() if k not in own}
    primitives: dict[str, Any] = {}
    known = set(own)
    for name in request.primitives:
        primitive = registry.get("author", name).Params
        names = {f.name for f in fields(primitive)}
        primitives[name] = params.build(primitive, "author", {k: v for k, v in rest.items() if k in names})
        known |= names
    for key in rest:
        if key not in known:
            raise InvalidRequest(f"author.{key} is not a parameter; {nearest(key, known)}")
    return author, primitives

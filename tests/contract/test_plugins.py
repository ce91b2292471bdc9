"""What every plugin owes its users, checked for each plugin there is."""

from __future__ import annotations

import dataclasses
import inspect
import json

import pytest

from lyra_backend import params, registry
from lyra_backend.catalog import describe
from lyra_backend.types.request import INPUT_FIELDS

PLUGINS = [(stage, name) for stage in registry.PLUGIN_STAGES for name in registry.names(stage)]
ARGUMENTS = {
    "generate": ["request", "params", "progress"],
    "collide": ["cloud", "cameras", "params", "progress"],
    "author": ["cloud", "directory", "params", "progress"],
}


def test_the_promised_plugins_are_there() -> None:
    promised = {("generate", n) for n in ("procedural", "rgbd", "splat_file", "lyra", "lyra_dynamic")}
    promised |= {("collide", "surface"), ("collide", "none"), ("author", "particle_field"), ("author", "nurec")}
    assert promised <= set(PLUGINS)


@pytest.mark.parametrize(("stage", "name"), PLUGINS)
def test_plugin_explains_itself(stage: str, name: str) -> None:
    module = registry.get(stage, name)
    assert len(registry.summary(stage, name)) > 20
    assert dataclasses.is_dataclass(module.Params)
    assert module.Params.__dataclass_params__.frozen
    for field in dataclasses.fields(module.Params):
        assert len(field.metadata["help"]) > 10, f"{stage}.{field.name} needs help"


@pytest.mark.parametrize(("stage", "name"), PLUGINS)
def test_defaults_are_within_their_own_limits(stage: str, name: str) -> None:
    kind = registry.get(stage, name).Params
    defaults = dataclasses.asdict(kind())
    assert params.build(kind, stage, {k: v for k, v in defaults.items() if v is not None}) == kind()


@pytest.mark.parametrize(("stage", "name"), PLUGINS)
def test_run_takes_what_the_pipeline_hands_over(stage: str, name: str) -> None:
    module = registry.get(stage, name)
    more = ["scratch"] if getattr(module, "RESUMES", False) else []
    more += ["supplied"] if getattr(module, "TAKES_SUPPLIED", False) else []
    assert list(inspect.signature(module.run).parameters) == [*ARGUMENTS[stage], *more]


@pytest.mark.parametrize("name", registry.names("generate"))
def test_generator_says_what_it_reads(name: str) -> None:
    inputs = registry.get("generate", name).INPUTS
    assert inputs
    assert set(inputs) <= {"prompt", "model", *INPUT_FIELDS}


def test_catalog_is_json_with_every_plugin() -> None:
    listing = json.loads(json.dumps(describe()))
    for stage, name in PLUGINS:
        assert name in listing[stage][registry.PLUGIN_STAGES[stage] + "s"]
    assert listing["validate"]["parameters"]["physics_held_min"]["description"]

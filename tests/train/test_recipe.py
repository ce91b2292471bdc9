"""Recipes: the published numbers, and errors that say where a file is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from lyra_backend.errors import InvalidRequest
from lyra_backend.train.recipe import RECIPES, read_recipe

#: Resolution, frames, targets, videos, batch and last step of the published stages, still and moving. Moving ones go
#: on from the still stage that ends at 82 000, and end at 90 000 and 91 000.
STILL = [
    (176, 320, 17, 17, (1, 1), 4, 10_000),
    (176, 320, 49, 49, (1, 1), 4, 12_500),
    (352, 640, 49, 49, (1, 1), 2, 15_000),
    (704, 1280, 49, 49, (1, 1), 1, 17_500),
    (704, 1280, 121, 9, (1, 1), 1, 75_000),
    (704, 1280, 121, 9, (1, 6), 1, 82_000),
    (704, 1280, 121, 9, (1, 6), 1, 83_000),
]
MOVING = [(704, 1280, 121, 12, (1, 6), 1, 8_000), (704, 1280, 121, 12, (1, 6), 1, 9_000)]


@pytest.mark.parametrize(("name", "table"), [("lyra_static", STILL), ("lyra_dynamic", MOVING)])
def test_published_numbers(name: str, table: list[tuple]) -> None:
    recipe, end, found = read_recipe(name), 0, []
    for stage in recipe.stages:
        end += stage.steps
        found.append((stage.height, stage.width, stage.frames, stage.targets, stage.view_range, stage.batch, end))
        assert (stage.mse, stage.lpips, stage.depth) == (1.0, 0.5, 0.05)
        assert (stage.prune, stage.opacity) == ((0.8, 0.1) if stage is recipe.stages[-1] else (0.0, 0.0))
        assert stage.moves == (name == "lyra_dynamic")
    assert found == table
    optimiser = recipe.optimiser
    assert (optimiser.lr, optimiser.betas, optimiser.weight_decay) == (1e-4, (0.9, 0.999), 1e-2)
    assert (optimiser.warmup, optimiser.decay, optimiser.clip, optimiser.muon_lr) == (100, "constant", 1.0, 0.0)


def test_stages_follow_each_other() -> None:
    recipe = read_recipe("lyra_static")
    assert recipe.steps == 83_000
    names = [recipe.stage(step).name for step in (0, 9_999, 10_000, 74_999, 75_000, 82_999, 90_000)]
    stages = [stage.name for stage in recipe.stages]
    assert names == [stages[i] for i in (0, 0, 1, 4, 5, 6, 6)]


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_can_be_read(name: str) -> None:
    assert read_recipe(name).steps > 0


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[[stages]]\nname = 'a'\nsteps = 1\nview = 2", "there is no 'view'.*views"),
        ("[[stages]]\nname = 'a'\nsteps = 0", "steps must be a whole number"),
        ("[[stages]]\nname = 'a'\nsteps = 2\nprune = 1.0", "prune"),
        ("[[stages]]\nname = 'a'\nsteps = 2\nmse = -1", "0 or more"),
        ("[[stages]]\nname = 'a'\nsteps = 2\ntargets = 0", "without targets"),
        ("[[stages]]\nname = 'a'\nsteps = 2\nviews = [6, 1]", "views must rise"),
        ("[[stages]]\nsteps = 2", "name"),
        ("[optimiser]\nlrate = 1\n[[stages]]\nname = 'a'\nsteps = 2", "there is no 'lrate'"),
        ("[[stages]]\nname = 'a'\nsteps = 2\n[loss]\nx = 1", "loss"),
        ("[optimiser]\nlr = -1\n[[stages]]\nname = 'a'\nsteps = 2", "rates must be 0 or more"),
        ("[optimiser]\nbetas = [0.9]\n[[stages]]\nname = 'a'\nsteps = 2", "betas must be two numbers"),
        ("[[stages]]\nname = 'a'\nsteps = 2\nheight = '704'", "sizes are whole numbers"),
        ("lr = ", "is no recipe"),
        ("", "stages"),
    ],
)
def test_files_that_are_wrong_say_where(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "own.toml"
    path.write_text(text)
    with pytest.raises(InvalidRequest, match=told) as caught:
        read_recipe(str(path))
    assert "own.toml" in str(caught.value)


def test_a_name_that_there_is_not_is_answered_with_the_nearest() -> None:
    with pytest.raises(InvalidRequest, match="lyra_static"):
        read_recipe("lyra_statik")

"""Variations of a finished scene: the same Gaussians and colliders under another light, with other friction, another
look of pictures, and things that lie about.

Does: draw, write and check thin layers that refer to the run they lie in. Does not: generate a scene; other scenes are
other requests, which a batch makes.

    DIR/variations/000/scene.usda   refers to DIR/scene.usda       DIR/variations/000/stage.usda   as DIR/stage.usda
    DIR/variations/variations.json  what differs, and what the checks said; written last
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..atomic import atomic_write, remove_leftovers
from ..errors import InvalidRequest, shown
from ..io.run_dir import VARIATIONS, RunDirectory
from ..paths import given_path
from ..progress import CancelToken, Event, Progress
from ..types import Finding, Outcome, Severity
from .choices import draw_clutter, draw_frictions, draw_look
from .findings import few_things, scene_not_accepted
from .free_space import navigation_of
from .record import VARIATIONS_FILE, as_json
from .steady import keep_steady
from .things import LARGEST_RADIUS_M, own_things

if TYPE_CHECKING:
    from ..author.light import StageLight
    from ..author.variation import Variation

__all__ = ["MOST", "VARIATIONS_FILE", "check_count", "navigation_of", "vary_scene"]

MOST, MOST_THINGS = 1000, 64
#: Places looked at for things to lie at.
_PLACES = 400
_STAGE = "stage.usda"


def vary_scene(
    directory: str | os.PathLike[str],
    count: int,
    *,
    seed: int | None = None,
    clutter: int = 6,
    overwrite: bool = False,
    listener: Callable[[Event], None] | None = None,
    token: CancelToken | None = None,
) -> Outcome[tuple[str, ...]]:
    """Make variations of the finished run in `directory`, in its folder ``variations``.

    The same run, seed and numbers give the same bytes, and more variations leave the first ones as they are.

    Args:
        directory: a finished run.
        count: variations to make.
        seed: what they are drawn from; that of the run if left out.
        clutter: things that lie about in each, at most.
        overwrite: replace variations that are there.
        listener: called with every progress event.
        token: set it from another thread to stop.

    Returns:
        The names of their folders below ``variations``.

    Raises:
        InvalidRequest: `directory` is no finished run or has variations already, or a number is out of range.
        Cancelled: `token` was set; ``variations.json`` is missing then.
    """
    run, progress = _finished(given_path("directory", directory)), Progress(listener, token, stage="vary")
    check_count(count)
    _check("clutter", clutter, 0, MOST_THINGS)
    seed = run.request.seed if seed is None else seed
    _check("seed", seed, 0, 2**63 - 1)
    folder = run.root / VARIATIONS
    _clear(folder, overwrite)
    drawn, scenes, findings = _drawn(run.root, count, seed, clutter, progress.child(0.0, 0.3))
    _write(run.root, folder, drawn)
    steady = keep_steady(drawn, folder, scenes, lambda few: _write(run.root, folder, few), progress.child(0.3, 1.0))
    drawn, settled = steady.value, steady.findings
    own = () if run.read_report().accepted else (scene_not_accepted(),)
    found = (*own, *findings, *settled, *_layer_findings(folder, drawn))
    things = sum(len(variation.clutter) for variation in drawn.values())
    outcome = Outcome(tuple(drawn), {"variations": len(drawn), "things": things}, found)
    atomic_write(folder / VARIATIONS_FILE, _as_json(run.root, seed, drawn, outcome))
    progress(1.0, f"made {len(drawn)} variations")
    return outcome


def _finished(root: Path) -> RunDirectory:
    if not root.is_dir():
        raise InvalidRequest(f"{root}: does not exist; name the directory of a finished run.")
    run = RunDirectory.read(root)
    if not run.complete:
        raise InvalidRequest(f"{root}: this run did not finish; run generate again with the same --out to continue it.")
    return run


def check_count(count: int) -> None:
    """Raise InvalidRequest if nobody makes so many variations."""
    _check("variations", count, 1, MOST)


def _check(name: str, value: Any, least: int, most: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise InvalidRequest(f"--{name}: must be a whole number from {least} to {most}, got {shown(value)}.")


def _clear(folder: Path, overwrite: bool) -> None:
    """Make the output folder, empty; one that was not finished holds nothing worth keeping."""
    if (folder / VARIATIONS_FILE).is_file() and not overwrite:
        raise InvalidRequest(f"{folder}: already holds variations. Add --overwrite to replace them.")
    try:
        if folder.is_dir():
            (folder / VARIATIONS_FILE).unlink(missing_ok=True)
            shutil.rmtree(folder)
        folder.mkdir()
        remove_leftovers(folder)
    except OSError as error:
        raise InvalidRequest(f"{folder}: cannot write there ({error.strerror}). Check its permissions.") from error


def _drawn(
    run: Path, count: int, seed: int, clutter: int, progress: Progress
) -> tuple[dict[str, Variation], tuple[str, ...], tuple[Finding, ...]]:
    """Draw all variations by name; return with them the paths of the stage's physics scenes."""
    from ..author.variation import Variation, read_frictions
    from ..validate.level_places import find_places
    from ..validate.usd import quiet_usd

    with quiet_usd():
        progress(0.0, "looking for places on the floor")
        places = find_places(run / _STAGE, LARGEST_RADIUS_M, _PLACES)
        own, frictions, lights = own_things(run), read_frictions(run), _lights(run, count, seed)
    drawn = {
        f"{k:03d}": Variation(
            lights[k],
            draw_frictions(frictions, seed, k),
            draw_clutter(places, own, clutter, seed, k),
            draw_look(seed, k),
        )
        for k in range(count)
    }
    fewest = min(len(variation.clutter) for variation in drawn.values())
    return drawn, places.scenes, (few_things(fewest, clutter, len(places.points)),) if fewest < clutter else ()


def _lights(run: Path, count: int, seed: int) -> Sequence[StageLight | None]:
    """Return the light of each variation; that of the stage itself where it cannot be read."""
    from ..author.light import varied
    from ..author.light_reader import read_light

    light = read_light(run / _STAGE)
    return [None] * count if light is None else list(varied(light, count, seed).values())


def _write(run: Path, folder: Path, drawn: dict[str, Variation]) -> None:
    from ..author.variation import write_variation

    for name, variation in drawn.items():
        (folder / name).mkdir(exist_ok=True)
        write_variation(run, folder / name, variation)


def _layer_findings(folder: Path, drawn: dict[str, Variation]) -> tuple[Finding, ...]:
    from ..validate.settling import check_layers
    from ..validate.usd import quiet_usd

    with quiet_usd():
        return tuple(finding for name in drawn for finding in check_layers(folder / name))


def _as_json(run: Path, seed: int, drawn: dict[str, Variation], outcome: Outcome[tuple[str, ...]]) -> str:
    from ..io.navigation_files import SPAWN_FILE, load_navigation

    navigation = load_navigation(run) if (run / SPAWN_FILE).is_file() else None
    data = {
        "seed": seed,
        "accepted": all(f.severity is not Severity.ERROR for f in outcome.findings),
        "variations": {name: as_json(variation, navigation) for name, variation in drawn.items()},
        "findings": [vars(f) | {"severity": f.severity.value} for f in outcome.findings],
    }
    return json.dumps(data, indent=2) + "\n"

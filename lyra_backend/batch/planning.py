"""What a batch will take, and every mistake in it, before anything runs."""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..errors import InvalidRequest
from ..pipeline import TYPICAL_SECONDS
from ..plan import Plan, make_plan
from ..types import Estimate, SceneRequest
from .manifest import Item
from .records import ACCEPTED, Record

__all__ = ["BatchPlan", "plan_batch"]

#: On disk: a Gaussian without view dependence as 32-bit floats, and all else of a scene [bytes].
_GAUSSIAN_BYTES = 56.0
_REST_BYTES = 8e6
_CPU = "two CPU cores"


@dataclass(frozen=True)
class BatchPlan:
    """What a batch will take.

    Attributes:
        items: how many there are.
        settled: how many of them are done.
        generators: how many of the others each generator makes.
        hours: time for one attempt at each of the others [h], by what the time is of.
        disk_bytes: what they will take on disk [bytes]; None if nothing is known.
        measured: the size is that of the scenes which are there.
    """

    items: int
    settled: int
    generators: Mapping[str, int]
    hours: Mapping[str, float]
    disk_bytes: float | None
    measured: bool


def plan_batch(items: Sequence[Item], settled: Mapping[str, Record]) -> BatchPlan:
    """Check the items that are not settled and say what they will take.

    Raises:
        InvalidRequest: an item cannot be made; the message names it.
        MissingDependency: a plugin needs a package that is not installed.
    """
    to_do = [item for item in items if item.name not in settled]
    generators: Counter[str] = Counter()
    hours: defaultdict[str, float] = defaultdict(float)
    sizes: list[float | None] = []
    known: dict[str, _Kind] = {}
    for item in to_do:
        kind = _kind(item, known)
        generators[kind.generator] += 1
        for machine, needed in kind.hours.items():
            hours[machine] += needed
        sizes.append(kind.disk_bytes)
    made = [record["bytes"] for record in settled.values() if record["state"] == ACCEPTED]
    disk = statistics.mean(made) * len(to_do) if made else _sum(sizes)
    return BatchPlan(len(items), len(settled), dict(generators), dict(hours), disk, bool(made))


@dataclass(frozen=True)
class _Kind:
    """What a scene takes, whatever its prompt and seed."""

    generator: str
    hours: Mapping[str, float]
    disk_bytes: float | None


def _kind(item: Item, known: dict[str, _Kind]) -> _Kind:
    """Return what an item takes; of those that differ in prompt and seed alone, one is looked at."""
    request = replace(item.request, seed=0, prompt=None if item.request.prompt is None else "a scene")
    key = request.canonical()
    if key not in known:
        try:
            known[key] = _looked_at(item.request)
        except InvalidRequest as error:
            raise InvalidRequest(f"{item.name}: {error}") from error
    return known[key]


def _looked_at(request: SceneRequest) -> _Kind:
    plan = make_plan(request)
    estimate = getattr(plan.generator, "estimate", None)
    parts: Sequence[Estimate] = tuple(estimate(request, plan.params["generate"])) if estimate else ()
    hours: defaultdict[str, float] = defaultdict(float)
    for part in parts:
        if part.seconds is not None:
            hours[part.times_of or _CPU] += part.seconds / 3600.0
    others = [seconds for stage, seconds in TYPICAL_SECONDS.items() if stage != "generate" or not parts]
    hours[_CPU] += sum(others) / 3600.0
    return _Kind(plan.plugins["generate"], dict(hours), _disk_bytes(plan))


def _disk_bytes(plan: Plan) -> float | None:
    """Return the size of a scene [bytes], as far as it follows from its parameters."""
    author: Any = plan.params["author"]
    if author.trains or author.appearance == "none":
        return _REST_BYTES / 2
    count = getattr(plan.params["generate"], "gaussian_count", None)
    return None if count is None else count * _GAUSSIAN_BYTES + _REST_BYTES


def _sum(sizes: Sequence[float | None]) -> float | None:
    known = [size for size in sizes if size is not None]
    return sum(known) if len(known) == len(sizes) else None

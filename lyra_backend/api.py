"""The Python face: what the command line does, as functions.

Example::

    import lyra_backend as lyra

    result = lyra.generate_scene({"prompt": "a workshop with two benches", "seed": 3}, "outputs/workshop")
    print(result.report.accepted, result.directory / "stage.usda")
"""

from __future__ import annotations

import importlib
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from . import params
from .atlas import AtlasOptions, make_atlas
from .conversion import convert, make_collider
from .errors import InvalidRequest
from .footprint import TrainingPlan, plan_memory
from .io.run_dir import RunDirectory
from .io.run_inputs import RunInputs, file_digest
from .paths import given_path
from .plan import Overrides, checked_overrides, make_plan, stage_params
from .progress import CancelToken, Event, Progress
from .types import Finding, Navigation, Outcome, ScenePlan, SceneRequest, SceneResult, Severity
from .vary import check_count, navigation_of, vary_scene

__all__ = [
    "AtlasOptions",
    "ScenePlan",
    "SceneResult",
    "check_count",
    "convert",
    "generate_scene",
    "make_atlas",
    "make_collider",
    "plan_scene",
    "plan_training",
    "repeat",
    "validate_scene",
    "vary_scene",
]

Listener = Callable[[Event], None]


def generate_scene(
    request: SceneRequest | Mapping[str, Any],
    out: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    listener: Listener | None = None,
    token: CancelToken | None = None,
) -> SceneResult:
    """Make a scene and everything around it in the directory `out`.

    A directory that already holds this request is continued, or returned as it is when it is complete: even if
    another version of the code completed it (`SceneResult.outdated`), for its results may be in use. Parameters that
    only say by which means it is made, such as the device, may be others now.

    Args:
        request: what to make; a mapping is read as JSON data.
        out: the run directory.
        overwrite: replace another run that is there, or run this one again.
        listener: called with every progress event.
        token: set it from another thread to stop.

    Raises:
        InvalidRequest: the request, an input file or `out` cannot be used.
        MissingDependency: a package is needed that is not installed.
        StageFailed: a stage broke.
        Cancelled: `token` was set; finished stages are kept.
    """
    from .pipeline import code_version, run

    root = given_path("out", out)
    if not isinstance(request, SceneRequest):
        request = SceneRequest.from_json(request)
    plan = make_plan(request)
    with RunDirectory.open(root, request, overwrite=overwrite, undecisive=plan.undecisive()) as directory:
        if directory.complete:
            outdated = directory.code != code_version()
            return SceneResult(directory.root, directory.read_report(), reused=True, outdated=outdated)
        return SceneResult(directory.root, run(plan, directory, listener, token))


def plan_scene(request: SceneRequest | Mapping[str, Any]) -> ScenePlan:
    """Check a request as :func:`generate_scene` does before it starts, and say what it will take; nothing is made.

    Raises:
        InvalidRequest: the request, an input, weights or the device cannot be used.
        MissingDependency: a package is needed that is not installed.
    """
    if not isinstance(request, SceneRequest):
        request = SceneRequest.from_json(request)
    plan = make_plan(request)
    RunInputs.of(request)  # finds and reads the files
    estimate = getattr(plan.generator, "estimate", None)
    return ScenePlan(plan.plugins, tuple(estimate(request, plan.params["generate"])) if estimate else ())


def plan_training(path: str | os.PathLike[str], *, envs: int, cameras: Sequence[tuple[int, int]] = ()) -> TrainingPlan:
    """Say what training in a scene takes of a GPU's memory; see :mod:`lyra_backend.footprint`.

    Args:
        path: a run directory or a USD file.
        envs: environments side by side.
        cameras: (width, height) of each camera of an environment [px].

    Raises:
        InvalidRequest: there is no such scene, or numbers that no run could use.
    """
    path = given_path("path", path)
    size = importlib.import_module("lyra_backend.author.scene_size").read_scene_size(path)
    return plan_memory(size, envs, cameras)


def validate_scene(
    path: str | os.PathLike[str],
    *,
    overrides: Overrides | None = None,
    listener: Listener | None = None,
    token: CancelToken | None = None,
) -> tuple[Finding, ...]:
    """Check a run directory or any USD stage; nothing is changed.

    Args:
        path: a run directory or a USD file.
        overrides: parameters by stage: "validate" (the limits).
        listener: called with every progress event.
        token: set it from another thread to stop.

    Raises:
        InvalidRequest: there is no such file, or a limit is unknown.
    """
    path = given_path("path", path)
    if not path.exists():
        raise InvalidRequest(f"{path}: does not exist. Give a run directory or a USD file.")
    given = checked_overrides("validate", overrides, ("validate",))
    limits = params.build(stage_params("validate"), "validate", given.get("validate", {}))
    progress = Progress(listener, token, stage="validate")
    found: Outcome[Navigation | None] = navigation_of(path) if limits.accept == "robots" else Outcome(None)
    outcome = importlib.import_module("lyra_backend.validate").run(path, None, limits, progress, found.value)
    findings: tuple[Finding, ...] = (*found.findings, *outcome.findings)
    return findings


def repeat(
    directory: str | os.PathLike[str], *, listener: Listener | None = None, token: CancelToken | None = None
) -> Outcome[dict[str, str]]:
    """Run the request of a finished run again, elsewhere, and compare.

    Returns:
        {file name: "same" | "differs" | "missing" | "new"} of every file that must be the same, and a finding if
        another version of this package made the run.

    Raises:
        InvalidRequest: `directory` is not a finished run.
    """
    from .pipeline import code_version

    first = RunDirectory.read(given_path("directory", directory))
    if not first.complete:
        raise InvalidRequest(
            f"{first.root}: this run did not finish; run generate again with the same --out to continue it."
        )
    with tempfile.TemporaryDirectory(prefix="lyra-repeat-", ignore_cleanup_errors=True) as folder:
        again = generate_scene(first.resolved_request(), Path(folder) / "run", listener=listener, token=token)
        verdicts = _compared(first.results(), RunDirectory.read(again.directory).results())
    findings = () if first.code == code_version() else (_other_code(all(v == "same" for v in verdicts.values())),)
    return Outcome(verdicts, {"files": len(verdicts)}, findings)


def _compared(old: Mapping[str, Path], new: Mapping[str, Path]) -> dict[str, str]:
    verdicts = {
        name: "missing" if name not in new else "same" if file_digest(path) == file_digest(new[name]) else "differs"
        for name, path in old.items()
    }
    return verdicts | {name: "new" for name in new if name not in old}


def _other_code(same: bool) -> Finding:
    message = "Another version of Lyra SceneGen, or of a library, made this run; this one gives the same bytes."
    if not same:
        message = (
            "Another version of Lyra SceneGen, or of a library, made this run: differences are to be expected "
            "and say nothing about whether runs repeat. Generate it again with --overwrite, then repeat that."
        )
    return Finding("repeat.other_code", Severity.INFO if same else Severity.WARNING, message)

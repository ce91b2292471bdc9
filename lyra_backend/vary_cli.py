"""The command ``lyra-scenegen vary``."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .exits import ExitCode
from .options import JsonFlag

if TYPE_CHECKING:
    from .types import Outcome

__all__ = ["varied_json", "vary"]


def vary(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="A finished run directory.")],
    variations: Annotated[int, typer.Option("--variations", metavar="N", help="How many variations to make.")] = 8,
    seed: Annotated[
        int | None, typer.Option(metavar="N", help="What they are drawn from. Default: the seed of the run.")
    ] = None,
    clutter: Annotated[int, typer.Option(metavar="N", help="Things that lie about in each, at most; 0 for none.")] = 6,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace variations that are there.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Make copies of a scene with other light, friction and look, and things that lie about, as thin layers over it.

    They go to DIR/variations/000 and so on, each opened like the scene itself; variations.json says what differs.
    """
    from . import api
    from .console import Console, print_result

    with Console(quiet=as_json) as console:
        outcome = api.vary_scene(
            directory,
            variations,
            seed=seed,
            clutter=clutter,
            overwrite=overwrite,
            listener=console.show,
            token=console.token,
        )
    data = varied_json(directory, outcome)
    if as_json:
        sys.stdout.write(json.dumps(data, indent=2) + "\n")
    else:
        print_result(data)
    raise typer.Exit(ExitCode.OK if data["accepted"] else ExitCode.NOT_ACCEPTED)


def varied_json(directory: Path, outcome: Outcome[tuple[str, ...]]) -> dict[str, Any]:
    """Return what was made of the run in `directory`, as JSON data."""
    from .types import Severity

    return {
        "output": str(directory / "variations"),
        "accepted": all(finding.severity is not Severity.ERROR for finding in outcome.findings),
        "counts": dict(outcome.counts),
        "findings": [asdict(finding) for finding in outcome.findings],
    }

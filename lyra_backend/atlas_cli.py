"""The command ``lyra-scenegen atlas``."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from .exits import ExitCode
from .options import JsonFlag

__all__ = ["atlas"]


def atlas(
    scenes: Annotated[
        list[Path],
        typer.Argument(metavar="DIR", help="Run directories, or folders of batches: their accepted scenes."),
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the atlas goes; made if needed.")],
    margin: Annotated[
        float,
        typer.Option(
            metavar="M", help="Metres between neighbours, at least; the range of sensors, if scenes are open."
        ),
    ] = 10.0,
    spawns: Annotated[int, typer.Option(metavar="N", help="Places to start in each scene, at most.")] = 16,
    clearance: Annotated[float, typer.Option(metavar="M", help="Free radius around each of them.")] = 0.3,
    max_triangles: Annotated[int, typer.Option(metavar="N", help="More triangles in all are a finding.")] = 1_000_000,
    force: Annotated[
        bool, typer.Option("--force", help="Take scenes that were not accepted as well, and exit with 0 in any case.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace another atlas in --out.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Put scenes side by side in one stage with one collider mesh, to train in all of them at once."""
    from . import api
    from .console import Console, print_result

    options = api.AtlasOptions(margin, spawns, clearance, max_triangles)
    with Console(quiet=as_json) as console:
        result = api.make_atlas(
            scenes,
            out,
            options=options,
            force=force,
            overwrite=overwrite,
            listener=console.show,
            token=console.token,
        )
    report = result.report
    if as_json:
        sys.stdout.write(json.dumps({"directory": str(out), **report.to_json()}, indent=2) + "\n")
    else:
        counts = {name: value for stage in report.stages for name, value in stage.counts.items()}
        state = {"output": str(out / "atlas.usda"), "accepted": report.accepted, "counts": counts}
        print_result({**state, "findings": [asdict(finding) for finding in report.findings]})
    raise typer.Exit(ExitCode.OK if report.accepted or force else ExitCode.NOT_ACCEPTED)

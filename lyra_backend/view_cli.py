"""The command ``lyra-scenegen view``."""

from __future__ import annotations

import sys
import webbrowser
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["view"]


def view(
    path: Annotated[
        Path,
        typer.Argument(
            help="A run directory, a splat file, a folder with a splat for each time, or a USD stage with Gaussians."
        ),
    ],
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen at; 0 takes a free one.")] = 0,
    up: Annotated[
        str | None,
        typer.Option(
            metavar="AXIS",
            help="Axis of a splat file that points up: z, -z, y, -y, x, -x. Captures mostly have -y. Default: z; the "
            "page lets you change it.",
        ),
    ] = None,
    fps: Annotated[
        float | None,
        typer.Option(metavar="N", min=0.001, help="Splats a second in a folder of numbered files. Default: 30."),
    ] = None,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Only print the address; open no browser at it.")
    ] = False,
) -> None:
    """Look at a scene in the browser: Gaussians, colliders, places to start, paths; walk in it at a robot's eye height.

    Example: **lyra-scenegen view outputs/office**

    The page comes from this machine, is for this machine alone, and needs no network. Ctrl-C ends it. Nothing is
    changed.
    """
    from .view import ViewServer, gather, routes_of

    with ViewServer(routes_of(gather(path, up, fps)), port) as server:
        sys.stdout.write(f"{path} can be seen at {server.url}\nCtrl-C ends it.\n")
        sys.stdout.flush()
        if not no_browser:
            webbrowser.open(server.url)
        with suppress(KeyboardInterrupt):
            server.serve_forever()

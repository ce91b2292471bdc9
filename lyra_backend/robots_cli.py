"""Robots on the command line: the command ``lyra-scenegen robots``, and what ``generate --robot`` stands for."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .errors import InvalidRequest, nearest, shown
from .options import JsonFlag

if TYPE_CHECKING:
    from .types import Robot

__all__ = ["AssetsOption", "CountOption", "RobotFileOption", "RobotOption", "add_robots", "robots", "users_file"]

RobotOption = Annotated[
    str | None,
    typer.Option(
        "--robot",
        metavar="NAME[,NAME]",
        help="Robots that stand in stage.usda, and that places to start are for; `lyra-scenegen robots` lists them.",
    ),
]
CountOption = Annotated[int | None, typer.Option("--count", min=1, metavar="N", help="How many of each --robot.")]
RobotFileOption = Annotated[
    Path | None,
    typer.Option("--robot-file", metavar="FILE.toml", help="Robots of your own, by name; see docs/robots.md."),
]
AssetsOption = Annotated[
    str | None,
    typer.Option(
        "--assets-root",
        metavar="URL|DIR",
        help="Where the robots' assets are. Default: where NVIDIA publishes those of the Isaac Sim the stage is for.",
    ),
]


def robots(file: RobotFileOption = None, as_json: JsonFlag = False) -> None:
    """List the robots there are, with their sizes in metres, and the assets that stages refer to."""
    known = _known(file)
    if as_json:
        entries = {name: asdict(robot) for name, robot in known.items()}
        sys.stdout.write(json.dumps(entries, indent=2) + "\n")
        return
    from .console import print_result

    print_result({name: _in_short(robot) for name, robot in known.items()})


def add_robots(
    params: dict[str, dict[str, Any]], names: str | None, count: int | None, file: Path | None, root: str | None
) -> None:
    """Add what ``--robot`` and the options with it stand for: parameters of place and author; they beat --set.

    Entries of the user's travel as text in ``place.own_robots``, so that a request says all that it depends on.

    Raises:
        InvalidRequest: a robot is unknown, an entry cannot be read, or an option stands without ``--robot``.
    """
    given = {"--count": count, "--robot-file": file, "--assets-root": root}
    if names is None:
        alone = next((option for option, value in given.items() if value is not None), None)
        if alone is not None:
            raise InvalidRequest(
                f"{alone}: says more of the robots that --robot names, but there is none. Add --robot."
            )
        return
    wanted = list(dict.fromkeys(name.strip() for name in names.split(",") if name.strip()))
    known, own = _known(file), _own(file)
    for name in wanted:
        if name not in known:
            where = f" (looked in the catalog and {file})" if file else ""
            raise InvalidRequest(f"--robot {shown(name)}: unknown{where}; {nearest(name, known)}")
    if not wanted:
        raise InvalidRequest(f"--robot: must name a robot, got {shown(names)}; known: {', '.join(known)}.")
    place, author = params.setdefault("place", {}), params.setdefault("author", {})
    if "robots" in author:
        raise InvalidRequest(
            f"--robot and author.robots: both say which robots stand in the stage, got {shown(names)} and "
            f"{shown(author['robots'])}. Leave one out."
        )
    also = [name for name in str(place.get("robots", "")).split(",") if name and name not in wanted]
    place["robots"] = ",".join([*wanted, *also])
    if texts := [_as_toml(own[name]) for name in (*wanted, *also) if name in own]:
        place["own_robots"] = "\n".join(texts)
    author |= {"robots": ",".join(wanted), "robot_count": 1 if count is None else count}
    if root is not None:
        author["assets_root"] = _root(root)


def users_file() -> Path:
    """Return where a user's own robots are kept if no file is named: the platform's place for settings."""
    if sys.platform == "win32":
        base = os.environ.get("APPDATA") or Path.home() / "AppData" / "Roaming"
    else:
        base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(base) / "lyra-scenegen" / "robots.toml"


def _known(file: Path | None) -> dict[str, Robot]:
    """Return the robots of the catalog and the user's, which beat them."""
    from .place.robots import known_robots, robot

    return {name: robot(name) for name in known_robots()} | _own(file)


def _own(file: Path | None) -> dict[str, Robot]:
    """Return the robots of a file, or of the user's usual one if there is that."""
    from .place.robots import read_robots

    path = file or users_file()
    if file is None and not path.is_file():
        return {}
    try:
        entries = read_robots(path.read_text(encoding="utf-8"), str(path))
    except OSError as error:
        raise InvalidRequest(
            f"{path}: cannot be read ({error.strerror}). Check the path and its permissions."
        ) from error
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"{path}: must be text in UTF-8, which this is not. Save it as such.") from error
    return {name: replace(entry, asset=_found(entry.asset, path)) for name, entry in entries.items()}


def _found(asset: str, file: Path) -> str:
    """Return an asset that is named from its file on, ./ or ../, as an absolute path; all others as they are."""
    return str((file.parent / asset).resolve()) if re.match(r"\.{1,2}[/\\]", asset) else asset


def _as_toml(robot: Robot) -> str:
    from .place.robots import as_toml

    return as_toml(robot)


def _root(root: str) -> str:
    """Return a URL as it is, and a folder by its absolute path: a stage is read from elsewhere than here.

    Raises:
        InvalidRequest: there is no such folder.
    """
    if "://" in root:
        return root
    if not root.strip() or not Path(root).expanduser().is_dir():
        raise InvalidRequest(
            f"--assets-root: must be a URL or a folder that is there, got {shown(root)}. Check the path; a folder of "
            "another machine, on which the stage is opened, is named by --set author.assets_root=/ITS/PATH."
        )
    return str(Path(root).expanduser().resolve())


def _in_short(robot: Robot) -> str:
    sizes: Mapping[str, float] = {"radius": robot.radius_m, "height": robot.height_m, "step": robot.step_m}
    words = ", ".join(f"{name} {value:g} m" for name, value in sizes.items())
    return f"{robot.title}, {robot.locomotion.value}; {words}, slope {robot.slope_deg:g} deg; {robot.asset}"

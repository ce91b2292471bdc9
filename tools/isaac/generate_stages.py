"""Make scenes from a manifest inside Isaac Sim: robots in their stages, each opened and, if wanted, pictured.

    <isaac-sim>/python.sh tools/isaac/generate_stages.py scenes.json --out datasets/rooms
    <isaac-sim>/python.sh tools/isaac/generate_stages.py scenes.json --robot go2,carter --count 2 --capture --out rooms

The manifest is that of `lyra-scenegen batch` (docs/batch.md): .json, .jsonl and .csv; .yaml where Kit's Python has
PyYAML. Scenes are made by the extension's worker, one after the other, for what this version of Kit draws, with robots
from the root of assets that Isaac Sim is set to. Then each stage is opened here, to see that all of it loads. Every
mistake in the manifest is found before Isaac Sim is started. The same command goes on where it was stopped.

    OUT/runs/<name>/                       the run; stage_isaac6.usda (or _isaac5) is the stage to open
    OUT/frames/<name>/                     with --capture: pictures from viewpoints.json, as tools/isaac/capture.py
    OUT/index.json                         what became of each item

For scenes alone, without frames, `lyra-scenegen batch` is quicker: it needs no Isaac Sim and runs several workers.
Exit code 0 if all were accepted and loaded, 1 if not, 2 if the manifest or the usage is wrong, 130 after Ctrl-C. Never
run in Kit by this project: docs/isaac_sim.md.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from isaac.kit_session import Session, leave
from isaac.outcome import run_tool, write_json
from isaac.scene_files import request_for, robots_loaded, root_layer
from isaac.two_passes import photograph
from lyra_backend.batch import Item, read_manifest
from lyra_backend.errors import InvalidRequest, LyraError
from lyra_backend.exits import ExitCode
from lyra_backend.io.cameras import read_cameras
from lyra_backend.progress import Event

Entry = dict[str, Any]


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest", type=Path, help="what to make; docs/batch.md")
    parser.add_argument("--out", type=Path, required=True, help="folder for runs, frames and index.json")
    parser.add_argument("--robot", default="", help="robots of the catalog, with commas between (default: none)")
    parser.add_argument("--count", type=int, default=1, help="robots of each (default: 1)")
    parser.add_argument("--capture", action="store_true", help="take pictures as well")
    parser.add_argument("--subframes", type=int, default=48, help="frames gathered for one picture (default: 48)")
    parser.add_argument("--gui", action="store_true", help="with Isaac Sim's window, to look on")
    return parser.parse_args(arguments)


def items_of(given: argparse.Namespace) -> tuple[Item, ...]:
    """Return what is to be made.

    Raises:
        InvalidRequest: the manifest or a number cannot be used.
    """
    for name in ("count", "subframes"):
        if getattr(given, name) < 1:
            raise InvalidRequest(f"--{name} must be at least 1, got {getattr(given, name)}.")
    return read_manifest(given.manifest)


def entry_of(item: Item, state: str, **more: Any) -> Entry:
    """Return what index.json says of an item."""
    return {"name": item.name, "key": item.key, "state": state, **more}


def settled(entries: Sequence[Mapping[str, Any]]) -> ExitCode:
    """Return 0 if every item was accepted and its stage loaded whole, 1 otherwise."""
    whole = all(e["state"] == "accepted" and e["robots"] == e["robots_loaded"] for e in entries)
    return ExitCode.OK if whole and entries else ExitCode.NOT_ACCEPTED


class Teller:
    """Says how a scene goes on: a line for each stage and each tenth of it."""

    def __init__(self, name: str, write: Callable[[str], object] = sys.stderr.write) -> None:
        self._name, self._write, self._said = name, write, ("", -1)

    def __call__(self, event: Event) -> None:
        step = (event.stage, int(10 * event.fraction))
        if step != self._said:
            self._said = step
            self._write(f"[{self._name}] {event.stage} {event.fraction:4.0%}  {event.message}\n")


def main(arguments: Sequence[str]) -> ExitCode:
    given = parse(arguments)
    items = items_of(given)
    session = Session(headless=not given.gui)
    code = run_tool(lambda: _make_all(session, items, given))
    leave(session.app, code)


def _make_all(session: Session, items: Sequence[Item], given: argparse.Namespace) -> ExitCode:
    entries: list[Entry] = []
    try:
        for number, item in enumerate(items, 1):
            sys.stderr.write(f"[{item.name}] {number} of {len(items)}\n")
            entries.append(_made(session, item, given))
    finally:
        write_json(given.out / "index.json", {**session.about(), "items": entries})
    return settled(entries)


def _made(session: Session, item: Item, given: argparse.Namespace) -> Entry:
    """Make an item; what goes wrong with it is told, and the others go on."""
    try:
        return _stage_of(session, item, given)
    except (LyraError, RuntimeError, ValueError, OSError) as error:
        sys.stderr.write(f"[{item.name}] failed: {error}\n")
        return entry_of(item, "failed", error=str(error))


def _stage_of(session: Session, item: Item, given: argparse.Namespace) -> Entry:
    import carb.settings
    import omni.lyra.scenegen as scenegen
    from omni.lyra.scenegen.robots import ASSETS_ROOT

    assets_root = str(carb.settings.get_settings().get(ASSETS_ROOT) or "")
    request = request_for(item.request.to_json(), session.appearance, given.robot, given.count, assets_root)
    out = given.out / "runs" / item.name
    run = session.run(scenegen.generate_scene_async(out=out, on_progress=Teller(item.name), **request))
    if run.state != "accepted":
        return entry_of(item, run.state, report=f"runs/{item.name}/report.json")
    root = root_layer(out, session.appearance)
    loaded, there = robots_loaded(session.open(root))
    frames = _frames(session, out, given) if given.capture else 0
    more = {"robots": there, "robots_loaded": loaded, "frames": frames}
    return entry_of(item, "accepted", stage=f"runs/{item.name}/{root.name}", **more)


def _frames(session: Session, run: Path, given: argparse.Namespace) -> int:
    """Take the pictures of a run's viewpoints; return how many places they were taken from."""
    cameras = read_cameras(run / "viewpoints.json")
    if not cameras:
        return 0
    folder = given.out / "frames" / run.name
    made = photograph(session, cameras, folder, given.subframes, lambda text: None)
    write_json(folder / "cameras.json", {"scene": run.name, **made})
    return len(cameras)


if __name__ == "__main__":
    sys.exit(run_tool(lambda: main(sys.argv[1:])))

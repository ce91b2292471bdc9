"""Check a scene in Isaac Sim's own physics: boxes come to rest on its ground, and its map is as Isaac Sim's.

    <isaac-sim>/python.sh tools/isaac/verify_stage.py outputs/office
    <isaac-sim>/python.sh tools/isaac/verify_stage.py outputs/office --boxes 32 --seconds 4 --out office_in_isaac.json

RUN is the directory of a run. Its stage is opened; isaacsim.asset.gen.omap maps what is in the way between --low and
--high above the floor, and that is held against map.png on the same grid. Then boxes are let go above places where
robots can start, and the timeline is played. JSON goes to --out, or to stdout after Kit's own lines.

Our map counts heights from the ground below each cell, Isaac Sim's two heights of the world. So maps are compared on
level floors only, and from --low 0.1 m on: a shower tray of 8 cm is ground to us, and an obstacle to two heights.

Exit code 0 if everything passed, 1 if not, 2 for bad usage. Never run in Kit by this project: docs/isaac_sim.md.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from isaac.drop_test import define_boxes, drops_of, judge_drops
from isaac.kit_session import Session, leave
from isaac.map_comparison import MapComparison, band_of, compare_maps
from isaac.outcome import Check, State, exit_code, run_tool, show, to_json, write_json
from isaac.scene_files import checked_run, root_layer
from isaac.simulation import occupancy_seen, play
from lyra_backend.errors import InvalidRequest, MissingDependency
from lyra_backend.exits import ExitCode
from lyra_backend.io.navigation_files import load_navigation
from lyra_backend.types import Navigation

#: Maps of uneven ground cannot be compared, which is no fault of the scene.
_MAY_SKIP = ("map",)
#: Share of cells that must agree, each within one cell; share of obstacles that one map has and the other not.
AGREE, MISSED = 0.95, 0.05
#: What is level and lower than this above a floor is ground to our map, and should not count in the other [m].
LOW_M = 0.1
#: Floors are level, for maps, where places to start differ by no more than this [m].
LEVEL_M = 0.1


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, metavar="RUN", help="directory of a finished run")
    parser.add_argument("--boxes", type=int, default=16, help="how many boxes (default: 16)")
    parser.add_argument("--seconds", type=float, default=3.0, help="how long they fall and rest (default: 3)")
    parser.add_argument(
        "--low", type=float, default=LOW_M, help="obstacles begin so far above the floor [m] (default: 0.1)"
    )
    parser.add_argument(
        "--high", type=float, default=1.0, help="and end so far above it [m] (default: 1, as place.obstacle_high)"
    )
    parser.add_argument("--out", type=Path, help="file for the JSON (default: stdout)")
    parser.add_argument("--gui", action="store_true", help="with Isaac Sim's window, to look on")
    return parser.parse_args(arguments)


def check_numbers(given: argparse.Namespace) -> None:
    """Raise InvalidRequest for numbers that cannot be."""
    if given.boxes < 1:
        raise InvalidRequest(f"--boxes must be at least 1, got {given.boxes}.")
    if not 0.0 < given.seconds < 3600.0:
        raise InvalidRequest(f"--seconds must lie between 0 and 3600, got {given.seconds:g}.")
    band_of(0.0, given.low, given.high)


def level_ground(navigation: Navigation) -> float | None:
    """Return the height of a floor that is level wherever robots can start [m], None if it is not."""
    heights = np.concatenate([s.spawn_points.positions[:, 2] for s in navigation.spaces] or [np.zeros(0, np.float32)])
    return float(np.median(heights)) if heights.size and np.ptp(heights) <= LEVEL_M else None


def judge_maps(found: MapComparison) -> tuple[Check, Check]:
    """Judge how far two maps agree."""
    said = f"{found.near:.1%} of {found.cells} cells agree within a cell, {found.same:.1%} exactly"
    near = Check.of("map.agrees", found.near >= AGREE, said, found.near, AGREE, "share")
    said = (
        f"{found.missed:.1%} of Isaac Sim's obstacles are not in map.png, {found.invented:.1%} of ours not in its map"
    )
    return near, Check.of("map.obstacles", found.missed <= MISSED, said, found.missed, MISSED, "share")


def drop_checks(session: Session, navigation: Navigation, boxes: int, seconds: float) -> tuple[Check, ...]:
    """Let boxes fall on the open stage and judge them; they live in the session layer."""
    from pxr import Usd

    drops = drops_of(navigation, boxes)
    with Usd.EditContext(session.stage, session.stage.GetSessionLayer()):
        define_boxes(session.stage, drops)
    session.update(2)
    ends = play(session, seconds, [drop.path for drop in drops])
    return judge_drops(drops, {path: pose[3, :3].tolist() for path, pose in ends.items()})


def map_checks(session: Session, navigation: Navigation, low: float, high: float) -> tuple[Check, ...]:
    """Hold the run's map against the one that Isaac Sim makes of the open stage."""
    ground = level_ground(navigation)
    if ground is None:
        return (Check("map.agrees", State.SKIPPED, "the ground is not level, or has no places to start"),)
    start = next(s.spawn_points.positions[0] for s in navigation.spaces if s.spawn_points.count)
    try:
        seen = occupancy_seen(session, navigation.map, start[:2].tolist(), band_of(ground, low, high))
    except MissingDependency as error:
        return (Check("map.agrees", State.SKIPPED, str(error)),)
    return judge_maps(compare_maps(navigation.map, seen))


def main(arguments: Sequence[str]) -> ExitCode:
    given = parse(arguments)
    check_numbers(given)
    run, navigation = checked_run(given.run), load_navigation(given.run)
    drops_of(navigation, given.boxes)  # what cannot be checked is refused before Kit is started
    session = Session(headless=not given.gui)
    code = run_tool(lambda: _verify(session, run, navigation, given))
    leave(session.app, code)


def _verify(session: Session, run: Path, navigation: Navigation, given: argparse.Namespace) -> ExitCode:
    root = root_layer(run, session.appearance)
    session.open(root)
    # the map first: boxes would be in it
    checks = [*map_checks(session, navigation, given.low, given.high)]
    checks += drop_checks(session, navigation, given.boxes, given.seconds)
    for check in checks:
        show(check)
    data = to_json("verify_stage", checks, _MAY_SKIP, scene=run.name, stage=root.name, **session.about())
    write_json(given.out, data)
    return exit_code(checks, _MAY_SKIP)


if __name__ == "__main__":
    sys.exit(run_tool(lambda: main(sys.argv[1:])))

"""Try Lyra SceneGen in your Isaac Sim: one command, a few minutes, JSON to paste into an issue.

    <isaac-sim>/python.sh tools/isaac/selftest.py
    <isaac-sim>/python.sh tools/isaac/selftest.py --run outputs/aisle --skip robot --out selftest.json

Without --run a scene is made first, by the extension's worker. Then:

    extension.generate   the extension made the scene (or it was given)
    splats.visible       a picture in Isaac Sim is like preview.png from the same camera: correlation 0.8 and more
    depth.has_data       the proxy's depth has something in half of that picture and more
    frames.rate          frames a second with the scene in view (told, held against nothing)
    gpu.memory           memory in use on the card (told, held against nothing)
    boxes.rest           boxes let go above places to start come to rest there, and none falls through
    robot.stands         a robot on wheels stands for 5 s, upright and where it was put
    extension.undo       a scene is added to a new stage, undone and done again

--skip leaves out what a name begins with: robot (its assets come over the network), extension, boxes, splats, depth ...
JSON with versions, driver and every measured value goes to --out, or to stdout after Kit's own lines; folders of the
user's are not named in it.
Exit code 0 if everything passed, 1 if something did not or could not be tried, 2 for bad usage. Never run in Kit by
this project: what you paste would be the first time.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from isaac.graphics_card import GraphicsCard, graphics_cards
from isaac.kit_session import ROOT, Session, leave
from isaac.outcome import Check, State, exit_code, run_tool, show, to_json, write_json
from isaac.pictures import brightness, correlation, read_picture, summarise_depth, write_channel
from isaac.rendering import SPLATS
from isaac.robot_stand import judge_stand, robot_to_stand
from isaac.scene_files import (
    PREVIEW,
    checked_run,
    preview_camera,
    request_for,
    root_layer,
    scene_paths,
    show_appearance,
)
from isaac.simulation import body_of, play, poses
from isaac.two_passes import DEPTH, PROXY, take
from isaac.verify_stage import drop_checks
from lyra_backend.exits import ExitCode
from lyra_backend.io.navigation_files import load_navigation

#: What is made without --run: large enough for a robot on wheels, and made in seconds.
REQUEST = {
    "prompt": "a wide warehouse aisle with three pallets",
    "preset": "draft",
    "seed": 0,
    "params": {"place": {"robots": "carter,go2"}},
}
CORRELATION, DEPTH_SHARE = 0.8, 0.5
SUBFRAMES, RATE_FRAMES, STAND_S, DROP_S, BOXES = 48, 120, 5.0, 3.0, 8
#: Share of places of the picture in which there must be depth for the comparison to count these alone.
_COVERED = 0.1


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, help="directory of a finished run (default: one is made)")
    parser.add_argument("--skip", default="", help="what to leave out, with commas between: robot,boxes")
    parser.add_argument("--pictures", type=Path, help="folder for the pictures that were compared")
    parser.add_argument("--out", type=Path, help="file for the JSON (default: stdout)")
    parser.add_argument("--gui", action="store_true", help="with Isaac Sim's window, to look on")
    return parser.parse_args(arguments)


def judge_splats(
    picture: npt.NDArray[np.uint8], preview: npt.NDArray[np.uint8], depth: npt.NDArray[np.floating] | None
) -> Check:
    """Judge whether a picture shows what the preview shows; where depth says that nothing is, nothing is compared."""
    light = brightness(picture)
    if light < 0.01:
        return Check("splats.visible", State.FAILED, f"the picture is black (mean {light:.4f})", light, 0.01, "share")
    held = None if depth is None else np.isfinite(depth) & (depth > 0)
    covered = held.reshape(picture.shape[:2]) if held is not None and held.mean() > _COVERED else None
    found = correlation(picture, preview, covered)
    said = (
        f"correlation with {PREVIEW} {found:.3f}, mean brightness {light:.2f} ({brightness(preview):.2f} in {PREVIEW})"
    )
    return Check.of("splats.visible", found >= CORRELATION, said, found, CORRELATION, "ratio")


def judge_depth(depth: npt.NDArray[np.floating]) -> Check:
    """Judge whether there is something in a depth image."""
    held = summarise_depth(depth)
    said = f"depth in {held.share:.0%} of the picture, {held.nearest_m:.2f} to {held.farthest_m:.2f} m"
    return Check.of("depth.has_data", held.share >= DEPTH_SHARE, said, held.share, DEPTH_SHARE, "share")


def memory_check(before: Sequence[GraphicsCard], after: Sequence[GraphicsCard]) -> Check:
    """Tell how much memory is in use on the card that took most."""
    if not after or len(before) != len(after):
        return Check("gpu.memory", State.SKIPPED, "nvidia-smi is missing or says nothing")
    grown = [new.used_mib - old.used_mib for old, new in zip(before, after, strict=True)]
    card, more = max(zip(after, grown, strict=True), key=lambda pair: pair[1])
    said = f"{card.name}: {card.used_mib:.0f} of {card.total_mib:.0f} MiB in use, {more:.0f} more than before Isaac Sim"
    return Check.measured("gpu.memory", said, card.used_mib / 1024, "GiB")


def without_places(text: str) -> str:
    """Return a text without the folders of whoever runs this: it is pasted into issues."""
    places = {str(Path.cwd()): ".", str(Path.home()): "~"}
    places |= {tempfile.gettempdir(): "<temporary>", str(ROOT): "<checkout>"}
    for place, name in sorted(places.items(), key=lambda pair: -len(pair[0])):
        for spelt in (place.replace("\\", "\\\\"), place, place.replace("\\", "/")):  # errors and USD have others
            text = text.replace(spelt, name) if len(place) > 1 else text
    return text


class SelfTest:
    """The checks, one after the other; one that breaks is told and the next is tried.

    Args:
        session: a running Kit.
        skip: first words of the names to leave out.
    """

    def __init__(self, session: Session, skip: Sequence[str], pictures: Path | None) -> None:
        self.session, self.skip, self.pictures = session, skip, pictures
        self.checks: list[Check] = []

    def attempt(self, name: str, work: Callable[[], Sequence[Check]]) -> None:
        """Make checks, whose first is called `name`, and show them."""
        if name.split(".")[0] in self.skip:
            made: Sequence[Check] = (Check(name, State.SKIPPED, "left out by --skip"),)
        else:
            try:
                made = work()
            except Exception as error:  # whatever breaks inside of Kit is what this is to find out
                made = (Check(name, State.FAILED, without_places(f"broke with {type(error).__name__}: {error}")),)
        for check in made:
            show(check)
        self.checks += made

    def generate(self, out: Path) -> Sequence[Check]:
        """Let the extension make a scene."""
        import omni.lyra.scenegen as scenegen

        begun = time.perf_counter()
        request = request_for(REQUEST, self.session.appearance)
        run = self.session.run(scenegen.generate_scene_async(out=out, **request))
        took = time.perf_counter() - begun
        return (
            Check.of("extension.generate", run.state == "accepted", f"{run.state} in {took:.0f} s", took, 300.0, "s"),
        )

    def look(self, run: Path) -> Sequence[Check]:
        """Take the preview's picture again, and the depth that belongs to it."""
        session = self.session
        camera = replace(preview_camera(run), name="preview")
        session.open(root_layer(run, session.appearance))
        picture = take(session, [camera], SPLATS, SUBFRAMES, lambda text: None)["preview"]["rgb"].data[..., :3]
        scenes = scene_paths(session.stage)
        show_appearance(session.stage, scenes, PROXY)
        session.wait_loaded()
        depth = take(session, [camera], (DEPTH,), 1, lambda text: None)["preview"][DEPTH].data
        show_appearance(session.stage, scenes, "")
        session.wait_loaded()
        if self.pictures is not None:
            write_channel(self.pictures, "selftest_rgb", picture)
            write_channel(self.pictures, "selftest_depth", depth)
        return judge_splats(picture, read_picture(run / PREVIEW), depth), judge_depth(depth)

    def rate(self) -> Sequence[Check]:
        """Count frames of the viewport."""
        self.session.update(30)
        begun = time.perf_counter()
        self.session.update(RATE_FRAMES)
        rate = RATE_FRAMES / (time.perf_counter() - begun)
        return (Check.measured("frames.rate", f"{rate:.1f} frames a second over {RATE_FRAMES} frames", rate, "Hz"),)

    def boxes(self, run: Path) -> Sequence[Check]:
        """Let boxes fall."""
        self.session.open(root_layer(run, self.session.appearance))
        made = drop_checks(self.session, load_navigation(run), BOXES, DROP_S)
        return [replace(check, name=f"boxes.{check.name.split('.')[1]}") for check in made]

    def robot(self, run: Path) -> Sequence[Check]:
        """Put a robot down and leave it alone."""
        import omni.lyra.scenegen as scenegen
        from pxr import Usd

        navigation = load_navigation(run)
        name = robot_to_stand(navigation)
        space = navigation.space_of(name) if name else None
        if space is None:
            said = "the run has no places for a robot that stands by itself; make it with place.robots=carter"
            return (Check("robot.stands", State.SKIPPED, said),)
        stage = self.session.open(root_layer(run, self.session.appearance))
        with Usd.EditContext(stage, stage.GetSessionLayer()):
            path = scenegen.spawn_robot(name, scene_paths(stage)[0], run)
        self.session.wait_loaded()
        body = body_of(self.session, path)
        if not body:
            return (Check("robot.stands", State.SKIPPED, f"{name}: its asset could not be loaded, or has no body"),)
        before = poses(self.session, [body])[body]
        after = play(self.session, STAND_S, [body])[body]
        return (judge_stand(name, STAND_S, before, after, space.robot.clearance_m),)

    def undo(self, run: Path) -> Sequence[Check]:
        """Add a scene to a new stage, undo it, and do it again."""
        import omni.kit.undo
        import omni.lyra.scenegen as scenegen

        stage = self.session.new_stage()
        path = scenegen.add_scene(run)
        seen = [bool(stage.GetPrimAtPath(path))]
        omni.kit.undo.undo()
        self.session.update(2)
        seen.append(bool(stage.GetPrimAtPath(path)))
        if hasattr(omni.kit.undo, "redo"):
            omni.kit.undo.redo()
        self.session.update(2)
        seen.append(bool(stage.GetPrimAtPath(path)))
        said = f"on the stage after add, undo, redo: {', '.join('yes' if there else 'no' for there in seen)}"
        state = State.PASSED if seen == [True, False, True] else State.FAILED
        return (Check("extension.undo", state, said),)


def main(arguments: Sequence[str]) -> ExitCode:
    given = parse(arguments)
    skip = tuple(word.strip() for word in given.skip.split(",") if word.strip())
    run = checked_run(given.run) if given.run else None
    before = graphics_cards()
    session = Session(headless=not given.gui)
    test = SelfTest(session, skip, given.pictures)
    with tempfile.TemporaryDirectory(prefix="lyra-selftest-") as scratch:
        code = run_tool(lambda: _all(test, run or Path(scratch) / "run", run is None, before, given.out))
    leave(session.app, code)


def _all(test: SelfTest, run: Path, make: bool, before: Sequence[GraphicsCard], out: Path | None) -> ExitCode:
    begun = time.perf_counter()
    if make:
        test.attempt("extension.generate", lambda: test.generate(run))
    if not make or test.checks[-1].state is State.PASSED:
        _try_scene(test, run, before)
    cards = [{"name": card.name, "driver": card.driver} for card in before]
    about = {**test.session.about(), "cards": cards, "seconds": round(time.perf_counter() - begun, 1)}
    write_json(out, to_json("selftest", test.checks, test.skip, **about))
    return exit_code(test.checks, test.skip)


def _try_scene(test: SelfTest, run: Path, before: Sequence[GraphicsCard]) -> None:
    """Check all that needs a scene."""
    test.attempt("splats.visible", lambda: test.look(run))
    test.attempt("frames.rate", test.rate)
    test.attempt("gpu.memory", lambda: (memory_check(before, graphics_cards()),))
    test.attempt("boxes.rest", lambda: test.boxes(run))
    test.attempt("robot.stands", lambda: test.robot(run))
    test.attempt("extension.undo", lambda: test.undo(run))


if __name__ == "__main__":
    sys.exit(run_tool(lambda: main(sys.argv[1:])))

"""Take pictures of a scene in Isaac Sim: colours of its splats; depth, normals and segmentation of its proxy.

    <isaac-sim>/python.sh tools/isaac/capture.py outputs/office --out outputs/office_frames
    <isaac-sim>/python.sh tools/isaac/capture.py outputs/office --cameras my_cameras.json --width 1280 --subframes 64 \\
        --out frames

RUN is the directory of a run, whose viewpoints.json says where cameras are; --cameras names another file of that form:
lenses in pixels, poses with OpenCV axes (x right, y down, z forward), row-major, in metres. Both passes have the same
cameras. In the folder --out:

    view_00_rgb.png                        colours, what this version of Kit draws of the splats
    view_00_distance_to_image_plane.npy    depth along the camera's axis [m], float32, infinity where nothing is
    view_00_normals.npy                    normals as Replicator gives them, float32
    view_00_semantic_segmentation.npy      numbers of classes; cameras.json says which
    cameras.json                           lenses, poses (OpenCV and USD), files, labels, what is in the depth images

Splats are noisy: 36 subframes and more are recommended. Exit code 0, 1 if a picture is black or a depth image empty, 2
for bad usage. Never run in Kit by this project: docs/isaac_sim.md.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from isaac.kit_session import Session, leave
from isaac.outcome import run_tool, write_json
from isaac.pictures import brightness, read_picture
from isaac.scene_files import checked_run, root_layer
from isaac.two_passes import photograph
from isaac.usd_cameras import is_plain, of_width
from lyra_backend.errors import InvalidRequest
from lyra_backend.exits import ExitCode
from lyra_backend.io.cameras import read_cameras
from lyra_backend.types import Camera

#: A picture darker than this shows nothing, a depth image with less in it is empty (shares).
BLACK, EMPTY = 0.01, 0.05


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, metavar="RUN", help="directory of a finished run")
    parser.add_argument("--out", type=Path, required=True, help="folder for the pictures; made if it is not there")
    parser.add_argument("--cameras", type=Path, help="file of cameras (default: RUN/viewpoints.json)")
    parser.add_argument("--count", type=int, default=0, help="only the first so many cameras (default: all)")
    parser.add_argument("--width", type=int, default=0, help="of the pictures [px] (default: as the cameras say)")
    parser.add_argument("--subframes", type=int, default=48, help="frames gathered for one picture (default: 48)")
    parser.add_argument("--gui", action="store_true", help="with Isaac Sim's window, to look on")
    return parser.parse_args(arguments)


def chosen_cameras(given: argparse.Namespace) -> tuple[Camera, ...]:
    """Return the cameras that are asked for.

    Raises:
        InvalidRequest: there is none, or a number cannot be.
    """
    for name, least in (("count", 0), ("width", 0), ("subframes", 1)):
        if getattr(given, name) < least:
            raise InvalidRequest(f"--{name} must be at least {least}, got {getattr(given, name)}.")
    path = given.cameras or given.run / "viewpoints.json"
    cameras = read_cameras(path)
    cameras = cameras[: given.count] if given.count else cameras
    if not cameras:
        raise InvalidRequest(f"{path}: must hold a camera, holds none. Make the run with place.viewpoints above 0.")
    return tuple(of_width(camera, given.width) for camera in cameras) if given.width else cameras


def empty_ones(listed: Sequence[dict[str, Any]], folder: Path) -> list[str]:
    """Return what is wrong with pictures that were taken, a sentence for each that shows nothing."""
    found = []
    for entry in listed:
        light = brightness(read_picture(folder / entry["files"]["rgb"]))
        if light < BLACK:
            found.append(f"{entry['name']}: the picture is black (mean {light:.3f}); see 'black' in docs/isaac_sim.md.")
        if entry["depth"]["share"] < EMPTY:
            found.append(f"{entry['name']}: depth in {entry['depth']['share']:.0%} of the picture only.")
    return found


def say(text: str) -> None:
    """Tell how it goes on, on stderr."""
    sys.stderr.write(f"[capture] {text}\n")


def main(arguments: Sequence[str]) -> ExitCode:
    given = parse(arguments)
    run, cameras = checked_run(given.run), chosen_cameras(given)
    for camera in cameras:
        if not is_plain(camera):
            say(f"{camera.name}: pixels that are not square or an axis off the middle may not be drawn by RTX")
    session = Session(headless=not given.gui)
    code = run_tool(lambda: _capture(session, run, cameras, given))
    leave(session.app, code)


def _capture(session: Session, run: Path, cameras: Sequence[Camera], given: argparse.Namespace) -> ExitCode:
    session.open(root_layer(run, session.appearance))
    made = photograph(session, cameras, given.out, given.subframes, say)
    write_json(given.out / "cameras.json", {"scene": run.name, **session.about(), **made})
    wrong = empty_ones(made["cameras"], given.out)
    for text in wrong:
        say(text)
    return ExitCode.NOT_ACCEPTED if wrong else ExitCode.OK


if __name__ == "__main__":
    sys.exit(run_tool(lambda: main(sys.argv[1:])))

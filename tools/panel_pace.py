"""Measure what the panel costs each frame of Kit while a scene is made; prints a Markdown table for docs/benchmarks.md.

    python tools/panel_pace.py

Kit is played by the double that the tests use, whose widgets draw nothing, so this is the panel's own share: taking in
what the worker says, and changing or building widgets. The worker is the real one. CPU seconds of Kit's own thread.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
REQUEST = {"prompt": "a small bathroom", "preset": "draft", "params": {"generate": {"gaussian_count": 50000}}}
_FRAME_S = 1 / 60


def main() -> None:
    """Make one scene with the panel shown, and print the cost of its frames."""
    sys.path.insert(0, str(ROOT))
    from tests.extension.kit import Kit

    with tempfile.TemporaryDirectory() as folder, Kit().installed() as kit:
        kit.settings.set("/persistent/exts/omni.lyra.scenegen/python", sys.executable)
        kit.settings.set("/persistent/exts/omni.lyra.scenegen/runs_folder", folder)
        kit.new_stage()
        kit.enable()
        kit.show_window()
        kit.until(lambda: kit.extension.panel.catalog is not None)
        kit.frames(10)
        panel = kit.extension.panel
        panel.begin(REQUEST, Path(folder) / "run")
        idle: list[float] = []
        busy: list[float] = []
        while not panel.job.ended:
            before = panel.job.latest
            kit.frames()
            (idle if panel.job.latest is before else busy).append(kit.app._frame_s[-1])
            time.sleep(_FRAME_S)
        kit.frames()
        ended = kit.app._frame_s[-1]
        state = panel.job.state
        kit.disable()
    print("| frames | number | median ms | 99 % ms | worst ms |")
    print("|---|---|---|---|---|")
    for name, frames in (("nothing new", idle), ("progress shown", busy), (f"the end ({state})", [ended])):
        print(_row(name, [1000 * frame for frame in frames]))


def _row(name: str, frames_ms: list[float]) -> str:
    ordered = sorted(frames_ms) or [0.0]
    high = ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))]
    return f"| {name} | {len(frames_ms)} | {statistics.median(ordered):.3f} | {high:.3f} | {ordered[-1]:.3f} |"


if __name__ == "__main__":
    main()

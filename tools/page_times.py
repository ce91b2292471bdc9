"""Measure how soon Chromium shows the gallery of a thousand scenes, and has filtered it; prints medians as JSON.

    python tools/page_times.py outputs/office --runs 3

The folder is of a finished run, whose thumbnail stands for all scenes. Needs the package playwright, and Chromium among
the system's programs or named by LYRA_TEST_CHROMIUM.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import tempfile
import time
from pathlib import Path

from lyra_backend.report.gallery import GALLERY_PAGE, GalleryScene, gallery_page

SCENES = 1000


def write_gallery(folder: Path, thumbnail: Path) -> Path:
    """Write a gallery of ten kinds of scenes; return its page."""
    names = [f"scene_{k}" for k in range(SCENES)]
    for name in names:
        (folder / "scenes" / name).mkdir(parents=True)
        shutil.copy(thumbnail, folder / "scenes" / name)
    made = [GalleryScene(name, "accepted", f"scenes/{name}", "a room", f"kind {name[-1]}") for name in names]
    page = folder / GALLERY_PAGE
    page.write_text(gallery_page(made, SCENES), encoding="utf-8")
    return page


def times(page: Path, runs: int) -> dict[str, float]:
    """Return medians of seconds."""
    from playwright.sync_api import expect, sync_playwright

    chromium = os.environ.get("LYRA_TEST_CHROMIUM") or shutil.which("chromium") or "chromium"
    seconds: dict[str, list[float]] = {"shown": [], "filtered": []}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for _ in range(runs):
            tab, begin = browser.new_page(), time.perf_counter()
            tab.goto(page.as_uri())
            seconds["shown"].append(time.perf_counter() - begin)
            begin = time.perf_counter()
            tab.locator("#family").select_option("kind 3")
            expect(tab.locator("#shown")).to_have_text(f"{SCENES // 10} of {SCENES} scenes")
            seconds["filtered"].append(time.perf_counter() - begin)
        browser.close()
    return {name: round(statistics.median(values), 3) for name, values in seconds.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--runs", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lyra-gallery-") as folder:
        print(json.dumps(times(write_gallery(Path(folder), given.run / "thumbnail.webp"), given.runs)))


if __name__ == "__main__":
    main()

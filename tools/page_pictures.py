"""Take the pictures of pages that the documentation shows, in Chromium without a screen.

    python tools/page_pictures.py outputs/office/report.html docs/images/report.jpg --height 1500
    python tools/page_pictures.py datasets/rooms/gallery.html docs/images/gallery.jpg

Needs the package playwright, and Chromium or Chrome among the system's programs or named by --chromium.
"""

from __future__ import annotations

import argparse
import io
import shutil
import sys
from pathlib import Path

from PIL import Image

_NAMES = ("chromium", "chromium-browser", "google-chrome")


def screenshot(page: Path, width: int, height: int, chromium: str) -> Image.Image:
    """Return the upper part of a page, once all of its pictures are there."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": width, "height": height})
        tab.goto(page.resolve().as_uri(), wait_until="networkidle")
        tab.locator("main img").evaluate_all(
            "all => Promise.all(all.filter(i => i.loading !== 'lazy').map(i => i.decode()))"
        )
        picture = Image.open(io.BytesIO(tab.screenshot())).convert("RGB")
        browser.close()
    return picture


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("page", type=Path)
    parser.add_argument("picture", type=Path, help="JPEG to write")
    parser.add_argument("--width", type=int, default=1120, help="of the window [px]")
    parser.add_argument("--height", type=int, default=900, help="how much of the page is taken [px]")
    parser.add_argument("--chromium", help="the program; default: the system's")
    given = parser.parse_args()
    chromium = given.chromium or next(filter(None, map(shutil.which, _NAMES)), None)
    if chromium is None or not given.page.is_file():
        print(f"page_pictures: {given.page} must be there, and Chromium too: name it with --chromium.", file=sys.stderr)
        return 2
    given.picture.parent.mkdir(parents=True, exist_ok=True)
    taken = screenshot(given.page, given.width, given.height, chromium)
    taken.save(given.picture, quality=80, optimize=True, progressive=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

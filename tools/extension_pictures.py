"""Make the picture that Kit's Extension Manager shows of the extension, from a real run.

    python tools/extension_pictures.py outputs/aisle-0     the run is made there, or used if it exists

Writes exts/omni.lyra.scenegen/data/preview.png: what a scene looks like, and from the eyes of three robots.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

import lyra_backend

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "exts" / "omni.lyra.scenegen" / "data" / "preview.png"
REQUEST = {"prompt": "a warehouse aisle with pallets and a red barrel", "seed": 1}
#: Sizes [px]: the large picture, one of the small ones beside it, and the bar with words below.
LARGE_PX, SMALL_PX, BAR_PX = (640, 360), (213, 120), 40
EYES_M = ("1.5", "0.6", "0.3")
INK, PAPER = (225, 228, 232), (27, 31, 40)
#: Colours of the file: more cost space and show nothing new at this size.
COLOURS = 256


def compose(run: Path) -> Image.Image:
    """Return the picture: the run's preview, three robots' views of it, and what it was made from."""
    width = LARGE_PX[0] + SMALL_PX[0]
    sheet = Image.new("RGB", (width, LARGE_PX[1] + BAR_PX), PAPER)
    sheet.paste(_scaled(run / "preview.png", LARGE_PX), (0, 0))
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(16)
    for row, eye in enumerate(EYES_M):
        sheet.paste(_scaled(run / f"preview_robot_{eye}m.png", SMALL_PX), (LARGE_PX[0], row * SMALL_PX[1]))
        pen.text((LARGE_PX[0] + 6, row * SMALL_PX[1] + 4), f"{eye} m", INK, font, stroke_width=2, stroke_fill=PAPER)
    said = f"\u201c{REQUEST['prompt']}\u201d, and what robots see from 1.5, 0.6 and 0.3 m"
    pen.text((10, LARGE_PX[1] + BAR_PX // 2), said, INK, font, anchor="lm")
    return sheet.quantize(COLOURS, dither=Image.Dither.FLOYDSTEINBERG)


def _scaled(path: Path, size: tuple[int, int]) -> Image.Image:
    with Image.open(path) as picture:
        return picture.convert("RGB").resize(size, Image.Resampling.LANCZOS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="directory of the run")
    given = parser.parse_args()
    compose(lyra_backend.generate_scene(REQUEST, given.run).directory).save(TARGET, optimize=True)
    print(TARGET.relative_to(ROOT))


if __name__ == "__main__":
    main()

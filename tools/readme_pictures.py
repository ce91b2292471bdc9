"""Make the pictures of the README from real runs.

    python tools/readme_pictures.py --out outputs/acceptance    one run a family there is made, or used if it exists

Writes docs/images/families.jpg: the previews of the eight reference prompts at seed 0.
"""

from __future__ import annotations

import argparse
import tomllib
from pathlib import Path

from PIL import Image

import lyra_backend

ROOT = Path(__file__).resolve().parent.parent
COLUMNS, TILE_PX = 4, (480, 270)


def tile(pictures: list[Path]) -> Image.Image:
    """Put pictures side by side in rows of `COLUMNS`."""
    width, height = TILE_PX
    sheet = Image.new("RGB", (width * COLUMNS, height * -(-len(pictures) // COLUMNS)))
    for i, path in enumerate(pictures):
        with Image.open(path) as picture:
            sheet.paste(
                picture.convert("RGB").resize(TILE_PX, Image.Resampling.LANCZOS),
                (i % COLUMNS * width, i // COLUMNS * height),
            )
    return sheet


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="where the run directories are or go")
    given = parser.parse_args()
    prompts: dict[str, str] = tomllib.loads((ROOT / "tests" / "data" / "prompts.toml").read_text("utf-8"))["prompts"]
    pictures = []
    for family, prompt in prompts.items():
        result = lyra_backend.generate_scene({"prompt": prompt, "seed": 0}, given.out / f"{family}-0", overwrite=True)
        pictures.append(result.directory / "preview.png")
    target = ROOT / "docs" / "images" / "families.jpg"
    target.parent.mkdir(parents=True, exist_ok=True)
    tile(pictures).save(target, quality=88, optimize=True)
    print(target.relative_to(ROOT))


if __name__ == "__main__":
    main()

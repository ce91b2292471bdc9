"""Train a miniature of Lyra from nothing: rooms are filmed, a teacher learns from them, a student from the teacher.

    python tools/train_tiny.py --out outputs/tiny                 the shipped one: 90 minutes on two quiet cores
    python tools/train_tiny.py --out outputs/tiny --preset gpu    a larger one for a GPU
    python tools/train_tiny.py --out outputs/tiny --until scenes  ... up to a stage; the same command goes on
    python tools/train_tiny.py --out outputs/tiny --without no_depth
                                                                  a student without a part, in OUT/ablations/no_depth
    python tools/train_tiny.py --out outputs/tiny --without nothing --share 0.3
                                                                  ... and with all, each of a share of the steps

Needs the extras "lyra" and "train". What a stage has made is kept: the same command goes on where it stopped. The model
lies in OUT/model, for `lyra-scenegen generate --generator lyra --model OUT/model --image PHOTO`; OUT/evaluation.md has
its figures, OUT/sheet.png truth, teacher and student of rooms that it has never seen.

Stages: rooms (clips of procedural rooms along Lyra's paths), tokenizer, video_model (the teacher), scenes (what the
teacher imagines of other rooms), student (the Gaussian decoder, which sees latents and pictures of the teacher and
nothing else), depth (the network that stands where MoGe stands), evaluation.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tiny_lyra.ablations import ABLATIONS, ablate
from tiny_lyra.preset import PRESETS, read_preset
from tiny_lyra.stages import STAGES, Miniature

from lyra_backend.console import Console
from lyra_backend.errors import LyraError
from lyra_backend.exits import explain
from lyra_backend.progress import Progress


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="where the model, its data and its logs go")
    parser.add_argument("--preset", default="cpu", help=f"{', '.join(PRESETS)}, or a file *.toml; default: cpu")
    parser.add_argument(
        "--until", choices=list(STAGES), default=list(STAGES)[-1], help="last stage to run; default: all"
    )
    parser.add_argument("--without", choices=list(ABLATIONS), help="train a student without a part, to compare")
    parser.add_argument("--share", type=_share, default=1.0, help="with --without: share of the steps; default: 1")
    given = parser.parse_args()
    with Console() as console:
        try:
            preset, progress = read_preset(given.preset), Progress(console.show, console.token)
            miniature = Miniature(given.out, preset)
            if given.without is None:
                miniature.run(given.until, progress)
            else:
                miniature.run("scenes", progress.child(0.0, 0.01))
                rest = progress.child(0.01, 1.0, given.without)
                print(ablate(given.without, given.out, preset, rest, given.share))
        except (LyraError, OSError, KeyboardInterrupt) as error:
            return int(explain(error))
    return 0


def _share(text: str) -> float:
    """Read a share of the steps."""
    if not 0 < float(text) <= 1:
        raise argparse.ArgumentTypeError(f"must be above 0 and at most 1, got {text}")
    return float(text)


if __name__ == "__main__":
    sys.exit(main())

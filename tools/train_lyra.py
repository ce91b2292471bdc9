"""Train a Gaussian decoder of Lyra on what a video model imagines: the published way, or your own recipe.

    python tools/train_lyra.py data --model lyra --images PHOTOS --out outputs/data
                                       a teacher's scenes: each picture, filmed along six paths
    python tools/train_lyra.py data --model lyra --videos CLIPS --out outputs/moving
                                       the same of moving scenes, also with their motion reversed
    python tools/train_lyra.py train --model lyra --data outputs/data --recipe lyra_static --out outputs/static
    python tools/train_lyra.py train --model lyra --data outputs/moving --recipe lyra_dynamic
                                     --init outputs/static/after_6 --out outputs/dynamic
    accelerate launch tools/train_lyra.py train ...       on all GPUs of this machine, or on several machines

Needs the extras "lyra" and "train". MODEL is a folder with decoder, transformer, vae and lyra.json, or tiny, the
miniature that comes with the package. Both commands go on where they stopped. Recipes are files of TOML: copy one of
lyra_backend/train/recipes. A scene of the published size takes 3.3 GB; --every 4 keeps every fourth frame as a picture
and a quarter of that, but leaves out what the recipe's stages of small pictures need.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from full_lyra.data import DataSettings, make_data
from full_lyra.training import RANK, train_decoder

from lyra_backend.console import Console
from lyra_backend.errors import InvalidRequest, LyraError
from lyra_backend.exits import explain
from lyra_backend.generate._lyra.depth import ESTIMATORS
from lyra_backend.generate._lyra.devices import memory_errors
from lyra_backend.generate._lyra.picture import FITS
from lyra_backend.models.folders import ModelFolders
from lyra_backend.progress import Progress
from lyra_backend.train.recipe import RECIPES, read_recipe
from lyra_backend.train.shards import ShardReader
from lyra_backend.weights.shipped import model_folder
from lyra_backend.weights.store import embeddings_folder


def main(arguments: list[str] | None = None) -> int:
    given = _parser().parse_args(arguments)
    # of several processes one speaks; all stop at a signal, together
    with Console(quiet=RANK > 0) as console:
        try:
            progress = Progress(console.show, console.token)
            if given.seed < 0:
                raise InvalidRequest(f"--seed must be 0 or more, got {given.seed}.")
            folders = ModelFolders.in_one(model_folder(given.model), embeddings_folder())
            told = (_data if given.command == "data" else _train)(folders, given, progress)
            if RANK == 0:
                print(told)
        except (LyraError, OSError, KeyboardInterrupt) as error:
            return int(explain(error))
    return 0


def _data(folders: ModelFolders, given: argparse.Namespace, progress: Progress) -> str:
    named = {name: getattr(given, name) for name in DataSettings.__dataclass_fields__ if name != "videos"}
    if given.every < 1:
        raise InvalidRequest(f"--every must be 1 or more, got {given.every}.")
    settings = DataSettings(videos=given.images is None, **named)
    made = make_data(folders, given.images or given.videos, given.out, settings, progress)
    return f"{given.out}: {len(made)} scenes"


def _train(folders: ModelFolders, given: argparse.Namespace, progress: Progress) -> str:
    recipe = read_recipe(given.recipe)
    if given.check_data:
        ShardReader(*given.data).verify(progress.child(0.0, 0.05, "data"))
    rest = progress.child(0.05 if given.check_data else 0.0, 1.0)
    with memory_errors():
        found = train_decoder(
            given.out, given.data, folders, recipe, given.seed, rest, given.init, tensorboard=given.tensorboard
        )
    return str(found)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    _add_data(commands)
    add = commands.add_parser("train", help="train a decoder on them").add_argument
    _add_shared(add)
    add("--data", type=Path, nargs="+", required=True, metavar="DIR", help="a teacher's scenes, of one model")
    add("--recipe", default="lyra_static", help=f"{', '.join(RECIPES)}, or a file *.toml; default: lyra_static")
    add("--init", type=Path, metavar="DIR", help="decoder whose weights are the first; default: random ones")
    add("--check-data", action="store_true", help="first read all data and compare them with their sums")
    add("--tensorboard", action="store_true", help="write the log for TensorBoard as well")
    return parser


def _add_data(commands: Any) -> None:
    parser = commands.add_parser("data", help="let the teacher imagine scenes")
    add = parser.add_argument
    _add_shared(add)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--images", type=Path, metavar="DIR", help="folder of pictures")
    source.add_argument("--videos", type=Path, metavar="DIR", help="folder of videos of cameras that stand still")
    add("--every", type=int, default=1, metavar="K", help="keep every K-th frame as a picture; default: all")
    add("--prompt", default="", help="what the video model is told of all scenes; default: nothing")
    add("--steps", type=int, help="denoising steps; default: the model's")
    add("--guidance", type=float, help="default: the model's")
    add("--movement", type=float, default=1.0, help="what the lengths of all paths are multiplied by; default: 1")
    add("--depth-estimator", choices=ESTIMATORS, default="transformers", help="default: transformers")
    add("--depth-model", help="folder or name of its weights; default: the model's own")
    add("--fov", type=float, help="horizontal field of view of the pictures [deg]; default: by their EXIF data")
    add(
        "--fit",
        choices=FITS,
        default="crop",
        help="what becomes of pictures of another shape; default: crop",
    )
    add("--device", default="auto", help="auto, cuda, cuda:1 or cpu")
    add("--vram", type=float, metavar="GB", help="GPU memory that may be taken; default: all that is free")


def _add_shared(add: Any) -> None:
    add("--model", required=True, help="folder of the teacher's model, or tiny")
    add("--out", type=Path, required=True, metavar="DIR", help="where it goes")
    add("--seed", type=int, default=0, help="default: 0")


if __name__ == "__main__":
    sys.exit(main())

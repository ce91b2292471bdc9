"""Measure how good a Lyra model is on scenes that it was not trained on, beside what knows next to nothing.

    python tools/evaluate.py --model DIR                          16 procedural rooms that are kept back from training
    python tools/evaluate.py --model DIR --rooms 4 --seed 100     others of them
    python tools/evaluate.py --model DIR --images SCENE ...       pictures with cameras: the first is the input
    python tools/evaluate.py --model DIR --data SHARDS --training-data SHARDS
                                                                  a teacher's scenes, and the gap to those of training
    python tools/evaluate.py --compare full=DIR no_depth=DIR ...  one table of several models on the same scenes
    python tools/evaluate.py --model DIR --accept 16 --work RUNS  how many rooms' first pictures become accepted scenes

DIR holds decoder, transformer, vae, lyra.json and, for its rows, depth. Prints Markdown; --json FILE writes numbers.
The same seed gives the same ones, but for seconds. SSIM needs scikit-image, LPIPS the package lpips and torchvision's
weights of VGG-16 where torch keeps them; nothing is fetched, and what is missing is a dash in the tables.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from evaluation_inputs import depth_network, given_scenes, load_model
from room_acceptance import accept_rooms, acceptance_table

from lyra_backend.atomic import replacing
from lyra_backend.console import Console
from lyra_backend.errors import InvalidRequest, LyraError
from lyra_backend.exits import explain
from lyra_backend.progress import Progress

if TYPE_CHECKING:
    from lyra_backend.train.evaluation import Evaluation
    from lyra_backend.train.taught_scenes import Gap

#: Scenes that are measured if nothing says how many.
_SCENES = 16


def measured(model: Path, given: argparse.Namespace, progress: Progress) -> tuple[Evaluation, Gap | None]:
    """Return what is found of a model on the scenes that were asked for.

    Raises:
        InvalidRequest: the model, the scenes or the data cannot be used.
    """
    from lyra_backend.train.evaluation import Evaluation, evaluate, weights_bytes

    progress(0.0, f"loading {model.name}")
    lyra = load_model(model, given.device)
    has_data = bool(given.data or given.training_data)
    parts = progress.children({"scenes": 3.0, "data": 1.0} if has_data else {"scenes": 1.0})
    scenes = given_scenes(lyra, _rooms(given), given.seed, given.off_path, given.images)
    if scenes:
        network = None if given.no_depth_network else depth_network(lyra)
        found = evaluate(lyra, scenes, network, parts["scenes"], given.frames)
    else:
        found = Evaluation(weights=weights_bytes(lyra))
    return found, _gap(lyra, found, given, parts["data"]) if has_data else None


def _rooms(given: argparse.Namespace) -> int:
    """Return how many rooms are measured: by default none where there are other scenes."""
    if given.rooms is not None:
        return int(given.rooms)
    return 0 if given.images or given.data else _SCENES


def _gap(lyra: Any, found: Evaluation, given: argparse.Namespace, progress: Progress) -> Gap:
    from lyra_backend.train.evaluation_table import student_and_teacher
    from lyra_backend.train.metrics import Tally
    from lyra_backend.train.shards import ShardReader
    from lyra_backend.train.taught_scenes import Gap, measure_taught

    tallies = []
    for i, folder in enumerate((given.training_data, given.data)):
        part = progress.child(i / 2, (i + 1) / 2)
        known = folder and measure_taught(lyra, ShardReader(folder), given.scenes, given.frames, part)
        tallies.append(known or Tally())
    # without data that was held back, what the teacher shows of the other scenes stands for it
    return Gap(tallies[0], tallies[1] if given.data else student_and_teacher(found))


def _named(text: str) -> tuple[str, Path]:
    """Read "NAME=MODEL"."""
    name, found, folder = text.partition("=")
    if not (name and found and folder):
        raise argparse.ArgumentTypeError(f"{text!r}: must be NAME=MODEL, such as full=outputs/full/model")
    return name, Path(folder)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--model", type=Path, help="folder of the model")
    which.add_argument("--compare", type=_named, nargs="+", metavar="NAME=MODEL", help="one row for each of several")
    add = parser.add_argument
    add("--rooms", type=int, metavar="N", help=f"procedural rooms; default: {_SCENES}, or none beside other scenes")
    add("--seed", type=int, default=0, help="number of the first room among those kept back")
    add("--off-path", type=int, default=8, metavar="N", help="views of each room off the paths")
    add("--images", type=Path, nargs="+", default=[], metavar="DIR", help="folders of pictures with cameras")
    add("--data", type=Path, metavar="DIR", help="a teacher's scenes that were held back")
    add("--training-data", type=Path, metavar="DIR", help="a teacher's scenes that the student learned from")
    add("--scenes", type=int, default=_SCENES, metavar="N", help="scenes of data that are measured")
    add("--frames", type=int, metavar="N", help="frames of each path that are compared; default: all")
    add("--no-depth-network", action="store_true", help="measure with true first-frame depth alone")
    add("--device", default="auto", help="cuda, cuda:N or cpu")
    add("--json", type=Path, metavar="FILE", help="where the numbers go")
    add("--accept", type=int, metavar="N", help="generate scenes of N rooms' first pictures and count the accepted")
    add("--work", type=Path, metavar="DIR", help="where their pictures and runs go; finished ones are kept")
    add("--preset", default="standard", help="of these runs")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    parser = _parser()
    given = parser.parse_args(arguments)
    if given.accept is not None and given.compare:
        parser.error("--accept takes one --model")
    with Console() as console:
        try:
            text, data = _done(given, Progress(console.show, console.token))
            if given.json is not None:
                with replacing(given.json) as part:
                    part.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
        except (LyraError, OSError, KeyboardInterrupt) as error:
            return int(explain(error))
    print(text)
    return 0


def _done(given: argparse.Namespace, progress: Progress) -> tuple[str, dict[str, Any]]:
    """Return the tables and the numbers of what was asked for."""
    if given.accept is not None:
        return _accepted(given, progress)
    from lyra_backend.train.evaluation_table import comparison_table, evaluation_json, evaluation_table

    if not given.compare:
        found, gap = measured(given.model, given, progress)
        return evaluation_table(found, gap), evaluation_json(found, gap)
    if len(dict(given.compare)) != len(given.compare):
        raise InvalidRequest("--compare: each model needs a name of its own.")
    count, models = len(given.compare), {}
    for i, (name, folder) in enumerate(given.compare):
        models[name] = measured(folder, given, progress.child(i / count, (i + 1) / count))
    table = comparison_table({name: found for name, (found, _) in models.items()})
    return table, {name: evaluation_json(found, gap) for name, (found, gap) in models.items()}


def _accepted(given: argparse.Namespace, progress: Progress) -> tuple[str, dict[str, Any]]:
    with tempfile.TemporaryDirectory(prefix="lyra-evaluate-") as folder:
        work = given.work or Path(folder)
        verdicts = accept_rooms(given.model, given.accept, given.seed, given.preset, given.device, work, progress)
    return acceptance_table(verdicts), {"rooms": [verdict.to_json() for verdict in verdicts]}


if __name__ == "__main__":
    sys.exit(main())

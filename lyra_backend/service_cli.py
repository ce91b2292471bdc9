"""The commands ``lyra-scenegen serve`` and ``watch``."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from .errors import InvalidRequest, shown
from .exits import ExitCode
from .options import device_names, size_bytes

__all__ = ["serve", "watch"]

#: Modules that `serve` needs, and the packages that bring them.
_NEEDED = {
    "fastapi": "fastapi",
    "uvicorn": "uvicorn",
    "prometheus_client": "prometheus-client",
    "fastapi_offline": "fastapi-offline",
}
_TOKEN_VARIABLE = "LYRA_SCENEGEN_TOKEN"


def serve(
    directory: Annotated[Path, typer.Argument(help="Where jobs, uploads and the database lie; made if needed.")],
    host: Annotated[str, typer.Option(help="Address to listen at. Others than this machine need a token and TLS.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen at; 0 takes a free one.")] = 8484,
    token_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A name and a token on each line; nobody else may read it (chmod 600)."),
    ] = None,
    tls_cert: Annotated[Path | None, typer.Option(metavar="FILE", help="Certificate chain for TLS, PEM.")] = None,
    tls_key: Annotated[Path | None, typer.Option(metavar="FILE", help="Its private key, PEM.")] = None,
    behind_proxy: Annotated[
        bool, typer.Option("--behind-proxy", help="Another server takes the requests and ends TLS, such as nginx.")
    ] = False,
    workers: Annotated[int, typer.Option(min=0, help="Jobs at a time; 0 only takes and keeps them.")] = 1,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads of each worker's libraries.")] = None,
    devices: Annotated[
        str | None, typer.Option(metavar="0,1", help="CUDA devices to hand out to the workers in turn.")
    ] = None,
    python: Annotated[
        str | None, typer.Option(metavar="PROGRAM", help="Python of the workers, where it is another one.")
    ] = None,
    recycle_memory: Annotated[
        str | None, typer.Option(metavar="SIZE", help="Replace a worker that holds more memory after a job.")
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME[=DIR]", help="A model that requests may name; repeatable. Others are refused."),
    ] = None,
    queue: Annotated[int, typer.Option(min=1, help="Jobs of one token that may wait.")] = 100,
    upload_limit: Annotated[str, typer.Option(metavar="SIZE", help="Size of one upload.")] = "2GB",
    disk_limit: Annotated[str, typer.Option(metavar="SIZE", help="Jobs and uploads of one token together.")] = "50GB",
    gaussians: Annotated[int, typer.Option(min=1, help="Gaussians of an uploaded splat.")] = 20_000_000,
    keep_uploads: Annotated[float, typer.Option(min=0.0, metavar="HOURS", help="Time after its last use.")] = 24.0,
) -> None:
    """Take requests for scenes over HTTP, and make them one after the other.

    Where to begin:

    **lyra-scenegen serve outputs/service**

    **curl -X POST localhost:8484/v1/jobs -H 'Content-Type: application/json' -d '{"prompt": "a small workshop"}'**

    The page http://localhost:8484/docs lists all routes and lets you try them. Ctrl-C or SIGTERM stops the service; the
    same command goes on with all jobs where they were, also after a crash or power failure.

    Only programs of this machine get in as long as there is no token. For others give --host, a token, and TLS files or
    --behind-proxy: **--token-file** FILE, or the variable LYRA_SCENEGEN_TOKEN for a single one. Each token has its own
    queue and share of the disk, and sees its own jobs alone.
    """
    _check_packages()
    if directory.is_file():
        raise InvalidRequest(f"{directory}: must be a directory, but this is a file. Choose another.")
    from .service.access import read_tokens
    from .service.server import serve as serve_until_stopped
    from .service.settings import Limits, Settings

    limits = Limits(
        queue=queue,
        upload_bytes=size_bytes("--upload-limit", upload_limit),
        disk_bytes=size_bytes("--disk-limit", disk_limit),
        gaussians=gaussians,
        upload_hours=keep_uploads,
    )
    settings = Settings(
        directory,
        host=host,
        port=port,
        # taken out, for workers are given all other variables
        tokens=read_tokens(token_file, os.environ.pop(_TOKEN_VARIABLE, None)),
        limits=limits,
        models=_models(model or []),
        workers=workers,
        command=() if python is None else (python,),
        devices=device_names(devices),
        threads=threads,
        recycle_bytes=None if recycle_memory is None else size_bytes("--recycle-memory", recycle_memory),
        certificate=tls_cert,
        key=tls_key,
        behind_proxy=behind_proxy,
    )
    serve_until_stopped(settings)


def watch(
    directory: Annotated[Path, typer.Argument(help="A run directory that some process works in, or did.")],
) -> None:
    """Show the progress of a run that another process makes, until it ends.

    The run is not disturbed, and Ctrl-C only stops looking. Exits with 0 if the scene was accepted, 1 if it was not or
    the run failed.

    Example: **lyra-scenegen watch outputs/workshop**
    """
    from .client import Ending
    from .client import watch as follow
    from .console import Console

    with Console() as console:
        how, why = follow(directory, console.show, console.token)
    sys.stdout.write(f"{how.value}{f': {why}' if why else ''}\n")
    raise typer.Exit(ExitCode.OK if how is Ending.ACCEPTED else ExitCode.NOT_ACCEPTED)


def _check_packages() -> None:
    """Refuse before anything is imported that is not there."""
    from .errors import MissingDependency

    missing = next((package for module, package in _NEEDED.items() if find_spec(module) is None), None)
    if missing is not None:
        raise MissingDependency(missing, "lyra-scenegen serve", "service")


def _models(words: Iterable[str]) -> dict[str, str]:
    """Return what each name stands for; one without a folder stands for itself."""
    pairs = [word.partition("=") for word in words]
    for name, equals, folder in pairs:
        if equals and not Path(folder).is_dir():
            raise InvalidRequest(f"--model {name}: no such folder, got {shown(folder)}. Check the path.")
    return {name: str(Path(folder).resolve()) if equals else name for name, equals, folder in pairs}

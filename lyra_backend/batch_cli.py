"""The command ``lyra-scenegen batch``."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .errors import InvalidRequest, shown
from .exits import ExitCode
from .options import JsonFlag, device_names, size_bytes

if TYPE_CHECKING:
    from .batch import Pool
    from .batch.planning import BatchPlan
    from .batch.storage import Storage

__all__ = ["batch"]

#: Memory of a worker that makes procedural scenes [bytes]; how many fit decides how many there are by default.
_WORKER_BYTES = 1.5e9


def batch(
    manifest: Annotated[
        Path, typer.Argument(metavar="MANIFEST", help="What to make: .yaml, .json, .jsonl or .csv; see docs/batch.md.")
    ],
    out: Annotated[
        str,
        typer.Option(metavar="DIR|URL", help="Where scenes go: a folder, or a URL of fsspec's (s3://, gs://, ...)."),
    ],
    workers: Annotated[
        int | None,
        typer.Option(
            min=1, max=1024, metavar="N", help="Scenes at a time. Default: one a device, else as CPU and memory allow."
        ),
    ] = None,
    devices: Annotated[
        str | None, typer.Option(metavar="0,1", help="CUDA devices to hand out to the workers in turn.")
    ] = None,
    threads: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Threads of a worker's libraries. Default: an even share.")
    ] = None,
    attempts: Annotated[
        int, typer.Option(min=1, metavar="K", help="Seeds to try for a scene that is not accepted, at most.")
    ] = 3,
    keep_rejected: Annotated[
        bool, typer.Option("--keep-rejected", help="Keep scenes that are not accepted whole, not their reports alone.")
    ] = False,
    recycle_memory: Annotated[
        str | None, typer.Option(metavar="SIZE", help="Replace a worker that holds more than this after a scene: 8GB.")
    ] = None,
    work: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Where scenes are made. Default: in the folder of --out, or for a URL the cache."
        ),
    ] = None,
    ray: Annotated[
        str | None, typer.Option(metavar="ADDRESS|local", help="Work on a Ray cluster; see docs/cluster.md.")
    ] = None,
    worker_gpus: Annotated[
        float, typer.Option(min=0.0, metavar="N", help="With --ray: GPUs of a worker; 0.5 shares one.")
    ] = 0.0,
    worker_memory: Annotated[
        str | None, typer.Option(metavar="SIZE", help="With --ray: memory to reserve for a worker: 8GB.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check every item, say what all will take, make nothing.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Make scenes by the thousand: many workers, other seeds for what is rejected, an index of what came out.

    Stop it with Ctrl-C or SIGTERM and run it again: it goes on where it was. Exit code 0 if every item was accepted.
    """
    from .batch import Batch, BatchOptions, read_manifest
    from .batch.planning import plan_batch
    from .batch.storage import open_storage

    named = device_names(devices)
    recycle = None if recycle_memory is None else size_bytes("--recycle-memory", recycle_memory)
    memory = None if worker_memory is None else size_bytes("--worker-memory", worker_memory)
    _refuse_foreign(ray, devices, worker_gpus, worker_memory)
    items, storage = read_manifest(manifest), open_storage(out)
    folder = work or _work_folder(out)
    made = Batch(items, storage, folder, BatchOptions(attempts, keep_rejected))
    plan = plan_batch(items, made.settled())
    if dry_run:
        _show_plan(plan, as_json)
        return
    if ray is None:
        pool = _local(workers or _default_workers(named), folder, storage, named, threads, recycle)
    else:
        pool = _cluster(ray, workers, folder, out, worker_gpus, threads, memory, recycle)
    _run(made, pool, as_json)


def _run(made: Any, pool: AbstractContextManager[Pool], as_json: bool) -> None:
    from .batch.display import BatchDisplay
    from .progress import CancelToken
    from .stop_signals import stop_on_signals

    token = CancelToken()
    with BatchDisplay(quiet=as_json) as display, stop_on_signals(token, display.stopping), pool as workers:
        summary = made.run(workers, token, display)
    if as_json:
        sys.stdout.write(json.dumps(asdict(summary), indent=2) + "\n")
    else:
        display.sum_up(summary)
    raise typer.Exit(ExitCode.NOT_ACCEPTED if summary.rejected or summary.failed else ExitCode.OK)


def _refuse_foreign(ray: str | None, devices: str | None, gpus: float, memory: str | None) -> None:
    """Refuse options that this way of working would silently ignore."""
    if ray is not None and devices is not None:
        raise InvalidRequest(
            f"--devices: a Ray cluster hands out its own devices, got {shown(devices)}. Leave it out; "
            "--worker-gpus says how many a worker takes."
        )
    for option, value in (("--worker-gpus", gpus or None), ("--worker-memory", memory)):
        if ray is None and value is not None:
            raise InvalidRequest(
                f"{option}: is for workers of a Ray cluster, got {shown(value)}. Add --ray, or leave it out."
            )


def _local(
    count: int, folder: Path, storage: Storage, devices: tuple[str, ...], threads: int | None, recycle: int | None
) -> AbstractContextManager[Pool]:
    from .batch.local import LocalPool

    share = threads or max(1, (os.cpu_count() or 1) // count)
    return LocalPool(count, folder, storage, devices=devices, threads=share, recycle_bytes=recycle)


def _cluster(
    address: str,
    count: int | None,
    folder: Path,
    out: str,
    gpus: float,
    threads: int | None,
    memory: int | None,
    recycle: int | None,
) -> AbstractContextManager[Pool]:
    from .batch.cluster import RayPool

    cpus = float(threads or 1)
    return RayPool(address, count, folder, out, gpus=gpus, cpus=cpus, memory_bytes=memory, recycle_bytes=recycle)


def _default_workers(devices: tuple[str, ...]) -> int:
    from .memory import available_memory_bytes

    if devices:
        return len(devices)
    memory = available_memory_bytes()
    fit = (os.cpu_count() or 1) if memory is None else int(memory / _WORKER_BYTES)
    return max(1, min(os.cpu_count() or 1, fit))


def _work_folder(out: str) -> Path:
    """Return where scenes are made: beside the others, where a rename puts them in place, or in the user's cache."""
    if "://" not in out or out.startswith("file://"):
        return Path(out.removeprefix("file://")) / ".work"
    from .paths import cache_folder

    return cache_folder() / "batch" / hashlib.sha256(out.encode()).hexdigest()[:16]


def _show_plan(plan: BatchPlan, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps(asdict(plan), indent=2) + "\n")
        return
    lines = [f"{plan.items} scenes, {plan.settled} of them there already."]
    lines += [f"  {count} by generator {name}" for name, count in plan.generators.items()]
    lines += [f"  about {hours:.1f} h of {machine}, one attempt a scene" for machine, hours in plan.hours.items()]
    if plan.disk_bytes is None:
        lines.append("  disk: not known before the first scene is there")
    elif plan.items > plan.settled:
        how = "as the scenes that are there" if plan.measured else "by counting Gaussians"
        lines.append(f"  about {plan.disk_bytes / 1e9:.2f} GB of disk, {how}")
    sys.stdout.write("\n".join(lines) + "\n")

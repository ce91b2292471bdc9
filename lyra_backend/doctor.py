"""A look at this installation: what works, what is missing, and the line that mends it."""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from . import __version__
from .errors import LyraError
from .requirements import Requirement, meets, python_versions, requirements

__all__ = ["examine"]

#: What users cannot do without an extra.
_PURPOSES = {
    "": "nothing works without",
    "physics": "the physics and asset checks; without them no scene is accepted",
    "formats": "splat files other than 3DGS PLY",
    "coacd": "closer convex pieces of objects (collide.objects=coacd)",
    "lyra": "NVIDIA Lyra: pictures, prompts and videos to scenes (docs/lyra.md)",
    "int8": "weights of Lyra's video model as 8-bit integers (docs/lyra.md)",
    "train": "Gaussians fitted to pictures",
    "batch": "manifests in YAML, Parquet, output to object stores (docs/batch.md)",
    "cluster": "batches on a Ray cluster (docs/cluster.md)",
    "service": "scenes over HTTP (docs/service.md)",
    "robots": "many robots at once in Newton (docs/training.md)",
    "training": "PPO and its curve (docs/training.md)",
}
#: Extras that a complete installation may lack.
_OPTIONAL = ("coacd", "lyra", "int8", "train", "batch", "cluster", "service", "robots", "training")
#: Asks torch, in a process of its own: it takes seconds and a GPU's memory, and a broken one may take the process down.
_TORCH = """
import json, torch
gpus = []
for i in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
    free, total = torch.cuda.mem_get_info(i)
    gpus.append([torch.cuda.get_device_name(i), free, total])
print(json.dumps({"version": torch.__version__, "cuda": torch.version.cuda, "gpus": gpus}))
"""
_TORCH_S = 120.0


def examine() -> dict[str, Any]:
    """Return versions, devices (kernels use the first), weights and free disk, and how to install what is missing."""
    installed = {need: _version(need.package) for need in requirements()}
    faulty = [need for need, found in installed.items() if found is None or not meets(found, need.versions)]
    optional = [need for need in faulty if need.extra in _OPTIONAL]
    faulty = [need for need in faulty if need not in optional]
    supported = meets(platform.python_version(), python_versions())
    return {
        "lyra-backend": __version__,
        "python": f"{platform.python_version()}{'' if supported else f' (not supported, needs {python_versions()})'}",
        "system": f"{platform.system()} {platform.machine()}",
        "devices": _devices(),
        "torch": _torch(),
        "free_disk": f"{shutil.disk_usage(Path.cwd()).free / 1e9:.1f} GB in {Path.cwd()}",
        "extras": _extras(installed),
        "workers": _workers(),
        "weights": _weights(),
        "packages": {need.package: found for need, found in installed.items() if found is not None},
        "missing": _mending(faulty, installed) or "nothing",
        "optional": _mending(optional, installed) if optional else "everything is there",
        "ready": supported and bool(installed) and not faulty,
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _devices() -> list[str]:
    """Return what kernels can run on; a broken driver must not keep the rest from being said."""
    try:
        from .kernels import describe_devices

        return describe_devices()
    except Exception as error:
        return [f"none: Warp cannot be used ({type(error).__name__}: {error})"]


def _torch() -> dict[str, Any]:
    """Return torch's version and what it sees of CUDA; one that is broken must not keep the rest from being said."""
    if find_spec("torch") is None:
        return {"version": "not installed: pip install 'lyra-backend[lyra]'"}
    try:
        asked = subprocess.run([sys.executable, "-c", _TORCH], capture_output=True, text=True, timeout=_TORCH_S)
        told = json.loads(asked.stdout) if asked.returncode == 0 else None
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        return {"version": f"cannot be used ({type(error).__name__}: {error})"}
    if told is None:
        last = (asked.stderr.strip().splitlines() or [f"exit code {asked.returncode}"])[-1]
        return {"version": f"cannot be used ({last})"}
    return {"version": told["version"], "cuda": _cuda(told)}


def _cuda(told: Mapping[str, Any]) -> str | list[str]:
    """Return the GPUs that torch sees, with their memory, or why it sees none."""
    gib = 2**30
    gpus = [f"{name}, {total / gib:.0f} GiB, {free / gib:.0f} GiB free" for name, free, total in told["gpus"]]
    if gpus:
        return gpus
    if told["cuda"] is None:
        return "none: this torch is built without CUDA; https://pytorch.org/get-started/locally has one that is"
    return f"none: this torch is built for CUDA {told['cuda']}, but sees no GPU; is its driver there, and new enough?"


def _workers() -> dict[str, str]:
    """Return which Python workers are started with, and whether there is an environment for them."""
    from . import worker_environment as workers

    folder = workers.default_folder()
    made = "current" if workers.is_current(folder) else "outdated" if folder.is_dir() else "not made"
    try:
        python = str(workers.find_python())
    except LyraError as error:
        python = str(error)
    return {"python": python, "environment": f"{folder}: {made} (doctor --fix makes it; Kit needs it)"}


def _extras(installed: Mapping[Requirement, str | None]) -> dict[str, str]:
    """Return whether each extra is installed, and what of it is not."""
    absent: dict[str, list[str]] = {}
    for need, found in installed.items():
        fits = found is not None and meets(found, need.versions)
        absent.setdefault(need.extra, []).extend([] if fits else [need.package])
    absent.pop("", None)
    return {extra: f"lacks {', '.join(names)}" if names else "installed" for extra, names in absent.items()}


def _weights() -> dict[str, str]:
    """Return where weights lie, what is free there, and which of the catalogue are there."""
    from .weights import catalogue, store
    from .weights.admission import free_bytes, in_words

    place = store.default_folder()
    states = {
        name: in_words(store.bytes_there(name, place))
        if store.holds(name, place)
        else f"missing, {in_words(weights.bytes)}: {weights.by_fetching}"
        for name, weights in catalogue.known().items()
    }
    return {"folder": str(place), "free": in_words(free_bytes(place)), **states}


def _mending(faulty: Iterable[Requirement], installed: dict[Requirement, str | None]) -> dict[str, str]:
    """Return {package: what is wrong with it and the line that mends it}."""
    if not installed:
        return {"lyra-backend": "not installed: run pip install -e . in its folder"}
    mending = {}
    for need in faulty:
        target = f"lyra-backend[{need.extra}]" if need.extra else f"{need.package}{need.versions}"
        found = installed[need]
        state = f"{found} is installed, needs {need.versions}" if found else _PURPOSES.get(need.extra, need.extra)
        mending[need.package] = f"{state}: pip install '{target}'"
    return mending

"""Every way in which Gaussians are written, and what its file holds, read without the package's own readers."""

from __future__ import annotations

import gzip
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
import numpy.typing as npt
from pxr import Usd

from lyra_backend.author import nurec, particle_field
from lyra_backend.types import GaussianCloud

COEFFICIENTS = "radiance:sphericalHarmonicsCoefficients"
#: half precision, and whether Gaussians are divided by class; NuRec knows neither
WAYS = ("float", "half", "classes", "classes_half", "nurec")
CLASSES = ("unknown", "floor", "wall")
NODES = ".gaussians_nodes.gaussians."


def with_classes(cloud: GaussianCloud) -> GaussianCloud:
    """Return the cloud with Gaussians of three classes in turn."""
    return replace(cloud, class_ids=(np.arange(cloud.count) % 3).astype(np.uint16), class_names=CLASSES)


def in_order(count: int, way: str) -> npt.NDArray[np.intp]:
    """Return which Gaussians of :func:`with_classes` a file has, in its order."""
    return np.argsort(np.arange(count) % 3, kind="stable") if way.startswith("classes") else np.arange(count)


def write_way(folder: Path, cloud: GaussianCloud, way: str, suffix: str = ".usdc") -> Path:
    """Write a cloud in one of `WAYS`; NuRec is always a package."""
    if way == "nurec":
        nurec.write(cloud, folder / "a.usdz", nurec.Params())
        return folder / "a.usdz"
    partition = "class" if way.startswith("classes") else "none"
    params = particle_field.Params(half=way.endswith("half"), partition=partition)
    particle_field.write(cloud, folder / f"a{suffix}", params)
    return folder / f"a{suffix}"


@dataclass(frozen=True)
class Stored:
    """What a file holds, as float64 and activated: arrays (N, ...) in its own order, quaternions wxyz."""

    positions: npt.NDArray[np.float64]
    scales: npt.NDArray[np.float64]
    quats_wxyz: npt.NDArray[np.float64]
    opacities: npt.NDArray[np.float64]
    sh: npt.NDArray[np.float64]


def gaussian_prims(stage: Usd.Stage) -> list[Usd.Prim]:
    """Return what Isaac Sim's detector takes for Gaussians."""
    return [
        prim
        for prim in stage.Traverse()
        if str(prim.GetTypeName()).startswith("ParticleField")
        or (prim.GetTypeName() == "Volume" and prim.GetAttribute("omni:nurec:isNuRecVolume").Get())
    ]


def stored(path: Path, way: str) -> Stored:
    """Return what was written to `path`."""
    stage = Usd.Stage.Open(str(path))
    parts = [_volume(p, path) if way == "nurec" else _field(p, way) for p in gaussian_prims(stage)]
    return Stored(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))


def _field(prim: Usd.Prim, way: str) -> Iterator[npt.NDArray[np.float64]]:
    def array(name: str) -> npt.NDArray[np.float64]:
        return np.array(prim.GetAttribute(name + ("h" if way.endswith("half") else "")).Get(), np.float64)

    yield array("positions").reshape(-1, 3)
    yield array("scales").reshape(-1, 3)
    yield array("orientations").reshape(-1, 4)[:, [3, 0, 1, 2]]  # Vt keeps the real part last
    yield array("opacities")
    degree = prim.GetAttribute("radiance:sphericalHarmonicsDegree").Get()
    yield array(COEFFICIENTS).reshape(-1, (degree + 1) ** 2, 3)


def state_of(package: Path) -> dict[str, Any]:
    """Return the tensors of a NuRec package by their short names: raw bytes, and lists of whole numbers for shapes."""
    with zipfile.ZipFile(package) as archive:
        (name,) = (n for n in archive.namelist() if n.endswith(".nurec"))
        state = msgpack.unpackb(gzip.decompress(archive.read(name)))["nre_data"]["state_dict"]
    return {key.removeprefix(NODES): value for key, value in state.items() if key.startswith(NODES)}


def _volume(prim: Usd.Prim, package: Path) -> Iterator[npt.NDArray[np.float64]]:
    state = state_of(package)

    def tensor(name: str) -> npt.NDArray[np.float64]:
        return np.frombuffer(state[name], "<f2").reshape(state[f"{name}.shape"]).astype(np.float64)

    yield tensor("positions") + np.array(prim.GetAttribute("xformOp:transform").Get().ExtractTranslation())
    yield np.exp(tensor("scales"))
    yield tensor("rotations")
    yield 1 / (1 + np.exp(-tensor("densities")[:, 0]))
    yield np.concatenate([tensor("features_albedo"), tensor("features_specular")], axis=1).reshape(-1, 16, 3)

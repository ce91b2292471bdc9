"""Finished stages on disk, so that a stopped run continues where it was."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..types import (
    Approximation,
    Camera,
    CollisionPart,
    CollisionProxy,
    Environment,
    Finding,
    Frame,
    GaussianCloud,
    GaussianSequence,
    Generation,
    Intrinsics,
    Keyframe,
    KinematicBody,
    LightEstimate,
    Navigation,
    Outcome,
    Primitive,
    Role,
    Scale,
    SceneLight,
    Shape,
    TriangleMesh,
)
from .navigation_files import BOUNDS_FILE, load_navigation, save_navigation
from .textured_mesh import read_textured_mesh, write_textured_mesh

__all__ = [
    "TRUTH_FILE",
    "load_generation",
    "load_light",
    "load_outcome",
    "load_place",
    "load_proxy",
    "save_generation",
    "save_light",
    "save_outcome",
    "save_place",
    "save_proxy",
]

#: The exact surface of a scene, where the generator knows it.
TRUTH_FILE = "truth.glb"
_EXACT = "exact"
_COLLIDER_FILE = "supplied_collider.npz"
#: What does not move of a scene that moves.
_BACKGROUND_FILE = "background.npz"
_LASTING_FILE = "lasting.npz"
_SOLID_FILE = "solid.npz"
_ENVIRONMENT_FIELDS = ("radiance", "seen", "place")


def save_outcome(folder: Path, outcome: Outcome[Any]) -> None:
    """Write counts and findings."""
    data = {"counts": dict(outcome.counts), "findings": [asdict(f) for f in outcome.findings]}
    (folder / "outcome.json").write_text(json.dumps(data), encoding="utf-8")


def load_outcome(folder: Path) -> Outcome[None]:
    """Read what :func:`save_outcome` wrote."""
    data = json.loads((folder / "outcome.json").read_text(encoding="utf-8"))
    return Outcome(None, data["counts"], tuple(Finding.from_json(f) for f in data["findings"]))


def save_generation(folder: Path, generation: Generation) -> None:
    """Write a generation as ``cloud.npz``, ``generation.json`` and, if it has them, its exact surface and collider.

    A scene that moves has a file for what moves at each time, and one for what does not.
    """
    cloud, sequence = generation.cloud, generation.sequence
    clouds = sequence.clouds if sequence else (cloud,)
    apart = {_BACKGROUND_FILE: sequence.background, _LASTING_FILE: sequence.lasting} if sequence else {}
    for name, one in zip(_cloud_files(len(clouds)), clouds, strict=True):
        _save_cloud(folder / name, one)
    for name, part in apart.items():
        if part is not None:
            _save_cloud(folder / name, part)
    if sequence and sequence.solid is not None:
        _save_arrays(folder / _SOLID_FILE, {f"m{i}": mask for i, mask in enumerate(sequence.solid)})
    _save_arrays(folder / "keyframes.npz", _keyframe_arrays(generation.keyframes))
    data = {
        "keyframes": [keyframe.camera for keyframe in generation.keyframes],
        "frame": cloud.frame,
        "class_names": [one.class_names for one in clouds],
        "cameras": [_camera_to_json(c) for c in generation.cameras],
        "scale_uncertainty_percent": generation.scale.uncertainty_percent,
        "geometry": generation.geometry,
        "provenance": generation.provenance,
        "light": generation.light and generation.light.to_json(),
        "as_asked": generation.as_asked,
        "up_assumed": generation.up_assumed,
        "grade": generation.grade,
        "from_source": None if generation.from_source is None else generation.from_source.tolist(),
        "times_s": sequence and sequence.times_s,
        "stable_identity": bool(sequence and sequence.stable_identity),
        "apart": {name: part.class_names for name, part in apart.items() if part is not None},
    }
    (folder / "generation.json").write_text(json.dumps(data), encoding="utf-8")
    if generation.truth is not None:
        write_textured_mesh(generation.truth, folder / TRUTH_FILE)
    if generation.exact_colliders:
        save_proxy(folder, CollisionProxy(generation.exact_colliders, _EXACT, {}))
    if (mesh := generation.supplied_collider) is not None:
        arrays = {"vertices": mesh.vertices, "triangles": mesh.triangles, "name": np.array(mesh.name)}
        _save_arrays(folder / _COLLIDER_FILE, arrays)


def load_generation(folder: Path) -> Generation:
    """Read what :func:`save_generation` wrote."""
    data = json.loads((folder / "generation.json").read_text(encoding="utf-8"))
    names, frame = data["class_names"], Frame(data["frame"])
    clouds = [_load_cloud(folder / file, frame, own) for file, own in zip(_cloud_files(len(names)), names, strict=True)]
    apart = {file: _load_cloud(folder / file, frame, own) for file, own in data["apart"].items()}
    times, stable = data["times_s"], data["stable_identity"]
    background, lasting = apart.get(_BACKGROUND_FILE), apart.get(_LASTING_FILE)
    solid = _load_masks(folder / _SOLID_FILE)
    sequence = GaussianSequence(tuple(clouds), tuple(times), stable, background, lasting, solid) if times else None
    with np.load(folder / "keyframes.npz") as arrays:
        keyframes = tuple(Keyframe(n, arrays[f"i{k}"], arrays[f"d{k}"]) for k, n in enumerate(data["keyframes"]))
    truth = folder / TRUTH_FILE
    return Generation(
        sequence.at(0) if sequence else clouds[0],
        tuple(_camera_from_json(c) for c in data["cameras"]),
        Scale(data["scale_uncertainty_percent"]),
        data["geometry"],
        read_textured_mesh(truth) if truth.is_file() else None,
        data["provenance"],
        data["light"] and SceneLight.from_json(data["light"]),
        data["as_asked"],
        keyframes,
        sequence,
        _load_mesh(folder / _COLLIDER_FILE),
        load_proxy(folder).parts if (folder / "proxy.json").is_file() else (),
        data["up_assumed"],
        None if data["from_source"] is None else np.array(data["from_source"]),
        data["grade"],
    )


def save_proxy(folder: Path, proxy: CollisionProxy) -> None:
    """Write colliders as ``proxy.npz`` and ``proxy.json``."""
    every = [*proxy.parts, *(body.part for body in proxy.kinematic)]
    vertices = {f"v{i}": p.vertices for i, p in enumerate(every)}
    triangles = {f"t{i}": p.triangles for i, p in enumerate(every)}
    positions = {f"p{i}": body.positions for i, body in enumerate(proxy.kinematic)}
    quats = {f"q{i}": body.quats_wxyz for i, body in enumerate(proxy.kinematic)}
    _save_arrays(folder / "proxy.npz", {**vertices, **triangles, **positions, **quats})
    parts = [_part_to_json(p) for p in every]
    carried = [{"times_s": body.times_s, "error_m": body.error_m} for body in proxy.kinematic]
    said = {"method": proxy.method, "error_m": proxy.error_m, "measured": dict(proxy.measured)}
    data = {"parts": parts, "kinematic": carried, **said}
    (folder / "proxy.json").write_text(json.dumps(data), encoding="utf-8")


def load_proxy(folder: Path) -> CollisionProxy:
    """Read what :func:`save_proxy` wrote."""
    data = json.loads((folder / "proxy.json").read_text(encoding="utf-8"))
    with np.load(folder / "proxy.npz") as arrays:
        every = [_part_from_json(part, arrays[f"v{i}"], arrays[f"t{i}"]) for i, part in enumerate(data["parts"])]
        count = len(every) - len(data["kinematic"])
        carried = tuple(
            KinematicBody(every[count + i], tuple(one["times_s"]), arrays[f"p{i}"], arrays[f"q{i}"], one["error_m"])
            for i, one in enumerate(data["kinematic"])
        )
    return CollisionProxy(tuple(every[:count]), data["method"], data["error_m"], data["measured"], carried)


def save_light(folder: Path, estimate: LightEstimate) -> None:
    """Write what lights a scene as ``light.json`` and, if it is known, ``environment.npz``."""
    data = estimate.light and estimate.light.to_json()
    (folder / "light.json").write_text(json.dumps(data), encoding="utf-8")
    if estimate.environment is not None:
        _save_arrays(folder / "environment.npz", {f: getattr(estimate.environment, f) for f in _ENVIRONMENT_FIELDS})


def load_light(folder: Path) -> LightEstimate:
    """Read what :func:`save_light` wrote."""
    data = json.loads((folder / "light.json").read_text(encoding="utf-8"))
    path = folder / "environment.npz"
    environment = None
    if path.is_file():
        with np.load(path) as arrays:
            environment = Environment(**{f: arrays[f] for f in _ENVIRONMENT_FIELDS})
    return LightEstimate(data and SceneLight.from_json(data), environment)


def save_place(folder: Path, navigation: Navigation | None) -> None:
    """Write where robots can be, if that is known."""
    if navigation is not None:
        save_navigation(navigation, folder)


def load_place(folder: Path) -> Navigation | None:
    """Read what :func:`save_place` wrote."""
    return load_navigation(folder) if (folder / BOUNDS_FILE).is_file() else None


def _part_to_json(part: CollisionPart) -> dict[str, Any]:
    names = ("name", "semantic_class", "approximation", "role", "body", "mass_kg", "friction", "dynamic")
    body = part.primitive
    primitive = body and [body.shape, body.center.tolist(), body.quat_wxyz.tolist(), body.size.tolist()]
    return {name: getattr(part, name) for name in names} | {"primitive": primitive}


def _part_from_json(data: dict[str, Any], vertices: npt.NDArray[Any], triangles: npt.NDArray[Any]) -> CollisionPart:
    if data["primitive"]:
        shape, *numbers = data["primitive"]
        data["primitive"] = Primitive(Shape(shape), *(np.asarray(n, np.float32) for n in numbers))
    data["approximation"], data["role"] = Approximation(data["approximation"]), Role(data["role"])
    return CollisionPart(vertices=vertices, triangles=triangles, **data)


def _keyframe_arrays(keyframes: tuple[Keyframe, ...]) -> dict[str, npt.NDArray[Any]]:
    images = {f"i{k}": keyframe.image for k, keyframe in enumerate(keyframes)}
    return images | {f"d{k}": keyframe.depth for k, keyframe in enumerate(keyframes)}


def _save_cloud(path: Path, cloud: GaussianCloud) -> None:
    fields = ("positions", "scales", "quats_wxyz", "opacities", "sh", "class_ids")
    _save_arrays(path, {f: getattr(cloud, f) for f in fields if getattr(cloud, f) is not None})


def _load_cloud(path: Path, frame: Frame, class_names: list[str]) -> GaussianCloud:
    with np.load(path) as arrays:
        return GaussianCloud(**dict(arrays), frame=frame, class_names=tuple(class_names))


def _load_mesh(path: Path) -> TriangleMesh | None:
    if not path.is_file():
        return None
    with np.load(path) as arrays:
        return TriangleMesh(arrays["vertices"], arrays["triangles"], str(arrays["name"]))


def _load_masks(path: Path) -> tuple[npt.NDArray[np.bool_], ...] | None:
    if not path.is_file():
        return None
    with np.load(path) as arrays:
        return tuple(arrays[f"m{i}"] for i in range(len(arrays.files)))


def _cloud_files(count: int) -> list[str]:
    """Return the names of the files of the cloud and, of a moving scene, of those at later times."""
    return ["cloud.npz", *(f"cloud_{i}.npz" for i in range(1, count))]


def _save_arrays(path: Path, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    np.savez(path, allow_pickle=False, **arrays)


def _camera_to_json(camera: Camera) -> dict[str, Any]:
    return {**asdict(camera.intrinsics), "name": camera.name, "cam_to_world": camera.cam_to_world.tolist()}


def _camera_from_json(data: dict[str, Any]) -> Camera:
    pose, name = data.pop("cam_to_world"), data.pop("name")
    return Camera(Intrinsics(**data), np.asarray(pose, np.float32), name)

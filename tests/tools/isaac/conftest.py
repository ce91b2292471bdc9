"""A real run, and a session of Kit played by a double: a real stage, pictures by our own renderer."""

from __future__ import annotations

import copy
import sys
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pxr import Gf, Usd, UsdGeom

from lyra_backend import generate_scene
from lyra_backend.io.usd_splats import read_usd_splats
from lyra_backend.render.mesh_depth import MeshDepth
from lyra_backend.render.splats import render
from lyra_backend.types import Camera, GaussianCloud, Intrinsics

from ...extension.conftest import QUICK, kit

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "tools"))

from isaac.rendering import Channel

__all__ = ["Darkroom", "DoubleSession", "camera_on", "kit", "run"]


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small finished run, with appearances for both versions of Isaac Sim."""
    request: dict[str, Any] = copy.deepcopy(QUICK)
    request |= {"prompt": "a small bathroom", "primitives": ["particle_field", "nurec"]}
    request["params"]["place"]["viewpoints"] = 3
    out = tmp_path_factory.mktemp("isaac") / "bathroom"
    generate_scene(request, out)
    return out


@pytest.fixture(scope="session")
def splats(run: Path) -> GaussianCloud:
    """The run's Gaussians."""
    return read_usd_splats(run / "gaussians.usdc").value


class DoubleSession:
    """What the tools ask of `isaac.kit_session.Session`, on a stage of plain USD."""

    kit_version = "110.1.2"
    appearance = "particleField"

    def __init__(self) -> None:
        self.stage: Usd.Stage = Usd.Stage.CreateInMemory()
        self.frames = 0

    def about(self) -> dict[str, str]:
        return {"kit": self.kit_version, "appearance": self.appearance}

    def open(self, file: Path) -> Usd.Stage:
        self.stage = Usd.Stage.Open(str(file))
        return self.stage

    def update(self, frames: int = 1) -> None:
        self.frames += frames

    def wait_loaded(self) -> None:
        self.update()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        raise AssertionError("no coroutine is awaited by what is tested")


class Darkroom:
    """Stands in for `capture`: pictures of what the stage shows at that moment, from its own camera prims."""

    def __init__(self, splats: GaussianCloud) -> None:
        self.splats = splats
        self.black = False
        #: Appearance of the scene at each picture, with the channels that were asked for.
        self.taken: list[tuple[str, tuple[str, ...]]] = []

    def __call__(
        self, session: DoubleSession, camera: str, size: tuple[int, int], channels: Sequence[str], subframes: int
    ) -> dict[str, Channel]:
        looks = session.stage.GetPrimAtPath("/World").GetVariantSet("appearance").GetVariantSelection()
        self.taken.append((looks, tuple(channels)))
        seen = camera_on(session.stage, camera, size)
        return {name: Channel(self._channel(session.stage, name, seen), self._labels(name)) for name in channels}

    def _channel(self, stage: Usd.Stage, name: str, camera: Camera) -> np.ndarray:
        if name == "rgb":
            rgb = render(self.splats, camera, background=(0.6, 0.7, 0.8)).rgb
            shown = np.zeros_like(rgb) if self.black else rgb
            return np.dstack([shown, np.full(rgb.shape[:2], 255, np.uint8)])
        depth = proxy_of(stage).of(camera)
        if name == "distance_to_image_plane":
            return depth
        if name == "normals":
            return np.zeros((*depth.shape, 4), np.float32)
        return np.isfinite(depth).astype(np.uint32)

    def _labels(self, name: str) -> dict[str, Any]:
        return {"1": {"class": "floor"}} if name == "semantic_segmentation" else {}


def proxy_of(stage: Usd.Stage) -> MeshDepth:
    """Return the meshes that the variant "proxy" shows."""
    vertices: list[np.ndarray] = []
    triangles: list[np.ndarray] = []
    for prim in Usd.PrimRange(stage.GetPrimAtPath("/World/Visual/Proxy")):
        if prim.IsA(UsdGeom.Mesh):
            mesh, before = UsdGeom.Mesh(prim), sum(map(len, vertices))
            assert set(mesh.GetFaceVertexCountsAttr().Get()) == {3}
            vertices.append(np.array(mesh.GetPointsAttr().Get()))
            triangles.append(np.array(mesh.GetFaceVertexIndicesAttr().Get()).reshape(-1, 3) + before)
    return MeshDepth(np.concatenate(vertices), np.concatenate(triangles))


def camera_on(stage: Usd.Stage, path: str, size: tuple[int, int]) -> Camera:
    """Read a camera of a stage as a renderer does: by its frustum."""
    frustum = UsdGeom.Camera(stage.GetPrimAtPath(path)).GetCamera().frustum
    window, (width, height) = frustum.GetWindow(), size
    low, high = window.GetMin(), window.GetMax()
    fx, fy = width / (high[0] - low[0]), height / (high[1] - low[1])
    pose = np.array(Gf.Matrix4d(frustum.ComputeViewInverse())).T @ np.diag([1.0, -1.0, -1.0, 1.0])
    return Camera(Intrinsics(width, height, fx, fy, -low[0] * fx, high[1] * fy), pose.astype(np.float32))


@pytest.fixture
def darkroom(splats: GaussianCloud, monkeypatch: pytest.MonkeyPatch) -> Darkroom:
    """The double of `capture`, in its place."""
    import isaac.two_passes

    made = Darkroom(splats)
    monkeypatch.setattr(isaac.two_passes, "capture", made)
    return made

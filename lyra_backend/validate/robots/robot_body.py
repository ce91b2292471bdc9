"""One robot in the engine: its state as arrays in the order of its model, and what its servos aim at.

The engine's tensor bindings are deprecated; its sessions, their successor, take 7 ms where these take 0.02 ms. The
engine's version is pinned to one that has both.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ...robot_models.model import RobotModel
from ..physics_engine import Engine

__all__ = ["RobotBody"]

Floats = npt.NDArray[np.float64]


class RobotBody:
    """The articulation whose links are children of a prim path."""

    def __init__(self, engine: Engine, path: str, model: RobotModel) -> None:
        """Find the articulation at `path`.

        Raises:
            RuntimeError: the engine has made something else of it than the model says.
        """
        from ovphysx.types import TensorType

        kinds = {
            "poses": TensorType.ARTICULATION_LINK_POSE,
            "motions": TensorType.ARTICULATION_LINK_VELOCITY,
            "angles": TensorType.ARTICULATION_DOF_POSITION,
            "speeds": TensorType.ARTICULATION_DOF_VELOCITY,
            "targets": TensorType.ARTICULATION_DOF_POSITION_TARGET,
        }
        root = f"{path}/{model.links[0].name}"
        self.model = model
        self.link_paths = [f"{path}/{link.name}" for link in model.links]
        self._bound = {
            name: engine.physx.create_tensor_binding(prim_paths=[root], tensor_type=kind, raise_if_empty=True)
            for name, kind in kinds.items()
        }
        self._buffers = {name: np.zeros(bound.shape, np.float32) for name, bound in self._bound.items()}
        self._links = _rows([link.name for link in model.links], self._bound["poses"].body_names)
        self._hinges = _rows(list(model.hinge_names), self._bound["angles"].dof_names)

    def _read(self, name: str, rows: npt.NDArray[np.int64]) -> Floats:
        self._bound[name].read(self._buffers[name])
        return self._buffers[name][0][rows].astype(np.float64)

    def poses(self) -> Floats:
        """Return position [m] and orientation xyzw, as the engine orders it, of each link, shape (L, 7)."""
        return self._read("poses", self._links)

    def motions(self) -> Floats:
        """Return linear [m/s] and angular [rad/s] velocity of each link, world frame, shape (L, 6)."""
        return self._read("motions", self._links)

    def angles(self) -> Floats:
        """Return the angles of the hinges [rad], shape (H,)."""
        return self._read("angles", self._hinges)

    def speeds(self) -> Floats:
        """Return the speeds of the hinges [rad/s], shape (H,)."""
        return self._read("speeds", self._hinges)

    def aim(self, angles: Floats) -> None:
        """Let the servos aim at angles of the hinges [rad], shape (H,)."""
        self._buffers["targets"][0][self._hinges] = angles
        self._bound["targets"].write(self._buffers["targets"])


def _rows(names: list[str], engine_names: list[str]) -> npt.NDArray[np.int64]:
    """Return where the engine has each of the model's names."""
    if sorted(names) != sorted(engine_names):
        raise RuntimeError(f"the engine made {', '.join(engine_names)} of {', '.join(names)}")
    return np.array([engine_names.index(name) for name in names])

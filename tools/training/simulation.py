"""Many robots in Newton, each in a world of its own, all on one mesh.

Does: build the model, step it, put robots back, and stop when a contact buffer was too small. Does not: know a task.

The mesh is a shape of Newton's global world, so there is one copy of it whatever the number of environments. Contacts
are Newton's, since MuJoCo's own take a mesh for its convex hull (``use_mujoco_contacts=False``). A step is recorded
once as a graph of Warp's and replayed: some 150 kernels are launched in it, each by Python otherwise, which takes
longer than what they compute.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from lyra_backend.errors import InvalidRequest, LyraError

if TYPE_CHECKING:
    from .grounds import Ground
    from .robots import Robot

__all__ = ["GAP_M", "Budget", "ContactOverflow", "Load", "Simulation"]

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.integer]

#: Triangles nearer than this to a shape are looked at [m]: more than a robot moves in a step. Newton's own 10 cm makes
#: it look at five times as many.
GAP_M = 0.02


class ContactOverflow(LyraError):
    """A buffer was too small, so contacts were dropped: what is simulated is not the scene."""


@dataclass(frozen=True)
class Budget:
    """Room in the buffers, for each environment.

    Attributes:
        contacts: contact points.
        triangle_pairs: pairs of a robot's shape and a triangle near it.
        constraint_rows: rows of MuJoCo's constraints; a contact with friction takes four.
    """

    contacts: int
    triangle_pairs: int
    constraint_rows: int


@dataclass(frozen=True)
class Load:
    """The most that was in the buffers at any step, of all environments together, and what they hold."""

    contacts: int
    contacts_limit: int
    triangle_pairs: int
    triangle_pairs_limit: int


class Simulation:
    """`count` robots of one kind on a ground, on the CPU.

    Attributes:
        joint_q: coordinates of each robot's joints after the last step, shape (count, coordinates).
        joint_qd: their speeds, shape (count, degrees of freedom).
        load: see :class:`Load`.

    Raises:
        InvalidRequest: count is not positive.
        ContactOverflow: by :meth:`step`, when a buffer was too small.
    """

    def __init__(
        self, ground: Ground, robot: Robot, count: int, *, dt_s: float, substeps: int, budget: Budget | None = None
    ) -> None:
        if count < 1 or substeps < 1 or not dt_s > 0.0:
            raise InvalidRequest(f"simulation: needs count, substeps and dt_s > 0, got {count}, {substeps}, {dt_s}.")
        self.count, self.dt_s, self.substeps = count, dt_s, substeps
        self._budget = budget or robot.budget
        self._build(ground, robot)
        self.joint_q, self.joint_qd = self._rows(self._now.joint_q), self._rows(self._now.joint_qd)
        self._contacts_most = self._pairs_most = 0

    def _build(self, ground: Ground, robot: Robot) -> None:
        import warp as wp

        wp.config.log_level = max(wp.config.log_level, wp.LOG_WARNING)  # each compiled kernel is news at INFO
        wp.config.enable_backward = False  # nobody asks for gradients, and they take half the time of compiling
        import newton  # whose kernels keep to that

        self._newton = newton
        budget, count = self._budget, self.count
        with wp.ScopedDevice("cpu"):
            self._model = _model(ground, robot, count)
            self._solver = newton.solvers.SolverMuJoCo(
                self._model, use_mujoco_contacts=False, njmax=budget.constraint_rows, nconmax=budget.contacts
            )
            self._pipeline = newton.CollisionPipeline(
                self._model,
                rigid_contact_max=budget.contacts * count,
                max_triangle_pairs=budget.triangle_pairs * count,
                verify_buffers=False,  # it would print; step() looks at the same counters
            )
            self._contacts = self._pipeline.contacts()
            self._now, self._next = self._model.state(), self._model.state()
            self._control = self._model.control()
            self._seen = self._solver.observables({self._solver.ObservableKind.OVERFLOW})
            self._overflow: Any = self._seen.overflow
            self._graph = self._record()

    def _record(self) -> Any:
        """Return the graph of one step, leaving the robots where the model has them."""
        import warp as wp

        self._newton.eval_fk(self._model, self._model.joint_q, self._model.joint_qd, self._now)
        self._advance()  # what is allocated or compiled at the first step cannot be recorded
        with wp.ScopedCapture(device="cpu") as capture:
            self._advance()
        self._solver.reset(self._now)
        self._newton.eval_fk(self._model, self._now.joint_q, self._now.joint_qd, self._now)
        return capture.graph

    def _advance(self) -> None:
        import warp as wp

        self._pipeline.collide(self._now, self._contacts)
        self._solver.step(self._now, self._next, self._control, self._contacts, self.dt_s, observables=self._seen)
        for name in ("joint_q", "joint_qd", "body_q", "body_qd"):
            wp.copy(getattr(self._now, name), getattr(self._next, name))

    def _rows(self, array: Any) -> Floats:
        return np.array(array.numpy().reshape(self.count, -1))

    @property
    def load(self) -> Load:
        budget = self._budget
        return Load(
            self._contacts_most, budget.contacts * self.count, self._pairs_most, budget.triangle_pairs * self.count
        )

    def place(self, rows: Indices, joint_q: Floats) -> None:
        """Put the robots of some environments, rows (K,), at rest into joint coordinates (K, coordinates)."""
        import warp as wp

        mask = np.zeros(self.count + 1, bool)
        mask[rows] = True
        with wp.ScopedDevice("cpu"):
            # The solver keeps forces of the last step to start from; they belong to where the robot was.
            self._solver.reset(self._now, wp.array(mask, dtype=wp.bool))
            self.joint_q[rows], self.joint_qd[rows] = joint_q, 0.0
            self._now.joint_q.assign(self.joint_q.ravel())
            self._now.joint_qd.assign(self.joint_qd.ravel())
            self._newton.eval_fk(self._model, self._now.joint_q, self._now.joint_qd, self._now)

    def step(self, targets_q: Floats | None = None, targets_qd: Floats | None = None) -> None:
        """Go on by `substeps` steps with these targets of the joints' drives, one row an environment.

        Raises:
            ContactOverflow: contacts were dropped.
        """
        import warp as wp

        if targets_q is not None:
            self._control.joint_target_q.assign(np.ascontiguousarray(targets_q, np.float32).ravel())
        if targets_qd is not None:
            self._control.joint_target_qd.assign(np.ascontiguousarray(targets_qd, np.float32).ravel())
        with wp.ScopedDevice("cpu"):
            for _ in range(self.substeps):
                wp.capture_launch(self._graph)
                self._check()
        self.joint_q, self.joint_qd = self._rows(self._now.joint_q), self._rows(self._now.joint_qd)

    def _check(self) -> None:
        """Remember the largest load, and refuse steps in which something did not fit."""
        contacts = _count(self._contacts.rigid_contact_count)
        pairs = _count(self._pipeline.narrow_phase.triangle_pairs_count)
        self._contacts_most, self._pairs_most = max(contacts, self._contacts_most), max(pairs, self._pairs_most)
        load = self.load
        bits = int(np.bitwise_or.reduce(np.asarray(self._overflow.numpy())))
        reduced = _count(self._contacts.contact_counters[2:3])
        if contacts > load.contacts_limit or pairs > load.triangle_pairs_limit or bits or reduced:
            raise ContactOverflow(
                f"contacts: all must fit, got {contacts} of {load.contacts_limit} contacts and {pairs} of "
                f"{load.triangle_pairs_limit} pairs with triangles (solver's flags {bits:#x}, reduction {reduced}); "
                "give a larger Budget."
            )


def _count(counter: Any) -> int:
    """Return the number in an array of Warp's that holds one."""
    return int(counter.numpy()[0])


def _model(ground: Ground, robot: Robot, count: int) -> Any:
    import newton

    builder = newton.ModelBuilder(up_axis=newton.Axis.Z)
    newton.solvers.SolverMuJoCo.register_custom_attributes(builder)
    mesh = newton.Mesh(ground.vertices, ground.triangles.ravel(), compute_inertia=False)
    builder.add_shape_mesh(-1, mesh=mesh, cfg=newton.ModelBuilder.ShapeConfig(mu=robot.ground_friction, gap=GAP_M))
    builder.replicate(robot.build(), count)
    return builder.finalize()

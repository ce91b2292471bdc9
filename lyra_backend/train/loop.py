"""The loop that all training shares: steps, checkpoints, and going on exactly where it stopped.

An objective draws everything from its seed and the number of the step, so that the order of the data needs no state:
what a checkpoint holds is the networks, their running means, the optimisers and the number of steps.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import nn

from ..errors import Cancelled, InvalidRequest, LyraError
from ..progress import Progress
from .checkpoints import Checkpoints
from .running_mean import RunningMean
from .training_log import TrainingLog

__all__ = ["Objective", "Schedule", "train"]

#: Share of the first rate that is left at the end of a cosine.
_LAST = 0.01


class Objective(Protocol):
    """What is minimised.

    Attributes:
        networks: what is trained and saved, by name.
    """

    @property
    def networks(self) -> Mapping[str, nn.Module]:
        """What is trained and saved, by name."""
        ...

    def loss(self, step: int) -> Mapping[str, torch.Tensor]:
        """Return "loss" and what else is worth logging; all that is drawn depends on a seed and the step alone."""
        ...


@dataclass(frozen=True)
class Schedule:
    """How long and how fast.

    Attributes:
        steps: of the whole training.
        warmup: steps in which the rate grows from nothing.
        decay: "cosine" falls to a hundredth at the end, "constant" stays.
        clip: largest norm of the gradients; larger ones are scaled to it.
        ema: share of the running mean of the weights that stays in a step; 0 keeps none. With one, that mean is what
            the networks hold in the end (Karras et al. 2022).
        precision: "no" or "bf16": what accelerate lets the networks compute in.
        kept_every: steps from one checkpoint to the next.
    """

    steps: int
    warmup: int = 100
    decay: str = "cosine"
    clip: float = 1.0
    ema: float = 0.0
    precision: str = "no"
    kept_every: int = 250

    def __post_init__(self) -> None:
        """Look at the numbers; raises InvalidRequest."""
        if self.steps < 1 or self.kept_every < 1 or self.warmup < 0 or not self.clip > 0 or not 0 <= self.ema < 1:
            raise InvalidRequest(f"schedule: steps, kept_every and clip must be above 0 and ema in [0, 1), got {self}.")
        if self.decay not in ("cosine", "constant") or self.precision not in ("no", "bf16"):
            raise InvalidRequest(f"schedule: decay is cosine or constant, precision no or bf16, got {self}.")

    def rate(self, step: int) -> float:
        """Return the share of the optimisers' rates that step `step` has."""
        risen = min(1.0, (step + 1) / max(self.warmup, 1))
        if self.decay == "constant":
            return risen
        return risen * (_LAST + (1 - _LAST) * 0.5 * (1 + math.cos(math.pi * step / self.steps)))


def train(
    objective: Objective,
    optimisers: Sequence[torch.optim.Optimizer],
    schedule: Schedule,
    folder: Path,
    progress: Progress,
    settings: Mapping[str, Any] | None = None,
    *,
    tensorboard: bool = False,
    at: Mapping[int, Callable[[], None]] | None = None,
) -> None:
    """Train the networks of an objective, or go on from the newest checkpoint in `folder`.

    On one machine with as many threads, stopping and going on gives the same weights, bit by bit. Of several processes
    that `accelerate launch` started, each has an objective with a seed of its own, and gradients are their mean, as are
    the losses in the log. They stop together, and must all see `folder`, which the first one writes to.

    Args:
        objective, optimisers, schedule: what, by what and how long.
        folder: for checkpoints and ``log.jsonl``; made if needed.
        progress: told after each step; stops the work by raising, after a checkpoint.
        settings: what else decides the training: a checkpoint of other settings is refused.
        tensorboard: write the log for TensorBoard as well, which must be installed.
        at: what the process that writes does when so many steps are done, before their checkpoint; networks then hold
            what they would in the end.

    Raises:
        InvalidRequest: the objective cannot go on, or a loss is not finite, after a checkpoint of all steps before; the
            folder holds the training of something else, or not all processes see the same one.
        MissingDependency: TensorBoard is asked for and not installed.
        WriteFailed: the disk is full or the like; the checkpoint before is whole.
    """
    run = _Run(objective, optimisers, schedule)
    with run.first_before_others():
        kept = Checkpoints(folder, {**asdict(schedule), **(settings or {})})
    step = run.restore(kept)
    progress.skip(f"{step} of {schedule.steps} steps are done", fraction=step / schedule.steps)
    with TrainingLog(folder, step, tensorboard=tensorboard) if run.is_first else nullcontext() as log:
        while step < schedule.steps:
            try:
                found = run.step(step)
            except LyraError:
                # no weight was changed by that step
                run.save(kept, step)
                raise
            if log is not None:
                log.add(step, found)
            step += 1
            if at is not None and step in at and run.is_first:
                with run.as_in_the_end():
                    at[step]()
            if step % schedule.kept_every == 0 or step == schedule.steps:
                run.save(kept, step)
            told = f"step {step} of {schedule.steps}, loss {found['loss']:.4g}"
            stopped = _stopped(progress, step / schedule.steps, told)
            if run.any(stopped is not None):
                run.save(kept, step)
                raise stopped or Cancelled("training: another process was stopped; its checkpoint is kept.")
    run.finish()


def _stopped(progress: Progress, fraction: float, told: str) -> Cancelled | None:
    """Report, and return what stops the work, if it is to be stopped."""
    try:
        progress(fraction, told)
    except Cancelled as stopped:
        return stopped
    return None


class _Run:
    """One training: all that changes with a step.

    Attributes:
        state: what a checkpoint holds, by name.
    """

    def __init__(self, objective: Objective, optimisers: Sequence[torch.optim.Optimizer], schedule: Schedule) -> None:
        from accelerate import Accelerator

        self._objective, self._optimisers, self._schedule = objective, optimisers, schedule
        # its precision would be that of the whole process: the next training may have another
        self._accelerator = Accelerator(mixed_precision="no", cpu=not torch.cuda.is_available())
        self._modules = nn.ModuleDict(dict(objective.networks)).train()
        self._begin_alike()
        self._rates = [[float(group["lr"]) for group in optimiser.param_groups] for optimiser in optimisers]
        self._mean = RunningMean(self._modules, schedule.ema) if schedule.ema else None
        self.state: dict[str, Any] = {"networks": self._modules}
        self.state |= {} if self._mean is None else {"mean": self._mean}
        self.state |= {f"optimiser {k}": optimiser for k, optimiser in enumerate(optimisers)}

    def _begin_alike(self) -> None:
        """Give all processes the weights of the first one: from then on the same gradients keep them alike."""
        if self._accelerator.num_processes > 1:
            for tensor in self._modules.state_dict().values():
                torch.distributed.broadcast(tensor, 0)

    def step(self, step: int) -> dict[str, float]:
        """Take a step and return what is to be logged.

        Raises:
            InvalidRequest: a loss is not finite; no weight was changed by it.
        """
        for optimiser, rates in zip(self._optimisers, self._rates, strict=True):
            for group, rate in zip(optimiser.param_groups, rates, strict=True):
                group["lr"] = rate * self._schedule.rate(step)
        parts = self._losses(step)
        found = self._mean_of({name: float(part.detach()) for name, part in parts.items()})
        _check_finite(found, step)
        parts["loss"].backward()
        norm = self._clipped()
        _check_finite({"norm of the gradients": norm}, step)
        for optimiser in self._optimisers:
            optimiser.step()
            optimiser.zero_grad()
        if self._mean is not None:
            self._mean.follow(self._modules, step)
        return {**found, "norm": norm, "rate": self._schedule.rate(step)}

    def _losses(self, step: int) -> Mapping[str, torch.Tensor]:
        """Return the objective's losses; if it cannot go on in one process, all of them stop.

        Raises:
            InvalidRequest: it cannot, here or in another process.
        """
        failed, parts = None, {}
        half = torch.autocast(self._accelerator.device.type, torch.bfloat16, enabled=self._schedule.precision == "bf16")
        try:
            with half:
                parts = dict(self._objective.loss(step))
        except LyraError as error:
            failed = error
        if self.any(failed is not None):
            raise failed or InvalidRequest("training: another process could not go on, and says why.")
        return parts

    def as_in_the_end(self) -> AbstractContextManager[None]:
        """Let the networks hold their running means, if there are any, while a block runs."""
        return nullcontext() if self._mean is None else self._mean.lent(self._modules)

    @property
    def is_first(self) -> bool:
        """Whether this is the process that writes."""
        return bool(self._accelerator.is_main_process)

    def first_before_others(self) -> AbstractContextManager[None]:
        """Let the first process do something while the others wait, and then those."""
        found: AbstractContextManager[None] = self._accelerator.main_process_first()
        return found

    def any(self, flag: bool) -> bool:
        """Return whether a flag is set in any process; all must ask."""
        return flag if self._accelerator.num_processes == 1 else self._mean_of({"flag": float(flag)})["flag"] > 0

    def _mean_of(self, values: dict[str, float]) -> dict[str, float]:
        """Return the mean over all processes of values that all of them have."""
        if self._accelerator.num_processes == 1:
            return values
        numbers = torch.tensor(list(values.values()), dtype=torch.float64, device=self._accelerator.device)
        return dict(zip(values, self._accelerator.reduce(numbers, "mean").tolist(), strict=True))

    def restore(self, kept: Checkpoints) -> int:
        """Go on from the newest checkpoint and return its step.

        Raises:
            InvalidRequest: it is damaged, or not all processes have the same.
        """
        step = kept.restore(self.state)
        if self.any(self._mean_of({"step": float(step)})["step"] != step):
            raise InvalidRequest(
                "training: processes see different checkpoints. The folder must be one that all machines share."
            )
        return step

    def _clipped(self) -> float:
        """Bring the gradients of all processes together, scale them to the largest norm, and return theirs."""
        parameters = [parameter for parameter in self._modules.parameters() if parameter.grad is not None]
        if self._accelerator.num_processes > 1:
            for parameter in parameters:
                parameter.grad = self._accelerator.reduce(parameter.grad, "mean")
        return float(torch.nn.utils.clip_grad_norm_(parameters, self._schedule.clip))

    def save(self, kept: Checkpoints, step: int) -> None:
        """Keep a checkpoint; of several processes the first one does."""
        if self._accelerator.is_main_process:
            kept.save(self.state, step)
        self._accelerator.wait_for_everyone()

    def finish(self) -> None:
        """Leave the networks as they are to be used."""
        if self._mean is not None:
            self._mean.put(self._modules)
        self._modules.eval()


def _check_finite(parts: Mapping[str, float], step: int) -> None:
    bad = [name for name, part in parts.items() if not math.isfinite(part)]
    if bad:
        raise InvalidRequest(
            f"training: in step {step} the {bad[0]} is not finite. The newest checkpoint is from before that: look at "
            'the data, or train with a smaller rate or a smaller clip; with bf16, try precision = "no".'
        )

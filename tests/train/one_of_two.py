"""A process of two that train together, started by test_loop_processes.py: ``python -m tests.train.one_of_two FOLDER``.

Its number and where it meets the other come from the environment, as from ``accelerate launch``.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from lyra_backend.errors import LyraError
from lyra_backend.progress import CancelToken, Progress
from lyra_backend.train.loop import Schedule, train
from lyra_backend.train.optimisers import muon_and_adamw

SCHEDULE = Schedule(8, warmup=2, ema=0.9, kept_every=3)


def network(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 2))


@dataclass
class Fit:
    """Errors for numbers of one seed or more, whose mean is taken; no number at a step, if one is named."""

    module: nn.Module
    seeds: tuple[int, ...]
    broken: int | None = None

    @property
    def networks(self) -> Mapping[str, nn.Module]:
        return {"net": self.module}

    def loss(self, step: int) -> dict[str, torch.Tensor]:
        errors = []
        for seed in self.seeds:
            x = torch.from_numpy(np.random.default_rng([seed, step]).standard_normal((8, 6), np.float32))
            errors.append((self.module(x) - x[:, :2].sin()).square().mean())
        error = torch.stack(errors).mean()
        return {"loss": error * (torch.nan if step == self.broken else 1.0), "error": error}


def trained(folder: Path, fit: Fit, progress: Progress | None = None) -> dict[str, torch.Tensor]:
    train(fit, muon_and_adamw(fit.module.named_parameters(), 0.02, 1e-2), SCHEDULE, folder, progress or Progress())
    return fit.module.state_dict()


def stopped_at(step: int) -> Progress:
    token = CancelToken()
    return Progress(lambda event: token.cancel() if event.message.startswith(f"step {step} of") else None, token)


def main(folder: Path, rank: int) -> None:
    found, said = {}, {}
    fit = lambda broken=None: Fit(network(rank), (rank,), broken)  # noqa: E731
    found["whole"] = trained(folder / "whole", fit())
    runs = {
        "parts": (folder / "parts", fit(), stopped_at(5) if rank else Progress()),
        "broken": (folder / "broken", fit(4 if rank else None), Progress()),
        "apart": (folder / f"apart{rank}", fit(), Progress()),
    }
    if not rank:  # a checkpoint that the other process does not see
        Path(folder / "apart0").mkdir()
        for path in (folder / "whole").iterdir():
            (folder / "apart0" / path.name).write_bytes(path.read_bytes())
    for name, run in runs.items():
        try:
            trained(*run)
        except LyraError as error:
            said[name] = f"{type(error).__name__}: {error}"
    found["parts"] = trained(folder / "parts", fit())
    torch.save(found, folder / f"weights_{rank}.pt")
    (folder / f"said_{rank}.json").write_text(json.dumps(said))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(os.environ["RANK"]))
    torch.distributed.destroy_process_group()

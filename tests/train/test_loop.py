"""Training goes on exactly where it stopped, and says clearly why it cannot."""

from __future__ import annotations

import errno
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from lyra_backend.errors import Cancelled, InvalidRequest, WriteFailed
from lyra_backend.progress import CancelToken, Progress
from lyra_backend.train.loop import Schedule, train
from lyra_backend.train.optimisers import muon_and_adamw
from lyra_backend.train.running_mean import RunningMean

SCHEDULE = Schedule(12, warmup=2, ema=0.9, kept_every=4)


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(64, 3))


@dataclass
class Fit:
    """Targets that another network gives; stops, or says nonsense, at a step."""

    module: nn.Module = field(default_factory=network)
    broken: int | None = None

    @property
    def networks(self) -> Mapping[str, nn.Module]:
        return {"net": self.module}

    def loss(self, step: int) -> dict[str, torch.Tensor]:
        rng = np.random.default_rng([1, step])
        x = torch.from_numpy(rng.standard_normal((8, 2, 4, 4), np.float32))
        error = (self.module(x) - x.mean(dim=(2, 3)).repeat(1, 2)[:, :3]).square().mean()
        return {"loss": error * (torch.nan if step == self.broken else 1.0), "error": error}


def trained(folder: Path, schedule: Schedule = SCHEDULE, objective: Fit | None = None, progress=None) -> nn.Module:
    fit = objective or Fit()
    optimisers = muon_and_adamw(fit.module.named_parameters(), 0.02, 1e-2)
    train(fit, optimisers, schedule, folder, progress or Progress(), {"of": "a test"})
    return fit.module


def weights(module: nn.Module) -> dict[str, bytes]:
    return {name: tensor.numpy().tobytes() for name, tensor in module.state_dict().items()}


def logged(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def stopped_at(step: int) -> Progress:
    """A progress that is cancelled when so many steps are done."""
    token = CancelToken()

    def listen(event) -> None:
        if event.message.startswith(f"step {step} of"):
            token.cancel()

    return Progress(listen, token)


def test_the_loss_falls_and_every_step_is_logged(tmp_path: Path) -> None:
    trained(tmp_path, replace(SCHEDULE, steps=40))
    lines = logged(tmp_path)
    assert [line["step"] for line in lines] == list(range(40))
    assert np.mean([line["loss"] for line in lines[-5:]]) < 0.5 * np.mean([line["loss"] for line in lines[:5]])
    assert {"error", "norm", "rate"} <= lines[0].keys()


@pytest.mark.parametrize("step", [1, 4, 6, 11])
def test_stopped_and_gone_on_is_bit_by_bit_as_in_one_go(tmp_path: Path, step: int) -> None:
    whole = trained(tmp_path / "whole")
    with pytest.raises(Cancelled):
        trained(tmp_path / "parts", progress=stopped_at(step))
    assert weights(trained(tmp_path / "parts")) == weights(whole)
    assert logged(tmp_path / "parts") == logged(tmp_path / "whole")


def test_killed_and_gone_on_is_bit_by_bit_as_in_one_go(tmp_path: Path) -> None:
    """A killed process saves nothing: it goes on from the checkpoint before, and the log forgets what came after it."""
    whole = trained(tmp_path / "whole")
    token = CancelToken()

    def listen(event) -> None:
        if event.message.startswith("step 7 of"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path / "parts", progress=Progress(listen, token))
    with (tmp_path / "parts" / "log.jsonl").open("a") as log:
        log.write('{"step": 7, "lo')
    assert weights(trained(tmp_path / "parts")) == weights(whole)
    assert logged(tmp_path / "parts") == logged(tmp_path / "whole")


def test_what_is_done_is_not_done_again(tmp_path: Path) -> None:
    first = trained(tmp_path)
    broken = Fit(broken=0)
    assert weights(trained(tmp_path, objective=broken)) == weights(first)


def test_a_loss_that_is_no_number_stops_before_it_does_harm(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="step 6 the loss is not finite"):
        trained(tmp_path, objective=Fit(broken=6))
    assert weights(trained(tmp_path)) == weights(trained(tmp_path / "other"))


def test_other_settings_are_refused(tmp_path: Path) -> None:
    trained(tmp_path)
    with pytest.raises(InvalidRequest, match=r"holds a training with other settings"):
        trained(tmp_path, replace(SCHEDULE, clip=2.0))


def test_a_damaged_checkpoint_is_named_and_the_one_before_does(tmp_path: Path) -> None:
    whole = trained(tmp_path)
    newest = sorted(tmp_path.glob("step_*.pt"))[-1]
    newest.write_bytes(newest.read_bytes()[:500])
    with pytest.raises(InvalidRequest, match=f"{newest.name}.*Remove it"):
        trained(tmp_path)
    newest.unlink()
    assert weights(trained(tmp_path)) == weights(whole)


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), RuntimeError("[enforce fail]")])
def test_a_full_disk_leaves_the_checkpoint_before(tmp_path: Path, monkeypatch, error: Exception) -> None:
    usual = torch.save

    def full(held, path) -> None:
        if held["step"] == 8:
            Path(path).write_bytes(b"half")
            raise error
        usual(held, path)

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(WriteFailed, match="cannot write"):
        trained(tmp_path)
    assert [path.name for path in tmp_path.glob("step_*.pt")] == ["step_00000004.pt"]
    assert not list(tmp_path.glob(".writing-*"))
    monkeypatch.undo()
    assert weights(trained(tmp_path)) == weights(trained(tmp_path / "other"))


def test_two_checkpoints_are_kept(tmp_path: Path) -> None:
    trained(tmp_path)
    assert [path.name for path in sorted(tmp_path.glob("step_*.pt"))] == ["step_00000008.pt", "step_00000012.pt"]


def test_the_running_mean_is_what_is_left(tmp_path: Path) -> None:
    module, stays = network(), 0.5
    mean, expected = RunningMean(module, stays), [p.detach().clone() for p in module.parameters()]
    for step in range(4):
        with torch.no_grad():
            for parameter in module.parameters():
                parameter += 1.0
        mean.follow(module, step)
        share = min(stays, (1 + step) / (10 + step))
        expected = [
            share * old + (1 - share) * p.detach() for old, p in zip(expected, module.parameters(), strict=True)
        ]
    mean.put(module)
    for parameter, wanted in zip(module.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.detach(), wanted)


@pytest.mark.parametrize(
    "changes", [{"steps": 0}, {"ema": 1.0}, {"clip": 0.0}, {"decay": "linear"}, {"precision": "fp8"}, {"warmup": -1}]
)
def test_schedules_that_cannot_be_are_refused(changes) -> None:
    with pytest.raises(InvalidRequest, match="schedule"):
        replace(SCHEDULE, **changes)


def test_rates_rise_and_fall() -> None:
    schedule = Schedule(100, warmup=10)
    rates = [schedule.rate(step) for step in range(100)]
    assert rates[0] == pytest.approx(0.1, rel=1e-3)
    assert max(rates) == rates[9]
    assert rates[-1] == pytest.approx(0.01, abs=2e-3)
    assert replace(schedule, decay="constant").rate(99) == 1.0


def test_what_is_kept_on_the_way_is_what_a_shorter_training_would_leave(tmp_path: Path) -> None:
    """At a constant rate; the training itself goes on as if nothing had been kept."""
    schedule, seen = replace(SCHEDULE, decay="constant"), []
    fit = Fit()
    optimisers = muon_and_adamw(fit.module.named_parameters(), 0.02, 1e-2)
    train(fit, optimisers, schedule, tmp_path / "a", Progress(), at={8: lambda: seen.append(weights(fit.module))})
    assert seen == [weights(trained(tmp_path / "b", replace(schedule, steps=8)))]
    assert weights(fit.module) == weights(trained(tmp_path / "c", schedule))


def test_an_objective_that_cannot_go_on_loses_no_step(tmp_path: Path) -> None:
    class Damaged(Fit):
        def loss(self, step: int) -> dict[str, torch.Tensor]:
            if step == 6:
                raise InvalidRequest("shard_00003.safetensors: is damaged")
            return super().loss(step)

    with pytest.raises(InvalidRequest, match="is damaged"):
        trained(tmp_path / "a", objective=Damaged())
    assert (tmp_path / "a" / "step_00000006.pt").is_file()
    assert weights(trained(tmp_path / "a")) == weights(trained(tmp_path / "b"))

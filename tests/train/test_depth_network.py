"""The depth network learns rooms, by steps that know only their number, and is read by the generator's estimator."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from lyra_backend.errors import Cancelled, InvalidRequest
from lyra_backend.generate._lyra.depth import check_estimator, load_estimator
from lyra_backend.progress import CancelToken, Progress
from lyra_backend.train import depth_network
from lyra_backend.train.depth_network import (
    MAX_DEPTH,
    DepthObjective,
    depth_errors,
    make_depth_network,
    predicted_depth,
    room_pictures,
    save_depth_network,
)

SMALL = {"width": 32, "layers": 4}


@pytest.fixture(scope="module")
def pictures() -> tuple[np.ndarray, np.ndarray]:
    return room_pictures(range(4), 3, Progress())


def test_the_network_is_small_and_the_same_for_a_seed() -> None:
    network = make_depth_network(3)
    assert sum(p.numel() for p in network.parameters()) < 2.5e6
    before = torch.random.get_rng_state()
    again = make_depth_network(3)
    assert torch.equal(before, torch.random.get_rng_state())
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), again.parameters(), strict=True))


def test_every_trained_weight_gets_a_gradient(pictures: tuple[np.ndarray, np.ndarray]) -> None:
    network = make_depth_network(0, **SMALL)
    DepthObjective(network, *pictures, batch=2).loss(0)["loss"].backward()
    missing = [name for name, p in network.named_parameters() if p.requires_grad and p.grad is None]
    assert missing == []


def test_a_step_depends_on_its_number_and_the_seed_alone(pictures: tuple[np.ndarray, np.ndarray]) -> None:
    network = make_depth_network(0, **SMALL).eval()
    first, other = (DepthObjective(network, *pictures, batch=3, seed=seed) for seed in (5, 6))
    with torch.no_grad():
        forwards = [first.loss(step)["loss"].item() for step in range(4)]
        backwards = [first.loss(step)["loss"].item() for step in reversed(range(4))]
        assert forwards == backwards[::-1]
        assert len(set(forwards)) == 4
        assert other.loss(0)["loss"].item() != forwards[0]


def test_the_loss_knows_factors_from_shapes(pictures: tuple[np.ndarray, np.ndarray]) -> None:
    class Told(torch.nn.Module):
        """Gives the true depth of a step, times a factor."""

        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.ones(1))
            self.depth = torch.ones(1)

        def forward(self, pixel_values: torch.Tensor) -> object:
            return type("Found", (), {"predicted_depth": self.weight * self.depth})

    told = Told()
    objective = DepthObjective(told, *pictures, batch=2)
    for factor, wanted in ((1.0, 0.0), (1.1, np.log(1.1))):
        told.depth = factor * objective._drawn(np.random.default_rng([0, 8_202, 7]))[1]
        terms = objective.loss(7)
        assert terms["log_depth"].item() == pytest.approx(wanted, abs=1e-6)
        assert terms["shape"].item() == pytest.approx(0.0, abs=1e-6)
        assert terms["gradients"].item() == pytest.approx(0.0, abs=1e-6)
        assert terms["loss"].item() == pytest.approx(wanted, abs=1e-6)


def test_errors_of_depth_are_those_of_a_scale_and_of_a_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    z = np.ones((3, 8, 8), np.float32) * np.array([1, 2, 4], np.float32)[:, None, None]
    z[:, :, 4:] *= 1.5
    found = 1.2 * z
    monkeypatch.setattr(depth_network, "predicted_depth", lambda network, frames: found)
    errors = depth_errors(torch.nn.Identity(), np.zeros((3, 8, 8, 3), np.uint8), z)
    assert errors.relative == pytest.approx(0.2, abs=1e-6)
    assert errors.scaled == pytest.approx(0.0, abs=1e-6)
    assert errors.average == pytest.approx(0.5)  # the middle one of the three rooms: 100, 0 and 50 % off
    assert errors.average_scaled == pytest.approx(0.0, abs=1e-6)


def test_unknown_depth_counts_for_nothing(pictures: tuple[np.ndarray, np.ndarray]) -> None:
    frames, z = pictures
    network = make_depth_network(0, **SMALL).eval()
    hidden = np.where(np.arange(96) < 40, 0.0, z).astype(np.float32)
    objective = DepthObjective(network, frames, hidden, batch=2)
    drawn_frames, drawn_z = objective._drawn(np.random.default_rng([0, 8_202, 0]))
    with torch.no_grad():
        found = network(pixel_values=(drawn_frames - 0.5) / 0.25).predicted_depth
        terms = objective.loss(0)
    known = drawn_z > 0
    assert 0 < known.float().mean() < 0.7
    assert terms["log_depth"].item() == pytest.approx(
        (found.log() - drawn_z.log())[known].abs().mean().item(), rel=1e-4
    )


def test_it_learns_what_it_is_shown(pictures: tuple[np.ndarray, np.ndarray]) -> None:
    network = make_depth_network(0, **SMALL)
    objective = DepthObjective(network, *pictures, batch=4)
    before = depth_errors(network, *pictures)
    optimiser = torch.optim.AdamW(network.parameters(), lr=3e-3)
    for step in range(30):
        optimiser.zero_grad()
        objective.loss(step)["loss"].backward()
        optimiser.step()
    after = depth_errors(network, *pictures)
    # everything is at the middle at first, so that only what is nearer and what is farther is to be learned
    assert after.scaled < 0.9 * before.scaled
    assert after.average == before.average > 0.01
    assert network.training


def test_what_is_saved_is_read_as_a_metric_estimator(tmp_path: Path, pictures: tuple[np.ndarray, np.ndarray]) -> None:
    network = make_depth_network(1, **SMALL)
    save_depth_network(network, tmp_path)
    check_estimator("transformers", tmp_path)
    frames = pictures[0]
    found = load_estimator("transformers", tmp_path, "cpu")(frames[0])
    assert found.is_metric
    assert found.z.shape == (64, 96)
    assert 0 < found.z.min() <= found.z.max() < MAX_DEPTH
    assert found.z == pytest.approx(predicted_depth(network, frames[:1])[0], abs=1e-4)


def test_pictures_are_those_of_their_seeds_and_can_be_cancelled(pictures: tuple[np.ndarray, np.ndarray]) -> None:
    frames, z = room_pictures([2], 3, Progress())
    assert np.array_equal(frames, pictures[0][6:9])
    assert np.array_equal(z, pictures[1][6:9])
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        room_pictures(range(3), 1, Progress(token=token))


def test_what_cannot_be_learned_from_is_refused(pictures: tuple[np.ndarray, np.ndarray]) -> None:
    frames, z = pictures
    network = make_depth_network(0, **SMALL)
    with pytest.raises(InvalidRequest, match="multiples of 8"):
        DepthObjective(network, frames[:, :60], z[:, :60])
    with pytest.raises(InvalidRequest, match="batch of 0"):
        DepthObjective(network, frames, z, batch=0)
    with pytest.raises(InvalidRequest, match="multiple of 32"):
        make_depth_network(0, width=48)

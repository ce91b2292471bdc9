"""Launches over several cores give what one launch gives."""

import numpy as np
import pytest
import warp as wp

from lyra_backend.kernels import cores


@wp.kernel
def _square(first: int, values: wp.array(dtype=float), squares: wp.array(dtype=float)) -> None:
    i = first + wp.tid()
    squares[i] = values[i] * values[i]


@pytest.mark.parametrize("count", [0, 1, 1_999, 4_001, 30_000])
@pytest.mark.parametrize("core_count", [1, 3, 4])
def test_every_item_is_visited_once(count: int, core_count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(cores.os, "cpu_count", lambda: core_count)
    values = np.random.default_rng(0).normal(size=count).astype(np.float32)
    squares = wp.zeros(count, dtype=float, device="cpu")
    given = wp.array(values, dtype=float, device="cpu")
    cores.launch_in_parts(_square, count, [given], [squares], wp.get_device("cpu"))
    assert np.array_equal(squares.numpy(), values * values)


def test_a_share_of_the_machine_is_kept_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cores.os, "cpu_count", lambda: 64)
    found = []
    for words in ("", "2", "64", "0", "many"):
        monkeypatch.setenv("OMP_NUM_THREADS", words)
        found.append(cores.core_count(wp.get_device("cpu")))
    assert found == [4, 2, 4, 4, 4]

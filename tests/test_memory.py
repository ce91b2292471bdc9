"""What memory is told to be available."""

from __future__ import annotations

from pathlib import Path

import pytest

from lyra_backend import memory
from lyra_backend.memory import available_memory_bytes

STAT = "anon 100\ninactive_file 3000\nactive_file 200\nslab 7"


@pytest.fixture
def system(tmp_path, monkeypatch) -> Path:
    """A system of which the kernel says that 5 MiB are available."""
    monkeypatch.setattr(memory, "_MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(memory, "_CGROUP", tmp_path)
    (tmp_path / "meminfo").write_text("MemTotal:       9000 kB\nMemAvailable:   5120 kB\nHugePages_Total:   0\n")
    return tmp_path


def contain(system: Path, limit: str, used: int) -> None:
    for name, text in {"memory.max": limit, "memory.current": str(used), "memory.stat": STAT}.items():
        (system / name).write_text(f"{text}\n")


def test_the_kernel_says(system) -> None:
    assert available_memory_bytes() == 5 * 2**20


@pytest.mark.parametrize(
    ("limit", "available"), [("1000000", 1_000_000 - 600_000 + 3200), ("9000000", 5 * 2**20), ("1", 0)]
)
def test_a_container_has_what_is_left_to_it(system, limit: str, available: int) -> None:
    """Files that are cached are given up for others."""
    contain(system, limit, 600_000)
    assert available_memory_bytes() == available


def test_a_container_without_a_limit(system) -> None:
    contain(system, "max", 600_000)
    assert available_memory_bytes() == 5 * 2**20


def test_other_systems_do_not_say(system) -> None:
    (system / "meminfo").write_text("MemTotal: 9000 kB\n")
    assert available_memory_bytes() is None
    (system / "meminfo").unlink()
    assert available_memory_bytes() is None

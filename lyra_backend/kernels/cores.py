"""Launches that use several processor cores: Warp itself runs a kernel on the CPU on the calling thread."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import warp as wp

__all__ = ["core_count", "launch_in_parts"]

_MOST_CORES = 4
#: Fewer items than this are not worth a thread.
_PART = 2_000


def core_count(device: wp.Device) -> int:
    """Return how many threads may launch at a time: one for a GPU, which needs no help.

    OMP_NUM_THREADS bounds them, as it does those of other libraries: workers of one machine are given a share each.
    """
    if not device.is_cpu:
        return 1
    given = os.environ.get("OMP_NUM_THREADS", "")
    return min(int(given) if given.isdigit() and int(given) else os.cpu_count() or 1, _MOST_CORES)


def launch_in_parts(
    kernel: wp.Kernel, count: int, inputs: Sequence[Any], outputs: Sequence[Any], device: wp.Device
) -> None:
    """Launch a kernel over `count` items, contiguous parts of them at a time.

    The kernel's first input is the number of a part's first item, to which it adds its thread's; the `inputs` follow.
    Items must not depend on each other, so that the number of cores changes nothing.
    """
    cores = core_count(device)
    parts = max(1, min(cores, count // _PART))
    bounds = [count * k // parts for k in range(parts + 1)]

    def launch(part: tuple[int, int]) -> None:
        first, end = part
        wp.launch(kernel, end - first, [first, *inputs], list(outputs), device=device)

    if parts == 1:
        return launch((0, count))
    # Loading is not for several threads; a launch runs without Python's lock.
    wp.load_module(kernel.module, device=device)
    with ThreadPoolExecutor(parts) as pool:
        list(pool.map(launch, pairwise(bounds)))

"""Union-find on the device: sets of integers, each named by its smallest member.

Atomic hooking after Jaiganesh and Burtscher, "A high-performance connected components implementation for GPUs" (2018).
The smaller index always becomes the root, so names do not depend on the order of threads.
"""

import warp as wp

__all__ = ["flatten", "root", "unite"]

wp.set_module_options({"enable_backward": False})


@wp.func
def root(parent: wp.array(dtype=int), node: int) -> int:
    """Name of the set of `node`; shortens the path to it on the way."""
    at = int(node)
    up = parent[at]
    while up != at:
        next_up = parent[up]
        parent[at] = next_up
        at = up
        up = next_up
    return at


@wp.func
def unite(parent: wp.array(dtype=int), one: int, two: int) -> None:
    """Join the sets of two nodes."""
    a = root(parent, one)
    b = root(parent, two)
    while a != b:
        high = wp.max(a, b)
        low = wp.min(a, b)
        before = wp.atomic_cas(parent, high, high, low)
        if before == high:
            a = low
            b = low
        else:
            a = root(parent, before)
            b = root(parent, low)


@wp.kernel
def flatten(
    # in
    parent: wp.array(dtype=int),
    # out
    labels: wp.array(dtype=int),
) -> None:
    """Write the name of every node's set; `labels` is another array than `parent`."""
    labels[wp.tid()] = root(parent, wp.tid())

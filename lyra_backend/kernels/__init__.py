"""Warp kernels: arrays in, arrays out, one algorithm a file, the same on CPU and CUDA.

Does: the heavy arithmetic. Does not: know files, scenes or any other part of this package.
"""

import warp as wp

# Warp announces itself and every module it loads on stdout, which belongs to our callers' JSON.
wp.config.log_level = max(wp.config.log_level, wp.LOG_WARNING)


def describe_device() -> str:
    """Return the name and memory of the device that kernels run on by default."""
    device = wp.get_preferred_device()
    if not device.is_cuda:
        return "CPU (no CUDA device found; everything works, more slowly)"
    return f"{device.alias}: {device.name}, {device.total_memory / 2**30:.0f} GiB"

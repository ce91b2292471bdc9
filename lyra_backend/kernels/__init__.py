"""Warp kernels: arrays in, arrays out, one algorithm a file, the same on CPU and CUDA.

Does: the heavy arithmetic. Does not: know files, scenes or any other part of this package.
"""

import warp as wp

# Warp announces itself and every module it loads on stdout, which belongs to our callers' JSON.
wp.config.log_level = max(wp.config.log_level, wp.LOG_WARNING)


def describe_devices() -> list[str]:
    """Return name and memory of every device; kernels run on the first one by default."""
    devices = sorted(wp.get_devices(), key=lambda device: device != wp.get_preferred_device())
    return [
        f"{device.alias}: {device.name}, {device.total_memory / 2**30:.0f} GiB"
        if device.is_cuda
        else "CPU (everything works, more slowly than with CUDA)"
        for device in devices
    ]

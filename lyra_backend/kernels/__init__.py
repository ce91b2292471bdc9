"""Warp kernels: arrays in, arrays out, one algorithm a file, the same on CPU and CUDA.

Does: the heavy arithmetic. Does not: know files, scenes or any other part of this package.
"""

import os
import tempfile

import warp as wp

# Warp announces itself and every module it loads on stdout, which belongs to our callers' JSON.
wp.config.log_level = max(wp.config.log_level, wp.LOG_WARNING)
#: What Warp says where there is no NVIDIA driver, on the standard error of C and whatever its level of talk.
_NO_DRIVER = b"Could not find or load the NVIDIA CUDA driver"


def _start() -> None:
    """Start Warp without a word of a driver that is not there, which is no news; all else that it says is passed on.

    `lyra-scenegen doctor` tells which devices there are.
    """
    try:
        usual = os.dup(2)
    except OSError:  # a program without standard error
        wp.init()
        return
    with tempfile.TemporaryFile() as said:
        os.dup2(said.fileno(), 2)
        try:
            wp.init()
        finally:
            os.dup2(usual, 2)
            os.close(usual)
            said.seek(0)
            for line in said:
                if _NO_DRIVER not in line:
                    os.write(2, line)


_start()


def describe_devices() -> list[str]:
    """Return name and memory of every device; kernels run on the first one by default."""
    devices = sorted(wp.get_devices(), key=lambda device: device != wp.get_preferred_device())
    return [
        f"{device.alias}: {device.name}, {device.total_memory / 2**30:.0f} GiB"
        if device.is_cuda
        else "CPU (everything works, more slowly than with CUDA)"
        for device in devices
    ]
